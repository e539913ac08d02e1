//! The window of a trial (METHOD §3): which requests count, and what they say.
//!
//! At the start of a trial all requests queue behind each other, and at its end the last ones have the server to
//! themselves: neither is how it works in between. So as many requests as there are users are left out on both sides.
//! Throughput is not counted by completions, since these come in waves; it follows from Little's law: concurrent requests ÷
//! latency.

use std::cmp::Ordering;
use std::num::NonZeroU32;

use super::Distribution;
use crate::units::{RequestsPerSecond, TokensPerSecond};

#[cfg(test)]
mod tests;

/// One request of the measured phase; moments in milliseconds after any fixed one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// When it was sent.
    pub start: f64,
    /// When it ended, well or not.
    pub end: f64,
    /// How long it waited in the client before it was sent, in milliseconds.
    pub wait: Option<f64>,
    /// What it brought; absent when it failed.
    pub answer: Option<Answer>,
}

/// What a completed request brought.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// Time to first token, in milliseconds; absent when the answer was not streamed.
    pub ttft: Option<f64>,
    /// From sending to the last token, in milliseconds. The request may end later, when its connection does.
    pub latency: f64,
    /// Output tokens, the server's count first.
    pub output_tokens: Option<f64>,
}

impl Answer {
    /// Time per output token after the first, in milliseconds.
    pub fn tpot(&self) -> Option<f64> {
        let following = self.output_tokens? - 1.0;
        (following >= 1.0).then_some((self.latency - self.ttft?) / following)
    }
}

/// The requests of a trial that count: those from the c+1st to the c-th last, by start.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'a> {
    by_start: &'a [Request],
    concurrency: usize,
}

/// Figures over the counted requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Counted requests, failed ones included.
    pub requests: u32,
    /// Failed ones among them.
    pub failed: u32,
    /// Concurrent requests, on average over the time from the c-th start to the last.
    pub mean_concurrency: f64,
    /// Of the completed ones.
    pub ttft: Option<Distribution>,
    /// Of the completed ones.
    pub tpot: Option<Distribution>,
    /// Of the completed ones.
    pub request_latency: Option<Distribution>,
    /// By Little's law.
    pub throughput: Throughput,
    /// Requests that end per second, counted over whole waves up to the last start, ÷ the same by Little's law − 1,
    /// in signed percent. Absent where fewer than two waves end by then.
    pub unsteadiness_percent: Option<f64>,
    /// Waiting in the client ÷ request latency, in percent.
    pub client_wait_percent: Option<f64>,
}

/// Why a trial has no window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoWindow {
    /// Nothing lies between the first and the last requests.
    #[error("{requests} requests at a concurrency of {concurrency} leave none to count: send four waves or more")]
    TooFewRequests {
        /// Requests of the trial.
        requests: usize,
        /// Its concurrent requests.
        concurrency: u32,
    },
    /// Records are damaged.
    #[error("A request ends before it starts, or a moment is not a number: record the trial again")]
    WrongTimes,
    /// All counted requests failed.
    #[error("Every request that counts failed: look for the cause in the server's log")]
    NothingCompleted,
    /// A rate needs time.
    #[error("No time passes between the starts of the requests that count: record the trial again")]
    NoTime,
}

/// By how much counting and Little's law may differ while a trial is called steady (`NotSteady`).
const STEADY_PERCENT: f64 = 10.0;

/// Users start together: starts alone would leave it to the order of records which of their requests count.
fn by_start(one: &Request, other: &Request) -> Ordering {
    let ttft = |request: &Request| request.answer.and_then(|answer| answer.ttft).unwrap_or(f64::INFINITY);
    let tokens = |request: &Request| request.answer.and_then(|answer| answer.output_tokens).unwrap_or(0.0);
    let by = |figure: fn(&Request) -> f64| figure(one).total_cmp(&figure(other));
    by(|request| request.start).then(by(|request| request.end)).then(by(ttft)).then(by(tokens))
}

impl<'a> Counted<'a> {
    /// The counted requests of a trial with so many users. Sorts the requests.
    ///
    /// # Errors
    /// Too few requests, and times that are none.
    pub fn of(requests: &'a mut [Request], concurrency: NonZeroU32) -> Result<Self, NoWindow> {
        let users = concurrency.get() as usize;
        if requests.len().saturating_sub(users) <= users {
            return Err(NoWindow::TooFewRequests { requests: requests.len(), concurrency: concurrency.get() });
        }
        let has_times =
            |request: &Request| request.start.is_finite() && request.end.is_finite() && request.start <= request.end;
        if !requests.iter().all(has_times) {
            return Err(NoWindow::WrongTimes);
        }
        requests.sort_unstable_by(by_start);
        Ok(Self { by_start: requests, concurrency: users })
    }

