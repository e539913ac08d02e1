//! What is dropped from a report that does not fit into its ConfigMap.

use super::model::Report;
use crate::text;

/// How much is dropped. Each drops what the ones before it drop, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Omission {
    Nothing,
    /// Records of trials, in the document.
    Records,
    /// Estimated curves and long inline manifests, in the document.
    Curves,
    /// Percentiles and spreads in the document, most findings and the manifest in the page.
    Figures,
    /// Most of each finding's message, and what is known of deployments beyond their shape.
    Messages,
    /// Plots and tables of levels, in the page.
    Tables,
}

impl Omission {
    /// From nothing to what always fits.
    pub const ALL: [Self; 6] =
        [Self::Nothing, Self::Records, Self::Curves, Self::Figures, Self::Messages, Self::Tables];

    /// Findings in the page at most.
    pub const fn findings(self) -> usize {
        match self {
            Self::Nothing | Self::Records | Self::Curves => 200,
            Self::Figures => 40,
            Self::Messages | Self::Tables => 20,
        }
    }
}

/// Inline manifests longer than this are dropped with the curves, in bytes.
const LONG_MANIFESTS: usize = 1024;
/// What stays of a finding's message, in bytes.
const SHORT_MESSAGE: usize = 60;

/// The report for `report.json`. It says what it lacks, and where to find it.
pub fn document(report: &Report, omission: Omission) -> Report {
    let mut document = report.clone();
    let mut left_out = vec![];
    if omission >= Omission::Records && !report.records.is_empty() {
        let count: usize = report.records.values().map(Vec::len).sum();
        left_out.push(format!("{count} trial records are not in report.json{}", place(report, "results")));
        document.records.clear();
    }
    if omission >= Omission::Curves {
        left_out.push(format!("estimated curves are not in report.json{}", place(report, "configurations")));
        document.predictions.values_mut().for_each(|prediction| prediction.curve = None);
        drop_long_manifests(&mut document);
    }
    if omission >= Omission::Figures {
        left_out.push("percentiles and spreads are not in report.json; levels.csv has most of them".into());
        document.variants.iter_mut().flat_map(|variant| &mut variant.levels).for_each(|level| level.figures = None);
    }
    if omission >= Omission::Messages {
        left_out
            .push("messages of findings are shortened; the status and the events of the comparison have more".into());
        shorten_messages(&mut document);
    }
    if omission >= Omission::Tables {
        left_out.push("plots and tables of levels are not in report.html; levels.csv has the figures".into());
    }
    document.left_out.extend(left_out);
    document
}

/// The report for all other files.
pub fn shown(report: &Report, omission: Omission, left_out: Vec<String>) -> Report {
    let mut shown = Report { left_out, ..report.clone() };
    if omission >= Omission::Messages {
        shorten_messages(&mut shown);
    }
    shown
}

/// The ConfigMaps that have it.
fn place(report: &Report, what: &str) -> String {
    let maps = report.provenance.config_maps.iter().filter(|(of, _)| of.starts_with(what));
    let names: Vec<&str> = maps.map(|(_, name)| name.as_str()).collect();
    if names.is_empty() { String::new() } else { format!("; see ConfigMap {}", names.join(", ")) }
}

fn drop_long_manifests(report: &mut Report) {
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

fn shorten_messages(report: &mut Report) {
    for variant in &mut report.variants {
        let of_levels = variant.levels.iter_mut().flat_map(|level| &mut level.findings);
        for finding in variant.findings.iter_mut().chain(of_levels) {
            finding.message = text::cut(&finding.message, SHORT_MESSAGE);
        }
        if let Some(deployed) = &mut variant.deployed {
            deployed.nodes.clear();
            deployed.gpu_products.clear();
            deployed.earlier_image_ids.clear();
        }
        variant.deployments.clear();
    }
}
