#!/usr/bin/env bash
# The CRD and the samples on a real API server: accepted, stored with defaults, and the same when applied again.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source=lib/common.sh
source "$here/lib/common.sh"
name=bcmp-crd-$$
cluster() { "$here/cluster" "$@" --name "$name"; }
trap 'cluster down >/dev/null' EXIT
cluster up --size control-plane
kubectl() { "$here/cluster" kubectl --name "$name" -- "$@"; }

kubectl apply --server-side -f "$top/crds/benchmarkcomparisons.bcmp.dev.yaml"
wait_for_crd benchmarkcomparisons.bcmp.dev
for sample in "$top"/config/samples/*.yaml; do
  [[ $(basename "$sample") == kustomization.yaml ]] && continue
  kubectl apply --server-side --field-manager=first -f "$sample"
  kubectl apply --server-side --field-manager=second --force-conflicts -f "$sample"
done
test "$(kubectl get bcmp qwen3-32b-h200 -o jsonpath='{.status.observedGeneration}')" = -1
test "$(kubectl get bcmp qwen3-32b-h200 -o jsonpath='{.spec.variants[*].name}')" = "baseline optimized"
test "$(kubectl get bcmp qwen3-32b-h200 -o jsonpath='{.metadata.generation}')" = 1
kubectl get bcmp
kubectl create namespace bcmp-system
kubectl apply --server-side -f "$top/config/rbac/cluster-role.yaml" -f "$top/config/rbac/people.yaml"

# A rule that is broken is refused with a message that says what to do.
refusal=$(sed 's/gpusPerVariant: 8/gpusPerVariant: 0/' "$top/config/samples/guide.yaml" | kubectl apply --server-side -f - 2>&1 && echo accepted) || true
grep -q gpusPerVariant <<<"$refusal" || { echo "zero GPUs: $refusal"; exit 1; }
echo "CRD and samples: accepted by the real API server"

# The same cases that the in-memory server of the tests is held to, on the real one.
"$here/cluster" crds both --name "$name"
BCMP_TEST_KUBECONFIG=$("$here/cluster" kubeconfig --name "$name") \
  cargo test --manifest-path "$top/Cargo.toml" --test conformance real
