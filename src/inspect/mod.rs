//! What a cluster has, for people: the objects of a run, and what a comparison needs there.
//!
//! Pure: whoever has the rights reads; what is read becomes lines, files and findings here.

pub mod bundle;
pub mod check;
pub mod findings;
mod images;
pub mod logs;
pub mod nodes;
pub mod promote;
pub mod pulls;
pub mod sample;
pub mod stop;
pub mod systems;
pub mod tree;
