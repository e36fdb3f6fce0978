//! Who speaks, and how well that is heard.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::{env, fs};

use handset::audio::resample::{Quality, Resampler};

use crate::{ROOT, setting};

const RATE_HZ: u32 = 48_000;
/// Short voices are said again until they are so long.
const LEAST_SECONDS: f64 = 40.0;

/// A folder for recordings, gone with the program.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        let path = env::temp_dir().join(format!("handset-redundancy-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.wav"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A voice and where it stands as a file for the scorer.
pub(crate) struct Voice {
    pub(crate) name: String,
    pub(crate) samples: Vec<f32>,
    file: PathBuf,
}

impl Voice {
    /// Those that were asked for.
    pub(crate) fn all(folder: &Folder) -> Vec<Voice> {
        let files = env::var("SPEECH").unwrap_or(format!("{ROOT}/assets/alice.wav,{ROOT}/assets/bob.wav"));
        let seconds: f64 = setting("SECONDS", 60.0);
        files.split(',').map(|path| Voice::load(path, seconds, folder)).collect()
    }

    fn load(path: &str, seconds: f64, folder: &Folder) -> Voice {
        let name = Path::new(path).file_stem().expect("a file").to_string_lossy().into_owned();
        let once = read(path);
        let again = (LEAST_SECONDS * f64::from(RATE_HZ) / once.len() as f64).ceil().max(1.0);
        let mut samples = once.repeat(again as usize);
        samples.truncate((seconds * f64::from(RATE_HZ)) as usize);
        let file = folder.file(&format!("{name}-sent"));
        write(&file, &samples);
        Voice { name, samples, file }
    }

    /// Mean PESQ-WB of what was heard of it, about `delay_ms` later. `heard` is where that is written for the scorer.
    pub(crate) fn score(&self, samples: &[f32], heard: &Path, delay_ms: f64, scorers: &Scorers) -> f64 {
        write(heard, samples);
        scorers.score(&format!("{}\t{}\t{delay_ms:.1}", self.file.display(), heard.display()))
    }
}

/// Processes that score, as many as were busy at once: starting one takes as long as what it does.
#[derive(Default)]
pub(crate) struct Scorers(Mutex<Vec<Scorer>>);

struct Scorer {
    process: Child,
    asked: ChildStdin,
    answered: BufReader<ChildStdout>,
}

impl Scorers {
    fn score(&self, line: &str) -> f64 {
        let idle = self.0.lock().expect("nobody panics with it").pop();
        let mut scorer = idle.unwrap_or_else(Scorer::start);
        let score = scorer.score(line);
        self.0.lock().expect("nobody panics with it").push(scorer);
        score
    }
}

impl Scorer {
    fn start() -> Scorer {
        let mut process = Command::new(setting("HANDSET_PYTHON", format!("{ROOT}/target/venv/bin/python")))
            .args([&format!("{ROOT}/tools/pesq_score.py"), "--serve"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the scorer runs; tools/setup.sh --for test makes its environment");
        let (asked, answered) = (process.stdin.take(), process.stdout.take());
        let answered = BufReader::new(answered.expect("it is piped"));
        Scorer { asked: asked.expect("it is piped"), answered, process }
    }

    fn score(&mut self, line: &str) -> f64 {
        writeln!(self.asked, "{line}").expect("the scorer listens");
        let mut text = String::new();
        self.answered.read_line(&mut text).expect("the scorer answers");
        let mean = text.split("\"pesq_wb_mean\": ").nth(1);
        mean.and_then(|rest| rest.split(',').next()?.parse().ok())
            .expect("a score; what is wrong stands above")
    }
}

impl Drop for Scorer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Mono samples at 48 kHz of a 16-bit file, with nothing above what the file has: Opus would spend bits on that.
fn read(path: &str) -> Vec<f32> {
    let mut wav = hound::WavReader::open(path).expect("a WAV file");
    let file: Vec<f32> = wav.samples::<i16>().map(|s| f32::from(s.expect("16 bits")) / 32_768.0).collect();
    let mut resampler =
        Resampler::new(wav.spec().sample_rate, RATE_HZ, 1, Quality::File).expect("a usual rate");
    let mut samples = Vec::new();
    resampler.process(&file, |block| samples.extend_from_slice(block));
    resampler.finish(|block| samples.extend_from_slice(block));
    samples
}

fn write(path: &Path, samples: &[f32]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE_HZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec).expect("a file");
    for &sample in samples {
        wav.write_sample((sample.clamp(-1.0, 1.0) * 32_767.0) as i16).expect("room on the disk");
    }
    wav.finalize().expect("room on the disk");
}
