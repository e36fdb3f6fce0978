//! What can be chosen about a simulation.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::audio::{Bitrate, FrameLength, Latency, ReceiverConfig, SenderConfig};
use crate::rtp::Samples;
use crate::sim::{
    Gap, Jitter, LinkConfig, Loss, Pauses, Profile, Rate, Reorder, RouteStep, Stalls, StreamConfig,
};

/// Options of `peer simulate`.
#[derive(Debug, Clone, Args)]
pub struct SimulateArgs {
    /// What the network is.
    #[command(flatten)]
    pub network: NetworkArgs,
    /// How long the call lasts, in seconds
    #[arg(long, value_name = "S", default_value_t = 60.0, value_parser = seconds)]
    pub seconds: f64,
    /// How many networks of each kind, from seed 1 on
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub seeds: u64,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Where the plots go, one for each network, of its first seed
    #[arg(long, value_name = "DIR", default_value = "simulated")]
    pub out: PathBuf,
    /// A line for each seed, and not their mean alone
    #[arg(long)]
    pub each: bool,
    /// What delay is traded against: ultra, low, balanced, robust (may be repeated, to compare)
    #[arg(long, value_name = "HOW", help_heading = "Receiver")]
    pub latency: Vec<Latency>,
    /// Delay above the fastest packets that is never exceeded, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = ReceiverConfig::default().max_delay_ms, help_heading = "Receiver")]
    pub max_delay: u32,
    /// How much faster than true time the receiver's sound device plays, in parts per million
    #[arg(long, value_name = "PPM", default_value_t = 0.0, allow_negative_numbers = true, value_parser = ppm, help_heading = "Receiver")]
    pub sink_ppm: f64,
    /// How much faster than true time the sender's microphone runs, in parts per million
    #[arg(long, value_name = "PPM", default_value_t = 0.0, allow_negative_numbers = true, value_parser = ppm, help_heading = "Sender")]
    pub source_ppm: f64,
    /// Length of an Opus frame: 2.5, 5, 10, 20, 40 or 60
    #[arg(long, value_name = "MS", default_value = "10", help_heading = "Sender")]
    pub frame_ms: FrameLength,
    /// Bitrate of Opus
    #[arg(long, value_name = "BPS", default_value = "32000", help_heading = "Sender")]
    pub bitrate: Bitrate,
    /// Copies of earlier frames in each packet (RFC 2198)
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=8), help_heading = "Sender")]
    pub copies: u8,
    /// Frames between one and its first copy
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16), help_heading = "Sender")]
    pub distance: u8,
    /// Losses that in-band FEC is prepared for, in percent; 0 sends none
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100), help_heading = "Sender")]
    pub fec: u8,
    /// Nothing is sent in pauses: talk and pause in turn, TALK:PAUSE in milliseconds
    #[arg(long, value_name = "TALK:PAUSE", value_parser = pauses, help_heading = "Sender")]
    pub dtx: Option<Pauses>,
    /// Another source takes over after so many seconds (may be repeated)
    #[arg(long, value_name = "S", value_parser = seconds, help_heading = "Sender")]
    pub source_change: Vec<f64>,
}

