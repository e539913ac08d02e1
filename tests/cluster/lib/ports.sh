# shellcheck shell=bash
# Free ports on this machine, below the range that the kernel gives to outgoing connections.

first_port=16443
last_port=18000

listening_ports() {
    # Local addresses end in the port, in hexadecimal; state 0A is LISTEN.
    awk '$4 == "0A" { n = split($2, part, ":"); print part[n] }' /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        while read -r port; do echo $((16#$port)); done
}

# lock_ports: one cluster at a time chooses its ports, until unlock_ports, when it listens on them. Locking the
# directory itself leaves no file behind.
lock_ports() {
    exec 8</tmp
    flock 8
}

unlock_ports() { exec 8<&-; }

# choose_ports COUNT: prints that many free ports in a row.
choose_ports() {
    local count=$1 taken port chosen
    taken=" $(listening_ports | xargs) "
    for ((port = first_port; port < last_port; port += count)); do
        chosen=$(seq -s ' ' "$port" $((port + count - 1)))
        none_taken "$taken" "$chosen" || continue
        echo "$chosen"
        return
    done
    die "no $count free ports in a row between $first_port and $last_port"
}

none_taken() {
    local port
    for port in $2; do
        [[ $1 != *" $port "* ]] || return 1
    done
}
