//! `bcmp` compares how LLM serving configurations were predicted to perform with how they do perform.
//!
//! The map: data goes from the top to the bottom, and a module uses what stands in rows above its own, nothing else
//! (`tests/architecture` reads this map and holds the code to it). What stands above the line is pure computation: no
//! client, no runtime, no clock, no environment, no files.
//!
//! ```text
//! text units pointer      shortening; quantities and counts; JSON pointers
//! api                     the custom resource: spec, status, codes
//! explain dynamo schema   what conditions, reasons and codes mean; what a DynamoGraphDeployment looks like, in each of its versions
//! plan                    what a run measures, fixed when it begins
//! prediction measurement  what tools wrote → what is claimed and estimated, what was measured
//! method                  what sweep and judgement speak of: SLAs, trials, estimates
//! sweep                   which trial comes next, how large it is, what a run costs
//! judgement               prediction × measurement → throughput at the SLA, gain, claim, accuracy, result
//! verdict                 what was published of a run → its judgement, and how that reads in a status
//! manifests report        what a run creates; what people read of it
//! inspect                 what a cluster has of a run, and what a comparison needs there
//! lifecycle               what was observed → facts, status, actions (decide)
//! ──────────────────────
//! files                   directories that others wrote
//! offline                 judges what people have in files, in the lifecycle's place
//! agent controller        inside the pods; observe → decide → act → record
//! simulation              a cluster in memory around the controller, on virtual time (feature `simulation`)
//! cli                     all commands
//! ```

pub mod agent;
pub mod api;
pub mod cli;
pub mod controller;
pub mod dynamo;
pub mod explain;
pub mod files;
pub mod inspect;
pub mod judgement;
pub mod lifecycle;
pub mod manifests;
pub mod measurement;
pub mod method;
pub mod offline;
pub mod plan;
pub mod pointer;
pub mod prediction;
pub mod report;
#[cfg(feature = "cel")]
pub mod schema;
#[cfg(feature = "simulation")]
pub mod simulation;
pub mod sweep;
#[cfg(test)]
mod testing;
pub mod text;
pub mod units;
pub mod verdict;
