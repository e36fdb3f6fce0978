//! Networks, seeds and receivers, one after the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use thiserror::Error;

use super::args::SimulateArgs;
use crate::audio::ReceiverConfig;
use crate::measure::PlayoutPlot;
use crate::peer::Exit;
use crate::peer::flight::{Arrived, Figures, Flight, FlightLog, HEADINGS, Table, Voice};
use crate::rtp::Samples;
use crate::sim::{LinkConfig, Path as Network, Stream};

/// IP, UDP, RTP with an extension, and SRTP's tag: what each packet takes on the wire beside its payload.
const OVERHEAD_BYTES: usize = 20 + 8 + 12 + 8 + 10;

/// Why a simulation cannot be made.
#[derive(Debug, Error)]
enum SimulateError {
    #[error("{0}")]
    Usage(String),
    #[error("cannot write {}: {source}", .path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Audio(#[from] crate::audio::Error),
}

impl SimulateError {
    fn exit(&self) -> Exit {
        match self {
            SimulateError::Usage(_) => Exit::Usage,
            SimulateError::File { .. } => Exit::File,
            SimulateError::Audio(_) => Exit::Internal,
        }
    }
}

/// Simulates, prints the table and draws the plots.
pub fn run(args: &SimulateArgs) -> Exit {
    match simulate(args) {
        Ok(()) => Exit::Done,
        Err(error) => {
            eprintln!("error: {error}");
            error.exit()
        }
    }
}

fn simulate(args: &SimulateArgs) -> Result<(), SimulateError> {
    let links = args.network.links().map_err(SimulateError::Usage)?;
    let voice = Voice::encode(&args.sender())?;
    fs::create_dir_all(&args.out).map_err(|source| SimulateError::File { path: args.out.clone(), source })?;
    let began = Instant::now();
    let mut table =
        Table::new(["network", "receiver", "seed", "path ms", "lost %"].into_iter().chain(HEADINGS));
    for (name, link) in &links {
        for receiver in args.receivers() {
            let mut runs = Vec::new();
            for seed in args.seed..args.seed.saturating_add(args.seeds) {
                let call = Call { args, voice: &voice, link, seed };
                let made = call.make(receiver)?;
                if args.each {
                    table.push(made.row(name, receiver, &seed.to_string()));
                }
                if seed == args.seed {
                    made.draw(&args.out, name, receiver, seed)?;
                }
                runs.push(made);
            }
            if !args.each || runs.len() > 1 {
                table.push(Made::mean(&runs).row(name, receiver, "mean"));
            }
        }
    }
    print!("{}", table.text());
    let simulated = links.len() as f64 * args.receivers().len() as f64 * args.seeds as f64 * args.seconds;
    println!(
        "\nDelay is from mouth to ear without the encoder's look-ahead: frame, path, jitter buffer. \
         {:.0} s of calls in {:.1} s; plots in {}/",
        simulated,
        began.elapsed().as_secs_f64(),
        args.out.display()
    );
    Ok(())
}

/// One call over one network.
struct Call<'a> {
    args: &'a SimulateArgs,
    voice: &'a Voice,
    link: &'a LinkConfig,
    seed: u64,
}

/// What came of it.
struct Made {
    log: FlightLog,
    figures: Figures,
    path_ms: f64,
    lost: f64,
}

impl Call<'_> {
    fn make(&self, receiver: ReceiverConfig) -> Result<Made, SimulateError> {
        // Virtual time has to begin somewhere.
        let start = Instant::now();
        let end = start + Duration::from_secs_f64(self.args.seconds);
        let flight = Flight { config: receiver, start, sink_ppm: self.args.sink_ppm };
        let mut wire = Wire::new(self, start, end);
        let log = flight.run(&mut wire)?;
        let path_ms = wire.path_ms / wire.arrived.max(1) as f64;
        let lost = 100.0 * (1.0 - wire.arrived as f64 / wire.sent.max(1) as f64).max(0.0);
        Ok(Made { figures: Figures::of(&log), log, path_ms, lost })
    }
}

impl Made {
    fn row(&self, network: &str, receiver: ReceiverConfig, seed: &str) -> Vec<String> {
        let head = [network.to_owned(), receiver.latency.to_string(), seed.to_owned()];
        let path = [format!("{:.1}", self.path_ms), format!("{:.2}", self.lost)];
        head.into_iter().chain(path).chain(self.figures.cells()).collect()
    }

