//! Figures that others got from the same constants, to be held against ours.

use bcmp::simulation::engine::{Arrivals, Engine, Mixing, Pool, Prefill, Routing, Topology, Traffic, trial};

use crate::guide::{count, lengths, mean, ms, percent, tp1x8, tp8, tpot};

/// Means of a closed loop without scatter, in its lasting state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lasting {
    /// Milliseconds.
    pub ttft: f64,
    /// Milliseconds.
    pub tpot: f64,
}

/// A deployment, its users, and what NVIDIA's `aisimulate-core` 0.13.0 says of them.
pub struct Case {
    pub name: &'static str,
    pub topology: Topology,
    pub concurrency: u32,
    pub theirs: Lasting,
    /// By how much ours may differ, in percent.
    pub within: f64,
}

fn quiet(pool: Pool) -> Pool {
    with(pool, |engine| engine.scatter = percent(0.0))
}

fn with(mut pool: Pool, set: impl Fn(&mut Engine)) -> Pool {
    set(&mut pool.engine);
    pool
}

fn disaggregated() -> Topology {
    let worker = quiet(tp8(256));
    Topology::Disaggregated { prefill: worker.clone(), handover: ms(20.0), decode: worker }
}

/// Figures are rounded to 0.1 ms (TTFT) and 0.001 ms (TPOT). Their SGLang takes prompts a little otherwise; their
/// disaggregated figures are rounded to 1 and 0.01 ms.
pub fn cases() -> Vec<Case> {
    let (capped, wide, round_robin) = (quiet(tp8(12)), quiet(tp8(256)), quiet(tp1x8(Routing::RoundRobin)));
    let chunked = with(wide.clone(), |engine| {
        (engine.prefill, engine.max_num_tokens) = (Prefill::Chunked, count(2048));
    });
    let two_prompts = with(wide.clone(), |engine| engine.max_num_tokens = count(8192));
    let prompts_first = with(two_prompts.clone(), |engine| engine.mixing = Mixing::PromptsFirst);
    let case = |name, pool: &Pool, concurrency, ttft, tpot, within| {
        let topology = Topology::Aggregated(pool.clone());
        Case { name, topology, concurrency, theirs: Lasting { ttft, tpot }, within }
    };
    vec![
        case("TP8, batch 12", &capped, 1, 86.9, 5.150, 0.15),
        case("TP8, batch 12", &capped, 4, 92.1, 5.762, 0.15),
        case("TP8, batch 12", &capped, 12, 92.4, 7.395, 0.15),
        case("TP8, batch 12", &capped, 24, 3874.8, 7.395, 0.15),
        case("TP8, batch 12", &capped, 50, 12070.4, 7.395, 0.15),
        case("TP8, batch 12", &capped, 250, 75110.8, 7.395, 0.15),
        case("TP8, batch 256", &wide, 24, 92.7, 9.844, 0.15),
        case("TP8, batch 256", &wide, 50, 93.5, 15.150, 0.15),
        case("TP8, batch 256", &wide, 250, 99.5, 55.968, 0.15),
        case("TP1 x 8, round robin", &round_robin, 12, 392.5, 19.281, 0.15),
        case("TP1 x 8, round robin", &round_robin, 50, 399.7, 23.399, 0.5),
        case("TP1 x 8, round robin", &round_robin, 250, 401.1, 45.255, 0.5),
        case("TP1 x 8, least loaded", &quiet(tp1x8(Routing::LeastLoaded)), 12, 390.5, 19.280, 0.15),
        case("TP8, two prompts a step", &two_prompts, 12, 179.0, 7.221, 0.15),
        case("TP8, chunks of 2048", &chunked, 12, 97.8, 7.394, 0.15),
        case("TP8, prompts first", &prompts_first, 12, 601.0, 6.36, 1.5),
        Case {
            name: "TP8, one prefills, one decodes",
            topology: disaggregated(),
            concurrency: 24,
            theirs: Lasting { ttft: 116.0, tpot: 5.81 },
            within: 0.15,
        },
    ]
}

impl Case {
    /// Ours, and by how many percent TTFT and TPOT differ from theirs.
    pub fn compare(&self) -> (Lasting, [f64; 2]) {
        let ours = Lasting::of(&self.topology, self.concurrency);
        let off = |ours: f64, theirs: f64| 100.0 * (ours / theirs - 1.0);
        (ours, [off(ours.ttft, self.theirs.ttft), off(ours.tpot, self.theirs.tpot)])
    }
}

impl Lasting {
    /// Over the waves from the 30th to the 130th of 150.
    pub fn of(topology: &Topology, concurrency: u32) -> Self {
        let arrivals = Arrivals::ClosedLoop { concurrency: count(concurrency), ramp: ms(0.0) };
        let [prompt, output] = lengths(0.0);
        let traffic = Traffic { requests: count(150 * concurrency), prompt, output, arrivals };
        let served = trial(topology, &traffic, 1).unwrap();
        let middle = &served[30 * concurrency as usize..130 * concurrency as usize];
        Self {
            ttft: mean(middle.iter().map(|served| served.first - served.start)),
            tpot: mean(middle.iter().map(tpot)),
        }
    }
}
