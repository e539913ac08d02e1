//! `kubectl bcmp explain`: what a word in a status means, why it matters and what to do.

use super::Plugin;
use super::arguments::Explain;
use super::error::PluginError;
use super::screen::{Page, toned};
use crate::api::conditions::ConditionType;
use crate::api::reasons::{About, REASONS, Reason};
use crate::api::{EvidenceCode, Severity};
use crate::measurement::explain as code_in_words;
use crate::report::labels::Tone;

/// Likeness from which on a word may have been meant, from 0 to 1.
const LIKE: f64 = 0.8;
/// Words that are offered at most.
const MOST_OFFERED: usize = 5;

/// Explains a word, or lists all that can be explained.
pub fn explain(plugin: &mut Plugin, arguments: &Explain) -> Result<u8, PluginError> {
    let page = match &arguments.topic {
        None => everything(),
        Some(topic) => one(topic).ok_or_else(|| unknown(topic))?,
    };
    plugin.screen.show(&page)?;
    Ok(0)
}

/// Every word that can be explained.
pub fn topics() -> Vec<&'static str> {
    let conditions = ConditionType::ALL.into_iter().map(ConditionType::as_str);
    let codes = EvidenceCode::ALL.iter().map(|code| code.as_str());
    let mut topics: Vec<_> = conditions.chain(codes).chain(REASONS.iter().map(|reason| reason.name)).collect();
    topics.sort_unstable();
    topics.dedup();
    topics
}

/// Everything a word means; some are a reason and something else.
fn one(topic: &str) -> Option<Page> {
    let is = |name: &str| name.eq_ignore_ascii_case(topic);
    let mut page = Page::default();
    let mut add = |about: String, words: &[(&str, &str)]| {
        if !page.is_empty() {
            page.line("");
        }
        page.spans(vec![toned(Tone::Good, about)]);
        words.iter().filter(|(_, text)| !text.is_empty()).for_each(|(name, text)| page.field(name, text));
    };
    for condition in ConditionType::ALL.into_iter().filter(|condition| is(condition.as_str())) {
        let (meaning, otherwise, remedy) = condition.explained();
        let words = [("True", meaning), ("else", otherwise), ("what to do", remedy)];
        add(format!("{}: a condition", condition.as_str()), &words);
    }
    for code in EvidenceCode::ALL.iter().filter(|code| is(code.as_str())) {
        let words = code_in_words::explain(*code);
        let effect = match code.severity() {
            Severity::Reject => "the level is rejected",
            Severity::Warn => "a warning",
        };
        let words = [("means", words.meaning), ("matters", words.why), ("what to do", words.remedy)];
        add(format!("{code}: an evidence code, {effect}"), &words);
    }
    for reason in REASONS.iter().filter(|reason| is(reason.name)) {
        let Reason { name, about, meaning, final_after, remedy } = reason;
        let words = [("means", *meaning), ("final", final_after.unwrap_or_default()), ("what to do", *remedy)];
        add(format!("{name}: a reason ({})", about.title().to_lowercase()), &words);
    }
    (!page.is_empty()).then_some(page)
}

fn everything() -> Page {
    let mut page = Page::default();
    let mut group = |title: &str, entries: Vec<(&str, &str)>| {
        if !page.is_empty() {
            page.line("");
        }
        page.spans(vec![toned(Tone::Good, title)]);
        entries.into_iter().for_each(|(name, words)| page.entry(name, words));
    };
    let conditions = ConditionType::ALL.into_iter().map(|condition| (condition.as_str(), condition.explained().0));
    group("Conditions", conditions.collect());
    let codes = |severity| {
        let of = EvidenceCode::ALL.iter().filter(move |code| code.severity() == severity);
        of.map(|code| (code.as_str(), code_in_words::explain(*code).meaning)).collect()
    };
    group("Evidence codes that reject a level", codes(Severity::Reject));
    group("Evidence codes that warn", codes(Severity::Warn));
    for about in About::ALL {
        let of = REASONS.iter().filter(|reason| reason.about == about);
        group(&format!("Reasons: {}", about.title().to_lowercase()), of.map(|r| (r.name, r.meaning)).collect());
    }
    page.line("");
    page.line("What to do: kubectl bcmp explain WORD");
    page
}

fn unknown(topic: &str) -> PluginError {
    let wanted = topic.to_lowercase();
    let mut like: Vec<(f64, &str)> = topics()
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&wanted, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness >= LIKE)
        .collect();
    like.sort_by(|a, b| b.0.total_cmp(&a.0));
    let like: Vec<&str> = like.into_iter().take(MOST_OFFERED).map(|(_, name)| name).collect();
    let hint = match like.is_empty() {
        true => "`kubectl bcmp explain` lists all".into(),
        false => format!("did you mean {}?", like.join(", ")),
    };
    PluginError::usage(format!("{topic} is no condition, reason or evidence code; {hint}"))
}
