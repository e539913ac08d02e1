# shellcheck shell=bash
# Volumes that tests can claim: directories of the node, below the cluster's own.

# bcmp-local is the default class, so a claim that names none gets one of these volumes too.
make_storage_class() {
    kubectl apply --server-side --field-manager bcmp-cluster -f - >/dev/null <<YAML
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: bcmp-local, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: Immediate
YAML
}

# make_volume NAME SIZE [CLASS]: prints the volume's directory.
make_volume() {
    local volume=$1 size=$2 class=${3-bcmp-local} directory=$state/volumes/$1
    [[ $volume =~ ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$ ]] || die "pv $volume: a name of lower-case letters, digits and dashes"
    make_storage_class
    mkdir -p "$directory"
    # Pods of any user write there: fsGroup does not reach host paths.
    chmod 0777 "$directory"
    kubectl apply --server-side --field-manager bcmp-cluster -f - >&2 <<YAML
apiVersion: v1
kind: PersistentVolume
metadata: {name: $volume}
spec:
  storageClassName: "$class"
  capacity: {storage: $size}
  accessModes: [ReadWriteOnce, ReadOnlyMany, ReadWriteMany]
  persistentVolumeReclaimPolicy: Retain
  hostPath: {path: $directory, type: Directory}
YAML
    echo "$directory"
}
