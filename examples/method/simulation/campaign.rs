//! One comparison: deployments, trials and judgements, one after the other, as the operator has them.

use bcmp::api::Statistic;
use bcmp::judgement::comparison::{Comparison, RoundsSoFar, Standing, VariantEvidence, compare, deployment_order};
use bcmp::judgement::rounds::TrialOrigin;
use bcmp::judgement::rules::{RoundLimits, Rules};
use bcmp::measurement::counted::{LimitRatios, OverLimit};
use bcmp::measurement::record::TrialPlan;
use bcmp::measurement::{CountedRequests, Distribution};
use bcmp::method::sla::share_over;
use bcmp::method::trial::{Rejection, Trial, TrialFigures, TrialOutcome};
use bcmp::sweep::{Next, SizeRules, SweepPlan, ladder, next};
use bcmp::units::{Milliseconds, Percent, RequestsPerSecond, TokensPerSecond};
use statrs::distribution::{Continuous, ContinuousCDF, Normal};

use super::dice::Dice;
use super::server::{GPUS, LADDER, Limits, Server};

/// What besides the servers makes a comparison.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Standard deviation of a trial's log speed.
    pub run: f64,
    /// Standard deviation of a deployment's log speed.
    pub deployment: f64,
    /// How much slower servers become in an hour, as a logarithm.
    pub drift: f64,
    /// Minutes until a deployment serves, besides two for its objects.
    pub loading_minutes: f64,
    /// The specification's levels.
    pub ladder: &'static [u32],
    /// Whether capacities are known.
    pub capacities_known: bool,
    /// The statistic of the SLA, and the standard deviation of a request's log TTFT; TPOT has a third of it.
    pub percentile: Option<(Statistic, f64)>,
    /// Share of the candidate's trials that fail.
    pub failing: f64,
}

/// Trials and deployments that scatter by one and two per cent, ten minutes of loading and the guide's ladder.
pub const USUAL: Setting = Setting {
    run: 0.01,
    deployment: 0.02,
    drift: 0.0,
    loading_minutes: 10.0,
    ladder: &LADDER,
    capacities_known: true,
    percentile: None,
    failing: 0.0,
};

/// Two minutes for a deployment's objects, besides loading.
pub const OBJECTS_MINUTES: f64 = 2.0;
/// The load tool starts and writes for so long.
pub const TOOL_SECONDS: f64 = 20.0;
/// With fewer requests a quantile is that of the sample itself.
const FEW: f64 = 40.0;
const MOST_ROUNDS: u32 = 8;

/// What came of a comparison.
pub struct Course {
    /// What was compared, in the end.
    pub comparison: Comparison,
    /// Trials of baseline and candidate.
    pub trials: [Vec<Trial>; 2],
    /// Rounds that were run.
    pub rounds: u32,
    /// Hours it took.
    pub hours: f64,
}

/// How a comparison of these limits is judged: as specified by default.
pub fn rules(limits: Limits, setting: &Setting) -> Rules {
    let percent = |value| Percent::new(value).unwrap();
    Rules {
        sla: limits.sla(setting.percentile.map_or(Statistic::Mean, |(statistic, _)| statistic)),
        equivalence_margin: percent(5.0),
        accuracy_tolerance: percent(20.0),
        assumed_scatter: percent(2.5),
        rounds: RoundLimits { minimum: 1, maximum: MOST_ROUNDS },
        repeatable: true,
    }
}

/// Evidence of a sweep.
pub fn evidence(trials: &[Trial]) -> VariantEvidence<'_> {
    VariantEvidence { trials, origin: TrialOrigin::Sweep, failed_rounds: &[] }
}

/// Compares two servers until it is over. Trials are sized by `estimates`; `claims` are measured too.
pub fn course(
    servers: [Server; 2],
    estimates: [Server; 2],
    claims: &[u32],
    rules: &Rules,
    setting: &Setting,
    dice: &mut Dice,
) -> Course {
    let mut world = World { setting, hours: 0.0, dice };
    let mut trials = [vec![], vec![]];
    let capacity = |server: &Server| bcmp::method::estimate::Estimates::capacity(server);
    let known: Vec<u32> = servers.iter().filter(|_| setting.capacities_known).filter_map(capacity).collect();
    let plan = |variant: usize, round: u32| SweepPlan {
        round,
        ladder: ladder(setting.ladder, claims, &known),
        sla: rules.sla.clone(),
        capacity: capacity(&servers[variant]).filter(|_| setting.capacities_known),
        output_tokens: servers[variant].output_tokens as u32,
        decision_trials: 2,
        refinements: 2,
        stop_after_misses: 0,
        size: SizeRules { trial_minutes: 10.0, unequal_lengths: false, request_timeout_seconds: 600, seed: 100 },
        warm: false,
    };
    let mut taking_part = vec![0, 1];
    let mut round = 0;
    loop {
        round += 1;
        for variant in deployment_order(round, taking_part.clone()) {
            let deployment = world.deploy();
            let mut plan = plan(variant, round);
            while let Next::Run(trial) = next(&plan, Some(&estimates[variant]), &trials[variant]) {
                let measured = world.run(variant, &servers[variant], deployment, &trial, &rules.sla);
                trials[variant].push(measured);
                plan.warm = true;
            }
        }
        let progress = RoundsSoFar { candidates: 1, rounds: round, budget_spent: false };
        let comparison = compare(rules, &evidence(&trials[0]), &evidence(&trials[1]), progress);
        let look = comparison.last().unwrap();
        taking_part = vec![];
        taking_part.extend(look.baseline.can_go_on().then_some(0));
        taking_part.extend(look.candidate.can_go_on().then_some(1));
        if comparison.standing != Standing::Open || taking_part.is_empty() {
            return Course { comparison, trials, rounds: round, hours: world.hours };
        }
    }
}

