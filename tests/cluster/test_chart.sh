#!/usr/bin/env bash
# The chart on a real API server: installed into a namespace that enforces "restricted", upgraded, uninstalled; the
# operator at work with the rights it is given there; what its and its agents' identities can do and what they cannot;
# samples that stay as they were written. No pod runs here (test_install.sh is for a cluster with a node).
#   BCMP=FILE   the operator's binary; otherwise it is built
set -Eeuo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source=lib/common.sh
source "$here/lib/common.sh"
name=bcmp-chart-$$
work=$(mktemp -d)
operator_pid=
started=$SECONDS
trap 'echo "test_chart: this failed: $BASH_COMMAND (line $LINENO)" >&2' ERR
trap finish EXIT

finish() {
    local status=$?
    stop_operator
    if [ $status != 0 ] && [ -s "$work/operator.log" ]; then
        echo "the operator's last log lines:" >&2
        tail -n 5 "$work/operator.log" >&2
    fi
    "$here/cluster" down --name "$name" 2>/dev/null || true
    rm -rf "$work"
}
stop_operator() {
    [ -z "$operator_pid" ] || { kill "$operator_pid" && wait "$operator_pid"; } 2>/dev/null || true
    operator_pid=
}
step() { echo "[$((SECONDS - started)) s] $*"; }
fail() { echo "test_chart: $*" >&2; exit 1; }
same() { [ "$1" = "$2" ] || fail "$3: expected '$2', found '$1'"; }
# refused MESSAGE COMMAND…: it is refused, and with this message.
refused() {
    local message=$1 said
    shift
    ! said=$("$@" 2>&1) || fail "not refused: $*"
    grep -qiE -- "$message" <<<"$said" || fail "$*: refused, but not with '$message': $said"
}

system=bcmp-system
operator=system:serviceaccount:$system:bcmp-operator
as_operator=(--as "$operator" --as-group system:serviceaccounts --as-group system:authenticated)

start_cluster() {
    "$here/build" helm
    "$here/cluster" up --size control-plane --name "$name"
    KUBECONFIG=$("$here/cluster" kubeconfig --name "$name")
    export KUBECONFIG
    PATH=$(cat "$(dirname "$KUBECONFIG")/bin"):$PATH
    BCMP=${BCMP:-$top/target/debug/bcmp}
    [ -x "$BCMP" ] || (cd "$top" && cargo build --quiet --bin bcmp)
}

install() {
    step "install with defaults into a namespace that enforces restricted"
    kubectl create namespace "$system" >/dev/null
    kubectl label namespace "$system" pod-security.kubernetes.io/enforce=restricted >/dev/null
    helm install bcmp "$top/charts/bcmp" --namespace "$system" >"$work/notes"
    grep -q "watches BenchmarkComparisons in $system" "$work/notes" || fail "the notes do not name the namespace: $(cat "$work/notes")"
    wait_for_crd benchmarkcomparisons.bcmp.dev
    # No node will take the pod, but admission has let it in.
    wait_for 60 pod_admitted || fail "no pod of the operator: $(kubectl -n $system get replicaset,events)"
    helm template bcmp "$top/charts/bcmp" --namespace "$system" --show-only templates/tests/ready.yaml |
        kubectl apply --dry-run=server -f - >/dev/null
    same "$(kubectl get validatingadmissionpolicy "bcmp-operator-writes.$system" -o jsonpath='{.status.typeChecking}')" "{}" \
        "the policy's expressions"
}
pod_admitted() { [ -n "$(kubectl -n $system get pods -l app.kubernetes.io/name=bcmp-operator -o name)" ]; }

