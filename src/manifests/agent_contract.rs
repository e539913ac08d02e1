//! The contract between the builders of pods and the agent in them: argv, environment, directories, files and exit codes.
//!
//! A pod of a Job has these containers:
//!
//! 1. `install` (agent image): `<entry point> agent install /bcmp` copies the binary to [`BINARY`].
//! 2. `probe-load-tool` (load image, generate pods only): `/bcmp/bcmp agent probe-load-tool` writes [`LOAD_TOOL_FILE`].
//! 3. `publish` (agent image, a native sidecar, holds the only token): `/bcmp/bcmp agent publish --namespace N
//!    --config-map M` reads [`OUTBOX_DIR`], writes [`PUBLISHED_DIR`]. Its startup probe is
//!    `/bcmp/bcmp agent publish --check`, which succeeds once [`READY_FILE`] exists.
//! 4. `generate` (predictor image): `/bcmp/bcmp agent generate`, or
//!    `load` (load image): `/bcmp/bcmp agent load --variant V --deployment A --round R --url U`.
//!
//! Directories go one way only: the tool's container writes the outbox and reads what was published, the sidecar the
//! other way round. Neither can forge the other's files.

/// Directory the binary is installed into; an emptyDir, read-only but for `install`.
pub const BINARY_DIR: &str = "/bcmp";
/// The installed binary.
pub const BINARY: &str = "/bcmp/bcmp";

/// First argument of every agent command.
pub const AGENT: &str = "agent";
/// `agent install DIR`; the agent image's entry point must be the binary, and must not lie at [`BINARY_DIR`].
pub const INSTALL: &str = "install";
/// `agent publish`.
pub const PUBLISH: &str = "publish";
/// `agent publish --check`: exit 0 once [`READY_FILE`] exists.
pub const PUBLISH_CHECK: &str = "--check";
/// `agent generate`.
pub const GENERATE: &str = "generate";
/// `agent load`.
pub const LOAD: &str = "load";
/// `agent probe-load-tool`.
pub const PROBE_LOAD_TOOL: &str = "probe-load-tool";

/// Flag of `publish`: namespace of the output ConfigMap.
pub const NAMESPACE_FLAG: &str = "--namespace";
/// Flag of `publish`: name of the output ConfigMap.
pub const CONFIG_MAP_FLAG: &str = "--config-map";
/// Flag of `load`: the variant, as named in the plan.
pub const VARIANT_FLAG: &str = "--variant";
/// Flag of `load`: number of the deployment, from 1.
pub const DEPLOYMENT_FLAG: &str = "--deployment";
/// Flag of `load`: round of deployment, from 1.
pub const ROUND_FLAG: &str = "--round";
/// Flag of `load`: base URL of the server.
pub const URL_FLAG: &str = "--url";

/// The run's plan, read-only in the tool's container.
pub const PLAN_DIR: &str = "/bcmp-plan";
/// Key of the plan in its ConfigMap, and its file name.
pub const PLAN_KEY: &str = "plan.json";
pub const PLAN_FILE: &str = "/bcmp-plan/plan.json";

/// The run's configurations, read-only in the load tool's container.
pub const CONFIGURATIONS_DIR: &str = "/bcmp-configurations";
pub const CONFIGURATIONS_FILE: &str = "/bcmp-configurations/configurations.json";

/// What is to be published: one file per key of the output ConfigMap, called as the key. Written by the tool's container
/// (to a name starting with a dot, then renamed), read-only in the sidecar. A file is never changed once it has its name.
pub const OUTBOX_DIR: &str = "/bcmp-outbox";
/// What is published: one file per key, with the value in the ConfigMap. Written by the sidecar, read-only
/// in the tool's container. A key that appears here is acknowledged; its content may be another pod's, which was first.
pub const PUBLISHED_DIR: &str = "/bcmp-published";
/// Exists once [`PUBLISHED_DIR`] holds the keys that were published before this pod started.
pub const READY_FILE: &str = "/bcmp-published/.ready";
/// Bytes the outbox may hold.
pub const OUTBOX_LIMIT: &str = "64Mi";

/// Facts about the load image, gathered before generation; read-only in the predictor's container.
pub const PROBE_DIR: &str = "/bcmp-probe";
/// The output of the load tool's `--version`, as one line of text.
pub const LOAD_TOOL_FILE: &str = "/bcmp-probe/load-tool";

/// Working directory of the tool, an emptyDir.
pub const WORK_DIR: &str = "/bcmp-work";
/// `HOME` of the tool: the working directory itself, which is there without anyone making it.
pub const HOME_DIR: &str = WORK_DIR;
/// `TMPDIR` of the tool, an emptyDir. Short, because paths of Unix sockets are; and where tools look without asking. The
/// load agent gives each trial a directory of its own below it, and removes that with the trial.
pub const TEMPORARY_DIR: &str = "/tmp";

/// Key of an output ConfigMap from the start: JSON Patch can add below `/data` only if `/data` exists.
pub const CREATED_KEY: &str = "created-for";

/// Environment of `publish` and of the tool's container: UID of the pod.
pub const POD_UID_ENV: &str = "BCMP_POD_UID";
/// Environment of `load`, with [`Results::path`](crate::api::Results::path) when raw artifacts are kept:
/// where this variant's go, `<path>/<namespace>/<name>/<uid8>/r<n>/<variant>`.
pub const ARTIFACTS_ENV: &str = "BCMP_ARTIFACTS_DIR";
/// `USER` of the tool's container; the user id has no entry in any image's passwd file.
pub const USER: &str = "bcmp";

/// Names of containers.
pub mod containers {
    pub const INSTALL: &str = "install";
    pub const PROBE_LOAD_TOOL: &str = "probe-load-tool";
    pub const PUBLISH: &str = "publish";
    pub const GENERATE: &str = "generate";
    pub const LOAD: &str = "load";
}

/// Exit code of an agent command that fails permanently (a plan it cannot read, a tool that is missing).
/// The Job fails at once instead of four retries. Shells and runtimes give no meaning to 64 to 78.
pub const EXIT_PERMANENT: i32 = 66;

/// File for a container's termination message: the kubelet copies up to 4096 bytes of it into the pod's status.
pub const TERMINATION_LOG: &str = "/dev/termination-log";

/// Seconds between SIGTERM and SIGKILL: time for the tool to end its level and for the sidecar to publish it.
pub const GRACE_SECONDS: i64 = 120;
