#!/bin/sh
# Stands in for AIPerf: leaves the files it leaves, and ends as it ends. For each concurrency, one line of
# behaviour/<concurrency> is used up by each call; without one, all goes well.
here=$(dirname "$(dirname "$0")")
if [ "$1" = --version ]; then
    cat "$here/version"
    exit
fi
all=$*
all=--api-key${all##*--api-key}
while [ $# -gt 0 ]; do
    case $1 in
    --concurrency) concurrency=$2 ;;
    --request-count) requests=$2 ;;
    --artifact-dir) out=$2 ;;
    esac
    shift
done
echo "$concurrency" >>"$here/calls"
behaviour=$here/behaviour/$concurrency
how=$(head -n 1 "$behaviour" 2>/dev/null)
[ -z "$how" ] || sed -i 1d "$behaviour"

summary() {
    sed "s/\"REQUESTS\"/$requests/" "$here/summaries/$concurrency.json"
}

echo "measuring $concurrency"
mkdir "$TMPDIR/prompts" && echo prompt >"$TMPDIR/prompts/1" # left behind, as by a tool that is killed
case $how in
'') summary >"$out/profile_export_aiperf.json" ;;
killed) # out of memory: some records, no summary
    echo '{"metadata":{"benchmark_phase":"profi' >"$out/profile_export.jsonl"
    kill -KILL $$
    ;;
cut-off) summary | head -c 900 >"$out/profile_export_aiperf.json" ;;
nothing) ;; # and still exit code 0
tells) # everything it was called with, and fails
    echo "ERROR called with $all" | tee "$out/inputs.log" >&2
    exit 1
    ;;
tells-well) # the same in its result
    summary | sed "1s#^{#{\"cli_command\": \"$all\",#" >"$out/profile_export_aiperf.json"
    ;;
bad-flag)
    echo 'Unknown option: "--nope"' >&2
    exit 1
    ;;
most-fail) # a complete run in which four of five requests timed out, exit code 0
    cp "$here/partial.json" "$out/profile_export_aiperf.json"
    ;;
no-server)
    cp "$here/down.jsonl" "$out/profile_export.jsonl"
    exit 1
    ;;
slow) # until told to stop, or left alone
    trap 'exit 0' INT
    echo $$ >"$here/slow"
    while kill -0 $PPID 2>/dev/null; do sleep 0.05; done
    ;;
esac
