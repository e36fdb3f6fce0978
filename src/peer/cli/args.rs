//! The command line of `peer`: what can be said, and how it becomes a configuration.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::audio::control::Policy;
use crate::audio::device::{SinkSpec, SourceSpec};
use crate::audio::{Bitrate, Channels, FrameLength, Latency, Mode, SenderConfig};
use crate::call::Direction;
use crate::peer::config::{AtEnd, DEFAULT_SERVER, PeerConfig};
use crate::peer::load::LoadArgs;
use crate::peer::replay::ReplayArgs;
use crate::peer::simulate::SimulateArgs;
use crate::peer::{DemoArgs, Exit, TraceSpec};
use crate::rtp::{MAX_PARITY_FRAMES, MAX_RED_DISTANCE};
use crate::signaling::PeerId;

use super::ice_args::IceArgs;

/// Native, low-latency voice calls over WebRTC.
#[derive(Debug, Parser)]
#[command(
    name = "peer",
    version,
    about = "Native, low-latency voice calls over WebRTC",
    long_about = "Native, low-latency voice calls over WebRTC.\n\n\
        Without a command it is interactive: it shows who is online, places and takes calls.",
    after_long_help = after_help(),
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    /// What to do; without it `peer` is interactive.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options of the interactive mode.
    #[command(flatten)]
    pub options: PeerArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Call somebody; ends when the call does
    Call {
        /// Who: an id registered at the same switchboard
        #[arg(value_name = "ID")]
        to: String,
        /// As for every way of calling.
        #[command(flatten)]
        options: PeerArgs,
    },
    /// Wait for a call; ends when the call does
    Answer {
        /// Take the call without asking
        #[arg(long)]
        auto: bool,
        /// Go on waiting after a call has ended
        #[arg(long)]
        keep: bool,
        /// As for every way of calling.
        #[command(flatten)]
        options: PeerArgs,
    },
    /// Find out what would keep a call from getting through, and say it
    Doctor {
        /// As for every way of calling.
        #[command(flatten)]
        options: PeerArgs,
    },
    /// List microphones and speakers
    Devices {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Make a whole call on this machine and measure it
    Demo(DemoArgs),
    /// Put a call through simulated networks, print a table and draw it
    Simulate(Box<SimulateArgs>),
    /// Put a trace or a capture through the receiver again
    Replay(ReplayArgs),
    /// Make many calls at once on this machine, and say whether a deadline was missed
    Load(LoadArgs),
}

