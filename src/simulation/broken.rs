//! What a simulation does when its own set-up is wrong.

use std::fmt::{Debug, Display};

/// Ends the test. A simulation whose set-up is wrong (an object that the server refuses, an impossible prediction, a
/// condition that never comes) is a mistake in the test, which nothing but the test can put right; what is simulated
/// answers with errors.
#[track_caller]
#[expect(clippy::panic, reason = "the one place in which a simulation gives up")]
pub fn broken(what: impl Display) -> ! {
    panic!("{what}")
}

/// A value without which the simulation is [`broken`].
pub trait OrBroken {
    /// What is there when all is well.
    type Value;

    /// The value; the test ends where there is none.
    #[track_caller]
    fn or_broken(self, what: &str) -> Self::Value;
}

impl<T> OrBroken for Option<T> {
    type Value = T;

    #[track_caller]
    fn or_broken(self, what: &str) -> T {
        match self {
            Some(value) => value,
            None => broken(what),
        }
    }
}

impl<T, E: Debug> OrBroken for Result<T, E> {
    type Value = T;

    #[track_caller]
    fn or_broken(self, what: &str) -> T {
        match self {
            Ok(value) => value,
            Err(error) => broken(format_args!("{what}: {error:?}")),
        }
    }
}
