#!/usr/bin/env bash
# The chart on a cluster with a node, as a user installs it: with its defaults, into a namespace that enforces
# "restricted", waiting until the operator is ready; `helm test`; a sample that the operator takes up, in pods that
# fit the namespace. Root, Debian; the first time it builds images (see tests/cluster/images).
#   NAME=default   the cluster; it is brought up if it is down, and left as it was found
set -Eeuo pipefail
shopt -s inherit_errexit
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source=lib/common.sh
source "$here/lib/common.sh"
name=${NAME:-default}
namespace=bcmp-install-test
release=bcmp-install-test
started=$SECONDS
was_up=
set_aside=
trap 'echo "test_install: this failed: $BASH_COMMAND (line $LINENO)" >&2' ERR
trap finish EXIT

step() { echo "[$((SECONDS - started)) s] $*"; }
fail() { echo "test_install: $*" >&2; exit 1; }

finish() {
    local status=$?
    trap - ERR
    if [ $status != 0 ] && [ -n "${KUBECONFIG:-}" ]; then
        kubectl -n $namespace get pods,jobs,bcmp -o wide >&2 || true
        kubectl -n $namespace get events --sort-by .lastTimestamp | tail -n 20 >&2 || true
        kubectl -n $namespace logs "deployment/$release-operator" --tail 20 >&2 || true
    fi
    clean || true
    [ -z "$set_aside" ] || kubectl -n bcmp-system scale deployment/bcmp-operator --replicas=1 || true
    [ -n "$was_up" ] || "$here/cluster" down --name "$name" || true
}

clean() {
    "$here/enforce" --none
    [ -n "${KUBECONFIG:-}" ] || return 0
    kubectl -n $namespace delete bcmp --all --ignore-not-found --timeout=120s >/dev/null 2>&1 || true
    helm uninstall $release --namespace $namespace --ignore-not-found >/dev/null 2>&1 || true
    kubectl delete namespace $namespace --ignore-not-found --timeout=180s >/dev/null 2>&1 || true
}

prepare() {
    step "the cluster and the images"
    "$here/packages"
    "$here/build" helm
    ! "$here/cluster" status --name "$name" >/dev/null 2>&1 || was_up=yes
    "$here/cluster" up --size node --name "$name"
    KUBECONFIG=$("$here/cluster" kubeconfig --name "$name")
    export KUBECONFIG
    PATH=$(cat "$(dirname "$KUBECONFIG")/bin"):$PATH
    local archives
    archives=$("$here/images/build" operator tools)
    # shellcheck disable=SC2086  # one path a word
    "$here/cluster" import $archives --name "$name"
    clean
    # An operator that is there already (make demo) looks after all namespaces: it must not do this one's work.
    if [ "$(kubectl -n bcmp-system get deployment bcmp-operator --ignore-not-found -o jsonpath='{.spec.replicas}')" = 1 ]; then
        set_aside=yes
        kubectl -n bcmp-system scale deployment/bcmp-operator --replicas=0
    fi
}

install() {
    step "helm install --wait into a namespace that enforces restricted"
    kubectl create namespace $namespace >/dev/null
    kubectl label namespace $namespace pod-security.kubernetes.io/enforce=restricted >/dev/null
    local shared=()
    # The CRD and the roles of people are the cluster's: one release has them.
    if kubectl get crd benchmarkcomparisons.bcmp.dev >/dev/null 2>&1; then
        shared=(--set crds.install=false --set rbac.aggregate=false)
    fi
    helm install $release "$top/charts/bcmp" --namespace $namespace --wait --timeout 3m "${shared[@]}" \
        --set image.repository=localhost/bcmp --set predictorImage.repository=localhost/bcmp-tools --set loadImage.repository=localhost/bcmp-tools
    kubectl -n $namespace wait --for=condition=Available "deployment/$release-operator" --timeout=10s
    kubectl -n $namespace get networkpolicy "$release-operator" -o jsonpath='{.spec.policyTypes}' | grep Egress >/dev/null
}

restarts() { kubectl -n $namespace get pods -l app.kubernetes.io/name=bcmp-operator -o jsonpath='{.items[*].status.containerStatuses[*].restartCount}'; }

ask_the_operator() {
    step "helm test"
    helm test $release --namespace $namespace --logs --timeout 3m
    [ "$(restarts)" = 0 ] || fail "the operator restarted: $(restarts)"
}

phase() { kubectl -n $namespace get bcmp "$1" -o jsonpath='{.status.phase}'; }

enforce() { "$here/enforce" --name "$name" $namespace "$release-operator"; }

# The network plugin of the cluster knows no policy: the packet filter of the node does what the policy says.
under_its_policy() {
    step "the network policy, enforced: without the API server's port the operator is cut off, with it it works"
    local port sample=$top/config/samples/guide-runtime-1.3.yaml
    port=$(kubectl config view -o jsonpath='{.clusters[0].cluster.server}' | sed 's/.*://')
    enforce >/dev/null
    kubectl create --dry-run=client -o json -f "$sample" |
        python3 -c 'import json, sys; o = json.load(sys.stdin); o["metadata"]["name"] = "cut-off"; o["spec"]["execution"] = {"start": "OnRequest"}; json.dump(o, sys.stdout)' |
        kubectl -n $namespace apply -f -
    sleep 20
    [ -z "$(phase cut-off)" ] || fail "the operator works without a way to the API server: the policy is not enforced"
    helm upgrade $release "$top/charts/bcmp" --namespace $namespace --reuse-values --set "networkPolicy.apiServer.ports={$port}" >/dev/null
    enforce
    kubectl -n $namespace wait bcmp/cut-off --for=jsonpath='{.status.phase}'=Pending --timeout=180s
    kubectl -n $namespace delete bcmp cut-off
}

take_up() {
    step "a sample: predictions are made, by pods that fit the namespace"
    # Without GPUs: predictions only.
    kubectl -n $namespace apply --server-side -f "$top/config/samples/guide-runtime-1.3.yaml"
    kubectl -n $namespace patch bcmp qwen3-32b-h200-v13 --type merge -p '{"spec":{"execution":{"until":"Predictions"}}}'
    kubectl -n $namespace wait bcmp/qwen3-32b-h200-v13 --for=condition=ConfigurationsGenerated --timeout=600s
    kubectl -n $namespace wait bcmp/qwen3-32b-h200-v13 --for=condition=Finished --timeout=120s
    [ "$(kubectl -n $namespace get bcmp qwen3-32b-h200-v13 -o jsonpath='{.status.phase}')" = Predicted ] || fail "not predicted"
    kubectl -n $namespace get bcmp -o wide
}

upgrade() {
    step "helm upgrade --wait: the comparison stays, and its run is not repeated"
    helm upgrade $release "$top/charts/bcmp" --namespace $namespace --reuse-values --wait --timeout 3m --set logFilter=debug
    # The new operator has looked at it.
    sleep 5
    [ "$(kubectl -n $namespace get bcmp qwen3-32b-h200-v13 -o jsonpath='{.status.run.number} {.status.phase}')" = "1 Predicted" ] ||
        fail "$(kubectl -n $namespace get bcmp -o wide)"
}

prepare
install
ask_the_operator
under_its_policy
take_up
upgrade
step "installed, tested, at work and upgraded on a real node"
