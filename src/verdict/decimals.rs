//! Numbers as the status shows them: fixed rounding, so that the same evidence gives the same text.

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

/// A share as signed percent.
pub fn signed_share(share: f64) -> String {
    signed(100.0 * share)
}

/// The logarithm of a ratio as signed percent.
pub fn signed_log(log: f64) -> String {
    signed_share(log.exp_m1())
}

/// An interval of logarithms of a ratio, for example `+18.0…+29.1`.
pub fn gain_interval((low, high): (f64, f64)) -> String {
    format!("{}…{}", signed_log(low), signed_log(high))
}

/// An interval of logarithms of a throughput, for example `198.2…203.9`.
pub fn throughput_interval((low, high): (f64, f64)) -> String {
    format!("{:.1}…{:.1}", low.exp(), high.exp())
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
        assert_eq!(gain_interval((1.18_f64.ln(), 1.291_f64.ln())), "+18.0…+29.1");
        assert_eq!(throughput_interval((198.24_f64.ln(), 203.86_f64.ln())), "198.2…203.9");
    }
}
