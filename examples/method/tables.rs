//! The tables, each beside the numbers it is to come near.

use crate::simulation::campaign::{Setting, USUAL, course, rules};
use crate::simulation::dice::Dice;
use crate::simulation::server::{End, Server};
use crate::simulation::tally::Tally;

const SEED: u64 = 20_261_128;

/// Prints a table of so many comparisons a line, or of its usual number.
type Print = fn(Option<usize>);

/// By name.
pub const TABLES: [(&str, Print); 1] = [("replication", replication)];

fn replication(comparisons: Option<usize>) {
    let comparisons = comparisons.unwrap_or(3000);
    for end in [End::Random, End::OnALevel, End::Flat]
        .into_iter()
        .filter(|e| std::env::var("END").map_or(true, |x| format!("{e:?}") == x))
    {
        for (run, deployment, drift, gain) in [
            (0.01, 0.0, 0.0, 1.0),
            (0.01, 0.01, 0.0, 1.0),
            (0.01, 0.02, 0.0, 1.0),
            (0.03, 0.0, 0.0, 1.0),
            (0.03, 0.02, 0.0, 1.0),
            (0.01, 0.0, 0.02, 1.0),
            (0.01, 0.02, 0.02, 1.0),
            (0.03, 0.02, 0.02, 1.0),
            (0.01, 0.01, 0.0, 1.1),
            (0.01, 0.02, 0.0, 1.1),
            (0.03, 0.02, 0.0, 1.1),
            (0.01, 0.01, 0.0, 1.2),
            (0.01, 0.02, 0.0, 1.2),
            (0.01, 0.01, 0.0, 1.5),
            (0.01, 0.02, 0.0, 1.5),
        ] {
            let setting = Setting { run, deployment, drift, ..USUAL };
            let mut dice = Dice::new(SEED);
            let mut tally = Tally::default();
            for _ in 0..comparisons {
                let (baseline, limits) = Server::random(end, &mut dice);
                let candidate = Server { scale: gain, ..baseline };
                let (Some(b), Some(c)) = (baseline.end(limits), candidate.end(limits)) else { continue };
                let rules = rules(limits, &setting);
                let servers = [baseline, candidate];
                let x = course(servers, servers, &[], &rules, &setting, &mut dice);
                if std::env::var("OPEN").is_ok()
                    && gain == 1.5
                    && deployment > 0.015
                    && x.comparison.outcome() == bcmp::method::judgement::comparison::Outcome::Undetermined
                {
                    let l = x.comparison.last().unwrap();
                    println!(
                        "  {:?} n{} end {:.2} {:.2} b {:?} {:?} c {:?} {:?} gain {:?}",
                        x.comparison.standing,
                        x.rounds,
                        b.0,
                        c.0,
                        l.baseline.deciding,
                        l.baseline.side,
                        l.candidate.deciding,
                        l.candidate.side,
                        l.gain.as_ref().map(|g| (g.log, g.half_width))
                    );
                }
                if std::env::var("DBG").is_ok()
                    && gain == 1.0
                    && !matches!(
                        x.comparison.outcome(),
                        bcmp::method::judgement::comparison::Outcome::Undetermined
                            | bcmp::method::judgement::comparison::Outcome::NoDifference
                    )
                {
                    let l = x.comparison.last().unwrap();
                    println!(
                        "  {:?} n{} end {:.2} b {:?} {:?} c {:?} {:?} gain {:?}",
                        x.comparison.outcome(),
                        x.rounds,
                        b.0,
                        l.baseline.deciding,
                        l.baseline.side,
                        l.candidate.deciding,
                        l.candidate.side,
                        l.gain.as_ref().map(|g| (g.log, g.half_width))
                    );
                }
                tally.add(&x, (c.1 / b.1).ln());
            }
            println!(
                "{end:?} run {run} dep {deployment} drift {drift} gain {gain} | diff {:.1} wrong {:.1} same {:.1} cov {:.0} {:.1} h {:.1} r | {:?}",
                tally.different(),
                tally.percent(tally.worse),
                tally.percent(tally.alike),
                tally.covers(),
                tally.mean_hours(),
                tally.mean_rounds(),
                tally.stopped
            );
        }
    }
}
