//! How a real engine differs from the one that is predicted: `optimized=-15%`.

use std::str::FromStr;

/// A variant whose engines are slower or faster than predicted.
#[derive(Clone, Debug, PartialEq)]
pub struct Deviation {
    pub variant: String,
    /// Throughput of its engines, in percent of the predicted less 100.
    percent: f64,
}

/// A deviation that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviationError {
    /// There is no `=`.
    #[error("`{0}` names no variant: write VARIANT=PERCENT, for example optimized=-15%")]
    NoVariant(String),
    /// What follows is not a percentage in bounds.
    #[error("`{found}` is not a percentage from -90% to +900%: write for example {variant}=-15%")]
    NotAPercentage {
        /// What was written.
        found: String,
        variant: String,
    },
}

/// A tenth of the throughput, and ten times as much.
const BOUNDS: std::ops::RangeInclusive<f64> = -90.0..=900.0;

impl Deviation {
    /// Steps take so many times as long as predicted.
    pub fn slowness(&self) -> f64 {
        1.0 / (1.0 + self.percent / 100.0)
    }
}

impl FromStr for Deviation {
    type Err = DeviationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (variant, percent) = text
            .split_once('=')
            .filter(|(variant, _)| !variant.is_empty())
            .ok_or_else(|| DeviationError::NoVariant(text.into()))?;
        let number = percent.trim().strip_suffix('%').unwrap_or(percent).trim().replace('−', "-");
        let percent = number.parse().ok().filter(|percent| BOUNDS.contains(percent));
        let percent =
            percent.ok_or_else(|| DeviationError::NotAPercentage { found: number.clone(), variant: variant.into() })?;
        Ok(Self { variant: variant.into(), percent })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("optimized=-15%", 1.0 / 0.85)]
    #[case("optimized=+25", 0.8)]
    #[case("optimized=−50 %", 2.0)]
    fn a_percentage_of_throughput_is_a_factor_of_time(#[case] text: &str, #[case] slowness: f64) {
        let deviation: Deviation = text.parse().unwrap();
        assert_eq!(deviation.variant, "optimized");
        assert!((deviation.slowness() - slowness).abs() < 1e-9);
    }

    #[rstest]
    #[case("-15%", "names no variant")]
    #[case("=-15%", "names no variant")]
    #[case("optimized=slow", "`slow` is not a percentage")]
    #[case("optimized=-100%", "-90% to +900%")]
    #[case("optimized=NaN", "is not a percentage")]
    fn anything_else_is_refused(#[case] text: &str, #[case] why: &str) {
        let error = text.parse::<Deviation>().unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}
