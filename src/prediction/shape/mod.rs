//! What manifests deploy: how the engines are cut up, how many there are, and their limits.

mod engine;
mod error;
mod launch;
mod model;
mod script;
mod setting;
mod settings_file;
mod speculation;
mod variables;
mod words;

use serde_json::Value;

pub use self::error::ShapeError;
pub use self::model::HubModel;

use self::engine::{ReadEngine, Readings};
use self::launch::{Duty, Launch, launches};
use self::setting::Setting;
use super::serving::{Serving, Shape, Workers};
use crate::api::{Backend, ShapeHint};

/// What the objects deploy. `gpus` is the sum of their pods' GPU limits. The hint fills what cannot be read. It replaces
/// what was read only where that does not use the GPUs which the pods hold, and so is not all that is deployed.
pub fn read_shape(objects: &[Value], gpus: u32, hint: Option<&ShapeHint>) -> Result<Shape, ShapeError> {
    let hint = Hint::new(hint);
    let mut engines = vec![];
    for launch in launches(objects)? {
        if let Some(engine) = ReadEngine::of(&launch)? {
            engines.push((launch, engine));
        }
    }
    if engines.is_empty() {
        return hinted(gpus, &hint).ok_or(ShapeError::NoEngine);
    }
    let mut pools = Pools::default();
    for (launch, engine) in &engines {
        let workers = workers(launch, &engine.readings, &hint)?;
        let place = match engine.work.unwrap_or(launch.work) {
            Duty::Prefill => &mut pools.prefill,
            Duty::Decode => &mut pools.decode,
            Duty::Both => &mut pools.both,
        };
        match place {
            None => *place = Some(workers),
            Some(other) if Workers { replicas: workers.replicas, ..other.clone() } == workers => {
                other.replicas = other.replicas.saturating_add(workers.replicas);
            }
            Some(_) => {
                let field = &launch.field;
                let problem = format!("{}: {field} starts workers that differ from another component's", launch.object);
                return Err(ShapeError::NotOneServer(format!("{problem}: such a mixture cannot be predicted")));
            }
        }
    }
    let first = |read: fn(&Readings) -> &Setting<String>, hinted: &Option<String>| {
        engines.iter().find_map(|(_, engine)| read(&engine.readings).value().cloned()).or_else(|| hinted.clone())
    };
    let shape = Shape {
        serving: pools.serving()?,
        gpus,
        weights: first(|readings| &readings.weights, &hint.weights),
        kv_cache: first(|readings| &readings.kv_cache, &hint.kv_cache),
        image: engines.iter().find_map(|(launch, _)| launch.image.clone()),
        speculation: engines.iter().find_map(|(_, engine)| engine.readings.speculation.clone()),
        prefix_caching: engines.iter().find_map(|(_, engine)| engine.readings.prefix_caching),
        context_length: engines.iter().find_map(|(_, engine)| engine.readings.context_length),
    };
    agreed(shape, &hint)
}

/// The shape, if its engines use the GPUs that the pods hold: any other was misread, or leaves GPUs idle.
fn agreed(shape: Shape, hint: &Hint) -> Result<Shape, ShapeError> {
    let (engines, held) = (shape.serving.gpus(), shape.gpus);
    if engines == held {
        return Ok(shape);
    }
    let hinted = hinted(held, hint).filter(|hinted| hinted.serving.gpus() == held);
    hinted.map(|hinted| Shape { serving: hinted.serving, ..shape.clone() }).ok_or_else(|| ShapeError::OtherGpus {
        engines: shape.serving.describe(),
        used: engines,
        held,
    })
}

/// The inference engine the objects start, where it is one we know.
pub fn read_backend(objects: &[Value]) -> Option<Backend> {
    let launches = launches(objects).ok()?;
    launches.iter().find_map(|launch| ReadEngine::of(launch).ok()?.map(|engine| engine.backend))
}

/// The models that the objects' engines are started with, as far as their commands name them.
pub fn read_models(objects: &[Value]) -> Vec<HubModel> {
    let launches = launches(objects).unwrap_or_default();
    launches.iter().filter_map(|launch| ReadEngine::of(launch).ok()??.model).collect()
}

/// The shape of something that is only known by a hint, such as an endpoint: needs its tensor parallelism.
pub fn hinted_shape(gpus: u32, hint: Option<&ShapeHint>) -> Option<Shape> {
    hinted(gpus, &Hint::new(hint))
}

