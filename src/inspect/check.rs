//! What a comparison needs in a cluster, checked against what was read there.

use super::findings::{CheckOutcome, CheckRow};
use super::images;
use super::nodes::{GpuNode, gpus, needed, taints};
use super::pulls::{Pull, named};
use crate::api::{BenchmarkComparisonSpec, GROUP, VERSION};
use crate::dynamo;
use crate::report::format::counted;

/// What was read, or why it could not be: `Err` holds the reason with its remedy.
pub type Lookup<T> = Result<T, String>;

/// A right of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    pub verb: &'static str,
    pub group: &'static str,
    pub resource: &'static str,
    /// What it is needed for.
    pub purpose: &'static str,
    /// Without it nothing can be compared.
    pub needed: bool,
}

const fn right(
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    purpose: &'static str,
    needed: bool,
) -> Right {
    Right { verb, group, resource, purpose, needed }
}

/// The rights that people who work with comparisons use.
pub const RIGHTS: [Right; 6] = [
    right("get", GROUP, "benchmarkcomparisons", "look at comparisons", true),
    right("create", GROUP, "benchmarkcomparisons", "create comparisons", true),
    right("patch", GROUP, "benchmarkcomparisons", "start, stop and suspend runs", true),
    right("get", "", "configmaps", "read results and reports", true),
    right("list", "", "pods", "see what holds GPUs (tree, stop)", false),
    right("get", "", "pods/log", "read logs", false),
];

/// A limit of a quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    pub name: String,
    pub resource: String,
    pub hard: String,
    pub used: String,
}

/// A PersistentVolumeClaim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VolumeClaim {
    pub name: String,
    pub phase: String,
    pub access_modes: Vec<String>,
    pub size: String,
}

/// What became of an image that was to be pulled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagePull {
    /// The field that names it.
    pub field: &'static str,
    pub pull: Lookup<Pull>,
    /// How long it was waited for at most.
    pub seconds: u64,
}

/// What was read.
#[derive(Clone, Debug)]
pub struct ClusterState {
    pub namespace: String,
    pub namespace_exists: Lookup<bool>,
    pub kubernetes: Lookup<String>,
    /// Served versions of `bcmp.dev`; empty: it is not installed.
    pub comparisons: Lookup<Vec<String>>,
    /// Served versions of DynamoGraphDeployments.
    pub graphs: Lookup<Vec<String>>,
    pub rights: Vec<(Right, Lookup<bool>)>,
    pub nodes: Lookup<Vec<GpuNode>>,
    pub quotas: Lookup<Vec<Quota>>,
    /// The volume claims that the comparison names.
    pub claims: Vec<(String, Lookup<Option<VolumeClaim>>)>,
    /// Whether the Secrets that the comparison names exist.
    pub secrets: Vec<(String, Lookup<bool>)>,
    /// Images that were pulled for this; empty unless that was asked for.
    pub pulls: Vec<ImagePull>,
    /// Seconds by which the cluster's clock is ahead of this machine's; `None`: it does not say.
    pub clock: Option<i64>,
}

/// Which comparison is to run; `None`: any.
pub type CheckedSubject<'a> = Option<&'a BenchmarkComparisonSpec>;

/// Minor version of Kubernetes from which on everything is served that the operator uses.
const OLDEST_MINOR: u32 = 33;
/// Clocks that lie further apart spoil deadlines and times in reports.
const CLOCK_SECONDS: i64 = 5;

/// Checks everything. `before`: the operator is not installed yet.
pub fn findings(cluster: &ClusterState, subject: CheckedSubject, before: bool) -> Vec<CheckRow> {
    let mut findings = vec![kubernetes(cluster), namespace(cluster)];
    findings.extend((!before).then(|| installed(cluster)));
    findings.push(dynamo_served(cluster));
    findings.extend(rights(cluster, before));
    findings.push(gpus(&cluster.nodes, subject));
    findings.extend(taints(&cluster.nodes, subject));
    findings.extend(quotas(cluster, subject));
    findings.extend(cluster.claims.iter().map(|(name, claim)| volume_claim(cluster, name, claim)));
    findings.extend(cluster.secrets.iter().map(|(name, there)| secret(cluster, name, there)));
    findings.extend(subject.into_iter().flat_map(|spec| images(cluster, spec)));
    findings.push(clock(cluster));
    findings
}

fn kubernetes(cluster: &ClusterState) -> CheckRow {
    let version = match &cluster.kubernetes {
        Ok(version) => version,
        Err(why) => {
            let remedy = "check the address and the credentials in the kubeconfig: without an answer nothing is known";
            return CheckRow::other(CheckOutcome::Bad, "Kubernetes", why.clone(), remedy);
        }
    };
    let minor = version.trim_start_matches('v').split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    match minor {
        Some(minor) if minor < OLDEST_MINOR => CheckRow::other(
            CheckOutcome::Bad,
            "Kubernetes",
            version.clone(),
            format!("upgrade the cluster to 1.{OLDEST_MINOR} or newer"),
        ),
        _ => CheckRow::good("Kubernetes", version.clone()),
    }
}

