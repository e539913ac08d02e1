use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::units::Milliseconds;

fn users(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

fn request(start: f64, latency: f64, ttft: f64, tokens: f64) -> Request {
    let answer = Answer { ttft: Some(ttft), latency, output_tokens: Some(tokens) };
    Request { start, end: start + latency, wait: Some(1.0), answer: Some(answer) }
}

/// Waves of requests by users who ask again as soon as they are answered; answers have 11 tokens, 10 ms each after a
/// first that takes so long, by the number of its request.
fn closed_loop(users: usize, waves: usize, ttft: impl Fn(usize) -> f64) -> Vec<Request> {
    let mut free = vec![0.0_f64; users];
    let ask = |number| {
        let user = free.iter_mut().min_by(|one, other| one.total_cmp(other)).unwrap();
        let request = request(*user, ttft(number) + 100.0, ttft(number), 11.0);
        *user = request.end;
        request
    };
    (0..users * waves).map(ask).collect()
}

fn window(mut requests: Vec<Request>, concurrency: u32) -> Window {
    Window::of(&mut requests, users(concurrency)).unwrap()
}

fn tokens(window: &Window) -> f64 {
    window.throughput.output_tokens_per_second.unwrap().get()
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-9 * expected.abs().max(1.0)
}

#[test]
fn users_in_step_are_measured_exactly() {
    // 5 requests a second from each of eight users.
    let window = window(closed_loop(8, 4, |_| 100.0), 8);
    assert_eq!((window.requests, window.failed), (16, 0));
    assert!(close(window.mean_concurrency, 8.0), "{window:?}");
    assert!(close(window.throughput.requests_per_second.get(), 40.0) && close(tokens(&window), 440.0), "{window:?}");
    assert_eq!(window.ttft.unwrap().mean.get(), 100.0);
    assert_eq!(window.tpot.unwrap().p99.unwrap().get(), 10.0);
    assert_eq!(window.request_latency.unwrap().p50.unwrap().get(), 200.0);
    assert_eq!(window.client_wait_percent, Some(0.5));
    assert!(close(window.unsteadiness_percent.unwrap(), 0.0) && window.is_steady());
}

#[test]
fn the_first_and_the_last_requests_do_not_count() {
    // All start at once and wait for each other; the last are alone and fast.
    let ttft = |number| match number {
        0..8 => 100.0 + 50.0 * number as f64,
        40.. => 10.0,
        _ => 100.0,
    };
    let window = window(closed_loop(8, 6, ttft), 8);
    assert_eq!(window.requests, 32);
    assert_eq!(window.ttft.unwrap().p99.unwrap().get(), 100.0);
    assert!((tokens(&window) / 440.0 - 1.0).abs() < 1e-9, "{window:?}");
}

#[test]
fn users_who_pause_ask_for_less() {
    // Each answer takes 200 ms, and each user waits as long before the next request.
    let ask = |number: usize| request(400.0 * (number / 8) as f64, 200.0, 100.0, 11.0);
    let window = window((0..80).map(ask).collect(), 8);
    // Of the 3600 ms from the first starts to the last, nine halves were busy.
    assert!(close(window.mean_concurrency, 4.0) && close(tokens(&window), 220.0), "{window:?}");
}

#[rstest]
#[case::nothing(0, 1)]
#[case::one_wave(4, 4)]
#[case::two_waves(8, 4)]
#[case::fewer_than_users(3, 4)]
fn without_requests_in_between_there_is_no_window(#[case] requests: u32, #[case] concurrency: u32) {
    let mut requests: Vec<Request> = (0..requests).map(|at| request(f64::from(at), 10.0, 1.0, 2.0)).collect();
    let expected = NoWindow::TooFewRequests { requests: requests.len(), concurrency };
    assert_eq!(Window::of(&mut requests, users(concurrency)), Err(expected));
}

#[rstest]
#[case::no_number(f64::NAN, 1.0, NoWindow::WrongTimes)]
#[case::endless(0.0, f64::INFINITY, NoWindow::WrongTimes)]
#[case::backwards(2.0, 1.0, NoWindow::WrongTimes)]
#[case::no_time(5.0, 5.0, NoWindow::NoTime)]
fn times_that_say_nothing_are_refused(#[case] start: f64, #[case] end: f64, #[case] expected: NoWindow) {
    let request = Request { start, end, wait: None, ..request(0.0, 1.0, 1.0, 2.0) };
    assert_eq!(Window::of(&mut [request; 5], users(2)), Err(expected));
}

#[test]
fn requests_that_take_no_time_have_no_rate() {
    let mut requests: Vec<Request> = (0..5).map(|at| request(f64::from(at), 0.0, 0.0, 2.0)).collect();
    assert_eq!(Window::of(&mut requests, users(2)), Err(NoWindow::NoTime));
}

#[test]
fn where_all_that_count_fail_there_is_nothing_to_say() {
    let mut requests = closed_loop(2, 4, |_| 100.0);
    requests.iter_mut().filter(|request| request.start > 0.0).for_each(|request| request.answer = None);
    assert_eq!(Window::of(&mut requests, users(2)), Err(NoWindow::NothingCompleted));
}

#[test]
fn a_failed_request_takes_its_place_and_brings_nothing() {
    let mut requests = closed_loop(4, 5, |_| 100.0);
    // One request of each wave fails.
    requests.iter_mut().step_by(4).for_each(|request| request.answer = None);
    let window = window(requests, 4);
    assert_eq!((window.requests, window.failed), (12, 3));
    assert!(close(tokens(&window), 0.75 * 220.0), "{window:?}");
    assert!(close(window.throughput.requests_per_second.get(), 15.0), "{window:?}");
    assert!(close(window.unsteadiness_percent.unwrap(), 0.0), "{window:?}");
}

#[test]
fn a_failed_request_exceeds_every_limit() {
    let mut requests = closed_loop(2, 6, |number| 100.0 + (number / 2) as f64);
    requests[4].answer = None;
    let counted = Counted::of(&mut requests, users(2)).unwrap();
    let ttft = |answer: &Answer| answer.ttft;
    assert_eq!(counted.over(|answer| answer.ttft.is_none_or(|ttft| ttft > 103.0)), 2 + 1);
    assert_eq!(counted.over(|_| false), 1);
    // Seven completed ones, from 101 to 104 ms, and one without end.
    assert_eq!(counted.quantile(0.0, ttft), Some(101.0));
    assert_eq!(counted.quantile(0.5, ttft), Some(103.0));
    assert_eq!(counted.quantile(6.0 / 7.0, ttft), Some(104.0));
    assert_eq!(counted.quantile(1.0, ttft), Some(f64::INFINITY));
    assert_eq!(counted.quantile(0.9, ttft), Some(f64::INFINITY));
    assert_eq!(counted.quantile(0.5, |_| None), None, "a figure that is not known");
}

#[test]
fn what_a_request_does_not_say_is_not_known() {
    let mut requests = closed_loop(2, 5, |_| 100.0);
    requests[3].answer = Some(Answer { ttft: None, latency: 200.0, output_tokens: None });
    requests.iter_mut().for_each(|request| request.wait = None);
    let window = window(requests, 2);
    assert_eq!((window.throughput.output_tokens_per_second, window.client_wait_percent), (None, None));
    assert!(window.ttft.is_some() && close(window.throughput.requests_per_second.get(), 10.0), "{window:?}");
}

#[rstest]
#[case::one_token(1.0, Some(5.0), None)]
#[case::none(0.0, Some(5.0), None)]
#[case::not_streamed(11.0, None, None)]
#[case::eleven(11.0, Some(5.0), Some(10.0))]
fn tpot_is_the_time_of_a_token_after_the_first(
    #[case] output_tokens: f64,
    #[case] ttft: Option<f64>,
    #[case] expected: Option<f64>,
) {
    assert_eq!(Answer { ttft, latency: 105.0, output_tokens: Some(output_tokens) }.tpot(), expected);
}

/// A queue that is still filling: by the time the last request starts, fewer have ended than its latency tells.
#[rstest]
#[case::at_its_pace(0.0, true)]
#[case::a_little_slower_each_time(2.0, true)]
#[case::ever_slower(100.0, false)]
fn a_trial_that_has_not_settled_is_not_steady(#[case] longer: f64, #[case] steady: bool) {
    let ttft = |number: usize| if number < 8 { 50.0 * number as f64 } else { 100.0 + longer * (number - 8) as f64 };
    let window = window(closed_loop(8, 4, ttft), 8);
    assert_eq!(window.is_steady(), steady, "{window:?}");
}

#[test]
fn a_part_of_a_wave_is_no_change_of_pace() {
    // Users go in step, a millisecond apart, and the last start may be that of any of them.
    let ttft = |number| if number < 4 { 100.0 + number as f64 } else { 100.0 };
    for requests in 17..24 {
        let window = window(closed_loop(4, 6, ttft)[..requests].to_vec(), 4);
        assert!(window.unsteadiness_percent.unwrap().abs() < 0.1, "{requests}: {window:?}");
    }
}

#[test]
fn concurrent_requests_are_counted_when_all_users_have_come() {
    // Eight users come in over one latency of 200 ms.
    let ask = |number: usize| request(25.0 * number as f64, 200.0, 100.0, 11.0);
    let window = window((0..40).map(ask).collect(), 8);
    assert!(close(window.mean_concurrency, 8.0) && close(tokens(&window), 440.0), "{window:?}");
}

#[test]
fn of_requests_alike_the_order_of_records_does_not_choose() {
    let alike = [10.0, 50.0].map(|ttft| request(0.0, 100.0, ttft, 11.0));
    let others = [1.0, 2.0, 3.0].map(|turn| request(100.0 * turn, 100.0, 10.0, 11.0));
    let ttft = |first: [Request; 2]| window([&first[..], &others[..]].concat(), 1).ttft.unwrap().mean.get();
    assert_eq!(ttft(alike), ttft([alike[1], alike[0]]));
}

#[test]
fn a_summary_has_throughput_by_littles_law() {
    let throughput = Throughput::by_littles_law(8.0, 200.0, Some(11.0)).unwrap();
    assert_eq!(throughput.requests_per_second.get(), 40.0);
    assert_eq!(throughput.output_tokens_per_second.map(TokensPerSecond::get), Some(440.0));
    assert_eq!(Throughput::by_littles_law(8.0, 0.0, Some(11.0)), None);
    assert_eq!(Throughput::by_littles_law(8.0, 200.0, Some(f64::NAN)).unwrap().output_tokens_per_second, None);
}

prop_compose! {
    /// Milliseconds in quarters: sums of them are exact.
    fn any_request()(start in 0_u32..200_000, took in 0_u32..50_000, ttft in proptest::option::of(0_u32..50_000),
        tokens in proptest::option::of(0_u32..5000), ok in proptest::bool::weighted(0.9)) -> Request {
        let [start, took] = [start, took].map(|quarters| f64::from(quarters) / 4.0);
        let ttft = ttft.map(|quarters| (f64::from(quarters) / 4.0).min(took));
        let answer = Answer { ttft, latency: took, output_tokens: tokens.map(f64::from) };
        Request { start, end: start + took, wait: Some(0.25), answer: ok.then_some(answer) }
    }
}

proptest! {
    #[test]
    fn figures_stay_within_what_was_seen(mut requests in proptest::collection::vec(any_request(), 0..80), c in 1_u32..20) {
        let all = requests.len();
        match Window::of(&mut requests, users(c)) {
            Err(NoWindow::TooFewRequests { .. }) => prop_assert!(all <= 2 * c as usize),
            Err(NoWindow::WrongTimes) => prop_assert!(false, "all times are good"),
            Err(NoWindow::NothingCompleted | NoWindow::NoTime) => {}
            Ok(window) => {
                prop_assert_eq!(window.requests as usize, all - 2 * c as usize);
                prop_assert!((0.0..=all as f64).contains(&window.mean_concurrency));
                for d in [window.ttft, window.tpot, window.request_latency].into_iter().flatten() {
                    prop_assert!(d.p50 <= d.p90 && d.p90 <= d.p95 && d.p95 <= d.p99);
                    prop_assert!(d.p99 <= Milliseconds::new(12_500.0).ok());
                }
            }
        }
    }

    #[test]
    fn neither_the_order_of_records_nor_the_clock_matters(requests in proptest::collection::vec(any_request(), 1..60),
        c in 1_u32..20, later in 0_u32..1_000_000, seed: u64) {
        let mut shuffled = requests.clone();
        let mut mixed = seed;
        for at in (1..shuffled.len()).rev() {
            mixed = mixed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(at, (mixed >> 33) as usize % (at + 1));
        }
        for request in &mut shuffled {
            request.start += f64::from(later);
            request.end += f64::from(later);
        }
        let mut requests = requests;
        prop_assert_eq!(Window::of(&mut requests, users(c)), Window::of(&mut shuffled, users(c)));
    }

    /// Users whose requests all take their own time: the throughput is known without a window.
    #[test]
    fn littles_law_holds_for_a_steady_flow(latencies in proptest::collection::vec(500_u32..2000, 1..12)) {
        let mut requests = vec![];
        for latency in latencies.iter().copied().map(f64::from) {
            let ask = |turn: u32| request(f64::from(turn) * latency, latency, 1.0, 11.0);
            requests.extend((0..).map(ask).take_while(|request| request.start <= 200_000.0));
        }
        let expected: f64 = latencies.iter().map(|latency| 1000.0 / f64::from(*latency)).sum();
        let window = window(requests, latencies.len() as u32);
        let found = window.throughput.requests_per_second.get();
        prop_assert!((found / expected - 1.0).abs() < 0.02, "{} instead of {}", found, expected);
    }
}
