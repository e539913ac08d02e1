//! Synthetic comparisons with a known truth, carried out by the real sweep and judged by the real judgement.

use std::num::NonZeroU32;

use bcmp::api::{Outcome, Role, Statistic};
use bcmp::judgement::gain::{Call, call, confidence};
use bcmp::judgement::rules::{AuditRules, Rules};
use bcmp::judgement::sla::SlaLimits;
use bcmp::judgement::statistics::ratio;
use bcmp::judgement::{Case, Judgement, VariantEvidence, judge};
use bcmp::measurement::audit::EvidenceLimits;
use bcmp::measurement::record::{SCHEMA_VERSION, Step, TrialRecord};
use bcmp::measurement::{Distribution, Facts, Measurement};
use bcmp::sweep::{LoadRules, NextStep, SweepPlan, next};
use bcmp::units::{Milliseconds, RequestsPerSecond, TokensPerSecond};
use jiff::Timestamp;
use statrs::distribution::{ContinuousCDF, Normal};

/// The guide's ladder and workload.
pub const LADDER: [u32; 7] = [1, 2, 5, 10, 50, 100, 250];
const INPUT_TOKENS: u32 = 4000;
const OUTPUT_TOKENS: u32 = 500;
const GPUS: u32 = 8;

/// Reproducible numbers: SplitMix64.
pub struct Dice(pub u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Evenly between 0 and 1, both excluded.
    pub fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Evenly on a logarithmic scale.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low * (high / low).powf(self.uniform())
    }

    /// Standard normal.
    pub fn normal(&mut self) -> f64 {
        Normal::standard().inverse_cdf(self.uniform())
    }
}

/// A server whose curves look as AIConfigurator's do: a token takes longer in proportion to the requests in flight,
/// once there are enough of them, and so does the first one, which waits for other prefills.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    /// TPOT of a single request, ms.
    tpot: f64,
    /// Requests in flight that double it.
    knee: f64,
    /// How it grows, as a power.
    power: f64,
    /// TTFT of a single request, ms.
    ttft: f64,
    /// Requests in flight that double it.
    ttft_knee: f64,
    /// The same latencies are kept with so many times the requests.
    scale: f64,
}

impl Server {
    /// TTFT and TPOT, ms.
    fn latencies(&self, concurrency: f64) -> (f64, f64) {
        let each = concurrency / self.scale;
        (self.ttft * (1.0 + each / self.ttft_knee), self.tpot * (1.0 + (each / self.knee).powf(self.power)))
    }

    /// A random server, and limits it keeps up to an end of that kind: in most cases TPOT's is the tighter one, in
    /// some TTFT's.
    fn random(end: End, dice: &mut Dice) -> (Self, SlaLimits) {
        let mut server = Self {
            tpot: dice.between(3.0, 20.0),
            knee: dice.between(10.0, 160.0),
            power: dice.between(0.9, 1.1),
            ttft: dice.between(60.0, 700.0),
            ttft_knee: dice.between(10.0, 160.0),
            scale: 1.0,
        };
        let level = f64::from(LADDER[1 + (dice.uniform() * 5.0) as usize]);
        // So many times what a single request takes is allowed; it is kept up to the knee times this:
        let knees = |power: f64, dice: &mut Dice| (dice.between(1.2, 5.0) - 1.0_f64).powf(1.0 / power);
        let ttft_binds = dice.uniform() < 0.2;
        let (knee, power) = if ttft_binds { (&mut server.ttft_knee, 1.0) } else { (&mut server.knee, server.power) };
        let concurrency = match end {
            End::Random => (*knee * knees(power, dice)).clamp(1.5, 240.0),
            End::OnALevel => {
                *knee = level / knees(power, dice);
                level
            }
            End::Flat => level,
        };
        let (ttft, tpot) = server.latencies(concurrency);
        let slack = dice.between(1.05, 3.0);
        let (ttft, tpot) = if ttft_binds { (ttft, tpot * slack) } else { (ttft * slack, tpot) };
        (server, SlaLimits { ttft: ms(ttft), tpot: ms(tpot), statistic: Statistic::Mean })
    }
}

