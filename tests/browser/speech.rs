//! Speech to send, and judging what was heard of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use handset::measure::{Recording, Search, Similarity, align};

/// Silence before the first word: longer than a call takes to be placed, answered and connected. A fake microphone
/// begins its file when the page opens it.
const LEAD_S: f64 = 8.0;

/// Rate of all recordings.
pub(crate) const RATE_HZ: u32 = 48_000;

/// A spoken sentence in a WAV file.
pub(crate) struct Speech {
    /// 48 kHz, 16 bit, mono.
    pub(crate) file: PathBuf,
    /// The same as samples.
    pub(crate) recording: Recording,
}

impl Speech {
    /// Two sentences in two voices.
    pub(crate) fn two(folder: &Path) -> Result<[Self; 2], String> {
        let say = |name, voice, words| Self::synthesise(folder, name, voice, words);
        Ok([
            say(
                "alice",
                "en-us+f3",
                "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background.",
            )?,
            say(
                "bob",
                "en-gb+m3",
                "Rice is often served in round bowls. The juice of lemons makes fine punch.",
            )?,
        ])
    }

    fn synthesise(folder: &Path, name: &str, voice: &str, words: &str) -> Result<Self, String> {
        let raw = folder.join(format!("{name}-raw.wav"));
        let file = folder.join(format!("{name}.wav"));
        run(Command::new("espeak-ng").args(["-v", voice, "-s", "160", "-w"]).arg(&raw).arg(words))?;
        let shape = ["-r", "48000", "-c", "1", "-b", "16"];
        run(Command::new("sox").arg(&raw).args(shape).arg(&file).args([
            "norm",
            "-6",
            "pad",
            &LEAD_S.to_string(),
            "0.5",
        ]))?;
        let recording = read_wav(&file)?;
        Ok(Self { file, recording })
    }

    /// How much of this speech is in `heard`, which begins with the call. A microphone has played its file since the
    /// call was placed, so the words come sooner in `heard` than in the file.
    pub(crate) fn found_in(&self, heard: &Recording) -> Similarity {
        let search = Search { from_ms: -1000.0 * LEAD_S, to_ms: 2_000.0 };
        align(&self.recording, heard, &search).similarity()
    }

    /// How long it is, silence included.
    pub(crate) fn duration_ms(&self) -> f64 {
        self.recording.duration_ms()
    }
}

/// Reads any WAV file as 48 kHz mono.
pub(crate) fn read_wav(file: &Path) -> Result<Recording, String> {
    let raw = ["-t", "raw", "-e", "signed-integer", "-b", "16", "-r", "48000", "-c", "1", "-"];
    Ok(from_pcm(&run(Command::new("sox").arg(file).args(raw))?))
}

/// Samples of 16 bits, little-endian, 48 kHz mono.
pub(crate) fn from_pcm(bytes: &[u8]) -> Recording {
    let samples =
        bytes.chunks_exact(2).map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0);
    Recording::new(samples.collect(), RATE_HZ, 0.0)
}

fn run(command: &mut Command) -> Result<Vec<u8>, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(format!("{command:?}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr)))
}