fn hinted(gpus: u32, hint: &Hint) -> Option<Shape> {
    let (tensor, pipeline) = (hint.tensor_parallel?, hint.pipeline_parallel.unwrap_or(1));
    let replicas = hint.replicas.unwrap_or(gpus / tensor.saturating_mul(pipeline).max(1)).max(1);
    let workers = Workers {
        max_batch_size: hint.max_batch_size,
        max_num_tokens: hint.max_num_tokens,
        ..Workers::new(tensor, pipeline, replicas)
    };
    Some(Shape {
        serving: Serving::Aggregated { workers },
        gpus,
        weights: hint.weights.clone(),
        kv_cache: hint.kv_cache.clone(),
        image: None,
        speculation: None,
        prefix_caching: None,
        context_length: None,
    })
}

/// Workers by what they do.
#[derive(Default)]
struct Pools {
    both: Option<Workers>,
    prefill: Option<Workers>,
    decode: Option<Workers>,
}

impl Pools {
    fn serving(self) -> Result<Serving, ShapeError> {
        let missing = |what: &str| Err(ShapeError::NotOneServer(what.to_owned()));
        match (self.both, self.prefill, self.decode) {
            // Decode workers alone get the prompts as well.
            (Some(workers), None, None) | (None, None, Some(workers)) => Ok(Serving::Aggregated { workers }),
            (None, Some(prefill), Some(decode)) => Ok(Serving::Disaggregated { prefill, decode }),
            (None, Some(_), None) => missing("there are prefill workers, but no decode workers"),
            _ => missing("there are workers that do both prefill and decode beside workers that do one of them"),
        }
    }
}

/// A hint in the units of shapes.
#[derive(Default)]
struct Hint {
    tensor_parallel: Option<u32>,
    pipeline_parallel: Option<u32>,
    replicas: Option<u32>,
    max_batch_size: Option<u32>,
    max_num_tokens: Option<u32>,
    weights: Option<String>,
    kv_cache: Option<String>,
}

impl Hint {
    fn new(hint: Option<&ShapeHint>) -> Self {
        let Some(hint) = hint else { return Self::default() };
        let count = |number: Option<u32>| number.filter(|n| *n > 0);
        Self {
            tensor_parallel: count(hint.tensor_parallel),
            pipeline_parallel: count(hint.pipeline_parallel),
            replicas: count(hint.replicas),
            max_batch_size: count(hint.max_batch_size),
            max_num_tokens: count(hint.max_num_tokens),
            weights: hint.weights.clone(),
            kv_cache: hint.kv_cache.clone(),
        }
    }
}

fn workers(launch: &Launch, readings: &Readings, hint: &Hint) -> Result<Workers, ShapeError> {
    let known = |setting: &Setting<u32>, hinted: Option<u32>, name: &str| -> Result<Option<u32>, ShapeError> {
        match setting {
            Setting::Read(number) => Ok(Some(*number)),
            Setting::Absent => Ok(hinted),
            Setting::Unreadable(problem) => hinted.map(Some).ok_or_else(|| ShapeError::Field {
                object: launch.object.clone(),
                field: launch.field.clone(),
                problem: match name {
                    "" => format!("{problem}: write it into the manifests"),
                    _ => format!("{problem}: write it into the manifests, or set the variant's shape.{name}"),
                },
            }),
        }
    };
    let one = |number: Option<u32>| number.unwrap_or(1).max(1);
    let tensor = one(known(&readings.tensor_parallel, hint.tensor_parallel, "tensorParallel")?);
    let pipeline = one(known(&readings.pipeline_parallel, hint.pipeline_parallel, "pipelineParallel")?);
    let groups = one(known(&readings.data_parallel, None, "")?);
    let copies = one(known(&readings.copies, None, "")?);
    let replicas = launch.replicas.saturating_mul(copies);
    Ok(Workers {
        tensor_parallel: if readings.groups_share_tensor_parallel { (tensor / groups).max(1) } else { tensor },
        data_parallel: groups,
        context_parallel: 1,
        moe_tensor_parallel: readings.moe_tensor_parallel.value().copied(),
        moe_expert_parallel: readings.moe_expert_parallel.value().copied(),
        max_batch_size: known(&readings.max_batch_size, hint.max_batch_size, "maxBatchSize")?,
        max_num_tokens: known(&readings.max_num_tokens, hint.max_num_tokens, "maxNumTokens")?,
        chunked_prefill: readings.chunked_prefill,
        kv_cache_fraction: readings.kv_cache_fraction,
        ..Workers::new(tensor, pipeline, replicas)
    })
}

#[cfg(test)]
mod tests;
