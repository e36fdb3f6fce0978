//! A WAV file that is played into the call.

use std::{
    fs::File,
    io::{self, BufReader},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
};

use hound::{SampleFormat, WavReader};
use ringbuf::{
    HeapCons, HeapProd, HeapRb,
    traits::{Consumer, Observer, Producer, Split},
};

use super::PacedSource;
use crate::audio::{
    Channels, Error, SAMPLE_RATE, pcm,
    resample::{Quality, Resampler, SAMPLE_RATES},
};

/// How much of the file is read ahead, in seconds: a disk may stand still this long.
const RING_SECONDS: usize = 2;

/// Frames of the file that are read in one go.
const BLOCK_FRAMES: usize = 1024;

/// More channels than any recording of people has; a file with more is not one.
const MAX_FILE_CHANNELS: u16 = 32;

/// A reader with a full ring looks this often whether there is room, should it have missed the call.
const IDLE: Duration = Duration::from_millis(500);

/// Plays a WAV file: 8, 16, 24 or 32-bit or float, any common rate, any number of channels.
///
/// The first seconds are read when it is opened, the rest by a thread that keeps ahead. The file's end is the
/// source's; a file that is cut short is played as far as it goes.
pub struct WavSource {
    ring: HeapCons<f32>,
    /// Set once the last sample of the file is in the ring.
    all_read: Arc<AtomicBool>,
    reader: Option<Thread>,
    duration: Duration,
}

impl WavSource {
    /// Opens a file and reads its first seconds; its sound will have `channels`.
    ///
    /// # Errors
    /// [`Error::Wav`] if it is not there, not WAV, of a coding that is not PCM, or empty; [`Error::Thread`].
    pub fn open(path: &Path, channels: Channels) -> Result<WavSource, Error> {
        let failed = |reason: String| Error::Wav { path: path.to_owned(), reason };
        let file = WavReader::open(path).map_err(|error| failed(explain(error)))?;
        let spec = file.spec();
        if !SAMPLE_RATES.contains(&spec.sample_rate) {
            let (least, most) = (SAMPLE_RATES.start(), SAMPLE_RATES.end());
            return Err(failed(format!("{} Hz, but rates are from {least} to {most} Hz", spec.sample_rate)));
        }
        if spec.channels > MAX_FILE_CHANNELS {
            return Err(failed(format!("{} channels, more than {MAX_FILE_CHANNELS}", spec.channels)));
        }
        if file.duration() == 0 {
            return Err(failed("holds no sound".to_owned()));
        }
        let duration = Duration::from_secs_f64(f64::from(file.duration()) / f64::from(spec.sample_rate));
        let resampler = Resampler::new(spec.sample_rate, SAMPLE_RATE, channels.count(), Quality::File)?;
        let (prod, ring) = HeapRb::new(RING_SECONDS * SAMPLE_RATE as usize * channels.count()).split();
        let all_read = Arc::new(AtomicBool::new(false));
        let mut feeder = Feeder {
            block: Vec::with_capacity(BLOCK_FRAMES * usize::from(spec.channels)),
            mixed: Vec::with_capacity(BLOCK_FRAMES * channels.count()),
            converted: Vec::new(),
            at_end: false,
            file,
            resampler,
            channels,
            ring: prod,
            all_read: all_read.clone(),
        };
        feeder.fill();
        // A short file is in the ring by now and needs no thread.
        let reader = if feeder.is_done() { None } else { Some(spawn(feeder)?) };
        Ok(WavSource { ring, all_read, reader, duration })
    }

    /// How long it plays.
    pub fn duration(&self) -> Duration {
        self.duration
    }
}

impl PacedSource for WavSource {
    fn read(&mut self, out: &mut [f32]) -> usize {
        let read = self.ring.pop_slice(out);
        if self.ring.occupied_len() < self.ring.capacity().get() / 2
            && let Some(reader) = &self.reader
        {
            reader.unpark();
        }
        read
    }

    fn is_over(&self) -> bool {
        self.all_read.load(Ordering::Acquire) && self.ring.is_empty()
    }
}

impl Drop for WavSource {
    fn drop(&mut self) {
        if let Some(reader) = &self.reader {
            reader.unpark();
        }
    }
}

fn spawn(mut feeder: Feeder) -> Result<Thread, Error> {
    let run = move || {
        while !feeder.is_done() && feeder.ring.read_is_held() {
            thread::park_timeout(IDLE);
            feeder.fill();
        }
    };
    let handle = thread::Builder::new().name("wav-reader".to_owned()).spawn(run);
    let handle = handle.map_err(|source| Error::Thread { name: "wav-reader", source })?;
    Ok(handle.thread().clone())
}

