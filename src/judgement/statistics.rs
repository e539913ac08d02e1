//! Means and intervals of a few positive values, on logarithms: throughputs and ratios scatter in proportion.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// An estimate and, from two values on, its confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Its interval, low and high; absent where the scatter is not known.
    pub interval: Option<(f64, f64)>,
}

impl Estimate {
    fn from_logs(value: f64, half_width: Option<f64>) -> Self {
        Self { value: value.exp(), interval: half_width.map(|half| ((value - half).exp(), (value + half).exp())) }
    }
}

/// One value for each independent replication. Rounds replicate a deployment: as soon as there are two, what is
/// measured within one counts once, as its mean.
pub fn replicates(values: &[(u32, f64)]) -> Vec<f64> {
    let mut rounds: Vec<u32> = values.iter().map(|(round, _)| *round).collect();
    rounds.sort_unstable();
    rounds.dedup();
    if rounds.len() < 2 {
        return values.iter().map(|(_, value)| *value).collect();
    }
    let of_round = |round: u32| values.iter().filter(move |(other, _)| *other == round).map(|(_, value)| *value);
    rounds.into_iter().filter_map(|round| mean(&of_round(round).collect::<Vec<_>>())).collect()
}

/// Arithmetic mean; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The geometric mean of values given as logarithms, with Student's interval.
pub fn geometric_mean(logs: &[f64], confidence: f64) -> Option<Estimate> {
    let center = mean(logs)?;
    let freedom = logs.len() as f64 - 1.0;
    let half = student(freedom, confidence).map(|t| t * (squares(logs, center) / freedom / logs.len() as f64).sqrt());
    Some(Estimate::from_logs(center, half))
}

/// The ratio of two geometric means (first over second) of values given as logarithms, with the pooled two-sample
/// interval of n₁ + n₂ − 2 degrees of freedom. No interval where one side was measured once: half the scatter is unknown.
pub fn ratio(first: &[f64], second: &[f64], confidence: f64) -> Option<Estimate> {
    let (a, b) = (mean(first)?, mean(second)?);
    let (n, m) = (first.len() as f64, second.len() as f64);
    let freedom = n + m - 2.0;
    let half = student(freedom, confidence).filter(|_| first.len() > 1 && second.len() > 1).map(|t| {
        let variance = (squares(first, a) + squares(second, b)) / freedom;
        t * (variance * (1.0 / n + 1.0 / m)).sqrt()
    });
    Some(Estimate::from_logs(a - b, half))
}

fn squares(values: &[f64], center: f64) -> f64 {
    values.iter().map(|value| (value - center).powi(2)).sum()
}

/// Two-sided quantile of Student's t.
fn student(freedom: f64, confidence: f64) -> Option<f64> {
    let distribution = StudentsT::new(0.0, 1.0, freedom).ok()?;
    Some(distribution.inverse_cdf(0.5 + confidence / 2.0)).filter(|t| t.is_finite())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn logs(values: &[f64]) -> Vec<f64> {
        values.iter().map(|value| value.ln()).collect()
    }

    #[rstest]
    // Two-sided quantiles as printed in tables.
    #[case(1.0, 0.95, 12.706)]
    #[case(4.0, 0.95, 2.776)]
    #[case(8.0, 0.95, 2.306)]
    #[case(8.0, 0.975, 2.752)]
    fn quantiles_are_those_of_the_tables(#[case] freedom: f64, #[case] confidence: f64, #[case] expected: f64) {
        assert!((student(freedom, confidence).unwrap() - expected).abs() < 6e-4);
    }

    #[test]
    fn the_mean_of_one_has_no_interval() {
        let estimate = geometric_mean(&logs(&[5.0]), 0.95).unwrap();
        assert!((estimate.value - 5.0).abs() < 1e-12);
        assert_eq!(estimate.interval, None);
        assert_eq!(geometric_mean(&[], 0.95), None);
    }

    #[test]
    fn an_interval_worked_out_by_hand() {
        // Logs 1, 2, 3: mean 2, s = 1, t(2) = 4.303, half width 4.303 ÷ √3 = 2.484.
        let (low, high) = geometric_mean(&[1.0, 2.0, 3.0], 0.95).unwrap().interval.unwrap();
        assert!((low.ln() - (2.0 - 2.484)).abs() < 1e-3 && (high.ln() - (2.0 + 2.484)).abs() < 1e-3);
    }

    #[test]
    fn a_ratio_worked_out_by_hand() {
        // Difference 1; pooled variance (2 + 2) ÷ 4 = 1; half width t(4) × √(2/3) = 2.776 × 0.8165 = 2.267.
        let estimate = ratio(&[2.0, 3.0, 4.0], &[1.0, 2.0, 3.0], 0.95).unwrap();
        let (low, high) = estimate.interval.unwrap();
        assert!((estimate.value.ln() - 1.0).abs() < 1e-12);
        assert!((low.ln() + 1.267).abs() < 1e-3 && (high.ln() - 3.267).abs() < 1e-3);
    }

    #[rstest]
    #[case(&[1.0], &[1.0])]
    #[case(&[1.0], &[1.0, 1.1, 1.2])]
    #[case(&[1.0, 1.1, 1.2], &[1.0])]
    fn one_run_on_a_side_leaves_the_scatter_unknown(#[case] first: &[f64], #[case] second: &[f64]) {
        assert_eq!(ratio(first, second, 0.95).unwrap().interval, None);
    }

    #[test]
    fn values_without_scatter_have_an_interval_without_width() {
        let estimate = ratio(&[1.0, 1.0], &[1.0, 1.0], 0.95).unwrap();
        assert_eq!(estimate.interval, Some((1.0, 1.0)));
    }

    #[test]
    fn swapping_the_sides_inverts_the_ratio() {
        let (a, b) = (logs(&[101.0, 99.0, 102.0]), logs(&[90.0, 93.0]));
        let (there, back) = (ratio(&a, &b, 0.95).unwrap(), ratio(&b, &a, 0.95).unwrap());
        assert!((there.value * back.value - 1.0).abs() < 1e-12);
        assert!((there.interval.unwrap().0 * back.interval.unwrap().1 - 1.0).abs() < 1e-12);
    }

    #[rstest]
    #[case::one_round_its_repetitions(&[(1, 1.0), (1, 3.0)], &[1.0, 3.0])]
    #[case::two_rounds_their_means(&[(1, 1.0), (2, 5.0), (1, 3.0)], &[2.0, 5.0])]
    #[case::nothing(&[], &[])]
    fn a_round_counts_once(#[case] values: &[(u32, f64)], #[case] expected: &[f64]) {
        assert_eq!(replicates(values), expected);
    }
}
