//! Stage four: nothing is called finished before it was seen to be gone.

use crate::lifecycle::problem::{records_gone, unreadable};
use crate::lifecycle::remains::is_torn_down;
use jiff::Timestamp;

use crate::api::{BenchmarkComparisonStatus, EarlyEnd};
use crate::lifecycle::facts::active_run;
use crate::lifecycle::facts::end;
use crate::lifecycle::judge;
use crate::lifecycle::report;
use crate::lifecycle::time::stamp;
use crate::lifecycle::world::{Output, World};

/// Records that the run is over.
pub fn advance(status: &mut BenchmarkComparisonStatus, world: &World, now: Timestamp) {
    lost_results(status, world, now);
    let torn_down = active_run(status).is_some() && is_torn_down(status, world);
    let finished = torn_down && report::is_settled(status, world, now);
    if let Some(run) = status.run.as_mut().filter(|_| finished) {
        run.completion_time = Some(stamp(now));
    }
}

/// What was measured and is gone is never measured again.
fn lost_results(status: &mut BenchmarkComparisonStatus, world: &World, now: Timestamp) {
    let lost = status.variants.iter().filter(|variant| judge::has_rows(variant)).find_map(|variant| {
        let name = &variant.name;
        match world.results.get(name) {
            Some(Output::Present(results)) if !results.ledger.records.is_empty() => None,
            // The variant has failed for it, the others go on.
            Some(Output::Unreadable(_)) if variant.failure.is_some() => None,
            Some(Output::Unreadable(why)) => Some(unreadable(name, why)),
            _ => Some(records_gone(name)),
        }
    });
    if let Some((reason, message)) = lost {
        end(status, EarlyEnd::Failed, reason, message, now);
    }
}
