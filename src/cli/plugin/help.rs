//! The end of each `--help`, after the options: notes, exit codes and examples.

/// Of the plugin itself.
pub const PLUGIN: &str = "\
Examples:
  kubectl bcmp get                        list the comparisons in the namespace
  kubectl bcmp watch qwen3-32b-h200       follow one until it is finished
  kubectl bcmp report qwen3-32b-h200      show its result

Every command has its own --help with examples. To set up completion, see
kubectl bcmp completion --help.";

/// Of `get`.
pub const GET: &str = "\
Examples:
  kubectl bcmp get                          all in the namespace
  kubectl bcmp get -A -o wide               all namespaces, with more columns
  kubectl bcmp get qwen3-32b-h200           variants, levels and verdict of one
  kubectl bcmp get qwen3-32b-h200 -o yaml";

/// Of `watch`.
pub const WATCH: &str = "\
On a terminal, shows a bar for each variant and the expected end; otherwise
prints a line for each change. Reconnects when the connection is lost.

Exit codes:
  0  the run succeeded
  1  it failed, was cancelled or deleted, or could not be watched
  2  wrong usage
  3  the evidence is insufficient, and judgement.failOn lists Inconclusive
  4  judgement.failOn lists the outcome

Examples:
  kubectl bcmp watch qwen3-32b-h200
  kubectl bcmp watch qwen3-32b-h200 --timeout 4h && kubectl bcmp report qwen3-32b-h200";

/// Of `report`.
pub const REPORT: &str = "\
The report is the one that the operator stored for the run. If there is none
yet, it is built from the run's trials.

Examples:
  kubectl bcmp report qwen3-32b-h200                   the summary
  kubectl bcmp report qwen3-32b-h200 --run 2           the summary of an earlier run
  kubectl bcmp report qwen3-32b-h200 --open            the page, in a browser
  kubectl bcmp report qwen3-32b-h200 -d results        all files and plots
  kubectl bcmp report qwen3-32b-h200 -o csv > levels.csv";

/// Of `results`.
pub const RESULTS: &str = "\
Shows a row for every trial, including repeated and rejected ones. Latencies are
in milliseconds; tokens/s are for the whole deployment. If spec.results names a
volume claim, the load tool's files are kept there, and the command prints how
to copy them.

Examples:
  kubectl bcmp results qwen3-32b-h200
  kubectl bcmp results qwen3-32b-h200 --variant optimized -o csv > optimized.csv
  kubectl bcmp results qwen3-32b-h200 -d raw           the load tool's own summaries";

/// Of `explain`.
pub const EXPLAIN: &str = "\
Examples:
  kubectl bcmp explain                     list everything that can be explained
  kubectl bcmp explain TeardownStuck       a reason
  kubectl bcmp explain PrefixCacheHits     an evidence code
  kubectl bcmp explain EvidenceSufficient  a condition";

/// Of `rerun`.
pub const RERUN: &str = "\
Sets the annotation bcmp.dev/run-requested to a new value. In Git, change
spec.runId instead. While a run is active, --force is required. That run is then
superseded (torn down and kept in history) or, if execution.onChange is
FinishFirst, finishes first.

Examples:
  kubectl bcmp rerun qwen3-32b-h200
  kubectl bcmp rerun qwen3-32b-h200 --wait --timeout 4h";

/// Of `cancel`.
pub const CANCEL: &str = "\
Sets the annotation bcmp.dev/cancel-requested to the number of the active run,
so that only this run is cancelled. What it measured is kept.

Exit codes with --wait: 0 if the run is cancelled and everything is gone,
otherwise those of `watch`.

Examples:
  kubectl bcmp cancel qwen3-32b-h200
  kubectl bcmp cancel qwen3-32b-h200 --wait";

/// Of `render`.
pub const RENDER: &str = "\
Creates nothing. For a comparison in the cluster, the plan and the generated
configurations of its run are used, so generated variants are shown as well. For
a file they are shown only with --configurations.

Examples:
  kubectl bcmp render -f comparison.yaml
  kubectl bcmp render qwen3-32b-h200 | less
  kubectl bcmp render qwen3-32b-h200 -o json | jq '.items[] | select(.kind == \"Job\")'";

/// Of `evaluate`.
pub const EVALUATE: &str = "\
Measures nothing and changes nothing: judges the trials of the run in the same
way as the operator. Of a file, only evidence, judgement and
hardware.gpuHourlyCost are used; it may not change what is measured.

Exit codes:
  0  there is a verdict
  1  a trial or a file cannot be used
  2  wrong usage
  3  the evidence is insufficient for a verdict
  4  judgement.failOn lists the outcome

Examples:
  kubectl bcmp evaluate qwen3-32b-h200
  kubectl bcmp evaluate qwen3-32b-h200 --accuracy-tolerance-percent 10
  kubectl bcmp evaluate qwen3-32b-h200 -f changed.yaml -o json | jq -r .verdict.result";

/// Of `completion`.
pub const COMPLETION: &str = "\
To complete the arguments of `kubectl bcmp`, kubectl 1.26 or newer calls an
executable kubectl_complete-bcmp on the PATH; `make install-plugin` installs it.
The scripts for shells complete `kubectl-bcmp` called directly.

Examples:
  kubectl bcmp completion kubectl > ~/.local/bin/kubectl_complete-bcmp && chmod +x ~/.local/bin/kubectl_complete-bcmp
  source <(kubectl-bcmp completion bash)
  kubectl-bcmp completion zsh > \"${fpath[1]}/_kubectl-bcmp\"
  kubectl-bcmp completion fish | source";
