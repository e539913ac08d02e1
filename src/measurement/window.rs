//! The window of a level (METHOD §3): what is left of a run when the burst at its start is taken off.
//!
//! All users of a level start at once. Their first requests queue behind each other as they never do again, and a mean
//! over all requests keeps that burst. The window leaves out the first request of each user.

use super::{Distribution, percent};
use crate::units::{LatencyLimits, Milliseconds, RequestsPerSecond, TokensPerSecond};

/// One request of the measured phase.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// When it was sent, in milliseconds after any fixed moment.
    pub start: f64,
    /// When it ended, well or not, in milliseconds after the same moment.
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
    /// From sending to the last token, in milliseconds.
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

    fn keeps(&self, limits: &LatencyLimits) -> bool {
        self.ttft.is_some_and(|ttft| ttft <= limits.ttft.get())
            && self.tpot().is_some_and(|tpot| tpot <= limits.tpot.get())
    }
}

/// Figures of the window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Over the requests started after the c-th.
    pub ttft: Option<Distribution>,
    /// Over the requests started after the c-th.
    pub tpot: Option<Distribution>,
    /// Over the requests started after the c-th.
    pub request_latency: Option<Distribution>,
    /// Tokens of the requests completed after the c-th completion, by the time since.
    pub output_tokens_per_second: Option<TokensPerSecond>,
    /// Requests completed after the c-th completion, by the time since.
    pub requests_per_second: Option<RequestsPerSecond>,
    /// Requests started after the c-th that keep both limits, in percent; a failed one keeps none.
    pub good_requests_percent: Option<f64>,
    /// Throughput of the second half ÷ the first half − 1, signed percent.
    pub drift_percent: Option<f64>,
    /// Waiting in the client ÷ request latency, in percent.
    pub client_wait_percent: Option<f64>,
}

impl Window {
    /// The window of a level with `concurrency` users, or `None` when nothing is left after the burst.
    pub fn of(requests: &mut [Request], concurrency: u32, limits: Option<&LatencyLimits>) -> Option<Self> {
        let burst = concurrency as usize;
        if burst == 0 || requests.len() <= burst {
            return None;
        }
        requests.sort_by(|a, b| a.end.total_cmp(&b.end));
        let pace = Pace::between(requests, burst, requests.len())?;
        let drift_percent = drift(requests, burst);
        requests.sort_by(|a, b| a.start.total_cmp(&b.start).then(a.end.total_cmp(&b.end)));
        let started = &requests[burst..];
        let answers = || started.iter().filter_map(|request| request.answer.as_ref());
        Some(Self {
            ttft: Distribution::of(answers().filter_map(|answer| answer.ttft)),
            tpot: Distribution::of(answers().filter_map(Answer::tpot)),
            request_latency: Distribution::of(answers().map(|answer| answer.latency)),
            output_tokens_per_second: pace.tokens.and_then(|tokens| TokensPerSecond::new(tokens).ok()),
            requests_per_second: RequestsPerSecond::new(pace.requests).ok(),
            good_requests_percent: limits.map(|limits| {
                100.0 * answers().filter(|answer| answer.keeps(limits)).count() as f64 / started.len() as f64
            }),
            drift_percent,
            client_wait_percent: client_wait(started),
        })
    }
}

/// What was completed per second.
struct Pace {
    requests: f64,
    /// Absent when a completed request does not say its tokens.
    tokens: Option<f64>,
}

impl Pace {
    /// After the `from`-th completion, up to the `to`-th; `None` when no time lies between them.
    fn between(by_end: &[Request], from: usize, to: usize) -> Option<Self> {
        let seconds = (by_end[to - 1].end - by_end[from - 1].end) / 1000.0;
        let answers = || by_end[from..to].iter().filter_map(|request| request.answer);
        (seconds > 0.0).then(|| Self {
            requests: answers().count() as f64 / seconds,
            tokens: answers().map(|answer| answer.output_tokens).sum::<Option<f64>>().map(|tokens| tokens / seconds),
        })
    }
}

