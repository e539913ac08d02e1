//! The method (METHOD.md): how a comparison is loaded, audited and judged.

pub mod window;
