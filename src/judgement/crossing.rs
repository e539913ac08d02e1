//! Throughput at the SLA: where latency reaches its limit between two levels (METHOD §5).

use super::rounds::Means;
use crate::method::sla::{Criterion, SlaLimits};

/// How far outside the bracket the SLA's end is still believed: in bracket widths from its lower end (METHOD §5).
const BELIEVED: std::ops::RangeInclusive<f64> = -1.0..=2.0;
/// A limit whose latency grows by less, as a slope on log-log axes, does not fix a throughput: 1 % of speed would move
/// the SLA's end by 20 % and more of the load (METHOD §5).
const FLAT: f64 = 0.05;

/// A throughput within the SLA.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossingThroughput {
    /// ln of output tokens per second and GPU.
    pub log_tokens: f64,
    /// Concurrent requests at which it is read.
    pub concurrency: f64,
    /// A: so many per cent of throughput go with one per cent of speed.
    pub leverage: f64,
    /// The criterion that ends it; none where a single level decides.
    pub binding: Option<Criterion>,
}

impl CrossingThroughput {
    /// Output tokens per second and GPU.
    pub fn tokens_per_second_per_gpu(&self) -> f64 {
        self.log_tokens.exp()
    }

    /// What a single level shows.
    pub fn at_level(level: u32, means: &Means) -> Self {
        Self { log_tokens: means.log_tokens, concurrency: f64::from(level), leverage: 1.0, binding: None }
    }
}

/// Why there is no throughput at the SLA between two levels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NotKnown {
    /// Latency hardly depends on load there.
    FlatLatency {
        /// Of the criterion that is reached first.
        criterion: Criterion,
        /// Its slope on log-log axes.
        slope: f64,
    },
    /// The SLA's end is too far outside the bracket to be read off it.
    OutsideBracket,
}

/// Throughput at the SLA between levels `lo` < `hi`, given what they show. Every criterion crosses its limit somewhere on
/// the line through both levels, on log-log axes; the lowest crossing ends the SLA.
pub fn crossing(
    sla: &SlaLimits,
    (lo, hi): (u32, u32),
    below: &Means,
    above: &Means,
) -> Result<CrossingThroughput, NotKnown> {
    let (lo, hi) = (f64::from(lo), f64::from(hi));
    let width = (hi / lo).ln();
    let slope = |below: f64, above: f64| (above - below) / width;
    let lines = below.ratios.each().iter().zip(above.ratios.each());
    let crossings = sla.criteria().into_iter().zip(lines).map(|(criterion, (below, above))| {
        let slope = slope(*below, *above);
        (criterion, slope, reached(*below, *above, slope))
    });
    // Distance of the lowest crossing from `lo`, on a logarithmic axis.
    let Some((criterion, binding_slope, distance)) = crossings.min_by(|a, b| a.2.total_cmp(&b.2)) else {
        return Err(NotKnown::OutsideBracket);
    };
    if binding_slope.abs() < FLAT {
        return Err(NotKnown::FlatLatency { criterion, slope: binding_slope });
    }
    if !BELIEVED.contains(&(distance / width)) {
        return Err(NotKnown::OutsideBracket);
    }
    let tokens_slope = slope(below.log_tokens, above.log_tokens);
    Ok(CrossingThroughput {
        log_tokens: below.log_tokens + tokens_slope * distance,
        concurrency: lo * distance.exp(),
        leverage: 1.0 + (tokens_slope / binding_slope).abs(),
        binding: Some(criterion),
    })
}

/// Where a criterion is reached, as a distance from the lower level; a latency that does not grow is reached nowhere, or
/// already everywhere.
fn reached(below: f64, above: f64, slope: f64) -> f64 {
    match slope > 0.0 {
        true => -below / slope,
        false if below + above <= 0.0 => f64::INFINITY,
        false => f64::NEG_INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::method::sla::{LimitedMetric, LogRatios};
    use crate::method::testing::means;

    fn at(ttft: f64, tpot: f64, tokens: f64) -> Means {
        Means { ratios: LogRatios::of(vec![ttft / 500.0, tpot / 7.0]).unwrap(), log_tokens: f64::ln(tokens) }
    }

    fn between(lo: Means, hi: Means) -> Result<CrossingThroughput, NotKnown> {
        crossing(&means(500.0, 7.0), (10, 40), &lo, &hi)
    }

    #[test]
    fn the_limit_is_reached_on_a_straight_line_of_logarithms() {
        // TPOT doubles from 5 to 10 while requests quadruple: 7.0 = 5 × 1.4 is reached at 10 × 1.4².
        let found = between(at(200.0, 5.0, 100.0), at(200.0, 10.0, 200.0)).unwrap();
        assert!((found.concurrency - 19.6).abs() < 1e-9);
        assert!((found.tokens_per_second_per_gpu() - 140.0).abs() < 1e-9);
        assert!((found.leverage - 2.0).abs() < 1e-12, "throughput grows as latency does");
        assert_eq!(found.binding, Some(Criterion::Limit(LimitedMetric::Tpot)));
    }

    #[test]
    fn the_limit_that_is_reached_first_binds() {
        let found = between(at(450.0, 5.0, 100.0), at(1800.0, 10.0, 200.0)).unwrap();
        assert_eq!(found.binding, Some(Criterion::Limit(LimitedMetric::Ttft)));
        assert!((found.concurrency - 10.0 * 500.0 / 450.0).abs() < 1e-9);
        assert!((found.leverage - 1.5).abs() < 1e-12);
    }

    #[test]
    fn beyond_capacity_throughput_is_the_same_everywhere() {
        let found = between(at(200.0, 6.0, 150.0), at(2000.0, 6.0, 150.0)).unwrap();
        assert!((found.tokens_per_second_per_gpu() - 150.0).abs() < 1e-9);
        assert!((found.leverage - 1.0).abs() < 1e-12);
    }

    #[rstest]
    #[case::one_width_below(13.9, 27.8, true)]
    #[case::further_below(14.1, 28.2, false)]
    #[case::two_widths_above(1.76, 3.52, true)]
    #[case::further_above(1.74, 3.48, false)]
    fn the_end_is_believed_near_the_bracket(#[case] lo: f64, #[case] hi: f64, #[case] believed: bool) {
        let found = between(at(1.0, lo, 100.0), at(1.0, hi, 200.0));
        assert_eq!(found.is_ok(), believed, "{found:?}");
    }

    #[rstest]
    #[case::just_steep_enough(6.9 * 4f64.powf(0.051), true)]
    #[case::too_flat(6.9 * 4f64.powf(0.049), false)]
    fn a_flat_latency_does_not_fix_a_throughput(#[case] hi: f64, #[case] known: bool) {
        let found = between(at(1.0, 6.9, 100.0), at(1.0, hi, 200.0));
        assert_eq!(found.is_ok(), known);
        if !known {
            assert!(matches!(
                found,
                Err(NotKnown::FlatLatency { criterion: Criterion::Limit(LimitedMetric::Tpot), .. })
            ));
        }
    }

    #[test]
    fn a_latency_that_falls_and_is_kept_does_not_bind() {
        let found = between(at(300.0, 5.0, 100.0), at(200.0, 10.0, 200.0)).unwrap();
        assert_eq!(found.binding, Some(Criterion::Limit(LimitedMetric::Tpot)));
        assert_eq!(between(at(600.0, 5.0, 100.0), at(550.0, 10.0, 200.0)), Err(NotKnown::OutsideBracket));
    }
}
