//! The end of the `--help` of those commands that look after a run: notes, exit codes and examples.

/// Of `stop`.
pub const STOP: &str = "\
Cancels the active run, as `cancel` does, then waits until no pod of it holds a
GPU and everything it deployed is gone. What it measured is kept. If nothing
runs, says so.

Exit codes: 0 if no GPU is held any more; 1 if some are still held after
execution.deadlines.teardownSeconds and two minutes, or --timeout, or if
another run begins by itself: `suspend` prevents that.

Examples:
  kubectl bcmp stop qwen3-32b-h200
  kubectl bcmp stop qwen3-32b-h200 --timeout 10m";

/// Of `suspend`.
pub const SUSPEND: &str = "\
Sets spec.suspend to true. If the comparison is in Git, set it there: the next
sync puts back what Git says.

Examples:
  kubectl bcmp suspend qwen3-32b-h200
  kubectl bcmp suspend qwen3-32b-h200 --wait      until its GPUs are free";

/// Of `resume`.
pub const RESUME: &str = "\
Sets spec.suspend to false. A run that was suspended goes on at its next level.

Examples:
  kubectl bcmp resume qwen3-32b-h200";

/// Of `tree`.
pub const TREE: &str = "\
Kinds that you may not list are named on stderr.

Examples:
  kubectl bcmp tree qwen3-32b-h200
  watch kubectl bcmp tree qwen3-32b-h200";

/// Of `logs`.
pub const LOGS: &str = "\
A pod's log is gone with the pod: variants are deleted when they are measured.
execution.keepOnFailureSeconds keeps those that fail.

Examples:
  kubectl bcmp logs qwen3-32b-h200 -f                            the load tool at work
  kubectl bcmp logs qwen3-32b-h200 --of generate                 the predictor
  kubectl bcmp logs qwen3-32b-h200 --of server --variant optimized --tail 100
  kubectl bcmp logs qwen3-32b-h200 --of server -c main --previous";

/// Of `bundle`.
pub const BUNDLE: &str = "\
Holds the comparison, the run's objects, ConfigMaps, events, pods and logs as far
as you may read them, and a README.txt that says what is missing. No Secret is
read. Values of environment variables, API keys and headers are replaced. Read
the logs before you hand them on.

Examples:
  kubectl bcmp bundle qwen3-32b-h200
  kubectl bcmp bundle qwen3-32b-h200 --run 2 -o support.tar.gz";

/// Of `compare`.
pub const COMPARE: &str = "\
Figures of runs that differ in model, hardware, workload or SLA say little about
each other: what differs is listed first.

Examples:
  kubectl bcmp compare qwen3-32b-h200:1 qwen3-32b-h200:2      two runs
  kubectl bcmp compare qwen3-32b-h200 qwen3-32b-h100          the last runs of two comparisons
  kubectl bcmp compare qwen3-32b-h200 qwen3-32b-h100 -o csv > levels.csv";

/// Of `promote`.
pub const PROMOTE: &str = "\
Prints the manifests as they were measured, patches included, with the names that
they had before the benchmark, and without bcmp's labels and owner references.
Fails if there is no winner, unless a variant is named.

Examples:
  kubectl bcmp promote qwen3-32b-h200 > graph.yaml
  kubectl bcmp promote qwen3-32b-h200 --variant baseline | kubectl apply -n serving -f -";

/// Of `check`.
pub const CHECK: &str = "\
Reads only, with your rights; --pull creates a Job for each image, and deletes
it. Of Secrets it asks for metadata alone.

Exit codes: 0 if nothing is missing; 1 if something is, or on an error.

Examples:
  kubectl bcmp check --pre                     before bcmp is installed
  kubectl bcmp check -n benchmarks             the namespace
  kubectl bcmp check -f comparison.yaml        what this comparison needs";

/// Of `init`.
pub const INIT: &str = "\
Looks at nodes, volume claims and running servers, as far as you may, and writes
a comparison with comments. It asks for predictions alone, which hold no GPU.

Examples:
  kubectl bcmp init
  kubectl bcmp init llama --model meta-llama/Llama-3.1-70B-Instruct -o llama.yaml
  kubectl bcmp init -o -";

/// Of `serve`.
pub const SERVE: &str = "\
Prints an address on 127.0.0.1 with a part that nobody can guess: whoever has it
reads what you may read, and changes nothing. The page shows every comparison,
live, with links to the reports of its runs. Stop it with Ctrl-C.

Examples:
  kubectl bcmp serve
  kubectl bcmp serve -A --port 8910";