# The operator as a process of this machine, with the token and so the rights of its ServiceAccount.
start_operator() {
    local token server port
    token=$(kubectl -n $system create token bcmp-operator)
    server=$(kubectl config view --raw -o jsonpath='{.clusters[0].cluster.server}')
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    kubectl config view --raw -o jsonpath='{.clusters[0].cluster.certificate-authority-data}' | base64 -d >"$work/ca.crt"
    [ -s "$work/ca.crt" ] || cp "$(kubectl config view --raw -o jsonpath='{.clusters[0].cluster.certificate-authority}')" "$work/ca.crt"
    KUBECONFIG=$work/operator.kubeconfig kubectl config set-cluster c --server "$server" --certificate-authority "$work/ca.crt" --embed-certs >/dev/null
    KUBECONFIG=$work/operator.kubeconfig kubectl config set-credentials u --token "$token" >/dev/null
    KUBECONFIG=$work/operator.kubeconfig kubectl config set-context x --cluster c --user u >/dev/null
    KUBECONFIG=$work/operator.kubeconfig kubectl config use-context x >/dev/null
    # As the Deployment says, but for the address.
    mapfile -t settings < <(kubectl -n $system get deployment bcmp-operator \
        -o jsonpath='{range .spec.template.spec.containers[0].env[*]}{.name}={.value}{"\n"}{end}' | grep -v -e '^BCMP_LISTEN=' -e '^$')
    env KUBECONFIG="$work/operator.kubeconfig" BCMP_LISTEN="127.0.0.1:$port" "${settings[@]}" "$BCMP" controller >"$work/operator.log" 2>&1 &
    operator_pid=$!
    endpoint=http://127.0.0.1:$port
    wait_for 60 operator_ready || fail "the operator is not ready"
}
ask() { python3 -c 'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())' "$endpoint$1"; }
operator_ready() { ask /readyz >/dev/null 2>&1; }

work_in_namespace() {
    step "the operator at work, with the rights and under the policy of the chart"
    start_operator
    kubectl -n $system apply --server-side -f "$top/config/samples/guide.yaml" >/dev/null
    wait_for 60 run_started || fail "no generate Job: $(kubectl -n $system get bcmp -o wide)"
    wait_for 60 job_pod_admitted || fail "no pod of the generate Job: $(kubectl -n $system get events)"
    wait_for 30 counted || fail "the metrics do not show the comparison: $(ask /metrics)"
    ! ask /metrics | grep '^controller_runtime_reconcile_errors_total.* [1-9]' || fail "reconciliations failed"
    ! grep -i forbidden "$work/operator.log" || fail "something was forbidden"
    uid=$(kubectl -n $system get bcmp qwen3-32b-h200 -o jsonpath='{.metadata.uid}')
}
run_started() { kubectl -n $system get job qwen3-32b-h200-r1-generate >/dev/null 2>&1; }
job_pod_admitted() { [ -n "$(kubectl -n $system get pods -l app.kubernetes.io/component=generate -o name)" ]; }
counted() { ask /metrics | grep '^bcmp_comparisons{phase="Generating"} 1$' >/dev/null; }