/// Where the SLA ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The limit is 1.2 to 5 times what a single request takes.
    Random,
    /// The same, and it is reached exactly on a level of the ladder.
    OnALevel,
    /// On a level of the ladder, however little latency depends on load there.
    Flat,
}

/// How much runs and deployments scatter, as standard deviations of logarithms.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    /// From run to run.
    pub run: f64,
    /// From deployment to deployment.
    pub deployment: f64,
}

/// A kind of comparison.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Scatter.
    pub noise: Noise,
    /// New runs of the deciding levels in each round.
    pub repetitions: u32,
    /// Deployments.
    pub rounds: u32,
    /// Candidate over baseline at the SLA, in truth.
    pub gain: f64,
    /// Where the SLA ends for the baseline.
    pub end: End,
}

fn ms(value: f64) -> Milliseconds {
    Milliseconds::new(value).unwrap()
}

/// What a run of the load tool shows: latencies scatter together, TTFT on its own as well, and throughput follows from
/// them (Little's law).
fn measure(server: &Server, step: &Step, noise: Noise, deployment: f64, dice: &mut Dice) -> Measurement {
    let users = f64::from(step.concurrency);
    let (ttft, tpot) = server.latencies(users);
    let slower = (deployment + noise.run * dice.normal()).exp();
    let (ttft, tpot) = (ttft * slower * (noise.run * dice.normal()).exp(), tpot * slower);
    let latency = ttft + f64::from(OUTPUT_TOKENS - 1) * tpot;
    let rate = users / latency * 1000.0;
    let all = |value: f64| {
        Some(Distribution {
            mean: ms(value),
            p50: Some(ms(value)),
            p90: Some(ms(value)),
            p95: Some(ms(value)),
            p99: Some(ms(value)),
        })
    };
    Measurement {
        tool: "aiperf 0.13.0".into(),
        concurrency: step.concurrency,
        requests: step.requests,
        errors: Some(0),
        first_error: None,
        ttft: all(ttft),
        tpot: all(tpot),
        request_latency: all(latency),
        output_tokens_per_second: TokensPerSecond::new(rate * f64::from(OUTPUT_TOKENS)).ok(),
        requests_per_second: RequestsPerSecond::new(rate).ok(),
        good_requests_percent: None,
        facts: Facts {
            model: Some("model".into()),
            complete: Some(true),
            cancelled: Some(false),
            streaming: Some(true),
            input_tokens: Some(f64::from(INPUT_TOKENS)),
            output_tokens: Some(f64::from(OUTPUT_TOKENS)),
            effective_concurrency: Some(users),
            client_wait_percent: Some(0.5),
            cached_prompt_percent: Some(0.0),
            cached_prompt_tokens: Some(0.0),
            warmup_requests: Some(step.warmup),
            windowed: true,
            window_drift_percent: Some(0.0),
            not_finite: vec![],
        },
    }
}

fn record(step: Step, measurement: Measurement) -> TrialRecord {
    TrialRecord {
        schema_version: SCHEMA_VERSION,
        deployment: step.round,
        step,
        pod_uid: "pod".into(),
        start_time: Timestamp::UNIX_EPOCH,
        completion_time: Timestamp::UNIX_EPOCH,
        measurement: Some(measurement),
        findings: vec![],
    }
}

fn rules(setting: &Setting, limits: SlaLimits) -> Rules {
    Rules {
        limits,
        audit: AuditRules {
            model: "model".into(),
            input_tokens: INPUT_TOKENS,
            output_tokens: OUTPUT_TOKENS,
            limits: EvidenceLimits { maximum_error_percent: 1.0, minimum_requests: 10, length_tolerance_percent: 2.0 },
        },
        margin_percent: 5.0,
        tolerance_percent: 20.0,
        decision_trials: setting.repetitions,
        rounds: setting.rounds,
        gpu_hourly_cost: None,
    }
}