/// What is wrong with a file, in the words of someone who wants to play it.
fn explain(error: hound::Error) -> String {
    match error {
        // hound says so of a file that ends too early, in an error of no particular kind.
        hound::Error::IoError(error) if error.kind() == io::ErrorKind::Other => {
            "not a WAV file: it ends within its header".to_owned()
        }
        hound::Error::IoError(error) => format!("cannot be read: {error}"),
        hound::Error::FormatError(reason) => format!("not a WAV file: {reason}"),
        hound::Error::Unsupported => "a WAV file of a coding other than PCM and float".to_owned(),
        other => format!("not a WAV file that can be played: {other}"),
    }
}

/// Reads, mixes and converts the file into the ring.
struct Feeder {
    file: WavReader<BufReader<File>>,
    channels: Channels,
    resampler: Resampler,
    ring: HeapProd<f32>,
    all_read: Arc<AtomicBool>,
    /// One block as it is in the file.
    block: Vec<f32>,
    /// The same with the channels of the call.
    mixed: Vec<f32>,
    /// The same at the rate of the call, as far as it is not in the ring yet.
    converted: Vec<f32>,
    /// Whether the file has no more.
    at_end: bool,
}

impl Feeder {
    /// Puts as much into the ring as there is room for.
    fn fill(&mut self) {
        loop {
            let pushed = self.ring.push_slice(&self.converted);
            self.converted.drain(..pushed);
            if !self.converted.is_empty() {
                return;
            }
            if self.at_end {
                return self.all_read.store(true, Ordering::Release);
            }
            self.read_block();
        }
    }

    fn is_done(&self) -> bool {
        self.at_end && self.converted.is_empty()
    }

    /// Reads and converts one block.
    fn read_block(&mut self) {
        let in_channels = usize::from(self.file.spec().channels);
        self.block.clear();
        let wanted = BLOCK_FRAMES * in_channels;
        let intact = match self.file.spec().sample_format {
            SampleFormat::Float => extend(&mut self.block, wanted, self.file.samples::<f32>()),
            SampleFormat::Int => {
                let full_scale = 2f32.powi(i32::from(self.file.spec().bits_per_sample) - 1);
                let samples = self.file.samples::<i32>().map(|s| s.map(|s| s as f32 / full_scale));
                extend(&mut self.block, wanted, samples)
            }
        };
        if let Err(error) = intact {
            tracing::warn!(%error, "the WAV file is cut short");
        }
        self.at_end = self.block.len() < wanted;
        self.mixed.clear();
        for frame in self.block.chunks_exact(in_channels) {
            self.mixed.extend_from_slice(&pcm::remix(frame, self.channels)[..self.channels.count()]);
        }
        let converted = &mut self.converted;
        self.resampler.process(&self.mixed, |samples| converted.extend_from_slice(samples));
        if self.at_end {
            self.resampler.finish(|samples| converted.extend_from_slice(samples));
        }
    }
}