confined() {
    step "the operator's identity: its own objects, and nobody else's"
    local labels='"labels":{"app.kubernetes.io/managed-by":"bcmp"}' plan owner
    kubectl -n $system create configmap foreign --from-literal=key=value >/dev/null
    # The cluster's own policy engine learns of a new policy within a second or two.
    as_json() { printf '{"apiVersion":"%s","kind":"%s","metadata":{"name":"%s","namespace":"%s"%s}%s}' "$@"; }
    create() { kubectl create -f - "${as_operator[@]}"; }
    refused "managed-by=bcmp" create < <(as_json v1 ConfigMap mine $system "" "")
    refused "BenchmarkComparison owns" create < <(as_json v1 ConfigMap mine $system ",$labels" "")
    refused "managed-by=bcmp" create < <(as_json v1 ServiceAccount mine $system "" "")
    refused "managed-by=bcmp" create < <(as_json rbac.authorization.k8s.io/v1 Role mine $system "" ',"rules":[]')
    refused "managed-by=bcmp" create < <(as_json rbac.authorization.k8s.io/v1 RoleBinding mine $system "" \
        ',"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"bcmp-operator"}')
    refused "managed-by=bcmp" kubectl -n $system patch configmap foreign --type merge -p '{"data":{"key":"other"}}' "${as_operator[@]}"
    # Claiming it is no way in.
    refused "managed-by=bcmp" kubectl -n $system label configmap foreign app.kubernetes.io/managed-by=bcmp "${as_operator[@]}"
    refused "managed-by=bcmp" kubectl -n $system delete configmap foreign "${as_operator[@]}"
    same "$(kubectl -n $system get configmap foreign -o jsonpath='{.data.key}')" value "the foreign ConfigMap"
    # The label alone is not enough: somebody else's object may carry it. Nor does an owner given to it now help.
    kubectl create -f - < <(as_json v1 ConfigMap labelled $system ",$labels" ',"data":{"key":"value"}') >/dev/null
    owner=$(kubectl -n $system get configmap qwen3-32b-h200-r1-plan -o jsonpath='{.metadata.ownerReferences}')
    refused "BenchmarkComparison owns" kubectl -n $system patch configmap labelled --type merge -p '{"data":{"key":"other"}}' "${as_operator[@]}"
    refused "BenchmarkComparison owns" kubectl -n $system patch configmap labelled --type merge \
        -p "{\"metadata\":{\"ownerReferences\":$owner}}" "${as_operator[@]}"
    refused "BenchmarkComparison owns" kubectl -n $system delete configmap labelled "${as_operator[@]}"
    same "$(kubectl -n $system get configmap labelled -o jsonpath='{.data.key}{.metadata.ownerReferences}')" value "the labelled ConfigMap"
    # Its own.
    plan=qwen3-32b-h200-r1-plan
    kubectl -n $system patch configmap $plan --type merge -p '{"immutable":true}' "${as_operator[@]}" >/dev/null
    kubectl -n $system delete configmap $plan --dry-run=server "${as_operator[@]}" >/dev/null
    refused "BenchmarkComparison owns" kubectl -n $system patch configmap $plan --type merge -p '{"metadata":{"ownerReferences":null}}' "${as_operator[@]}"
    kubectl -n $system get configmap $plan -o json | python3 -c '
import json, sys
thing = json.load(sys.stdin)
thing["metadata"] = {k: v for k, v in thing["metadata"].items() if k in ("namespace", "labels", "ownerReferences")}
thing["metadata"]["name"] = "another"
print(json.dumps(thing))' | kubectl create --dry-run=server -f - "${as_operator[@]}" >/dev/null
    # Everybody else is left alone.
    kubectl -n $system patch configmap foreign --type merge -p '{"data":{"key":"admin"}}' >/dev/null
}

# may USER yes|no VERB RESOURCE [ARGUMENT…]
may() {
    local user=$1 expected=$2 answer
    shift 2
    answer=$(kubectl auth can-i "$@" --as "$user" --as-group system:authenticated 2>/dev/null || true)
    same "$answer" "$expected" "can $user $*"
}

# feature NAMESPACE POD: a Deployment of the operator's with this in its pods' specification.
feature() {
    printf '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"feature","namespace":"%s",
        "labels":{"app.kubernetes.io/managed-by":"bcmp"},
        "ownerReferences":[{"apiVersion":"bcmp.dev/v1alpha1","kind":"BenchmarkComparison","name":"c","uid":"u"}]},
        "spec":{"selector":{"matchLabels":{"app":"a"}},"template":{"metadata":{"labels":{"app":"a"}},"spec":%s}}}' "$@"
}
container() { printf '{"containers":[{"name":"main","image":"registry.example/x:1","securityContext":%s}]}' "$1"; }
try() { kubectl create --dry-run=server -f - "${as_operator[@]}"; }
is_allowed() { try < <(feature "$@") >/dev/null 2>&1; }

