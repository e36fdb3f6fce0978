//! What the two say, and how a WAV file becomes a recording.

use std::fs;
use std::path::Path;

use crate::measure::Recording;

use super::error::DemoError;

/// Three sentences each, synthetic, ours.
const ALICE: &[u8] = include_bytes!("../../../assets/alice.wav");
const BOB: &[u8] = include_bytes!("../../../assets/bob.wav");

/// Silence after the last word, so that it has arrived when the file is at its end and the speaker hangs up.
const TAIL_MS: u64 = 800;

/// Least length of speech that can be measured.
const LEAST_MS: f64 = 1_000.0;

/// The speech that comes with the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    Alice,
    Bob,
}

impl Voice {
    /// Its WAV file.
    fn wav(self) -> &'static [u8] {
        match self {
            Self::Alice => ALICE,
            Self::Bob => BOB,
        }
    }

    /// Writes what this voice says to `path`, with a moment of silence at the end.
    pub(super) fn write(self, path: &Path) -> Result<(), DemoError> {
        let wav = hound::WavReader::new(self.wav()).map_err(|source| wav_error(path, source))?;
        copy_with_tail(wav, path)
    }
}

/// Copies a file of the user's own, with a moment of silence at the end.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), DemoError> {
    let file = fs::File::open(from).map_err(|source| DemoError::File { path: from.into(), source })?;
    let wav =
        hound::WavReader::new(std::io::BufReader::new(file)).map_err(|source| wav_error(from, source))?;
    copy_with_tail(wav, to)?;
    let copied = read(to)?;
    if copied.duration_ms() < LEAST_MS + TAIL_MS as f64
        || copied.samples().iter().all(|sample| *sample == 0.0)
    {
        return Err(DemoError::NoSpeech { path: from.into() });
    }
    Ok(())
}

/// Writes 16-bit mono of the same rate.
fn copy_with_tail(mut wav: hound::WavReader<impl std::io::Read>, to: &Path) -> Result<(), DemoError> {
    let spec = wav.spec();
    let recording = mono(&mut wav).map_err(|source| wav_error(to, source))?;
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: spec.sample_rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let tail = u64::from(spec.sample_rate) * TAIL_MS / 1_000;
    let write = || -> Result<(), hound::Error> {
        let mut out = hound::WavWriter::create(to, spec)?;
        for sample in recording.samples().iter().copied().chain((0..tail).map(|_| 0.0)) {
            out.write_sample((sample * 32_767.0).round().clamp(-32_768.0, 32_767.0) as i16)?;
        }
        out.finalize()
    };
    write().map_err(|source| wav_error(to, source))
}

/// Reads a WAV file as mono; its first sample is at 0 ms.
pub(super) fn read(path: &Path) -> Result<Recording, DemoError> {
    let mut wav = hound::WavReader::open(path).map_err(|source| wav_error(path, source))?;
    mono(&mut wav).map_err(|source| wav_error(path, source))
}

fn mono(wav: &mut hound::WavReader<impl std::io::Read>) -> Result<Recording, hound::Error> {
    let spec = wav.spec();
    let samples: Result<Vec<f32>, hound::Error> = match spec.sample_format {
        hound::SampleFormat::Float => wav.samples::<f32>().collect(),
        hound::SampleFormat::Int => {
            let full = 2f32.powi(i32::from(spec.bits_per_sample) - 1);
            wav.samples::<i32>().map(|sample| Ok(sample? as f32 / full)).collect()
        }
    };
    Ok(Recording::from_interleaved(&samples?, usize::from(spec.channels), spec.sample_rate, 0.0))
}

fn wav_error(path: &Path, source: hound::Error) -> DemoError {
    match source {
        hound::Error::IoError(source) => DemoError::File { path: path.into(), source },
        source => DemoError::Wav { path: path.into(), source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{Level, Search, align};

    /// A folder for one test, gone after it.
    struct Folder(std::path::PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("handset-{name}-{}", std::process::id()));
            fs::create_dir_all(&folder).expect("a folder of the tests");
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn each_voice_speaks_loud_enough_and_ends_in_silence() {
        let folder = Folder::new("voices");
        for voice in [Voice::Alice, Voice::Bob] {
            let path = folder.0.join(format!("{voice:?}.wav"));
            voice.write(&path).expect("it can be written");
            let recording = read(&path).expect("and read");
            let level = Level::of(&recording);
            assert!((-30.0..-15.0).contains(&level.active_dbfs), "{voice:?}: {level:?}");
            assert_eq!(level.clipped_samples, 0);
            let tail = recording.samples().len() - recording.rate_hz() as usize * TAIL_MS as usize / 1_000;
            assert!(recording.samples()[tail..].iter().all(|sample| *sample == 0.0));
        }
    }

    #[test]
    fn the_two_voices_cannot_be_taken_for_each_other() {
        let read = |wav| mono(&mut hound::WavReader::new(wav).expect("our own WAV")).expect("whole");
        let track = align(&read(ALICE), &read(BOB), &Search::default());
        assert!(track.similarity().heard_share() < 0.2, "{:?}", track.similarity());
    }

    #[test]
    fn what_is_no_speech_is_refused_in_a_sentence() {
        let folder = Folder::new("refused");
        let text = folder.0.join("text.wav");
        fs::write(&text, "no sound at all").expect("a file of the tests");
        let sentence = |path: &Path| copy(path, &folder.0.join("copy.wav")).expect_err("refused").to_string();
        assert!(sentence(&text).contains("cannot be used as WAV"), "{}", sentence(&text));
        let missing = folder.0.join("missing.wav");
        assert!(sentence(&missing).contains("missing.wav: "), "{}", sentence(&missing));
        let short = folder.0.join("short.wav");
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 48_000,
            bits_per_sample: 24,
            sample_format: hound::SampleFormat::Int,
        };
        let mut out = hound::WavWriter::create(&short, spec).expect("a file of the tests");
        out.write_sample(1_000).and_then(|()| out.write_sample(1_000)).expect("two samples");
        out.finalize().expect("a whole file");
        assert!(sentence(&short).contains("holds no sound"), "{}", sentence(&short));
    }
}
