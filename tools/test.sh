#!/usr/bin/env bash
# Everything that `make test` checks, in the order in which a failure is cheapest to find.
# One profile and one set of features throughout: each further one would build the dependencies again.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo=${CARGO:-cargo}
# A tool that is missing fails its test here, instead of being passed over with a remark.
export HANDSET_TEST_TOOLS=required
export HANDSET_PYTHON="$PWD/target/venv/bin/python"
failed=()

step() {
  local name=$1 started=$SECONDS
  shift
  printf '\n== %s\n' "$name"
  "$@" || failed+=("$name")
  printf '== %s: %d s\n' "$name" $((SECONDS - started))
}

# A crate that a smaller build must not pull in.
without() {
  local features=$1 tree
  shift
  tree=$($cargo tree --locked --prefix none --edges normal,build --no-default-features ${features:+--features "$features"}) || return 1
  for crate in "$@"; do
    if grep -q "^$crate v" <<<"$tree"; then
      echo "a build with features '${features:-none}' depends on $crate"
      return 1
    fi
  done
  echo "features '${features:-none}': none of $*"
}

smaller_builds() {
  without "" cpal alsa opusic-sys str0m tokio mio &&
    without switchboard cpal alsa opusic-sys audiopus str0m &&
    without peer cpal alsa axum &&
    $cargo check --locked --no-default-features --lib &&
    $cargo check --locked --no-default-features --features switchboard --bin switchboard
}

step "unit, integration and browser tests, fuzz replay" $cargo test --locked --no-fail-fast
step "smaller builds" smaller_builds

echo
if [ ${#failed[@]} -gt 0 ]; then
  printf 'failed: %s\n' "${failed[@]}"
  exit 1
fi
echo "all of make test passed in $SECONDS s"
