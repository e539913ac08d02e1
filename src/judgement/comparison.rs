//! A candidate against the baseline, round after round, until it is decided or no longer worth a round (METHOD §6).

use super::certainty::{Certainty, bound_tells};
use super::crossing::NotKnown;
use super::gain::{Allowed, Call, IntervalEstimate, Margin, SideReadings, gain, own};
use super::rounds::{Round, TrialOrigin, numbers, rounds};
use super::rules::Rules;
use super::side::{Doubt, Reading, Side, WhyNotKnown, side};
use super::waiting::at_capacity;
use crate::api::{Outcome, Stopped};
use crate::method::trial::Trial;
use crate::sweep::{Deciding, deciding};

/// Rounds without which giving up would be rash (METHOD §6).
const ROUNDS_BEFORE_FUTILE: usize = 3;
/// A variant may lose one round; a second ends the comparison (METHOD §6).
const LOST_ROUNDS: u32 = 2;
/// Failed trials that make a variant unstable: so many at least, and more than this share of all (METHOD §6).
const FAILURES: u32 = 3;
const FAILED_SHARE: f64 = 0.2;
/// Before this round a variant that fails is given another one, unless the comparison would end: of a dozen trials, three may
/// fail by chance.
const UNSTABLE_FROM_ROUND: u32 = 2;

/// Where a comparison stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Another round is worth its price.
    Open,
    /// It is over.
    Closed {
        /// What came out.
        outcome: Outcome,
        /// Why it is over.
        stopped: Stopped,
    },
}

/// What was measured of one variant.
#[derive(Clone, Copy, Debug)]
pub struct VariantEvidence<'a> {
    /// Its trials, in any order.
    pub trials: &'a [Trial],
    /// Where they come from.
    pub origin: TrialOrigin,
    /// Rounds in which it was deployed and no trial came of it.
    pub failed_rounds: &'a [u32],
}

/// Trials that failed for the server's sake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// Trials rejected because the server failed.
    pub failed: u32,
    /// Trials in all.
    pub trials: u32,
}

impl Failures {
    fn of(trials: &[&Trial]) -> Self {
        let failed = trials.iter().filter(|trial| trial.rejected().is_some_and(|cause| cause.is_the_servers()));
        Self { failed: count(failed.count()), trials: count(trials.len()) }
    }

    /// Whether they make a variant unstable.
    pub fn are_too_many(self) -> bool {
        self.failed >= FAILURES && f64::from(self.failed) > FAILED_SHARE * f64::from(self.trials)
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// What a variant shows up to some round.
#[derive(Clone, Debug, PartialEq)]
pub struct Standpoint {
    /// The levels that decide; none while no level is accepted.
    pub deciding: Option<Deciding>,
    /// Rounds that say something of them.
    pub rounds: Vec<Round>,
    /// What it reaches within the SLA.
    pub side: Side,
    /// Its throughput within the SLA, exact or as a bound, with an interval of its own.
    pub own: Option<IntervalEstimate>,
    /// Where it surely meets and misses the SLA, in case it is only a bound.
    pub certainty: Certainty,
    /// Rounds that say nothing of the levels that decide.
    pub lost_rounds: u32,
    /// Trials that failed.
    pub failures: Failures,
    reading: Option<Reading>,
}

impl Standpoint {
    /// By the trials of rounds up to `last`.
    pub fn of(rules: &Rules, evidence: &VariantEvidence, last: u32, doubt: &Doubt) -> Self {
        let trials: Vec<&Trial> = evidence.trials.iter().filter(|trial| trial.key.round <= last).collect();
        let failures = Failures::of(&trials);
        let failed_rounds = count(evidence.failed_rounds.iter().filter(|round| **round <= last).count());
        let Some(deciding) = deciding(&rules.sla, &trials) else {
            let side = Side::NotKnown { why: WhyNotKnown::NoLevel, meets: false };
            let lost_rounds = count(numbers(&trials).len()).saturating_add(failed_rounds);
            return Self {
                deciding: None,
                rounds: vec![],
                side,
                own: None,
                certainty: Certainty::default(),
                lost_rounds,
                failures,
                reading: None,
            };
        };
        let rounds = rounds(&rules.sla, deciding, &trials, evidence.origin);
        // A sweep has run a level at capacity; of files none can be.
        let (read, rounds) = match evidence.origin {
            TrialOrigin::Sweep => (deciding, rounds),
            TrialOrigin::Files => at_capacity(&rules.sla, deciding, &trials, rounds),
        };
        let (side, reading) = side(&rules.sla, read, &rounds, doubt);
        let own = reading.and_then(|reading| own(&rules.sla, SideReadings { rounds: &rounds, reading }, doubt));
        let own = own.filter(|_| side.throughput().is_some());
        let lost_rounds = count(numbers(&trials).len() - rounds.len()).saturating_add(failed_rounds);
        let certainty = Certainty::of(&rules.sla, &trials, doubt);
        Self { deciding: Some(deciding), rounds, side, own, certainty, lost_rounds, failures, reading }
    }

    /// Whether another deployment would run anything.
    pub fn can_go_on(&self) -> bool {
        self.deciding.is_some_and(|deciding| !deciding.levels().is_empty())
    }

    /// Whether more rounds of the same kind would leave it as it is: what is flat by three rounds stays flat, and a lowest level
    /// that misses is not left. What is not known for another reason may be, with a round more.
    fn is_settled(&self) -> bool {
        matches!(
            self.side,
            Side::AtMost(_) | Side::NotKnown { why: WhyNotKnown::Levels(NotKnown::FlatLatency { .. }), .. }
        )
    }

    /// Its rounds that the other side has as well, read in its own way.
    fn shared<'a>(&self, other: &Self, kept: &'a mut Vec<Round>) -> Option<SideReadings<'a>> {
        let has = |number: u32| other.rounds.iter().any(|round| round.number == number);
        *kept = self.rounds.iter().filter(|round| has(round.number)).cloned().collect();
        Some(SideReadings { rounds: kept, reading: self.reading? })
    }
}

