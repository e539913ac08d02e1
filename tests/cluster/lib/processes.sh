# shellcheck shell=bash
# Daemons: started, recognised and ended so that a stranger is never taken for one of ours.
#
# A pid file holds "PID START BOOT": a number used again, or used before a reboot, differs in the other two.
# Daemons also carry $state in their environment and hand it down (to containerd's shims), so that those without a pid
# file are found too.

# identity PID: "PID START BOOT" of a live process.
identity() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    # The command's name may hold blanks and brackets: count the fields from its last bracket on.
    read -ra stat <<<"${stat##*) }"
    [ "${stat[0]}" != Z ] || return 1
    echo "$1 ${stat[19]} $(cat /proc/sys/kernel/random/boot_id)"
}

pid_file() { echo "$state/run/$1.pid"; }

# running DAEMON: its process is the one that was started.
running() {
    local recorded pid
    recorded=$(cat "$(pid_file "$1")" 2>/dev/null) || return 1
    pid=${recorded%% *}
    [[ $pid =~ ^[0-9]+$ ]] && [ "$(identity "$pid")" = "$recorded" ]
}

# start DAEMON COMMAND…
start() {
    local daemon=$1 pid
    shift
    BCMP_PROCESS_OF=$state setsid "$@" >>"$state/logs/$daemon.log" 2>&1 </dev/null 7>&- 8>&- &
    pid=$!
    identity "$pid" >"$(pid_file "$daemon")" || part_failed "$daemon" "ended at once"
}

# part_failed DAEMON WHAT: says so with the end of its log, and gives up.
part_failed() {
    local log=$state/logs/$1.log
    if [ -s "$log" ]; then
        tail -n 15 "$log" | cut -c -400 >&2
    fi
    die "$1 $2; its log, whose end is above: $log"
}

# await DAEMON SECONDS COMMAND…: waits until the command is true while the daemon lives.
await() {
    local daemon=$1 seconds=$2
    shift 2
    wait_for "$seconds" ended_or "$daemon" "$@" || part_failed "$daemon" "was not ready within $seconds s"
    running "$daemon" || part_failed "$daemon" "ended while starting"
}

ended_or() {
    local daemon=$1
    shift
    ! running "$daemon" || "$@" >/dev/null 2>&1
}

# stop DAEMON…: all at once; who has not ended after 5 s is killed.
stop() {
    local daemon stopping=()
    for daemon; do
        if running "$daemon"; then
            stopping+=("$daemon")
            send TERM "$daemon"
        fi
    done
    wait_for 5 none_running "${stopping[@]}" || true
    for daemon in "${stopping[@]}"; do
        ! running "$daemon" || send KILL "$daemon"
    done
    wait_for 5 none_running "${stopping[@]}" || die "cannot end: ${stopping[*]}"
    for daemon; do
        rm -f "$(pid_file "$daemon")"
    done
}

# crash DAEMON SECONDS: killed without warning, and started again as it was after that time.
crash() {
    local daemon=$1 recorded command
    [[ $2 =~ ^[0-9]{1,3}$ ]] || die "crash $daemon $2: must be seconds from 0 to 999"
    running "$daemon" || die "$daemon does not run"
    recorded=$(cat "$(pid_file "$daemon")")
    mapfile -d '' -t command <"/proc/${recorded%% *}/cmdline"
    send KILL "$daemon"
    wait_for 5 none_running "$daemon" || die "cannot end $daemon"
    sleep "$2"
    start "$daemon" "${command[@]}"
}

send() {
    local recorded
    recorded=$(cat "$(pid_file "$2")")
    kill -s "$1" "${recorded%% *}" 2>/dev/null || true
}

none_running() {
    local daemon
    for daemon; do
        ! running "$daemon" || return 1
    done
}

# marked_processes: pids of all processes started for this cluster, pid file or not.
marked_processes() {
    grep -lzxF "BCMP_PROCESS_OF=$state" /proc/[0-9]*/environ 2>/dev/null | cut -d / -f 3 || true
}

listed_processes() { cut -d ' ' -f 1 "$state"/run/*.pid 2>/dev/null || true; }

# kill_unlisted_processes: of them, those without a pid file.
kill_unlisted_processes() {
    local pids
    pids=$(comm -23 <(marked_processes | sort) <(listed_processes | sort))
    # shellcheck disable=SC2086  # one word for each pid
    [ -z "$pids" ] || kill -s KILL $pids 2>/dev/null || true
}

no_marked_processes() { [ -z "$(marked_processes)" ]; }

# kill_marked_processes: what is left when the daemons were stopped.
kill_marked_processes() {
    local pids
    pids=$(marked_processes)
    [ -n "$pids" ] || return 0
    # shellcheck disable=SC2086  # one word for each pid
    kill -s KILL $pids 2>/dev/null || true
    wait_for 5 no_marked_processes || die "cannot end processes $(marked_processes | xargs)"
}