/// The halves meet at a whole number of waves: users often go in step, and half a wave would look like drift.
fn drift(by_end: &[Request], burst: usize) -> Option<f64> {
    let waves = by_end.len() / burst;
    let middle = burst * waves.div_ceil(2);
    if waves < 5 || middle >= by_end.len() {
        return None;
    }
    let first = Pace::between(by_end, burst, middle)?.tokens?;
    let second = Pace::between(by_end, middle, by_end.len())?.tokens?;
    percent(second, first).map(|percent| percent - 100.0)
}

fn client_wait(started: &[Request]) -> Option<f64> {
    let pairs = || started.iter().filter_map(|request| Some((request.wait?, request.answer?.latency)));
    let (waited, latency) = pairs().fold((0.0, 0.0), |(w, l), (wait, latency)| (w + wait, l + latency));
    percent(waited, latency)
}

impl Distribution {
    /// Mean and percentiles (linear between ranks, as the load tools take them); `None` without values, or with one
    /// that is negative or not finite.
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let mean = Milliseconds::new(values.iter().sum::<f64>() / values.len() as f64).ok()?;
        let at = |percent: f64| Milliseconds::new(percentile(&values, percent)).ok();
        at(0.0)?;
        Some(Self { mean, p50: at(50.0), p90: at(90.0), p95: at(95.0), p99: at(99.0) })
    }
}