fn sweep(server: &Server, setting: &Setting, rules: &Rules, dice: &mut Dice) -> Vec<TrialRecord> {
    let mut records = vec![];
    for round in 1..=setting.rounds {
        let plan = SweepPlan {
            variant: "any".into(),
            round,
            rounds: setting.rounds,
            ladder: LADDER.to_vec(),
            limits: rules.limits,
            audit: rules.audit.clone(),
            load: LoadRules {
                requests_per_concurrency: 10,
                minimum_requests: 30,
                warmup_per_concurrency: 2,
                decision_trials: setting.repetitions,
                refinements: 2,
                stop_after_misses: 0,
                request_timeout_seconds: 600,
                seed: 100,
            },
            curve: None,
        };
        let deployment = setting.noise.deployment * dice.normal();
        while let NextStep::Run(step) = next(&plan, &records) {
            let measurement = measure(server, &step, setting.noise, deployment, dice);
            records.push(record(step, measurement));
        }
    }
    records
}

/// One comparison from the sweep to the verdict.
pub fn compare(setting: &Setting, dice: &mut Dice) -> Judgement {
    let (baseline, limits) = Server::random(setting.end, dice);
    let candidate = Server { scale: setting.gain, ..baseline };
    let rules = rules(setting, limits);
    let mut variant = |name: &str, role, server: &Server| VariantEvidence {
        name: name.into(),
        role,
        gpus: NonZeroU32::new(GPUS).unwrap(),
        prediction: None,
        records: sweep(server, setting, &rules, dice),
        findings: vec![],
        failure: None,
    };
    let variants =
        vec![variant("baseline", Role::Baseline, &baseline), variant("optimized", Role::Candidate, &candidate)];
    judge(&Case::new(rules, LADDER.to_vec(), variants).unwrap())
}

/// The gain at one fixed level, from so many runs a side of one deployment each.
pub fn compare_at_a_level(setting: &Setting, dice: &mut Dice) -> Call {
    let mut tokens = |gain: f64| {
        let deployment = setting.noise.deployment * dice.normal();
        (0..setting.repetitions).map(|_| gain.ln() - deployment - setting.noise.run * dice.normal()).collect::<Vec<_>>()
    };
    let (baseline, candidate) = (tokens(1.0), tokens(setting.gain));
    call(&ratio(&candidate, &baseline, confidence(1)).unwrap(), 5.0)
}

/// How often each answer came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Comparisons.
    pub all: usize,
    /// The candidate is better, or alone meets the SLA.
    pub better: usize,
    /// The baseline is.
    pub worse: usize,
    /// No difference.
    pub same: usize,
    /// It cannot be told.
    pub open: usize,
}

impl Tally {
    /// Of so many comparisons, from one seed.
    pub fn of(setting: &Setting, comparisons: usize, seed: u64) -> Self {
        let mut tally = Self::default();
        let mut dice = Dice(seed);
        for _ in 0..comparisons {
            tally.count(match compare(setting, &mut dice).verdict.measured.outcome {
                Outcome::CandidateBetter | Outcome::OnlyCandidateMeetsSla => Call::Better,
                Outcome::BaselineBetter | Outcome::OnlyBaselineMeetsSla => Call::Worse,
                Outcome::NoDifference | Outcome::NeitherMeetsSla => Call::NoDifference,
                Outcome::Undetermined => Call::Undetermined,
            });
        }
        tally
    }

    /// Of so many gains at a fixed level.
    pub fn at_a_level(setting: &Setting, comparisons: usize, seed: u64) -> Self {
        let mut tally = Self::default();
        let mut dice = Dice(seed);
        for _ in 0..comparisons {
            tally.count(compare_at_a_level(setting, &mut dice));
        }
        tally
    }

    fn count(&mut self, call: Call) {
        self.all += 1;
        *match call {
            Call::Better => &mut self.better,
            Call::Worse => &mut self.worse,
            Call::NoDifference => &mut self.same,
            Call::Undetermined => &mut self.open,
        } += 1;
    }

    /// Called different, as a share.
    pub fn different(&self) -> f64 {
        self.share(self.better + self.worse)
    }

    /// A share of all.
    pub fn share(&self, part: usize) -> f64 {
        part as f64 / self.all as f64
    }
}
