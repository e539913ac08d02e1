//! Candidate over baseline, and how sure that is (METHOD §6).

use super::crossing::CrossingThroughput;
use super::rounds::Round;
use super::side::{Doubt, Reading, throughput};
use super::statistics::Scatter;
use crate::method::sla::SlaLimits;

/// The rounds of one side and how its throughput is read off them.
#[derive(Clone, Copy, Debug)]
pub struct SideReadings<'a> {
    /// Ascending.
    pub rounds: &'a [Round],
    /// Chosen by all rounds.
    pub reading: Reading,
}

impl SideReadings<'_> {
    fn throughput(&self, sla: &SlaLimits) -> Option<CrossingThroughput> {
        throughput(sla, self.reading, self.rounds)
    }

    fn without(&self, sla: &SlaLimits, at: usize) -> Option<f64> {
        let others: Vec<Round> = self
            .rounds
            .iter()
            .enumerate()
            .filter(|(number, _)| *number != at)
            .map(|(_, round)| round.clone())
            .collect();
        Some(throughput(sla, self.reading, &others)?.log_tokens)
    }
}

/// An interval that holds a tenth and the tenfold of its estimate tells nothing of it: the widest that a round with a limit that
/// fixes a throughput leaves is a quarter of that (METHOD §6: at most ±81 % where leverage is 2).
const WIDEST_TOLD: f64 = std::f64::consts::LN_10;

/// An estimate with its interval, in logarithms.
#[derive(Clone, Debug, PartialEq)]
pub struct IntervalEstimate {
    /// The estimate from all rounds.
    pub log: f64,
    /// Half-width of its interval.
    pub half_width: f64,
    /// What each round says, by the jackknife.
    pub pseudo_values: Vec<f64>,
    /// How the rounds scatter.
    pub scatter: Scatter,
}

impl IntervalEstimate {
    fn of(log: f64, pseudo_values: Vec<f64>, leverages: &[f64], doubt: &Doubt) -> Self {
        let scatter = Scatter::of(&pseudo_values, doubt.variance(leverages));
        Self { log, half_width: doubt.half_width(&scatter), pseudo_values, scatter }
    }

    /// Ends of the interval, in logarithms.
    pub fn interval(&self) -> (f64, f64) {
        (self.log - self.half_width, self.log + self.half_width)
    }

    /// The same, unless it is so wide that it tells nothing.
    pub fn telling_interval(&self) -> Option<(f64, f64)> {
        (self.half_width <= WIDEST_TOLD).then(|| self.interval())
    }

    /// Rounds after which a gain of this size, for example 0.1, would be told from none, were they to scatter as these did;
    /// `None` where so many as `maximum` are not enough.
    pub fn rounds_to_tell(&self, gain: f64, candidates: usize, maximum: usize) -> Option<usize> {
        let told = |rounds: &usize| self.scatter.half_width_at(*rounds, candidates) < gain.ln_1p();
        (self.scatter.rounds.max(1)..=maximum).find(told)
    }
}

/// ln(candidate ÷ baseline) over rounds both sides were measured in, with its interval; `None` where it does not exist with
/// all rounds, or with one of them left out.
pub fn gain(
    sla: &SlaLimits,
    baseline: SideReadings,
    candidate: SideReadings,
    doubt: &Doubt,
) -> Option<IntervalEstimate> {
    let (ours, theirs) = (candidate.throughput(sla)?, baseline.throughput(sla)?);
    let log = ours.log_tokens - theirs.log_tokens;
    let without = |at: usize| Some(candidate.without(sla, at)? - baseline.without(sla, at)?);
    let pseudo_values = pseudo_values(log, baseline.rounds.len().min(candidate.rounds.len()), without)?;
    Some(IntervalEstimate::of(log, pseudo_values, &[theirs.leverage, ours.leverage], doubt))
}

/// A side's own throughput with its interval.
pub fn own(sla: &SlaLimits, side: SideReadings, doubt: &Doubt) -> Option<IntervalEstimate> {
    let throughput = side.throughput(sla)?;
    let pseudo_values = pseudo_values(throughput.log_tokens, side.rounds.len(), |at| side.without(sla, at))?;
    // It is compared with nothing, so other candidates take nothing from it.
    let doubt = Doubt { candidates: 1, ..*doubt };
    Some(IntervalEstimate::of(throughput.log_tokens, pseudo_values, &[throughput.leverage], &doubt))
}

/// The jackknife: what each round adds. Slopes are common to all rounds, and only leaving a round out shows what it does to
/// them; a scatter of the rounds' own values would not.
fn pseudo_values(all: f64, rounds: usize, without: impl Fn(usize) -> Option<f64>) -> Option<Vec<f64>> {
    if rounds <= 1 {
        return Some(vec![all]);
    }
    let n = rounds as f64;
    (0..rounds).map(|at| Some(n * all - (n - 1.0) * without(at)?)).collect()
}

/// What an interval amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// More throughput, and by more than the margin.
    Better,
    /// Less, and by more than the margin.
    Worse,
    /// The difference is within the margin.
    NoDifference,
}

/// Which calls a pair of sides allows: a bound tells only of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// The candidate may turn out better.
    pub better: bool,
    /// The candidate may turn out worse.
    pub worse: bool,
    /// Both may turn out alike.
    pub alike: bool,
}

