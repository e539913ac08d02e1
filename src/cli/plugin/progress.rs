//! How far each variant of a run is.

use std::collections::BTreeMap;

use super::cluster::NamespaceClient;
use super::stored::{StoredRun, number, stored_run};
use crate::api::{BenchmarkComparison, VariantStatus};
use crate::sweep::VariantSweep;

/// Trials of one variant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VariantProgress {
    /// Those that ended.
    pub done: usize,
    /// Those that are planned, as far as is known.
    pub total: Option<usize>,
}

impl VariantProgress {
    /// What the rows of a status tell: how many ended.
    fn of_rows(variant: &VariantStatus) -> Self {
        let runs = variant.levels.iter().map(|level| level.evidence.accepted + level.evidence.rejected);
        Self { done: runs.map(|runs| runs as usize).sum(), total: None }
    }
}

/// The last look at the records, kept while nothing was added to them.
#[derive(Default)]
pub struct SeenRecords {
    seen: Option<(i64, u32)>,
    progress: BTreeMap<String, VariantProgress>,
}

impl SeenRecords {
    /// Progress of all variants. The number of levels to come follows from the records; where those cannot be read,
    /// only what is done is known.
    pub async fn progress(
        &mut self,
        cluster: &NamespaceClient,
        comparison: &BenchmarkComparison,
    ) -> BTreeMap<String, VariantProgress> {
        let Some(status) = &comparison.status else { return BTreeMap::new() };
        let run = status.run_number();
        let levels = status.progress.as_ref().map(|progress| progress.trials_done);
        let state = levels.map(|levels| (run, levels));
        if state.is_some() && state != self.seen {
            self.progress.clear();
            if let Ok(number) = number(comparison, None)
                && let Ok(stored) = stored_run(cluster, comparison, number).await
            {
                self.progress = of_records(&stored);
            }
            self.seen = state;
        }
        let of = |variant: &VariantStatus| {
            let known = self.progress.get(&variant.name).filter(|_| state.is_some());
            (variant.name.clone(), known.copied().unwrap_or_else(|| VariantProgress::of_rows(variant)))
        };
        status.variants.iter().map(of).collect()
    }
}

fn of_records(run: &StoredRun) -> BTreeMap<String, VariantProgress> {
    let Some(configurations) = &run.configurations else { return BTreeMap::new() };
    let of = |name: &String| {
        let records = run.records(name);
        let round = records.iter().map(|record| record.trial.key.round).max().unwrap_or(1);
        let sweep = VariantSweep::new(&run.plan.spec, configurations, name, round).ok();
        let left = sweep.map(|sweep| sweep.progress(records)).map(|of| of.expected.saturating_sub(of.done) as usize);
        VariantProgress { done: records.len(), total: left.map(|left| records.len() + left) }
    };
    run.plan.spec.variants.iter().map(|variant| (variant.name.clone(), of(&variant.name))).collect()
}
