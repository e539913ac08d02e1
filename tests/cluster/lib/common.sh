# shellcheck shell=bash
# Messages to people, on stderr: stdout belongs to what a command is asked to print.

say() { printf '%s\n' "cluster: $*" >&2; }

die() {
    printf '%s\n' "cluster: error: $*" >&2
    exit 1
}

# need_command COMMAND WHAT
need_command() {
    command -v "$1" >/dev/null || die "$1 is missing: install $2"
}

# wait_for_crd NAME: until objects of its kind are served. Asked again and again: `kubectl wait` fails at once on a CRD so
# young that it has no conditions. Uses the caller's kubectl.
wait_for_crd() {
    wait_for 30 kubectl wait --for=condition=Established "crd/$1" --timeout=30s >/dev/null || die "the CRD $1 is not established"
}

# wait_for SECONDS COMMAND…: true as soon as the command is, false when the time is over.
wait_for() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.2
    done
}
