//! A WAV file that is written while the call goes on.

use std::{
    fs::File,
    io::{self, BufWriter},
    path::Path,
};

use hound::{SampleFormat, WavSpec, WavWriter};

use super::SampleSink;
use crate::audio::{Channels, Error, SAMPLE_RATE, pcm};

/// How much sound may be missing from the file of a process that is killed, in seconds.
const FLUSH_SECONDS: usize = 1;

/// The sound data of a WAV file is counted in 32 bits; the rest of the file is far below this.
const MAX_DATA_BYTES: u64 = u32::MAX as u64 - 4096;

/// Writes 48 kHz 16-bit WAV. The file is valid after each second of sound, whatever becomes of the process.
pub struct WavSink {
    file: WavWriter<BufWriter<File>>,
    samples_per_flush: usize,
    unflushed: usize,
    bytes: u64,
}

impl WavSink {
    /// Creates the file, or empties it.
    ///
    /// # Errors
    /// [`Error::Wav`] if it cannot be created.
    pub fn create(path: &Path, channels: Channels) -> Result<WavSink, Error> {
        let spec = WavSpec {
            channels: channels.count() as u16,
            sample_rate: SAMPLE_RATE,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let failed = |error: hound::Error| Error::Wav {
            path: path.to_owned(),
            reason: format!("cannot be written: {}", reason(error)),
        };
        let mut file = WavWriter::create(path, spec).map_err(failed)?;
        file.flush().map_err(failed)?;
        let samples_per_flush = FLUSH_SECONDS * SAMPLE_RATE as usize * channels.count();
        Ok(WavSink { file, samples_per_flush, unflushed: 0, bytes: 0 })
    }
}

fn reason(error: hound::Error) -> io::Error {
    match error {
        hound::Error::IoError(error) => error,
        other => io::Error::other(other),
    }
}

impl SampleSink for WavSink {
    fn write(&mut self, samples: &[f32]) -> io::Result<()> {
        self.bytes += 2 * samples.len() as u64;
        if self.bytes > MAX_DATA_BYTES {
            return Err(io::Error::other("a WAV file holds no more than 4 GiB"));
        }
        for &sample in samples {
            self.file.write_sample(pcm::to_i16(sample)).map_err(reason)?;
        }
        self.unflushed += samples.len();
        if self.unflushed >= self.samples_per_flush {
            self.unflushed = 0;
            self.file.flush().map_err(reason)?;
        }
        Ok(())
    }

    fn is_urgent(&self) -> bool {
        false
    }

    fn finish(&mut self) -> io::Result<()> {
        self.file.flush().map_err(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::TempFile;
    use super::*;

    #[test]
    fn the_file_is_valid_from_the_first_second_on_and_whole_at_the_end() {
        let file = TempFile::new("sink.wav");
        let mut sink = WavSink::create(&file.0, Channels::Stereo).unwrap();
        assert_eq!(hound::WavReader::open(&file.0).unwrap().len(), 0);
        let samples: Vec<f32> = (0..48_000).map(|i| pcm::from_i16(i as i16)).collect();
        for _ in 0..5 {
            sink.write(&samples).unwrap();
        }
        // As if the process had been killed here: neither finished nor dropped.
        assert_eq!(hound::WavReader::open(&file.0).unwrap().duration(), 96_000);
        sink.finish().unwrap();
        let mut reader = hound::WavReader::open(&file.0).unwrap();
        assert_eq!(
            (reader.spec().sample_rate, reader.spec().channels, reader.duration()),
            (48_000, 2, 120_000)
        );
        let read: Vec<i16> = reader.samples().take(1000).map(Result::unwrap).collect();
        assert_eq!(read, (0..1000).collect::<Vec<i16>>());
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let error = WavSink::create(Path::new("/nowhere/x.wav"), Channels::Mono).err().unwrap().to_string();
        assert!(error.starts_with("/nowhere/x.wav: cannot be written: No such file"), "{error}");
    }
}
