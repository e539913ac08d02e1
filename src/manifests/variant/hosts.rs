//! Renames Services inside text where they are hosts, and nowhere else.

use std::collections::BTreeMap;

/// New names of Services and of the pods that have names of their own, and the namespace they are in.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts {
    names: BTreeMap<String, String>,
    /// Pods of StatefulSets are called after them, `NAME-0`, and are hosts below a Service.
    sets: BTreeMap<String, String>,
    /// Pods of LeaderWorkerSets, `NAME-0-1`, are hosts below the Service of their name that their controller creates.
    groups: BTreeMap<String, String>,
    namespace: String,
}

/// A word that names a host by its new name.
struct Renamed {
    text: String,
    /// Nothing else is written like that: not only where hosts stand.
    certain: bool,
}

impl Hosts {
    pub(super) fn new(namespace: &str) -> Self {
        Self { namespace: namespace.to_owned(), ..Self::default() }
    }

    pub(super) fn insert(&mut self, old: impl Into<String>, new: impl Into<String>) {
        self.names.insert(old.into(), new.into());
    }

    pub(super) fn insert_set(&mut self, old: impl Into<String>, new: impl Into<String>) {
        self.sets.insert(old.into(), new.into());
    }

    pub(super) fn insert_groups(&mut self, old: impl Into<String>, new: impl Into<String>) {
        self.groups.insert(old.into(), new.into());
    }

    pub(super) fn get(&self, old: &str) -> Option<&str> {
        self.names.get(old).map(String::as_str)
    }

    /// Renames every host in a text; `None` when there is none.
    ///
    /// A word is a host if it follows `//` or `@`, is followed by a port, has a domain with our namespace and `svc`, or names
    /// a pod below its Service. A word alone (`vllm serve`, `--model llama`) never is.
    pub(super) fn rename(&self, text: &str) -> Option<String> {
        let mut result = String::with_capacity(text.len());
        let mut copied = 0;
        for (start, end) in words(text) {
            let Some(new) = self.of_word(&text[start..end]) else { continue };
            let (before, after) = (&text[..start], &text[end..]);
            let is_host = new.certain
                || before.ends_with("//")
                || before.ends_with('@')
                || (has_port(after) && !before.ends_with(['/', ':']));
            if is_host {
                result.push_str(&text[copied..start]);
                result.push_str(&new.text);
                copied = end;
            }
        }
        (copied > 0).then(|| {
            result.push_str(&text[copied..]);
            result
        })
    }

    /// Renames a text that is known to be an address, where it is a Service's name, with or without domain and port.
    pub(super) fn rename_whole(&self, text: &str) -> Option<String> {
        let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
        let new = self.of_word(host)?.text;
        Some(format!("{new}{port}"))
    }

    /// A word as a host: a Service or a pod, and a domain behind it that is none or our namespace's.
    fn of_word(&self, word: &str) -> Option<Renamed> {
        let (label, domain) = word.split_at(word.find('.').unwrap_or(word.len()));
        if let Some(new) = self.names.get(label).filter(|_| self.is_own(domain)) {
            return Some(Renamed { text: format!("{new}{domain}"), certain: is_service_domain(domain) });
        }
        let (set, new) = pod(&self.groups, label).or_else(|| pod(&self.sets, label))?;
        let Some(below) = domain.strip_prefix('.') else {
            return Some(Renamed { text: new, certain: false });
        };
        let (service, domain) = below.split_at(below.find('.').unwrap_or(below.len()));
        let own = self.groups.get(service).filter(|_| service == set);
        let service = own.or_else(|| self.names.get(service))?;
        self.is_own(domain).then(|| Renamed { text: format!("{new}.{service}{domain}"), certain: true })
    }

    /// Whether a domain is none, or that of our namespace.
    fn is_own(&self, domain: &str) -> bool {
        let domain = domain.trim_end_matches('.');
        let own = format!(".{}", self.namespace);
        domain.is_empty() || domain == own || domain.strip_prefix(&own).is_some_and(is_service_domain)
    }
}

/// Of which workload a pod is that is called after it, and the pod's new name.
fn pod<'a>(workloads: &'a BTreeMap<String, String>, label: &str) -> Option<(&'a str, String)> {
    workloads.iter().find_map(|(old, new)| {
        let number = label.strip_prefix(old.as_str())?.strip_prefix('-')?;
        let is_number = number.split('-').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
        is_number.then(|| (old.as_str(), format!("{new}-{number}")))
    })
}

/// Runs of characters that hosts are written with, and those that would make a word another word.
fn words(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let mut position = 0;
    std::iter::from_fn(move || {
        let start = position + text[position..].find(is_part)?;
        let end = text[start..].find(|c| !is_part(c)).map_or(text.len(), |length| start + length);
        position = end;
        Some((start, end))
    })
}

