//! What can be chosen about a replay.

use std::path::PathBuf;

use clap::Args;

use crate::audio::{Latency, ReceiverConfig};

/// Options of `peer replay`.
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    /// A trace of `peer --trace`, an rtpdump, or a pcap or pcapng file with unencrypted RTP
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Which stream of a capture: its source in hexadecimal [default: the one with the most packets]
    #[arg(long, value_name = "HEX", value_parser = hexadecimal)]
    pub ssrc: Option<u32>,
    /// What delay is traded against: ultra, low, balanced, robust (may be repeated) [default: all]
    #[arg(long, value_name = "HOW")]
    pub latency: Vec<Latency>,
    /// Delay above the fastest packets that is never exceeded, in milliseconds (may be repeated, to compare)
    #[arg(long, value_name = "MS")]
    pub max_delay: Vec<u32>,
    /// Where the plots go, one for each setting
    #[arg(long, value_name = "DIR", default_value = "replayed")]
    pub out: PathBuf,
}

impl ReplayArgs {
    /// The receivers that are compared, with what tells them apart.
    pub(super) fn receivers(&self) -> Vec<(String, ReceiverConfig)> {
        let latencies = if self.latency.is_empty() { Latency::ALL.to_vec() } else { self.latency.clone() };
        let most = match self.max_delay.is_empty() {
            true => vec![ReceiverConfig::default().max_delay_ms],
            false => self.max_delay.clone(),
        };
        let compared = most.len() > 1;
        let mut receivers = Vec::new();
        for latency in latencies {
            for &max_delay_ms in &most {
                let name = if compared { format!("{latency}-{max_delay_ms}ms") } else { latency.to_string() };
                receivers.push((name, ReceiverConfig { latency, max_delay_ms, ..ReceiverConfig::default() }));
            }
        }
        receivers
    }
}

fn hexadecimal(text: &str) -> Result<u32, String> {
    let digits = text.trim_start_matches("0x");
    u32::from_str_radix(digits, 16).map_err(|_| "expected up to eight hexadecimal digits".into())
}
