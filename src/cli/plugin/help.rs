//! What `--help` says after the options: exit codes and examples.

/// Of the plugin itself.
pub const PLUGIN: &str = "\
Examples:
  kubectl bcmp get                        how the comparisons of the namespace stand
  kubectl bcmp watch qwen3-32b-h200       follow one until it is over
  kubectl bcmp report qwen3-32b-h200      read its answer

Each command has its own --help with examples. Completion of `kubectl bcmp`: kubectl bcmp completion --help.";

/// Of `get`.
pub const GET: &str = "\
Examples:
  kubectl bcmp get                          all of the namespace
  kubectl bcmp get -A -o wide               of all namespaces, with model, GPUs and message
  kubectl bcmp get qwen3-32b-h200           variants, levels and verdict of one
  kubectl bcmp get qwen3-32b-h200 -o yaml";

/// Of `watch`.
pub const WATCH: &str = "\
On a terminal: a bar for each variant and when the end is expected. Elsewhere: a line whenever something changed.
A connection that is closed or lost is taken up again.

Exit codes:
  0  the run ended well
  1  it failed, was cancelled or deleted, or could not be watched
  2  wrong usage
  3  the evidence does not suffice, and judgement.failOn names Inconclusive
  4  there is an answer, and judgement.failOn names it

Examples:
  kubectl bcmp watch qwen3-32b-h200
  kubectl bcmp watch qwen3-32b-h200 --timeout 4h && kubectl bcmp report qwen3-32b-h200";

/// Of `report`.
pub const REPORT: &str = "\
The report is the one the operator stored for the run. Where there is none yet, it is made of the records that are there.

Examples:
  kubectl bcmp report qwen3-32b-h200                   the summary
  kubectl bcmp report qwen3-32b-h200 --run 2           of an earlier run
  kubectl bcmp report qwen3-32b-h200 --open            the page, in a browser
  kubectl bcmp report qwen3-32b-h200 -d results        SUMMARY.txt, report.html, levels.csv, report.json, plots/*.png
  kubectl bcmp report qwen3-32b-h200 -o csv > levels.csv";

/// Of `results`.
pub const RESULTS: &str = "\
A row for each run of the load tool: repetitions, second tries and rejected ones too. Latencies are in milliseconds,
tokens/s are those of the whole deployment. Where spec.results names a claim, the load tool's files lie there as well;
how to copy them is printed below the table.

Examples:
  kubectl bcmp results qwen3-32b-h200
  kubectl bcmp results qwen3-32b-h200 --variant optimized -o csv > optimized.csv
  kubectl bcmp results qwen3-32b-h200 -d raw           the load tool's own summaries";

/// Of `explain`.
pub const EXPLAIN: &str = "\
Examples:
  kubectl bcmp explain                     everything that can be explained
  kubectl bcmp explain TeardownStuck       a reason
  kubectl bcmp explain PrefixCacheHits     an evidence code
  kubectl bcmp explain EvidenceSufficient  a condition";

/// Of `rerun`.
pub const RERUN: &str = "\
Sets the annotation bcmp.dev/run-requested to a new value. In Git, change spec.runId instead.
While a run is active it is refused: with --force that run is superseded (torn down, and kept in history), or ends first
where execution.onChange is FinishFirst.

Examples:
  kubectl bcmp rerun qwen3-32b-h200
  kubectl bcmp rerun qwen3-32b-h200 --wait --timeout 4h";

/// Of `cancel`.
pub const CANCEL: &str = "\
Sets the annotation bcmp.dev/cancel-requested to the number of the active run: that run only is cancelled. What it
measured is kept.

Exit codes with --wait: 0 when the run is cancelled and everything is gone; else as of `watch`.

Examples:
  kubectl bcmp cancel qwen3-32b-h200
  kubectl bcmp cancel qwen3-32b-h200 --wait";

/// Of `render`.
pub const RENDER: &str = "\
Nothing is created. Of a comparison in the cluster, the plan of its run and the configurations that were generated for it
are used, so generated variants are shown as well; of a file, they are shown where --configurations is given.

Examples:
  kubectl bcmp render -f comparison.yaml
  kubectl bcmp render qwen3-32b-h200 | less
  kubectl bcmp render qwen3-32b-h200 -o json | jq '.items[] | select(.kind == \"Job\")'";

/// Of `evaluate`.
pub const EVALUATE: &str = "\
Nothing is measured and nothing is written: the records of the run are judged as the operator judges them. A file counts
by its evidence, judgement, sla.statistic and hardware.gpuHourlyCost; one that changes what is measured is refused.

Exit codes:
  0  answered
  1  the records or a file cannot be used
  2  wrong usage
  3  inconclusive: the evidence does not suffice for an answer
  4  answered, but judgement.failOn names the outcome

Examples:
  kubectl bcmp evaluate qwen3-32b-h200
  kubectl bcmp evaluate qwen3-32b-h200 --accuracy-tolerance-percent 10
  kubectl bcmp evaluate qwen3-32b-h200 -f changed.yaml -o json | jq -r .verdict.result";

/// Of `completion`.
pub const COMPLETION: &str = "\
kubectl completes the arguments of a plugin by asking an executable called kubectl_complete-bcmp on the PATH
(kubectl 1.26 or newer; `make install-plugin` puts it there). The scripts for shells are for `kubectl-bcmp` called by its own name.

Examples:
  kubectl bcmp completion kubectl > ~/.local/bin/kubectl_complete-bcmp && chmod +x ~/.local/bin/kubectl_complete-bcmp
  source <(kubectl-bcmp completion bash)
  kubectl-bcmp completion zsh > \"${fpath[1]}/_kubectl-bcmp\"
  kubectl-bcmp completion fish | source";
