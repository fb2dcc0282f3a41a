#!/usr/bin/env bash
# Makes one of the project's own sets of questions: scenes, music and speech from the sound bank and the word
# bank, then the questions about them (docs/data-factory.md). The same bytes whenever it runs.
#
#   tools/make_sets.sh skills-train|skills-val|skills-test|long-train|long-val|long-test [--audio]
#
# into sets/NAME; with --audio the sounds too, else records and questions alone. A rerun goes on.
#
# Environment:
#   AF2          the program (build/release/af2)
#   BANK, WORDS  the sound bank and the word bank (bank, words)
#   SETS         where sets are put (sets)
#   THREADS      of each step (2)
#   SCALE        share of the usual number of clips, for trying (1)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

af2=${AF2:-build/release/af2} bank=${BANK:-bank} words=${WORDS:-words} threads=${THREADS:-2} scale=${SCALE:-1}
name=${1:?a set is missing: skills-train, skills-val, skills-test, long-train, long-val or long-test}
labels_only=--labels-only
[[ ${2:-} == --audio ]] && labels_only=
out=${SETS:-sets}/$name kind=${name%-*} split=${name#*-}
case $kind in skills | long) ;; *) echo "make_sets: $name: no such kind of set" >&2; exit 2 ;; esac
# Seeds of their own: what is drawn for one split says nothing about another. Voices of music differ too.
case $split in
  train) seed=101 size=1 font=FluidR3_GM.sf2 held_out= ;;
  val) seed=102 size=0.08 font=FluidR3_GM.sf2 held_out=--held-out-wordings ;;
  test) seed=103 size=0.15 font=TimGM6mb.sf2 held_out=--held-out-wordings ;;
  *) echo "make_sets: $name: the split is train, val or test" >&2; exit 2 ;;
esac
font=/usr/share/sounds/sf2/$font

clips() { awk -v n="$1" -v size="$size" -v scale="$scale" 'BEGIN { n = n * size * scale; print int(n) < 4 ? 4 : int(n) }'; }
records=()
scenes() {  # NAME CLIPS FLAGS...
  local folder=$out/clips/$1 n
  n=$(clips "$2")
  shift 2
  "$af2" data scenes --bank "$bank" --words "$words" --split "$split" --seed "$seed" --n "$n" --threads "$threads" \
    $labels_only --out "$folder" "$@"
  records+=(--records "$folder")
}
music() {  # NAME CLIPS FLAGS...
  local folder=$out/clips/$1 n
  n=$(clips "$2")
  shift 2
  "$af2" data music --seed "$seed" --n "$n" --threads "$threads" --soundfont "$font" $labels_only --out "$folder" "$@"
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
else
  scenes journeys 800 --recipe all-long
  case $split in train) per_skill=1000 ;; val) per_skill=34 ;; test) per_skill=115 ;; esac
fi
"$af2" data "$kind" "${records[@]}" --settings "recipes/data/$kind.yaml" --split "$split" \
  --seed "$seed" --per-skill "$per_skill" --threads "$threads" $held_out --out "$out"
