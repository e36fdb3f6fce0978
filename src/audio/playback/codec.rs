//! From packets to sound: the one part of a receiver that is not arithmetic of ours.

use super::deep::DeepRedundancy;
use crate::audio::opus::{Decoder, DecoderEffort};
use crate::audio::{Channels, Error};
use crate::rtp::{Packet, RtpTimestamp, Samples};

/// What a [`Receiver`](crate::audio::Receiver) has packets decoded by. Calls must not allocate.
///
/// [`OpusCodec`] is that of every call. Opus computes in floating point by whatever instructions the processor has, so a
/// test that compares a receiver's every decision puts in its place something that comes out the same everywhere.
pub trait Codec: Send {
    /// Decodes `packet` into `out`, interleaved, and returns the samples per channel.
    ///
    /// # Errors
    /// [`Error::Packet`] or [`Error::Opus`] if it cannot be decoded.
    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<usize, Error>;

    /// Fills `out` with the sound lost just before `next`, from the low-rate copy in `next`.
    ///
    /// # Errors
    /// As [`Codec::decode`].
    fn decode_fec(&mut self, next: &[u8], out: &mut [f32]) -> Result<(), Error>;

    /// Fills `out` with something in place of what was lost.
    ///
    /// # Errors
    /// As [`Codec::decode`].
    fn conceal(&mut self, out: &mut [f32]) -> Result<(), Error>;

    /// Fills `out` with what goes on behind a voice that has gone quiet on purpose. That is never a voice, so no model of one
    /// has to be asked.
    ///
    /// # Errors
    /// As [`Codec::decode`].
    fn conceal_pause(&mut self, out: &mut [f32]) -> Result<(), Error> {
        self.conceal(out)
    }

    /// Remembers where decoding stands: what follows is made up.
    fn mark(&mut self) {}

    /// Goes back to the mark, once, for a packet that came late: it is decoded as if nothing had been made up in its place.
    fn rewind(&mut self) {}

    /// How far before the first sample of `packet` its deep redundancy reaches.
    fn reach(&mut self, packet: &Packet) -> Samples {
        let _ = packet;
        Samples::ZERO
    }

    /// Fills `out` with what was said from `before` before the first sample of `packet` on, which is that of media time
    /// `timestamp`; `false` when it cannot.
    fn restore(&mut self, packet: &[u8], at: (RtpTimestamp, Samples), out: &mut [f32]) -> bool {
        let _ = (packet, at, out);
        false
    }
}

/// Opus with its concealment and both kinds of redundancy.
pub(crate) struct OpusCodec {
    decoder: Decoder,
    deep: DeepRedundancy,
}

impl OpusCodec {
    /// One that has decoded nothing.
    pub(crate) fn new(channels: Channels, effort: DecoderEffort) -> Result<OpusCodec, Error> {
        Ok(OpusCodec { decoder: Decoder::new(channels, effort)?, deep: DeepRedundancy::new()? })
    }
}

impl Codec for OpusCodec {
    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<usize, Error> {
        self.decoder.decode(packet, out)
    }

    fn decode_fec(&mut self, next: &[u8], out: &mut [f32]) -> Result<(), Error> {
        self.decoder.decode_fec(next, out)
    }

    fn conceal(&mut self, out: &mut [f32]) -> Result<(), Error> {
        self.decoder.conceal(out)
    }

    fn conceal_pause(&mut self, out: &mut [f32]) -> Result<(), Error> {
        self.decoder.conceal_pause(out)
    }

    fn mark(&mut self) {
        self.decoder.mark();
    }

    fn rewind(&mut self) {
        self.decoder.rewind();
    }

    fn reach(&mut self, packet: &Packet) -> Samples {
        self.deep.reach(packet)
    }

    fn restore(&mut self, packet: &[u8], at: (RtpTimestamp, Samples), out: &mut [f32]) -> bool {
        self.deep.restore(&mut self.decoder, packet, at, out)
    }
}
