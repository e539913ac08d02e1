//! A deployment that serves, on its caller's clock.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use super::job::{Job, JobPart, RequestId};
use super::pool::RoutedWorkers;
use super::settings::Unservable;
use super::topology::Topology;
use super::worker::StepEnd;

/// The end of a worker's step; in a disaggregated deployment also a prompt that is handed over to a decoding worker.
///
/// Every request of this worker that had its first token before, and is not finished, gains a token with each step that
/// decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineEvent {
    /// When, in milliseconds.
    pub at: f64,
    /// Which worker; prefill workers come first.
    pub worker: usize,
    /// Whether requests decoded in it.
    pub decoded: bool,
    /// Requests that got their first token.
    pub first: Vec<RequestId>,
    /// Requests that got their last token, maybe with their first.
    pub finished: Vec<RequestId>,
}

/// A deployment that serves. Time is the caller's: milliseconds from 0 on.
#[derive(Debug)]
pub struct Simulator {
    now: f64,
    submitted: u64,
    prefill: Option<Prefilling>,
    workers: RoutedWorkers,
}

/// What lies before decoding workers in a disaggregated deployment.
#[derive(Debug)]
struct Prefilling {
    workers: RoutedWorkers,
    handover: f64,
    /// Prompts on their way to a decoding worker, and when they arrive.
    on_the_way: VecDeque<(f64, Job)>,
}

impl Simulator {
    /// A deployment without requests. The same seed gives the same times.
    pub fn new(topology: &Topology, seed: u64) -> Self {
        let (prefill, pool) = match topology {
            Topology::Aggregated(pool) => (None, pool),
            Topology::Disaggregated { prefill, handover, decode } => {
                let workers = RoutedWorkers::new(prefill, seed, 1);
                (Some(Prefilling { workers, handover: handover.get(), on_the_way: VecDeque::new() }), decode)
            }
        };
        Self { now: 0.0, submitted: 0, prefill, workers: RoutedWorkers::new(pool, seed, 0) }
    }

    /// The last moment at which something happened; it never goes back.
    pub const fn now(&self) -> f64 {
        self.now
    }

    /// Takes a request. It can join any step that starts then or later; so go on first to the events before it.
    ///
    /// # Errors
    /// A request that could never be served. It is not taken.
    pub fn submit(&mut self, at: f64, prompt: NonZeroU32, output: NonZeroU32) -> Result<RequestId, Unservable> {
        let id = RequestId(self.submitted);
        let job = |part| Job { id, prompt: prompt.get(), output: output.get(), part };
        match &mut self.prefill {
            None => self.workers.submit(job(JobPart::All))?,
            Some(prefill) => {
                self.workers.accepts(&job(JobPart::Decode))?;
                prefill.workers.submit(job(JobPart::Prefill))?;
            }
        }
        self.submitted += 1;
        self.now = self.now.max(at);
        Ok(id)
    }

    /// When the next event is, if nothing is submitted before. Starts what can be started now: submit first what has
    /// arrived by then.
    pub fn next_event(&mut self) -> Option<f64> {
        let step = self.workers.start(self.now).map(|(end, _)| end);
        let prefill = self.prefill.as_mut().and_then(|prefill| prefill.next_event(self.now));
        [prefill, step].into_iter().flatten().min_by(f64::total_cmp)
    }

    /// Goes on to the next event; `None` where nothing is left to do.
    pub fn advance(&mut self) -> Option<EngineEvent> {
        let step = self.workers.start(self.now);
        let prompt = self.prefill.as_mut().and_then(|prefill| prefill.next_event(self.now));
        // Of two events at a moment, what brings a prompt comes first: it may join the step that starts then.
        let prompt_first = prompt.is_some_and(|at| step.is_none_or(|(end, _)| at <= end));
        let event = match &mut self.prefill {
            Some(prefill) if prompt_first => prefill.advance(self.now, &mut self.workers)?,
            prefill => {
                let before = prefill.as_ref().map_or(0, |prefill| prefill.workers.len());
                let (at, worker) = step?;
                event(at, before + worker, self.workers.finish(worker))
            }
        };
        self.now = self.now.max(event.at);
        Some(event)
    }
}

impl Prefilling {
    fn next_event(&mut self, now: f64) -> Option<f64> {
        let arrival = self.on_the_way.front().map(|(at, _)| *at);
        let step = self.workers.start(now).map(|(end, _)| end);
        [arrival, step].into_iter().flatten().min_by(f64::total_cmp)
    }

    fn advance(&mut self, now: f64, decoding: &mut RoutedWorkers) -> Option<EngineEvent> {
        let step = self.workers.start(now);
        let arrives = |at: f64| step.is_none_or(|(end, _)| at <= end);
        if let Some((at, job)) = self.on_the_way.front().copied().filter(|(at, _)| arrives(*at)) {
            self.on_the_way.pop_front();
            let worker = decoding.take(Job { part: JobPart::Decode, ..job });
            return Some(event(at, self.workers.len() + worker, StepEnd::default()));
        }
        let (at, worker) = step?;
        let done = self.workers.finish(worker).finished;
        self.on_the_way.extend(done.into_iter().map(|job| (at + self.handover, job)));
        Some(event(at, worker, StepEnd::default()))
    }
}

fn event(at: f64, worker: usize, end: StepEnd) -> EngineEvent {
    let finished = end.finished.iter().map(|job| job.id).collect();
    EngineEvent { at, worker, decoded: end.decoded, first: end.first, finished }
}
