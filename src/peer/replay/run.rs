//! A file, and every receiver that is to be compared.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use thiserror::Error;

use super::args::ReplayArgs;
use super::recorded::Recorded;
use crate::measure::PlayoutPlot;
use crate::peer::Exit;
use crate::peer::flight::{Figures, Flight, FlightLog, HEADINGS, Table};
use crate::trace::{Capture, MAGIC, StreamChoice, Trace, TraceError};

/// Longest file that is read: a day of a call with its sound.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// Why a file cannot be replayed.
#[derive(Debug, Error)]
enum ReplayError {
    #[error("cannot read {}: {source}", .path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: expected at most {MAX_FILE_BYTES} bytes, found {bytes}", .path.display())]
    TooLong { path: PathBuf, bytes: u64 },
    #[error("{}: {source}", .path.display())]
    Trace { path: PathBuf, source: TraceError },
    #[error("{}: it holds no packet that could be played", .path.display())]
    Empty { path: PathBuf },
    #[error("cannot write {}: {source}", .path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Audio(#[from] crate::audio::Error),
}

impl ReplayError {
    fn exit(&self) -> Exit {
        match self {
            ReplayError::Audio(_) => Exit::Internal,
            _ => Exit::File,
        }
    }
}

/// Replays, prints the table and draws the plots.
pub fn run(args: &ReplayArgs) -> Exit {
    match replay(args) {
        Ok(()) => Exit::Done,
        Err(error) => {
            eprintln!("error: {error}");
            error.exit()
        }
    }
}

fn replay(args: &ReplayArgs) -> Result<(), ReplayError> {
    // Virtual time has to begin somewhere.
    let start = Instant::now();
    let recorded = open(args, start)?;
    let Some(last) = recorded.arrivals.last() else {
        return Err(ReplayError::Empty { path: args.file.clone() });
    };
    let seconds = last.packet.arrival.saturating_duration_since(start).as_secs_f64();
    println!("{}: {} packets in {seconds:.1} s", args.file.display(), recorded.arrivals.len());
    if recorded.left_out > 0 {
        println!("{} more could not be read when they came, and are left out", recorded.left_out);
    }
    fs::create_dir_all(&args.out).map_err(|source| ReplayError::Write { path: args.out.clone(), source })?;
    let mut table = Table::new(["receiver"].into_iter().chain(HEADINGS));
    let mut show = |name: &str, log: &FlightLog| {
        let figures = Figures::of(log);
        table.push([name.to_owned()].into_iter().chain(figures.cells()));
        draw(args, &recorded, name, log, figures)
    };
    if let Some(then) = &recorded.then {
        let mut then = then.clone();
        then.arrivals = lateness(&recorded, start);
        then.payload_bytes = recorded.arrivals.iter().map(|a| a.packet.payload.len() as u64).sum();
        show("as it was", &then)?;
    }
    for (name, config) in args.receivers() {
        let flight = Flight { config, start, sink_ppm: 0.0 };
        show(&name, &flight.run(recorded.arrivals.iter().cloned())?)?;
    }
    print!("\n{}", table.text());
    println!("\nDelay is counted from the fastest packets; plots in {}/", args.out.display());
    Ok(())
}

fn open(args: &ReplayArgs, start: Instant) -> Result<Recorded, ReplayError> {
    let path = || args.file.clone();
    let bytes = fs::metadata(&args.file).map_err(|source| ReplayError::Read { path: path(), source })?.len();
    if bytes > MAX_FILE_BYTES {
        return Err(ReplayError::TooLong { path: path(), bytes });
    }
    let file = fs::read(&args.file).map_err(|source| ReplayError::Read { path: path(), source })?;
    let refused = |source| ReplayError::Trace { path: path(), source };
    if file.starts_with(MAGIC) {
        let trace = Trace::parse(&file).map_err(refused)?;
        if trace.is_cut_off {
            println!(
                "{}: it ends in the middle of a block; what is before it is replayed",
                args.file.display()
            );
        }
        return Ok(Recorded::from_trace(&trace, start)?);
    }
    let capture = Capture::parse(&file, StreamChoice { ssrc: args.ssrc }).map_err(refused)?;
    println!("{}: the stream with the source {:08x}", args.file.display(), capture.ssrc);
    Ok(Recorded::from_capture(&capture, start))
}

fn lateness(recorded: &Recorded, start: Instant) -> Vec<(f64, f64)> {
    let late = |arrived: &crate::peer::flight::Arrived| {
        let at_ms = arrived.packet.arrival.saturating_duration_since(start).as_secs_f64() * 1000.0;
        (at_ms, at_ms - arrived.spoken_ms)
    };
    recorded.arrivals.iter().map(late).collect()
}

fn draw(
    args: &ReplayArgs,
    recorded: &Recorded,
    name: &str,
    log: &FlightLog,
    figures: Figures,
) -> Result<(), ReplayError> {
    let Figures { p50_ms, p95_ms, concealed, .. } = figures;
    let file = args.file.file_name().unwrap_or_default().to_string_lossy();
    let svg = PlayoutPlot {
        title: &format!("{file}, {name}"),
        subtitle: &format!("delay {p50_ms:.1} ms (95 %: {p95_ms:.1} ms), made up {concealed:.2} %"),
        delay_label: "above the fastest packets, ms",
        moments: &log.moments,
        arrivals: &log.arrivals,
        marks: &recorded.marks,
    }
    .svg();
    let path: PathBuf = Path::new(&args.out).join(format!("{}.svg", name.replace(' ', "-")));
    fs::write(&path, svg).map_err(|source| ReplayError::Write { path, source })
}
