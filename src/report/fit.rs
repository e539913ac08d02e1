//! What is left out when a report does not fit into its ConfigMap.

use super::model::Report;
use crate::text;

/// What is left out of a report. Each leaves out what the ones before it do, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Omission {
    /// Nothing.
    Nothing,
    /// Records of single runs.
    Records,
    /// Predicted curves, and long manifests given inline.
    Curves,
    /// Percentiles and spreads, most findings, and the manifest to reproduce with.
    Figures,
    /// Most of each finding's words, and what is known of deployments beyond their shape.
    Words,
    /// Tables of levels and plots, in the page.
    Tables,
}

impl Omission {
    /// From nothing to what fits whatever happens.
    pub const ALL: [Self; 6] = [Self::Nothing, Self::Records, Self::Curves, Self::Figures, Self::Words, Self::Tables];

    /// Rows of the page's table of evidence at most.
    pub fn evidence_rows(self) -> usize {
        match self {
            Self::Nothing | Self::Records | Self::Curves => 200,
            Self::Figures => 40,
            Self::Words | Self::Tables => 20,
        }
    }
}

/// Inline manifests longer than this are left out with the curves, in bytes.
const LONG_MANIFESTS: usize = 1024;
/// What stays of a finding's words, in bytes.
const FEW_WORDS: usize = 60;

/// The document without what is left out; it says what that is, and where to find it.
pub fn reduced(report: &Report, omission: Omission) -> Report {
    let mut reduced = report.clone();
    let mut left_out = vec![];
    if omission >= Omission::Records && !report.records.is_empty() {
        let count: usize = report.records.values().map(Vec::len).sum();
        let place = place(report, "results");
        left_out.push(format!("{count} records of single runs are not in report.json{place}"));
        reduced.records.clear();
    }
    if omission >= Omission::Curves {
        let place = place(report, "configurations");
        left_out.push(format!("predicted curves are not in report.json{place}"));
        reduced.predictions.values_mut().for_each(|prediction| prediction.curve = None);
        leave_out_manifests(&mut reduced);
    }
    if omission >= Omission::Figures {
        left_out.push("percentiles and spreads are not in report.json; levels.csv has most".into());
        reduced.figures.variants.clear();
    }
    if omission >= Omission::Words {
        left_out.push("findings are shortened; events and status of the comparison have their words".into());
        leave_out_words(&mut reduced);
    }
    if omission >= Omission::Tables {
        left_out.push("plots and tables of levels are not in report.html; levels.csv has the figures".into());
    }
    reduced.left_out.extend(left_out);
    reduced
}

/// The ConfigMaps that have it.
fn place(report: &Report, what: &str) -> String {
    let maps = report.provenance.config_maps.iter().filter(|(of, _)| of.starts_with(what));
    let names: Vec<&str> = maps.map(|(_, name)| name.as_str()).collect();
    if names.is_empty() { String::new() } else { format!("; see ConfigMap {}", names.join(", ")) }
}

fn leave_out_manifests(report: &mut Report) {
    let inline = report.spec.variants.iter_mut().filter_map(|variant| variant.source.manifests.as_mut());
    for manifests in inline {
        if let Some(text) = manifests.inline.as_mut().filter(|text| text.len() > LONG_MANIFESTS) {
            *text = format!("# {} bytes of manifests are left out here", text.len());
        }
    }
    let patches = report.spec.variants.iter_mut().map(|variant| &mut variant.patches);
    for patches in patches.filter(|patches| serde_json::to_string(patches).is_ok_and(|t| t.len() > LONG_MANIFESTS)) {
        patches.clear();
    }
}

fn leave_out_words(report: &mut Report) {
    for variant in &mut report.variants {
        let of_levels = variant.levels.iter_mut().flat_map(|level| &mut level.evidence.reasons);
        for finding in variant.findings.iter_mut().chain(of_levels) {
            finding.message = text::cut(&finding.message, FEW_WORDS);
        }
        if let Some(deployed) = &mut variant.deployed {
            deployed.nodes.clear();
            deployed.gpu_products.clear();
            deployed.earlier_image_ids.clear();
        }
        variant.deployments.clear();
    }
}
