//! `kubectl bcmp watch`: follows a comparison until it is finished.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{Stream, StreamExt, TryStreamExt};
use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use tokio::time::{Instant, MissedTickBehavior};

use super::Plugin;
use super::arguments::{Patience, WatchArguments};
use super::cluster::NamespaceClient;
use super::error::{FAILED, PluginError};
use super::progress::{SeenRecords, VariantProgress};
use super::screen::{Page, plain, toned};
use crate::api::conditions::ConditionType;
use crate::api::{BenchmarkComparison, BenchmarkComparisonStatus, EarlyEnd, Phase, VariantPhase};
use crate::cli::evaluate::{CAUGHT, INCONCLUSIVE};
use crate::controller::error::Error;
use crate::report::format::duration;
use crate::report::labels;

/// Cells of a bar.
const BAR: usize = 30;
/// How often the picture is redrawn, because it shows times.
const TICK: Duration = Duration::from_secs(1);

/// Follows a comparison; the exit code says how it ended.
pub async fn watch(plugin: &mut Plugin, arguments: &WatchArguments) -> Result<u8, PluginError> {
    let cluster = plugin.cluster().await?;
    // Read it once first: this gives the best message if name, kind or permissions are wrong.
    cluster.comparison(&arguments.comparison).await?;
    let last = until_over(plugin, &cluster, &arguments.comparison, arguments.patience).await?;
    Ok(last.as_ref().map_or(0, exit_code))
}

/// Shows what happens until the comparison is finished, and returns it as it is then; `None` if nobody reads any more.
pub async fn until_over(
    plugin: &mut Plugin,
    cluster: &NamespaceClient,
    name: &str,
    patience: Patience,
) -> Result<Option<BenchmarkComparison>, PluginError> {
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut events = watcher(cluster.comparisons(), config).default_backoff().boxed();
    let end = patience.timeout.map(|timeout| Instant::now() + timeout);
    let mut view = WatchView::new(name);
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            seen = next(&mut events, &mut view, plugin) => {
                let comparison = seen?;
                view.progress = view.records.progress(cluster, &comparison).await;
                let over = is_over(&comparison);
                view.comparison = Some(comparison);
                view.show(plugin)?;
                if over {
                    plugin.screen.leave();
                    return Ok(view.comparison);
                }
            }
            _ = ticks.tick(), if plugin.screen.is_terminal() => view.draw(plugin)?,
            () = until(end) => {
                plugin.screen.leave();
                let passed = patience.timeout.unwrap_or_default().as_secs();
                return Err(PluginError::failed(format!("{name} has not finished within {passed} s and continues: run the command again to follow it")));
            }
        }
        if plugin.screen.is_closed() {
            return Ok(None);
        }
    }
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
}

/// The next state of the comparison. Reconnects after closed watches and lost connections.
async fn next(
    events: &mut (impl Stream<Item = watcher::Result<Event<BenchmarkComparison>>> + Unpin),
    view: &mut WatchView,
    plugin: &mut Plugin,
) -> Result<BenchmarkComparison, PluginError> {
    loop {
        match events.try_next().await {
            Ok(Some(Event::Apply(comparison) | Event::InitApply(comparison))) => {
                view.listed = true;
                if std::mem::take(&mut view.lost) {
                    plugin.screen.note("connected again");
                }
                return Ok(comparison);
            }
            Ok(Some(Event::Init)) => view.listed = false,
            Ok(Some(Event::InitDone)) if view.listed => {}
            Ok(Some(Event::Delete(_) | Event::InitDone)) => {
                return Err(PluginError::failed(format!("{} was deleted", view.name)));
            }
            Ok(None) => return Err(PluginError::failed("the watch ended unexpectedly: run the command again")),
            Err(error) => view.trouble(error, plugin)?,
        }
    }
}

/// What is shown.
struct WatchView {
    name: String,
    comparison: Option<BenchmarkComparison>,
    records: SeenRecords,
    progress: BTreeMap<String, VariantProgress>,
    /// The line that was shown last, where lines are shown.
    line: String,
    /// The comparison was in the list that is being read.
    listed: bool,
    /// There is no connection, and it was said.
    lost: bool,
}

impl WatchView {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            comparison: None,
            records: SeenRecords::default(),
            progress: BTreeMap::new(),
            line: String::new(),
            listed: false,
            lost: false,
        }
    }

    /// Refusals are final, anything else passes.
    fn trouble(&mut self, error: watcher::Error, plugin: &mut Plugin) -> Result<(), PluginError> {
        use watcher::Error::{InitialListFailed, WatchFailed, WatchStartFailed};
        let error = match error {
            InitialListFailed(source) | WatchStartFailed(source) | WatchFailed(source) => source,
            // The server ends watches that it cannot continue; the next list continues them.
            _ => return Ok(()),
        };
        let refused = matches!(&error, kube::Error::Api(status) if matches!(status.code, 401 | 403 | 404));
        let call = format!("watch benchmarkcomparison {}", self.name);
        let error = PluginError::from(Error::Api { call, source: Box::new(error) });
        if refused {
            return Err(error);
        }
        if !std::mem::replace(&mut self.lost, true) {
            plugin.screen.note(&format!("{error}: trying again"));
        }
        Ok(())
    }

    /// Shows the state: drawn on a terminal, as a line elsewhere.
    fn show(&mut self, plugin: &mut Plugin) -> Result<(), PluginError> {
        if plugin.screen.is_terminal() {
            return self.draw(plugin);
        }
        let Some(comparison) = &self.comparison else { return Ok(()) };
        let line = line(comparison);
        if line != self.line {
            let mut page = Page::default();
            page.line(format!("{}  {line}", clock(plugin.now())));
            plugin.screen.show(&page)?;
            self.line = line;
        }
        Ok(())
    }

    fn draw(&self, plugin: &mut Plugin) -> Result<(), PluginError> {
        let Some(comparison) = &self.comparison else { return Ok(()) };
        let page = picture(comparison, &self.progress, plugin.now(), plugin.screen.width());
        Ok(plugin.screen.redraw(page)?)
    }
}