pod_features() {
    step "what pods of variants may have: by namespace, as the administrator says"
    local name plain='"containers":[{"name":"main","image":"registry.example/x:1"}]' lists
    declare -A pods=(
        [privileged]=$(container '{"privileged":true}')
        [hostIPC]="{\"hostIPC\":true,$plain}"
        [capability:SYS_ADMIN]=$(container '{"capabilities":{"add":["SYS_ADMIN"]}}')
        [ipcLock]=$(container '{"capabilities":{"add":["IPC_LOCK"]}}')
        [hostPath:/dev/infiniband]="{\"volumes\":[{\"name\":\"v\",\"hostPath\":{\"path\":\"/dev/infiniband/uverbs0\"}}],$plain}")
    # Without a word of the administrator: what ends at the pod.
    is_allowed $system "${pods[ipcLock]}" || fail "IPC_LOCK is refused by default"
    for name in "${!pods[@]}"; do
        [ "$name" = ipcLock ] || refused "allowedPodFeatures" try < <(feature $system "${pods[$name]}")
    done
    kubectl create namespace trusted >/dev/null
    lists="{\"*\":[],\"trusted\":[$(printf '"%s",' "${!pods[@]}" | sed 's/,$//')]}"
    helm upgrade bcmp "$top/charts/bcmp" --namespace $system --set "watch.namespaces={$system,trusted}" \
        --set-json "allowedPodFeatures=$lists" >/dev/null
    # The policy engine learns of it within a second or two.
    wait_for 30 is_allowed trusted "${pods[privileged]}" || fail "privileged is not allowed: $(try < <(feature trusted "${pods[privileged]}") 2>&1)"
    for name in "${!pods[@]}"; do
        is_allowed trusted "${pods[$name]}" || fail "$name is refused where it is allowed"
        refused "allowedPodFeatures" try < <(feature $system "${pods[$name]}")
    done
    # Never.
    for name in hostNetwork hostPID; do
        refused "may not use the node's network or processes" try < <(feature trusted "{\"$name\":true,$plain}")
    done
    refused "hostPath:/PATH" try < <(feature trusted "{\"volumes\":[{\"name\":\"v\",\"hostPath\":{\"path\":\"/dev\"}}],$plain}")
    # The operator is told the same.
    kubectl -n $system get deployment bcmp-operator -o json | python3 -c '
import json, sys
env = json.load(sys.stdin)["spec"]["template"]["spec"]["containers"][0]["env"]
told = json.loads(next(e["value"] for e in env if e["name"] == "BCMP_ALLOWED_POD_FEATURES"))
assert told == json.loads(sys.argv[1]), told
assert json.loads(next(e["value"] for e in env if e["name"] == "BCMP_RUN_LIMITS")) == {}, env' "$lists"
}

operators_rights() {
    step "the operator's rights: in its namespace, and nothing beside"
    kubectl create namespace elsewhere >/dev/null
    may "$operator" yes create jobs.batch -n $system
    may "$operator" yes patch benchmarkcomparisons.bcmp.dev --subresource=status -n $system
    local right
    for right in "get secrets" "list secrets" "create pods" "create pods/exec" "update benchmarkcomparisons.bcmp.dev" \
        "patch benchmarkcomparisons.bcmp.dev" "create persistentvolumeclaims" "escalate roles" "bind roles" "impersonate serviceaccounts"; do
        # shellcheck disable=SC2086
        may "$operator" no $right -n $system
    done
    may "$operator" no list nodes
    may "$operator" no create configmaps -n elsewhere
    may "$operator" no list benchmarkcomparisons.bcmp.dev -n elsewhere
    refused forbidden kubectl -n $system get secrets "${as_operator[@]}"
    refused forbidden kubectl -n elsewhere get configmaps "${as_operator[@]}"
}

