//! Which of the predictor's templates fits the runtime's image.

use std::cmp::Ordering;

use super::protocol::ToolVersions;
use crate::api::{EvidenceCode, Finding, Runtime};

/// The release whose templates are used.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Templates {
    pub runtime: String,
    /// Version of the inference engine in it.
    pub engine: Option<String>,
    /// Where it is not the release that is deployed.
    pub finding: Option<Finding>,
}

/// The templates for a runtime: its own, else the nearest.
pub(super) fn templates(runtime: &Runtime, versions: &ToolVersions) -> Templates {
    let given = runtime.version.as_deref().filter(|version| !version.is_empty());
    let tag = runtime.image.as_deref().and_then(tag);
    let wanted = given.or(tag).and_then(|text| Some((text, Release::parse(text)?)));
    let Some((text, release)) = wanted else {
        let what = match given.or(tag) {
            Some(text) => format!("`{text}` is not a version"),
            None => "the image has no tag".to_owned(),
        };
        return chosen(&versions.default_runtime, versions, Some(what));
    };
    let known = versions.runtimes.keys().filter_map(|name| Some((Release::parse(name)?, name)));
    let mut known: Vec<(Release, &String)> = known.collect();
    known.sort_by(|a, b| a.0.cmp(&b.0));
    if let Some((_, name)) = known.iter().find(|(own, _)| *own == release) {
        return chosen(name, versions, None);
    }
    // Settings change with minor releases: stay within one where possible, else take the one before, else the next.
    let same_minor = known.iter().rev().find(|(own, _)| own.minor() == release.minor());
    let before = known.iter().rev().find(|(own, _)| *own < release);
    let nearest = same_minor.or(before).or(known.first()).map(|(_, name)| name.as_str());
    let nearest = nearest.unwrap_or(&versions.default_runtime);
    chosen(nearest, versions, Some(format!("it has none for runtime {text}")))
}

fn chosen(name: &str, versions: &ToolVersions, problem: Option<String>) -> Templates {
    let mut known: Vec<_> = versions.runtimes.keys().map(|name| (Release::parse(name), name.as_str())).collect();
    known.sort();
    let end = |name: Option<&(_, &'_ str)>| name.map_or("?", |(_, name)| *name).to_owned();
    let finding = problem.map(|problem| {
        let message = format!(
            "the predictor's templates for runtime {name} were used: {problem}. Check the generated settings, or set \
             runtime.version to one from {} to {}",
            end(known.first()),
            end(known.last()),
        );
        Finding::new(EvidenceCode::RuntimeVersionUnsupported, message)
    });
    Templates { runtime: name.to_owned(), engine: versions.runtimes.get(name).cloned(), finding }
}

/// The tag of an image, without the digest.
pub(super) fn tag(image: &str) -> Option<&str> {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    let (_, tag) = name.rsplit_once(':')?;
    (!tag.contains('/') && !tag.is_empty()).then_some(tag)
}

/// A version with at least two numbers, such as `1.3.0`, `0.7.0.post1` or `v1.0.0-rc2`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Release {
    numbers: Vec<u64>,
    /// `post1` sorts after its release, everything else before.
    suffix: String,
}

impl Release {
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let numeric = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (numbers, suffix) = text.split_at(numeric);
        let numbers: Option<Vec<u64>> =
            numbers.trim_end_matches('.').split('.').map(|part| part.parse().ok()).collect();
        let numbers = numbers.filter(|numbers| numbers.len() >= 2)?;
        Some(Self { numbers, suffix: suffix.trim_start_matches(['-', '.', '_', '+']).to_owned() })
    }

    fn minor(&self) -> &[u64] {
        self.numbers.get(..2).unwrap_or(&self.numbers)
    }

    fn place(&self) -> (u8, &str) {
        match self.suffix.as_str() {
            "" => (1, ""),
            suffix if suffix.starts_with("post") => (2, suffix),
            suffix => (0, suffix),
        }
    }
}

impl Ord for Release {
    fn cmp(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| self.place().cmp(&other.place()))
    }
}

impl PartialOrd for Release {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::api::Backend;

    /// What aiconfigurator 0.12.0 knows.
    fn versions() -> ToolVersions {
        let known = [
            ("0.6.0", "1.1.0rc5"),
            ("0.6.1", "1.1.0rc5"),
            ("0.6.1.post1", "1.1.0rc5"),
            ("0.7.0", "1.2.0rc2"),
            ("0.7.0.post1", "1.2.0rc3"),
            ("0.7.1", "1.2.0rc3"),
            ("0.8.0", "1.2.0rc6.post1"),
            ("0.9.0", "1.3.0rc1"),
            ("1.0.0", "1.3.0rc5.post1"),
            ("1.3.0", "1.3.0rc23"),
        ];
        ToolVersions {
            tool: "0.12.0".into(),
            default_runtime: "1.3.0".into(),
            runtimes: known.map(|(runtime, engine)| (runtime.into(), engine.into())).into(),
            systems: vec!["h200_sxm".into()],
            database: Some("1.3.0rc20".into()),
        }
    }

    fn runtime(image: &str, version: Option<&str>) -> Runtime {
        Runtime { backend: Backend::Trtllm, image: Some(image.into()), version: version.map(str::to_owned) }
    }

    #[rstest]
    #[case::tag("registry.example:5000/runtime:1.3.0", None, "1.3.0", "1.3.0rc23")]
    #[case::digest("registry.example/runtime:0.7.1@sha256:00", None, "0.7.1", "1.2.0rc3")]
    #[case::given("registry.example/runtime:nightly", Some("0.9.0"), "0.9.0", "1.3.0rc1")]
    #[case::given_beats_tag("registry.example/runtime:1.3.0", Some("0.9.0"), "0.9.0", "1.3.0rc1")]
    #[case::v("registry.example/runtime:v1.0.0", None, "1.0.0", "1.3.0rc5.post1")]
    fn supported_versions_have_their_own(
        #[case] image: &str,
        #[case] version: Option<&str>,
        #[case] expected: &str,
        #[case] engine: &str,
    ) {
        let templates = templates(&runtime(image, version), &versions());
        assert_eq!(templates, Templates { runtime: expected.into(), engine: Some(engine.into()), finding: None });
    }

    #[rstest]
    #[case::the_guide_s("r/i:0.5.0", "0.6.0", "it has none for runtime 0.5.0")]
    #[case::candidate("r/i:0.7.0-rc1", "0.7.1", "it has none for runtime 0.7.0-rc1")]
    #[case::same_minor("r/i:0.7.9", "0.7.1", "it has none for runtime 0.7.9")]
    #[case::between("r/i:1.2.4", "1.0.0", "it has none for runtime 1.2.4")]
    #[case::newer("r/i:2.0.0", "1.3.0", "it has none for runtime 2.0.0")]
    #[case::no_version("r/i:nightly", "1.3.0", "`nightly` is not a version")]
    #[case::no_tag("registry.example:5000/i", "1.3.0", "the image has no tag")]
    fn others_get_the_nearest_with_a_finding(#[case] image: &str, #[case] expected: &str, #[case] problem: &str) {
        let templates = templates(&runtime(image, None), &versions());
        let finding = templates.finding.unwrap();
        assert_eq!(templates.runtime, expected);
        assert_eq!(finding.code, EvidenceCode::RuntimeVersionUnsupported);
        assert_eq!(
            finding.message,
            format!(
                "the predictor's templates for runtime {expected} were used: {problem}. Check the generated settings, or set \
                 runtime.version to one from 0.6.0 to 1.3.0"
            )
        );
    }
}
