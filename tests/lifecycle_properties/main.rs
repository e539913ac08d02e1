//! Properties of `decide` over random comparisons, schedules and worlds.
//!
//! A schedule is a random mix of looks of the operator and of what happens in a small cluster: pods that appear, find a
//! node, wait, restart, vanish; Jobs that end well or badly; levels published one by one; documents that cannot be read;
//! objects that go late or that somebody else deletes; people who edit the object. A look may die between two calls, or
//! read its lists at different times. `PROPTEST_CASES` asks for more cases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cluster;
mod courses;
mod full;
mod garbage;
mod happenings;
mod rules;
mod specs;

use bcmp::api::{BenchmarkComparisonSpec, BenchmarkComparisonStatus, Mode, Start, Until, VariantStatus};
use bcmp::lifecycle::decide;
use bcmp::lifecycle::decision::{Action, Create, Decision, Wake};
use bcmp::lifecycle::world::World;
use bcmp::plan::Component;
use cluster::Cluster;
use happenings::{Happening, happening};
use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::test_runner::Config;
use specs::Edit;

/// Looks after which nothing more is to do when nothing happens.
const LOOKS: usize = 14;

/// Time between looks while nothing moves.
const LOOK_SECONDS: i64 = 300;

/// How far a clock is ahead or behind at most. A deadline comes early or late by a jump, from one end to the other at most.
const JUMP_SECONDS: i16 = 600;

/// How long GPUs can be held at most where nothing moves: one stage after the other, each until its deadline.
fn longest_hold(spec: &BenchmarkComparisonSpec) -> i64 {
    let limits = &spec.execution.deadlines;
    let stages = [limits.generate_seconds, limits.schedule_seconds, limits.ready_seconds];
    let new_load_pod = limits.schedule_seconds.min(900) + limits.ready_seconds;
    let silence = limits.trial_seconds + new_load_pod + 300;
    let seconds: u32 = stages.iter().sum::<u32>() + silence + spec.execution.keep_on_failure_seconds;
    i64::from(seconds) + LOOK_SECONDS * i64::try_from(stages.len() + 2).unwrap() + 4 * i64::from(JUMP_SECONDS)
}

#[derive(Clone, Debug)]
enum Step {
    /// One look.
    Look,
    /// A look that dies after so many calls, before the status is stored.
    Dies(u8),
    /// A look during which things happen: the children are listed before, everything else is read after.
    Torn(Vec<Happening>),
    /// Looks until nothing is to do.
    Settles,
    /// Time goes on to when the last look wanted to look again.
    Wakes,
    Happens(Happening),
    /// Another operator decides, and is held up before it acts.
    IsHeldUp,
    /// What the other one had decided is done now.
    GoesOn,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Look),
        1 => (0..4_u8).prop_map(Step::Dies),
        1 => prop::collection::vec(happening(), 1..3).prop_map(Step::Torn),
        4 => Just(Step::Settles),
        2 => Just(Step::Wakes),
        12 => happening().prop_map(Step::Happens),
    ]
}

fn step_of_two() -> impl Strategy<Value = Step> {
    prop_oneof![20 => step(), 2 => Just(Step::IsHeldUp), 2 => Just(Step::GoesOn)]
}

/// The operator and its cluster.
struct Lab {
    cluster: Cluster,
    wake: Wake,
    /// What another operator saw and decided, at which version.
    held_up: Option<(u64, World, Decision)>,
    /// Nobody acts on old decisions.
    alone: bool,
}

impl Lab {
    fn new(spec: BenchmarkComparisonSpec, wordy: bool) -> Self {
        let mut cluster = Cluster::new(spec);
        cluster.wordy = wordy;
        Self { cluster, wake: Wake::Now, held_up: None, alone: true }
    }

    fn take(&mut self, step: &Step) {
        self.do_one(step);
        if self.alone {
            rules::one_deployment_holds_gpus(&self.cluster);
        }
    }

