//! What pods of variants may have beside the ordinary because an administrator allows it: the list `allowedPodFeatures`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Capabilities that Pod Security "baseline" leaves to everybody.
const ORDINARY_CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];
/// Namespace that stands for all that are not named.
const ANY_NAMESPACE: &str = "*";

/// Something a pod has that reaches beyond it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum PodFeature {
    /// Network devices with remote memory access, such as InfiniBand, RoCE or EFA.
    Rdma,
    /// The node's namespace of shared memory.
    HostIpc,
    /// All rights on the node.
    Privileged,
    /// A Linux capability beyond the ordinary, without `CAP_`.
    Capability(String),
    /// A path of the node and all below it.
    HostPath(String),
}

impl Display for PodFeature {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rdma => f.write_str("rdma"),
            Self::HostIpc => f.write_str("hostIPC"),
            Self::Privileged => f.write_str("privileged"),
            Self::Capability(name) if name == "IPC_LOCK" => f.write_str("ipcLock"),
            Self::Capability(name) => write!(f, "capability:{name}"),
            Self::HostPath(path) => write!(f, "hostPath:{path}"),
        }
    }
}

impl From<PodFeature> for String {
    fn from(feature: PodFeature) -> Self {
        feature.to_string()
    }
}

impl TryFrom<String> for PodFeature {
    type Error = UnknownFeature;

    fn try_from(text: String) -> Result<Self, UnknownFeature> {
        text.parse()
    }
}

/// A word that names no feature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a pod feature: use rdma, ipcLock, hostIPC, privileged, capability:NAME or hostPath:/PATH")]
pub struct UnknownFeature(String);

impl FromStr for PodFeature {
    type Err = UnknownFeature;

    fn from_str(text: &str) -> Result<Self, UnknownFeature> {
        let unknown = || UnknownFeature(text.to_owned());
        match text.split_once(':') {
            None => match text {
                "rdma" => Ok(Self::Rdma),
                "hostIPC" => Ok(Self::HostIpc),
                "privileged" => Ok(Self::Privileged),
                "ipcLock" => Ok(Self::Capability("IPC_LOCK".into())),
                _ => Err(unknown()),
            },
            Some(("capability", name)) if is_capability(name) => Ok(Self::Capability(name.to_owned())),
            Some(("hostPath", path)) if is_plain(path) => Ok(Self::HostPath(path.trim_end_matches('/').to_owned())),
            Some(_) => Err(unknown()),
        }
    }
}

fn is_capability(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// An absolute path below the root, without detours.
fn is_plain(path: &str) -> bool {
    path.starts_with('/') && path.len() > 1 && !path.split('/').any(|part| part == "." || part == "..")
}

/// The features that are allowed in a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PodFeatures(BTreeSet<PodFeature>);

impl Default for PodFeatures {
    /// What ends at the pod and published manifests for fast networks ask for.
    fn default() -> Self {
        let capabilities = ["IPC_LOCK", "SYS_PTRACE", "SYS_RESOURCE"];
        let capabilities = capabilities.into_iter().map(|name| PodFeature::Capability(name.to_owned()));
        Self(capabilities.chain([PodFeature::Rdma]).collect())
    }
}

impl PodFeatures {
    /// Those that are named.
    pub fn new(features: impl IntoIterator<Item = PodFeature>) -> Self {
        Self(features.into_iter().collect())
    }

    /// Whether a pod may have it.
    pub fn allow(&self, feature: &PodFeature) -> bool {
        match feature {
            PodFeature::Capability(name) if ORDINARY_CAPABILITIES.contains(&name.as_str()) => true,
            PodFeature::HostPath(path) => self.0.iter().any(|allowed| match allowed {
                PodFeature::HostPath(root) => is_plain(path) && is_below(path, root),
                _ => false,
            }),
            _ => self.0.contains(feature),
        }
    }

    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

fn is_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Display for PodFeatures {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&if names.is_empty() { "nothing".to_owned() } else { names.join(", ") })
    }
}

/// The features that are allowed, by namespace; those of `*` where a namespace is not named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct AllowedPodFeatures(BTreeMap<String, PodFeatures>);

impl AllowedPodFeatures {
    /// Those allowed in a namespace.
    pub fn of(&self, namespace: &str) -> PodFeatures {
        self.0.get(namespace).or_else(|| self.0.get(ANY_NAMESPACE)).cloned().unwrap_or_default()
    }
}

impl FromStr for AllowedPodFeatures {
    type Err = String;

    /// Reads JSON: namespace or `*` → list of features.
    fn from_str(text: &str) -> Result<Self, String> {
        serde_json::from_str(text)
            .map_err(|error| format!("expected {{\"NAMESPACE or *\": [\"FEATURE\", …]}}: {error}"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        r#"{"*": ["hostIPC"], "team": ["privileged", "hostPath:/dev/infiniband/"]}"#,
        "team",
        "privileged, hostPath:/dev/infiniband"
    )]
    #[case(r#"{"*": ["hostIPC"], "team": ["privileged"]}"#, "other", "hostIPC")]
    #[case(r#"{"team": ["privileged"]}"#, "other", "rdma, ipcLock, capability:SYS_PTRACE, capability:SYS_RESOURCE")]
    #[case(r#"{"*": []}"#, "other", "nothing")]
    fn a_namespace_has_its_own_list_or_that_of_all(
        #[case] json: &str,
        #[case] namespace: &str,
        #[case] expected: &str,
    ) {
        let allowed: AllowedPodFeatures = json.parse().unwrap();
        assert_eq!(allowed.of(namespace).to_string(), expected);
    }

    #[rstest]
    #[case("hostNetwork")]
    #[case("hostPath:dev")]
    #[case("hostPath:/dev/../etc")]
    #[case("hostPath:/")]
    #[case("capability:sys_admin")]
    fn what_is_no_feature_is_named(#[case] text: &str) {
        assert!(text.parse::<PodFeature>().unwrap_err().to_string().contains(text));
    }

    #[rstest]
    #[case("hostPath:/dev/infiniband", true)]
    #[case("hostPath:/dev/infiniband/uverbs0", true)]
    #[case("hostPath:/dev/infinibandage", false)]
    #[case("hostPath:/dev", false)]
    #[case("capability:SYS_PTRACE", true)]
    #[case("capability:SYS_ADMIN", false)]
    #[case("capability:CHOWN", true)]
    #[case("ipcLock", false)]
    fn a_path_allows_what_is_below_it(#[case] asked: &str, #[case] expected: bool) {
        let list = ["hostPath:/dev/infiniband", "capability:SYS_PTRACE"];
        let allowed = PodFeatures::new(list.map(|feature| feature.parse().unwrap()));
        assert_eq!(allowed.allow(&asked.parse().unwrap()), expected);
        assert!(!allowed.allow(&PodFeature::HostPath("/dev/infiniband/../mem".into())));
    }
}