/// Of at least one sorted value.
fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let rank = percent / 100.0 * (sorted.len() - 1) as f64;
    let (below, share) = (rank.floor() as usize, rank.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + share * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// `users` ask again as soon as they are answered; the first answers are late by `burst` ms times the user's number.
    fn closed_loop(users: usize, each: usize, ttft: f64, tpot: f64, tokens: f64, burst: f64) -> Vec<Request> {
        let mut requests = Vec::new();
        for user in 0..users {
            let mut clock = 0.0;
            for turn in 0..each {
                let late = if turn == 0 { burst * user as f64 } else { 0.0 };
                let latency = ttft + late + tpot * (tokens - 1.0);
                let answer = Some(Answer { ttft: Some(ttft + late), latency, output_tokens: Some(tokens) });
                requests.push(Request { start: clock, end: clock + latency, wait: Some(1.0), answer });
                clock += latency;
            }
        }
        requests
    }

    #[test]
    fn the_burst_leaves_no_trace() {
        let mut requests = closed_loop(8, 10, 80.0, 10.0, 93.0, 50.0);
        let window = Window::of(&mut requests, 8, None).unwrap();
        assert!((window.ttft.unwrap().mean.get() - 80.0).abs() < 1e-9);
        assert!((window.tpot.unwrap().p99.unwrap().get() - 10.0).abs() < 1e-9);
        // 8 users, 93 tokens a second each.
        assert!((window.output_tokens_per_second.unwrap().get() / 744.0 - 1.0).abs() < 0.01);
        assert!((window.requests_per_second.unwrap().get() / 8.0 - 1.0).abs() < 0.01);
        assert_eq!(window.client_wait_percent, Some(0.1));
        assert_eq!(window.good_requests_percent, None);
    }

    #[rstest]
    #[case::nothing(0, 4)]
    #[case::only_the_burst(4, 4)]
    #[case::no_users(4, 0)]
    fn without_requests_after_the_burst_there_is_no_window(#[case] requests: usize, #[case] concurrency: u32) {
        let mut requests = closed_loop(requests, 1, 80.0, 10.0, 93.0, 0.0);
        assert_eq!(Window::of(&mut requests, concurrency, None), None);
    }

    #[test]
    fn users_in_step_do_not_look_like_drift() {
        for each in 5..12 {
            let mut requests = closed_loop(6, each, 50.0, 10.0, 11.0, 0.0);
            let drift = Window::of(&mut requests, 6, None).unwrap().drift_percent.unwrap();
            assert!(drift.abs() < 1e-9, "{each} waves: {drift}");
        }
    }

    #[test]
    fn a_server_that_slows_down_drifts() {
        let mut requests = closed_loop(1, 20, 50.0, 10.0, 11.0, 0.0);
        requests.iter_mut().filter(|r| r.start >= 1500.0).for_each(|r| {
            r.start += r.start - 1500.0;
            r.end += r.end - 1500.0;
        });
        assert_eq!(Window::of(&mut requests, 1, None).unwrap().drift_percent.map(f64::round), Some(-50.0));
    }

    #[test]
    fn failed_requests_bring_no_tokens_and_are_not_good() {
        let mut requests = closed_loop(2, 10, 80.0, 10.0, 93.0, 0.0);
        requests.iter_mut().filter(|r| r.start > 5000.0).for_each(|r| r.answer = None);
        let limits = LatencyLimits { ttft: Milliseconds::new(100.0).unwrap(), tpot: Milliseconds::new(10.0).unwrap() };
        let window = Window::of(&mut requests, 2, Some(&limits)).unwrap();
        assert_eq!(window.good_requests_percent, Some(100.0 * 10.0 / 18.0));
        assert!((window.requests_per_second.unwrap().get() - 10.0 / 9.0).abs() < 1e-9);
    }

    #[test]
    fn unknown_token_counts_leave_throughput_unknown() {
        let mut requests = closed_loop(2, 10, 80.0, 10.0, 93.0, 0.0);
        requests[13].answer = Some(Answer { ttft: Some(1.0), latency: 2.0, output_tokens: None });
        let window = Window::of(&mut requests, 2, None).unwrap();
        assert_eq!(window.output_tokens_per_second, None);
        assert!(window.requests_per_second.is_some());
    }

    #[rstest]
    #[case(&[], None)]
    #[case(&[5.0], Some((5.0, 5.0, 5.0)))]
    #[case(&[4.0, 1.0, 3.0, 2.0, 5.0], Some((3.0, 4.6, 4.96)))]
    #[case(&[1.0, f64::NAN], None)]
    #[case(&[1.0, f64::INFINITY], None)]
    #[case(&[-1.0, 2.0], None)]
    fn percentiles_lie_between_ranks(#[case] values: &[f64], #[case] p50_p90_p99: Option<(f64, f64, f64)>) {
        let found = Distribution::of(values.iter().copied());
        let rounded = |value: Option<Milliseconds>| (value.unwrap().get() * 1e6).round() / 1e6;
        assert_eq!(found.map(|d| (rounded(d.p50), rounded(d.p90), rounded(d.p99))), p50_p90_p99);
    }

    prop_compose! {
        fn any_request()(start in 0.0..1e6_f64, took in 0.0..1e5_f64, ttft in proptest::option::of(0.0..1e5_f64),
            tokens in proptest::option::of(0_u32..5000), ok in proptest::bool::weighted(0.9)) -> Request {
            let answer = Answer { ttft, latency: took.max(ttft.unwrap_or(0.0)), output_tokens: tokens.map(f64::from) };
            Request { start, end: start + took, wait: None, answer: ok.then_some(answer) }
        }
    }

    proptest! {
        #[test]
        fn figures_stay_within_what_was_seen(mut requests in proptest::collection::vec(any_request(), 0..80), c in 0_u32..20) {
            let limits = LatencyLimits { ttft: Milliseconds::new(5e4).unwrap(), tpot: Milliseconds::new(50.0).unwrap() };
            if let Some(window) = Window::of(&mut requests, c, Some(&limits)) {
                prop_assert!((0.0..=100.0).contains(&window.good_requests_percent.unwrap()));
                for d in [window.ttft, window.tpot, window.request_latency].into_iter().flatten() {
                    prop_assert!(d.p50 <= d.p90 && d.p90 <= d.p95 && d.p95 <= d.p99);
                    prop_assert!(d.p99.unwrap().get() <= 1e5 + 1e-6);
                }
            }
        }

        #[test]
        fn the_order_of_records_does_not_matter(requests in proptest::collection::vec(any_request(), 1..60), c in 1_u32..20) {
            let mut reversed: Vec<Request> = requests.iter().rev().copied().collect();
            let mut requests = requests;
            let (one, other) = (Window::of(&mut requests, c, None), Window::of(&mut reversed, c, None));
            prop_assert_eq!(one.is_some(), other.is_some());
            if let (Some(one), Some(other)) = (one, other) {
                prop_assert_eq!(one.requests_per_second, other.requests_per_second);
                let p50 = |w: &Window| w.ttft.map(|d| d.p50.unwrap().get());
                prop_assert_eq!(p50(&one), p50(&other));
            }
        }
    }
}
