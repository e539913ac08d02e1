//! What must hold of every engine under every load.

use std::num::{NonZeroU16, NonZeroU32, NonZeroU64};

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::units::{Milliseconds, Percent, RequestsPerSecond};

fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

fn ms(value: f64) -> Milliseconds {
    Milliseconds::new(value).unwrap()
}

/// 1 ms for a prompt token, 10 ms for a decoding step and 1 ms for each further request.
fn engine() -> Engine {
    Engine {
        max_batch: count(4),
        max_num_tokens: count(100),
        prefill: Prefill::Whole,
        prompts_per_step: None,
        mixing: Mixing::Together,
        kv_tokens: None,
        steps: StepTime::Linear(Linear {
            prompt: ms(0.0),
            prompt_token: ms(1.0),
            decode: ms(10.0),
            further_decode: ms(1.0),
        }),
        scatter: Percent::default(),
    }
}

fn pool(engine: Engine, workers: u16) -> Pool {
    Pool { engine, workers: NonZeroU16::new(workers).unwrap(), routing: Routing::LeastLoaded }
}

fn closed_loop(requests: u32, concurrency: u32, ramp: f64, [prompt, output]: [u32; 2]) -> Traffic {
    Traffic {
        requests: count(requests),
        prompt: Length::Fixed(count(prompt)),
        output: Length::Fixed(count(output)),
        arrivals: Arrivals::ClosedLoop { concurrency: count(concurrency), ramp: ms(ramp) },
    }
}

/// Start, first token and end of each request.
fn times(topology: Topology, traffic: &Traffic) -> Vec<[f64; 3]> {
    let served = trial(&topology, traffic, 1).unwrap();
    served.iter().map(|served| [served.start, served.first, served.end]).collect()
}

fn aggregated(engine: Engine) -> Topology {
    Topology::Aggregated(pool(engine, 1))
}

#[test]
fn a_request_alone_is_prefilled_and_decodes() {
    let found = times(aggregated(engine()), &closed_loop(2, 1, 0.0, [60, 3]));
    assert_eq!(found, [[0.0, 60.0, 80.0], [80.0, 140.0, 160.0]]);
}

#[test]
fn an_answer_of_one_token_ends_with_its_prompt() {
    assert_eq!(times(aggregated(engine()), &closed_loop(1, 1, 0.0, [60, 1])), [[0.0, 60.0, 60.0]]);
}

#[rstest]
// A second prompt does not fit into the first step. It delays the first request's second token.
#[case::a_prompt_interrupts_decoding(engine(), [[0.0, 60.0, 141.0], [0.0, 130.0, 151.0]])]
#[case::prompts_first(Engine { mixing: Mixing::PromptsFirst, ..engine() }, [[0.0, 60.0, 142.0], [0.0, 120.0, 142.0]])]
#[case::two_in_a_step(Engine { max_num_tokens: count(120), ..engine() }, [[0.0, 120.0, 142.0], [0.0, 120.0, 142.0]])]
#[case::one_prompt_a_step(
    Engine { max_num_tokens: count(120), prompts_per_step: Some(count(1)), ..engine() },
    [[0.0, 60.0, 141.0], [0.0, 130.0, 151.0]]
)]
// 40 tokens of the second prompt fill the first step, its last 20 go beside the first decoding step.
#[case::chunks(Engine { prefill: Prefill::Chunked, ..engine() }, [[0.0, 100.0, 141.0], [0.0, 130.0, 151.0]])]
#[case::one_seat(Engine { max_batch: count(1), ..engine() }, [[0.0, 60.0, 80.0], [0.0, 140.0, 160.0]])]
#[case::memory_for_one(
    Engine { kv_tokens: NonZeroU64::new(125), ..engine() },
    [[0.0, 60.0, 80.0], [0.0, 140.0, 160.0]]
)]
fn two_requests_at_once(#[case] engine: Engine, #[case] expected: [[f64; 3]; 2]) {
    assert_eq!(times(aggregated(engine), &closed_loop(2, 2, 0.0, [60, 3])), expected);
}

#[test]
fn a_request_that_decodes_takes_a_token_of_the_step() {
    // A prompt of 100 tokens fits into a step of 100, but not beside a decoding request.
    let found = times(aggregated(engine()), &closed_loop(2, 2, 0.0, [100, 3]));
    assert_eq!(found, [[0.0, 100.0, 120.0], [0.0, 220.0, 240.0]]);
}