    fn do_one(&mut self, step: &Step) {
        match step {
            Step::Look => drop(self.look(&[], usize::MAX, true)),
            Step::Dies(calls) => drop(self.look(&[], usize::from(*calls), false)),
            Step::Torn(meanwhile) => drop(self.look(meanwhile, usize::MAX, true)),
            Step::Settles => self.settle(),
            Step::Wakes => self.wake(),
            Step::Happens(happening) => self.cluster.happens(happening),
            Step::IsHeldUp => {
                let world = self.cluster.world();
                let decision = decide(&world, self.cluster.operators_now());
                self.held_up = Some((self.cluster.version, world, decision));
            }
            Step::GoesOn => {
                let Some((version, world, decision)) = self.held_up.take() else { return };
                self.alone = false;
                self.cluster.act(&world, &decision.actions, usize::MAX);
                self.cluster.record(version, &decision.status);
            }
        }
    }

    fn look(&mut self, meanwhile: &[Happening], calls: usize, records: bool) -> (World, Decision) {
        let listed = self.cluster.clone();
        meanwhile.iter().for_each(|happening| self.cluster.happens(happening));
        let world = self.cluster.world_listed_at(&listed);
        let now = self.cluster.operators_now();
        let decision = decide(&world, now);
        rules::hold(&world, &decision, now);
        if self.alone {
            rules::one_variant_at_a_time(&world, &decision.actions);
        }
        self.cluster.act(&world, &decision.actions, calls);
        if records {
            self.cluster.record(listed.version, &decision.status);
        }
        self.wake = decision.wake;
        (world, decision)
    }

    /// Acting and deciding again comes to rest, except for creations that are refused.
    fn settle(&mut self) {
        for _ in 0..LOOKS {
            let (world, decision) = self.look(&[], usize::MAX, true);
            if rules::is_quiet(&world, &decision) && decision.wake != Wake::Now {
                rules::one_deployment_stays(&self.cluster);
                return rules::nothing_is_due_before_the_wake(&world, &decision, self.cluster.operators_now());
            }
        }
        let (world, decision) = self.look(&[], usize::MAX, true);
        let refused = !self.cluster.refusals.is_empty();
        let creates = decision.actions.iter().all(|action| matches!(action, Action::Create(_)));
        let changes = rules::changes(&world.status, &decision.status);
        assert!(refused && creates, "no rest: {:?}; {changes}", decision.actions);
    }

    fn wake(&mut self) {
        if let Wake::At(time) = self.wake {
            let wait = time.duration_since(self.cluster.operators_now()).as_secs();
            self.cluster.wait(wait.max(0));
        }
    }

    /// Nothing moves any more: no pod comes or goes, no Job ends, nothing is published, nobody edits anything. Whatever state
    /// was reached, after the comparison's deadlines everything that holds GPUs was told to go.
    fn lets_go(&mut self) {
        let by = self.cluster.now + SignedDuration::from_secs(longest_hold(&self.cluster.spec));
        while self.cluster.now < by {
            self.settle();
            self.cluster.wait(LOOK_SECONDS);
        }
        self.settle();
        let stays = |v: &VariantStatus| v.deployments.iter().any(|d| d.gone.is_none() && d.teardown.is_none());
        let held = self.cluster.status.variants.iter().find(|v| stays(v));
        let message = &self.cluster.status.message;
        assert!(held.is_none(), "GPUs are held for ever: {message:?} {:?}", held.map(|v| &v.deployments));
    }

    /// Nothing good happens any more, but what was told to go goes. Whatever state was reached, the run comes to an end by
    /// the operator's deadlines alone: no Job ends at its own.
    fn ends(&mut self) {
        self.cluster.spec.suspend = false;
        self.cluster.spec.execution.until = Until::Verdict;
        self.cluster.spec.execution.start = Start::Automatic;
        self.cluster.rivals.clear();
        self.cluster.version += 1;
        for round in 0..2000 {
            self.settle();
            let status = &self.cluster.status;
            let over = status.run.as_ref().is_some_and(|run| run.completion_time.is_some());
            if over {
                return self.nothing_is_left();
            }
            self.cluster.leftovers_go();
            self.wake();
            // Until then every deadline is looked at when it comes, from then on a little late.
            if round > 60 {
                self.cluster.wait(LOOK_SECONDS);
            }
        }
        let status = &self.cluster.status;
        let of = |v: &VariantStatus| (v.name.clone(), v.phase, v.failure.clone(), v.deployments.clone());
        let variants: Vec<_> = status.variants.iter().map(of).collect();
        panic!("the run does not end: {:?} {:?} {:?} {variants:#?}", status.run, status.message, status.rounds);
    }

