//! The binary `bcmp`; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    bcmp::cli::run()
}
