//! What can be chosen about the demo.

use std::path::PathBuf;

use clap::Args;

/// Options of `peer demo`.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// Where the recordings, events and plots go
    #[arg(long, value_name = "DIR", default_value = "demo")]
    pub out: PathBuf,
    /// What alice says instead of her own three sentences
    #[arg(long, value_name = "FILE.wav")]
    pub speech: Option<PathBuf>,
    /// Length of an Opus frame: 2.5, 5, 10, 20, 40 or 60
    #[arg(long, value_name = "MS", default_value = "10")]
    pub frame_ms: String,
    /// Bitrate of Opus, as for a call
    #[arg(long, value_name = "BPS", default_value = "32000")]
    pub bitrate: String,
}
