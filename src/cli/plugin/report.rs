//! `kubectl bcmp report`: shows, opens or saves the report of a run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kube::ResourceExt;

use super::arguments::{ReportArguments as Arguments, ReportForm};
use super::cluster::NamespaceClient;
use super::error::PluginError;
use super::stored::{self, StoredRun, stored_run};
use super::{Plugin, browser};
use crate::agent::directory::Directory;
use crate::api::BenchmarkComparison;
use crate::report::format::counted;
use crate::report::{HTML, JSON, LEVELS, Provenance, Report, ReportSubject, SUMMARY, render};

/// Directory of the plots, as in NVIDIA's guide.
const PLOTS: &str = "plots";

/// Shows, opens or writes a report.
pub async fn report(plugin: &mut Plugin, arguments: &Arguments) -> Result<u8, PluginError> {
    let cluster = plugin.cluster().await?;
    let comparison = cluster.comparison(&arguments.comparison).await?;
    let number = stored::number(&comparison, arguments.run.run)?;
    let files = WrittenReport::of(&cluster, &comparison, number).await?;
    if let Some(directory) = &arguments.directory {
        let report = files.drawable(&cluster, &comparison, number).await?;
        let texts = BTreeMap::from([(HTML.to_owned(), page(&report))]);
        let written = write(directory, &files.texts.into_iter().chain(texts).collect(), &report)?;
        plugin.screen.document(&format!("wrote {} to {}\n", counted(written, "file"), directory.display()))?;
        return Ok(0);
    }
    if arguments.open {
        let report = files.drawable(&cluster, &comparison, number).await?;
        let path = page_for_browser(&comparison, number, &page(&report))?;
        plugin.screen.document(&format!("{}\n", path.display()))?;
        browser::open(&path)?;
        return Ok(0);
    }
    let name = match arguments.output {
        ReportForm::Text => SUMMARY,
        ReportForm::Json => JSON,
        ReportForm::Csv => LEVELS,
        ReportForm::Html => HTML,
    };
    plugin.screen.document(files.text(name))?;
    Ok(0)
}

/// The files of a report.
struct WrittenReport {
    texts: BTreeMap<String, String>,
    /// The report they were made from, where they were made here.
    report: Option<Report>,
}

impl WrittenReport {
    /// As the operator stored them; made from the records where it has not.
    async fn of(cluster: &NamespaceClient, comparison: &BenchmarkComparison, number: i64) -> Result<Self, PluginError> {
        let name = config_map_name(comparison, number);
        let stored = cluster.config_map(comparison, &name).await?.and_then(|map| map.data);
        if let Some(texts) = stored.filter(|texts| [SUMMARY, JSON, LEVELS, HTML].iter().all(|f| texts.contains_key(*f)))
        {
            return Ok(Self { texts, report: None });
        }
        let report = made(comparison, &stored_run(cluster, comparison, number).await?)?;
        let texts = render(&report).into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
        Ok(Self { texts, report: Some(report) })
    }

    fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }

    /// The report with everything that is drawn: a stored one may lack its curves to save space.
    async fn drawable(
        &self,
        cluster: &NamespaceClient,
        comparison: &BenchmarkComparison,
        number: i64,
    ) -> Result<Report, PluginError> {
        if let Some(report) = &self.report {
            return Ok(report.clone());
        }
        let unreadable = |error| PluginError::failed(format!("{JSON} of the report cannot be read: {error}"));
        let stored: Report = serde_json::from_str(self.text(JSON)).map_err(unreadable)?;
        if stored.left_out.is_empty() {
            return Ok(stored);
        }
        // The report is kept longer than the records: what it has is drawn then.
        let whole = stored_run(cluster, comparison, number).await.and_then(|run| made(comparison, &run));
        Ok(whole.unwrap_or(stored))
    }
}

/// The report of a run, with everything that is compared.
///
/// # Errors
/// Nothing that is stored of the run can be read.
pub async fn of_run(
    cluster: &NamespaceClient,
    comparison: &BenchmarkComparison,
    number: i64,
) -> Result<Report, PluginError> {
    WrittenReport::of(cluster, comparison, number).await?.drawable(cluster, comparison, number).await
}

