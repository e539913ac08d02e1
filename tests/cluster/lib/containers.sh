# shellcheck shell=bash
# A containerd of our own, with its own root, state and socket: a host's containerd is not touched.

pause_image=localhost/bcmp-pause:1

ctr() { command ctr --address "$state/containerd/containerd.sock" --namespace k8s.io "$@"; }

write_containerd_config() {
    local directory=$state/containerd
    mkdir -p "$directory" "$state/cni/conf"
    # restrict_oom_score_adj: without CAP_SYS_RESOURCE no sandbox could start with the score that the kubelet asks for.
    cat >"$directory/config.toml" <<TOML
version = 2
root = "$directory/root"
state = "$directory/state"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "$directory/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "$directory/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$pause_image"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$state/cni/conf"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    options = {Root = "$directory/runc"}
TOML
    cat >"$state/cni/conf/10-bcmp.conflist" <<JSON
{
  "cniVersion": "0.4.0",
  "name": "bcmp",
  "plugins": [{
    "type": "bridge", "bridge": "$bridge", "isGateway": true, "hairpinMode": true,
    "ipam": {"type": "host-local", "dataDir": "$state/cni/addresses", "ranges": [[{"subnet": "$pod_subnet"}]],
             "routes": [{"dst": "0.0.0.0/0"}]}
  }]
}
JSON
}

start_containerd() {
    write_containerd_config
    start containerd containerd --config "$state/containerd/config.toml"
    await containerd 30 ctr version
    mkdir -p "$state/containerd/pause"
    cp "$bin/pause" "$state/containerd/pause/pause"
    "$here/oci-archive" "$state/containerd/pause" "$pause_image" /pause >"$state/containerd/pause.tar"
    import_image "$state/containerd/pause.tar"
}

# images_in ARCHIVE: "NAME DIGEST" of each image in an OCI archive.
images_in() {
    python3 - "$1" <<'PYTHON'
import json, sys, tarfile

NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
with tarfile.open(sys.argv[1]) as archive:
    index = json.load(archive.extractfile("index.json"))
for manifest in index["manifests"]:
    annotations = manifest.get("annotations", {})
    name = next((annotations[key] for key in NAMES if key in annotations), "")
    if "/" not in name or ":" not in name:
        sys.exit(f"the image's name is {name!r}: give it a full one, like localhost/NAME:TAG")
    print(name, manifest["digest"])
PYTHON
}

# import_image ARCHIVE: unless the same images are there under the same names.
import_image() {
    local archive=$1 wanted missing
    [ -f "$archive" ] || die "there is no file $archive"
    wanted=$(images_in "$archive" 2>&1) || die "$archive is no OCI archive that can be imported: $(tail -n 1 <<<"$wanted")"
    missing=$(comm -23 <(sort <<<"$wanted") <(ctr images list | awk '{ print $1, $3 }' | sort))
    if [ -z "$missing" ]; then
        say "already there: $(cut -d ' ' -f 1 <<<"$wanted" | xargs)"
        return
    fi
    ctr images import "$archive" >>"$state/logs/import.log" 2>&1 || part_failed import "of $archive failed"
    say "imported $(cut -d ' ' -f 1 <<<"$wanted" | xargs)"
}

import_images() {
    local archive
    for archive; do
        import_image "$archive"
    done
}
