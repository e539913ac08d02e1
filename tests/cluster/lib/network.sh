# shellcheck shell=bash
# The node's network: a bridge of our own, which the API server, the kubelet and DNS listen on, and what the node
# changes in the kernel's settings and packet filter. Pods reach each other and this machine, not the world outside.

bridge=bcmp0
bridge_address=10.88.0.1
pod_subnet=10.88.0.0/16

# The settings that the bridge plugin, the kubelet and kube-proxy change for the whole machine.
changed_settings=(net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables net.bridge.bridge-nf-call-ip6tables
    vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops
    kernel.keys.root_maxkeys kernel.keys.root_maxbytes)

setting_file() { echo "/proc/sys/${1//.//}"; }

remember_settings() {
    local setting file
    for setting in "${changed_settings[@]}"; do
        file=$(setting_file "$setting")
        [ ! -r "$file" ] || echo "$setting $(cat "$file")"
    done >"$state/settings"
}

restore_settings() {
    local setting value
    [ -f "$state/settings" ] || return 0
    while read -r setting value; do
        echo "$value" >"$(setting_file "$setting")"
    done <"$state/settings"
    rm "$state/settings"
}

# The bridge's alias says whose it is.
bridge_owner() { cat "/sys/class/net/$bridge/ifalias" 2>/dev/null; }

check_subnet_is_free() {
    local other
    other=$(ip -4 -o address show | awk -v bridge="$bridge" '$2 != bridge && $4 ~ /^10\.88\./ { print $2 " (" $4 ")" }')
    [ -z "$other" ] || die "the pods' subnet $pod_subnet is in use on $other: podman's default network is the usual owner"
}

make_bridge() {
    check_subnet_is_free
    {
        ip link add "$bridge" type bridge &&
            ip link set "$bridge" alias "$state" &&
            ip address add "$bridge_address/16" dev "$bridge" &&
            ip link set "$bridge" up
    } 2>>"$state/logs/network.log" || part_failed network "could not make the bridge $bridge"
    echo 1 >/proc/sys/net/ipv4/ip_forward
    # Docker lets nothing be forwarded but what is its own.
    iptables_lines <<<"$(printf '%s\n' '*filter' ':BCMP-FORWARD -' "-A BCMP-FORWARD -i $bridge -j ACCEPT" \
        "-A BCMP-FORWARD -o $bridge -j ACCEPT" '-I FORWARD -j BCMP-FORWARD' COMMIT)" ||
        part_failed network "could not add to the packet filter"
}

iptables_lines() { iptables-restore --noflush 2>>"$state/logs/network.log"; }

remove_bridge() {
    [ ! -e "/sys/class/net/$bridge" ] || ip link delete "$bridge"
}

# remove_chains: our chains and those of kubelet and kube-proxy, and the rules that jump to them; no other rule moves.
remove_chains() {
    local tool
    for tool in iptables ip6tables; do
        command -v "$tool" >/dev/null || continue
        "$tool-save" 2>/dev/null | chain_removal | "$tool-restore" --noflush ||
            die "could not remove the chains KUBE-* and BCMP-* from $tool"
    done
}

# chain_removal: the output of iptables-save to what iptables-restore --noflush needs to hear.
chain_removal() {
    awk '
        /^\*/ { table = $0; chains = ""; jumps = ""; next }
        /^:(KUBE|BCMP)-/ { chain = substr($1, 2); chains = chains "-F " chain "\n"; ends = ends "-X " chain "\n"; next }
        /^-A (KUBE|BCMP)-/ { next }
        /^-A .*-j (KUBE|BCMP)-/ { sub(/^-A/, "-D"); jumps = jumps $0 "\n"; next }
        /^COMMIT/ { if (chains != "") printf "%s\n%s%s%sCOMMIT\n", table, jumps, chains, ends; ends = "" }'
}
