//! Who of those that wait is to look again when the queue, or what is free, has changed: whoever may find room now, and whoever
//! waits behind others than its status says. The others would find what they found before: in a long queue that would be
//! thousands of requests for each run that ends.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::ahead::Ahead;
use super::capacity::Free;
use super::{claim, counts, is_passed};
use crate::lifecycle::run_limits::RunLimits;
use crate::lifecycle::world::{Node, Rival};

/// Those that may find room are awakened so many at a time: each that does is news, which awakens the next ones.
const MOST_AT_ONCE: usize = 32;

/// A run that waits for GPUs.
#[derive(Clone, Copy, Debug)]
pub struct Waiting<'a> {
    /// UID of its comparison.
    pub uid: &'a str,
    /// Behind whom it waits, as its status says.
    pub ahead: Option<&'a Ahead>,
}

/// The UIDs of those that are to look again.
pub fn awaken<'a>(
    waiting: &[Waiting<'a>],
    rivals: &[Rival],
    limits: &RunLimits,
    nodes: Option<&[Node]>,
    now: Timestamp,
) -> Vec<&'a str> {
    let order = QueueOrder::of(rivals, limits, nodes, now);
    let may_fit = order.may_fit(nodes);
    let known: BTreeMap<&str, &Rival> = rivals.iter().map(|rival| (rival.uid.as_str(), rival)).collect();
    let wakes = |one: &&Waiting| match known.get(one.uid) {
        // It was admitted already and waits for room to go on, or nothing is known of it.
        None | Some(Rival { admitted: Some(_), .. }) => true,
        // Its namespace is at its limit: it looks again when that is news, or no longer so.
        Some(own) if order.holds_back(own) => one.ahead.is_some(),
        Some(own) => {
            may_fit.contains(&one.uid) || order.count_before(own) == 0 || one.ahead != Some(&order.ahead_of(own))
        }
    };
    waiting.iter().filter(wakes).map(|one| one.uid).collect()
}

/// All that are not passed.
struct QueueOrder<'a> {
    /// By when they were queued.
    admitted: Vec<&'a Rival>,
    /// In the order in which they are to be admitted.
    queued: Vec<&'a Rival>,
    /// UIDs of those that wait for others of their namespace.
    held_back: BTreeSet<&'a str>,
}

impl<'a> QueueOrder<'a> {
    fn of(rivals: &'a [Rival], limits: &RunLimits, nodes: Option<&[Node]>, now: Timestamp) -> Self {
        let mut all: Vec<&Rival> = rivals.iter().filter(|rival| !is_passed(rival, nodes, now)).collect();
        all.sort_by_key(|rival| (rival.queued, &rival.uid));
        let (admitted, mut queued): (Vec<&Rival>, Vec<&Rival>) =
            all.into_iter().partition(|rival| rival.admitted.is_some());
        let counted = rivals.iter().filter(|rival| counts(rival, nodes, now)).map(Rival::contender);
        let held_back = limits.held_back(counted);
        queued.retain(|rival| !held_back.contains(rival.uid.as_str()));
        Self { admitted, queued, held_back }
    }

    /// Whether a run that waits is not to be admitted whatever is free.
    fn holds_back(&self, own: &Rival) -> bool {
        self.held_back.contains(own.uid.as_str())
    }

    /// Of those that are queued, the ones before a run.
    fn queued_before(&self, own: &Rival) -> &[&'a Rival] {
        &self.queued[..self.queued.partition_point(|rival| (rival.queued, &rival.uid) < (own.queued, &own.uid))]
    }

    fn count_before(&self, own: &Rival) -> usize {
        self.admitted.len() + self.queued_before(own).len()
    }

    fn ahead_of(&self, own: &Rival) -> Ahead {
        Ahead::many(self.count_before(own)).unwrap_or_else(|| Ahead::of(&self.before(own)))
    }

