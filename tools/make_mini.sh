#!/usr/bin/env bash
# Trains the shipped model again, from nothing, into runs/mini: sound bank, word bank, stem, AF-CLAP, the sets of questions, then the tower's
# own map, the audio transformer, first names, and the stages of recipes/mini/curriculum.yaml. Resumes where it was stopped.
#
#   tools/make_mini.sh          # hours on two cores; not yet run as a whole (docs/results/mini/training.md has the times of what made the one that ships)
#
# Environment: AF2 the program (build/release/af2), LEVELS the largest whole number of the written weights (15), NEXT 1: go on to the version
# that comes next (recipes/mini/README.md)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
af2=${AF2:-build/release/af2} levels=${LEVELS:-15} model=runs/mini
# Spinning threads cost more than they bring wherever anything else runs.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-PASSIVE}

# ---- what is heard and asked about ----
if [[ ! -f bank/bank.tsv || ! -f runs/stem.safetensors ]]; then
  .venv/bin/python -m pip install -q --disable-pip-version-check -r tools/training_requirements.txt
fi
[[ -f bank/bank.tsv ]] || .venv/bin/python tools/sound_bank/build.py --out bank
[[ -f words/words.tsv ]] || tools/make_words.sh
[[ -f runs/stem.safetensors ]] || .venv/bin/python tools/stem/convert.py --out runs/stem.safetensors
for set in plain-train skills-train long-train plain-val skills-val $([[ ${NEXT:-} != 1 ]] || echo sentences-train); do
  AF2=$af2 tools/make_sets.sh "$set" --audio
done

# ---- AF-CLAP, whose audio side is the tower ----
mkdir -p "$model/clap"
sed 's#"../lm.gguf"#"../../../models/mini/lm.gguf"#' models/mini/clap/config.json > "$model/clap/config.json"
"$af2" clap-train --config recipes/mini/clap.yaml --out runs/mini-clap --resume
"$af2" export -i runs/mini-clap -o "$model/clap" --dtype i8

# ---- the model around it ----
for recipe in tower listener naming; do
  "$af2" train --config "recipes/mini/$recipe.yaml" --out "runs/mini-$recipe" --resume
done
# A model folder of a curriculum's last stage.
write_model() {  # RUN FOLDER
  sed 's#"lm.gguf"#"../../models/mini/lm.gguf"#' models/mini/config.json > "$2/config.json"
  "$af2" export -i "$1/stage-3" -o "$2" --dtype i8 --levels "$levels" --keep-pairs
}
"$af2" train --config recipes/mini/curriculum.yaml --out runs/mini-curriculum --stage all --resume
trained=(runs/mini-clap runs/mini-{tower,listener,naming} runs/mini-curriculum)
if [[ ${NEXT:-} == 1 ]]; then  # once more, from a listener across windows
  mkdir -p runs/mini-first
  ln -sfn ../mini/clap runs/mini-first/clap
  write_model runs/mini-curriculum runs/mini-first
  "$af2" train --config recipes/mini/listener-long.yaml --out runs/mini-listener-long --resume
  "$af2" train --config recipes/mini/curriculum-long.yaml --out runs/mini-curriculum-long --stage all --resume
  trained+=(runs/mini-listener-long runs/mini-curriculum-long)
fi
write_model "${trained[-1]}" "$model"
.venv/bin/python tools/training_table.py "${trained[@]}" > "$model/training.md"
