//! Numbers as the status shows them: fixed rounding, so that the same evidence gives the same text.

use super::gain::percent;
use super::statistics::Estimate;

/// Three decimals, for latencies and throughputs.
pub fn fixed(value: f64) -> String {
    format!("{value:.3}")
}

/// Signed percent with one decimal; nothing is `+0.0`, never `-0.0`.
pub fn signed(percent: f64) -> String {
    match format!("{percent:+.1}") {
        text if text == "-0.0" => "+0.0".into(),
        text => text,
    }
}

/// A ratio as signed percent.
pub fn signed_ratio(ratio: f64) -> String {
    signed(percent(ratio))
}

/// The interval of a ratio, for example `+18.0…+29.1`.
pub fn gain_interval(gain: &Estimate) -> Option<String> {
    gain.interval.map(|(low, high)| format!("{}…{}", signed_ratio(low), signed_ratio(high)))
}

/// The interval of a throughput, for example `198.2…203.9`.
pub fn interval(estimate: &Estimate) -> Option<String> {
    estimate.interval.map(|(low, high)| format!("{low:.1}…{high:.1}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(4.06, "+4.1")]
    #[case(-12.04, "-12.0")]
    #[case(-0.04, "+0.0")]
    #[case(0.0, "+0.0")]
    fn percents_are_signed(#[case] value: f64, #[case] expected: &str) {
        assert_eq!(signed(value), expected);
    }

    #[test]
    fn intervals_are_rounded_to_one_decimal() {
        let estimate = Estimate { value: 1.2, interval: Some((1.18, 1.291)) };
        assert_eq!(gain_interval(&estimate).unwrap(), "+18.0…+29.1");
        assert_eq!(interval(&Estimate { value: 200.0, interval: Some((198.24, 203.86)) }).unwrap(), "198.2…203.9");
    }
}