/// The time of the day, UTC.
fn clock(now: Timestamp) -> String {
    now.strftime("%H:%M:%SZ").to_string()
}

fn line(comparison: &BenchmarkComparison) -> String {
    let status = comparison.status.clone().unwrap_or_default();
    let phase = status.phase.map_or("Pending", Phase::as_str);
    let progress = status.progress.as_ref().map(|progress| progress.summary.clone()).unwrap_or_default();
    let end = expected_end(&status).map(|end| format!(" (expected end: {})", clock(end))).unwrap_or_default();
    format!("{phase:<12} {progress:>7}  {}{end}", status.message.as_deref().unwrap_or("not observed yet"))
}

/// When measuring is expected to end, while it goes on.
fn expected_end(status: &BenchmarkComparisonStatus) -> Option<Timestamp> {
    let measuring = status.phase == Some(Phase::Measuring);
    status.progress.as_ref()?.estimated_completion_time.as_ref().filter(|_| measuring).map(|time| time.0)
}

fn picture(
    comparison: &BenchmarkComparison,
    progress: &BTreeMap<String, VariantProgress>,
    now: Timestamp,
    width: usize,
) -> Page {
    let status = comparison.status.clone().unwrap_or_default();
    let mut page = Page::of_width(width);
    let phase = status.phase.map_or("Pending", Phase::as_str);
    let run = status.run.as_ref().map(|run| format!(", run {}", run.number)).unwrap_or_default();
    let trials = status.progress.as_ref().map(|progress| format!(", {} trials", progress.summary)).unwrap_or_default();
    let since = status.run.as_ref().map(|run| {
        let end = run.completion_time.as_ref().map_or(now, |time| time.0);
        format!(", {}", duration((end.as_second() - run.queued_time.0.as_second()).max(0)))
    });
    page.spans(vec![
        plain(format!("{}{run}: ", comparison.name_any())),
        toned(labels::phase(status.phase), phase),
        plain(format!("{trials}{}", since.unwrap_or_default())),
    ]);
    let width = status.variants.iter().map(|variant| variant.name.chars().count()).max().unwrap_or(0);
    for variant in &status.variants {
        let known = progress.get(&variant.name).copied().unwrap_or_default();
        let over = variant.failure.is_some() || variant.phase == Some(VariantPhase::Done);
        let total = if over { Some(known.done) } else { known.total };
        let count = total.map_or_else(|| known.done.to_string(), |total| format!("{}/{total}", known.done));
        let doing = variant.phase.map(VariantPhase::as_str).unwrap_or_default();
        page.line(format!("  {:<width$}  {} {count:>7}  {doing}", variant.name, bar(known.done, total)));
    }
    if let Some(message) = status.message.as_ref().filter(|message| !message.is_empty()) {
        page.paragraph(message);
    }
    if let Some(end) = expected_end(&status) {
        let left = end.as_second() - now.as_second();
        let left = if left > 0 { format!("in {}", duration(left)) } else { "any moment now".to_owned() };
        page.paragraph(&format!("expected end: {}, {left}", clock(end)));
    }
    page
}

fn bar(done: usize, total: Option<usize>) -> String {
    let filled = match total {
        Some(total) if total > 0 => done * BAR / total,
        _ => 0,
    }
    .min(BAR);
    format!("{}{}", "█".repeat(filled), "░".repeat(BAR - filled))
}

/// Whether nothing more happens: the operator has observed the spec and every request, and the run is finished.
pub fn is_over(comparison: &BenchmarkComparison) -> bool {
    let Some(status) = &comparison.status else { return false };
    let observed = Some(status.observed_generation) == comparison.metadata.generation;
    let ended = status.run.as_ref().and_then(|run| run.ended.as_ref());
    // A run takes the place of one that was superseded.
    let superseded = ended.is_some_and(|ended| ended.outcome == EarlyEnd::Superseded);
    let requested = comparison.pending_run_request().is_some();
    observed && !superseded && !requested && status.is_true(ConditionType::Finished)
}

/// How a comparison that is over ended.
pub fn exit_code(comparison: &BenchmarkComparison) -> u8 {
    let Some(status) = &comparison.status else { return FAILED };
    if status.is_true(ConditionType::Succeeded) {
        return 0;
    }
    let ended_early = status.run.as_ref().is_some_and(|run| run.ended.is_some());
    let failed = ended_early || status.variants.iter().any(|variant| variant.failure.is_some());
    match status.phase {
        Some(Phase::Inconclusive) => INCONCLUSIVE,
        Some(Phase::Failed) if !failed && status.verdict.is_some() => CAUGHT,
        _ => FAILED,
    }
}
