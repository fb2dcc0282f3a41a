#!/usr/bin/env bash
# Trains the mini model again: sound bank, stem, tower (two runs), adapter (one sound, then all questions), export.
# Resumes where it was stopped.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
af2=build/release/af2
# Spinning threads cost more than they bring wherever anything else runs.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-PASSIVE}
# So do page faults: the allocator of libc gives large blocks back after every step.
for malloc in /usr/lib/*/libtcmalloc_minimal.so.4; do
  if [[ -f $malloc ]]; then export LD_PRELOAD=$malloc; fi
done
if [[ ! -f bank/bank.tsv || ! -f runs/stem.safetensors ]]; then
  .venv/bin/python -m pip install -q --disable-pip-version-check -r tools/training_requirements.txt
fi
[[ -f bank/bank.tsv ]] || .venv/bin/python tools/sound_bank/build.py --out bank
[[ -f runs/stem.safetensors ]] || .venv/bin/python tools/stem/convert.py --out runs/stem.safetensors
"$af2" train --config recipes/mini/tower.yaml --out runs/mini-tower --resume
"$af2" train --config recipes/mini/tower2.yaml --out runs/mini-tower2 --resume
"$af2" train --config recipes/mini/align.yaml --out runs/mini-align --resume
"$af2" train --config recipes/mini/adapter.yaml --out runs/mini-adapter --resume
mkdir -p runs/mini
sed 's#"../../../models#"../../models#' recipes/mini/next/config.json > runs/mini/config.json
"$af2" export -i runs/mini-adapter -o runs/mini --dtype i8
