# shellcheck shell=bash
# Ends and removes what a cluster of size node left, however it ended: pods, shims, mounts, the bridge, chains, groups.

pod_processes() {
    local root
    for root in $(group_roots); do
        [ ! -d "$root/$pod_group" ] || find "$root/$pod_group" -name cgroup.procs -exec cat {} +
    done 2>/dev/null | sort -u
}

no_pod_processes() { [ -z "$(pod_processes)" ]; }

kill_pods() {
    local pids round
    # Again, for those that were forked meanwhile.
    for round in 1 2 3 4 5; do
        pids=$(pod_processes)
        [ -n "$pids" ] || return 0
        # shellcheck disable=SC2086  # one word for each pid
        kill -s KILL $pids 2>/dev/null || true
        wait_for 2 no_pod_processes && return
    done
    die "cannot end the pods' processes after  rounds: $(pod_processes | xargs)"
}

mounts_below() {
    awk -v prefix="$state/" 'index($5, prefix) == 1 { print $5 }' /proc/self/mountinfo | sort -r
}

unmount_all() {
    local mount
    while read -r mount; do
        umount "$mount" 2>/dev/null || umount --lazy "$mount"
    done < <(mounts_below)
    [ -z "$(mounts_below)" ] || die "still mounted: $(mounts_below | xargs)"
}

remove_pod_groups() {
    local root
    for root in $(group_roots); do
        [ ! -d "$root/$pod_group" ] || find "$root/$pod_group" -depth -type d -exec rmdir {} + ||
            die "could not remove the control group $root/$pod_group"
    done
}

# Files that the node's programs keep outside $state, at places compiled into them.
remove_strewn_files() {
    local socket
    # Shims' sockets, whichever containerd's, that have lost their process.
    for socket in /run/containerd/s/*; do
        grep -qF " $socket" /proc/net/unix || rm -f "$socket"
    done
    find /var/lib/cni/results -type f -exec grep -qF "$state/" {} \; -delete 2>/dev/null || true
    find /var/log/containers -lname "$state/*" -delete 2>/dev/null || true
    rm -rf /var/lib/kubelet/device-plugins/{kubelet.sock,kubelet_internal_checkpoint,DEPRECATION}
    rmdir --ignore-fail-on-non-empty /run/containerd/{s,} /var/lib/cni/{results,} /var/log/containers \
        /var/lib/kubelet/{device-plugins,} 2>/dev/null || true
}

# end_node: in an order in which nothing comes back: who starts pods, the pods with their shims, the other daemons.
end_node() {
    stop kubelet
    kill_unlisted_processes
    kill_pods
    stop "${node_daemons[@]}"
}

remove_node() {
    unmount_all
    remove_bridge
    remove_chains
    remove_pod_groups
    remove_strewn_files
    restore_settings
}

# remove_lost_node: what is left of a cluster whose state directory somebody removed: the bridge still names it.
remove_lost_node() {
    local state
    state=$(bridge_owner) || return 0
    [ ! -d "$state" ] || return 0
    say "cleaning up what a cluster once at $state left"
    end_node
    kill_marked_processes
    remove_node
}
