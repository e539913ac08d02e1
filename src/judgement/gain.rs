//! Candidate over baseline: what counts as better, worse or no different (METHOD §6).

use super::statistics::Estimate;
use crate::measurement::exceeds;

/// From one run a side only a gain beyond this tells anything, in percent.
const SINGLE_RUN_GAIN_PERCENT: f64 = 15.0;

/// What a gain amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// More throughput than the margin, beyond doubt.
    Better,
    /// Less, beyond doubt.
    Worse,
    /// The difference is within the margin, beyond doubt.
    NoDifference,
    /// It cannot be told.
    Undetermined,
}

/// Confidence of each gain's interval, so that of several candidates not one in twenty is called different by chance.
pub fn confidence(candidates: usize) -> f64 {
    1.0 - 0.05 / candidates.max(1) as f64
}

/// A ratio as signed percent: 1.234 is +23.4.
pub fn percent(ratio: f64) -> f64 {
    100.0 * (ratio - 1.0)
}

/// What a measured gain amounts to. Without an interval (one run a side) it is never `NoDifference`.
pub fn call(gain: &Estimate, margin_percent: f64) -> Call {
    let value = percent(gain.value);
    let (beyond, within) = match gain.interval {
        Some((low, high)) => {
            let (low, high) = (percent(low), percent(high));
            let excludes_zero = exceeds(low, 0.0) || exceeds(-high, 0.0);
            let within = !exceeds(-low, margin_percent) && !exceeds(high, margin_percent);
            (excludes_zero && exceeds(value.abs(), margin_percent), within)
        }
        None => (exceeds(value.abs(), SINGLE_RUN_GAIN_PERCENT.max(margin_percent)), false),
    };
    match (beyond, within) {
        (true, _) if value > 0.0 => Call::Better,
        (true, _) => Call::Worse,
        (false, true) => Call::NoDifference,
        (false, false) => Call::Undetermined,
    }
}

/// What a predicted gain amounts to: a prediction does not scatter.
pub fn call_predicted(ratio: f64, margin_percent: f64) -> Call {
    match percent(ratio) {
        value if exceeds(value, margin_percent) => Call::Better,
        value if exceeds(-value, margin_percent) => Call::Worse,
        _ => Call::NoDifference,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn gain(value: f64, interval: Option<(f64, f64)>) -> Estimate {
        let ratio = |percent: f64| 1.0 + percent / 100.0;
        Estimate { value: ratio(value), interval: interval.map(|(low, high)| (ratio(low), ratio(high))) }
    }

    #[rstest]
    #[case::clearly_better(23.4, (18.0, 29.1), Call::Better)]
    #[case::clearly_worse(-12.0, (-15.0, -9.0), Call::Worse)]
    #[case::touching_zero_is_not_excluding_it(8.0, (0.0, 16.0), Call::Undetermined)]
    #[case::on_the_margin_is_not_beyond_it(5.0, (4.0, 5.9), Call::Undetermined)]
    #[case::just_beyond_the_margin(5.1, (4.0, 6.1), Call::Better)]
    #[case::small_but_certain(2.0, (1.0, 3.0), Call::NoDifference)]
    #[case::up_to_both_margins(0.0, (-5.0, 5.0), Call::NoDifference)]
    #[case::wider_than_a_margin(0.0, (-4.9, 5.1), Call::Undetermined)]
    #[case::large_but_uncertain(20.0, (-3.0, 48.0), Call::Undetermined)]
    fn repetitions_decide_by_their_interval(#[case] value: f64, #[case] interval: (f64, f64), #[case] expected: Call) {
        assert_eq!(call(&gain(value, Some(interval)), 5.0), expected);
    }

    #[rstest]
    #[case(15.0, Call::Undetermined)]
    #[case(15.1, Call::Better)]
    #[case(-15.1, Call::Worse)]
    #[case(0.0, Call::Undetermined)]
    fn a_single_run_tells_only_of_large_gains(#[case] value: f64, #[case] expected: Call) {
        assert_eq!(call(&gain(value, None), 5.0), expected);
    }

    #[test]
    fn a_single_run_needs_the_margin_too() {
        assert_eq!(call(&gain(18.0, None), 20.0), Call::Undetermined);
    }

    #[rstest]
    #[case(1.0501, Call::Better)]
    #[case(1.05, Call::NoDifference)]
    #[case(0.9499, Call::Worse)]
    #[case(1.0, Call::NoDifference)]
    fn a_prediction_decides_by_the_margin(#[case] ratio: f64, #[case] expected: Call) {
        assert_eq!(call_predicted(ratio, 5.0), expected);
    }

    #[rstest]
    #[case(1, 0.95)]
    #[case(2, 0.975)]
    #[case(5, 0.99)]
    fn candidates_share_the_risk(#[case] candidates: usize, #[case] expected: f64) {
        assert!((confidence(candidates) - expected).abs() < 1e-12);
    }
}
