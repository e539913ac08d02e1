//! Many disturbances of one course, drawn from a seed: requests that go wrong, crashes, partitions, watches that end, and
//! clocks that jump by up to ten minutes, the operator's and the agents'.
//!
//! `BCMP_SCHEDULES` says how many are tried, `BCMP_SEED` which ones; `make schedules` tries many.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bcmp::simulation::api_server::{ApiRequest, Cluster, Fault};
use bcmp::simulation::engine::random::Random;
use bcmp::simulation::lab::{Clocks, Lab, seconds};

use super::course::{Course, disturbed, of_read, of_write, undisturbed};
use super::{further, standard};

/// Schedules where nobody asks for more.
const SHARE: usize = 6;
/// How far a clock is ahead or behind at most, in seconds.
const JUMP: usize = 600;

fn number(variable: &str, default: usize) -> usize {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable}={text}: write a number")),
        Err(_) => default,
    }
}

/// What goes wrong in one schedule, and how often.
struct Schedule {
    seed: u64,
    /// One request in so many goes wrong.
    requests: usize,
    /// Seconds between clock jumps, partitions and watches that end, on average; none where it is 0.
    jumps: usize,
    partitions: usize,
    watches: usize,
}

impl Schedule {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed, 0);
        let mut one_of = |all: [usize; 4]| all[random.below(4)];
        let requests = one_of([usize::MAX, 300, 60, 20]);
        let (jumps, partitions, watches) =
            (one_of([0, 15, 60, 240]), one_of([0, 40, 120, 300]), one_of([0, 0, 20, 90]));
        Self { seed, requests, jumps, partitions, watches }
    }

    fn name(&self) -> String {
        let Self { seed, requests, jumps, partitions, watches } = self;
        format!("BCMP_SEED={seed}: requests {requests}, jumps {jumps}, partitions {partitions}, watches {watches}")
    }

    /// Sets all of it going.
    fn begin(&self, lab: &Lab) -> Vec<tokio::task::JoinHandle<()>> {
        let cut = Arc::new(AtomicBool::new(false));
        let (every, is_cut) = (self.requests, cut.clone());
        let mut random = Random::new(self.seed, 1);
        lab.cluster.faults(move |request| match is_cut.load(Ordering::Relaxed) {
            true => Some(Fault::Drop),
            false => (random.below(every) == 0).then(|| wrong(request, &mut random)),
        });
        let random = |stream| Random::new(self.seed, stream);
        let mut tasks = vec![];
        if self.jumps > 0 {
            tasks.push(tokio::spawn(clocks_jump(lab.clocks.clone(), random(2), self.jumps)));
        }
        if self.partitions > 0 {
            tasks.push(tokio::spawn(partitions(cut, random(3), self.partitions)));
        }
        if self.watches > 0 {
            tasks.push(tokio::spawn(watches_end(lab.cluster.clone(), random(4), self.watches)));
        }
        tasks
    }
}

fn wrong(request: &ApiRequest, random: &mut Random) -> Fault {
    match (random.below(4), request.write) {
        (0, _) => Fault::CrashBefore,
        (1, Some(_)) => Fault::CrashAfter,
        (_, Some(_)) => of_write(random.below(100)),
        (_, None) => of_read(random.below(100)),
    }
}

async fn pause(random: &mut Random, mean: usize) {
    let length = random.exponential() * mean as f64;
    tokio::time::sleep(Duration::from_secs_f64(length.min(3600.0))).await;
}

async fn clocks_jump(clocks: Clocks, mut random: Random, mean: usize) {
    loop {
        pause(&mut random, mean).await;
        let ahead = i64::try_from(random.below(2 * JUMP + 1)).unwrap() - JUMP as i64;
        match random.below(3) {
            0 => clocks.set_operator(ahead),
            1 => clocks.set_agents(ahead),
            _ => {
                clocks.set_operator(ahead);
                clocks.set_agents(-ahead);
            }
        }
    }
}

/// Nothing reaches the API server for a while.
async fn partitions(cut: Arc<AtomicBool>, mut random: Random, mean: usize) {
    loop {
        pause(&mut random, mean).await;
        cut.store(true, Ordering::Relaxed);
        tokio::time::sleep(seconds(1 + random.below(120) as u64)).await;
        cut.store(false, Ordering::Relaxed);
    }
}

async fn watches_end(cluster: Cluster, mut random: Random, mean: usize) {
    loop {
        pause(&mut random, mean).await;
        if random.below(2) == 0 { cluster.close_watches() } else { cluster.expire_watches() }
    }
}

/// Not the one that a person suspends: where the operator learns of it late, a variant has been measured meanwhile, and is
/// rightly not deployed again. That course is interrupted at every request in `further`.
fn courses() -> Vec<Course> {
    vec![standard(), further::parallel(), further::rounds(), further::one_fails(), further::superseded()]
}

/// The same end whatever is disturbed when, nothing measured or deployed twice, nothing left behind.
#[test]
fn no_schedule_changes_the_end() {
    let wanted = number("BCMP_SCHEDULES", SHARE);
    let (first, threads) = (number("BCMP_SEED", 20_261_129), number("BCMP_THREADS", 2));
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let alone =
                    || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
                let courses: Vec<_> =
                    courses().into_iter().map(|course| (alone().block_on(undisturbed(&course)).0, course)).collect();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= wanted {
                        return;
                    }
                    let schedule = Schedule::new((first + number) as u64);
                    let (expected, course) = &courses[(first + number) % courses.len()];
                    let begin = |lab: &Lab| schedule.begin(lab);
                    alone().block_on(disturbed(course, expected, &schedule.name(), 0, begin));
                }
            });
        }
    });
    println!("the operator in memory: {wanted} schedules of {} courses, the same end in each", courses().len());
}
