//! Speech to send, and how much of it was heard.

use handset::measure::{Recording, Search, Similarity, align};

use super::folder::Folder;
use super::wav;

/// How long a voice speaks (s): longer than any scene, on a machine that keeps it waiting too.
const LASTS_S: usize = 360;

/// What was heard within a stretch of time was spoken this much before it (ms), on a path without trouble.
const USUAL_DELAY_MS: f64 = 200.0;

/// Delays that are thought possible: a busy machine holds back what is spoken and what is heard, and a longer standstill
/// is left out of what is spoken. All together is shorter than a voice takes to say its sentences, so that none is taken
/// for the same one a round earlier or later.
const SEARCH: Search = Search { from_ms: -500.0, to_ms: 4_000.0 };

/// A stretch of time on the clock of all processes (ms).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) from_ms: f64,
    pub(crate) to_ms: f64,
}

/// A stretch of time in which a peer heard something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    pub(crate) span: Span,
    /// Length of its recording at the end of the stretch (ms).
    pub(crate) recorded_ms: f64,
}

/// One of the two voices that come with the project, saying its three sentences again and again.
pub(crate) struct Voice {
    /// What is given to a peer.
    pub(crate) file: String,
    sentences: Recording,
}

impl Voice {
    /// Writes the file into the folder of a scene.
    pub(crate) fn of(name: &str, folder: &Folder) -> Self {
        let asset = format!("{}/assets/{name}.wav", env!("CARGO_MANIFEST_DIR"));
        let mut source = hound::WavReader::open(&asset).unwrap_or_else(|error| panic!("{asset}: {error}"));
        let (spec, round): (_, Vec<i16>) =
            (source.spec(), source.samples().map(|sample| sample.expect("whole")).collect());
        let file = folder.path(&format!("{name}-says.wav"));
        let mut wav = hound::WavWriter::create(&file, spec).expect("a file of the scene");
        for _ in 0..(LASTS_S * spec.sample_rate as usize).div_ceil(round.len()) {
            let mut samples = wav.get_i16_writer(round.len() as u32);
            round.iter().for_each(|sample| samples.write_sample(*sample));
            samples.flush().expect("room on the disk");
        }
        wav.finalize().expect("room on the disk");
        Self { file, sentences: wav::read(&asset, 0.0) }
    }

    /// How much of what was spoken is in the recording of a peer, of what came to it within a stretch of time; the voice
    /// began at `began_ms`.
    pub(crate) fn found_in(&self, recording: &Recording, heard: Heard, began_ms: f64) -> Similarity {
        let Heard { span, recorded_ms } = heard;
        let spoken = self.spoken(
            Span { from_ms: span.from_ms - USUAL_DELAY_MS, to_ms: span.to_ms - USUAL_DELAY_MS },
            began_ms,
        );
        let near =
            Span { from_ms: spoken.start_ms() + SEARCH.from_ms, to_ms: spoken.end_ms() + SEARCH.to_ms };
        align(&spoken, &cut(recording, span.to_ms - recorded_ms, near), &SEARCH).similarity()
    }

    /// What was spoken within `span`.
    fn spoken(&self, span: Span, began_ms: f64) -> Recording {
        let rate = self.sentences.rate_hz();
        let index = |ms: f64| ((ms - began_ms).max(0.0) * f64::from(rate) / 1e3) as usize;
        let (from, to) = (index(span.from_ms), index(span.to_ms));
        let samples = self.sentences.samples().iter().copied().cycle();
        let samples = samples.skip(from % self.sentences.samples().len()).take(to.saturating_sub(from));
        Recording::new(samples.collect(), rate, began_ms + from as f64 * 1e3 / f64::from(rate))
    }
}

/// The part within `span` of a recording that began at `began_ms`.
fn cut(recording: &Recording, began_ms: f64, span: Span) -> Recording {
    let rate = f64::from(recording.rate_hz());
    let samples = recording.samples();
    let index = |ms: f64| (((ms - began_ms).max(0.0) * rate / 1e3) as usize).min(samples.len());
    let (from, to) = (index(span.from_ms), index(span.to_ms));
    let part = samples[from..to.max(from)].to_vec();
    Recording::new(part, recording.rate_hz(), began_ms + from as f64 * 1e3 / rate)
}
