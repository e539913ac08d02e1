# shellcheck shell=bash
# One certificate authority for the cluster, and an identity for each of its parts.

openssl_logged() { openssl "$@" 2>>"$state/logs/openssl.log" || part_failed openssl "$1 did not work"; }

# certificate NAME SUBJECT [ADDRESSES]: pki/NAME.crt and NAME.key, for clients, and for servers at ADDRESSES.
certificate() {
    local name=$1 subject=$2 addresses=${3:-} pki=$state/pki
    {
        echo "basicConstraints=critical,CA:FALSE"
        echo "extendedKeyUsage=clientAuth,serverAuth"
        [ -z "$addresses" ] || echo "subjectAltName=$addresses"
    } >"$pki/$name.ext"
    openssl_logged req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$subject" \
        -keyout "$pki/$name.key" -out "$pki/$name.csr"
    openssl_logged x509 -req -in "$pki/$name.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -CAcreateserial -days 365 \
        -extfile "$pki/$name.ext" -out "$pki/$name.crt"
    rm "$pki/$name.csr" "$pki/$name.ext"
}

# kubeconfig_for NAME FILE: a kubeconfig with the identity pki/NAME.
kubeconfig_for() {
    local name=$1 file=$2
    cat >"$file" <<YAML
apiVersion: v1
kind: Config
current-context: bcmp
clusters:
- name: bcmp
  cluster: {server: "$api_url", certificate-authority-data: $(base64 -w 0 "$state/pki/ca.crt")}
users:
- name: $name
  user:
    client-certificate-data: $(base64 -w 0 "$state/pki/$name.crt")
    client-key-data: $(base64 -w 0 "$state/pki/$name.key")
contexts:
- name: bcmp
  context: {cluster: bcmp, user: $name}
YAML
}

make_authority() {
    local pki=$state/pki
    mkdir -p "$pki" "$state/kubeconfigs"
    openssl_logged req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 \
        -subj /CN=bcmp-test-cluster -keyout "$pki/ca.key" -out "$pki/ca.crt"
    openssl_logged genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$pki/service-accounts.key"
    openssl_logged pkey -in "$pki/service-accounts.key" -pubout -out "$pki/service-accounts.pub"
}

make_control_plane_certificates() {
    local service=kubernetes.default.svc
    certificate etcd /CN=etcd "IP:127.0.0.1"
    certificate apiserver /O=system:masters/CN=kube-apiserver \
        "IP:127.0.0.1,IP:$api_address,IP:10.96.0.1,DNS:localhost,DNS:kubernetes.default,DNS:$service,DNS:$service.cluster.local"
    certificate admin /O=system:masters/CN=admin
    certificate controller-manager /CN=system:kube-controller-manager
    certificate scheduler /CN=system:kube-scheduler
    kubeconfig_for admin "$state/kubeconfig"
    kubeconfig_for controller-manager "$state/kubeconfigs/controller-manager"
    kubeconfig_for scheduler "$state/kubeconfigs/scheduler"
}
