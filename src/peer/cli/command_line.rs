//! From the arguments of the process to the command that they name.

#![expect(clippy::print_stderr, reason = "a command line tells people what is wrong on stderr")]

use clap::Parser;
use tracing_subscriber::EnvFilter;

use super::args::{Cli, Command};
#[cfg(feature = "device")]
use super::devices;
use super::doctor;
use super::one_call::{Manner, converse};
use crate::peer::{Exit, demo, load, replay, simulate};

/// Runs the command line of this process.
pub fn run() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            return say(&error);
        }
    };
    match cli.command {
        None => with_logging(&cli.options.log, || converse(&cli.options, Manner::Interactive)),
        Some(Command::Call { to, options }) => {
            with_logging(&options.log, || converse(&options, Manner::Call { to: to.clone() }))
        }
        Some(Command::Answer { auto, keep, options }) => {
            with_logging(&options.log, || converse(&options, Manner::Answer { auto, keep }))
        }
        Some(Command::Doctor { options }) => with_logging(&options.log, || doctor::examine(&options)),
        Some(Command::Devices { json }) => list_devices(json),
        Some(Command::Simulate(args)) => with_logging("warn", || simulate::run(&args)),
        Some(Command::Replay(args)) => with_logging("warn", || replay::run(&args)),
        Some(Command::Load(args)) => with_logging("warn", || load::run(&args)),
        Some(Command::Demo(args)) => with_logging("warn,pulseaudio=off", || demo::run(&args)),
    }
}

/// Help and version are asked for; anything else is a mistake, said in one line before what else clap has to say.
fn say(error: &clap::Error) -> Exit {
    if !error.use_stderr() {
        let _ = error.print();
        return Exit::Done;
    }
    let text = error.render().to_string();
    let (what, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
    let what: Vec<&str> = what.lines().map(str::trim).collect();
    eprintln!("{}\n\n{}", what.join(" "), rest.trim_end());
    Exit::Usage
}

#[cfg(feature = "device")]
fn list_devices(json: bool) -> Exit {
    devices::list(json)
}

#[cfg(not(feature = "device"))]
fn list_devices(_json: bool) -> Exit {
    eprintln!("error: this program was built without sound devices (feature \"device\")");
    Exit::Audio
}

fn with_logging(filter: &str, run: impl FnOnce() -> Exit) -> Exit {
    let filter = match filter.parse::<EnvFilter>() {
        Ok(filter) => filter,
        Err(error) => {
            eprintln!("error: --log: expected a filter such as `info` or `handset=debug`: {error}");
            return Exit::Usage;
        }
    };
    // Only the first of a process counts, and there is only one.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
    run()
}
