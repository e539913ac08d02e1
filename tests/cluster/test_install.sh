#!/usr/bin/env bash
# The chart on a cluster with a node, as a user installs it: with its defaults, into a namespace that enforces
# "restricted", waiting until the operator is ready; `helm test`; the chart's network policy enforced; the guide's sample
# applied by two managers, watched, reported, run again and cancelled; a comparison measured in another namespace while
# the operator is replaced; uninstalled. Root, Debian; the first time it builds images (see tests/cluster/images).
#   NAME=install   the cluster. It is made and removed again; one that is up is used as it is and left up
set -Eeuo pipefail
shopt -s inherit_errexit
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source=lib/common.sh
source "$here/lib/common.sh"
name=${NAME:-install}
namespace=bcmp-install-test
release=bcmp-install-test
# Where a comparison is measured: the pods of Dynamo's graphs do not fit "restricted".
runs=bcmp-install-test-runs
guide=qwen3-32b
guide_file=$top/config/samples/guide-to-verdict.yaml
started=$SECONDS
was_up=
set_aside=
work=$(mktemp -d)
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
    rm -rf "$work"
    [ -n "$was_up" ] || "$here/cluster" down --name "$name" || true
}

clean() {
    "$here/enforce" --none
    [ -n "${KUBECONFIG:-}" ] || return 0
    kubectl delete namespace $runs --ignore-not-found --timeout=180s >/dev/null 2>&1 || true
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
    archives=$("$here/images/build" operator tools mock)
    mkdir -p "$work/bin"
    ln -sf "$("$here/images/build" plugin)" "$work/bin/kubectl-bcmp"
    PATH=$work/bin:$PATH
    # shellcheck disable=SC2086  # one path a word
    "$here/cluster" import $archives --name "$name"
    clean
    "$here/standin" up --name "$name"
    # An operator that is there already (make demo-cluster) looks after all namespaces: it must not do this one's work.
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
    # The commands of docs/install.md that need a pod.
    kubectl -n $namespace rollout status "deployment/$release-operator" --timeout=60s
    kubectl -n $namespace logs "deployment/$release-operator" | grep . >/dev/null || fail "the operator logs nothing"
    [ "$(restarts)" = 0 ] || fail "the operator restarted: $(restarts)"
}

phase() { kubectl -n $namespace get bcmp "$1" -o jsonpath='{.status.phase}'; }

enforce() { "$here/enforce" --name "$name" "$@" $namespace "$release-operator"; }

# The guide's sample, whose predictions alone are wanted: nothing here can serve its image.
guide_sample() {
    kubectl create --dry-run=client -o json -f "$guide_file" |
        python3 -c 'import json, sys; o = json.load(sys.stdin); o["metadata"] = {"name": sys.argv[1]}; o["spec"]["execution"] = json.loads(sys.argv[2]); json.dump(o, sys.stdout)' "$@"
}

# The network plugin of the cluster knows no policy: the packet filter of the node does what the policy says.
under_its_policy() {
    step "the network policy, enforced: without the API server's port the operator is cut off, with it it works"
    local port
    port=$(kubectl config view -o jsonpath='{.clusters[0].cluster.server}' | sed 's/.*://')
    enforce >/dev/null
    guide_sample cut-off '{"start": "OnRequest"}' | kubectl -n $namespace apply -f -
    sleep 20
    [ -z "$(phase cut-off)" ] || fail "the operator works without a way to the API server: the policy is not enforced"
    helm upgrade $release "$top/charts/bcmp" --namespace $namespace --reuse-values --set "networkPolicy.apiServer.ports={$port}" >/dev/null
    # A watch that was cut off is noticed after five minutes, by its time-out; a new process need not wait for that.
    kubectl -n $namespace rollout restart "deployment/$release-operator"
    kubectl -n $namespace rollout status "deployment/$release-operator" --timeout=60s
    enforce --keep
    kubectl -n $namespace wait bcmp/cut-off --for=jsonpath='{.status.phase}'=Pending --timeout=180s
    kubectl -n $namespace delete bcmp cut-off
}

take_up() {
    step "the guide's sample, applied, and again by another manager: predictions are made, by pods that fit the namespace"
    guide_sample $guide '{"until": "Predictions"}' >"$work/guide.json"
    kubectl -n $namespace apply -f "$work/guide.json"
    kubectl -n $namespace apply --server-side --field-manager=gitops --force-conflicts -f "$work/guide.json"
    kubectl bcmp -n $namespace watch $guide --timeout 15m
    [ "$(run_of $namespace $guide)" = "1 Predicted" ] || fail "$(kubectl -n $namespace get bcmp -o wide)"
    kubectl -n $namespace get bcmp -o wide
    step "its report"
    kubectl bcmp -n $namespace report $guide
    kubectl bcmp -n $namespace report $guide -d "$work/report"
    [ -s "$work/report/report.html" ] && [ -s "$work/report/SUMMARY.txt" ] || fail "no files of the report"
}

