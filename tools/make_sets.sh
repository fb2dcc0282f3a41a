#!/usr/bin/env bash
# Makes one of the project's own sets of questions: scenes, music and speech from the sound bank and the word
# bank, then the questions about them (docs/data-factory.md). The same bytes whenever it runs.
#
#   tools/make_sets.sh plain-train|plain-val|plain-test|skills-train|skills-val|skills-test|long-train|long-val|long-test|
#                      hours-val|hours-test|sentences-train|all [--audio]
#
# into sets/NAME; with --audio the sounds too, else records and questions alone. A rerun goes on. The end says
# whether the set is the one that sets/NAME.sha256 names.
#
# Environment:
#   AF2          the program (build/release/af2)
#   BANK, WORDS  the sound bank and the word bank (bank, words)
#   SETS         where sets are put (sets)
#   THREADS      of each step (2)
#   SOUND_OF     items whose clips get their sound with --audio (all of the set's); the set itself stays as it is
#   STEMS        1: with --audio, each event of a scene alone, too
#   SCALE        share of the usual number of clips, for trying (1)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

af2=${AF2:-build/release/af2} bank=${BANK:-bank} words=${WORDS:-words} threads=${THREADS:-2} scale=${SCALE:-1}
name=${1:?a set is missing: plain-train, plain-val, plain-test, skills-train, skills-val, skills-test, long-train, sentences-train ..., or all of them: all}
if [[ ! -f $bank/bank.tsv ]]; then
  .venv/bin/python -m pip install -q --disable-pip-version-check -r tools/training_requirements.txt
  .venv/bin/python tools/sound_bank/build.py --out "$bank"
fi
if [[ $name == all ]]; then
  for one in {plain,skills,long,hours}-{val,test} {plain,skills,long,sentences}-train; do "$0" "$one" "${@:2}"; done
  exit
fi
sound=
case ${2:-} in
  "") ;;
  --audio) sound=1 ;;
  *) echo "make_sets: $2: unknown; what to do: --audio, or nothing" >&2; exit 2 ;;
esac
out=${SETS:-sets}/$name kind=${name%-*} split=${name#*-}
case $kind in plain | skills | long | hours | sentences) ;; *) echo "make_sets: $name: no such kind of set" >&2; exit 2 ;; esac
# `size` is a share of the numbers of clips below. Seeds of their own: what is drawn for one split says nothing
# about another. Voices of music differ too.
case $split in
  train) seed=101 size=0.5 font=FluidR3_GM.sf2 held_out= ;;
  val) seed=102 size=0.08 font=FluidR3_GM.sf2 held_out=--held-out-wordings ;;
  test) seed=103 size=0.15 font=TimGM6mb.sf2 held_out=--held-out-wordings ;;
  *) echo "make_sets: $name: the split is train, val or test" >&2; exit 2 ;;
esac
case $font in
  Fluid*) licence=MIT by="Frank Wen and others (FluidR3)" ;;
  *) licence=GPL-2 by="Tim Brechbill, David Bolton (TimGM6mb)" ;;
esac
font=/usr/share/sounds/sf2/$font

clips() { awk -v n="$1" -v size="$size" -v scale="$scale" 'BEGIN { n = n * size * scale; print int(n) < 4 ? 4 : int(n) }'; }
# Records alone; with --audio, sounds come later, of those clips that are asked about.
make() {  # VERB FLAGS...
  "$af2" data "$1" --labels-only "${@:2}"
  local stems=()
  [[ ${STEMS:-} == 1 && $1 == scenes ]] && stems=(--stems)
  sounds+=("$(printf '%q ' "$af2" data "$@" ${stems[@]+"${stems[@]}"} --sound-of "${SOUND_OF:-$out/items.jsonl}")")
}
records=()
sounds=()
scenes() {  # NAME CLIPS FLAGS...
  local folder=$out/clips/$1 n
  n=$(clips "$2")
  shift 2
  make scenes --bank "$bank" --words "$words" --split "$split" --seed "$seed" --n "$n" --threads "$threads" \
    --out "$folder" "$@"
  records+=(--records "$folder")
}
music() {  # NAME CLIPS FLAGS...
  local folder=$out/clips/$1 n
  n=$(clips "$2")
  shift 2
  make music --seed "$seed" --n "$n" --threads "$threads" --soundfont "$font" --licence "$licence" --attribution "$by" \
    --out "$folder" "$@"
  records+=(--records "$folder")
}

if [[ $kind == skills ]]; then
  scenes short 6000 --spec recipes/data/short.yaml
  scenes counting 2400 --spec recipes/data/counting.yaml
  scenes counting-among 2400 --spec recipes/data/counting_among.yaml
  scenes stories 6000 --recipe all
  scenes speech 6000 --recipe situations
  music music 3000
  case $split in train) per_skill=9500 ;; val) per_skill=115 ;; test) per_skill=345 ;; esac
elif [[ $kind == plain ]]; then
  scenes one 4000 --spec recipes/data/plain_one.yaml
  scenes few 6000 --spec recipes/data/plain_few.yaml
  scenes count 6000 --spec recipes/data/plain_count.yaml
  scenes three 6000 --spec recipes/data/plain_three.yaml
  case $split in train) per_skill=6000 ;; val) per_skill=120 ;; test) per_skill=450 ;; esac
elif [[ $kind == sentences ]]; then  # clips of their own, none of plain-train's
  seed=$((seed + 10))
  scenes one 1000 --spec recipes/data/plain_one.yaml
  scenes few 3000 --spec recipes/data/plain_few.yaml
  scenes three 3000 --spec recipes/data/plain_three.yaml
  scenes short 2000 --spec recipes/data/short.yaml
  case $split in train) per_skill=3500 ;; val) per_skill=60 ;; test) per_skill=200 ;; esac
elif [[ $kind == long ]]; then
  scenes journeys 1200 --recipe all-long
  case $split in train) per_skill=1000 ;; val) per_skill=34 ;; test) per_skill=115 ;; esac
else  # 10 minutes to an hour: two to seven parts
  for minutes in 5 6 8; do scenes "parts-of-$minutes-minutes" 60 --recipe all-long --part-seconds $((minutes * 60)); done
  case $split in val) per_skill=3 ;; *) per_skill=12 ;; esac
fi
rules=$kind
[[ $kind == hours ]] && rules=long
[[ $kind == plain || $kind == sentences ]] && rules=skills
[[ -n ${SOUND_OF:-} ]] || "$af2" data "$rules" "${records[@]}" --settings "recipes/data/$kind.yaml" --split "$split" \
  --seed "$seed" --per-skill "$per_skill" --threads "$threads" $held_out --out "$out"
if [[ -n $sound ]]; then
  for command in "${sounds[@]}"; do eval "$command"; done
fi

if [[ -f sets/$name.sha256 && $scale == 1 ]]; then
  (cd "$out" && sha256sum --check --quiet) < "sets/$name.sha256" && echo "make_sets: $name: the set that is kept in sets"
fi
