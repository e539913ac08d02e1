# shellcheck shell=bash
# What makes a node of this machine: kubelet, kube-proxy, DNS and GPUs that do not exist.

# In the order in which they are stopped: first who would start pods again.
node_daemons=(kubelet gpu-plugin kube-proxy coredns containerd)
node_name=bcmp-node
# All pods live below this control group.
pod_group=bcmp
dns_address=10.96.0.10

check_node_machine() {
    local owner
    [ "$(id -u)" = 0 ] || die "a cluster of size node needs root; --size control-plane does not"
    local missing=() command
    for command in containerd ctr runc iptables-restore ip conntrack openssl python3; do
        command -v "$command" >/dev/null || missing+=("$command")
    done
    [ -x /usr/lib/cni/bridge ] || missing+=(/usr/lib/cni/bridge)
    [ ${#missing[@]} -eq 0 ] || die "missing: ${missing[*]}; $here/packages installs them"
    # Sockets have short names.
    [ ${#state} -le 60 ] || die "the path $state is too long for the sockets below it (60 characters): set BCMP_STATE"
    owner=$(bridge_owner || true)
    if [ -n "$owner" ] && [ "$owner" != "$state" ] && [ -d "$owner" ]; then
        die "the cluster at $owner uses this machine as its node: end that one first" \
            "(BCMP_STATE=$(dirname "$owner") $here/cluster down --name $(basename "$owner"))"
    fi
    ! listening_ports | grep -qx 10250 || [ -n "$owner" ] || die "port 10250 is taken: another kubelet runs on this machine"
}

group_roots() {
    # Version 1 has a tree for each controller, version 2 one for all; a hybrid machine has both.
    awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/mounts
}

make_pod_groups() {
    local root
    for root in $(group_roots); do
        if [ -f "$root/cgroup.subtree_control" ]; then
            sed 's/[^ ]*/+&/g' "$root/cgroup.controllers" >"$root/cgroup.subtree_control" 2>/dev/null || true
        fi
        mkdir -p "$root/$pod_group"
    done
    pods_come_first
    # A new cpuset of version 1 is empty, and so is what could run in it.
    if [ -f /sys/fs/cgroup/cpuset/cpuset.cpus ]; then
        cat /sys/fs/cgroup/cpuset/cpuset.cpus >"/sys/fs/cgroup/cpuset/$pod_group/cpuset.cpus"
        cat /sys/fs/cgroup/cpuset/cpuset.mems >"/sys/fs/cgroup/cpuset/$pod_group/cpuset.mems"
    fi
}

# As on a cluster whose control plane has machines of its own: what it does delays no pod. Version 1 and 2.
pods_come_first() {
    local limit
    for limit in /sys/fs/cgroup/cpu/$pod_group/cpu.shares=100000 /sys/fs/cgroup/$pod_group/cpu.weight=10000; do
        [ ! -f "${limit%=*}" ] || echo "${limit#*=}" >"${limit%=*}"
    done
}

start_kubelet() {
    certificate kubelet "/O=system:nodes/CN=system:node:$node_name" "IP:$bridge_address,DNS:$node_name"
    kubeconfig_for kubelet "$state/kubeconfigs/kubelet"
    mkdir -p "$state/kubelet"
    echo "nameserver $bridge_address" >"$state/kubelet/resolv.conf"
    # No eviction, no image collection: images cannot be pulled again, and a full disk is not what is tested.
    cat >"$state/kubelet/config.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $bridge_address
healthzBindAddress: 127.0.0.1
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $state/pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $state/pki/kubelet.crt
tlsPrivateKeyFile: $state/pki/kubelet.key
containerRuntimeEndpoint: unix://$state/containerd/containerd.sock
clusterDNS: [$dns_address]
clusterDomain: cluster.local
resolvConf: $state/kubelet/resolv.conf
podLogsDir: $state/kubelet/pod-logs
volumePluginDir: $state/kubelet/volume-plugins
cgroupDriver: cgroupfs
cgroupRoot: /$pod_group
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
evictionHard: {}
imageGCHighThresholdPercent: 100
nodeStatusUpdateFrequency: 2s
YAML
    start kubelet "$bin/kubelet" --config "$state/kubelet/config.yaml" --root-dir "$state/kubelet" \
        --kubeconfig "$state/kubeconfigs/kubelet" --hostname-override "$node_name" --node-ip "$bridge_address" \
        --node-labels nvidia.com/gpu.product=NVIDIA-H200
}

start_kube_proxy() {
    certificate kube-proxy /CN=system:kube-proxy
    kubeconfig_for kube-proxy "$state/kubeconfigs/kube-proxy"
    # masqueradeAll: answers come back through this machine, whether or not its bridges pass by the packet filter.
    # conntrack zeros: the machine's own limits stay as they are.
    cat >"$state/kube-proxy.yaml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
bindAddress: $bridge_address
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
clientConnection: {kubeconfig: $state/kubeconfigs/kube-proxy}
clusterCIDR: $pod_subnet
hostnameOverride: $node_name
mode: iptables
iptables: {masqueradeAll: true, localhostNodePorts: false}
nodePortAddresses: [$pod_subnet]
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
YAML
    start kube-proxy "$bin/kube-proxy" --config "$state/kube-proxy.yaml"
}

start_coredns() {
    cat >"$state/Corefile" <<TEXT
.:53 {
    bind $bridge_address
    ready 127.0.0.1:8181
    errors
    kubernetes cluster.local 10.in-addr.arpa {
        kubeconfig $state/kubeconfig bcmp
        pods insecure
    }
}
TEXT
    start coredns "$bin/coredns" -conf "$state/Corefile"
    kubectl apply --server-side --field-manager bcmp-cluster -f - >/dev/null <<YAML
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec:
  clusterIP: $dns_address
  ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kube-dns, namespace: kube-system, labels: {kubernetes.io/service-name: kube-dns}}
addressType: IPv4
endpoints: [{addresses: [$bridge_address], conditions: {ready: true}}]
ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
YAML
}

# See go/kubernetes/gpu-plugin.
start_gpus() {
    wait_for 30 test -d "$state/kubelet/plugins_registry" || part_failed kubelet "made no plugins_registry within 30 s"
    start gpu-plugin "$bin/gpu-plugin" "$state/kubelet/plugins_registry/bcmp-gpu.sock" "$state/gpus"
}

set_gpus() {
    [[ $1 =~ ^[0-9]{1,4}$ ]] || die "gpus $1: must be a number from 0 to 9999"
    echo "$1" >"$state/gpus.new"
    mv "$state/gpus.new" "$state/gpus"
}

gpus_offered() {
    [ "$(kubectl get node "$node_name" -o 'jsonpath={.status.allocatable.nvidia\.com/gpu}')" = "$1" ]
}

change_gpus() {
    set_gpus "$1"
    await gpu-plugin 60 gpus_offered "$1"
    say "the node offers $1 nvidia.com/gpu"
}

node_ready() {
    [ "$(kubectl get node "$node_name" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')" = True ]
}

kube_proxy_ready() { kubectl get --raw / >/dev/null && iptables-save -t nat | grep -q KUBE-SVC-; }

dns_ready() { (exec 3<>/dev/tcp/127.0.0.1/8181 && printf 'GET /ready HTTP/1.0\r\n\r\n' >&3 && grep -q '200 OK' <&3) 2>/dev/null; }

start_node_size() {
    api_address=$bridge_address
    set_gpus "${BCMP_GPUS:-16}"
    remove_lost_node
    remember_settings
    make_bridge
    make_pod_groups
    start_containerd
    start_control_plane --kubelet-client-certificate "$state/pki/apiserver.crt" \
        --kubelet-client-key "$state/pki/apiserver.key" --kubelet-certificate-authority "$state/pki/ca.crt" \
        --kubelet-preferred-address-types InternalIP
    start_kubelet
    start_kube_proxy
    start_coredns
    start_gpus
    await kubelet 60 node_ready
    await kube-proxy 60 kube_proxy_ready
    await coredns 60 dns_ready
    await gpu-plugin 60 gpus_offered "$(cat "$state/gpus")"
}