fn namespace(cluster: &ClusterState) -> CheckRow {
    let name = &cluster.namespace;
    match &cluster.namespace_exists {
        Ok(true) => CheckRow::good("namespace", name.clone()),
        Ok(false) => CheckRow::other(
            CheckOutcome::Bad,
            "namespace",
            format!("{name} does not exist"),
            format!("run kubectl create namespace {name}, or choose another with -n"),
        ),
        Err(why) => CheckRow::unknown("namespace", why),
    }
}

fn installed(cluster: &ClusterState) -> CheckRow {
    match &cluster.comparisons {
        Ok(versions) if versions.iter().any(|version| version == VERSION) => {
            CheckRow::good("bcmp", format!("{GROUP}/{VERSION} is served"))
        }
        Ok(versions) if versions.is_empty() => CheckRow::other(
            CheckOutcome::Bad,
            "bcmp",
            "BenchmarkComparisons are not served",
            "install bcmp (docs/install.md); before that, use check --pre",
        ),
        Ok(versions) => CheckRow::other(
            CheckOutcome::Bad,
            "bcmp",
            format!("{} is served, and this plugin knows {VERSION}", versions.join(", ")),
            "install the plugin in the operator's version",
        ),
        Err(why) => CheckRow::unknown("bcmp", why),
    }
}

fn dynamo_served(cluster: &ClusterState) -> CheckRow {
    let known = |version: &String| dynamo::VERSIONS.contains(&version.as_str());
    match &cluster.graphs {
        Ok(versions) if versions.iter().any(known) => {
            CheckRow::good("Dynamo", format!("{} {}", dynamo::KIND, versions.join(", ")))
        }
        Ok(versions) if versions.is_empty() => CheckRow::other(
            CheckOutcome::Bad,
            "Dynamo",
            format!("{} is not served", dynamo::KIND),
            "install the Dynamo operator; without it only endpoints and manifests of Deployments can be compared",
        ),
        Ok(versions) => CheckRow::other(
            CheckOutcome::Bad,
            "Dynamo",
            format!("{} is served in {}", dynamo::KIND, versions.join(", ")),
            format!("install a Dynamo operator that serves {}", dynamo::VERSIONS.join(" or ")),
        ),
        Err(why) => CheckRow::unknown("Dynamo", why),
    }
}

fn rights(cluster: &ClusterState, before: bool) -> Vec<CheckRow> {
    let asked = cluster.rights.iter().filter(|(right, _)| !(before && right.group == GROUP));
    let mut missing: Vec<CheckRow> = vec![];
    let mut granted = 0;
    for (right, answer) in asked {
        let check = format!("{} {}", right.verb, right.resource.trim_start_matches("benchmark"));
        match answer {
            Ok(true) => granted += 1,
            Ok(false) => {
                let role = if matches!(right.verb, "create" | "patch") { "edit" } else { "view" };
                missing.push(CheckRow::other(
                    if right.needed { CheckOutcome::Bad } else { CheckOutcome::Warning },
                    check,
                    format!("you may not {} {} in namespace {}: needed to {}", right.verb, right.resource, cluster.namespace, right.purpose),
                    format!("ask for the role {role}: kubectl -n {} create rolebinding NAME --clusterrole={role} --user=YOU", cluster.namespace),
                ));
            }
            Err(why) => missing.push(CheckRow::unknown(check, why)),
        }
    }
    if granted > 0 {
        missing.insert(0, CheckRow::good("rights", format!("{granted} of {}", granted + missing.len())));
    }
    missing
}

fn quotas(cluster: &ClusterState, subject: CheckedSubject) -> Vec<CheckRow> {
    let resource = subject.map_or("nvidia.com/gpu", |spec| spec.hardware.gpu_resource_name.as_str());
    let quotas = match &cluster.quotas {
        Ok(quotas) => quotas,
        Err(why) => return vec![CheckRow::unknown("quota", why)],
    };
    let of_gpus = quotas.iter().filter(|quota| quota.resource.strip_prefix("requests.") == Some(resource));
    let found: Vec<CheckRow> = of_gpus.map(|quota| gpu_quota(quota, subject)).collect();
    if found.is_empty() { vec![CheckRow::good("quota", "none limits GPUs")] } else { found }
}

