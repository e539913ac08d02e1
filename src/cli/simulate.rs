//! `bcmp simulate`: what a comparison in a file is likely to cost and to tell, without a cluster.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use kube::ResourceExt;
use serde::Serialize;

use super::evaluate::{Named, content, named};
use super::file::{FileConfigMaps, FileContent};
use super::plugin::screen::Screen;
use super::render::{claims, configurations, manifests};
use super::simulated::{RealityArguments, SimulatedError, levels, on_virtual_time, plan, predictions};
use crate::api::{BenchmarkComparison, BenchmarkComparisonStatus, Manifests, Price};
use crate::offline::outlook::{Outlook, outlook};
use crate::report::format::{counted, wrapped};
use crate::report::{sentences, table};
use crate::simulation::course::forecast::{Forecast, Held, Range};
use crate::simulation::course::{Course, CourseError};
use crate::simulation::serving::adopted::adopted;
use crate::simulation::serving::hardware::ModelOnGpu;
use crate::simulation::serving::predictor::TOOL;
use crate::simulation::serving::reality::SimulatedServing;

/// Version of the JSON.
const SCHEMA_VERSION: u32 = 1;

const LONG: &str = "\
Simulates a comparison many times: what it costs, how long it takes, and how likely it is to end with an answer

Controller, sweep and judgement are the operator's own; the cluster, the clock and the engines are simulated. Without
--configurations, configurations and predictions come from closed formulas over the step times of Qwen3-32B on H200, scaled
to the size in the model's name, and not from AIConfigurator. With --configurations, engines take what that run estimated.";

const AFTER: &str = "\
Examples:
  bcmp simulate -f comparison.yaml
  bcmp simulate -f comparison.yaml --runs 50 -o json | jq .forecast.answeredPercent
  bcmp simulate -f comparison.yaml --reality optimized=-15%

  With what AIConfigurator generated for a run:
    kubectl get configmap qwen3-32b-r1-configurations -o yaml > configurations.yaml
    bcmp simulate -f comparison.yaml --configurations configurations.yaml";

/// Simulates a comparison many times: its cost, its time, and how likely an answer is
#[derive(Args)]
#[command(long_about = LONG, after_long_help = AFTER, after_help = "See --help for examples.")]
pub struct SimulateArgs {
    /// The BenchmarkComparison, as for `kubectl apply` (`-` for standard input)
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Configurations of a run, with what the predictor wrote: the document, or its ConfigMap
    #[arg(long, value_name = "FILE")]
    configurations: Option<PathBuf>,
    /// Manifests of a variant that names a ConfigMap
    #[arg(long = "manifests", value_name = "VARIANT=FILE", value_parser = named)]
    manifests: Vec<Named>,
    /// Comparisons to simulate, each with a seed of its own
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
    #[command(flatten)]
    reality: RealityArguments,
    /// How the answer is printed
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t = Form::Text)]
    output: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    Text,
    /// `predicted`, `price` and `forecast`, and what they rest on
    Json,
}

/// What is printed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ForecastOutput {
    /// Version of this layout.
    schema_version: u32,
    name: String,
    /// Where configurations and predictions come from.
    predictor: String,
    /// What the simulation does not know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    assumed: Vec<String>,
    /// What the predictions say will come out.
    #[serde(skip_serializing_if = "Option::is_none")]
    predicted: Option<String>,
    /// What they say it will cost, before any GPU is held (METHOD §9).
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<Price>,
    forecast: Forecast,
}

/// Prints the forecast. Exit code 0, 1 on errors, 2 on wrong usage.
pub fn simulate(arguments: &SimulateArgs) -> ExitCode {
    match answer(arguments).and_then(|answer| text(&answer, arguments.output)) {
        Ok(text) => super::finish(super::print(&text)),
        Err(error) => {
            eprintln!("bcmp simulate: {error}");
            error.exit_code().into()
        }
    }
}

