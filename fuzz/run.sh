#!/usr/bin/env bash
# run.sh SECONDS [TARGET]: runs TARGET, or every target, for so long each, from the seeds and whatever
# earlier runs have found (fuzz/corpus, not kept in the repository). A failing input is left in
# fuzz/artifacts: move it to fuzz/crashes/TARGET with a name that says what it was, and mend.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
seconds=${1:?usage: run.sh SECONDS [TARGET]}

command -v cargo-fuzz >/dev/null || { echo "fuzz: no cargo-fuzz; install it with: cargo install cargo-fuzz" >&2; exit 1; }
rustup toolchain list 2>/dev/null | grep -q '^nightly' ||
  { echo "fuzz: no nightly toolchain; install it with: rustup toolchain install nightly" >&2; exit 1; }

# seeds/TARGET, or the folder that targets of one format share: seeds/sdp for sdp_gate.
first_that_is() {
  local test=$1 path
  shift
  for path in "$@"; do
    if test "$test" "$path"; then echo "$path"; return; fi
  done
}

for target in ${2:-$(cargo +nightly fuzz list --fuzz-dir .)}; do
  echo "== $target, $seconds s"
  mkdir -p "corpus/$target"
  seeds=$(first_that_is -d "seeds/$target" "seeds/${target%%_*}")
  dictionary=$(first_that_is -f "dict/$target.dict" "dict/${target%%_*}.dict")
  cargo +nightly fuzz run --fuzz-dir . "$target" "corpus/$target" $seeds -- \
    -max_total_time="$seconds" -print_final_stats=1 -timeout=10 -rss_limit_mb=2048 \
    ${dictionary:+-dict="$dictionary"}
done
