//! The ends of the wire: where sound enters and leaves. The only threads of this room.
//!
//! An end is named by a text ([`SourceSpec`], [`SinkSpec`]) and opened by [`open_input`] and [`open_output`].
//! What they give is of one of two kinds, by who owns the clock:
//!
//! - paced by us: [`Input::Paced`], [`Output::Paced`]. The run loop pulls or renders on its own deadlines.
//! - paced by the other side: [`Input::Live`], [`Output::Device`]. Sound comes or is wanted when the writer
//!   of a pipe or the sound card says so, and the [`Wake`] tells the run loop.
//!
//! | end | thread | what joins it to the run loop |
//! |---|---|---|
//! | a WAV file that plays | `wav-reader`: reads, converts | a ring of one second, filled ahead |
//! | PCM on stdin | `pcm-reader`: reads, holds back a writer that is too fast | a ring of one second, and the wake |
//! | a WAV file that is written, PCM on stdout | `audio-writer`: writes | a ring of two seconds |
//! | microphone, speaker | `audio-device`: opens, watches, reopens; cpal's own call the callbacks | a ring, and the wake |
//!
//! All of them end when their half of the ring is dropped. No thread here touches anything but its file or
//! stream, its ring half and its event channel; a callback of the sound card touches the ring and atomics alone.
#![expect(clippy::disallowed_methods, reason = "the edge: sound has a clock of its own")]

mod callback;
mod capture;
mod demand;
mod ends;
mod event;
#[cfg(feature = "device")]
mod hosts;
mod link;
mod live;
mod margin;
mod pace;
mod paced;
mod pcm_reader;
mod pipe;
mod playback;
mod spec;
#[cfg(feature = "device")]
mod starvation;
#[cfg(feature = "device")]
mod stream;
#[cfg(feature = "device")]
mod supervisor;
#[cfg(test)]
mod testing;
mod tone;
mod urgency;
mod wav_sink;
mod wav_source;

use std::sync::Arc;

pub use callback::{CaptureCallback, DeviceFormat, PlaybackCallback};
pub use capture::capture;
pub use ends::{Input, Output, check_input, check_output, open_input, open_output};
pub use event::EndEvent;
#[cfg(feature = "device")]
pub use hosts::{DeviceInfo, list};
pub use live::LiveInput;
pub use paced::{PacedOutput, PacedSource, SampleSink};
pub use pipe::LiveWriter;
pub use playback::{DeviceOutput, Due, playback};
pub use spec::{SinkSpec, SourceSpec};
pub use tone::{Silence, Tone};
pub use urgency::make_urgent;
pub use wav_sink::WavSink;
pub use wav_source::WavSource;

/// Wakes the run loop. Called from audio threads and from the callbacks of sound cards, so it neither blocks
/// nor allocates.
pub type Wake = Arc<dyn Fn() + Send + Sync>;
