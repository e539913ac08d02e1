//! A load against a deployment: one trial of a load tool, in virtual time.

use std::num::NonZeroU32;

use super::clients::Clients;
use super::random::Random;
use super::settings::Unservable;
use super::simulator::{EngineEvent, Simulator};
use super::topology::Topology;
use super::traffic::{Arrivals, Traffic};
use crate::measurement::window::{Answer, Request};

/// A request that was served; moments in milliseconds after the start of the trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServedRequest {
    /// When it was sent.
    pub start: f64,
    /// When its first token came.
    pub first: f64,
    /// When its last token came.
    pub end: f64,
    /// Tokens of the prompt.
    pub prompt: NonZeroU32,
    /// Tokens of the answer.
    pub output: NonZeroU32,
}

impl From<&ServedRequest> for Request {
    fn from(served: &ServedRequest) -> Self {
        let answer = Answer {
            ttft: Some(served.first - served.start),
            latency: served.end - served.start,
            output_tokens: Some(f64::from(served.output.get())),
        };
        Self { start: served.start, end: served.end, wait: Some(0.0), answer: Some(answer) }
    }
}

/// A trial that cannot be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrialError {
    /// Open loops need a rate.
    #[error("At a rate of 0 requests per second no request ever comes: give a higher rate")]
    NoRate,
    /// A request of the load is refused.
    #[error(transparent)]
    Unservable(#[from] Unservable),
}

/// Streams of chance that belong to the load, so that every deployment gets the same one from a seed.
const ARRIVALS: u64 = 0;
const LENGTHS: u64 = 1;

/// Runs a load against a deployment, from its first request to its last answer. The requests are in order of their
/// start.
///
/// Lengths and open arrivals depend on the load and the seed alone, not on the deployment.
///
/// # Errors
/// A rate of nothing, and a request that the deployment can never serve.
pub fn trial(topology: &Topology, traffic: &Traffic, seed: u64) -> Result<Vec<ServedRequest>, TrialError> {
    if let Arrivals::Poisson(rate) | Arrivals::Constant(rate) = traffic.arrivals
        && rate.get() == 0.0
    {
        return Err(TrialError::NoRate);
    }
    let mut course = TrialCourse {
        traffic,
        lengths: Random::new(seed, LENGTHS),
        clients: Clients::new(traffic, Random::new(seed, ARRIVALS)),
        simulator: Simulator::new(topology, seed),
        requests: vec![],
    };
    loop {
        if let Some(start) = course.arrival() {
            course.send(start)?;
        } else if let Some(event) = course.simulator.advance() {
            course.note(&event);
        } else {
            return Ok(course.requests);
        }
    }
}

struct TrialCourse<'a> {
    traffic: &'a Traffic,
    lengths: Random,
    clients: Clients,
    simulator: Simulator,
    requests: Vec<ServedRequest>,
}

impl TrialCourse<'_> {
    /// The next request, where it comes before anything else happens.
    fn arrival(&mut self) -> Option<f64> {
        let now = self.simulator.now();
        let start = self.clients.next(now)?;
        // The server is asked last: with the question it starts steps, and all that came by now may join them.
        (start <= now || self.simulator.next_event().is_none_or(|event| start <= event)).then_some(start)
    }

    fn send(&mut self, start: f64) -> Result<(), Unservable> {
        let (prompt, output) =
            (self.traffic.prompt.draw(&mut self.lengths), self.traffic.output.draw(&mut self.lengths));
        self.simulator.submit(start, prompt, output)?;
        self.clients.send();
        self.requests.push(ServedRequest { start, first: start, end: start, prompt, output });
        Ok(())
    }

    fn note(&mut self, event: &EngineEvent) {
        for id in &event.first {
            if let Some(served) = self.requests.get_mut(id.index()) {
                served.first = event.at;
            }
        }
        for id in &event.finished {
            if let Some(served) = self.requests.get_mut(id.index()) {
                served.end = event.at;
            }
        }
        self.clients.answered(event.finished.len());
    }
}
