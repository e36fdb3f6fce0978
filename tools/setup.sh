#!/usr/bin/env bash
# Installs what building and testing need, and does nothing when it is there.
#
#   tools/setup.sh --for demo     what `make` and `make demo` need: a C++ compiler, cmake, ALSA's headers
#   tools/setup.sh --for test     the same, and a browser, a sound server and the speech scorer for `make test`
#
# Works on Debian and Ubuntu as root or with sudo. Elsewhere it says what is missing and stops.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

purpose=test
while [ $# -gt 0 ]; do
  case "$1" in
    --for) purpose="${2:-}"; shift 2 || true ;;
    --for=*) purpose="${1#--for=}"; shift ;;
    -h | --help) sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) echo "setup: expected --for demo or --for test, found '$1'" >&2; exit 2 ;;
  esac
done

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# The package is only a way to get what is tested for; one that is there by other means is as good.
build_needs=(
  "c++:g++"
  "cmake:cmake"
  "make:make"
  "pkg-config:pkg-config"
  "pkg-config --exists alsa:libasound2-dev"
)
test_needs=(
  "chromium chromium-browser google-chrome:chromium"
  "chromedriver chromium.chromedriver:chromium-driver"
  "pulseaudio:pulseaudio"
  "pactl:pulseaudio-utils"
  "sox:sox"
  "espeak-ng:espeak-ng"
  "turnserver:coturn"
  "ip:iproute2"
  "nft:nftables"
  "python3:python3"
  "python3 -c 'import ensurepip, venv':python3-venv"
  "python3-config:python3-dev"
)

case "$purpose" in
  demo) needs=("${build_needs[@]}") ;;
  test) needs=("${build_needs[@]}" "${test_needs[@]}") ;;
  *) echo "setup: expected --for demo or --for test, found '--for $purpose'" >&2; exit 2 ;;
esac

# One word alternatives are commands to be found; anything else is run.
is_there() {
  case "$1" in
    *" -"*) sh -c "$1" >/dev/null 2>&1 ;;
    *) for command in $1; do command -v "$command" >/dev/null 2>&1 && return 0; done; return 1 ;;
  esac
}

missing_packages() {
  missing=()
  for need in "${needs[@]}"; do
    is_there "${need%:*}" || missing+=("${need##*:}")
  done
}

install_packages() {
  missing_packages
  [ ${#missing[@]} -eq 0 ] && return
  command -v apt-get >/dev/null 2>&1 ||
    fail "this system has no apt; install by its own means: ${missing[*]} (Debian's names)"
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 && { sudo -n true 2>/dev/null || [ -t 0 ]; } ||
      fail "cannot become root to install packages; have an administrator run: apt-get install ${missing[*]}"
    root=(sudo)
  fi
  say "installing ${missing[*]}"
  # Lists that are a day old may name files which the mirror no longer has.
  "${root[@]}" apt-get update -qq || say "apt-get update failed; trying with the lists that are there"
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    fail "apt-get could not install: ${missing[*]} (its own message stands above)"
  missing_packages
  [ ${#missing[@]} -eq 0 ] || fail "still not found after installing: ${missing[*]}"
}

check_rust() {
  command -v cargo >/dev/null 2>&1 || fail "no cargo in PATH; install Rust from https://rustup.rs and start again"
  local wanted have
  wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  have=$(rustc --version | cut -d' ' -f2)
  [ "$(printf '%s\n%s\n' "$wanted" "$have" | sort -V | head -n 1)" = "$wanted" ] ||
    fail "Rust $wanted or newer is needed, this is $have; run: rustup update stable"
}

# PESQ, the measure of speech quality in the tests, in a Python environment of its own under target/.
python_environment() {
  local venv=target/venv
  cmp -s tools/requirements.txt "$venv/installed.txt" && return
  say "making the Python environment for PESQ in $venv"
  rm -rf "$venv"
  mkdir -p target
  python3 -m venv "$venv" && "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r tools/requirements.txt ||
    fail "pip could not install tools/requirements.txt (its own message stands above)"
  cp tools/requirements.txt "$venv/installed.txt"
}

install_packages
check_rust
if [ "$purpose" = test ]; then python_environment; fi
