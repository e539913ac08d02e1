//! Throughput where r = 1, read off between two levels that were run several times.
//!
//! Throughput is a power of r between the two levels: a line on log-log axes. Its slope is taken from all repetitions
//! together. Taken from each alone it would be the ratio of two small, noisy differences where latency hardly changes
//! from one level to the other, and cutting off what then lies far outside would hide exactly this uncertainty.

use super::statistics::{mean, replicates};

/// How far from the lower level a throughput may be read off, in widths of the bracket.
const READABLE: std::ops::RangeInclusive<f64> = -1.0..=2.0;

/// r and tokens/s/GPU of one run, as logarithms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    ratio: f64,
    tokens: f64,
}

impl Sample {
    /// `None` where a quantity is zero.
    pub fn new(ratio: f64, tokens: f64) -> Option<Self> {
        Some(Self { ratio: ratio.ln(), tokens: tokens.ln() }).filter(|s| s.ratio.is_finite() && s.tokens.is_finite())
    }
}

/// One repetition of both levels, lower first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Round of deployment both were run in.
    pub round: u32,
    /// The lower level.
    pub below: Sample,
    /// The higher level.
    pub above: Sample,
}

/// Logarithm of tokens/s/GPU at r = 1, one value for each independent replication. Their mean is the estimate, and
/// their scatter is that of the estimate, what the common slope does not know included.
///
/// `None` where r does not grow from one level to the other, or is 1 far outside of both.
pub fn at_limit(pairs: &[Pair]) -> Option<Vec<f64>> {
    let of =
        |figure: fn(&Pair) -> f64| replicates(&pairs.iter().map(|pair| (pair.round, figure(pair))).collect::<Vec<_>>());
    let (low, high) = (of(|pair| pair.below.ratio), of(|pair| pair.above.ratio));
    let growth = of(|pair| pair.above.ratio - pair.below.ratio);
    let gain = of(|pair| pair.above.tokens - pair.below.tokens);
    let middle = of(|pair| (pair.above.tokens + pair.below.tokens) / 2.0);
    let (start, width) = (mean(&low)?, mean(&growth)?);
    let weight = (width > 0.0).then(|| -start / width)?;
    if !READABLE.contains(&weight) {
        return None;
    }
    let slope = mean(&gain)? / width;
    let distance = (start + mean(&high)?) / 2.0;
    // To the first order in the scatter; exact in the mean, and for a single repetition.
    let value = |k: usize| {
        let (low, high) = (low.get(k)?, high.get(k)?);
        let off_slope = gain.get(k)? - slope * growth.get(k)?;
        Some(middle.get(k)? - slope * (low + high) / 2.0 - distance / width * off_slope)
    };
    (0..low.len()).map(value).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn pair(round: u32, below: (f64, f64), above: (f64, f64)) -> Pair {
        let sample = |(ratio, tokens)| Sample::new(ratio, tokens).unwrap();
        Pair { round, below: sample(below), above: sample(above) }
    }

    #[rstest]
    #[case::on_the_lower_level((1.0, 100.0), (1.5, 150.0), 100.0)]
    #[case::on_the_higher_level((0.5, 100.0), (1.0, 150.0), 150.0)]
    #[case::in_the_middle_of_a_power_law((0.5, 100.0), (2.0, 400.0), 200.0)]
    #[case::where_throughput_stays((0.5, 100.0), (2.0, 100.0), 100.0)]
    #[case::a_little_outside((1.1, 110.0), (1.331, 133.1), 100.0)]
    fn one_repetition_is_a_line(#[case] below: (f64, f64), #[case] above: (f64, f64), #[case] expected: f64) {
        let logs = at_limit(&[pair(1, below, above)]).unwrap();
        assert_eq!(logs.len(), 1);
        assert!((logs[0].exp() - expected).abs() < 1e-9, "{}", logs[0].exp());
    }

    #[rstest]
    #[case::r_stays((0.9, 100.0), (0.9, 150.0))]
    #[case::r_falls((1.1, 100.0), (0.9, 150.0))]
    #[case::both_keep_the_sla_by_far((0.5, 100.0), (0.51, 110.0))]
    #[case::both_miss_it_by_far((1.5, 100.0), (1.6, 110.0))]
    fn what_cannot_be_read_off_is_not(#[case] below: (f64, f64), #[case] above: (f64, f64)) {
        assert_eq!(at_limit(&[pair(1, below, above)]), None);
    }

    #[rstest]
    #[case::a_width_below((1.099, 110.0), (1.21, 121.0), true)]
    #[case::further_below((1.101, 110.0), (1.21, 121.0), false)]
    #[case::a_width_above((0.81, 81.0), (0.901, 90.0), true)]
    #[case::further_above((0.81, 81.0), (0.899, 90.0), false)]
    fn it_is_read_off_up_to_a_width_outside(#[case] below: (f64, f64), #[case] above: (f64, f64), #[case] read: bool) {
        assert_eq!(at_limit(&[pair(1, below, above)]).is_some(), read);
    }

    #[test]
    fn repetitions_that_differ_in_speed_alone_scatter_by_the_slope() {
        // Slope 1: a run that is 1 % slower has r 1 % higher and tokens 1 % lower, so its value is 2 % lower.
        let slower = |factor: f64| pair(1, (0.9 * factor, 90.0 / factor), (1.1 * factor, 110.0 / factor));
        let logs = at_limit(&[slower(0.99), slower(1.01)]).unwrap();
        assert!((logs[0] - logs[1] - 2.0 * (1.01_f64 / 0.99).ln()).abs() < 1e-6);
        assert!((mean(&logs).unwrap().exp() - 100.0).abs() < 0.02);
    }

    #[test]
    fn doubt_about_the_slope_counts_by_the_distance() {
        // The same scatter of throughput at the higher level alone, seen from a bracket around r = 1 and from one beside it.
        let scatter = |low: f64, high: f64| {
            let logs = at_limit(&[pair(1, (low, 100.0), (high, 109.0)), pair(1, (low, 100.0), (high, 111.0))]).unwrap();
            (logs[0] - logs[1]).abs()
        };
        assert!(scatter(1.05, 1.15) < 0.5 * scatter(0.8, 0.9));
        assert!(scatter(1.0, 1.1) < 1e-12, "the lower level is exact");
    }

    #[test]
    fn rounds_count_once() {
        let pairs = [1, 1, 2, 2, 3].map(|round| pair(round, (0.9, 90.0), (1.1, 110.0)));
        assert_eq!(at_limit(&pairs).unwrap().len(), 3);
    }
}
