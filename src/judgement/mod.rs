//! Prediction × measurement → SLA, gain, accuracy, verdict (METHOD §5–§8).

pub mod sla;
