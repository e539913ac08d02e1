//! The SLA as numbers: limits, the statistic each is held against, and r, how much of the limits a trial uses (METHOD §5).

use super::trial::TrialFigures;
use crate::api::{self, Decimal, LatencyLimit, Statistic};
use crate::measurement::Distribution;
use crate::units::{LatencyLimits, LimitShares, Milliseconds};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LimitedMetric {
    /// Time to first token.
    Ttft,
    /// Time per output token after the first.
    Tpot,
    /// From sending to the last token.
    RequestLatency,
}

/// A statistic of a distribution; `None` where the tool did not report it.
fn pick(statistic: Statistic, of: &Distribution) -> Option<Milliseconds> {
    match statistic {
        Statistic::Mean => Some(of.mean),
        Statistic::P50 => of.p50,
        Statistic::P90 => of.p90,
        Statistic::P95 => of.p95,
        Statistic::P99 => of.p99,
    }
}

/// The share of requests that may exceed a limit for this statistic; a mean allows no share.
pub fn share_over(statistic: Statistic) -> Option<f64> {
    match statistic {
        Statistic::Mean => None,
        Statistic::P50 => Some(0.5),
        Statistic::P90 => Some(0.1),
        Statistic::P95 => Some(0.05),
        Statistic::P99 => Some(0.01),
    }
}

/// The most that a statistic of a metric may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlaLimit {
    pub metric: LimitedMetric,
    /// The limit itself, above zero.
    pub limit: Milliseconds,
    /// What is held against it.
    pub statistic: Statistic,
}

/// One thing that can make a level miss the SLA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Criterion {
    /// A limit of its own.
    Limit(LimitedMetric),
    /// The share of requests that meet all limits.
    GoodRequests,
}

/// An SLA: one limit or more, each with its statistic or all by the share of requests that keep them together.
#[derive(Clone, Debug, PartialEq)]
pub struct SlaLimits {
    limits: Vec<SlaLimit>,
    /// Share of requests that have to meet all limits, 0…1, in place of the limits' own statistics.
    good_share: Option<f64>,
}

/// Why a set of limits is not an SLA.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SlaError {
    /// Nothing is limited.
    #[error("the SLA has no limit: give one")]
    NoLimit,
    /// A limit is zero.
    #[error("a limit of the SLA is 0 ms: give one above 0")]
    Zero,
    /// A metric has two limits.
    #[error("the SLA has two limits for one metric: give one")]
    Twice,
    /// The share of good requests is none.
    #[error("{0} is not a share of good requests: give a percentage between 0 and 100")]
    Share(f64),
    /// A limit of the specification is not a number.
    #[error("{field} is \"{found}\": give a positive number of milliseconds")]
    NotANumber {
        /// Field of the specification.
        field: &'static str,
        /// What it holds.
        found: String,
    },
    /// A limit of the specification is missing.
    #[error("{field} is missing: give the limit in milliseconds")]
    Missing {
        /// Field of the specification.
        field: &'static str,
    },
}

impl SlaLimits {
    /// The SLA of a specification.
    ///
    /// # Errors
    /// A limit that is missing or no positive number; a share that is none.
    pub fn from_spec(sla: &api::Sla) -> Result<Self, SlaError> {
        let limit = |metric, field, limit: &LatencyLimit| {
            let milliseconds = limit.milliseconds.value().and_then(|value| Milliseconds::new(value).ok());
            let number = milliseconds.filter(|limit| limit.get() > 0.0);
            let not_a_number = || SlaError::NotANumber { field, found: limit.milliseconds.to_string() };
            Ok(SlaLimit { metric, limit: number.ok_or_else(not_a_number)?, statistic: limit.statistic })
        };
        let missing = |field| SlaError::Missing { field };
        let ttft = sla.ttft_limit().ok_or(missing("sla.ttftMilliseconds"))?;
        let tpot = sla.tpot_limit().ok_or(missing("sla.tpotMilliseconds"))?;
        let mut limits = vec![
            limit(LimitedMetric::Ttft, "sla.ttftMilliseconds", &ttft)?,
            limit(LimitedMetric::Tpot, "sla.tpotMilliseconds", &tpot)?,
        ];
        if let Some(latency) = &sla.request_latency {
            limits.push(limit(LimitedMetric::RequestLatency, "sla.requestLatency.milliseconds", latency)?);
        }
        let not_a_share =
            |percent: &Decimal| SlaError::NotANumber { field: "sla.goodPercent", found: percent.to_string() };
        match &sla.good_percent {
            None => Self::new(limits),
            Some(percent) => Self::good_requests(limits, percent.value().ok_or_else(|| not_a_share(percent))?),
        }
    }

    /// The limits that single requests are held against.
    pub fn of_requests(&self) -> LatencyLimits {
        let find = |metric| self.limits.iter().find(|limit| limit.metric == metric);
        let of = |metric| find(metric).map(|limit| limit.limit);
        let share = |metric| Some(1.0 - share_over(find(metric)?.statistic)?);
        LatencyLimits {
            ttft: of(LimitedMetric::Ttft).unwrap_or(LatencyLimits::NONE.ttft),
            tpot: of(LimitedMetric::Tpot).unwrap_or(LatencyLimits::NONE.tpot),
            request_latency: of(LimitedMetric::RequestLatency),
            good_share: self.good_share,
            shares: LimitShares {
                ttft: share(LimitedMetric::Ttft),
                tpot: share(LimitedMetric::Tpot),
                request_latency: share(LimitedMetric::RequestLatency),
            },
        }
    }