#[test]
fn users_come_in_over_the_ramp() {
    let starts: Vec<f64> =
        times(aggregated(engine()), &closed_loop(4, 4, 40.0, [1, 500])).iter().map(|times| times[0]).collect();
    assert_eq!(starts, [0.0, 10.0, 20.0, 30.0]);
}

#[test]
fn disaggregated_prompts_are_handed_over() {
    let worker = pool(engine(), 1);
    let topology = Topology::Disaggregated { prefill: worker.clone(), handover: ms(5.0), decode: worker };
    // Prompts one after the other, 60 ms each; the second is ready when the first answer is complete.
    let expected = [[0.0, 75.0, 95.0], [0.0, 135.0, 155.0]];
    assert_eq!(times(topology, &closed_loop(2, 2, 0.0, [60, 3])), expected);
}

/// Submits requests with so many output tokens at so many moments; whole events in between, to the last.
fn events(topology: &Topology, requests: &[(f64, u32)]) -> Vec<EngineEvent> {
    let mut simulator = Simulator::new(topology, 1);
    let mut events = vec![];
    for (at, output) in requests {
        while simulator.next_event().is_some_and(|event| event < *at) {
            events.extend(simulator.advance());
        }
        simulator.submit(*at, count(10), count(*output)).unwrap();
    }
    events.extend(std::iter::from_fn(|| simulator.advance()));
    events
}

#[rstest]
#[case::round_robin(Routing::RoundRobin, 0)]
#[case::least_loaded(Routing::LeastLoaded, 1)]
fn the_router_finds_a_worker(#[case] routing: Routing, #[case] expected: usize) {
    let topology = Topology::Aggregated(Pool { routing, ..pool(engine(), 2) });
    // When the third request comes, the first worker decodes, and the second is done.
    let events = events(&topology, &[(0.0, 50), (0.0, 1), (100.0, 1)]);
    let third = events.iter().filter(|event| !event.first.is_empty()).nth(2).unwrap();
    assert_eq!(third.worker, expected);
}

#[test]
fn random_routing_uses_all_workers() {
    let topology = Topology::Aggregated(Pool { routing: Routing::Random, ..pool(engine(), 3) });
    let events = events(&topology, &[(0.0, 1); 40]);
    assert!((0..3).all(|worker| events.iter().any(|event| event.worker == worker)));
}

#[test]
fn a_request_that_comes_as_a_step_ends_joins_the_next() {
    // The first has its first token at 10 ms, and decodes beside the second's prompt from then on.
    let events = events(&aggregated(engine()), &[(0.0, 3), (10.0, 1)]);
    let moments: Vec<f64> = events.iter().map(|event| event.at).collect();
    assert_eq!(moments, [10.0, 30.0, 40.0]);
}