    /// The requests, by start.
    pub fn requests(&self) -> &'a [Request] {
        &self.by_start[self.concurrency..self.by_start.len() - self.concurrency]
    }

    /// What completed requests brought.
    pub fn answers(&self) -> impl Iterator<Item = &'a Answer> {
        self.requests().iter().filter_map(|request| request.answer.as_ref())
    }

    /// How many requests exceed what they may. A failed one does.
    pub fn over(&self, exceeds: impl Fn(&Answer) -> bool) -> u32 {
        self.requests().iter().filter(|request| request.answer.as_ref().is_none_or(&exceeds)).count() as u32
    }

    /// A quantile (0…1) of a figure over all requests, linear between ranks; of a failed one the figure is infinite.
    /// `None` where a completed request lacks the figure.
    pub fn quantile(&self, share: f64, figure: impl Fn(&Answer) -> Option<f64>) -> Option<f64> {
        let value = |request: &Request| request.answer.as_ref().map_or(Some(f64::INFINITY), &figure);
        let mut values: Vec<f64> = self.requests().iter().map(value).collect::<Option<_>>()?;
        values.sort_unstable_by(f64::total_cmp);
        let rank = share.clamp(0.0, 1.0) * (values.len() - 1) as f64;
        let (below, above) = (*values.get(rank.floor() as usize)?, *values.get(rank.ceil() as usize)?);
        // An infinite number times no share would be none.
        Some(if rank.fract() > 0.0 { below + rank.fract() * (above - below) } else { below })
    }

    /// Figures over the requests.
    ///
    /// # Errors
    /// Nothing completed, and no time.
    pub fn window(&self) -> Result<Window, NoWindow> {
        let requests = self.requests();
        let failed = requests.iter().filter(|request| request.answer.is_none()).count();
        if failed == requests.len() {
            return Err(NoWindow::NothingCompleted);
        }
        let mean_concurrency = self.mean_concurrency().ok_or(NoWindow::NoTime)?;
        // By Little's law every request counts that takes a place, well answered or not.
        let stay = requests.iter().map(|request| request.end - request.start).sum::<f64>() / requests.len() as f64;
        let answered = (requests.len() - failed) as f64 / requests.len() as f64;
        let tokens = self.answers().map(|answer| answer.output_tokens).sum::<Option<f64>>();
        let tokens = tokens.map(|tokens| tokens / (requests.len() - failed) as f64);
        Ok(Window {
            requests: requests.len() as u32,
            failed: failed as u32,
            mean_concurrency,
            ttft: Distribution::of(self.answers().filter_map(|answer| answer.ttft)),
            tpot: Distribution::of(self.answers().filter_map(Answer::tpot)),
            request_latency: Distribution::of(self.answers().map(|answer| answer.latency)),
            throughput: Throughput::by_littles_law(mean_concurrency * answered, stay, tokens)
                .ok_or(NoWindow::NoTime)?,
            unsteadiness_percent: self.unsteadiness(mean_concurrency / stay),
            client_wait_percent: self.client_wait(),
        })
    }

    /// From the c-th start to the last, when all users have come and none has gone.
    fn mean_concurrency(&self) -> Option<f64> {
        let (from, to) = (self.by_start[self.concurrency - 1].start, self.last_start());
        let within = |request: &Request| (request.end.min(to) - request.start.max(from)).max(0.0);
        Some(self.by_start.iter().map(within).sum::<f64>() / (to - from)).filter(|mean| mean.is_finite())
    }

    fn last_start(&self) -> f64 {
        self.by_start[self.by_start.len() - 1].start
    }

    /// Users often go in step, and a part of a wave would look like a change of pace: only whole waves are counted.
    fn unsteadiness(&self, expected: f64) -> Option<f64> {
        let last = self.last_start();
        let mut ends: Vec<f64> = self.by_start.iter().map(|request| request.end).filter(|end| *end <= last).collect();
        ends.sort_unstable_by(f64::total_cmp);
        let waves = ends.len() / self.concurrency;
        let whole = waves * self.concurrency;
        let took = (waves >= 2).then(|| ends[whole - 1] - ends[self.concurrency - 1])?;
        let counted = (whole - self.concurrency) as f64 / took;
        Some(100.0 * (counted / expected - 1.0)).filter(|percent| percent.is_finite())
    }

    fn client_wait(&self) -> Option<f64> {
        let pairs = self.requests().iter().filter_map(|request| Some((request.wait?, request.answer?.latency)));
        let (waited, latency) = pairs.fold((0.0, 0.0), |(w, l), (wait, latency)| (w + wait, l + latency));
        Some(100.0 * waited / latency).filter(|percent| percent.is_finite())
    }
}

impl Window {
    /// The window of a trial with so many users. Sorts the requests.
    ///
    /// # Errors
    /// A trial of which nothing can be said.
    pub fn of(requests: &mut [Request], concurrency: NonZeroU32) -> Result<Self, NoWindow> {
        Counted::of(requests, concurrency)?.window()
    }

    /// Whether requests end as fast as Little's law says (else `NotSteady`). Too few waves do not tell.
    pub fn is_steady(&self) -> bool {
        self.unsteadiness_percent.is_none_or(|percent| percent.abs() <= STEADY_PERCENT)
    }
}

/// What a deployment brings per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Throughput {
    /// Completed requests.
    pub requests_per_second: RequestsPerSecond,
    /// Output tokens; absent where a request does not say how many.
    pub output_tokens_per_second: Option<TokensPerSecond>,
}

impl Throughput {
    /// From concurrent requests, their mean time in milliseconds, and their mean output tokens. `None` where that gives
    /// no rate.
    ///
    /// Of a trial without records the concurrency and the summary's means are all there is.
    pub fn by_littles_law(mean_concurrency: f64, milliseconds: f64, tokens: Option<f64>) -> Option<Self> {
        let rate = mean_concurrency / milliseconds * 1000.0;
        Some(Self {
            requests_per_second: RequestsPerSecond::new(rate).ok()?,
            output_tokens_per_second: tokens.and_then(|tokens| TokensPerSecond::new(rate * tokens).ok()),
        })
    }
}
