//! What is seen of a comparison while it runs: one line for each thing that happens.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroU32;

use jiff::Timestamp;

use crate::api::{BenchmarkComparison, BenchmarkComparisonSpec, Phase, VariantPhase, labels};
use crate::measurement::audit::AuditRules;
use crate::measurement::ledger::Ledger;
use crate::measurement::record::{Purpose, TrialRecord};
use crate::method::sla::SlaLimits;
use crate::method::trial::{Trial, TrialFigures};
use crate::report::format::{readable, wrapped};
use crate::simulation::actors::has_label;
use crate::simulation::api_server::{Cluster, meta};

/// Something that happened, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// On the simulated clock.
    pub at: Timestamp,
    /// A phase, a variant or the operator.
    pub who: String,
    /// What happened.
    pub what: String,
}

impl Line {
    /// Something about the operator itself.
    pub fn operator(at: Timestamp, what: &str) -> Self {
        Self { at, who: "operator".into(), what: what.into() }
    }

    fn start(&self) -> String {
        format!("{}  {:<12} ", self.at.strftime("%H:%M:%S"), self.who)
    }

    /// As lines of so many characters.
    pub fn wrapped(&self, width: usize) -> Vec<String> {
        let whole = self.to_string();
        if whole.chars().count() <= width {
            return vec![whole];
        }
        let start = self.start();
        wrapped(&start, start.chars().count(), &self.what, width)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.start(), self.what)
    }
}

/// What was seen so far.
pub struct Story {
    spec: BenchmarkComparisonSpec,
    sla: Option<SlaLimits>,
    audit: Option<AuditRules>,
    phase: Option<Phase>,
    variants: BTreeMap<String, (usize, Option<VariantPhase>)>,
    trials: BTreeSet<(String, String)>,
    /// The columns of the trials' lines have their titles.
    titled: bool,
    /// Versions of the results that were read.
    read: BTreeMap<String, String>,
}

impl Story {
    /// Nothing was seen yet.
    pub fn new(spec: &BenchmarkComparisonSpec) -> Self {
        Self {
            sla: SlaLimits::from_spec(&spec.sla).ok(),
            audit: AuditRules::from_spec(spec).ok(),
            spec: spec.clone(),
            phase: None,
            variants: BTreeMap::new(),
            trials: BTreeSet::new(),
            titled: false,
            read: BTreeMap::new(),
        }
    }

    /// Trials that ended so far.
    pub fn trials(&self) -> u32 {
        u32::try_from(self.trials.len()).unwrap_or(u32::MAX)
    }

    /// What is new.
    pub fn look(&mut self, cluster: &Cluster, comparison: &BenchmarkComparison) -> Vec<Line> {
        let mut lines = self.trials_that_ended(cluster);
        lines.extend(self.variants_that_moved(cluster.now(), comparison));
        lines.extend(self.new_phase(cluster.now(), comparison));
        lines
    }

    fn new_phase(&mut self, at: Timestamp, comparison: &BenchmarkComparison) -> Option<Line> {
        let status = comparison.status.as_ref()?;
        let phase = status.phase.filter(|phase| self.phase != Some(*phase))?;
        self.phase = Some(phase);
        // The verdict is printed below the story, in full.
        let message = status.message.clone().filter(|_| status.verdict.is_none() || phase == Phase::TearingDown);
        Some(Line { at, who: phase.as_str().into(), what: message.unwrap_or_else(|| "the run is over".into()) })
    }

    fn variants_that_moved(&mut self, at: Timestamp, comparison: &BenchmarkComparison) -> Vec<Line> {
        let mut lines = vec![];
        for variant in comparison.status.iter().flat_map(|status| &status.variants) {
            let now = (variant.deployments.len(), variant.phase);
            if self.variants.insert(variant.name.clone(), now) == Some(now) {
                continue;
            }
            let round = variant.deployments.last().map_or(1, |deployment| deployment.round);
            let gpus = variant.gpus.unwrap_or(self.spec.hardware.gpus_per_variant);
            let what = match variant.phase {
                Some(VariantPhase::Deploying) => format!("round {round}: is deployed on {gpus} GPUs"),
                Some(VariantPhase::Measuring) => format!("round {round}: serves, and is loaded"),
                Some(VariantPhase::TearingDown) => format!("round {round}: is torn down"),
                Some(VariantPhase::Failed) => {
                    let failure = variant.failure.as_ref();
                    failure.map_or("failed".into(), |failure| format!("failed: {}", failure.message))
                }
                _ => continue,
            };
            lines.push(Line { at, who: variant.name.clone(), what });
        }
        lines
    }

