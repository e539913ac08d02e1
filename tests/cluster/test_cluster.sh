#!/usr/bin/env bash
# Tests of the cluster's own scripts: that it comes up, does what the project needs of it, and goes without a trace,
# also after it has died.
#
#   test_cluster.sh [control-plane] [node]     default: both for root, else control-plane
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib/common.sh
source "$here/lib/common.sh"

work=$(mktemp -d /tmp/bcmp-test.XXXXXX)
export BCMP_STATE=$work/state
state=$BCMP_STATE/tested
failures=0
stranger=

cluster() { "$here/cluster" "$@" --name tested; }
kubectl() { "$here/cluster" kubectl --name tested -- "$@"; }

# check WHAT COMMAND…: the command must succeed; what it says is shown if it does not.
check() {
    local what=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        echo "ok    $what"
    else
        echo "FAIL  $what: $*"
        sed 's/^/      /' "$work/said"
        failures=$((failures + 1))
    fi
}

fails() { ! "$@"; }
equal() { [ "$1" = "$2" ] || { printf 'found:    %s\nexpected: %s\n' "$1" "$2"; return 1; }; }
prints() { local wanted=$1; shift; equal "$("$@" 2>&1 | tail -n 1)" "$wanted"; }
says() { local wanted=$1 said; shift; said=$("$@" 2>&1 || true); grep -- "$wanted" <<<"$said"; }
exits() { local wanted=$1 code=0; shift; "$@" >/dev/null 2>&1 || code=$?; equal "$code" "$wanted"; }
eventually() { wait_for 60 "$@"; }

daemon_pids() { cut -d ' ' -f 1 "$state"/run/*.pid; }
marked() { grep -lzxF "BCMP_PROCESS_OF=$state" /proc/[0-9]*/environ 2>/dev/null | cut -d / -f 3; }

# kill_all PID…: one that has gone already is no failure.
kill_all() { kill -s KILL "$@" 2>/dev/null || true; }

# kill_daemons: pods and containerd's shims live on, and what has no pid file.
# shellcheck disable=SC2046  # one word for each pid
kill_daemons() { kill_all $(daemon_pids); }

# kill_with_shims: containers live on with nobody to look after them.
# shellcheck disable=SC2046
kill_with_shims() { kill_all $(marked); }

# traces: all that a cluster may leave on a machine, in a form that can be compared.
traces() {
    echo "state: $(find "$BCMP_STATE" 2>/dev/null)"
    echo "processes: $(marked | xargs)"
    echo "mounts: $(grep -cF "$state/" /proc/self/mountinfo)"
    [ "$(id -u)" = 0 ] || return 0
    echo "links and namespaces:" /sys/class/net/* /run/netns/*
    echo "groups: $(find /sys/fs/cgroup -maxdepth 2 -name bcmp)"
    echo "chains: $({ iptables-save; ip6tables-save; } 2>/dev/null | grep -E -c 'KUBE-|BCMP-|CNI-')"
    echo "files: $(find /var/lib/kubelet /var/lib/cni /var/log/containers /var/log/pods /run/containerd 2>/dev/null)"
    echo "settings: $(cat /proc/sys/net/ipv4/ip_forward /proc/sys/vm/overcommit_memory /proc/sys/kernel/panic{,_on_oops} | xargs)"
}

test_life_of() {
    local size=$1 before
    before=$(traces)
    check "status of no cluster is down" exits 3 cluster status
    check "$size comes up" cluster up --size "$size"
    check "all its parts run" exits 0 cluster status
    check "it tells its version" prints v1.34.4 server_version
    check "a second up does nothing" same_daemons_after cluster up --size "$size"
    check "a running cluster does not change its version" exits 1 env KUBERNETES=1.37 "$here/cluster" up --size "$size" --name tested
    check "a version that is not here is refused" exits 1 env KUBERNETES=1.0 "$here/build" --dir
    check "a node is of the default version" exits 1 env KUBERNETES=1.37 "$here/build" kubelet
    check "a running cluster does not change its size" exits 1 cluster up --size "$(other_size "$size")"
    "test_use_of_${size//-/_}"
    [ "$size" != node ] || check "a second node on this machine is refused" exits 1 "$here/cluster" up --name other

    kill -s KILL "$(daemon_pids | head -n 1)"
    check "status tells that a part died" eventually exits 1 cluster status
    kill_daemons
    check "status tells that all parts died" eventually exits 3 cluster status
    reuse_pid_of etcd
    check "another process with a recorded number is not taken for the daemon" exits 3 cluster status
    check "after all daemons were killed, up starts anew" cluster up --size "$size"
    check "all its parts run again" exits 0 cluster status
    check "and the other process too" kill "$stranger"
    "test_use_of_${size//-/_}"

    kill_with_shims
    check "after all processes but the pods' were killed, down ends the rest" cluster down
    check "nothing is left" equal "$(traces)" "$before"
    check "down of no cluster is nothing" cluster down
}

# reuse_pid_of DAEMON: its pid file now holds the number of a process that is none of the cluster's.
reuse_pid_of() {
    sleep 600 &
    stranger=$!
    sed -i "s/^[0-9]*/$stranger/" "$state/run/$1.pid"
}