/// The margin of equivalence on a logarithmic axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Margin {
    /// ln(1 − m).
    pub below: f64,
    /// ln(1 + m).
    pub above: f64,
}

impl Margin {
    /// Of a share m, for example 0.05.
    pub fn of(share: f64) -> Self {
        Self { below: (-share).ln_1p(), above: share.ln_1p() }
    }

    /// What an estimate with this half-width amounts to; `None`: it is not decided.
    pub fn call(&self, log: f64, half_width: f64, allowed: Allowed) -> Option<Call> {
        let (low, high) = (log - half_width, log + half_width);
        if allowed.alike && low > self.below && high < self.above {
            Some(Call::NoDifference)
        } else if allowed.better && low > 0.0 && log > self.above {
            Some(Call::Better)
        } else if allowed.worse && high < 0.0 && log < self.below {
            Some(Call::Worse)
        } else {
            None
        }
    }

    /// Whether some estimate from `low` to `high` would be decided with this half-width.
    pub fn may_decide(&self, (low, high): (f64, f64), half_width: f64, allowed: Allowed) -> bool {
        let better = allowed.better && high > half_width.max(self.above);
        let worse = allowed.worse && low < (-half_width).min(self.below);
        let (alike_low, alike_high) = (self.below + half_width, self.above - half_width);
        let alike = allowed.alike && alike_low < alike_high && low < alike_high && high > alike_low;
        better || worse || alike
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const ALL: Allowed = Allowed { better: true, worse: true, alike: true };

    fn call(gain: f64, half_width: f64, allowed: Allowed) -> Option<Call> {
        Margin::of(0.05).call(gain.ln_1p(), half_width, allowed)
    }

    #[rstest]
    #[case::clearly_better(0.20, 0.10, Some(Call::Better))]
    #[case::clearly_worse(-0.20, 0.10, Some(Call::Worse))]
    #[case::zero_is_not_excluded(0.20, 0.19, None)]
    #[case::within_the_margin(0.049, 0.01, None)]
    #[case::just_beyond_it(0.051, 0.01, Some(Call::Better))]
    #[case::alike(0.01, 0.03, Some(Call::NoDifference))]
    #[case::small_but_certain(0.03, 0.01, Some(Call::NoDifference))]
    #[case::too_wide_for_alike(0.0, 0.05, None)]
    fn an_interval_decides(#[case] gain: f64, #[case] half_width: f64, #[case] expected: Option<Call>) {
        assert_eq!(call(gain, half_width, ALL), expected);
    }

    #[rstest]
    #[case(0.20, Allowed { better: false, ..ALL })]
    #[case(-0.20, Allowed { worse: false, ..ALL })]
    #[case(0.01, Allowed { alike: false, ..ALL })]
    fn a_bound_tells_only_of_its_own_direction(#[case] gain: f64, #[case] allowed: Allowed) {
        assert_eq!(call(gain, 0.02, allowed), None);
        assert!(call(gain, 0.02, ALL).is_some());
    }

    #[test]
    fn a_smaller_gain_takes_more_rounds_to_tell() {
        // Two sides of leverage 2 after one round: s² = σ² ΣA² = 0.005, and q √(0.005 ÷ n) falls to 0.59, 0.26, 0.17 … 0.09.
        let scatter = Scatter::of(&[0.05], 0.025 * 0.025 * 8.0);
        let estimated = IntervalEstimate { log: 0.05, half_width: 0.59, pseudo_values: vec![0.05], scatter };
        let rounds = [1.0, 0.3, 0.2, 0.1, 0.01].map(|gain| estimated.rounds_to_tell(gain, 1, 8));
        assert_eq!(rounds, [Some(1), Some(2), Some(3), Some(6), None]);
    }

    #[rstest]
    #[case::of_a_first_round(0.59, true)]
    #[case::a_tenth_to_tenfold(2.30, true)]
    #[case::wider(2.31, false)]
    fn an_interval_that_holds_everything_tells_nothing(#[case] half_width: f64, #[case] tells: bool) {
        let scatter = Scatter::of(&[0.05], 0.005);
        let estimated = IntervalEstimate { log: 0.05, half_width, pseudo_values: vec![0.05], scatter };
        assert_eq!(estimated.telling_interval().is_some(), tells);
    }

    /// Trying many values in the range gives the same answer.
    #[test]
    fn what_may_decide_is_what_some_value_decides() {
        let margin = Margin::of(0.05);
        let allowed = [ALL, Allowed { better: false, ..ALL }, Allowed { worse: false, alike: false, ..ALL }];
        for allowed in allowed {
            for half_width in [0.0, 0.02, 0.04, 0.06, 0.2] {
                for centre in [-0.3, -0.1, -0.03, 0.0, 0.02, 0.08, 0.25] {
                    for reach in [0.001, 0.02, 0.1] {
                        let (low, high) = (centre - reach, centre + reach);
                        let tried = (0..=2000).map(|step| low + (high - low) * f64::from(step) / 2000.0);
                        let some = tried.into_iter().any(|log| margin.call(log, half_width, allowed).is_some());
                        let may = margin.may_decide((low, high), half_width, allowed);
                        assert_eq!(may, some, "{allowed:?} {half_width} {centre} {reach}");
                    }
                }
            }
        }
    }
}