fn answer(arguments: &SimulateArgs) -> Result<ForecastOutput, SimulatedError> {
    let FileContent { mut comparison, config_maps } = content(&arguments.file)?;
    let texts = manifests(&comparison, &config_maps, &arguments.manifests)?;
    inline(&mut comparison, &texts)?;
    let plan = plan(&comparison).claiming(claims(&comparison, &config_maps)?);
    if let Some((variant, map)) = plan.claims_missing().next() {
        return Err(SimulatedError::Usage(format!(
            "the claim of {variant} is in ConfigMap {map}: put that into {}, as another YAML document",
            arguments.file.display()
        )));
    }
    let given = arguments.configurations.as_deref().map(configurations).transpose()?;
    let adopted = given.map(|given| adopted(&plan, &given)).transpose();
    let generated = adopted.map_err(|error| SimulatedError::Failed(error.to_string()))?;
    let made = match &generated {
        Some(made) => made.clone(),
        None => predictions(&plan)?,
    };
    let hardware = ModelOnGpu::of(comparison.spec.predicted_model(), &comparison.spec.hardware.system);
    let served = arguments.reality.served(&comparison, &levels(&comparison, &made), generated)?;
    let (predictor, assumed) = match &arguments.configurations {
        Some(path) => (format!("configurations in {}", path.display()), vec![]),
        None => (format!("{TOOL}, closed formulas; not AIConfigurator"), hardware.assumed().to_vec()),
    };
    let Outlook { price, forecast: predicted } =
        outlook(&plan.spec, &made).map_err(|error| SimulatedError::Failed(error.to_string()))?;
    let statuses = all(&comparison, &config_maps, &served, arguments.runs)?;
    let forecast = Forecast::of(&statuses);
    Ok(ForecastOutput {
        schema_version: SCHEMA_VERSION,
        name: comparison.name_any(),
        predictor,
        assumed,
        predicted,
        price,
        forecast,
    })
}

/// Puts manifests that the comparison leaves to a ConfigMap or a request into it.
fn inline(comparison: &mut BenchmarkComparison, texts: &BTreeMap<String, String>) -> Result<(), SimulatedError> {
    for variant in &mut comparison.spec.variants {
        let Some(source) = &mut variant.source.manifests else { continue };
        match texts.get(&variant.name) {
            Some(text) => {
                *source = Manifests { config_map_name: None, key: None, request_name: None, inline: Some(text.clone()) }
            }
            None if source.inline.is_none() => {
                let name = &variant.name;
                return Err(SimulatedError::Usage(format!(
                    "the manifests of {name} are in the cluster; give them in a file: --manifests {name}=FILE"
                )));
            }
            None => {}
        }
    }
    Ok(())
}

/// Runs all, on as many threads as there are cores; in the order of their seeds.
fn all(
    comparison: &BenchmarkComparison,
    config_maps: &FileConfigMaps,
    served: &SimulatedServing,
    runs: u32,
) -> Result<Vec<BenchmarkComparisonStatus>, SimulatedError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let one = |number: u32| {
        let seed = served.seed.wrapping_add(u64::from(number));
        let course = Course {
            comparison: comparison.clone(),
            config_maps: config_maps.clone(),
            served: SimulatedServing { seed, ..served.clone() },
            kill_operator_at: None,
        };
        let over = on_virtual_time(async { Ok(course.run(|_| {}).await.map_err(|error: CourseError| error)?) })?;
        Ok((number, over.comparison.status.unwrap_or_default()))
    };
    let share =
        |first: usize| (0..runs).skip(first).step_by(threads).map(one).collect::<Result<Vec<_>, SimulatedError>>();
    let mut all = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|first| scope.spawn(move || share(first))).collect();
        let broken = || SimulatedError::Failed("a simulated comparison broke off".into());
        let joined = handles.into_iter().map(|handle| handle.join().map_err(|_| broken()).and_then(|done| done));
        joined.collect::<Result<Vec<_>, _>>()
    })?
    .concat();
    all.sort_by_key(|(number, _)| *number);
    Ok(all.into_iter().map(|(_, status)| status).collect())
}

