#!/usr/bin/env bash
# Trains the mini model again: sound bank, stem, then the recipes in recipes/mini one after the other, export into
# runs/mini. Resumes where it was stopped.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
af2=build/release/af2
# Spinning threads cost more than they bring wherever anything else runs.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-PASSIVE}
if [[ ! -f bank/bank.tsv || ! -f runs/stem.safetensors ]]; then
  .venv/bin/python -m pip install -q --disable-pip-version-check -r tools/training_requirements.txt
fi
[[ -f bank/bank.tsv ]] || .venv/bin/python tools/sound_bank/build.py --out bank
[[ -f runs/stem.safetensors ]] || .venv/bin/python tools/stem/convert.py --out runs/stem.safetensors
train() { "$af2" train --config "recipes/mini/$1.yaml" --out "runs/mini-$1" --resume; }

# write_folder FOLDER TYPE RUN...: a model folder with the run's weights, of several the mean.
write_folder() {
  local folder=$1 type=$2
  shift 2
  mkdir -p "$folder"
  sed 's#"lm.gguf"#"../../models/mini/lm.gguf"#' models/mini/config.json > "$folder/config.json"
  "$af2" export "${@/#/--in=runs/mini-}" -o "$folder" --dtype "$type"
}

for recipe in tower tower2 align adapter0 listener listener2 adapter adapter2 adapter3 adapter4; do
  train "$recipe"
done
write_folder runs/mini-mean f32 adapter3 adapter4
train adapter5
write_folder runs/mini i8 adapter5

"$af2" clap-train --config recipes/mini/clap.yaml --out runs/mini-clap --resume
mkdir -p runs/mini/clap
sed 's#"../lm.gguf"#"../../../models/mini/lm.gguf"#' models/mini/clap/config.json > runs/mini/clap/config.json
"$af2" export -i runs/mini-clap -o runs/mini/clap --dtype i8
