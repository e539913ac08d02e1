//! Workers behind a router.

use super::job::Job;
use super::random::Random;
use super::settings::{Engine, Unservable};
use super::topology::{Pool, Routing};
use super::worker::{StepEnd, Worker};

/// The router and its workers.
#[derive(Debug)]
pub(super) struct RoutedWorkers {
    engine: Engine,
    routing: Routing,
    chance: Random,
    turn: usize,
    workers: Vec<Worker>,
    /// Unanswered requests of each worker.
    unanswered: Vec<u32>,
    /// When each worker's step ends, where one is under way.
    ends: Vec<Option<f64>>,
    /// Workers that may have a step to start. Most steps of a simulation change one worker of many.
    ready: Vec<usize>,
}

impl RoutedWorkers {
    /// Each stage of a deployment, and each worker in it, has its own chance.
    pub fn new(pool: &Pool, seed: u64, stage: u64) -> Self {
        let streams = (stage + 1) << 32;
        let count = usize::from(pool.workers.get());
        let worker = |index| Worker::new(&pool.engine, Random::new(seed, streams + 1 + index as u64));
        Self {
            engine: pool.engine.clone(),
            routing: pool.routing,
            chance: Random::new(seed, streams),
            turn: 0,
            workers: (0..count).map(worker).collect(),
            unanswered: vec![0; count],
            ends: vec![None; count],
            ready: vec![],
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

    /// Takes a request that was accepted, and says which worker has it.
    pub fn take(&mut self, job: Job) -> usize {
        let index = self.route();
        if let (Some(worker), Some(unanswered)) = (self.workers.get_mut(index), self.unanswered.get_mut(index)) {
            worker.submit(job);
            *unanswered += 1;
            self.ready.push(index);
        }
        index
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
        while let Some(index) = self.ready.pop() {
            if let (Some(worker), Some(end)) = (self.workers.get_mut(index), self.ends.get_mut(index)) {
                *end = worker.start(now);
            }
        }
        let mut first: Option<(f64, usize)> = None;
        for (index, end) in self.ends.iter().enumerate() {
            if let Some(end) = *end
                && first.is_none_or(|(earliest, _)| end < earliest)
            {
                first = Some((end, index));
            }
        }
        first
    }

    /// Ends a worker's step.
    pub fn finish(&mut self, index: usize) -> StepEnd {
        let Some(worker) = self.workers.get_mut(index) else { return StepEnd::default() };
        let end = worker.finish();
        if let (Some(unanswered), Some(ends)) = (self.unanswered.get_mut(index), self.ends.get_mut(index)) {
            *unanswered -= end.finished.len() as u32;
            *ends = None;
        }
        self.ready.push(index);
        end
    }

    pub fn len(&self) -> usize {
        self.workers.len()
    }
}