/// The options of every way of calling.
#[derive(Debug, Args)]
pub struct PeerArgs {
    /// The name that others call you by [default: peer-XXXX]
    #[arg(long, env = "HANDSET_ID", value_name = "NAME")]
    pub id: Option<String>,
    /// The switchboard
    #[arg(long, env = "HANDSET_SERVER", value_name = "URL", default_value = DEFAULT_SERVER)]
    pub server: String,
    /// Your voice: default, device:NAME, FILE.wav, - (48 kHz s16le PCM on stdin), tone:HZ, silence
    #[arg(long, value_name = "SRC", default_value = "default", help_heading = "Audio")]
    pub input: SourceSpec,
    /// Their voice: default, device:NAME, FILE.wav, - (48 kHz s16le PCM on stdout), null
    #[arg(long, value_name = "DST", default_value = "default", help_heading = "Audio")]
    pub output: SinkSpec,
    /// Speak, listen, or both
    #[arg(long, value_enum, default_value = "both", help_heading = "Audio")]
    pub direction: DirectionArg,
    /// What delay is traded against: ultra, low, balanced, robust
    #[arg(long, value_name = "WHAT", default_value_t, help_heading = "Audio")]
    pub latency: Latency,
    /// The most to send, in bits a second with every header [default: 64k; 256k with --latency ultra]
    #[arg(long, value_name = "BPS", help_heading = "Audio")]
    pub max_bitrate: Option<Bitrate>,
    /// Length of an Opus frame: 2.5, 5, 10, 20, 40 or 60 [default: as the network asks]
    #[arg(long, value_name = "MS", help_heading = "Audio")]
    pub frame_ms: Option<FrameLength>,
    /// Bitrate of Opus, 6000 to 510000 (or 6k to 510k) [default: as the network asks]
    #[arg(long, value_name = "BPS", help_heading = "Audio")]
    pub bitrate: Option<Bitrate>,
    /// Copies (RED): how many frames before its packet each was sent, 0 for none [default: as the network asks]
    #[arg(long, value_name = "FRAMES", value_parser = clap::value_parser!(u8).range(0..=i64::from(MAX_RED_DISTANCE)), help_heading = "Audio")]
    pub red_distance: Option<u8>,
    /// Parity: how many frames each block of it covers, 0 for none [default: as the network asks]
    #[arg(long, value_name = "FRAMES", value_parser = clap::value_parser!(u8).range(0..=i64::from(MAX_PARITY_FRAMES)), help_heading = "Audio")]
    pub parity: Option<u8>,
    /// Deep redundancy (DRED): how far back it reaches, 0 for none, to 1040 [default: as the network asks]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(0..=1040), help_heading = "Audio")]
    pub dred_ms: Option<u32>,
    /// Two channels instead of one
    #[arg(long, help_heading = "Audio")]
    pub stereo: bool,
    /// Code for music instead of voice
    #[arg(long, help_heading = "Audio")]
    pub music: bool,
    /// Send next to nothing while you are silent
    #[arg(long, help_heading = "Audio")]
    pub dtx: bool,
    /// Leave out the in-band forward error correction
    #[arg(long, help_heading = "Audio")]
    pub no_fec: bool,
    /// Authenticate each packet by 10 or 16 bytes also where the other side would take 4
    #[arg(long, help_heading = "Audio")]
    pub no_short_tags: bool,
    /// Send whole headers of RTP and RED, as captures show them, also where the other side would take shorter ones
    #[arg(long, help_heading = "Audio")]
    pub no_short_headers: bool,
    /// When an input file or pipe ends [default: hangup with --direction send, else silence]
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Audio")]
    pub at_end: Option<AtEndArg>,
    /// Give up a call that nobody answers after this many seconds
    #[arg(long, value_name = "S", default_value_t = 45, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub ring_limit: u64,
    /// Hang up after this many seconds of call
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub duration: Option<u64>,
    /// Use only this local address (may be repeated)
    #[arg(long, value_name = "ADDR")]
    pub bind: Vec<IpAddr>,
    /// Where to look for paths.
    #[command(flatten)]
    pub ice: IceArgs,
    /// Write every event as a JSON line to FILE, or to stdout with -
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Write down what each call goes through, without its sound, for `peer replay`
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Keep the sound of what arrives in the trace as well
    #[arg(long, requires = "trace")]
    pub trace_audio: bool,
    /// No statistics line, no remarks; errors only
    #[arg(long, short)]
    pub quiet: bool,
    /// What to log on stderr, for example `handset=debug`
    #[arg(long, value_name = "FILTER", env = "HANDSET_LOG", default_value = "warn,pulseaudio=off")]
    pub log: String,
}

/// See [`Direction`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DirectionArg {
    /// Speak and listen
    Both,
    /// Speak only
    Send,
    /// Listen only
    Receive,
}

/// See [`AtEnd`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AtEndArg {
    /// Go on in silence
    Silence,
    /// Hang up when it has been heard
    Hangup,
}

impl PeerArgs {
    /// The configuration that these options ask for.
    ///
    /// # Errors
    /// A sentence that says which options do not go together, with the exit code.
    pub fn config(&self, auto_answer: bool) -> Result<PeerConfig, (Exit, String)> {
        let usage = |message: String| (Exit::Usage, message);
        if self.output == SinkSpec::Stdout && self.writes_events_to_stdout() {
            return Err(usage("--output - and --events - both want stdout: give one of them a file".into()));
        }
        let id = match &self.id {
            Some(id) => id.parse().map_err(|error| usage(format!("--id: {error}")))?,
            None => random_id(),
        };
        let direction = self.direction();
        let policy = self.policy();
        if !policy.has_room() {
            let (frame, max) = (policy.frame.unwrap_or_default(), policy.max_bitrate_bps());
            return Err(usage(format!(
                "--frame-ms {frame}: the headers alone take more than --max-bitrate {max}"
            )));
        }
        Ok(PeerConfig {
            id,
            server: self.server.clone(),
            input: if direction.sends() { self.input.clone() } else { SourceSpec::Silence },
            output: if direction.receives() { self.output.clone() } else { SinkSpec::Null },
            direction,
            audio: self.audio(),
            policy,
            at_end: self.at_end(),
            auto_answer,
            ring_limit: Duration::from_secs(self.ring_limit),
            bind: self.bind.clone(),
            trace: self.trace.clone().map(|path| TraceSpec { path, with_audio: self.trace_audio }),
            ice: self.ice.options().map_err(usage)?,
            short_tags: !self.no_short_tags,
            short_headers: !self.no_short_headers,
        })
    }

