//! How far an estimate from a few rounds may be off: critical values and half-widths (METHOD §6). Everything is in
//! logarithms, so 0.05 is about 5 %.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Error allowed at each look to boundary (a), two-sided. With that of (b) it keeps looks after each of eight rounds
/// below 5 % altogether, as METHOD's simulations show (§6).
const ERROR_ASSUMED: f64 = 0.014;
/// Error allowed at each look to boundary (b), two-sided (§6).
const ERROR_OBSERVED: f64 = 0.006;
/// The assumed scatter counts as so many rounds seen before the first: degrees of freedom it brings (§6).
const ASSUMED_ROUNDS: f64 = 2.0;
/// Rounds from which the scatter seen can stand alone: with two, one difference would be all there is (§6).
const OBSERVED_ROUNDS: usize = 3;
/// Critical value where no second round can follow, and the assumed scatter has to be taken as known (§6).
const SINGLE_ROUND: f64 = 2.6;
/// Standard deviations that an estimate may plausibly still move: giving up beyond costs hardly any power (§6).
const PLAUSIBLE: f64 = 1.3;
/// Scatter seen above so many times the assumed variance is worth a finding (§6).
const ABOVE_ASSUMED: f64 = 4.0;

/// What rounds, taken one by one, say of an estimate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scatter {
    pub rounds: usize,
    /// Variance of one round as the assumed scatter of deployments has it: σ² ΣA².
    pub assumed_variance: f64,
    /// Sum of the squares of the rounds' pseudo-values about their mean.
    pub squares: f64,
}

impl Scatter {
    /// The scatter of so many rounds' pseudo-values.
    pub fn of(pseudo_values: &[f64], assumed_variance: f64) -> Self {
        let mean = pseudo_values.iter().sum::<f64>() / pseudo_values.len() as f64;
        let squares = pseudo_values.iter().map(|value| (value - mean).powi(2)).sum();
        Self { rounds: pseudo_values.len(), assumed_variance, squares }
    }

    /// s² of boundary (a): the scatter seen, pooled with two rounds' worth of the assumed one.
    pub fn variance_assumed(&self) -> f64 {
        (ASSUMED_ROUNDS * self.assumed_variance + self.squares) / (self.rounds as f64 + ASSUMED_ROUNDS - 1.0)
    }

    /// s² of boundary (b): the scatter seen alone; `None` of fewer than three rounds.
    pub fn variance_observed(&self) -> Option<f64> {
        (self.rounds >= OBSERVED_ROUNDS).then(|| self.squares / (self.rounds as f64 - 1.0))
    }

    /// Half-width by (a) alone, with so many candidates.
    pub fn half_width_assumed(&self, candidates: usize) -> f64 {
        self.half_width_assumed_at(self.rounds, candidates)
    }

    /// Half-width by (b) alone; `None` of fewer than three rounds.
    pub fn half_width_observed(&self, candidates: usize) -> Option<f64> {
        self.half_width_observed_at(self.rounds, candidates)
    }

    /// Half-width of the interval: the narrower of both boundaries.
    pub fn half_width(&self, candidates: usize) -> f64 {
        self.half_width_at(self.rounds, candidates)
    }

    /// What the half-width would be after so many rounds, were they to scatter as these did.
    pub fn half_width_at(&self, rounds: usize, candidates: usize) -> f64 {
        let assumed = self.half_width_assumed_at(rounds, candidates);
        self.half_width_observed_at(rounds, candidates).map_or(assumed, |observed| observed.min(assumed))
    }

    /// Half-width by (a) alone after so many rounds, were they to scatter as these did.
    pub fn half_width_assumed_at(&self, rounds: usize, candidates: usize) -> f64 {
        critical_assumed(rounds, candidates) * (self.variance_assumed() / rounds as f64).sqrt()
    }

    /// How far an estimate may still move until so many rounds are over (METHOD §6): s of boundary (a).
    pub fn reach(&self, rounds: usize) -> f64 {
        let left = (1.0 / self.rounds as f64 - 1.0 / rounds as f64).max(0.0);
        PLAUSIBLE * (self.variance_assumed() * left).sqrt()
    }

    fn half_width_observed_at(&self, rounds: usize, candidates: usize) -> Option<f64> {
        let variance = self.variance_observed()?;
        Some(critical_observed(rounds, candidates)? * (variance / rounds as f64).sqrt())
    }

    /// Half-width where nothing can follow the first round: the assumed scatter is taken as known.
    pub fn half_width_alone(&self, candidates: usize) -> f64 {
        critical_alone(candidates) * self.assumed_variance.sqrt()
    }

    /// Whether deployments scatter more than assumed, as far as these rounds show.
    pub fn is_above_assumed(&self) -> bool {
        self.rounds >= 2 && self.squares / (self.rounds as f64 - 1.0) > ABOVE_ASSUMED * self.assumed_variance
    }
}

/// q of boundary (a) after so many rounds: Student's t with n + 1 degrees, two-sided 0.014 ÷ candidates.
pub fn critical_assumed(rounds: usize, candidates: usize) -> f64 {
    student(rounds as f64 + ASSUMED_ROUNDS - 1.0, ERROR_ASSUMED / candidates.max(1) as f64)
}

