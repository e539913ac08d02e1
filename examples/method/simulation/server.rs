//! Servers as formulas.

use bcmp::api::Statistic;
use bcmp::method::estimate::{Estimate, Estimates};
use bcmp::method::sla::{LimitedMetric, SlaLimit, SlaLimits};
use bcmp::units::{Milliseconds, RequestsPerSecond, TokensPerSecond};

use super::dice::Dice;

/// Levels of the guide.
pub const LADDER: [u32; 7] = [1, 2, 5, 10, 50, 100, 250];
/// GPUs of every server.
pub const GPUS: f64 = 8.0;
/// The highest concurrency at which a server's true throughput is looked for.
const FARTHEST: f64 = 2000.0;

/// A server whose curves look as AIConfigurator's do: a token takes longer in proportion to the requests worked on, once there
/// are enough of them, and so does the first one, which waits for other prompts.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    /// TPOT of a single request, ms.
    pub tpot: f64,
    /// Requests that double it.
    pub knee: f64,
    /// How it grows, as a power.
    pub power: f64,
    /// TTFT of a single request, ms.
    pub ttft: f64,
    /// Requests that double it.
    pub ttft_knee: f64,
    /// The same latencies are kept with so many times the requests.
    pub scale: f64,
    /// Requests worked on at once; beyond, they wait.
    pub capacity: f64,
    /// Output tokens of a request.
    pub output_tokens: f64,
    /// A level at which tokens take 1.45 times as long, as with an unlucky batch size.
    pub slow_at: Option<f64>,
}

/// No capacity that matters.
pub const UNLIMITED: f64 = 1e9;
const SLOWER: f64 = 1.45;

impl Server {
    /// TTFT and TPOT with so many concurrent requests, ms.
    pub fn latencies(&self, concurrency: f64) -> (f64, f64) {
        let held = concurrency.min(self.capacity);
        let each = held / self.scale;
        let ttft = self.ttft * (1.0 + each / self.ttft_knee);
        let slower = if self.slow_at == Some(concurrency) { SLOWER } else { 1.0 };
        let tpot = slower * self.tpot * (1.0 + (each / self.knee).powf(self.power));
        let waiting = (concurrency - held) * (ttft + (self.output_tokens - 1.0) * tpot) / held;
        (ttft + waiting, tpot)
    }

    /// Output tokens per second and GPU.
    pub fn tokens(&self, concurrency: f64) -> f64 {
        concurrency / self.latency(concurrency) * 1000.0 * self.output_tokens / GPUS
    }

    fn latency(&self, concurrency: f64) -> f64 {
        let (ttft, tpot) = self.latencies(concurrency);
        ttft + (self.output_tokens - 1.0) * tpot
    }

    /// All latencies times this.
    pub fn slowed(&self, factor: f64) -> Self {
        Self { tpot: self.tpot * factor, ttft: self.ttft * factor, ..*self }
    }

    fn r(&self, concurrency: f64, limits: Limits) -> f64 {
        let (ttft, tpot) = self.latencies(concurrency);
        (ttft / limits.ttft).max(tpot / limits.tpot)
    }

    /// Where the SLA ends, and the throughput there; for servers whose throughput grows all the way.
    pub fn end(&self, limits: Limits) -> Option<(f64, f64)> {
        if self.r(1.0, limits) > 1.0 {
            return None;
        }
        let (mut low, mut high) = (1.0f64, 1e5f64);
        for _ in 0..100 {
            let middle = (low * high).sqrt();
            if self.r(middle, limits) <= 1.0 { low = middle } else { high = middle }
        }
        Some((low, self.tokens(low)))
    }

    /// The most throughput within the SLA, whatever the curves.
    pub fn most(&self, limits: Limits) -> f64 {
        let steps = (1..).map(|step| 1.0 + 0.05 * f64::from(step)).take_while(|level| *level < FARTHEST);
        let met = std::iter::once(1.0).chain(steps).filter(|level| self.r(*level, limits) <= 1.0);
        met.map(|level| self.tokens(level)).fold(0.0, f64::max)
    }

    /// A random server, and limits it meets up to an end of that kind: in most cases TPOT's is the tighter one, in some TTFT's.
    pub fn random(end: End, dice: &mut Dice) -> (Self, Limits) {
        let mut server = Self {
            tpot: dice.between(3.0, 20.0),
            knee: dice.between(10.0, 160.0),
            power: dice.between(0.9, 1.1),
            ttft: dice.between(60.0, 700.0),
            ttft_knee: dice.between(10.0, 160.0),
            scale: 1.0,
            capacity: UNLIMITED,
            output_tokens: 500.0,
            slow_at: None,
        };
        let level = f64::from(LADDER[1 + (dice.uniform() * 5.0) as usize]);
        // So many times what a single request takes is allowed; it is met up to the knee times this:
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
        let limits = if ttft_binds { Limits { ttft, tpot: tpot * slack } } else { Limits { ttft: ttft * slack, tpot } };
        (server, limits)
    }
}

impl Estimates for Server {
    fn at(&self, concurrency: u32) -> Option<Estimate> {
        let level = f64::from(concurrency);
        let (ttft, tpot) = self.latencies(level);
        let rate = level / self.latency(level) * 1000.0;
        Some(Estimate {
            ttft: Some(Milliseconds::new(ttft).ok()?),
            tpot: Milliseconds::new(tpot).ok()?,
            requests_per_second: RequestsPerSecond::new(rate).ok()?,
            tokens_per_second_per_gpu: TokensPerSecond::new(self.tokens(level)).ok()?,
        })
    }

    fn capacity(&self) -> Option<u32> {
        (self.capacity < UNLIMITED).then_some(self.capacity as u32)
    }
}

/// Where the SLA of a random server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The limit is 1.2 to 5 times what a single request takes.
    Random,
    /// The same, and it is reached exactly on a level of the ladder.
    OnALevel,
    /// On a level of the ladder, however little latency depends on load there.
    Flat,
}

/// Limits of TTFT and TPOT, ms.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of TTFT.
    pub ttft: f64,
    /// Of TPOT.
    pub tpot: f64,
}

impl Limits {
    /// As an SLA of this statistic.
    pub fn sla(self, statistic: Statistic) -> SlaLimits {
        let limit = |metric, limit| SlaLimit { metric, limit: Milliseconds::new(limit).unwrap(), statistic };
        SlaLimits::new(vec![limit(LimitedMetric::Ttft, self.ttft), limit(LimitedMetric::Tpot, self.tpot)]).unwrap()
    }
}
