//! A synthetic voice, encoded.

use std::sync::Arc;

use crate::audio::opus::{Encoder, EncoderConfig, MAX_PACKET_BYTES};
use crate::audio::{Error, SAMPLE_RATE, SenderConfig};
use crate::rtp::OpusPacketInfo;

/// How long the voice speaks before it begins again.
const SECONDS: usize = 12;

/// Opus packets of a voice that speaks in words with pauses, round and round.
#[derive(Debug, Clone)]
pub(in crate::peer) struct Voice {
    packets: Vec<Arc<[u8]>>,
}

impl Voice {
    /// The voice encoded as a sender set up like this would.
    ///
    /// # Errors
    /// [`Error::Opus`] if libopus refuses.
    pub(in crate::peer) fn encode(config: &SenderConfig) -> Result<Voice, Error> {
        let config = EncoderConfig { dtx: false, ..config.clone() };
        let channels = config.channels.count();
        let frame = config.frame.samples();
        let mut encoder = Encoder::new(config)?;
        let mut packet = [0; MAX_PACKET_BYTES];
        let sound = speak(SECONDS * SAMPLE_RATE as usize);
        let mut packets = Vec::with_capacity(sound.len() / frame);
        for mono in sound.chunks_exact(frame) {
            let samples: Vec<f32> =
                mono.iter().flat_map(|sample| std::iter::repeat_n(*sample, channels)).collect();
            let bytes = encoder.encode(&samples, &mut packet)?;
            packets.push(packet[..bytes].into());
        }
        Ok(Voice { packets })
    }

    /// The packet of a frame by its number.
    pub(in crate::peer) fn packet(&self, number: u64) -> Arc<[u8]> {
        self.packets[(number % self.packets.len() as u64) as usize].clone()
    }

    /// The packets that carry a low-rate copy of the frame before them, or those that do not; all if there are none.
    pub(in crate::peer) fn with_fec(&self, wanted: bool) -> Voice {
        let carries =
            |packet: &&Arc<[u8]>| OpusPacketInfo::parse(packet).is_some_and(|info| info.has_fec) == wanted;
        let packets: Vec<Arc<[u8]>> = self.packets.iter().filter(carries).cloned().collect();
        if packets.is_empty() { self.clone() } else { Voice { packets } }
    }
}

/// A buzz whose pitch and formants wander, in words with pauses between them, over a faint noise.
pub(in crate::peer) fn speak(samples: usize) -> Vec<f32> {
    let mut phase = 0.0f32;
    let mut noise = 1u32;
    (0..samples)
        .map(|i| {
            let t = i as f32 / SAMPLE_RATE as f32;
            phase += (120.0 + 30.0 * (t * 5.0).sin()) / SAMPLE_RATE as f32;
            phase -= phase.floor();
            let word = (t * 2.1).sin() + 0.6 * (t * 0.7).sin();
            let loud = (word.clamp(0.0, 0.4) * 2.5).powi(2);
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let hiss = 3e-4 * ((noise >> 8) as f32 / 8_388_608.0 - 1.0);
            if loud == 0.0 {
                return hiss;
            }
            let (first, second) = (500.0 + 250.0 * (t * 7.0).sin(), 1700.0 + 500.0 * (t * 4.3).cos());
            let sound: f32 = (1..24)
                .map(|k| {
                    let hz = 130.0 * k as f32;
                    let formants = (-((hz - first) / 250.0).powi(2)).exp()
                        + 0.4 * (-((hz - second) / 400.0).powi(2)).exp();
                    (formants + 0.02) * (std::f32::consts::TAU * phase * k as f32).sin()
                })
                .sum();
            0.15 * loud * sound + hiss
        })
        .collect()
}