    /// The same without the limit on TTFT, where another is left: of trials of which only a summary over all requests is there,
    /// since the users' first requests, which queue behind each other, make its mean many times too long (METHOD §3).
    #[must_use]
    pub fn without_ttft(&self) -> Option<Self> {
        let limits: Vec<SlaLimit> =
            self.limits.iter().filter(|limit| limit.metric != LimitedMetric::Ttft).copied().collect();
        (self.good_share.is_none() && !limits.is_empty()).then_some(Self { limits, good_share: None })
    }

    /// Each limit is held against its own statistic.
    pub fn new(limits: Vec<SlaLimit>) -> Result<Self, SlaError> {
        if limits.is_empty() {
            return Err(SlaError::NoLimit);
        }
        if limits.iter().any(|limit| limit.limit.get() <= 0.0) {
            return Err(SlaError::Zero);
        }
        let twice = |at: usize| limits[..at].iter().any(|earlier| earlier.metric == limits[at].metric);
        if (0..limits.len()).any(twice) {
            return Err(SlaError::Twice);
        }
        Ok(Self { limits, good_share: None })
    }

    /// So many per cent of the requests have to meet all limits at once.
    pub fn good_requests(limits: Vec<SlaLimit>, percent: f64) -> Result<Self, SlaError> {
        if !(percent > 0.0 && percent < 100.0) {
            return Err(SlaError::Share(percent));
        }
        Ok(Self { good_share: Some(percent / 100.0), ..Self::new(limits)? })
    }

    pub fn limits(&self) -> &[SlaLimit] {
        &self.limits
    }

    /// What can make a level miss the SLA, in a fixed order: that of [`LogRatios`].
    pub fn criteria(&self) -> Vec<Criterion> {
        match self.good_share {
            Some(_) => vec![Criterion::GoodRequests],
            None => self.limits.iter().map(|limit| Criterion::Limit(limit.metric)).collect(),
        }
    }

    /// How much of each limit a trial uses. `None` where a figure is missing, zero or not finite: it has no logarithm.
    pub fn log_ratios(&self, figures: &TrialFigures) -> Option<LogRatios> {
        let ratios: Vec<f64> = match self.good_share {
            Some(_) => vec![figures.counted?.good_ratio?],
            None => self.limits.iter().map(|limit| ratio(limit, figures)).collect::<Option<_>>()?,
        };
        LogRatios::of(ratios)
    }

    /// By share of requests: for each criterion that has one, the share that may exceed it and how many of a trial do.
    /// Criteria that are judged by a mean are left out.
    pub fn counts(&self, figures: &TrialFigures) -> Vec<(Criterion, LimitCount)> {
        let Some(counted) = figures.counted else { return vec![] };
        let count = |over, share_over| LimitCount { over, of: counted.requests, share_over };
        if let Some(share) = self.good_share {
            return vec![(Criterion::GoodRequests, count(counted.over.any, 1.0 - share))];
        }
        let own = |limit: &SlaLimit| {
            let over = match limit.metric {
                LimitedMetric::Ttft => counted.over.ttft,
                LimitedMetric::Tpot => counted.over.tpot,
                LimitedMetric::RequestLatency => counted.over.request_latency,
            };
            Some((Criterion::Limit(limit.metric), count(over, share_over(limit.statistic)?)))
        };
        self.limits.iter().filter_map(own).collect()
    }

    /// The smallest share of requests that decides whether a limit is kept; `None` where means alone decide.
    pub fn rarest_share(&self) -> Option<f64> {
        let own = self.limits.iter().filter_map(|limit| share_over(limit.statistic));
        match self.good_share {
            Some(share) => Some(1.0 - share),
            None => own.min_by(f64::total_cmp),
        }
    }
}

/// A percentile is taken over all counted requests, failed ones included; the distributions are of those that completed.
fn ratio(limit: &SlaLimit, figures: &TrialFigures) -> Option<f64> {
    let distribution = match limit.metric {
        LimitedMetric::Ttft => &figures.ttft,
        LimitedMetric::Tpot => &figures.tpot,
        LimitedMetric::RequestLatency => &figures.request_latency,
    };
    let counted =
        figures.counted.filter(|_| limit.statistic != Statistic::Mean).and_then(|counted| match limit.metric {
            LimitedMetric::Ttft => counted.ratios.ttft,
            LimitedMetric::Tpot => counted.ratios.tpot,
            LimitedMetric::RequestLatency => counted.ratios.request_latency,
        });
    counted.or_else(|| Some(pick(limit.statistic, distribution)?.get() / limit.limit.get()))
}

/// Requests that exceed a limit, and the share that may.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LimitCount {
    /// Requests that exceed it.
    pub over: u32,
    /// Of so many.
    pub of: u32,
    /// The share that may exceed it, 0…1.
    pub share_over: f64,
}

