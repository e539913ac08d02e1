#!/usr/bin/env bash
# Whatever people write into a comparison, and whenever (tests/misoperation): on a real control plane of its own, and in memory.
#   BCMP_OBJECTS, BCMP_LIVES, BCMP_CHANGES, BCMP_SEED, BCMP_THREADS   as in `make misoperation`
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
name=bcmp-misoperation-$$
cluster() { "$here/cluster" "$@" --name "$name"; }
trap 'cluster down >/dev/null' EXIT
cluster up --size control-plane
BCMP_TEST_KUBECONFIG=$(cluster kubeconfig) \
  cargo test --manifest-path "$here/../../Cargo.toml" --test misoperation -- --nocapture --test-threads 1
