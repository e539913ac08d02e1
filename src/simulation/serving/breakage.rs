//! Evidence that is bad: `baseline@10=NotStreaming`.

use std::str::FromStr;

use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use crate::measurement::Measurement;

/// What may be wrong with the evidence of a level: the codes of the audit that a single result shows by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantNames)]
pub enum Defect {
    /// The load tool did not ask for streaming.
    NotStreaming,
    /// One request in twenty fails.
    ErrorRate,
    /// Answers are a tenth too short.
    OutputLengthMismatch,
    /// Requests wait in the load generator.
    ClientSaturated,
    /// Four prompts in ten come from the server's cache.
    PrefixCacheHits,
    /// The load tool was stopped.
    Incomplete,
    /// Another model answered.
    ModelMismatch,
}

impl Defect {
    /// Spoils a result so that the audit finds the code.
    pub fn spoil(self, measurement: &mut Measurement) {
        let facts = &mut measurement.facts;
        match self {
            Self::NotStreaming => facts.streaming = Some(false),
            Self::ErrorRate => {
                let failed = measurement.requests.div_ceil(20);
                measurement.requests = measurement.requests.saturating_sub(failed);
                measurement.errors = Some(failed);
                measurement.first_error = Some("503 Service Unavailable".into());
            }
            Self::OutputLengthMismatch => facts.output_tokens = facts.output_tokens.map(|tokens| 0.9 * tokens),
            Self::ClientSaturated => facts.client_wait_percent = Some(12.5),
            Self::PrefixCacheHits => {
                facts.cached_prompt_percent = Some(40.0);
                facts.cached_prompt_tokens = facts.input_tokens.map(|tokens| 0.4 * tokens);
            }
            Self::Incomplete => facts.complete = Some(false),
            Self::ModelMismatch => facts.model = Some("another-model".into()),
        }
    }
}

/// A level of a variant whose evidence is bad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breakage {
    pub variant: String,
    /// Its level: concurrent requests.
    pub concurrency: u32,
    /// What is wrong.
    pub defect: Defect,
}

/// A breakage that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BreakageError {
    /// It has another form.
    #[error("`{0}` is not VARIANT@CONCURRENCY=CODE, for example baseline@10=NotStreaming")]
    Form(String),
    #[error("`{found}` is not a code that can be simulated: use {}", Defect::VARIANTS.join(", "))]
    Code {
        /// What was written.
        found: String,
    },
}

impl FromStr for Breakage {
    type Err = BreakageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || BreakageError::Form(text.into());
        let (place, code) = text.split_once('=').ok_or_else(form)?;
        let (variant, level) = place.split_once('@').filter(|(variant, _)| !variant.is_empty()).ok_or_else(form)?;
        let concurrency = level.parse().ok().filter(|level| *level > 0).ok_or_else(form)?;
        let defect = code.parse().map_err(|_| BreakageError::Code { found: code.into() })?;
        Ok(Self { variant: variant.into(), concurrency, defect })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_level_and_a_code_are_read() {
        let expected = Breakage { variant: "baseline".into(), concurrency: 10, defect: Defect::NotStreaming };
        assert_eq!("baseline@10=NotStreaming".parse(), Ok(expected));
    }

    #[rstest]
    #[case("baseline=NotStreaming", "VARIANT@CONCURRENCY=CODE")]
    #[case("baseline@ten=NotStreaming", "VARIANT@CONCURRENCY=CODE")]
    #[case("baseline@0=NotStreaming", "VARIANT@CONCURRENCY=CODE")]
    #[case("@10=NotStreaming", "VARIANT@CONCURRENCY=CODE")]
    #[case("baseline@10=Sabotage", "use NotStreaming, ErrorRate, OutputLengthMismatch")]
    fn anything_else_is_refused(#[case] text: &str, #[case] why: &str) {
        let error = text.parse::<Breakage>().unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}