/// A network by name, or by its parts, or both: parts are put over the name's.
#[derive(Debug, Clone, Args)]
pub struct NetworkArgs {
    /// By name, or `all` (may be repeated); docs/networks.md describes them
    #[arg(long, value_name = "NAME", help_heading = "Network")]
    pub profile: Vec<String>,
    /// One-way delay in milliseconds
    #[arg(long, value_name = "MS", value_parser = millis, help_heading = "Network")]
    pub delay: Option<Duration>,
    /// normal:SD, uniform:HALF, exponential:MEAN, pareto:SCALE:SHAPE:MAX, correlated:SD:TAU
    #[arg(long, value_name = "HOW", help_heading = "Network")]
    pub jitter: Option<Jitter>,
    /// A measured delay: a file of lines `MS DELAY`, a delay below 0 being a loss
    #[arg(long, value_name = "FILE", conflicts_with = "jitter", help_heading = "Network")]
    pub jitter_trace: Option<PathBuf>,
    /// Packets may overtake one another
    #[arg(long, help_heading = "Network")]
    pub overtaking: bool,
    /// PERCENT, bursts:PERCENT:PACKETS, time:PERCENT:MS, states:P13:P31:P32:P23:P14 (may be repeated)
    #[arg(long, value_name = "HOW", help_heading = "Network")]
    pub loss: Vec<Loss>,
    /// PERCENT:MS of detour
    #[arg(long, value_name = "HOW", help_heading = "Network")]
    pub reorder: Option<Reorder>,
    /// Packets that come twice, in percent
    #[arg(long, value_name = "PERCENT", help_heading = "Network")]
    pub duplicate: Option<f64>,
    /// A bottleneck: BITS a second, or BITS:MS with the length of its queue
    #[arg(long, value_name = "BITS", help_heading = "Network")]
    pub rate: Option<Rate>,
    /// Everything is held from time to time: EVERY:LENGTH or EVERY:LENGTH:SPREAD
    #[arg(long, value_name = "HOW", help_heading = "Network")]
    pub stall: Option<Stalls>,
    /// Everything is lost for a while, as in a hand-over: AT:LENGTH (may be repeated)
    #[arg(long, value_name = "HOW", help_heading = "Network")]
    pub gap: Vec<Gap>,
    /// The route changes for good: AT:CHANGE (may be repeated)
    #[arg(long, value_name = "HOW", allow_hyphen_values = true, help_heading = "Network")]
    pub step: Vec<RouteStep>,
}

impl NetworkArgs {
    /// The networks that are meant, with their names.
    ///
    /// # Errors
    /// A sentence that names the option.
    pub fn links(&self) -> Result<Vec<(String, LinkConfig)>, String> {
        let mut profiles = Vec::new();
        for name in &self.profile {
            match name.as_str() {
                "all" => profiles.extend(Profile::ALL),
                name => profiles.push(name.parse().map_err(|error| format!("--profile: {error}"))?),
            }
        }
        if profiles.is_empty() {
            return Ok(vec![("as asked".into(), self.over(LinkConfig::default())?)]);
        }
        profiles.into_iter().map(|profile| Ok((profile.to_string(), self.over(profile.link())?))).collect()
    }

    /// What was asked for in the place of a link's own.
    fn over(&self, link: LinkConfig) -> Result<LinkConfig, String> {
        let duplicated = match self.duplicate {
            None => link.duplicated,
            Some(percent) if (0.0..=100.0).contains(&percent) => percent / 100.0,
            Some(percent) => return Err(format!("--duplicate: expected 0 to 100 percent, found {percent}")),
        };
        let or = |asked: &Vec<Loss>, own: Vec<Loss>| if asked.is_empty() { own } else { asked.clone() };
        Ok(LinkConfig {
            delay: self.delay.unwrap_or(link.delay),
            jitter: self.jitter()?.unwrap_or(link.jitter),
            overtaking: self.overtaking || link.overtaking,
            loss: or(&self.loss, link.loss),
            reorder: self.reorder.or(link.reorder),
            duplicated,
            rate: self.rate.or(link.rate),
            stalls: self.stall.or(link.stalls),
            gaps: if self.gap.is_empty() { link.gaps } else { self.gap.clone() },
            steps: if self.step.is_empty() { link.steps } else { self.step.clone() },
        })
    }

    fn jitter(&self) -> Result<Option<Jitter>, String> {
        let Some(path) = &self.jitter_trace else { return Ok(self.jitter.clone()) };
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("--jitter-trace: cannot read {}: {error}", path.display()))?;
        parse_trace(&text).map(Some).map_err(|line| {
            format!(
                "--jitter-trace: expected `MS DELAY`, both numbers and ascending in time, at line {line} of {}",
                path.display()
            )
        })
    }
}

/// Lines of time and delay; the number of the first line that is something else.
fn parse_trace(text: &str) -> Result<Jitter, usize> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let mut numbers = line.split([' ', '\t', ',']).filter(|word| !word.is_empty()).map(str::parse::<f64>);
        let (Some(Ok(at)), Some(Ok(delay)), None) = (numbers.next(), numbers.next(), numbers.next()) else {
            return Err(index + 1);
        };
        let ascends = points.last().is_none_or(|last| at > last.0);
        if !ascends || !at.is_finite() || !delay.is_finite() {
            return Err(index + 1);
        }
        points.push((at, delay));
    }
    if points.is_empty() { Err(1) } else { Ok(Jitter::Trace(points)) }
}

