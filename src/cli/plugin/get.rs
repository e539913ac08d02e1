//! `kubectl bcmp get`: lists comparisons, or summarizes one.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::Plugin;
use super::arguments::{GetArguments, Listing};
use super::cluster::{parse, parse_each};
use super::error::PluginError;
use super::screen::{Page, clean, plain, toned};
use crate::api::{
    BenchmarkComparison, BenchmarkComparisonStatus, GROUP, Phase, VERSION, VariantPhase, VariantStatus, Verdict,
    VerdictResult,
};
use crate::report::format::ABSENT;
use crate::report::labels;
use crate::report::{ReportVariant, levels, sentences, table};

/// Prints comparisons.
pub async fn get(plugin: &mut Plugin, arguments: &GetArguments) -> Result<u8, PluginError> {
    let cluster = plugin.cluster().await?;
    let objects = if arguments.names.is_empty() {
        cluster.objects(arguments.all_namespaces, arguments.selector.as_deref()).await?
    } else {
        let mut objects = vec![];
        for name in &arguments.names {
            objects.push(cluster.object(name).await?);
        }
        objects
    };
    match arguments.output {
        Some(Listing::Json) => {
            let text = serde_json::to_string_pretty(&document(&objects, arguments));
            plugin.screen.document(&(text.map_err(unwritable)? + "\n"))?;
        }
        Some(Listing::Yaml) => {
            let text = serde_saphyr::to_string(&document(&objects, arguments));
            plugin.screen.document(&text.map_err(unwritable)?)?;
        }
        Some(Listing::Name) => {
            let name = |object: &DynamicObject| format!("benchmarkcomparison.{GROUP}/{}\n", object.name_any());
            plugin.screen.document(&objects.iter().map(name).collect::<String>())?;
        }
        _ if objects.is_empty() => plugin.screen.note(&nothing(arguments, &cluster.namespace)),
        None if arguments.names.len() == 1 => {
            for object in objects {
                let page = in_short(&parse(object)?, plugin.screen.width());
                plugin.screen.show(&page)?;
            }
        }
        form => {
            let (comparisons, unreadable) = parse_each(objects);
            let wide = form == Some(Listing::Wide);
            // Whoever asks for more columns gets them all.
            let width = (plugin.screen.is_terminal() && !wide).then(|| plugin.screen.width());
            let (text, left_out) = listed(&comparisons, arguments.all_namespaces, wide, plugin.now(), width);
            plugin.screen.document(&text)?;
            unreadable.iter().for_each(|why| plugin.screen.note(why));
            if !left_out.is_empty() {
                let left_out = left_out.join(", ");
                plugin.screen.note(&format!("no room for {left_out}: use -o wide, or name one comparison"));
            }
        }
    }
    Ok(0)
}

fn unwritable(error: impl std::fmt::Display) -> PluginError {
    PluginError::failed(format!("cannot print the objects: {error}"))
}

fn nothing(arguments: &GetArguments, namespace: &str) -> String {
    let place = if arguments.all_namespaces { "any namespace".into() } else { format!("namespace {namespace}") };
    let which = if arguments.selector.is_some() { " with these labels" } else { "" };
    let elsewhere = if arguments.all_namespaces { "" } else { ": use -A to search all namespaces" };
    format!("no comparisons{which} in {place}{elsewhere}")
}

