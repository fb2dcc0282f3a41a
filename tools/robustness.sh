#!/usr/bin/env bash
# What a model loses on worse sounds: asks it a benchmark of the project's own about its clips as they are, as mp3 of 64 kbit/s, at 8 kHz, with
# white noise 10 dB below the clip, and at half level (tools/degrade_set.py), and prints a row of a table for each.
#
#   tools/robustness.sh models/mini plain_test [mp3 8khz noise half]
#
# Sounds and runs stay in runs/robustness; a rerun goes on. Difference and 95 % interval are of the same items, by clip.
#
# Environment: AF2 the program (build/release/af2), SETS the sets (sets)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
af2=${AF2:-build/release/af2} model=${1:?a model is missing} benchmark=${2:?a benchmark is missing: plain_test}
shift 2
[[ $# == 0 ]] && set -- mp3 8khz noise half
set_folder=${SETS:-sets}/${benchmark//_/-} out=runs/robustness
if [[ ! -f $set_folder/items.jsonl ]]; then
  echo "robustness: no $set_folder/items.jsonl; what to do: tools/make_sets.sh ${benchmark//_/-} --audio" >&2
  exit 2
fi
ask() {  # ROOT RUN
  "$af2" eval run "$benchmark" --root "$1" -m "$model" --likeliest --baselines none -b 16 --dtype auto -o "$2" >/dev/null
  "$af2" eval score "$2" "$benchmark" --root "$1" | awk '$1 == "accuracy" { print $3 " %"; exit }'
}
echo "| sounds | right | difference |"
echo "| --- | ---: | --- |"
echo "| as they are | $(ask "$set_folder" "$out/$benchmark") | |"
for condition in "$@"; do
  folder=$out/${benchmark//_/-}-$condition run=$out/$benchmark-$condition
  [[ -f $folder/items.jsonl ]] || python3 tools/degrade_set.py "$set_folder" "$condition" --out "$folder" >&2
  right=$(ask "$folder" "$run")
  difference=$("$af2" eval compare --other-data "$out/$benchmark" "$run" | sed -n 's/.*b - a \(.*\) points$/\1/p')
  echo "| $condition | $right | $difference |"
done