# A part that cannot start: here openssl, by a stand-in for it that comes first in the path.
test_failed_up() {
    local before
    before=$(traces)
    mkdir -p "$work/broken"
    printf '#!/bin/sh\necho no entropy today >&2\nexit 1\n' >"$work/broken/openssl"
    chmod +x "$work/broken/openssl"
    PATH=$work/broken:$PATH check "up fails with a part that cannot start" exits 1 cluster up --size control-plane
    PATH=$work/broken:$PATH check "and names its log" says "its log.*/openssl.log" cluster up --size control-plane
    check "where its messages are" grep -q "no entropy today" "$state/logs/openssl.log"
    check "status of what failed is down" exits 3 cluster status
    check "down removes it" cluster down
    check "and leaves nothing" equal "$(traces)" "$before"
}

server_version() { kubectl version -o json | python3 -c 'import json, sys; print(json.load(sys.stdin)["serverVersion"]["gitVersion"])'; }
other_size() { [ "$1" = node ] && echo control-plane || echo node; }
same_daemons_after() { local before; before=$(daemon_pids); "$@" && equal "$(daemon_pids)" "$before"; }

test_use_of_control_plane() {
    local version
    for version in v1alpha1 v1beta1; do
        check "Dynamo's CRD is served as $version" cluster crds "$version"
        check "and takes an object" apply_graph "$version"
    done
    check "an object goes with its owner" owned_object_is_collected
    check "no one blocks an owner's deletion without the right to" fails create_blocking_child
    check "gpus asks for a node" exits 1 cluster gpus 1
    check "a part that is killed starts again" another_daemon_after kube-apiserver cluster crash kube-apiserver 1
    check "and works" eventually kubectl get namespaces
    check "what does not run cannot be killed" exits 1 cluster crash kubelet 1
    check "nor for a time that is none" exits 1 cluster crash etcd soon
}

another_daemon_after() {
    local daemon=$1 before
    shift
    before=$(cat "$state/run/$daemon.pid")
    "$@" && fails equal "$(cat "$state/run/$daemon.pid")" "$before" && kill -0 "$(cut -d ' ' -f 1 "$state/run/$daemon.pid")"
}

apply_graph() {
    kubectl apply -f - <<YAML
apiVersion: nvidia.com/$1
kind: DynamoGraphDeployment
metadata: {name: graph-$1, namespace: default}
spec: {}
YAML
}

# config_map NAME OWNER_UID [BLOCK]
config_map() {
    cat <<YAML
apiVersion: v1
kind: ConfigMap
metadata:
  name: $1
  namespace: default
  ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: owner, uid: "$2", blockOwnerDeletion: ${3:-false}}]
YAML
}

owned_object_is_collected() {
    kubectl create configmap owner
    config_map owned "$(kubectl get configmap owner -o 'jsonpath={.metadata.uid}')" | kubectl apply -f -
    kubectl delete configmap owner
    eventually gone configmap owned
}

