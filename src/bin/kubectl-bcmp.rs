//! The plugin of kubectl: `kubectl bcmp` runs it. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    bcmp::cli::plugin::run()
}