fn config_map_name(comparison: &BenchmarkComparison, number: i64) -> String {
    let status = comparison.status.as_ref();
    let current = status.filter(|status| status.run.as_ref().is_some_and(|run| run.number == number));
    let of_current = current.and_then(|status| status.report.as_ref()).map(|report| report.config_map_name.clone());
    let of_past = || stored::history(comparison, number).and_then(|past| past.config_map_name.clone());
    of_current.or_else(of_past).unwrap_or_else(|| stored::names(comparison, number).report())
}

/// A report of what is stored of a run.
fn made(comparison: &BenchmarkComparison, run: &StoredRun) -> Result<Report, PluginError> {
    let spec = if run.is_current { run.spec(&comparison.spec) } else { run.plan.spec.clone() };
    let evaluated = run.judged(comparison, &spec)?;
    let status = comparison.status.as_ref().filter(|_| run.is_current);
    // A run is judged when all its facts are in, and not before.
    let is_judged = match status {
        Some(status) => status.verdict.is_some(),
        None => stored::history(comparison, run.plan.run).is_some_and(|past| past.verdict.is_some()),
    };
    let subject = ReportSubject { namespace: comparison.namespace(), name: comparison.name_any() };
    let report = Report::new(subject, spec, &evaluated.judged, evaluated.variants.clone(), is_judged);
    Ok(Report {
        run: run.run.clone(),
        gpu_seconds: status.and_then(|status| status.gpu_seconds.clone()),
        price: status.and_then(|status| status.price.clone()),
        rounds: status.map(|status| status.rounds.clone()).unwrap_or_default(),
        provenance: Provenance {
            images: Some(run.plan.images.clone()),
            load_tool: run.configurations.as_ref().and_then(|all| all.load_tool.clone()),
            config_maps: run.config_maps.clone(),
        },
        ..report
    })
}

/// The page of a report, made here: a browser opens what this program wrote, never a page that somebody stored.
pub fn page(report: &Report) -> String {
    render(report).remove(HTML).unwrap_or_default()
}

/// Writes all files over those of an earlier report; returns how many.
fn write(directory: &Path, texts: &BTreeMap<String, String>, report: &Report) -> Result<usize, PluginError> {
    let directory = Directory::given(directory)?;
    let below = directory.below(PLOTS)?;
    let mut written = 0;
    for (name, text) in [SUMMARY, JSON, LEVELS, HTML].into_iter().filter_map(|name| Some((name, texts.get(name)?))) {
        directory.write(name, text.as_bytes())?;
        written += 1;
    }
    // The guide's folder has the summary beside the plots.
    let summary = texts.get(SUMMARY).map(|text| (SUMMARY.to_owned(), text.clone().into_bytes()));
    for (name, content) in summary.into_iter().chain(pictures(report)?) {
        below.write(&name, &content)?;
        written += 1;
    }
    Ok(written)
}

/// Names and contents of the plots.
#[cfg(feature = "png")]
fn pictures(report: &Report) -> Result<Vec<(String, Vec<u8>)>, PluginError> {
    use super::pictures;
    use crate::report::plot::Plot;
    use crate::report::plots::plots;

    let draw = |plot: &Plot| match pictures::png(plot) {
        Ok(picture) => Ok((pictures::file_name(plot), picture)),
        Err(error) => Err(PluginError::failed(format!("{}: {error}", plot.title))),
    };
    plots(report).iter().filter(|plot| !plot.is_empty()).map(draw).collect()
}

#[cfg(not(feature = "png"))]
fn pictures(_report: &Report) -> Result<Vec<(String, Vec<u8>)>, PluginError> {
    Err(PluginError::failed(
        "the plots cannot be drawn: this bcmp was built without the feature `png`. Use one that was built with default features, as `cargo install` builds it",
    ))
}

/// Where a browser finds the page: a directory nobody else can write to.
fn page_for_browser(comparison: &BenchmarkComparison, number: i64, page: &str) -> Result<PathBuf, PluginError> {
    let root = browser::cache_directory()?.join("kubectl-bcmp");
    let namespace = comparison.namespace().unwrap_or_default();
    let path = root.join(format!("{namespace}-{}-r{number}.html", comparison.name_any()));
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    Directory::given(&root)?.write(name, page.as_bytes())?;
    Ok(path)
}
