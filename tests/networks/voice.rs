//! A voice and a codec for it that come out the same on every machine: sums and products alone, no Opus.

use std::sync::Arc;

use handset::audio::{Codec, Error};

/// Samples of a frame: 10 ms.
const FRAME: usize = 480;
/// First byte of an Opus packet of one 10 ms frame of its transform, mono (RFC 6716, section 3.1).
const TOC: u8 = 30 << 3;
/// Bytes of a packet: 32 kbit/s.
const BYTES: usize = 40;
/// The voice begins again after so many frames: 12 s.
const ROUND: u64 = 1200;

/// The packet of a frame: its number, and nothing else.
pub(crate) fn packet(number: u64) -> Arc<[u8]> {
    let mut bytes = [0; BYTES];
    bytes[0] = TOC;
    bytes[1..9].copy_from_slice(&number.to_be_bytes());
    bytes.into()
}

/// Plays the voice's frames by their numbers. What is made up is the voice itself, going on.
pub(crate) struct VoiceCodec {
    voice: Vec<f32>,
    /// Where the voice goes on, in samples.
    at: usize,
}

impl VoiceCodec {
    pub(crate) fn new() -> VoiceCodec {
        VoiceCodec { voice: speak(ROUND as usize * FRAME), at: 0 }
    }

    fn play(&mut self, out: &mut [f32]) {
        for sample in out {
            *sample = self.voice[self.at % self.voice.len()];
            self.at += 1;
        }
    }
}

impl Codec for VoiceCodec {
    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<usize, Error> {
        let number = packet.get(1..9).and_then(|bytes| bytes.try_into().ok());
        let number = number.map(u64::from_be_bytes).ok_or(Error::Packet { reason: "it has no number" })?;
        self.at = (number % ROUND) as usize * FRAME;
        self.play(&mut out[..FRAME]);
        Ok(FRAME)
    }

    fn decode_fec(&mut self, _next: &[u8], out: &mut [f32]) -> Result<(), Error> {
        self.conceal(out)
    }

    fn conceal(&mut self, out: &mut [f32]) -> Result<(), Error> {
        self.play(out);
        Ok(())
    }
}

/// Words of different length and loudness with pauses between them, in a pitch that wanders, over a faint noise.
fn speak(samples: usize) -> Vec<f32> {
    let (mut phase, mut noise) = (0u32, 1u32);
    (0..samples)
        .map(|n| {
            let word = (n / 7200) as u32;
            let loud = [0.9, 1.0, 0.6, 0.0, 0.8, 0.7, 1.0, 0.5, 0.0, 0.0, 0.8][word as usize % 11];
            // Within a word: up, hold, down.
            let into = (n % 7200) as f32 / 7200.0;
            let gain = loud * (into * (1.0 - into) * 8.0).min(1.0);
            let hz = 110 + 9 * (word * 5 % 7) + (n / 960 % 8) as u32 * 2;
            phase = phase.wrapping_add(hz * 89_478);
            let harmonics: f32 =
                (1..6u32).map(|k| wave(phase.wrapping_mul(k)) / (1 + (k + word) % 5) as f32).sum();
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let hiss = (noise >> 8) as f32 / 8_388_608.0 - 1.0;
            0.15 * gain * harmonics + 3e-4 * hiss
        })
        .collect()
}

/// Nearly a sine: two parabolas, by a phase whose wrap is a period.
fn wave(phase: u32) -> f32 {
    let x = phase as i32 as f32 / 2_147_483_648.0;
    4.0 * x * (1.0 - x.abs())
}
