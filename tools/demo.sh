#!/usr/bin/env bash
# Lets the shipped model answer about one of the recordings in models/mini/examples: a question, the answer as it
# comes, a description, and what was heard in what time. Then the same about five minutes that are rendered on the spot from these
# recordings, whose events are found in time and drawn beside those that were put there.
#
#   tools/demo.sh [CLIP]        # a file of models/mini/examples; stream.ogg
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
af2=$root/build/release/af2
examples=$root/models/mini/examples
clip=$examples/${1:-stream.ogg}
[[ -x $af2 ]] || { echo "demo: build/release/af2 is missing: run make build" >&2; exit 1; }
[[ -f $clip ]] || { echo "demo: $clip is missing" >&2; exit 1; }

told() {  # what an answer's line of JSON says about time
  python3 -c '
import json, sys
line = json.loads(sys.stdin.readline())
audio, timings = line["audio"], line["timings"]
print("Heard:    {:.1f} of {:.1f} s; listening {:.0f} ms, first token after {:.0f} ms, {} tokens in {:.0f} ms more".format(
    audio["seconds_used"], audio["seconds"], timings["encode_ms"], timings["encode_ms"] + timings["prefill_ms"],
    line["usage"]["completion_tokens"], timings["decode_ms"]))
'
}

question='What do you hear?'
printf '\nClip:     %s\n' "${clip#"$root"/}"
printf 'Question: %s\n' "$question"
printf 'Answer:   '
"$af2" ask --stream -p "$question" "$clip"
printf 'Caption:  '
"$af2" caption "$clip"
"$af2" ask --json -p "$question" "$clip" | told

# ---- five minutes, made here ----
work=$root/build/demo
rm -rf "$work" && mkdir -p "$work/sounds"
declare -A name=([bell]='a bell ringing' [coins]='coins' [crow]='a crow cawing' [footsteps]='footsteps' [helicopter]='a helicopter'
                 [piano]='a piano' [speech]='a man speaking' [stream]='a stream')
for key in "${!name[@]}"; do mkdir "$work/sounds/${name[$key]}" && cp "$examples/$key.ogg" "$work/sounds/${name[$key]}/"; done
"$af2" -q data scenes --spec "$root/recipes/data/demo.yaml" --foreground "$work/sounds" -n 1 --seed 5 --out "$work/scene" > "$work/log"
scene=$work/scene/audio/000000.wav
question='Which of these do you hear?' choices='a crow cawing|a dog barking|a violin playing|an explosion'
printf '\nClip:     %s, five minutes with twenty sounds of the examples over soft noise\n' "${scene#"$root"/}"
printf 'Question: %s %s\n' "$question" "${choices//|/, }"
"$af2" ask --json -p "$question" --choices "$choices" "$scene" > "$work/answer.jsonl"
head -1 "$work/answer.jsonl" | python3 -c 'import json, sys; print("Answer:   " + json.loads(sys.stdin.readline())["text"])'
head -1 "$work/answer.jsonl" | told
began=$SECONDS
labels=$(IFS=,; echo "${name[*]}")
"$af2" events --labels "$labels" --hop 0.5 --format tsv --svg "$work/timeline.svg" -o "$work/events.tsv" "$scene"
python3 - "$work/scene/events.tsv" "$work/events.tsv" <<'PY'
import csv, sys

def events(path):
    with open(path) as file:
        return [(float(r["onset"]), float(r["offset"]), r["event_label"]) for r in csv.DictReader(file, delimiter="\t")]

put, found = events(sys.argv[1]), events(sys.argv[2])
print("\nPut there                      Found at that time (af2 events, by AF-CLAP)")
for onset, offset, label in put:
    there = [name for a, b, name in found if a < offset and b > onset]
    print(f"{onset:6.1f} - {offset:5.1f} s {label:15} {', '.join(dict.fromkeys(there)) or '-'}")
right = sum(any(name == label and a < offset and b > onset for a, b, name in found) for onset, offset, label in put)
print(f"{right} of {len(put)} are found under their name; {len(found)} were found in all.")
PY
printf 'Picture:  %s (%d s to find them)\n' "${work#"$root"/}/timeline.svg" $((SECONDS - began))
