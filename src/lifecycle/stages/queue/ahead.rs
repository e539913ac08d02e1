//! Whom a run waits behind, as its status names them.

use std::fmt::{self, Display, Formatter};

use crate::lifecycle::world::Rival;

/// Of more runs than that, none is named and the number is a round one: in a long queue, each run that ends would be news for
/// all that wait, and lead to a write for each of them.
const MOST_COUNTED: usize = 10;
/// Of fewer, these are named.
const MOST_NAMED: usize = 3;

/// The runs before another in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ahead {
    /// The first of them by name, and how many more there are.
    Few { named: Vec<String>, more: usize },
    /// More than this.
    Many(usize),
}

impl Ahead {
    /// Of these runs, the first one first.
    pub fn of(earlier: &[&Rival]) -> Self {
        Self::many(earlier.len()).unwrap_or_else(|| {
            let named: Vec<String> = earlier.iter().take(MOST_NAMED).map(|rival| rival.name.clone()).collect();
            Self::Few { more: earlier.len() - named.len(), named }
        })
    }

    /// Of so many, if they are too many for their names.
    pub fn many(count: usize) -> Option<Self> {
        (count > MOST_COUNTED).then(|| Self::Many(round_below(count)))
    }
}

impl Display for Ahead {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Few { named, more: 0 } => write!(f, "{}", named.join(", ")),
            Self::Few { named, more } => write!(f, "{} and {more} more", named.join(", ")),
            Self::Many(count) => write!(f, "more than {count} other runs"),
        }
    }
}

/// The largest of 10, 20, 50, 100, 200, 500, … that is less.
fn round_below(count: usize) -> usize {
    let tens = std::iter::successors(Some(MOST_COUNTED), |tens| tens.checked_mul(10));
    let steps = tens.flat_map(|tens| [Some(tens), tens.checked_mul(2), tens.checked_mul(5)]).flatten();
    steps.take_while(|step| *step < count).max().unwrap_or(MOST_COUNTED)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(1, "team/0")]
    #[case(3, "team/0, team/1, team/2")]
    #[case(5, "team/0, team/1, team/2 and 2 more")]
    #[case(10, "team/0, team/1, team/2 and 7 more")]
    #[case(11, "more than 10 other runs")]
    #[case(20, "more than 10 other runs")]
    #[case(21, "more than 20 other runs")]
    #[case(99, "more than 50 other runs")]
    #[case(999, "more than 500 other runs")]
    fn few_are_named_and_many_are_counted_roughly(#[case] count: usize, #[case] expected: &str) {
        let rival = |number: usize| Rival {
            name: format!("team/{number}"),
            uid: String::new(),
            queued: Timestamp::UNIX_EPOCH,
            admitted: None,
            gpu_resource: "nvidia.com/gpu".into(),
            deployed: false,
            pending_since: None,
            demand: vec![],
        };
        let rivals: Vec<Rival> = (0..count).map(rival).collect();
        assert_eq!(Ahead::of(&rivals.iter().collect::<Vec<_>>()).to_string(), expected);
    }
}