    /// Those before a run, the first one first.
    fn before(&self, own: &Rival) -> Vec<&'a Rival> {
        let queued = self.queued_before(own);
        let mut earlier: Vec<&Rival> = self.admitted.iter().chain(queued).copied().collect();
        earlier.sort_by_key(|rival| (rival.queued, &rival.uid));
        earlier
    }

    /// UIDs of those that all claims before them leave room for, if only for something: what they ask for themselves is
    /// looked at when they are.
    fn may_fit(&self, nodes: Option<&[Node]>) -> Vec<&'a str> {
        let leaves_room = |own: &&&Rival| {
            let earlier = self.before(own);
            let uids: Vec<&str> = earlier.iter().chain([*own]).map(|rival| rival.uid.as_str()).collect();
            nodes.is_some_and(|nodes| Free::beside(nodes, &uids).place(&claim(&earlier)))
        };
        self.queued.iter().take(MOST_AT_ONCE).take_while(leaves_room).map(|rival| rival.uid.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::lifecycle::testing;

    fn nodes(count: usize) -> Vec<Node> {
        let node = |index| Node {
            name: format!("n{index}"),
            labels: BTreeMap::new(),
            allocatable: 8,
            used: BTreeMap::new(),
            unschedulable: false,
        };
        (0..count).map(node).collect()
    }

    /// Each wants a node of eight GPUs; the first `admitted` of them have it.
    fn rivals(count: i64, admitted: i64) -> Vec<Rival> {
        let at = |second| Timestamp::from_second(second).unwrap();
        let rival = |number: i64| Rival {
            name: format!("team/{number}"),
            uid: number.to_string(),
            queued: at(number),
            admitted: (number < admitted).then(|| at(number)),
            deployed: number < admitted,
            ..testing::rival("team/0", &[(1, 8)])
        };
        (0..count).map(rival).collect()
    }

    fn awakened(rivals: &[Rival], nodes: Option<&[Node]>, ahead: impl Fn(&Rival) -> Ahead) -> Vec<String> {
        let waiting: Vec<&Rival> = rivals.iter().filter(|rival| rival.admitted.is_none()).collect();
        let ahead: Vec<Ahead> = waiting.iter().map(|rival| ahead(rival)).collect();
        let waiting: Vec<Waiting> =
            waiting.iter().zip(&ahead).map(|(rival, ahead)| Waiting { uid: &rival.uid, ahead: Some(ahead) }).collect();
        let now = Timestamp::from_second(60).unwrap();
        awaken(&waiting, rivals, &RunLimits::default(), nodes, now).into_iter().map(str::to_owned).collect()
    }

    /// Twenty of them wait for eight GPUs each, and their statuses are up to date.
    #[rstest]
    #[case::all_nodes_are_taken(4, Some(4), &["4"])]
    #[case::one_is_free(4, Some(5), &["4", "5"])]
    #[case::two_are_free(4, Some(6), &["4", "5", "6"])]
    #[case::the_claims_before_find_no_room(4, Some(3), &[])]
    #[case::nobody_is_admitted(0, Some(0), &["0"])]
    #[case::no_nodes_are_shown(4, None, &[])]
    #[case::no_nodes_are_shown_to_the_first(0, None, &["0"])]
    fn whoever_may_find_room_is_awakened(
        #[case] admitted: i64,
        #[case] count: Option<usize>,
        #[case] expected: &[&str],
    ) {
        let rivals = rivals(20, admitted);
        let nodes = count.map(nodes);
        let limits = RunLimits::default();
        let order = QueueOrder::of(&rivals, &limits, nodes.as_deref(), Timestamp::UNIX_EPOCH);
        assert_eq!(awakened(&rivals, nodes.as_deref(), |own| order.ahead_of(own)), expected);
    }

    /// What is said of the others still holds: more than ten, and which.
    #[test]
    fn whoever_waits_behind_others_than_it_says_is_awakened() {
        let (before, after) = (rivals(15, 3), rivals(15, 3).split_off(1));
        let limits = RunLimits::default();
        let order = QueueOrder::of(&before, &limits, None, Timestamp::UNIX_EPOCH);
        let expected = ["3", "4", "5", "6", "7", "8", "9", "10", "11"];
        assert_eq!(awakened(&after, None, |own| order.ahead_of(own)), expected);
    }

    #[test]
    fn whoever_goes_on_or_is_not_known_is_awakened() {
        let rivals = rivals(3, 2);
        let waiting = ["0", "unknown"].map(|uid| Waiting { uid, ahead: None });
        let awakened = awaken(&waiting, &rivals, &RunLimits::default(), None, Timestamp::UNIX_EPOCH);
        assert_eq!(awakened, ["0", "unknown"]);
    }

    /// The status says so, or still names those before it.
    #[rstest]
    #[case::which_it_knows(None, &[])]
    #[case::which_is_news(Some(Ahead::of(&[])), &["2"])]
    fn whoever_waits_for_its_own_namespace_is_left_alone(#[case] ahead: Option<Ahead>, #[case] expected: &[&str]) {
        let limits = r#"{"team": 2}"#.parse().unwrap();
        let waiting = [Waiting { uid: "2", ahead: ahead.as_ref() }];
        assert_eq!(awaken(&waiting, &rivals(3, 2), &limits, Some(&nodes(9)), Timestamp::UNIX_EPOCH), expected);
    }
}
