//! The objects a run creates.

pub mod agent_contract;