#[test]
fn what_can_never_be_served_is_refused() {
    let memory = |tokens| Engine { kv_tokens: NonZeroU64::new(tokens), ..engine() };
    let submit = |topology: &Topology, prompt, output| {
        Simulator::new(topology, 1)
            .submit(0.0, count(prompt), count(output))
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    assert_eq!(
        submit(&aggregated(engine()), 101, 1).unwrap_err(),
        "A prompt of 101 tokens does not fit into a step of 100: raise the engine's max_num_tokens, or enable chunked prefill"
    );
    assert_eq!(submit(&aggregated(Engine { prefill: Prefill::Chunked, ..engine() }), 101, 1), Ok(()));
    assert_eq!(
        submit(&aggregated(memory(69)), 60, 10).unwrap_err(),
        "A request of 70 tokens does not fit into a KV memory of 69: shorten the request, or give the engine more memory"
    );
    assert_eq!(submit(&aggregated(memory(70)), 60, 10), Ok(()));
    let apart = |prefill, decode| Topology::Disaggregated {
        prefill: pool(prefill, 1),
        handover: ms(0.0),
        decode: pool(decode, 1),
    };
    assert_eq!(submit(&apart(memory(60), memory(70)), 60, 10), Ok(()));
    assert!(submit(&apart(memory(59), memory(70)), 60, 10).is_err());
    assert!(submit(&apart(memory(60), memory(69)), 60, 10).is_err());
    // A decoding worker takes no prompts.
    assert_eq!(submit(&apart(Engine { prefill: Prefill::Chunked, ..engine() }, engine()), 101, 1), Ok(()));
}

#[rstest]
#[case::poisson(Arrivals::Poisson(RequestsPerSecond::default()))]
#[case::constant(Arrivals::Constant(RequestsPerSecond::default()))]
fn a_rate_of_nothing_is_refused(#[case] arrivals: Arrivals) {
    let traffic = Traffic { arrivals, ..closed_loop(1, 1, 0.0, [1, 1]) };
    assert_eq!(trial(&aggregated(engine()), &traffic, 1), Err(TrialError::NoRate));
}

#[test]
fn open_arrivals_keep_their_rate() {
    let rate = RequestsPerSecond::new(50.0).unwrap();
    let last = |arrivals| {
        let traffic = Traffic { arrivals, ..closed_loop(5001, 1, 0.0, [1, 1]) };
        times(aggregated(engine()), &traffic).last().unwrap()[0]
    };
    assert_eq!(last(Arrivals::Constant(rate)), 100_000.0);
    assert!((last(Arrivals::Poisson(rate)) / 100_000.0 - 1.0).abs() < 0.05);
}

#[test]
fn lengths_have_their_mean_and_variation() {
    let lengths = Length::LogNormal { mean: count(500), variation: Percent::new(50.0).unwrap() };
    let mut chance = random::Random::new(1, 0);
    let drawn: Vec<f64> = (0..100_000).map(|_| f64::from(lengths.draw(&mut chance).get())).collect();
    let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
    let deviation = (drawn.iter().map(|tokens| (tokens - mean).powi(2)).sum::<f64>() / drawn.len() as f64).sqrt();
    assert!((mean / 500.0 - 1.0).abs() < 0.01 && (deviation / mean / 0.5 - 1.0).abs() < 0.02, "{mean} {deviation}");
}

#[test]
fn scatter_is_that_of_a_step() {
    let scattered = Engine { scatter: Percent::new(2.0).unwrap(), ..engine() };
    let found = times(aggregated(scattered), &closed_loop(2000, 1, 0.0, [60, 1]));
    let mean = found.iter().map(|[start, _, end]| end - start).sum::<f64>() / found.len() as f64;
    let variance = found.iter().map(|[start, _, end]| (end - start - mean).powi(2)).sum::<f64>() / found.len() as f64;
    assert!(
        (mean / 60.0 - 1.0).abs() < 0.002 && (variance.sqrt() / mean / 0.02 - 1.0).abs() < 0.1,
        "{mean} {variance}"
    );
}

prop_compose! {
    /// Whole prompts have up to 40 tokens, requests up to 70.
    fn any_engine()(max_batch in 1_u32..6, max_num_tokens in 40_u32..150, chunked: bool,
        prompts_per_step in proptest::option::of(1_u32..3), first: bool, kv_tokens in proptest::option::of(70_u64..300),
        scatter in prop_oneof![Just(0.0), Just(5.0)]) -> Engine {
        Engine {
            max_batch: count(max_batch),
            max_num_tokens: count(max_num_tokens),
            prefill: if chunked { Prefill::Chunked } else { Prefill::Whole },
            prompts_per_step: prompts_per_step.map(count),
            mixing: if first { Mixing::PromptsFirst } else { Mixing::Together },
            kv_tokens: kv_tokens.and_then(NonZeroU64::new),
            scatter: Percent::new(scatter).unwrap(),
            ..engine()
        }
    }
}

fn any_pool() -> impl Strategy<Value = Pool> {
    let routing = prop_oneof![Just(Routing::RoundRobin), Just(Routing::LeastLoaded), Just(Routing::Random)];
    (any_engine(), 1_u16..4, routing).prop_map(|(engine, workers, routing)| Pool { routing, ..pool(engine, workers) })
}

fn any_topology() -> impl Strategy<Value = Topology> {
    let handover = prop_oneof![Just(0.0), 0.0..50.0_f64].prop_map(ms);
    let apart = (any_pool(), handover, any_pool()).prop_map(|(prefill, handover, decode)| Topology::Disaggregated {
        prefill,
        handover,
        decode,
    });
    prop_oneof![any_pool().prop_map(Topology::Aggregated), apart]
}

fn decoding(topology: &Topology) -> &Pool {
    match topology {
        Topology::Aggregated(pool) | Topology::Disaggregated { decode: pool, .. } => pool,
    }
}

/// The most of something at once, if each of these adds so much from one moment to before another.
fn most_at_once(spans: impl Iterator<Item = (f64, f64, u64)>) -> u64 {
    let ends = |(from, to, weight): (f64, f64, u64)| [(from, 1, weight), (to, 0, weight)];
    let mut ends: Vec<(f64, u8, u64)> = spans.flat_map(ends).collect();
    ends.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut most = 0;
    // What lasts no time ends before it begins, so the sum may pass through what is below zero.
    let mut now = 0_i64;
    for (_, begins, weight) in ends {
        now += if begins == 1 { weight as i64 } else { -(weight as i64) };
        most = most.max(now);
    }
    most.max(0) as u64
}

proptest! {
    #[test]
    fn every_request_is_served_within_the_limits(topology in any_topology(), requests in 1_u32..60, concurrency in 1_u32..20,
        ramp in prop_oneof![Just(0.0), 0.0..500.0_f64], lengths in [1_u32..=40, 1_u32..=30], seed: u64) {
        let traffic = closed_loop(requests, concurrency, ramp, lengths);
        let served = trial(&topology, &traffic, seed).unwrap();
        prop_assert_eq!(served.len(), requests as usize);
        prop_assert_eq!(&trial(&topology, &traffic, seed).unwrap(), &served);
        prop_assert!(served.iter().all(|served| served.start < served.first && served.first <= served.end));
        prop_assert!(served.windows(2).all(|pair| pair[0].start <= pair[1].start));
        let at_once = most_at_once(served.iter().map(|served| (served.start, served.end, 1)));
        prop_assert!(at_once <= u64::from(concurrency));
        let pool = decoding(&topology);
        let workers = u64::from(pool.workers.get());
        let batch = most_at_once(served.iter().map(|served| (served.first, served.end, 1)));
        prop_assert!(batch <= workers * pool.engine.seats() as u64);
        if let Some(kv_tokens) = pool.engine.kv_tokens {
            let held = |served: &ServedRequest| u64::from(served.prompt.get()) + u64::from(served.output.get());
            let most = most_at_once(served.iter().map(|served| (served.first, served.end, held(served))));
            prop_assert!(most <= workers * kv_tokens.get());
        }
    }

    #[test]
    fn every_request_begins_and_ends_once(topology in any_topology(),
        mut requests in proptest::collection::vec((0.0..2000.0_f64, 1_u32..=30), 1..40)) {
        requests.sort_by(|a, b| a.0.total_cmp(&b.0));
        let events = events(&topology, &requests);
        prop_assert!(events.windows(2).all(|pair| pair[0].at <= pair[1].at));
        let all = |of: fn(&EngineEvent) -> &Vec<RequestId>| -> Vec<RequestId> { events.iter().flat_map(of).copied().collect() };
        let (first, finished) = (all(|event| &event.first), all(|event| &event.finished));
        for ids in [&first, &finished] {
            let mut sorted = ids.clone();
            sorted.sort();
            prop_assert!(sorted.iter().enumerate().all(|(index, id)| id.index() == index));
            prop_assert_eq!(sorted.len(), requests.len());
        }
        let stages = match &topology {
            Topology::Aggregated(pool) => vec![pool],
            Topology::Disaggregated { prefill, decode, .. } => vec![prefill, decode],
        };
        if stages.iter().all(|pool| pool.workers.get() == 1) {
            prop_assert!(first.is_sorted(), "nobody overtakes: {:?}", first);
        }
    }

    #[test]
    fn each_decoding_step_brings_a_token(topology in any_topology(), output in 1_u32..=30, concurrency in 1_u32..8) {
        let events = events(&topology, &vec![(0.0, output); concurrency as usize]);
        for (id, worker, began) in events.iter().enumerate()
            .flat_map(|(index, event)| event.first.iter().map(move |id| (*id, event.worker, index))) {
            let ended = events.iter().position(|event| event.finished.contains(&id)).unwrap();
            let steps = events[began..=ended].iter().skip(1).filter(|event| event.worker == worker && event.decoded);
            prop_assert_eq!(steps.count() as u32, output - 1);
        }
    }
}