    fn nothing_is_left(&mut self) {
        for _ in 0..3 {
            self.settle();
            self.cluster.leftovers_go();
        }
        let left = self.cluster.children.iter().find(|c| c.ours && !c.component.is_record());
        assert!(left.is_none() && self.cluster.pods.is_empty(), "left behind: {left:?} {:?}", self.cluster.pods);
    }

    /// What is over stays as it is, whatever others do and however long it takes.
    fn stays_over(&mut self) {
        let (before, children) = (self.cluster.status.clone(), self.cluster.children.clone());
        for happening in [
            Happening::RivalCame(true),
            Happening::NodesFree(None),
            Happening::NodesFree(Some(4)),
            Happening::Edited(Edit::Cancel),
            Happening::Edited(Edit::Suspend(true)),
            Happening::Edited(Edit::Suspend(false)),
        ] {
            self.cluster.happens(&happening);
            self.cluster.wait(40 * 86_400);
            self.stays(&before, &format!("{happening:?}"));
            assert_eq!(children, self.cluster.children, "{happening:?}");
        }
        self.somebody_deploys_late();
        self.stays(&before, "a late deployment");
        assert_eq!(children, self.cluster.children, "a late deployment");
        self.cluster.children.retain(|child| child.component != Component::Results);
        self.settle();
        let answer = |s: &BenchmarkComparisonStatus| (s.run.clone(), s.phase, s.verdict.clone(), s.variants.clone());
        assert_eq!(answer(&before), answer(&self.cluster.status), "the records are gone");
        self.cluster.object.terminating = true;
        let before = self.cluster.status.clone();
        let (_, decision) = self.look(&[], usize::MAX, true);
        assert!(decision.actions.is_empty() && decision.status == before, "deleted: {decision:?}");
    }

    /// Another operator acts on what it decided during the run; what it made goes again.
    fn somebody_deploys_late(&mut self) {
        let last = |v: &VariantStatus| Some((v.name.clone(), v.deployments.last()?.number));
        let Some((variant, deployment)) = self.cluster.status.variants.iter().find_map(last) else { return };
        let world = self.cluster.world();
        let late = [
            Action::Create(Create::Server { variant: variant.clone(), deployment }),
            Action::Create(Create::LoadJob { variant, deployment, round: 1 }),
        ];
        self.cluster.act(&world, &late, usize::MAX);
        self.cluster.happens(&Happening::PodsAppear(0));
        (0..10).for_each(|_| self.cluster.happens(&Happening::PodBound(0)));
        self.settle();
        self.cluster.leftovers_go();
    }

    /// The same is said as before, but for what was looked at: a generation, a request to cancel what is over.
    fn stays(&mut self, before: &BenchmarkComparisonStatus, what: &str) {
        self.settle();
        let changes = rules::changes(&as_said(before), &as_said(&self.cluster.status));
        assert!(changes.is_empty(), "{what}: {changes}");
    }
}

fn as_said(status: &BenchmarkComparisonStatus) -> BenchmarkComparisonStatus {
    let mut status =
        BenchmarkComparisonStatus { observed_generation: 0, last_handled_cancel_request: None, ..status.clone() };
    status.conditions.iter_mut().for_each(|condition| condition.observed_generation = None);
    status
}

fn config(cases: u32) -> Config {
    let default = Config::default();
    // A schedule that fails takes as long as the limit on looks: without an end to the search for a smaller one, what was
    // found would be told after most of an hour.
    let max_shrink_time = 120_000;
    // PROPTEST_CASES asks for more.
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { cases };
    Config { cases, failure_persistence: None, max_shrink_iters: 2_000, max_shrink_time, ..default }
}

