//! `kubectl bcmp explain`: what a name in a status means, why it matters and what to do.

use super::Plugin;
use super::arguments::ExplainArguments;
use super::error::PluginError;
use super::screen::{Page, WIDTH, plain, toned};
use crate::explain::{Explanation, Subject};
use crate::report::labels::Tone;

/// Likeness from which on a name may have been meant, from 0 to 1.
const LIKE: f64 = 0.8;
/// Names that are offered at most.
const MOST_OFFERED: usize = 5;
/// Columns of the labels beside an explanation.
const LABEL: usize = 14;

/// Explains a name, or lists all that can be explained.
pub fn explain(plugin: &mut Plugin, arguments: &ExplainArguments) -> Result<u8, PluginError> {
    let mut page = Page::of_width(plugin.screen.width().min(WIDTH));
    match arguments.topic.join(" ").as_str() {
        "" => everything(&mut page),
        topic => one(topic, &mut page)?,
    }
    plugin.screen.show(&page)?;
    Ok(0)
}

/// Every name that can be explained.
pub fn topics() -> Vec<&'static str> {
    let mut topics: Vec<_> = Subject::all().map(Subject::name).collect();
    topics.sort_unstable();
    topics.dedup();
    topics
}

/// Everything a name means: some are a condition, a code or a result, and a reason besides.
fn one(topic: &str, page: &mut Page) -> Result<(), PluginError> {
    for subject in Subject::all().filter(|subject| subject.name().eq_ignore_ascii_case(topic)) {
        separate(page);
        page.spans(vec![toned(Tone::Good, subject.name()), plain(format!(" ({})", subject.kind()))]);
        let is_condition = matches!(subject, Subject::Condition(_));
        let Explanation { meaning, when_false, when_unknown, why, final_when, remedy } = subject.explain();
        let fields = [
            (if is_condition { "when True" } else { "means" }, Some(meaning)),
            ("when False", when_false),
            ("when Unknown", when_unknown),
            ("why it matters", why),
            ("becomes final", final_when),
            ("what to do", Some(remedy)),
        ];
        for (label, text) in fields {
            if let Some(text) = text {
                page.labelled(LABEL, label, text);
            }
        }
    }
    if page.is_empty() { Err(unknown(topic)) } else { Ok(()) }
}

fn everything(page: &mut Page) {
    let mut heading = "";
    for subject in Subject::all() {
        if subject.heading() != heading {
            heading = subject.heading();
            separate(page);
            page.spans(vec![toned(Tone::Good, heading)]);
        }
        page.entry(subject.name(), subject.explain().meaning);
    }
    page.line("");
    page.line("Why it matters and what to do: kubectl bcmp explain TOPIC");
}

fn separate(page: &mut Page) {
    if !page.is_empty() {
        page.line("");
    }
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
    PluginError::usage(format!(
        "{topic} is not a condition, verdict result, evidence code, reason, column or term; {hint}"
    ))
}