/// What was known after one round.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// The last round that counts.
    pub round: u32,
    pub baseline: Standpoint,
    pub candidate: Standpoint,
    /// Rounds both were measured in.
    pub shared_rounds: usize,
    /// ln(candidate ÷ baseline) over these, where both have a throughput.
    pub gain: Option<IntervalEstimate>,
    /// What that amounts to; none while undecided.
    pub outcome: Option<Outcome>,
}

/// A candidate against the baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// After each round, up to the one that closed it. Of files there is one look, at everything.
    pub looks: Vec<Look>,
    /// Where it stands after the last.
    pub standing: Standing,
}

impl Comparison {
    /// The last look, on which the outcome rests.
    pub fn last(&self) -> Option<&Look> {
        self.looks.last()
    }

    /// The outcome as it stands; while open it is undetermined.
    pub fn outcome(&self) -> Outcome {
        match self.standing {
            Standing::Open => Outcome::Undetermined,
            Standing::Closed { outcome, .. } => outcome,
        }
    }
}

/// How many candidates share the error, how many rounds are over, and whether the budget allows another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundsSoFar {
    /// Candidates of the comparison.
    pub candidates: usize,
    /// Rounds that are over; trials of later ones do not count.
    pub rounds: u32,
    /// No further round fits in what is left of the budget.
    pub budget_spent: bool,
}

/// Compares by all rounds that are over. The looks are taken again in order, so a comparison that was closed after some
/// round stays as it was, whatever rounds other candidates had after.
pub fn compare(
    rules: &Rules,
    baseline: &VariantEvidence,
    candidate: &VariantEvidence,
    progress: RoundsSoFar,
) -> Comparison {
    let from_files = baseline.origin == TrialOrigin::Files || candidate.origin == TrialOrigin::Files;
    let first = if from_files { progress.rounds } else { 1 };
    let mut looks = vec![];
    for round in first..=progress.rounds {
        let look = Look::at(rules, baseline, candidate, round, progress.candidates);
        let closed = look.closed(rules, progress.candidates);
        looks.push(look);
        if let Some((outcome, stopped)) = closed {
            return Comparison { looks, standing: Standing::Closed { outcome, stopped } };
        }
    }
    // More GPU-hours would not cure servers that fail.
    let unstable = looks.last().is_some_and(Look::is_unstable);
    let stopped = if unstable { Stopped::Unstable } else { Stopped::BudgetSpent };
    let standing = match progress.budget_spent {
        true => Standing::Closed { outcome: Outcome::Undetermined, stopped },
        false => Standing::Open,
    };
    Comparison { looks, standing }
}

impl Look {
    fn at(
        rules: &Rules,
        baseline: &VariantEvidence,
        candidate: &VariantEvidence,
        round: u32,
        candidates: usize,
    ) -> Self {
        let doubt = rules.doubt(candidates);
        let baseline = Standpoint::of(rules, baseline, round, &doubt);
        let candidate = Standpoint::of(rules, candidate, round, &doubt);
        let (mut theirs, mut ours) = (vec![], vec![]);
        let readings = baseline.shared(&candidate, &mut theirs).zip(candidate.shared(&baseline, &mut ours));
        let shared_rounds = readings.map_or(0, |(theirs, _)| theirs.rounds.len());
        let both = baseline.side.throughput().is_some() && candidate.side.throughput().is_some();
        let readings = readings.filter(|_| both && shared_rounds > 0);
        let gain = readings.and_then(|(theirs, ours)| gain(&rules.sla, theirs, ours, &doubt));
        let outcome = outcome(rules, &baseline, &candidate, gain.as_ref());
        Self { round, baseline, candidate, shared_rounds, gain, outcome }
    }

    fn is_unstable(&self) -> bool {
        [&self.baseline, &self.candidate].iter().any(|side| side.failures.are_too_many())
    }

