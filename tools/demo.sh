#!/usr/bin/env bash
# Lets the shipped model answer about one of the recordings in models/mini/examples: a question, the answer as it
# comes, a description, and what was heard in what time.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
af2=$root/build/release/af2
clip=$root/models/mini/examples/${1:-stream.ogg}
[[ -x $af2 ]] || { echo "demo: build/release/af2 is missing: run make build" >&2; exit 1; }
[[ -f $clip ]] || { echo "demo: $clip is missing" >&2; exit 1; }

question='What do you hear?'
printf '\nClip:     %s\n' "${clip#"$root"/}"
printf 'Question: %s\n' "$question"
printf 'Answer:   '
"$af2" ask --stream -p "$question" "$clip"
printf 'Caption:  '
"$af2" caption "$clip"
"$af2" ask --json -p "$question" "$clip" | python3 -c '
import json, sys
line = json.loads(sys.stdin.readline())
audio, timings, usage = line["audio"], line["timings"], line["usage"]
first = timings["encode_ms"] + timings["prefill_ms"]
print(f"Heard:    {audio['"'"'seconds_used'"'"']:.1f} of {audio['"'"'seconds'"'"']:.1f} s; listening {timings['"'"'encode_ms'"'"']:.0f} ms, "
      f"first token after {first:.0f} ms, {usage['"'"'completion_tokens'"'"']} tokens in {timings['"'"'decode_ms'"'"']:.0f} ms more")
'