agents_rights() {
    step "the agent's identity: this run's outputs, and nothing else"
    local publish=qwen3-32b-h200-r1-publish outputs agent
    agent=system:serviceaccount:$system:$publish
    local as_agent=(--as "$agent" --as-group system:serviceaccounts --as-group system:authenticated)
    mapfile -t outputs < <(kubectl -n $system get role $publish -o jsonpath='{range .rules[0].resourceNames[*]}{@}{"\n"}{end}')
    same "${outputs[*]}" "qwen3-32b-h200-r1-configurations qwen3-32b-h200-r1-baseline-results qwen3-32b-h200-r1-optimized-results" "outputs"
    local output right
    for output in "${outputs[@]}"; do
        may "$agent" yes patch "configmaps/$output" -n $system
        may "$agent" yes get "configmaps/$output" -n $system
        may "$agent" no update "configmaps/$output" -n $system
        may "$agent" no delete "configmaps/$output" -n $system
        may "$agent" no patch "configmaps/$output" -n elsewhere
    done
    for right in "get configmaps" "list configmaps" "watch configmaps" "create configmaps" "patch configmaps" \
        "patch configmaps/foreign" "get configmaps/qwen3-32b-h200-r1-plan" "get secrets" "list pods" "get benchmarkcomparisons.bcmp.dev" \
        "create serviceaccounts/token" "create roles"; do
        # shellcheck disable=SC2086
        may "$agent" no $right -n $system
    done
    # Real requests. The first write wins.
    local add='[{"op":"test","path":"/data/trial","value":null},{"op":"add","path":"/data/trial","value":"1"}]'
    kubectl -n $system patch configmap "${outputs[0]}" --type json -p "$add" --dry-run=server "${as_agent[@]}" >/dev/null
    refused forbidden kubectl -n $system patch configmap qwen3-32b-h200-r1-plan --type json -p "$add" "${as_agent[@]}"
    refused forbidden kubectl -n $system patch configmap foreign --type json -p "$add" "${as_agent[@]}"
    refused forbidden kubectl -n $system get configmaps "${as_agent[@]}"
    refused forbidden kubectl -n $system get secrets "${as_agent[@]}"
    refused forbidden kubectl -n $system delete configmap "${outputs[0]}" "${as_agent[@]}"
    # Only one container of a run has a token, and it is this identity's.
    kubectl -n $system get job qwen3-32b-h200-r1-generate -o json | python3 -c '
import json, sys
pod = json.load(sys.stdin)["spec"]["template"]["spec"]
assert pod["automountServiceAccountToken"] is False, pod
tokens = {v["name"] for v in pod["volumes"] if any("serviceAccountToken" in s for s in v.get("projected", {}).get("sources", []))}
holders = [c["name"] for c in pod["containers"] + pod["initContainers"] if tokens & {m["name"] for m in c.get("volumeMounts", [])}]
assert holders == ["publish"], holders'
}

peoples_rights() {
    step "people: comparisons come with the roles edit and view"
    kubectl -n elsewhere create rolebinding ann --clusterrole=edit --user=ann >/dev/null
    kubectl -n elsewhere create rolebinding bob --clusterrole=view --user=bob >/dev/null
    wait_for 30 aggregated || fail "edit does not bring comparisons"
    may ann yes delete benchmarkcomparisons.bcmp.dev -n elsewhere
    may bob yes get benchmarkcomparisons.bcmp.dev -n elsewhere
    may bob no create benchmarkcomparisons.bcmp.dev -n elsewhere
    may ann no create benchmarkcomparisons.bcmp.dev -n $system
}
aggregated() { [ "$(kubectl auth can-i create benchmarkcomparisons.bcmp.dev -n elsewhere --as ann 2>/dev/null)" = yes ]; }

# each_object FILE COMMAND…: the command, for each object of the file, with a file of its JSON.
each_object() {
    local index
    kubectl patch --local --type=merge -p '{}' -o json -f "$1" | python3 -c '
import json, sys
decoder, rest, index = json.JSONDecoder(), sys.stdin.read().strip(), 0
while rest:
    thing, end = decoder.raw_decode(rest)
    json.dump(thing, open(f"{sys.argv[1]}/object-{index}.json", "w"))
    rest, index = rest[end:].strip(), index + 1' "$work"
    for index in "$work"/object-*.json; do "${@:2}" "$index"; done
    rm "$work"/object-*.json
}
# as_written NAMESPACE FILE: what is stored says what the file says.
as_written() {
    kubectl -n "$1" get -f "$2" -o json >"$work/stored.json"
    python3 "$here/in_sync.py" "$2" "$work/stored.json" || fail "$2 in $1 is not what was written"
}