gone() { ! kubectl get "$@" >/dev/null 2>&1; }

create_blocking_child() {
    kubectl create configmap owner >/dev/null 2>&1 || true
    kubectl create role writer --verb create,get,patch --resource configmaps --dry-run=client -o yaml | kubectl apply -f - >/dev/null
    kubectl create rolebinding writer --role writer --user writer --dry-run=client -o yaml | kubectl apply -f - >/dev/null
    config_map blocking "$(kubectl get configmap owner -o 'jsonpath={.metadata.uid}')" true |
        kubectl create --as writer -f -
}

test_use_of_node() {
    make_probe_image
    check "an image is imported" prints "cluster: imported localhost/bcmp-probe:1" cluster import "$work/probe.tar"
    check "and not twice" prints "cluster: already there: localhost/bcmp-probe:1" cluster import "$work/probe.tar"
    rm "$work/probe.tar"
    check "a volume is made" prints "$state/volumes/results" cluster pv results 1Gi
    check "pods are created under Pod Security 'restricted'" kubectl apply -f "$here/test/pods.yaml"
    check "a privileged pod is refused there" fails kubectl run naked -n probe --image localhost/bcmp-probe:1
    check "a Job completes" kubectl wait -n probe --for condition=Complete job/client --timeout 60s
    check "having reached a Service by name; its log can be read" prints served kubectl logs -n probe job/client
    check "a Deployment becomes available" kubectl wait -n probe --for condition=Available deployment/server --timeout 60s
    check "two pods get 8 GPUs each and share a volume" eventually phases_are "Pending Running Running"
    check "the third is told why it waits" eventually third_waits_for_gpus
    check "it gets them when there are 24" cluster gpus 24
    check "and runs" eventually phases_are "Running Running Running"
    restart_kubelet
    check "the number outlives a restart of the kubelet" eventually gpus_are 24
    check "and so do the pods" phases_are "Running Running Running"
    kubectl delete deployment server -n probe --cascade=foreground >/dev/null
    check "a Deployment's pods go with it" eventually no_pods_of server
}

make_probe_image() {
    "$here/build" probe
    mkdir -p "$work/probe"
    cp "$("$here/build" --dir)/probe" "$work/probe/probe"
    "$here/oci-archive" "$work/probe" localhost/bcmp-probe:1 /probe >"$work/probe.tar"
    rm -r "$work/probe"
}

phases_are() {
    [ "$(kubectl get pods -n probe -l app=gpu -o 'jsonpath={.items[*].status.phase}' | xargs -n 1 | sort | xargs)" = "$1" ]
}

third_waits_for_gpus() { kubectl get events -n probe | grep -q 'Insufficient nvidia.com/gpu'; }
gpus_are() { equal "$(kubectl get node bcmp-node -o 'jsonpath={.status.allocatable.nvidia\.com/gpu}')" "$1"; }
no_pods_of() { [ -z "$(kubectl get pods -n probe -l "app=$1" -o name)" ]; }

# restart_kubelet: as its crash and a supervisor would.
restart_kubelet() {
    local pid command
    pid=$(cut -d ' ' -f 1 "$state/run/kubelet.pid")
    mapfile -d '' command <"/proc/$pid/cmdline"
    kill -s KILL "$pid"
    BCMP_PROCESS_OF=$state setsid "${command[@]}" >>"$state/logs/kubelet.log" 2>&1 </dev/null &
    sleep 5
}

clean_up() {
    cluster down >/dev/null 2>&1 || say "could not end the tested cluster at $state"
    rm -rf "$work"
}

main() {
    local size
    trap clean_up EXIT
    if [ $# -eq 0 ]; then
        set -- control-plane
        [ "$(id -u)" != 0 ] || set -- control-plane node
    fi
    test_failed_up
    for size; do
        test_life_of "$size"
    done
    [ "$failures" = 0 ] || die "$failures checks failed"
}

main "$@"