/// `.svc`, `.svc.cluster.local` or the like, also behind a namespace.
fn is_service_domain(rest: &str) -> bool {
    rest.trim_end_matches('.').split('.').any(|label| label == "svc")
}

/// A colon and a port number that ends where digits end.
fn has_port(after: &str) -> bool {
    let Some(rest) = after.strip_prefix(':') else { return false };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let ends = !rest[digits..].starts_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
    (1..=5).contains(&digits) && ends
}

/// Whether a variable or flag of that name holds an address: `ROUTER_HOST`, `--server-address`.
pub(super) fn is_address_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["host", "hostname", "addr", "address", "endpoint", "server", "service", "url"]
        .iter()
        .any(|end| name.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with(['_', '-'])))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn hosts() -> Hosts {
        let mut hosts = Hosts::new("llm");
        hosts.insert("vllm", "x-r1-a-d1");
        hosts.insert_set("sglang", "y-r1-a-d1");
        hosts.insert("heads", "y-r1-a-d1-heads");
        hosts.insert_groups("vllm-group", "z-r1-a-d1");
        hosts.insert("vllm-group", "z-r1-a-d1-vllm-group");
        hosts
    }

    #[rstest]
    #[case("http://vllm:8000/v1", "http://x-r1-a-d1:8000/v1")]
    #[case(
        "curl http://vllm/health && curl http://vllm.llm.svc/v1",
        "curl http://x-r1-a-d1/health && curl http://x-r1-a-d1.llm.svc/v1"
    )]
    #[case("vllm.llm.svc.cluster.local", "x-r1-a-d1.llm.svc.cluster.local")]
    #[case("--backends=vllm:8000,vllm:8001", "--backends=x-r1-a-d1:8000,x-r1-a-d1:8001")]
    #[case("http://user@vllm.llm/", "http://user@x-r1-a-d1.llm/")]
    #[case::of_a_stateful_set(
        "--dist-init-addr sglang-0.heads:5000",
        "--dist-init-addr y-r1-a-d1-0.y-r1-a-d1-heads:5000"
    )]
    #[case::with_a_domain("ping sglang-1.heads.llm.svc", "ping y-r1-a-d1-1.y-r1-a-d1-heads.llm.svc")]
    #[case::of_a_group("wait-for vllm-group-0-1.vllm-group", "wait-for z-r1-a-d1-0-1.z-r1-a-d1")]
    #[case::in_front_of_groups("http://vllm-group:8000", "http://z-r1-a-d1-vllm-group:8000")]
    #[case("ünïcode http://vllm:80 — end", "ünïcode http://x-r1-a-d1:80 — end")]
    fn hosts_are_renamed(#[case] before: &str, #[case] after: &str) {
        assert_eq!(hosts().rename(before).as_deref(), Some(after));
    }

    #[rstest]
    #[case("vllm serve Qwen/Qwen3-32B")]
    #[case("python3 -m vllm.entrypoints.openai.api_server")]
    #[case("http://vllm.other.svc:8000")]
    #[case("http://my-vllm:8000")]
    #[case("http://vllm-2:8000")]
    #[case("registry/vllm:8")]
    #[case("vllm:8b")]
    #[case("vllm:0.9.1")]
    #[case("/opt/vllm/bin")]
    #[case("sglang-0")]
    #[case("sglang-0.other")]
    #[case("sglang-x.heads")]
    #[case("sglang-0.heads.other.svc")]
    #[case("")]
    fn what_is_not_a_host_stays(#[case] text: &str) {
        assert_eq!(hosts().rename(text), None);
    }

    #[rstest]
    #[case("vllm", Some("x-r1-a-d1"))]
    #[case("vllm:8000", Some("x-r1-a-d1:8000"))]
    #[case("vllm.llm", Some("x-r1-a-d1.llm"))]
    #[case("0.0.0.0", None)]
    #[case("vllm.other", None)]
    #[case("sglang-0", Some("y-r1-a-d1-0"))]
    #[case("sglang-0.heads:5000", Some("y-r1-a-d1-0.y-r1-a-d1-heads:5000"))]
    fn addresses_are_renamed_whole(#[case] before: &str, #[case] after: Option<&str>) {
        assert_eq!(hosts().rename_whole(before).as_deref(), after);
    }

    #[rstest]
    #[case("ROUTER_HOST", true)]
    #[case("--host", true)]
    #[case("--server-address", true)]
    #[case("MODEL_NAME", false)]
    #[case("GHOST", false)]
    fn addresses_are_known_by_their_names(#[case] name: &str, #[case] expected: bool) {
        assert_eq!(is_address_name(name), expected);
    }
}
