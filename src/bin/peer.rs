//! Places and takes calls: arguments in, library, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    handset::peer::cli::run().into()
}