/// ln(statistic ÷ limit) for each criterion of the SLA, in its order; above zero a criterion is missed.
#[derive(Clone, Debug, PartialEq)]
pub struct LogRatios(Vec<f64>);

impl LogRatios {
    /// Of ratios that all have a logarithm; `None` else.
    pub fn of(ratios: Vec<f64>) -> Option<Self> {
        let logs: Vec<f64> = ratios.into_iter().map(f64::ln).collect();
        (!logs.is_empty() && logs.iter().all(|log| log.is_finite())).then_some(Self(logs))
    }

    /// The mean of several of the same SLA; `None` of none.
    pub fn mean<'a>(all: impl Iterator<Item = &'a Self> + Clone) -> Option<Self> {
        let count = all.clone().count() as f64;
        let criteria = all.clone().next()?.0.len();
        Some(Self((0..criteria).map(|at| all.clone().map(|ratios| ratios.0[at]).sum::<f64>() / count).collect()))
    }

    /// These, with `other`'s where `takes` says so, by the place of the criterion; of the same SLA.
    #[must_use]
    pub fn with_some_of(&self, other: &Self, takes: impl Fn(usize) -> bool) -> Self {
        let both = self.0.iter().zip(&other.0).enumerate();
        Self(both.map(|(at, (own, other))| if takes(at) { *other } else { *own }).collect())
    }

    /// One for each criterion.
    pub fn each(&self) -> &[f64] {
        &self.0
    }

    /// Logarithm of r: the criterion that uses most of its limit.
    pub fn log_r(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// r: above 1 the SLA is missed.
    pub fn r(&self) -> f64 {
        self.log_r().exp()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn limit(metric: LimitedMetric, milliseconds: f64, statistic: Statistic) -> SlaLimit {
        SlaLimit { metric, limit: Milliseconds::new(milliseconds).unwrap(), statistic }
    }

    fn figures(ttft: f64, tpot: f64) -> TrialFigures {
        crate::method::testing::figures(10, ttft, tpot, 200.0)
    }

    #[rstest]
    #[case::ttft_uses_more(450.0, 6.3, 0.9)]
    #[case::tpot_uses_more(250.0, 7.7, 1.1)]
    fn r_is_the_largest_share_of_a_limit(#[case] ttft: f64, #[case] tpot: f64, #[case] r: f64) {
        let limits =
            vec![limit(LimitedMetric::Ttft, 500.0, Statistic::Mean), limit(LimitedMetric::Tpot, 7.0, Statistic::Mean)];
        let ratios = SlaLimits::new(limits).unwrap().log_ratios(&figures(ttft, tpot)).unwrap();
        assert!((ratios.r() - r).abs() < 1e-12);
    }

    #[test]
    fn each_limit_has_its_own_statistic() {
        let mut figures = figures(450.0, 6.3);
        figures.ttft.p99 = Milliseconds::new(900.0).ok();
        let of = |statistic| {
            let limits =
                vec![limit(LimitedMetric::Ttft, 500.0, statistic), limit(LimitedMetric::Tpot, 7.0, Statistic::Mean)];
            SlaLimits::new(limits).unwrap().log_ratios(&figures).unwrap().r()
        };
        assert!((of(Statistic::Mean) - 0.9).abs() < 1e-12);
        assert!((of(Statistic::P99) - 1.8).abs() < 1e-12);
    }

    #[test]
    fn good_requests_are_judged_by_their_own_quantile() {
        let limits =
            vec![limit(LimitedMetric::Ttft, 500.0, Statistic::Mean), limit(LimitedMetric::Tpot, 7.0, Statistic::Mean)];
        let sla = SlaLimits::good_requests(limits, 95.0).unwrap();
        let mut figures = figures(450.0, 6.3);
        assert_eq!(sla.log_ratios(&figures), None, "without the quantile nothing is known");
        figures.counted.as_mut().unwrap().good_ratio = Some(1.2);
        assert!((sla.log_ratios(&figures).unwrap().r() - 1.2).abs() < 1e-12);
        assert!((sla.rarest_share().unwrap() - 0.05).abs() < 1e-12);
    }

    #[rstest]
    #[case::nothing(vec![], SlaError::NoLimit)]
    #[case::zero(vec![limit(LimitedMetric::Tpot, 0.0, Statistic::Mean)], SlaError::Zero)]
    #[case::twice(vec![limit(LimitedMetric::Tpot, 7.0, Statistic::Mean), limit(LimitedMetric::Tpot, 9.0, Statistic::P99)], SlaError::Twice)]
    fn what_is_no_sla_is_refused(#[case] limits: Vec<SlaLimit>, #[case] error: SlaError) {
        assert_eq!(SlaLimits::new(limits), Err(error));
    }

    #[test]
    fn a_figure_of_zero_has_no_ratio() {
        let sla = SlaLimits::new(vec![limit(LimitedMetric::Ttft, 500.0, Statistic::Mean)]).unwrap();
        assert_eq!(sla.log_ratios(&figures(0.0, 6.0)), None);
    }
}