    /// Whether the comparison ends here, and how.
    fn closed(&self, rules: &Rules, candidates: usize) -> Option<(Outcome, Stopped)> {
        let nothing = |stopped| Some((Outcome::Undetermined, stopped));
        let is_last = !rules.repeatable || self.round >= rules.rounds.maximum;
        let enough = is_last || self.round >= rules.rounds.minimum;
        let sides = [&self.baseline, &self.candidate];
        let decided = self.outcome.filter(|_| enough);
        if self.is_unstable() && (decided.is_some() || is_last || self.round >= UNSTABLE_FROM_ROUND) {
            return nothing(Stopped::Unstable);
        }
        if let Some(outcome) = decided {
            return Some((outcome, Stopped::Decided));
        }
        if sides.iter().any(|side| side.deciding.is_none() || side.lost_rounds >= LOST_ROUNDS) {
            return nothing(Stopped::RoundsLost);
        }
        if !rules.repeatable || rules.rounds.maximum <= 1 {
            return nothing(Stopped::CannotRepeat);
        }
        if is_last {
            return nothing(Stopped::MaximumRounds);
        }
        if enough && self.is_futile(rules, candidates) {
            return nothing(Stopped::Futile);
        }
        None
    }

    /// Whether the rounds that are left would hardly decide.
    fn is_futile(&self, rules: &Rules, candidates: usize) -> bool {
        let sides = [&self.baseline, &self.candidate];
        if sides.iter().all(|side| matches!(side.side, Side::AtLeast(_))) {
            return true;
        }
        if self.rounds_that_told() < ROUNDS_BEFORE_FUTILE {
            return false;
        }
        // An upper bound may yet turn out to be nothing at all.
        let (maximum, doubt) = (rules.rounds.maximum as usize, rules.doubt(candidates));
        let may_be_none = |side: &&Standpoint| {
            matches!(side.side, Side::AtMost(_)) && doubt.may_miss_beyond_doubt(&side.rounds, maximum)
        };
        if sides.iter().any(may_be_none) {
            return false;
        }
        let Some(gain) = &self.gain else { return sides.iter().any(|side| side.is_settled()) };
        let reach = gain.scatter.reach(maximum);
        let within = (gain.log - reach, gain.log + reach);
        let half_width = gain.scatter.half_width_at(maximum, candidates);
        !rules.margin().may_decide(within, half_width, allowed(&self.baseline, &self.candidate))
    }

    /// Rounds that told something: of a side that meets the SLA nowhere one is enough, and the other's count.
    fn rounds_that_told(&self) -> usize {
        let is_none = |side: &Standpoint| matches!(side.side, Side::None { .. });
        match (is_none(&self.baseline), is_none(&self.candidate)) {
            (true, _) => self.candidate.rounds.len(),
            (_, true) => self.baseline.rounds.len(),
            _ => self.shared_rounds,
        }
    }
}

/// "At least" can only turn out to be more, "at most" only less, and a bound that does not tell anything neither.
fn allowed(baseline: &Standpoint, candidate: &Standpoint) -> Allowed {
    let exact = |side: &Side| matches!(side, Side::Value(_));
    let (theirs, ours) = (&baseline.side, &candidate.side);
    if exact(theirs) && exact(ours) {
        return Allowed { better: true, worse: true, alike: true };
    }
    let tell = bound_tells(theirs, baseline.certainty, candidate.certainty)
        && bound_tells(ours, candidate.certainty, baseline.certainty);
    let at_least = |side: &Side| matches!(side, Side::AtLeast(_));
    let at_most = |side: &Side| matches!(side, Side::AtMost(_));
    Allowed {
        better: tell && !at_least(theirs) && !at_most(ours),
        worse: tell && !at_most(theirs) && !at_least(ours),
        alike: false,
    }
}

/// What two sides and their gain amount to; `None`: it is not decided.
fn outcome(
    rules: &Rules,
    baseline: &Standpoint,
    candidate: &Standpoint,
    gain: Option<&IntervalEstimate>,
) -> Option<Outcome> {
    match (&baseline.side, &candidate.side) {
        (Side::None { .. }, Side::None { .. }) => Some(Outcome::NeitherMeetsSla),
        (Side::None { .. }, candidate) => candidate.meets_sla().then_some(Outcome::OnlyCandidateMeetsSla),
        (baseline, Side::None { .. }) => baseline.meets_sla().then_some(Outcome::OnlyBaselineMeetsSla),
        _ => {
            let gain = gain?;
            let margin: Margin = rules.margin();
            let call = margin.call(gain.log, gain.half_width, allowed(baseline, candidate))?;
            Some(match call {
                Call::Better => Outcome::CandidateBetter,
                Call::Worse => Outcome::BaselineBetter,
                Call::NoDifference => Outcome::NoDifference,
            })
        }
    }
}

/// The order in which a round deploys the variants that take part, baseline first in the spec's order: forwards in odd rounds
/// and backwards in even ones, so that what changes with time falls on all alike (METHOD §6).
pub fn deployment_order(round: u32, mut taking_part: Vec<usize>) -> Vec<usize> {
    taking_part.sort_unstable();
    if round.is_multiple_of(2) {
        taking_part.reverse();
    }
    taking_part
}

#[cfg(test)]
mod tests;
