# shellcheck shell=bash
# etcd, the API server, the controller manager and the scheduler.

control_plane_daemons=(kube-scheduler kube-controller-manager kube-apiserver etcd)

kubectl() { "$bin/kubectl" --kubeconfig "$state/kubeconfig" --cache-dir "$state/kubectl-cache" "$@"; }

api_ready() { kubectl get --raw /readyz --request-timeout=5s; }

start_etcd() {
    local client=https://127.0.0.1:$etcd_port peer=https://127.0.0.1:$peer_port pki=$state/pki
    # Nothing here is worth waiting for the disk.
    start etcd "$bin/etcd" --name bcmp --data-dir "$state/etcd" --unsafe-no-fsync --logger zap --log-level warn \
        --listen-client-urls "$client" --advertise-client-urls "$client" \
        --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "bcmp=$peer" \
        --client-cert-auth --trusted-ca-file "$pki/ca.crt" --cert-file "$pki/etcd.crt" --key-file "$pki/etcd.key" \
        --peer-client-cert-auth --peer-trusted-ca-file "$pki/ca.crt" \
        --peer-cert-file "$pki/etcd.crt" --peer-key-file "$pki/etcd.key"
}

etcd_listens() { (exec 3<>"/dev/tcp/127.0.0.1/$etcd_port") 2>/dev/null; }

# BCMP_AUDIT_POLICY: which requests are written down, in logs/audit.log, which is one file however long it gets.
audit_flags() {
    [ -z "${BCMP_AUDIT_POLICY:-}" ] || printf '%s\n' --audit-policy-file "$BCMP_AUDIT_POLICY" \
        --audit-log-path "$state/logs/audit.log" --audit-log-maxsize 100000
}

# start_apiserver FLAG…: the flags in which the two sizes differ.
start_apiserver() {
    local pki=$state/pki audit=()
    mapfile -t audit < <(audit_flags)
    start kube-apiserver "$bin/kube-apiserver" --bind-address "$api_address" --advertise-address "$api_address" \
        --secure-port "$api_port" \
        --etcd-servers "https://127.0.0.1:$etcd_port" --etcd-cafile "$pki/ca.crt" \
        --etcd-certfile "$pki/etcd.crt" --etcd-keyfile "$pki/etcd.key" \
        --client-ca-file "$pki/ca.crt" --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
        --service-account-issuer https://kubernetes.default.svc.cluster.local \
        --service-account-key-file "$pki/service-accounts.pub" \
        --service-account-signing-key-file "$pki/service-accounts.key" \
        --service-cluster-ip-range 10.96.0.0/16 --authorization-mode Node,RBAC --allow-privileged --profiling=false \
        --enable-admission-plugins NodeRestriction,OwnerReferencesPermissionEnforcement "${audit[@]}" "$@"
}

start_controller_manager() {
    start kube-controller-manager "$bin/kube-controller-manager" --kubeconfig "$state/kubeconfigs/controller-manager" \
        --use-service-account-credentials --root-ca-file "$state/pki/ca.crt" \
        --service-account-private-key-file "$state/pki/service-accounts.key" \
        --flex-volume-plugin-dir "$state/kubelet/volume-plugins" \
        --kube-api-qps 500 --kube-api-burst 1000 --leader-elect=false --secure-port 0 --profiling=false
}

start_scheduler() {
    start kube-scheduler "$bin/kube-scheduler" --kubeconfig "$state/kubeconfigs/scheduler" \
        --kube-api-qps 500 --kube-api-burst 1000 --leader-elect=false --secure-port 0 --profiling=false
}

# Service accounts come from the controller manager: until a namespace has its own, pods in it are refused.
service_accounts_made() { kubectl get serviceaccount default --namespace default; }

start_control_plane() {
    lock_ports
    read -r api_port etcd_port peer_port < <(choose_ports 3) || die "no ports chosen"
    api_url=https://$api_address:$api_port
    make_authority
    make_control_plane_certificates
    start_etcd
    await etcd 30 etcd_listens
    start_apiserver "$@"
    await kube-apiserver 120 api_ready
    unlock_ports
    start_controller_manager
    start_scheduler
    await kube-controller-manager 60 service_accounts_made
    await kube-scheduler 1 true
}
