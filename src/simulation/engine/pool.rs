//! Workers behind a router.

use super::topology::{Pool, Routing};
use super::random::Random;
use super::settings::{Engine, Unservable};
use super::worker::{Job, StepEnd, Worker};

/// The router and its workers.
#[derive(Debug)]
pub(super) struct Workers {
    engine: Engine,
    routing: Routing,
    chance: Random,
    turn: usize,
    workers: Vec<Worker>,
    /// Unanswered requests of each worker.
    unanswered: Vec<u32>,
}

impl Workers {
    /// Each stage of a deployment, and each worker in it, has its own chance.
    pub fn new(pool: &Pool, seed: u64, stage: u64) -> Self {
        let streams = (stage + 1) << 32;
        let count = u64::from(pool.workers.get());
        let worker = |index| Worker::new(&pool.engine, Random::new(seed, streams + 1 + index));
        Self {
            engine: pool.engine.clone(),
            routing: pool.routing,
            chance: Random::new(seed, streams),
            turn: 0,
            workers: (0..count).map(worker).collect(),
            unanswered: vec![0; usize::from(pool.workers.get())],
        }
    }

    /// Takes a request, unless it could never be served.
    pub fn submit(&mut self, job: Job) -> Result<(), Unservable> {
        self.accepts(&job)?;
        self.take(job);
        Ok(())
    }

    pub fn accepts(&self, job: &Job) -> Result<(), Unservable> {
        self.engine.accepts(job)
    }

    /// Takes a request that was accepted.
    pub fn take(&mut self, job: Job) {
        let index = self.route();
        if let (Some(worker), Some(unanswered)) = (self.workers.get_mut(index), self.unanswered.get_mut(index)) {
            worker.submit(job);
            *unanswered += 1;
        }
    }

    fn route(&mut self) -> usize {
        match self.routing {
            Routing::RoundRobin => {
                self.turn += 1;
                (self.turn - 1) % self.workers.len()
            }
            Routing::LeastLoaded => (0..self.workers.len()).min_by_key(|index| self.unanswered[*index]).unwrap_or(0),
            Routing::Random => self.chance.below(self.workers.len()),
        }
    }

    /// Starts steps where none are under way, and says which ends first: its end, and the worker's index.
    pub fn start(&mut self, now: f64) -> Option<(f64, usize)> {
        self.workers.iter_mut().for_each(|worker| worker.start(now));
        let ends = self.workers.iter().enumerate().filter_map(|(index, worker)| Some((worker.end()?, index)));
        ends.min_by(|one, other| one.0.total_cmp(&other.0))
    }

    /// Ends a worker's step.
    pub fn finish(&mut self, index: usize) -> StepEnd {
        let Some(worker) = self.workers.get_mut(index) else { return StepEnd::default() };
        let end = worker.finish();
        if let Some(unanswered) = self.unanswered.get_mut(index) {
            *unanswered -= end.finished.len() as u32;
        }
        end
    }

    pub fn len(&self) -> usize {
        self.workers.len()
    }
}
