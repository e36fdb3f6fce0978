//! Sound files and pipes, and what is heard of them.

use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use handset::measure::Recording;
use rustix::time::{ClockId, clock_gettime};

/// Rate of raw PCM.
pub(crate) const PCM_HZ: u32 = 48_000;

/// Writes a recording as a WAV file.
pub(crate) fn write_wav(path: &str, recording: &Recording) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: recording.rate_hz(),
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec).unwrap_or_else(|error| panic!("{path}: {error}"));
    for sample in recording.samples() {
        wav.write_sample((sample * 32_767.0) as i16).expect("room on the disk");
    }
    wav.finalize().expect("room on the disk");
}

/// Three samples for each one of a 16 kHz recording, with a windowed sinc between them.
pub(crate) fn to_48_khz(recording: &Recording) -> Vec<f32> {
    assert_eq!(recording.rate_hz(), 16_000);
    const HALF: isize = 24;
    let kernel: Vec<f32> = (-HALF..=HALF)
        .map(|tap| {
            let x = tap as f64 / 3.0 * std::f64::consts::PI;
            let window = 0.5 + 0.5 * (tap as f64 / (HALF + 1) as f64 * std::f64::consts::PI).cos();
            (if tap == 0 { 1.0 } else { x.sin() / x } * window) as f32
        })
        .collect();
    let input = recording.samples();
    (0..input.len() as isize * 3)
        .map(|output| {
            (-HALF..=HALF)
                .filter(|tap| (output + tap).rem_euclid(3) == 0)
                .filter_map(|tap| {
                    let at = usize::try_from((output + tap) / 3).ok()?;
                    Some(input.get(at)? * kernel[(HALF - tap) as usize])
                })
                .sum()
        })
        .collect()
}

/// `CLOCK_MONOTONIC`, which all processes share (ms).
pub(crate) fn now_ms() -> f64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as f64 * 1e3 + now.tv_nsec as f64 / 1e6
}

/// Writes samples as raw PCM in real time, a millisecond at a time; gives what was spoken and when.
pub(crate) fn speak(mut pipe: impl Write, samples: &[f32]) -> Recording {
    const PIECE: usize = PCM_HZ as usize / 1_000;
    let (start, start_ms) = (Instant::now(), now_ms());
    for (index, piece) in samples.chunks(PIECE).enumerate() {
        // A sample exists once its time has passed.
        let due = start + Duration::from_millis(index as u64 + 1);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let bytes: Vec<u8> =
            piece.iter().flat_map(|sample| ((sample * 32_767.0) as i16).to_le_bytes()).collect();
        if pipe.write_all(&bytes).and_then(|()| pipe.flush()).is_err() {
            break;
        }
    }
    Recording::new(samples.to_vec(), PCM_HZ, start_ms)
}

/// Reads raw PCM until its end. A piece is heard when it is read; reading is late by chance and never early, so the
/// piece that came earliest for its place says when the recording started.
pub(crate) fn hear(mut pipe: impl Read) -> Recording {
    let mut bytes = Vec::new();
    let mut least = f64::INFINITY;
    let mut piece = [0; 16 * 1024];
    while let Ok(count @ 1..) = pipe.read(&mut piece) {
        let first = (bytes.len() / 2) as f64 * 1e3 / f64::from(PCM_HZ);
        least = least.min(now_ms() - first);
        bytes.extend_from_slice(&piece[..count]);
    }
    let samples =
        bytes.chunks_exact(2).map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0);
    Recording::new(samples.collect(), PCM_HZ, if least.is_finite() { least } else { 0.0 })
}

/// Stretches of 400 ms that must look alike. On a busy machine the delay moves by 5 % of the time while one is spoken, and
/// it looks like no other then, though it sounds the same: what is lost shows in the dropouts, how it sounds in PESQ.
pub(crate) const ALIKE: f32 = 0.7;

/// PESQ-WB of a recording: mean and least over its sentences. Each is looked for near `starts_ms`, where the source's start
/// is in the recording, or anywhere. None where the scorer is not installed and not required.
pub(crate) fn pesq(source: &str, heard: &str, starts_ms: Option<f64>) -> Option<(f64, f64)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = root.join("target/venv/bin/python");
    let python = std::env::var_os("HANDSET_PYTHON").map_or(own, Into::into);
    if !python.is_file() {
        assert!(
            std::env::var_os("HANDSET_TEST_TOOLS").is_none(),
            "no PESQ scorer at {}: run tools/setup.sh --for test",
            python.display()
        );
        eprintln!("PESQ is not scored: run tools/setup.sh --for test");
        return None;
    }
    let script = root.join("tools/pesq_score.py");
    let mut scorer = Command::new(python);
    scorer.arg(script).args([source, heard, "--json"]);
    if let Some(starts_ms) = starts_ms {
        scorer.args(["--delay-ms", &starts_ms.to_string()]);
    }
    let output = scorer.output().expect("Python runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let scores: serde_json::Value = serde_json::from_slice(&output.stdout).expect("the scorer speaks JSON");
    eprintln!("PESQ-WB: {scores}");
    Some((scores["pesq_wb_mean"].as_f64()?, scores["pesq_wb_min"].as_f64()?))
}