/// q of boundary (b): Student's t with n − 1 degrees, two-sided 0.006 ÷ candidates; `None` of fewer than three rounds.
pub fn critical_observed(rounds: usize, candidates: usize) -> Option<f64> {
    let error = ERROR_OBSERVED / candidates.max(1) as f64;
    (rounds >= OBSERVED_ROUNDS).then(|| student(rounds as f64 - 1.0, error))
}

/// q of a single round; several candidates share its error as they share that of the boundaries.
fn critical_alone(candidates: usize) -> f64 {
    let normal = Normal::standard();
    normal.inverse_cdf(1.0 - normal.sf(SINGLE_ROUND) / candidates.max(1) as f64)
}

/// The value that Student's t exceeds on either side with this probability together; infinite without a degree of freedom.
fn student(degrees: f64, two_sided: f64) -> f64 {
    StudentsT::new(0.0, 1.0, degrees).map_or(f64::INFINITY, |student| student.inverse_cdf(1.0 - two_sided / 2.0))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// σ of 2.5 % and two sides of the same leverage.
    fn unseen(rounds: usize, leverage: f64) -> Scatter {
        Scatter { rounds, assumed_variance: 0.025 * 0.025 * 2.0 * leverage * leverage, squares: 0.0 }
    }

    #[test]
    fn critical_values_of_the_assumed_scatter_are_those_of_the_method() {
        let expected = [8.36, 5.18, 4.17, 3.70, 3.43, 3.25, 3.13, 3.04];
        for (rounds, expected) in (1..=8).zip(expected) {
            assert!(
                (critical_assumed(rounds, 1) - expected).abs() < 0.006,
                "{rounds}: {}",
                critical_assumed(rounds, 1)
            );
        }
    }

    #[test]
    fn critical_values_of_the_observed_scatter_are_those_of_the_method() {
        assert_eq!(critical_observed(2, 1), None);
        let expected = [12.85, 6.99, 5.32, 4.57, 4.15, 3.89];
        for (rounds, expected) in (3..=8).zip(expected) {
            let value = critical_observed(rounds, 1).unwrap();
            assert!((value - expected).abs() < 0.006, "{rounds}: {value}");
        }
    }

    /// Student's quantiles as printed in tables: two-sided 0.014 ÷ 2 and 0.006 ÷ 3 have none, so 0.05 and 0.01 stand in.
    #[rstest]
    #[case(1.0, 0.05, 12.706)]
    #[case(4.0, 0.05, 2.776)]
    #[case(9.0, 0.01, 3.250)]
    fn quantiles_are_those_of_the_tables(#[case] degrees: f64, #[case] error: f64, #[case] expected: f64) {
        assert!((student(degrees, error) - expected).abs() < 6e-4);
    }

    #[test]
    fn candidates_share_the_error() {
        for rounds in 3..=8 {
            assert!(critical_assumed(rounds, 2) > critical_assumed(rounds, 1));
            assert!((critical_assumed(rounds, 2) - student(rounds as f64 + 1.0, 0.007)).abs() < 1e-12);
            assert!((critical_observed(rounds, 3).unwrap() - student(rounds as f64 - 1.0, 0.002)).abs() < 1e-12);
        }
        assert!((critical_alone(1) - 2.6).abs() < 1e-9);
        assert!(critical_alone(3) > 2.9);
    }

    /// METHOD §6: where deployments repeat exactly and A = 2 on both sides, differences beyond these are told.
    #[test]
    fn without_scatter_the_first_rounds_tell_what_the_method_says() {
        let expected = [81.0, 24.0, 13.0, 9.0, 7.0, 5.0, 4.0, 4.0];
        for (rounds, expected) in (1..=8).zip(expected) {
            let percent = 100.0 * unseen(rounds, 2.0).half_width_assumed(1).exp_m1();
            assert!((percent - expected).abs() < 0.6, "{rounds}: {percent}");
        }
    }

    /// METHOD §6: one round that nothing can follow tells ±9 % at A = 1 and ±18 % at A = 2.
    #[rstest]
    #[case(1.0, 0.09)]
    #[case(2.0, 0.18)]
    fn a_single_round_tells_what_the_method_says(#[case] leverage: f64, #[case] expected: f64) {
        assert!((unseen(1, leverage).half_width_alone(1) - expected).abs() < 0.005);
    }

    #[test]
    fn the_narrower_boundary_counts() {
        let quiet = Scatter { squares: 1e-6, ..unseen(4, 2.0) };
        assert!(quiet.half_width_observed(1).unwrap() < quiet.half_width_assumed(1));
        assert_eq!(quiet.half_width(1), quiet.half_width_observed(1).unwrap());
        let wild = Scatter { squares: 1.0, ..unseen(4, 2.0) };
        assert_eq!(wild.half_width(1), wild.half_width_assumed(1));
    }

    #[rstest]
    #[case::one_round_shows_no_scatter(1, 0.0, false)]
    #[case::as_assumed(2, 0.005, false)]
    #[case::four_times_the_assumed_variance(2, 0.0201, true)]
    #[case::the_same_over_more_rounds(5, 0.0201, false)]
    fn scatter_above_the_assumed_is_seen(#[case] rounds: usize, #[case] squares: f64, #[case] above: bool) {
        // σ² ΣA² = 0.005.
        assert_eq!(Scatter { squares, ..unseen(rounds, 2.0) }.is_above_assumed(), above);
    }
}
