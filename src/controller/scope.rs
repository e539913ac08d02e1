//! Where the operator looks for comparisons.

use std::fmt::{self, Display, Formatter};

/// Which namespaces are watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them, and the nodes.
    Cluster,
    /// These, and no nodes.
    Namespaces(Vec<String>),
}

impl Display for Scope {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.write_str("all namespaces"),
            Self::Namespaces(names) => f.write_str(&names.join(", ")),
        }
    }
}
