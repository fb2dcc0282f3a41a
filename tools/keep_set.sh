#!/usr/bin/env bash
# Keeps a set that tools/make_sets.sh made: its items, packed, and the hashes that say whether a set made again is this one.
#
#   tools/keep_set.sh skills-test   # sets/skills-test/ -> sets/skills-test.items.jsonl.xz, sets/skills-test.sha256
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
for name in "$@"; do
  if [[ ! -f sets/$name/items.jsonl ]]; then
    echo "keep_set: sets/$name/items.jsonl is missing; what to do: tools/make_sets.sh $name" >&2
    exit 1
  fi
  xz -9 -e --stdout "sets/$name/items.jsonl" > "sets/$name.items.jsonl.xz"
  (cd "sets/$name" && sha256sum items.jsonl records.jsonl) > "sets/$name.sha256"
done
