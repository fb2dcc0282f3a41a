#!/usr/bin/env bash
# Builds the word bank of speech scenes into words/ and checks it. Resumes where it was stopped.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
if [[ ! -x .venv/bin/python ]]; then
  echo "make_words: .venv is missing; what to do: run tools/setup.sh" >&2
  exit 1
fi
.venv/bin/python -m pip install -q --disable-pip-version-check -r tools/training_requirements.txt
# Without their own needs, which are for other languages and other uses.
.venv/bin/python -m pip install -q --disable-pip-version-check --no-deps -r tools/word_bank/requirements.txt
nice -n 5 .venv/bin/python tools/word_bank/build.py --out words
.venv/bin/python tools/word_bank/check.py --words words