impl SimulateArgs {
    /// How the sender codes.
    pub(super) fn sender(&self) -> SenderConfig {
        SenderConfig {
            frame: self.frame_ms,
            bitrate: self.bitrate,
            fec: self.fec > 0,
            expected_loss_percent: self.fec,
            ..SenderConfig::default()
        }
    }

    /// What the sender puts into its packets, and when.
    pub(super) fn stream(&self) -> StreamConfig {
        StreamConfig {
            frame: Samples::from(self.frame_ms.samples()),
            copies: usize::from(self.copies),
            distance: usize::from(self.distance),
            ppm: self.source_ppm,
            pauses: self.dtx,
            source_changes: self.source_change.iter().map(|s| Duration::from_secs_f64(*s)).collect(),
            ..StreamConfig::default()
        }
    }

    /// The receivers that are compared.
    pub(super) fn receivers(&self) -> Vec<ReceiverConfig> {
        let latencies = if self.latency.is_empty() { vec![Latency::default()] } else { self.latency.clone() };
        let config =
            |latency| ReceiverConfig { latency, max_delay_ms: self.max_delay, ..ReceiverConfig::default() };
        latencies.into_iter().map(config).collect()
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    in_range(text, 0.1, 86_400.0, "seconds, 0.1 to 86400")
}

fn ppm(text: &str) -> Result<f64, String> {
    in_range(text, -10_000.0, 10_000.0, "parts per million, -10000 to 10000")
}

fn millis(text: &str) -> Result<Duration, String> {
    in_range(text, 0.0, 60_000.0, "milliseconds, 0 to 60000").map(|ms| Duration::from_secs_f64(ms / 1000.0))
}

fn in_range(text: &str, least: f64, most: f64, expected: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|value| (least..=most).contains(value));
    value.ok_or_else(|| format!("expected {expected}"))
}

fn pauses(text: &str) -> Result<Pauses, String> {
    let times =
        text.split_once(':').and_then(|(talk, pause)| Some((millis(talk).ok()?, millis(pause).ok()?)));
    match times {
        Some((talk, pause)) if !talk.is_zero() => Ok(Pauses { talk, pause }),
        _ => Err("expected TALK:PAUSE in milliseconds, such as 3000:2000".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: SimulateArgs,
    }

    fn args(words: &[&str]) -> Result<SimulateArgs, clap::Error> {
        Line::try_parse_from(["simulate"].iter().chain(words)).map(|line| line.args)
    }

    #[test]
    fn parts_are_put_over_those_of_the_name() {
        let asked = args(&["--profile", "lte", "--loss", "bursts:5:4", "--step", "5000:-20"]).unwrap();
        let links = asked.network.links().unwrap();
        assert_eq!(links[0].0, "lte");
        assert_eq!(links[0].1.delay, Profile::Lte.link().delay);
        assert_eq!(links[0].1.loss.len(), 1);
        assert_eq!(links[0].1.steps.len(), 1);
    }

    #[test]
    fn mistakes_are_said_in_a_sentence() {
        assert!(args(&["--dtx", "0:5"]).unwrap_err().to_string().contains("TALK:PAUSE"));
        assert!(args(&["--jitter", "gauss"]).unwrap_err().to_string().contains("normal:SD"));
        assert!(args(&["--profile", "modem"]).unwrap().network.links().unwrap_err().contains("modem"));
        assert!(args(&["--duplicate", "120"]).unwrap().network.links().unwrap_err().contains("120"));
    }

    #[test]
    fn a_measured_delay_is_read_line_by_line() {
        let points = vec![(0.0, 5.0), (10.5, -1.0)];
        assert_eq!(parse_trace("# a comment\n0 5\n10.5, -1\n"), Ok(Jitter::Trace(points)));
        assert_eq!(parse_trace("0 5\n0 6\n"), Err(2), "time stands still");
        assert_eq!(parse_trace("0 five\n"), Err(1));
        assert_eq!(parse_trace(""), Err(1));
    }
}
