//! What people read in a status means: conditions, verdict results, evidence codes and reasons.
//!
//! One table for `kubectl bcmp explain`, the reports and the tables in the documents. The compiler sees to it that nothing
//! is missing: each function is a match over all of an enum.

mod codes;
mod conditions;
mod explanation;
mod reasons;
mod results;
mod terms;

use strum::IntoEnumIterator;

use crate::api::codes::{About, Effect, ReasonGroup};
use crate::api::conditions::ConditionType;
use crate::api::{EvidenceCode, Reason, VerdictResult};

pub use codes::code;
pub use conditions::condition;
pub use explanation::Explanation;
pub use reasons::reason;
pub use results::result;
pub use terms::{Term, term};

/// Something that can be explained. Some names are several: a condition and an event, a code and a result, a column and a
/// term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Condition(ConditionType),
    Result(VerdictResult),
    Code(EvidenceCode),
    Reason(Reason),
    Term(Term),
}

impl Subject {
    /// Everything that can be explained, in the order in which it is listed.
    pub fn all() -> impl Iterator<Item = Self> {
        let codes = EvidenceCode::iter().map(Self::Code);
        ConditionType::iter()
            .map(Self::Condition)
            .chain(VerdictResult::iter().map(Self::Result))
            .chain(codes)
            .chain(Reason::iter().map(Self::Reason))
            .chain(Term::iter().map(Self::Term))
    }

    /// As it stands in a status or an event.
    pub fn name(self) -> &'static str {
        match self {
            Self::Condition(kind) => kind.as_str(),
            Self::Result(result) => result.as_str(),
            Self::Code(code) => code.as_str(),
            Self::Reason(reason) => reason.as_str(),
            Self::Term(term) => term.as_str(),
        }
    }

    /// The heading under which it is listed.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Condition(_) => "Conditions",
            Self::Result(_) => "Verdict results",
            Self::Code(code) => match code.effect() {
                Effect::Reject | Effect::Repeat => "Evidence codes that reject a trial",
                Effect::Warn | Effect::NotJudged => "Evidence codes that warn",
            },
            Self::Reason(reason) => match reason.group() {
                ReasonGroup::Failure => "Reasons: why a run or a variant fails",
                ReasonGroup::Configuration => "Reasons: why a variant has no configuration",
                ReasonGroup::Course => "Reasons: where a run is, and why it ended early",
                ReasonGroup::Judgement => "Reasons: what follows from the measurements",
                ReasonGroup::Event => "Reasons: what happened (events only)",
            },
            Self::Term(term) if term.is_column() => "Columns of kubectl get bcmp",
            Self::Term(_) => "Terms",
        }
    }

    /// What kind of thing it is, and what it does.
    pub fn kind(self) -> String {
        match self {
            Self::Condition(_) => "condition".into(),
            Self::Result(_) => "verdict result".into(),
            Self::Code(code) => format!("evidence code: {}", effect(code)),
            Self::Reason(reason) => match reason.group() {
                ReasonGroup::Event => "reason of an event".into(),
                _ => "reason".into(),
            },
            Self::Term(term) if term.is_column() => "column".into(),
            Self::Term(_) => "term".into(),
        }
    }

    /// What it means and what to do.
    pub const fn explain(self) -> Explanation {
        match self {
            Self::Condition(kind) => condition(kind),
            Self::Result(result) => self::result(result),
            Self::Code(code) => self::code(code),
            Self::Reason(reason) => self::reason(reason),
            Self::Term(term) => self::term(term),
        }
    }
}

/// What follows from a code, for people.
pub fn effect(code: EvidenceCode) -> String {
    let about = code.about();
    match code.effect() {
        Effect::Reject => format!("rejects the {about}"),
        Effect::Repeat => format!("rejects the {about}, which is run once more"),
        Effect::NotJudged => format!("warns about the {about}, whose accuracy is not judged"),
        Effect::Warn if about == About::Comparison => "warns about the comparison with the baseline".into(),
        Effect::Warn => format!("warns about the {about}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Words that a remedy may begin with: it says what to do and not how things are.
    const IMPERATIVES: [&str; 36] = [
        "Add", "Change", "Check", "Compare", "Correct", "Create", "Delete", "Deploy", "Describe", "Find", "Fix",
        "Free", "Give", "Install", "Keep", "Look", "Lower", "Make", "Measure", "No", "Patch", "Pin", "Predict",
        "Raise", "Read", "Relax", "Remove", "Report", "Restore", "Run", "Set", "Shorten", "Trust", "Turn", "Use",
        "Wait",
    ];

    fn texts(of: Explanation) -> impl Iterator<Item = &'static str> {
        let Explanation { meaning, when_false, when_unknown, why, final_when: _, remedy } = of;
        [Some(meaning), when_false, when_unknown, why, Some(remedy)].into_iter().flatten()
    }

    #[test]
    fn every_text_is_a_sentence() {
        for subject in Subject::all() {
            for text in texts(subject.explain()) {
                let name = subject.name();
                assert!(text.ends_with('.'), "{name}: {text}");
                assert!(text.starts_with(|c: char| c.is_uppercase() || c == '`'), "{name}: {text}");
                assert!(text.matches('`').count() % 2 == 0, "{name}: {text}");
                assert!((10..=260).contains(&text.len()), "{name}: {} bytes: {text}", text.len());
            }
        }
    }

    #[test]
    fn every_remedy_says_what_to_do() {
        for subject in Subject::all() {
            let remedy = subject.explain().remedy;
            let first = remedy.split([' ', ';', ',', ':']).next().unwrap_or_default();
            assert!(IMPERATIVES.contains(&first), "{}: {remedy}", subject.name());
        }
    }

    /// A code that says what another says is the other, or says too little.
    #[test]
    fn every_code_has_an_explanation_of_its_own() {
        let mut seen = BTreeMap::new();
        for code in EvidenceCode::iter() {
            let explained = self::code(code);
            for text in [Some(explained.meaning), explained.why, Some(explained.remedy)].into_iter().flatten() {
                let other = seen.insert(text, code);
                assert!(other.is_none(), "{code} and {other:?}: {text}");
            }
            assert!(explained.why.is_some(), "{code} does not say why it matters");
        }
    }

    #[test]
    fn a_failure_says_when_it_is_final_and_nothing_else_does() {
        for reason in Reason::iter() {
            let is_failure = reason.group() == ReasonGroup::Failure;
            assert_eq!(self::reason(reason).final_when.is_some(), is_failure, "{reason}");
        }
    }
}
