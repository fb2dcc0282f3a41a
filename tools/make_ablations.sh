#!/usr/bin/env bash
# The mini's ablations (recipes/ablations/mini.yaml) from the runs of tools/make_mini.sh: the tower and the listeners that some variants begin from, then
# every variant trained and scored, two at a time, and one table in runs/ablations-mini. Resumes where it was stopped.
#
#   tools/make_ablations.sh          # some six hours on two cores, by its parts
#
# Environment: AF2 the program (build/release/af2)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
af2=${AF2:-build/release/af2} runs=runs/ablations-mini-bases plan=recipes/ablations/mini.yaml
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-PASSIVE}
for needed in runs/mini-tower runs/mini-listener; do
  if [[ ! -e $needed/finished.json ]]; then
    echo "make_ablations: $needed has not finished; what to do: tools/make_mini.sh" >&2
    exit 2
  fi
done
for set in plain-train skills-train long-train plain-val skills-val long-val; do
  AF2=$af2 tools/make_sets.sh "$set" --audio
done
mkdir -p "$runs"

# learn BASE NAME KEY: VALUE …: trains recipes/mini/BASE.yaml with other keys into runs/NAME.
learn() {
  local base=$1 name=$2
  shift 2
  printf '%s\n' "base: $root/recipes/mini/$base.yaml" "$@" > "$runs/$name.yaml"
  "$af2" train --config "$runs/$name.yaml" --out "runs/$name" --resume
}
"$af2" train --config recipes/mini/joined.yaml --out runs/mini-joined --resume

# ---- an audio transformer without rotation ----
mkdir -p "$runs/rope-off"
sed -e 's/"rotary": "on"/"rotary": "off"/' -e 's#"\.\./\.\./models/#"../../../models/#' recipes/mini/config.json > "$runs/rope-off/config.json"
learn listener ablation-listener-rope-off "model: $runs/rope-off" "init: runs/mini-tower"
learn joined ablation-joined-rope-off "model: $runs/rope-off" "init: runs/ablation-listener-rope-off"

# ---- a tower of plain contrastive training ----
"$af2" clap-train --config recipes/mini/clap-infonce.yaml --out runs/ablation-clap-infonce --resume
mkdir -p "$runs/clap-infonce"
sed 's#"../lm.gguf"#"../../../models/mini/lm.gguf"#' models/mini/clap/config.json > "$runs/clap-infonce/config.json"
"$af2" export -i runs/ablation-clap-infonce -o "$runs/clap-infonce" --dtype i8
learn tower ablation-tower-infonce "init: $runs/clap-infonce/model.safetensors"
learn listener ablation-listener-infonce "init: runs/ablation-tower-infonce"
learn joined ablation-joined-infonce "init: runs/ablation-listener-infonce"

# ---- the variants: two at a time, with one thread each ----
"$af2" ablate --config "$plan" -o runs/ablations-mini -t 1 --dtype auto --only full,without_longaudio,rope_off,no_listener,no_transformer,every_1 &
first=$!
"$af2" ablate --config "$plan" -o runs/ablations-mini -t 1 --dtype auto --only without_audioskills,one_stage,head,every_3,every_6,clap_infonce
wait "$first"
"$af2" ablate --config "$plan" -o runs/ablations-mini -t 1 --dtype auto
