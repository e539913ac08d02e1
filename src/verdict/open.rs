//! Why it is not known which of two variants is better, in words. They follow a colon, and stand alone in a condition.

use crate::api::Stopped;

/// What is known of an answer that is open.
pub struct OpenAnswer {
    pub known: Known,
    /// Rounds that were looked at.
    pub rounds: u32,
    /// Deployments of each that were compared.
    pub shared_rounds: usize,
    /// What more rounds could tell, from "; " on; nothing where that is not known.
    pub more: String,
}

/// The gain, as far as it is known.
pub enum Known {
    /// The gain and its interval.
    SoFar(String),
    /// Nothing: why a side has no throughput to compare.
    Nothing(String),
}

impl OpenAnswer {
    /// The clause, with its full stop. `stopped`: why no further round is run; `None` while the run goes on.
    pub fn because(&self, stopped: Option<Stopped>) -> String {
        match &self.known {
            Known::SoFar(gain) => self.not_enough(gain, stopped),
            Known::Nothing(why) => self.not_comparable(why, stopped),
        }
    }

    fn not_enough(&self, gain: &str, stopped: Option<Stopped>) -> String {
        let Self { more, .. } = self;
        let after = self.after();
        match stopped {
            Some(Stopped::Futile) => format!("{after} it is {gain}, and more rounds would hardly help."),
            Some(Stopped::MaximumRounds) => {
                format!("{after}, as many as execution.rounds.maximum allows, it is {gain}{more}.")
            }
            Some(Stopped::BudgetSpent) => format!("the budget is spent {after}: {gain}{more}."),
            Some(Stopped::RoundsLost) => {
                "deciding levels were not accepted; look at the findings of the levels.".into()
            }
            // A side of which nothing is known shares no round.
            Some(Stopped::CannotRepeat | Stopped::Decided | Stopped::Unstable) => match self.shared_rounds {
                0 | 1 => format!("one deployment of each shows only {gain}."),
                rounds => format!("{rounds} deployments of each show only {gain}."),
            },
            None => format!("{after} it is {gain}."),
        }
    }

    fn not_comparable(&self, why: &str, stopped: Option<Stopped>) -> String {
        match stopped {
            Some(Stopped::Futile) => format!("{why}; more rounds would hardly help."),
            Some(Stopped::BudgetSpent) => format!("{why}; the budget is spent {}.", self.after()),
            Some(Stopped::RoundsLost) => format!("{why}; look at the findings of the levels."),
            Some(Stopped::MaximumRounds | Stopped::CannotRepeat | Stopped::Decided | Stopped::Unstable) | None => {
                format!("{why}.")
            }
        }
    }

    fn after(&self) -> String {
        match self.rounds {
            1 => "after one round".to_owned(),
            rounds => format!("after {rounds} rounds"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn gain() -> Known {
        Known::SoFar("+2.0 % (-5.1…+9.8)".into())
    }

    fn nothing() -> Known {
        Known::Nothing("for baseline, every level up to 48 concurrent requests meets the SLA".into())
    }

    #[rstest]
    #[case(None, gain(), "after 3 rounds it is +2.0 % (-5.1…+9.8).")]
    #[case(
        Some(Stopped::Futile),
        gain(),
        "after 3 rounds it is +2.0 % (-5.1…+9.8), and more rounds would hardly help."
    )]
    #[case(
        Some(Stopped::MaximumRounds),
        gain(),
        "after 3 rounds, as many as execution.rounds.maximum allows, it is +2.0 % (-5.1…+9.8); 2 more could detect +10 %."
    )]
    #[case(
        Some(Stopped::BudgetSpent),
        gain(),
        "the budget is spent after 3 rounds: +2.0 % (-5.1…+9.8); 2 more could detect +10 %."
    )]
    #[case(Some(Stopped::RoundsLost), gain(), "deciding levels were not accepted; look at the findings of the levels.")]
    #[case(Some(Stopped::CannotRepeat), gain(), "2 deployments of each show only +2.0 % (-5.1…+9.8).")]
    // More rounds are no cure where the load is too low to compare.
    #[case(None, nothing(), "for baseline, every level up to 48 concurrent requests meets the SLA.")]
    #[case(
        Some(Stopped::Futile),
        nothing(),
        "for baseline, every level up to 48 concurrent requests meets the SLA; more rounds would hardly help."
    )]
    #[case(
        Some(Stopped::MaximumRounds),
        nothing(),
        "for baseline, every level up to 48 concurrent requests meets the SLA."
    )]
    #[case(
        Some(Stopped::BudgetSpent),
        nothing(),
        "for baseline, every level up to 48 concurrent requests meets the SLA; the budget is spent after 3 rounds."
    )]
    #[case(
        Some(Stopped::RoundsLost),
        nothing(),
        "for baseline, every level up to 48 concurrent requests meets the SLA; look at the findings of the levels."
    )]
    #[case(Some(Stopped::Decided), nothing(), "for baseline, every level up to 48 concurrent requests meets the SLA.")]
    fn an_open_answer_says_why(#[case] stopped: Option<Stopped>, #[case] known: Known, #[case] expected: &str) {
        let open = OpenAnswer { known, rounds: 3, shared_rounds: 2, more: "; 2 more could detect +10 %".into() };
        assert_eq!(open.because(stopped), expected);
    }

    #[rstest]
    #[case(None, "after one round it is +2.0 % (-5.1…+9.8).")]
    #[case(Some(Stopped::CannotRepeat), "one deployment of each shows only +2.0 % (-5.1…+9.8).")]
    fn of_one_round(#[case] stopped: Option<Stopped>, #[case] expected: &str) {
        let open = OpenAnswer { known: gain(), rounds: 1, shared_rounds: 1, more: String::new() };
        assert_eq!(open.because(stopped), expected);
    }
}