/// Found by `whatever_happens`: a variant is torn down, and what was published of it cannot be read before any level of it is
/// in the status. Nobody is left whose deadline ends the wait.
#[test]
fn unreadable_results_of_a_variant_that_is_gone_end_its_part() {
    let mut spec = specs::base();
    spec.variants =
        ["Naive", "Recommended", "Naive"].iter().enumerate().map(|(i, kind)| specs::variant(i, kind)).collect();
    (spec.execution.mode, spec.execution.deadlines.schedule_seconds) = (Mode::Sequential, 90);
    let well = || [Step::Happens(Happening::GoesWell), Step::Settles];
    for (deleted, unreadable) in (0..12).flat_map(|deleted| (0..3).map(move |unreadable| (deleted, unreadable))) {
        let mut lab = Lab::new(spec.clone(), false);
        lab.take(&Step::Settles);
        well().into_iter().chain(well()).for_each(|step| lab.take(&step));
        lab.take(&Step::Happens(Happening::SomeoneDeletes(deleted)));
        well().iter().for_each(|step| lab.take(step));
        lab.take(&Step::Happens(Happening::ResultsUnreadable(unreadable)));
        lab.ends();
        lab.stays_over();
    }
}

proptest! {
    #![proptest_config(config(96))]

    /// Every rule holds at every look of every schedule; every run ends by deadlines alone, leaves nothing, and stays over.
    #[test]
    fn whatever_happens(spec in specs::spec(), wordy: bool, steps in prop::collection::vec(step(), 1..100)) {
        let mut lab = Lab::new(spec, wordy);
        steps.iter().for_each(|step| lab.take(step));
        lab.ends();
        lab.stays_over();
    }

    /// From any state, if nothing changes any more and time passes, no GPU is held.
    #[test]
    fn whatever_stops(spec in specs::spec(), steps in prop::collection::vec(step(), 1..100)) {
        let mut lab = Lab::new(spec, false);
        steps.iter().for_each(|step| lab.take(step));
        lab.lets_go();
    }

    /// The same with a second operator that acts on what it decided long ago. For a moment there may be too much, but
    /// nothing is measured twice, and the end is the same.
    #[test]
    fn whoever_acts_late(spec in specs::spec(), wordy: bool, steps in prop::collection::vec(step_of_two(), 1..100)) {
        let mut lab = Lab::new(spec, wordy);
        steps.iter().for_each(|step| lab.take(step));
        lab.ends();
        lab.stays_over();
    }
}

proptest! {
    #![proptest_config(config(512))]

    /// No world is too strange, also where no schedule leads: no panic, no run comes before another, there is a time to look
    /// again, and the API server accepts the status, whatever numbers and texts it is made from. What stays of what was
    /// written is asked of worlds that schedules reach.
    #[test]
    fn whatever_is_found(world in garbage::world()) {
        let decision = decide(&world, garbage::now());
        prop_assert!(decision.wake != Wake::OnChange || world.object.terminating);
        let (was, is) = (&world.status.run, &decision.status.run);
        prop_assert!(was.is_none() || is.as_ref().map(|run| run.number) >= was.as_ref().map(|run| run.number));
        let causes = rules::refused(&decision.status);
        // Of a comparison that is being deleted nothing is written.
        prop_assert!(causes.is_empty() || world.object.terminating, "the API server would refuse it: {:?}", causes);
        prop_assert_eq!(decide(&world, garbage::now()), decision, "the same world leads to the same");
    }
}

proptest! {
    #![proptest_config(config(24))]

    /// Six variants with 24 levels of six runs each fit into one object.
    #[test]
    fn the_largest_comparison_fits(world in full::world()) {
        let status = decide(&world, garbage::now()).status;
        let (variants, levels) = (status.variants.len(), status.variants.iter().map(|v| v.levels.len()).min());
        // As many as may be asked for, and what the engines hold.
        prop_assert!(variants == 6 && levels >= Some(24), "{levels:?}");
        prop_assert!(status.verdict.is_some());
        rules::can_be_stored(&status);
    }
}
