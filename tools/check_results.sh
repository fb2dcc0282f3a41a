#!/usr/bin/env bash
# Scores the kept answers of docs/results/mini anew and compares the reports with those that are committed, byte by byte.
#
#   tools/check_results.sh [long_test clap_bank_test ...] [--write]
#
# No model is asked: run.tar.xz holds what the shipped model said, rival.tar.xz what a language model without ears said. Needs the
# program, and the sets or the bank that the answers are about (tools/make_sets.sh NAME --audio); seconds each. --write puts the
# reports in place of the committed ones.
#
# Environment: AF2 the program (build/release/af2), BANK the sound bank (bank), SETS the sets (sets)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
af2=${AF2:-build/release/af2} results=docs/results/mini write= names=()
for word in "$@"; do
  case $word in
    --write) write=1 ;;
    -*) echo "check_results: $word: unknown; what to do: names of results, or --write" >&2; exit 2 ;;
    *) names+=("$word") ;;
  esac
done
if [[ ${#names[@]} == 0 ]]; then
  for kept in "$results"/*/run.tar.xz; do names+=("$(basename "$(dirname "$kept")")"); done
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
differ=0
for name in "${names[@]}"; do
  folder=$results/$name
  root=${SETS:-sets}/${name//_/-} against=()
  [[ $name == clap_bank_* ]] && root=${BANK:-bank}
  for kept in run rival; do
    [[ -f $folder/$kept.tar.xz ]] || continue
    mkdir -p "$scratch/$name/$kept"
    tar -xJf "$folder/$kept.tar.xz" -C "$scratch/$name/$kept"
    "$af2" eval score "$scratch/$name/$kept" "$name" --root "$root" >"$scratch/$name/$kept.txt"
    [[ $kept == rival ]] && against=(--against "$scratch/$name/rival")
  done
  "$af2" eval report "$scratch/$name/run" --no-sounds ${against[@]+"${against[@]}"} \
    --html "$scratch/$name/report.html" --md "$scratch/$name/report.md" >/dev/null
  for page in report.html report.md; do
    [[ $write ]] && cp "$scratch/$name/$page" "$folder/$page"
    if cmp -s "$scratch/$name/$page" "$folder/$page"; then
      echo "$folder/$page: the same"
    else
      echo "$folder/$page: DIFFERS" >&2
      differ=1
    fi
  done
done
exit $differ
