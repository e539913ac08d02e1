//! The predictor's output → the claim it makes and the estimate for what is deployed, at any concurrency.
//!
//! All figures here are of the whole deployment; per-replica units end at the parsers (METHOD §1).
//!
//! ```text
//! like ─ predictors (interface, one folder a tool, list)
//! serving ─ claim ─ row ─ burst ─ curve ─ predicted ─ checks ─ offline (predictions from files alone) ─ given (a claim
//!                                                              in files beside a comparison)
//! ```

pub mod burst;
pub mod checks;
pub mod claim;
pub mod configurations;
pub mod curve;
pub mod given;
pub mod like;
pub mod offline;
pub mod predicted;
pub mod predictors;
pub mod row;
pub mod serving;
pub mod shape;

pub use burst::Burst;
pub use claim::{OperatingPoint, PredictedClaim};
pub use curve::{Curve, CurveError, CurvePoint, Extent, PredictedLevel};
pub use like::{Like, RowSubject, same_model};
pub use offline::{claim_held, gpus_claimed, pick_deployed, predict_deployed, predict_from_output};
pub use predicted::{Prediction, PredictionOrigin};
pub use predictors::pick;
pub use predictors::predictor::{Files, PickError, Picked, Predictor, Wanted};
pub use row::Row;
pub use serving::{Serving, Shape, Workers};
pub use shape::{HubModel, ShapeError, hinted_shape, read_backend, read_models, read_shape};