    fn mean(runs: &[Made]) -> Made {
        let figures: Vec<Figures> = runs.iter().map(|made| made.figures).collect();
        let mean = |of: fn(&Made) -> f64| runs.iter().map(of).sum::<f64>() / runs.len().max(1) as f64;
        Made {
            log: FlightLog::default(),
            figures: Figures::mean(&figures),
            path_ms: mean(|made| made.path_ms),
            lost: mean(|made| made.lost),
        }
    }

    fn draw(
        &self,
        folder: &Path,
        network: &str,
        receiver: ReceiverConfig,
        seed: u64,
    ) -> Result<(), SimulateError> {
        let file = format!("{}-{}.svg", network.replace(' ', "-"), receiver.latency);
        let Figures { p50_ms, p95_ms, concealed, .. } = self.figures;
        // The receiver knows its target above the fastest packets; here everything is counted from the mouth.
        let fastest_ms = self.log.arrivals.iter().map(|arrival| arrival.1).fold(f64::INFINITY, f64::min);
        let moments: Vec<_> = self
            .log
            .moments
            .iter()
            .map(|moment| crate::measure::PlayoutMoment {
                target_ms: moment.target_ms + fastest_ms,
                ..*moment
            })
            .collect();
        let svg = PlayoutPlot {
            title: &format!("{network}, {} receiver, seed {seed}", receiver.latency),
            subtitle: &format!(
                "delay {p50_ms:.1} ms (95 %: {p95_ms:.1} ms), path {:.1} ms, lost {:.2} %, made up {concealed:.2} %",
                self.path_ms, self.lost
            ),
            delay_label: "from mouth to ear, without the encoder's look-ahead, ms",
            moments: &moments,
            arrivals: &self.log.arrivals,
            marks: &[],
        }
        .svg();
        let path = folder.join(file);
        fs::write(&path, svg).map_err(|source| SimulateError::File { path, source })
    }
}

/// The packets of one direction as they come out of the network, made as they are asked for.
struct Wire<'a> {
    voice: &'a Voice,
    stream: Stream,
    network: Network<(Samples, Instant, crate::rtp::Packet)>,
    next: Option<crate::sim::Sent>,
    /// Speed of the sender's clock against true time.
    pace: f64,
    end: Instant,
    sent: u64,
    arrived: u64,
    /// Sum over what arrived of its time on the way, in milliseconds.
    path_ms: f64,
}

impl<'a> Wire<'a> {
    fn new(call: &Call<'a>, start: Instant, end: Instant) -> Wire<'a> {
        let config = call.args.stream();
        let mut wire = Wire {
            voice: call.voice,
            pace: 1.0 + config.ppm * 1e-6,
            stream: Stream::new(config, start),
            network: Network::new([call.link.clone()], call.seed, start),
            next: None,
            end,
            sent: 0,
            arrived: 0,
            path_ms: 0.0,
        };
        wire.advance();
        wire
    }

    fn advance(&mut self) {
        let voice = self.voice;
        let sent = self.stream.next(|number| voice.packet(number));
        self.next = Some(sent).filter(|sent| sent.at <= self.end);
    }

    /// Puts packets in until the network's next one cannot be overtaken by one that is still to be sent.
    fn feed(&mut self) {
        while let Some(sent) = self.next.take() {
            if self.network.poll_timeout().is_some_and(|arrival| arrival < sent.at) {
                self.next = Some(sent);
                return;
            }
            self.sent += 1;
            let bytes = sent.packet.payload.len() + OVERHEAD_BYTES;
            self.network.send(sent.at, bytes, (sent.spoken, sent.at, sent.packet));
            self.advance();
        }
    }

    /// When a sample of the sender's count was spoken, in milliseconds of true time since the start.
    fn spoken_ms(&self, spoken: Samples) -> f64 {
        spoken.ms() / self.pace
    }
}

impl Iterator for Wire<'_> {
    type Item = Arrived;

    fn next(&mut self) -> Option<Arrived> {
        loop {
            self.feed();
            let at = self.network.poll_timeout()?;
            let Some((arrival, (spoken, sent_at, packet))) = self.network.poll(at) else { continue };
            self.arrived += 1;
            self.path_ms += arrival.saturating_duration_since(sent_at).as_secs_f64() * 1000.0;
            let spoken_ms = self.spoken_ms(spoken);
            return Some(Arrived { packet: crate::rtp::Packet { arrival, ..packet }, spoken_ms });
        }
    }
}