fn text(answer: &ForecastOutput, form: Form) -> Result<String, SimulatedError> {
    match form {
        Form::Text => Ok(for_people(answer, Screen::of_process().width())),
        Form::Json => {
            let text = serde_json::to_string_pretty(answer);
            Ok(text.map_err(|error| SimulatedError::Failed(error.to_string()))? + "\n")
        }
    }
}

/// Columns of a field's name.
const NAMES: usize = 18;

fn for_people(answer: &ForecastOutput, width: usize) -> String {
    let forecast = &answer.forecast;
    let mut lines = vec![format!("{}, simulated {}", answer.name, counted(forecast.runs, "time")), String::new()];
    for (name, value) in fields(answer) {
        lines.extend(wrapped(&format!("  {name:<15} "), NAMES, &value, width));
    }
    if !forecast.course.is_empty() {
        lines.extend([String::new(), "The first of them:".to_owned()]);
    }
    let text = lines.join("\n") + "\n";
    if forecast.course.is_empty() { text } else { text + &first_course(&forecast.course) }
}

fn fields(answer: &ForecastOutput) -> Vec<(String, String)> {
    let forecast = &answer.forecast;
    let mut fields = vec![("predictions".to_owned(), answer.predictor.clone())];
    fields.extend(answer.assumed.iter().map(|clause| ("assumed".to_owned(), clause.clone())));
    fields.extend(answer.predicted.iter().map(|predicted| ("predicted".to_owned(), predicted.clone())));
    fields.extend(answer.price.iter().flat_map(sentences::price).map(|(name, cost)| (name.to_lowercase(), cost)));
    if !forecast.course.is_empty() {
        fields.extend(costs(forecast));
    }
    let answered = format!("in {:.0} % of the simulated comparisons", forecast.answered_percent);
    fields.push(("an answer".to_owned(), answered));
    let of_all = |count: &usize| format!("{count} of {}", forecast.runs);
    fields
        .extend(forecast.results.iter().map(|(result, count)| (String::new(), format!("{result} {}", of_all(count)))));
    fields.extend(
        forecast.ended.iter().map(|(why, count)| ("no verdict".to_owned(), format!("{why} ({})", of_all(count)))),
    );
    if forecast.ended.values().sum::<usize>() < forecast.runs {
        let gain = match &forecast.gain_percent {
            Some(gain) => format!("{} %", range(gain, 1)),
            None => "no number: at most one side meets the SLA, or neither has a value".to_owned(),
        };
        fields.push(("measured gain".to_owned(), gain));
    }
    fields
}

/// What was held, where anything was.
fn costs(forecast: &Forecast) -> [(String, String); 3] {
    [
        ("simulated cost".to_owned(), format!("{} GPU-hours", range(&forecast.gpu_hours, 1))),
        ("minutes".to_owned(), range(&forecast.minutes, 0)),
        ("rounds".to_owned(), range(&forecast.rounds, 0)),
    ]
}

fn first_course(course: &[Held]) -> String {
    let titles = ["ROUND", "VARIANT", "GPUS", "FROM MINUTE", "MINUTES"];
    let rows = course.iter().map(|held| {
        let [from, minutes] = [held.from_minute, held.minutes].map(|minutes| minutes.to_string());
        vec![held.round.to_string(), held.variant.clone(), held.gpus.to_string(), from, minutes]
    });
    table::listing(&titles, &rows.collect::<Vec<_>>())
}

fn range(range: &Range, decimals: usize) -> String {
    let Range { lowest, median, highest } = range;
    if (highest - lowest).abs() < 1e-9 {
        return format!("{median:.decimals$}");
    }
    format!("{median:.decimals$} ({lowest:.decimals$} to {highest:.decimals$})")
}