    /// Whether stdout belongs to the events.
    pub fn writes_events_to_stdout(&self) -> bool {
        self.events.as_deref().is_some_and(|path| path.as_os_str() == "-")
    }

    fn direction(&self) -> Direction {
        match self.direction {
            DirectionArg::Both => Direction::Both,
            DirectionArg::Send => Direction::Send,
            DirectionArg::Receive => Direction::Receive,
        }
    }

    fn audio(&self) -> SenderConfig {
        let default = SenderConfig::default();
        SenderConfig {
            frame: self.frame_ms.unwrap_or(default.frame),
            bitrate: self.bitrate.unwrap_or(default.bitrate),
            channels: if self.stereo { Channels::Stereo } else { Channels::Mono },
            mode: if self.music { Mode::Music } else { Mode::Voice },
            dtx: self.dtx,
            fec: !self.no_fec,
            ..default
        }
    }

    fn policy(&self) -> Policy {
        Policy {
            latency: self.latency,
            max_bitrate_bps: self.max_bitrate.map(Bitrate::bps),
            frame: self.frame_ms,
            bitrate: self.bitrate,
            fec: self.no_fec.then_some(false),
            red_distance: self.red_distance,
            parity: self.parity,
            dred_ms: self.dred_ms,
        }
    }

    fn at_end(&self) -> AtEnd {
        match (self.at_end, self.direction) {
            (Some(AtEndArg::Hangup), _) | (None, DirectionArg::Send) => AtEnd::HangUp,
            (Some(AtEndArg::Silence), _) | (None, _) => AtEnd::Silence,
        }
    }
}

/// A name for somebody who did not choose one.
fn random_id() -> PeerId {
    let mut bytes = [0; 2];
    // Only a convenience: without randomness the switchboard will say that the id is taken.
    let _ = getrandom::fill(&mut bytes);
    format!("peer-{:04x}", u16::from_be_bytes(bytes)).parse().expect("letters, digits and a hyphen")
}

fn after_help() -> String {
    let mut text = String::from("Exit codes:\n");
    for (exit, meaning) in Exit::ALL {
        text.push_str(&format!("  {:>2}  {meaning}\n", exit as u8));
    }
    text.push_str(
        "\nExamples:\n\
        \x20 peer --id alice                                   interactive\n\
        \x20 peer answer --auto --id bob --output heard.wav    record whoever calls\n\
        \x20 peer call bob --id alice --input speech.wav       speak a file\n\
        \x20 sox in.flac -t raw -r 48000 -e signed -b 16 -c 1 - | peer call bob --direction send --input -\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(args: &[&str]) -> PeerArgs {
        let line = ["peer"].iter().chain(args);
        Cli::try_parse_from(line).expect("a good command line").options
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn stdout_serves_only_one_master() {
        let (exit, message) = options(&["--output", "-", "--events", "-"]).config(false).unwrap_err();
        assert_eq!(exit, Exit::Usage);
        assert!(message.contains("stdout"), "{message}");
    }

    #[test]
    fn one_who_only_speaks_hangs_up_at_the_end_of_the_file() {
        let args = ["--id", "a", "--input", "x.wav"];
        assert_eq!(options(&args).config(false).expect("fits").at_end, AtEnd::Silence);
        let sends = options(&[&args[..], &["--direction", "send"]].concat());
        assert_eq!(sends.config(false).expect("fits").at_end, AtEnd::HangUp);
    }

    #[test]
    fn frames_too_short_for_the_bitrate_are_refused_and_by_themselves_get_what_they_need() {
        let (exit, message) =
            options(&["--frame-ms", "5", "--max-bitrate", "64k"]).config(false).unwrap_err();
        assert_eq!(exit, Exit::Usage);
        assert!(message.contains("--max-bitrate"), "{message}");
        for frame in FrameLength::ALL {
            assert!(options(&["--frame-ms", &frame.to_string()]).config(false).is_ok(), "{frame}");
        }
    }

    #[test]
    fn what_a_direction_does_not_use_is_not_opened() {
        let receives = options(&["--direction", "receive"]).config(false).expect("fits");
        assert_eq!(receives.input, SourceSpec::Silence);
        let sends = options(&["--direction", "send"]).config(false).expect("fits");
        assert_eq!(sends.output, SinkSpec::Null);
    }
}