in_sync() {
    step "samples stay as they were written, by client-side and by server-side apply"
    local sample mode way
    for mode in client server; do
        kubectl create namespace "by-$mode" >/dev/null
        way=--server-side=$([ $mode = server ] && echo true || echo false)
        for sample in "$top"/config/samples/*.yaml "$top"/config/gitops-example/comparisons/*.yaml; do
            [[ $(basename "$sample") != kustomization.yaml ]] || continue
            kubectl -n "by-$mode" apply "$way" -f "$sample" >/dev/null
            kubectl -n "by-$mode" diff "$way" -f "$sample" ||
                fail "$sample differs right after $mode-side apply"
            each_object "$sample" as_written "by-$mode"
        done
    done
    # With everything the operator adds.
    [ "$(kubectl -n $system get bcmp qwen3-32b-h200 -o jsonpath='{.status.observedGeneration}')" = 1 ] || fail "not looked at"
    kubectl -n $system diff --server-side -f "$top/config/samples/guide.yaml" || fail "the operator made a difference"
    each_object "$top/config/samples/guide.yaml" as_written $system
    same "$(kubectl -n $system get bcmp qwen3-32b-h200 -o jsonpath='{.metadata.finalizers}')" "" "finalizers"
}

survives() {
    same "$(kubectl -n $system get bcmp qwen3-32b-h200 -o jsonpath='{.metadata.uid}')" "$uid" "the comparison after $1"
    same "$(kubectl get crd benchmarkcomparisons.bcmp.dev -o jsonpath='{.metadata.uid}')" "$crd_uid" "the CRD after $1"
    same "$(kubectl -n $system get bcmp qwen3-32b-h200 -o jsonpath='{.status.run.number}')" 1 "the run after $1"
}

upgrade_and_uninstall() {
    crd_uid=$(kubectl get crd benchmarkcomparisons.bcmp.dev -o jsonpath='{.metadata.uid}')
    step "upgrade: all namespaces, everything that can be had without Prometheus' kinds"
    stop_operator
    helm upgrade bcmp "$top/charts/bcmp" --namespace $system --set watch.clusterWide=true --set metrics.dashboard.enabled=true \
        --set image.digest="sha256:$(printf 'ab%.0s' {1..32})" >/dev/null
    survives upgrade
    refused NotFound kubectl -n $system get role bcmp-operator
    may "$operator" yes list nodes
    may "$operator" yes create configmaps -n elsewhere
    may "$operator" no get secrets -n elsewhere
    step "the operator goes on where it was, looking at all namespaces"
    start_operator
    wait_for 60 elsewhere_seen || fail "comparisons of other namespaces are not looked at"
    ! ask /metrics | grep '^controller_runtime_reconcile_errors_total.* [1-9]' || fail "reconciliations failed"
    survives "the operator's restart"
    stop_operator
    step "uninstall: the CRD and the comparisons stay"
    helm uninstall bcmp --namespace $system >/dev/null
    survives uninstall
    same "$(kubectl get clusterrole,clusterrolebinding,validatingadmissionpolicy -o name | grep -c bcmp || true)" 0 "left over in the cluster"
    same "$(kubectl -n $system get deployment,service,serviceaccount,networkpolicy -l app.kubernetes.io/name=bcmp-operator -o name)" "" "left over in the namespace"
    step "install again: the CRD that is there is taken over"
    helm install bcmp "$top/charts/bcmp" --namespace $system --set 'watch.namespaces={bcmp-system,elsewhere}' >/dev/null
    survives "the second install"
    may "$operator" yes create configmaps -n elsewhere
    may "$operator" no list nodes
    helm uninstall bcmp --namespace $system >/dev/null
}
elsewhere_seen() { [ "$(kubectl -n by-server get bcmp sequential -o jsonpath='{.status.observedGeneration}')" = 1 ]; }

kustomize() {
    step "kustomize: the same by kubectl alone"
    kubectl apply --server-side --force-conflicts -k "$top/config/default" >/dev/null
    survives "kubectl apply -k"
    wait_for 60 pod_admitted || fail "no pod of the operator"
    may "$operator" yes list nodes
}

step "a control plane"
start_cluster
install
work_in_namespace
confined
operators_rights
pod_features
agents_rights
peoples_rights
in_sync
upgrade_and_uninstall
kustomize
step "chart, policy and rights: as they should be on the real API server"
