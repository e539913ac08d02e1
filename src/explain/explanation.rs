//! What is said of a name.

/// What to do where nothing is wrong.
pub(super) const NO_ACTION: &str = "No action needed.";

/// What a name means, in sentences. Fields, values and commands are in backticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What was seen; of a condition, what `True` says.
    pub meaning: &'static str,
    /// What `False` says of a condition.
    pub when_false: Option<&'static str>,
    /// What `Unknown` says of a condition, if it can be.
    pub when_unknown: Option<&'static str>,
    /// What it would do to the comparison if it were ignored.
    pub why: Option<&'static str>,
    /// When it ends a run or a variant; it is shown before.
    pub final_when: Option<&'static str>,
    /// What to do, as an imperative.
    pub remedy: &'static str,
}

/// An explanation without what only some names have.
pub(super) const fn explanation(meaning: &'static str, remedy: &'static str) -> Explanation {
    Explanation { meaning, when_false: None, when_unknown: None, why: None, final_when: None, remedy }
}