# run_of NAMESPACE NAME: number and phase
run_of() { kubectl -n "$1" get bcmp "$2" -o jsonpath='{.status.run.number} {.status.phase}'; }

again_and_cancelled() {
    step "run again, and cancelled while it makes predictions"
    kubectl bcmp -n $namespace rerun $guide
    kubectl -n $namespace wait bcmp/$guide --for=jsonpath='{.status.run.number}'=2 --timeout=60s
    kubectl bcmp -n $namespace cancel $guide --wait
    [ "$(run_of $namespace $guide)" = "2 Cancelled" ] || fail "$(kubectl -n $namespace get bcmp -o wide)"
    cmp <(kubectl bcmp -n $namespace report $guide --run 1 -o json) "$work/report/report.json"
}

# A comparison that takes about a minute a variant.
short_comparison() {
    BCMP_TEST_STATE=$(dirname "$KUBECONFIG") PYTHONPATH=$here/comparisons PYTHONDONTWRITEBYTECODE=1 \
        python3 -c 'import json, sys; from comparison import Comparison; json.dump(Comparison(sys.argv[1]).document(), sys.stdout)' "$runs"
}

upgrade() {
    helm upgrade $release "$top/charts/bcmp" --namespace $namespace --reuse-values --wait --timeout 3m "$@" >/dev/null
    enforce --keep >/dev/null
}

measure() {
    step "helm upgrade: another namespace is watched, too; a comparison is measured there"
    kubectl create namespace $runs >/dev/null
    kubectl label namespace $runs pod-security.kubernetes.io/enforce=baseline >/dev/null
    upgrade --set "watch.namespaces={$namespace,$runs}"
    short_comparison | kubectl apply -f -
    kubectl -n $runs wait bcmp/compared --for=jsonpath='{.status.variants[0].levels[0].evidence.accepted}'=1 --timeout=300s
    step "helm upgrade in mid-measurement: the operator is replaced"
    upgrade --set "watch.namespaces={$namespace,$runs}" --set logFilter=debug
    kubectl bcmp -n $runs watch compared --timeout 15m || true
    kubectl bcmp -n $runs report compared
    # Levels this few say nothing of a difference; that each was measured, once, is what the upgrade may not change.
    case $(run_of $runs compared) in
    "1 Succeeded" | "1 Inconclusive") ;;
    *) fail "$(kubectl -n $runs get bcmp -o wide)" ;;
    esac
    [ "$(kubectl -n $runs get bcmp compared -o jsonpath='{.status.variants[*].deployments[*].number}')" = "1 1" ] ||
        fail "a variant was deployed again: $(kubectl -n $runs get bcmp compared -o yaml)"
    kubectl bcmp -n $runs results compared -o csv >"$work/results.csv"
    [ "$(tail -n +2 "$work/results.csv" | grep -c .)" -ge 4 ] || fail "runs are missing: $(cat "$work/results.csv")"
    [ "$(run_of $namespace $guide)" = "2 Cancelled" ] || fail "a finished run was begun again"
}

everything() {
    kubectl get pods,jobs,deployments,services,dynamographdeployments,roles,rolebindings,serviceaccounts,networkpolicies -o name -n "$1" \
        2>/dev/null | grep -v serviceaccount/default || true
}

uninstall() {
    step "helm uninstall: nothing is left but comparisons and their reports"
    helm uninstall $release --namespace $namespace --wait --timeout 2m
    "$here/enforce" --none
    kubectl -n $namespace wait pods --all --for=delete --timeout=60s
    local place left
    for place in $namespace $runs; do
        left=$(everything $place)
        [ -z "$left" ] || fail "left in $place: $left"
    done
    left=$(kubectl get clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings -o name | grep $release || true)
    [ -z "$left" ] || fail "left in the cluster: $left"
    kubectl -n $namespace get bcmp,configmaps
    kubectl -n $runs get bcmp,configmaps
    kubectl bcmp -n $runs report compared | grep -F "$(kubectl -n $runs get bcmp compared -o jsonpath='{.status.verdict.summary}' | cut -c 1-40)" ||
        fail "the report does not say what the comparison says"
}

prepare
install
ask_the_operator
under_its_policy
take_up
again_and_cancelled
measure
uninstall
step "installed, tested, at work, upgraded and uninstalled on a real node"
