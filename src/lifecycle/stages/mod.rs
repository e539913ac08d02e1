//! What may happen to a run, in the order of its life. Each stage records facts in the status, and nothing else.

pub mod finish;
pub mod generate;
pub mod half_held;
pub mod measure;
pub mod queue;
pub mod rounds;
pub mod stalled;
pub mod start;
pub mod suspend;
pub mod teardown;
pub mod view;