/// Takes up to `wanted` samples, as far as they can be read.
fn extend(
    block: &mut Vec<f32>,
    wanted: usize,
    samples: impl Iterator<Item = hound::Result<f32>>,
) -> hound::Result<()> {
    for sample in samples.take(wanted) {
        let sample = sample?;
        block.push(if sample.is_finite() { sample } else { 0.0 });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use hound::{WavSpec, WavWriter};

    use super::super::testing::TempFile;
    use super::*;
    use crate::audio::opus::testing::correlation;

    const PCM_BITS: [u16; 4] = [8, 16, 24, 32];

    fn write_sine(
        name: &str,
        sample_rate: u32,
        channels: u16,
        bits: u16,
        float: bool,
        seconds: f32,
    ) -> TempFile {
        let file = TempFile::new(name);
        let sample_format = if float { SampleFormat::Float } else { SampleFormat::Int };
        let spec = WavSpec { channels, sample_rate, bits_per_sample: bits, sample_format };
        let mut writer = WavWriter::create(&file.0, spec).unwrap();
        for i in 0..(sample_rate as f32 * seconds) as u32 {
            let sample =
                (i as f64 * 440.0 * std::f64::consts::TAU / f64::from(sample_rate)).sin() as f32 * 0.5;
            for _ in 0..channels {
                if float {
                    writer.write_sample(sample).unwrap();
                } else {
                    writer.write_sample((sample * 2f32.powi(i32::from(bits) - 1)) as i32).unwrap();
                }
            }
        }
        writer.finalize().unwrap();
        file
    }

    fn play(source: &mut WavSource) -> Vec<f32> {
        let (mut sound, mut out) = (Vec::new(), [0.0; 960]);
        while !source.is_over() {
            let read = source.read(&mut out);
            sound.extend_from_slice(&out[..read]);
            if read == 0 {
                thread::sleep(Duration::from_millis(1));
            }
        }
        sound
    }

    #[track_caller]
    fn assert_is_sine(sound: &[f32], seconds: f32) {
        assert_eq!(sound.len(), (48_000.0 * seconds) as usize);
        let expected: Vec<f32> = (0..sound.len())
            .map(|i| (i as f64 * 440.0 * std::f64::consts::TAU / 48_000.0).sin() as f32 * 0.5)
            .collect();
        let alike = correlation(&expected, sound);
        assert!(alike > 0.999, "{alike}");
        let peak = sound.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        assert!((0.45..0.55).contains(&peak), "{peak}");
    }

    #[test]
    fn files_of_every_width_sound_the_same() {
        for bits in PCM_BITS {
            let file = write_sine(&format!("{bits}.wav"), 48_000, 1, bits, false, 0.25);
            assert_is_sine(&play(&mut WavSource::open(&file.0, Channels::Mono).unwrap()), 0.25);
        }
        let file = write_sine("float.wav", 48_000, 1, 32, true, 0.25);
        assert_is_sine(&play(&mut WavSource::open(&file.0, Channels::Mono).unwrap()), 0.25);
    }

    #[test]
    fn files_of_every_rate_and_number_of_channels_sound_the_same() {
        for (rate, channels) in [(8_000, 1), (16_000, 2), (44_100, 2), (44_100, 6), (96_000, 1), (192_000, 2)]
        {
            let file = write_sine(&format!("{rate}-{channels}.wav"), rate, channels, 16, false, 0.5);
            assert_is_sine(&play(&mut WavSource::open(&file.0, Channels::Mono).unwrap()), 0.5);
            let stereo = play(&mut WavSource::open(&file.0, Channels::Stereo).unwrap());
            assert!(stereo.chunks(2).all(|frame| frame[0] == frame[1]));
            assert_is_sine(&stereo.iter().step_by(2).copied().collect::<Vec<_>>(), 0.5);
        }
    }

    #[test]
    fn a_file_longer_than_the_ring_is_played_to_its_end() {
        let file = write_sine("long.wav", 16_000, 1, 16, false, 7.0);
        let mut source = WavSource::open(&file.0, Channels::Mono).unwrap();
        assert_eq!(source.duration(), Duration::from_secs(7));
        assert_is_sine(&play(&mut source), 7.0);
    }

    #[test]
    fn a_file_that_is_cut_short_is_played_as_far_as_it_goes() {
        let file = write_sine("cut.wav", 48_000, 1, 16, false, 0.5);
        let bytes = fs::read(&file.0).unwrap();
        fs::write(&file.0, &bytes[..bytes.len() / 2]).unwrap();
        let sound = play(&mut WavSource::open(&file.0, Channels::Mono).unwrap());
        assert!((11_900..12_000).contains(&sound.len()), "{}", sound.len());
    }

    #[test]
    fn what_cannot_be_played_is_refused_in_one_sentence() {
        let refuse = |name: &str, bytes: &[u8]| {
            let file = TempFile::new(name);
            fs::write(&file.0, bytes).unwrap();
            let error = WavSource::open(&file.0, Channels::Mono).err().unwrap().to_string();
            error.strip_prefix(&format!("{}: ", file.0.display())).unwrap().to_owned()
        };
        assert_eq!(refuse("empty.wav", b""), "not a WAV file: it ends within its header");
        assert_eq!(
            refuse("text.wav", b"I am no WAV file at all, really"),
            "not a WAV file: no RIFF tag found"
        );
        let mp3_in_wav = [
            &b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x55\0\x01\0\x80\xbb\0\0\0\x77\x01\0\x02\0\x10\0data"[..],
            &[0; 100],
        ]
        .concat();
        assert_eq!(refuse("mp3.wav", &mp3_in_wav), "a WAV file of a coding other than PCM and float");
        let silent = write_sine("silent.wav", 48_000, 1, 16, false, 0.0);
        let error = WavSource::open(&silent.0, Channels::Mono).err().unwrap().to_string();
        assert!(error.ends_with("holds no sound"), "{error}");
        let slow = write_sine("slow.wav", 4_000, 1, 16, false, 0.1);
        let error = WavSource::open(&slow.0, Channels::Mono).err().unwrap().to_string();
        assert!(error.ends_with("4000 Hz, but rates are from 8000 to 192000 Hz"), "{error}");
        let error = WavSource::open(Path::new("/nowhere.wav"), Channels::Mono).err().unwrap().to_string();
        assert!(error.starts_with("/nowhere.wav: cannot be read: No such file"), "{error}");
    }

    #[test]
    fn hostile_headers_never_panic() {
        let file = write_sine("hostile.wav", 48_000, 2, 16, false, 0.01);
        let good = fs::read(&file.0).unwrap();
        let mut seed = 1u32;
        for _ in 0..2000 {
            let mut bytes = good.clone();
            for _ in 0..3 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                bytes[(seed >> 16) as usize % 44] = (seed >> 8) as u8;
            }
            fs::write(&file.0, &bytes).unwrap();
            if let Ok(mut source) = WavSource::open(&file.0, Channels::Mono) {
                source.read(&mut [0.0; 480]);
            }
        }
    }
}