    fn trials_that_ended(&mut self, cluster: &Cluster) -> Vec<Line> {
        let mut lines = vec![];
        for map in cluster.list("configmaps").iter().filter(|map| has_label(map, labels::COMPONENT, "results")) {
            let (name, version) = (meta(map, "name").to_owned(), meta(map, "resourceVersion").to_owned());
            if self.read.insert(name, version.clone()).is_some_and(|before| before == version) {
                continue;
            }
            let variant = map["metadata"]["labels"][labels::VARIANT].as_str().unwrap_or_default();
            let entries = map["data"].as_object().into_iter().flatten();
            let ledger = Ledger::parse(entries.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))));
            let mut ended: Vec<TrialRecord> = ledger.map(|ledger| ledger.records).unwrap_or_default();
            ended.sort_by_key(|record| record.completion_time);
            for record in ended {
                if self.trials.insert((variant.to_owned(), record.trial.key.to_string())) {
                    lines.extend(self.titles(record.completion_time));
                    lines.push(Line { at: record.completion_time, who: variant.to_owned(), what: self.trial(&record) });
                }
            }
        }
        lines
    }

    /// Above the first trial.
    fn titles(&mut self, at: Timestamp) -> Option<Line> {
        let figures = figures("TTFT ms", "TPOT ms", "tokens/s/GPU", "SLA");
        let titles = || Line { at, who: String::new(), what: cells("", "conc.", "trial", &figures) };
        (!std::mem::replace(&mut self.titled, true)).then(titles)
    }

    fn trial(&self, record: &TrialRecord) -> String {
        let key = record.trial.key;
        let purpose = match key.purpose {
            Purpose::Ladder => "ladder",
            Purpose::Refinement => "bracket",
            Purpose::Recheck => "again",
            Purpose::Decision => "decides",
        };
        let findings = self.audit.as_ref().map(|audit| audit.findings(record)).unwrap_or_default();
        let gpus = NonZeroU32::new(self.spec.hardware.gpus_per_variant).unwrap_or(NonZeroU32::MIN);
        let trial = Trial::of(record, &findings, gpus);
        let shown = match trial.accepted() {
            Some(figures) => self.figures(figures),
            None => {
                let codes: Vec<String> = findings
                    .iter()
                    .filter(|finding| finding.rejects())
                    .map(|finding| finding.code.to_string())
                    .collect();
                format!("rejected: {}", codes.join(", "))
            }
        };
        cells(&format!("r{}", key.round), &key.concurrency.to_string(), purpose, &shown)
    }

    fn figures(&self, of: &TrialFigures) -> String {
        let ratio = self.sla.as_ref().and_then(|sla| sla.log_ratios(of)).map(|ratios| ratios.r());
        let sla = match ratio {
            Some(r) if r <= 1.0 => "meets",
            Some(_) => "misses",
            None => "",
        };
        let shown = [of.ttft.mean.get(), of.tpot.mean.get(), of.tokens_per_second_per_gpu.get()];
        let [ttft, tpot, tokens] = shown.map(readable);
        figures(&ttft, &tpot, &tokens, sla)
    }
}

/// The cells of a trial's line, which has room in a terminal of 80 columns.
fn cells(round: &str, concurrency: &str, purpose: &str, shown: &str) -> String {
    format!("{round:<2} {concurrency:>5}  {purpose:<7}  {shown}")
}

fn figures(ttft: &str, tpot: &str, tokens: &str, sla: &str) -> String {
    format!("{ttft:>7}  {tpot:>7}  {tokens:>12}  {sla}")
}
