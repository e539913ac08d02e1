//! A setting of an engine, as far as it can be read.

/// A setting as it stands in the manifests.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Setting<T> {
    /// Absent: the engine's default applies.
    #[default]
    Absent,
    /// Present.
    Read(T),
    /// Present, but not readable; why.
    Unreadable(String),
}

impl<T> Setting<T> {
    pub(super) fn value(&self) -> Option<&T> {
        match self {
            Self::Read(value) => Some(value),
            _ => None,
        }
    }

    /// The first of both that is there.
    pub(super) fn or(self, other: Self) -> Self {
        if matches!(self, Self::Absent) { other } else { self }
    }
}

impl Setting<u32> {
    /// The share of each of several groups.
    pub(super) fn divided_by(self, groups: u32) -> Self {
        match self {
            Self::Read(number) => Self::Read((number / groups.max(1)).max(1)),
            other => other,
        }
    }
}
