# shellcheck shell=bash
# Parts and images, each made once and named by a hash of all that decides its content.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/bcmp/images

progress() { printf '%s\n' "images: $* (${SECONDS} s since the start)" >&2; }

fail() {
    printf '%s\n' "images: error: $*" >&2
    exit 1
}

need_command() { command -v "$1" >/dev/null || fail "$1 is missing: install $2"; }

# One build at a time. The lock is the directory itself.
lock_cache() {
    mkdir -p "$cache"
    exec 9<"$cache"
    flock --nonblock 9 || { progress "another build is running: waiting for it"; flock 9; }
}

# files DIRECTORY…: names and contents of all files below, but not what Python keeps there.
files() {
    find "$@" -type f ! -path '*/__pycache__/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sed "s,$project/,,"
}

hash_of() { sha256sum | cut -c -16; }

part_path() { echo "$cache/part-$1-$(inputs "$1" | hash_of)"; }

# part NAME: the directory of a part, made if it is missing.
part() {
    local path started=$SECONDS
    path=$(part_path "$1")
    if [ ! -d "$path" ]; then
        progress "making $1 …"
        rm -rf "$path.new"
        mkdir -p "$path.new"
        "make_$1" "$path.new"
        mv "$path.new" "$path"
        forget_older "part-$1" "$path"
        progress "made $1 in $((SECONDS - started)) s, $(du -sh "$path" | cut -f 1)"
    fi
    touch "$path"
    echo "$path"
}

# image NAME PARTS OPTION…: prints the path of the image's archive, written if it is missing.
image() {
    local name=$1 parts=$2 path started part layers=()
    shift 2
    path=$cache/$name-$({ for part in $parts; do inputs "$part"; done; cat "$here/oci_image.py"; printf '%s\n' "$@"; } | hash_of).tar
    if [ ! -f "$path" ]; then
        for part in $parts; do
            layers+=("$(part "$part")")
        done
        started=$SECONDS
        progress "writing the image $name …"
        python3 "$here/oci_image.py" "$@" "$path" "${layers[@]}"
        forget_older "$name" "$path"
        progress "wrote the image $name in $((SECONDS - started)) s, $(du -sh "$path" | cut -f 1)"
    fi
    touch "$path"
    echo "$path"
}

# forget_older NAME PATH: what PATH replaces, unless another checkout made or used it in the last days.
forget_older() {
    find "$cache" -maxdepth 1 -name "$1-????????????????*" ! -path "$2" -mtime +3 -exec rm -rf {} +
}

# debian_mirror: the mirror that this machine's apt uses, where it is Debian; else debootstrap's own default.
debian_mirror() {
    [ "$(. /etc/os-release && echo "$ID")" = debian ] || return 0
    apt-get indextargets --format '$(SITE) $(CODENAME) $(COMPONENT) $(ORIGIN)' 2>/dev/null |
        awk -v release="$release" '$2 == release && $3 == "main" && $4 == "Debian" { print $1; exit }'
}

# download_pip: a pip for the base's Python, as this machine's own pip finds it; sets pip_wheel.
download_pip() {
    pip_wheel=$cache/pip/pip-$pip_version-py3-none-any.whl
    [ -f "$pip_wheel" ] || python3 -m pip download --quiet --no-deps --dest "$cache/pip" "pip==$pip_version" >&2 ||
        fail "cannot download pip $pip_version: is Python's pip installed?"
}

# in_base [--bind SOURCE TARGET]… COMMAND…: runs a command in the base, with this machine's network, name resolution,
# certificates and pip configuration. Its mounts are seen by nobody else and end with it; the base stays as it is.
in_base() {
    local binds=() base
    while [ "$1" = --bind ]; do
        binds+=("$2:$3")
        shift 3
    done
    base=$(part base)
    unshare --mount --fork bash -euc '
        base=$1 count=$2
        shift 2
        root=$(mktemp -d)
        trap "umount --lazy $root; rmdir $root" EXIT
        mount -t tmpfs tmpfs "$root"
        mkdir "$root"/{upper,work,root}
        mount -t overlay overlay -o "lowerdir=$base,upperdir=$root/upper,workdir=$root/work" "$root/root"
        mount -t proc proc "$root/root/proc"
        for device in null zero urandom; do
            touch "$root/root/dev/$device"
            mount --bind "/dev/$device" "$root/root/dev/$device"
        done
        mkdir -p "$root/root/dev/shm"
        mount -t tmpfs tmpfs "$root/root/dev/shm"
        for file in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/ssl/certs/ca-certificates.crt "$HOME/.config/pip/pip.conf"; do
            [ ! -f "$file" ] || install -D "$file" "$root/root$file"
        done
        while [ "$count" -gt 0 ]; do
            mkdir -p "$root/root${1#*:}"
            mount --bind "${1%%:*}" "$root/root${1#*:}"
            shift
            count=$((count - 1))
        done
        chroot "$root/root" "$@"
    ' in_base "$base" ${#binds[@]} "${binds[@]}" "$@"
}
