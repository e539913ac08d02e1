//! AIConfigurator: its output in all layouts of versions 0.1 to 0.12, and the dialogue with it.
//!
//! | Versions | Predictions, below the save directory | Manifests |
//! |---|---|---|
//! | 0.1, 0.2 | `{agg,disagg}_pareto.csv` | `backend_configs/{agg,disagg}/k8s_deploy.yaml` of the best row, or none |
//! | 0.3, 0.4 | `{agg,disagg}/best_config_topn.csv`, `pareto.csv` | `{agg,disagg}/topN/{agg,disagg}/k8s_deploy.yaml` |
//! | 0.8 … 0.12 | the same; the directory may have the name of an experiment | `{agg,disagg}/topN/k8s_deploy.yaml` |
//!
//! The save directory is one level deeper when the model's id has a slash.

mod dialogue;
mod estimates;
mod layout;
mod pick;
mod protocol;
mod runtime;
mod table;

pub use table::{RankedRow, read_table};

use self::dialogue::AiconfiguratorDialogue;
use super::predictor::{Ask, Dialogue, DriverError, Files, Generator, PickError, Picked, Predictor, Task, Wanted};
use crate::api::ClaimPredictor;
use layout::TOOL;

/// The predictor of NVIDIA Dynamo.
pub struct Aiconfigurator;

impl Predictor for Aiconfigurator {
    fn name(&self) -> &'static str {
        TOOL
    }

    fn kind(&self) -> ClaimPredictor {
        ClaimPredictor::Aiconfigurator
    }

    fn output(&self) -> &'static str {
        "the directory that `aiconfigurator` wrote with --save-dir"
    }

    fn needs(&self, path: &str) -> bool {
        [".csv", ".yaml", ".yml"].iter().any(|ending| path.ends_with(ending))
    }

    fn recognizes(&self, files: &Files) -> bool {
        !layout::directories(files).is_empty()
    }

    fn pick(&self, files: &Files, wanted: &Wanted<'_>) -> Result<Picked, PickError> {
        pick::pick(files, wanted)
    }
}

impl Generator for Aiconfigurator {
    fn driver(&self) -> &'static str {
        include_str!("driver.py")
    }

    fn open<'a>(&self, task: Task<'a>, driver: &'a mut dyn Ask) -> Result<Box<dyn Dialogue + 'a>, DriverError> {
        Ok(Box::new(AiconfiguratorDialogue::open(task, driver)?))
    }
}
