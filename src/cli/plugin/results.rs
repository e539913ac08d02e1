//! `kubectl bcmp results`: what each trial measured.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use kube::ResourceExt;
use serde_json::json;

use super::Plugin;
use super::arguments::{ResultsArguments as Arguments, ResultsForm};
use super::error::PluginError;
use super::shell::command;
use super::stored::{self, StoredRun, stored_run};
use crate::agent::directory::{Directory, FileKey};
use crate::api::BenchmarkComparison;
use crate::manifests::agent_pod::pod_security_context;
use crate::manifests::load_job::{artifacts_directory, results_mount_path};
use crate::measurement::record::SCHEMA_VERSION;
use crate::report::format::counted;
use crate::report::trials::{self, TrialRow};

/// Bytes of an unpacked summary at most: no load tool writes more.
const LARGEST_SUMMARY: u64 = 64 << 20;

/// Prints the trials, or writes their raw summaries.
pub async fn results(plugin: &mut Plugin, arguments: &Arguments) -> Result<u8, PluginError> {
    let cluster = plugin.cluster().await?;
    let comparison = cluster.comparison(&arguments.comparison).await?;
    let number = stored::number(&comparison, arguments.run.run)?;
    let mut run = stored_run(&cluster, &comparison, number).await?;
    if let Some(variant) = &arguments.variant {
        only(&mut run, variant)?;
    }
    if let Some(directory) = &arguments.directory {
        let written = write_raw(directory, &run)?;
        plugin.screen.document(&format!("wrote {} to {}\n", counted(written, "summary file"), directory.display()))?;
        return Ok(0);
    }
    let trials = trials(&run);
    let text = match arguments.output {
        ResultsForm::Json => {
            let records: BTreeMap<&String, _> =
                run.ledgers.iter().map(|(variant, ledger)| (variant, &ledger.records)).collect();
            let document = json!({
                "schemaVersion": SCHEMA_VERSION, "comparison": comparison.name_any(), "run": number, "records": records,
            });
            serde_json::to_string_pretty(&document).map_err(|error| PluginError::failed(error.to_string()))? + "\n"
        }
        ResultsForm::Csv => trials::csv(&trials),
        ResultsForm::Table if trials.is_empty() => {
            plugin.screen.note(&format!("run {number} of {} has measured nothing yet", comparison.name_any()));
            return Ok(0);
        }
        ResultsForm::Table => trials::text(&trials, plugin.screen.is_terminal().then(|| plugin.screen.width())),
    };
    plugin.screen.document(&text)?;
    if arguments.output == ResultsForm::Table
        && let Some(place) = on_the_volume(&comparison, &run)
    {
        plugin.screen.document(&format!("\n{place}"))?;
    }
    Ok(0)
}

fn only(run: &mut StoredRun, variant: &str) -> Result<(), PluginError> {
    let names: Vec<&str> = run.plan.spec.variants.iter().map(|of| of.name.as_str()).collect();
    if !names.contains(&variant) {
        let names = names.join(", ");
        return Err(PluginError::usage(format!("--variant {variant}: the run has no such variant, only {names}")));
    }
    run.ledgers.retain(|name, _| name == variant);
    run.raw.retain(|name, _| name == variant);
    Ok(())
}

/// Trials in the order of the spec's variants, and of their times.
fn trials(run: &StoredRun) -> Vec<TrialRow<'_>> {
    let mut all = vec![];
    for variant in &run.plan.spec.variants {
        let records = run.records(&variant.name).iter();
        let mut trials: Vec<TrialRow> = records.map(|record| TrialRow { variant: &variant.name, record }).collect();
        trials.sort_by_key(|trial| (trial.record.start_time, trial.record.trial.key.to_string()));
        all.extend(trials);
    }
    all
}

/// Writes the load tool's own summaries as `<variant>/<trial>.json`; returns how many. Both names come from the cluster.
fn write_raw(directory: &Path, run: &StoredRun) -> Result<usize, PluginError> {
    let directory = Directory::given(directory)?;
    let mut written = 0;
    for (variant, summaries) in &run.raw {
        let below = directory.below(variant)?;
        for (key, text) in summaries {
            let of = |why: &str| PluginError::failed(format!("raw-{key} of {variant}: {why}"));
            let name = FileKey::new(&format!("{key}.json")).ok_or_else(|| of("is not the name of a trial"))?;
            let summary = unpacked(text).map_err(|why| of(&why))?;
            below.write(name.as_str(), &summary)?;
            written += 1;
        }
    }
    Ok(written)
}

fn unpacked(text: &str) -> Result<Vec<u8>, String> {
    let packed = STANDARD.decode(text).map_err(|error| error.to_string())?;
    let mut summary = vec![];
    let read = GzDecoder::new(packed.as_slice()).take(LARGEST_SUMMARY + 1).read_to_end(&mut summary);
    read.map_err(|error| error.to_string())?;
    if summary.len() as u64 > LARGEST_SUMMARY {
        return Err(format!("is larger than {} MiB", LARGEST_SUMMARY >> 20));
    }
    Ok(summary)
}

/// Where the load tool's files are, and how to copy them: a pod that mounts the volume claim, and a copy out of it.
fn on_the_volume(comparison: &BenchmarkComparison, run: &StoredRun) -> Option<String> {
    let results = run.plan.spec.results.as_ref()?;
    let (namespace, name, number) = (comparison.namespace()?, comparison.name_any(), run.plan.run);
    let names: Vec<&String> = run.ledgers.keys().collect();
    let directory = artifacts_directory(&run.plan, names.first()?)?;
    let of_run = directory.rsplit_once('/')?.0;
    let pod = format!("{name}-r{number}-copy");
    let overrides = json!({"spec": {
        "securityContext": pod_security_context(run.plan.spec.load.pod.security_context.as_ref()),
        "imagePullSecrets": run.plan.spec.image_pull_secrets,
        "containers": [{
            "name": "copy", "image": run.plan.images.load, "command": ["sleep", "3600"],
            "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            "volumeMounts": [{"name": "results", "mountPath": results_mount_path(&results.path), "readOnly": true}],
        }],
        "volumes": [{"name": "results", "persistentVolumeClaim": {"claimName": results.claim_name}}],
    }});
    let kubectl = |words: &[&str]| command(["kubectl", "-n", &namespace].iter().chain(words));
    let (image, overrides) = (format!("--image={}", run.plan.images.load), format!("--overrides={overrides}"));
    let commands = [
        kubectl(&["run", &pod, &image, "--restart=Never", &overrides]),
        kubectl(&["wait", &format!("pod/{pod}"), "--for=condition=Ready", "--timeout=5m"]),
        kubectl(&["cp", &format!("{pod}:{of_run}"), &format!("./{name}-r{number}")]),
        kubectl(&["delete", "pod", &pod, "--wait=false"]),
    ];
    Some(format!(
        "The load tool's files are on the PersistentVolumeClaim {}: {of_run}/VARIANT/concurrency_C/trial_K/. To copy them:\n  {}\n",
        results.claim_name,
        commands.join("\n  "),
    ))
}