struct World<'a> {
    setting: &'a Setting,
    hours: f64,
    dice: &'a mut Dice,
}

impl World<'_> {
    /// The log speed of a new deployment.
    fn deploy(&mut self) -> f64 {
        self.hours += (self.setting.loading_minutes + OBJECTS_MINUTES) / 60.0;
        self.setting.deployment * self.dice.normal()
    }

    fn run(
        &mut self,
        variant: usize,
        server: &Server,
        deployment: f64,
        plan: &TrialPlan,
        sla: &bcmp::method::sla::SlaLimits,
    ) -> Trial {
        let scatter = self.setting.run;
        let level = f64::from(plan.key.concurrency);
        let (ttft, tpot) = server.latencies(level);
        let slower = (deployment + self.setting.drift * self.hours + scatter * self.dice.normal()).exp();
        let (ttft, tpot) = (ttft * slower * (scatter * self.dice.normal()).exp(), tpot * slower);
        let latency = ttft + (server.output_tokens - 1.0) * tpot;
        let rate = level / latency * 1000.0;
        self.hours += (f64::from(plan.requests + plan.warmup) / rate + TOOL_SECONDS) / 3600.0;
        if variant == 1 && self.dice.uniform() < self.setting.failing {
            return Trial { key: plan.key, outcome: TrialOutcome::Rejected(Rejection::ErrorRate) };
        }
        let counted = plan.requests - 2 * plan.key.concurrency;
        let limit = |at: usize| sla.limits()[at].limit.get();
        let (ttft, ttft_over) = self.distribution(ttft, counted, 1.0, limit(0));
        let (tpot, tpot_over) = self.distribution(tpot, counted, 1.0 / 3.0, limit(1));
        let figures = TrialFigures {
            ttft,
            tpot,
            request_latency: constant(latency),
            counted: Some(CountedRequests {
                requests: counted,
                failed: 0,
                over: OverLimit { ttft: ttft_over, tpot: tpot_over, ..OverLimit::default() },
                good_ratio: None,
                ratios: LimitRatios::default(),
            }),
            requests_per_second: RequestsPerSecond::new(rate).unwrap(),
            tokens_per_second_per_gpu: TokensPerSecond::new(rate * server.output_tokens / GPUS).unwrap(),
        };
        Trial { key: plan.key, outcome: TrialOutcome::Accepted(figures) }
    }

    /// What so many requests show of a figure, and how many of them exceed the limit. Where the SLA is one of percentiles, the
    /// server's figure is the percentile, and what is measured of it scatters by the number of requests.
    fn distribution(&mut self, figure: f64, counted: u32, share: f64, limit: f64) -> (Distribution, u32) {
        let Some((statistic, deviation)) = self.setting.percentile else { return (constant(figure), 0) };
        let (deviation, requests) = (deviation * share, f64::from(counted));
        let quantile = 1.0 - share_over(statistic).unwrap();
        let (normal, z) = (Normal::standard(), Normal::standard().inverse_cdf(quantile));
        let off = if requests < FEW {
            let mut sample: Vec<f64> = (0..counted).map(|_| self.dice.normal()).collect();
            sample.sort_by(f64::total_cmp);
            sample[((requests - 1.0) * quantile).ceil() as usize] - z
        } else {
            (quantile * (1.0 - quantile) / requests).sqrt() / normal.pdf(z) * self.dice.normal()
        };
        let over = requests * normal.sf(z + (limit / figure).ln() / deviation);
        (constant(figure * (deviation * off).exp()), over.round() as u32)
    }
}

fn constant(value: f64) -> Distribution {
    Distribution::constant(Milliseconds::new(value).unwrap())
}