fn gpu_quota(quota: &Quota, subject: CheckedSubject) -> CheckRow {
    let found = format!("{}: {} of {} {} used", quota.name, quota.used, quota.hard, quota.resource);
    let (hard, used) = (quota.hard.parse::<u32>(), quota.used.parse::<u32>());
    let needed = subject.map_or(1, |spec| needed(spec).0);
    match (hard, used) {
        (Ok(hard), _) if hard < needed => {
            CheckRow::other(CheckOutcome::Bad, "quota", found, format!("raise the quota to at least {needed}"))
        }
        (Ok(hard), Ok(used)) if hard.saturating_sub(used) < needed => CheckRow::other(
            CheckOutcome::Warning,
            "quota",
            found,
            "wait until what uses it has ended, or raise the quota",
        ),
        _ => CheckRow::good("quota", found),
    }
}

fn volume_claim(cluster: &ClusterState, name: &str, claim: &Lookup<Option<VolumeClaim>>) -> CheckRow {
    let check = format!("claim {name}");
    let claim = match claim {
        Ok(Some(claim)) => claim,
        Ok(None) => {
            let found = format!("no PersistentVolumeClaim {name} in namespace {}", cluster.namespace);
            return CheckRow::other(CheckOutcome::Bad, check, found, "create it, or name another in the comparison");
        }
        Err(why) => return CheckRow::unknown(check, why),
    };
    let found = format!("{}, {}, {}", claim.phase, claim.access_modes.join(" "), claim.size);
    let is_shared = claim.access_modes.iter().any(|mode| matches!(mode.as_str(), "ReadWriteMany" | "ReadOnlyMany"));
    match (claim.phase.as_str(), is_shared) {
        ("Lost", _) => CheckRow::other(CheckOutcome::Bad, check, found, "its volume is gone: create another claim"),
        (_, false) => CheckRow::other(
            CheckOutcome::Warning,
            check,
            found,
            "use ReadWriteMany or ReadOnlyMany: a ReadWriteOnce volume ties all pods to one node",
        ),
        ("Bound", true) => CheckRow::good(check, found),
        _ => CheckRow::other(
            CheckOutcome::Warning,
            check,
            found,
            "check that its storage class binds it to a volume when the first pod starts",
        ),
    }
}

fn secret(cluster: &ClusterState, name: &str, there: &Lookup<bool>) -> CheckRow {
    let check = format!("secret {name}");
    match there {
        Ok(true) => CheckRow::good(check, "exists (its content was not read)"),
        Ok(false) => {
            let found = format!("no Secret {name} in namespace {}", cluster.namespace);
            CheckRow::other(CheckOutcome::Bad, check, found, "create it, or name another in the comparison")
        }
        Err(why) => CheckRow::unknown(check, why),
    }
}

fn images(cluster: &ClusterState, spec: &BenchmarkComparisonSpec) -> Vec<CheckRow> {
    let pull = |field: &str| cluster.pulls.iter().find(|one| one.field == field);
    named(spec)
        .into_iter()
        .map(|(field, wanted)| (field, wanted.image, pull(field)))
        .map(|(field, image, pull)| match images::problem(image) {
            None => match pulled(field, image, pull) {
                row if row.outcome == CheckOutcome::Good && images::is_floating(image) => {
                    let found =
                        format!("{}, and has neither tag nor digest: it may change between deployments", row.found);
                    CheckRow::other(CheckOutcome::Warning, field, found, "name a tag or a digest")
                }
                row => row,
            },
            Some(why) => {
                let remedy = "write it as REGISTRY/NAME:TAG or REGISTRY/NAME@sha256:…";
                CheckRow::other(CheckOutcome::Bad, field, format!("{image}: {why}"), remedy)
            }
        })
        .collect()
}

fn pulled(field: &str, image: &str, pull: Option<&ImagePull>) -> CheckRow {
    match pull {
        None => CheckRow::good(field, format!("{image} (whether it can be pulled was not tried: --pull does)")),
        Some(ImagePull { pull: Ok(pull), seconds, .. }) => pull.row(field, image, *seconds),
        Some(ImagePull { pull: Err(why), .. }) => CheckRow::unknown(field, why),
    }
}

fn clock(cluster: &ClusterState) -> CheckRow {
    match cluster.clock {
        Some(ahead) if ahead.abs() > CLOCK_SECONDS => {
            let found = format!(
                "the API server's is {} {} this machine's",
                counted(ahead.unsigned_abs(), "second"),
                if ahead > 0 { "ahead of" } else { "behind" }
            );
            CheckRow::other(
                CheckOutcome::Warning,
                "clocks",
                found,
                "synchronize both by NTP: ages and remaining times are shown wrong",
            )
        }
        Some(_) => CheckRow::good("clocks", format!("within {CLOCK_SECONDS} s of each other")),
        None => CheckRow::other(CheckOutcome::Unknown, "clocks", "the API server sends no Date", ""),
    }
}

#[cfg(test)]
mod tests;