/// One object, or a list of them, as `kubectl get` prints them.
fn document(objects: &[DynamicObject], arguments: &GetArguments) -> Value {
    match objects {
        [only] if arguments.names.len() == 1 => json!(shown(only)),
        all => {
            json!({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": all.iter().map(shown).collect::<Vec<_>>()})
        }
    }
}

/// Who manages which field is of no interest here; items of a list do not carry their kind.
fn shown(object: &DynamicObject) -> Value {
    let mut object = object.clone();
    object.metadata.managed_fields = None;
    let mut value = json!(object);
    value["apiVersion"] = json!(format!("{GROUP}/{VERSION}"));
    value["kind"] = json!(crate::api::KIND);
    value
}

/// Columns that a narrow terminal does without, in this order.
const EXPENDABLE: [&str; 5] = ["EST-ERR", "GPU-H", "PROGRESS", "SLA", "CLAIM"];

/// The columns of the CRD, and those that there was no room for.
fn listed(
    comparisons: &[BenchmarkComparison],
    namespaces: bool,
    wide: bool,
    now: Timestamp,
    width: Option<usize>,
) -> (String, Vec<&'static str>) {
    let mut titles = vec!["NAME", "PHASE", "PROGRESS", "VERDICT", "GAIN", "CLAIM", "EST-ERR", "SLA", "GPU-H", "AGE"];
    if namespaces {
        titles.insert(0, "NAMESPACE");
    }
    if wide {
        titles.extend(["MODEL", "SYSTEM", "RUN", "ROUNDS", "GPUS", "MESSAGE"]);
    }
    let rows = comparisons.iter().map(|comparison| {
        let mut row = row(comparison, now);
        if namespaces {
            row.insert(0, comparison.namespace().unwrap_or_default());
        }
        if wide {
            row.extend(wide_row(comparison));
        }
        row.iter().map(|cell| clean(cell)).collect()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    match width {
        Some(width) => table::listing_within(&titles, &rows, width, &EXPENDABLE),
        None => (table::listing(&titles, &rows), vec![]),
    }
}

fn row(comparison: &BenchmarkComparison, now: Timestamp) -> Vec<String> {
    let status = comparison.status.clone().unwrap_or_default();
    let verdict = status.verdict.as_ref();
    let actual = status.price.as_ref().and_then(|price| price.actual.as_ref());
    let of_verdict = |read: fn(&Verdict) -> Option<&String>| verdict.and_then(read).cloned().unwrap_or_default();
    vec![
        comparison.name_any(),
        status.phase.map(Phase::as_str).unwrap_or_default().into(),
        status.progress.as_ref().map(|progress| progress.summary.clone()).unwrap_or_default(),
        verdict.map(|verdict| verdict.result.to_string()).unwrap_or_default(),
        of_verdict(|verdict| verdict.gain.as_ref()),
        of_verdict(|verdict| verdict.claim.as_ref()),
        of_verdict(|verdict| verdict.estimate_error.as_ref()),
        of_verdict(|verdict| verdict.sla.as_ref()),
        actual.map(|cost| cost.gpu_hours.clone()).unwrap_or_default(),
        age(comparison.creation_timestamp(), now),
    ]
}

fn wide_row(comparison: &BenchmarkComparison) -> Vec<String> {
    let (spec, status) = (&comparison.spec, comparison.status.as_ref());
    let rounds = status.and_then(|status| status.verdict.as_ref()).map(|verdict| verdict.measured.rounds);
    vec![
        spec.model.name.clone(),
        spec.hardware.system.clone(),
        status.and_then(|status| status.run.as_ref()).map(|run| run.number.to_string()).unwrap_or_default(),
        rounds.map(|rounds| rounds.to_string()).unwrap_or_default(),
        spec.hardware.gpus_per_variant.to_string(),
        status.and_then(|status| status.message.clone()).unwrap_or_default(),
    ]
}

/// As kubectl shows ages: two units while the first is small.
fn age(created: Option<Time>, now: Timestamp) -> String {
    let Some(created) = created else { return "<unknown>".into() };
    let seconds = (now.as_second() - created.0.as_second()).max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |first: i64, unit: &str, second: i64, small: &str| match second {
        0 => format!("{first}{unit}"),
        _ => format!("{first}{unit}{second}{small}"),
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, "d", hours % 24, "h"),
        _ if days < 2 * 365 => format!("{days}d"),
        _ if days < 8 * 365 => two(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

/// Variants, levels and verdict of one comparison.
fn in_short(comparison: &BenchmarkComparison, width: usize) -> Page {
    let status = comparison.status.clone().unwrap_or_default();
    let mut page = Page::of_width(width);
    head(&mut page, comparison, &status);
    page.line("");
    subject(&mut page, comparison, &status);
    for variant in &status.variants {
        page.line("");
        self::variant(&mut page, variant);
    }
    if !status.history.is_empty() {
        page.line("");
    }
    for past in &status.history {
        let verdict = past.verdict.map(|verdict| format!(", {verdict}")).unwrap_or_default();
        let gain = past.gain.as_ref().map(|gain| format!(" {gain}")).unwrap_or_default();
        page.line(format!("run {}: {}{verdict}{gain}", past.number, past.outcome));
    }
    page
}

fn head(page: &mut Page, comparison: &BenchmarkComparison, status: &BenchmarkComparisonStatus) {
    let phase = status.phase.map_or("not observed yet; check that the operator is running", Phase::as_str);
    let run = status.run.as_ref().map(|run| format!(", run {}", run.number)).unwrap_or_default();
    let progress =
        status.progress.as_ref().map(|progress| format!(", {} trials", progress.summary)).unwrap_or_default();
    let namespace = comparison.namespace().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    page.spans(vec![
        plain(format!("{namespace}{}{run}: ", comparison.name_any())),
        toned(labels::phase(status.phase), phase),
        plain(progress),
    ]);
    let message = status.message.as_deref().unwrap_or_default();
    if status.verdict.as_ref().is_none_or(|verdict| verdict.summary != message) && !message.is_empty() {
        page.paragraph(message);
    }
}

fn subject(page: &mut Page, comparison: &BenchmarkComparison, status: &BenchmarkComparisonStatus) {
    let spec = &comparison.spec;
    let gpus = spec.hardware.gpus_per_variant;
    page.field("model", &format!("{} on {}, {gpus} GPUs per variant", spec.model.name, spec.hardware.system));
    let workload = &spec.workload;
    page.field("workload", &format!("{} input and {} output tokens", workload.input_tokens, workload.output_tokens));
    let verdict = status.verdict.as_ref();
    let meet = verdict.and_then(|verdict| verdict.sla.as_ref()).map(|meet| format!(": {meet}")).unwrap_or_default();
    page.field("SLA", &format!("{}{meet}", sentences::sla(&spec.sla)));
    for (name, cost) in status.price.iter().flat_map(sentences::price) {
        page.field(&name.to_lowercase(), &cost);
    }
    let Some(verdict) = verdict else { return };
    page.field("verdict", &format!("{}: {}", verdict.result, verdict.summary));
    if let Some(gain) = &verdict.gain {
        page.field("gain", &format!("{gain} at the SLA (measured)"));
    }
    if let Some(claim) = &verdict.claim {
        page.field("claim", &format!("{claim} in tokens/s/GPU"));
    }
    if let Some(error) = &verdict.estimate_error {
        page.field("estimates", &format!("{error} off on average for the worst variant"));
    }
    if verdict.result == VerdictResult::Inconclusive {
        page.field("", "run kubectl bcmp report to see which evidence is missing");
    }
}

fn variant(page: &mut Page, variant: &VariantStatus) {
    let role = labels::role_beside(&variant.name, variant.role);
    let role = role.map(|role| format!(" ({role})")).unwrap_or_default();
    let gpus = variant.gpus.map(|gpus| format!(", {gpus} GPUs")).unwrap_or_default();
    let phase = variant.phase.map_or(ABSENT, VariantPhase::as_str);
    page.line(format!("{}{role}{gpus}: {phase}", variant.name));
    if let Some(failure) = &variant.failure {
        page.field("failed", &format!("{}: {}", failure.reason, failure.message));
    }
    if let Some(at) = &variant.at_sla {
        let tokens = at.tokens_per_second_per_gpu.as_ref().map(|tokens| format!("{tokens} tokens/s/GPU"));
        let both = tokens.into_iter().chain(at.reason.clone()).collect::<Vec<_>>();
        page.field("at the SLA", &both.join("; "));
    }
    let shown = ReportVariant::of_status(variant);
    if let Some(claim) = &variant.claim {
        page.field("claim", &sentences::status_claim(claim));
    }
    if let Some(kept) = sentences::claim_kept(&shown) {
        page.field("", &kept);
    }
    for finding in &variant.findings {
        page.field(
            if finding.rejects() { "rejected" } else { "warning" },
            &format!("{}: {}", finding.code, finding.message),
        );
    }
    levels::terminal(&shown, page.width().saturating_sub(2)).lines().for_each(|line| page.line(format!("  {line}")));
    if shown.levels.iter().any(|level| level.is_shown() && level.is_beyond_operating_point()) {
        page.paragraph(sentences::BEYOND);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, "0s")]
    #[case(119, "119s")]
    #[case(125, "2m5s")]
    #[case(600, "10m")]
    #[case(3 * 3600 + 60, "3h1m")]
    #[case(9 * 3600, "9h")]
    #[case(3 * 86_400 + 7200, "3d2h")]
    #[case(30 * 86_400, "30d")]
    #[case(3 * 365 * 86_400, "3y")]
    fn ages_are_shown_as_kubectl_shows_them(#[case] seconds: i64, #[case] expected: &str) {
        let created = Timestamp::from_second(1_000).unwrap();
        assert_eq!(age(Some(Time(created)), Timestamp::from_second(1_000 + seconds).unwrap()), expected);
    }
}
