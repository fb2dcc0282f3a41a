#!/usr/bin/env bash
# Trains the mini model again: sound bank, stem, then the recipes in recipes/mini one after the other, export into
# runs/mini. Resumes where it was stopped.
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
for recipe in tower tower2 align adapter0 listener listener2 adapter adapter2 adapter3; do
  "$af2" train --config "recipes/mini/$recipe.yaml" --out "runs/mini-$recipe" --resume
done
mkdir -p runs/mini
sed 's#"lm.gguf"#"../../models/mini/lm.gguf"#' models/mini/config.json > runs/mini/config.json
"$af2" export -i runs/mini-adapter3 -o runs/mini --dtype i8
