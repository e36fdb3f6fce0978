//! The decoder's side of libopus, safe to call. The only unsafe code of the audio room.
//!
//! Every length that is handed over is taken from the slice itself and bounded, every pointer is owned by
//! exactly one value here and freed when it is dropped. What is bounded in the callers is checked again.
#![expect(unsafe_code, reason = "libopus is C, and audiopus hides the decoder's controls")]

use std::{ffi::c_int, ptr::NonNull};

use opusic_sys as sys;

use super::MAX_PACKET_SAMPLES;
use crate::audio::{Error, SAMPLE_RATE};

/// The error that a negative return code of libopus means.
fn failed(doing: &'static str, code: c_int) -> Error {
    Error::Opus { doing, source: audiopus::error::ErrorCode::from(code).into() }
}

/// A non-negative return code as a count.
fn counted(doing: &'static str, code: c_int) -> Result<usize, Error> {
    usize::try_from(code).map_err(|_| failed(doing, code))
}

/// The length of a packet as C wants it; no datagram comes near the limit.
fn packet_len(packet: &[u8]) -> Result<i32, Error> {
    i32::try_from(packet.len()).map_err(|_| Error::Packet { reason: "it is longer than 2 GiB" })
}

/// Whether `packet` (not empty) carries in-band FEC.
pub(super) fn has_fec(packet: &[u8]) -> Result<bool, Error> {
    if packet.is_empty() {
        return Err(Error::Packet { reason: "it is empty" });
    }
    let len = packet_len(packet)?;
    // SAFETY: `packet` is readable for `len` bytes and holds at least the one that is read unconditionally.
    let code = unsafe { sys::opus_packet_has_lbrr(packet.as_ptr(), len) };
    counted("read a packet", code).map(|flag| flag != 0)
}

/// What a [`RawDecoder`] makes its samples from.
pub(super) enum Source<'a> {
    /// A packet's own audio.
    Packet(&'a [u8]),
    /// The in-band FEC of the packet after the lost one.
    Fec(&'a [u8]),
    /// Nothing: concealment.
    Nothing,
    /// The redundancy that lies this many samples before the packet that carried it.
    Dred(&'a RawDred, i32),
}

/// An `OpusDecoder` at 48 kHz.
pub(super) struct RawDecoder {
    state: NonNull<sys::OpusDecoder>,
    channels: usize,
    /// Room for a copy of the state, and whether there is one.
    mark: Box<[u8]>,
    marked: bool,
}

// SAFETY: the state is plain memory of its own, reached only through this value, and libopus keeps nothing
// per thread.
unsafe impl Send for RawDecoder {}

impl RawDecoder {
    /// A decoder that gives `channels` (1 or 2) interleaved channels.
    pub(super) fn new(channels: usize) -> Result<RawDecoder, Error> {
        let mut code = sys::OPUS_OK;
        // SAFETY: `code` is a valid place for the result; libopus refuses channel counts it does not know.
        let state = unsafe { sys::opus_decoder_create(SAMPLE_RATE as i32, channels as c_int, &mut code) };
        let state = NonNull::new(state).ok_or_else(|| failed("make a decoder", code))?;
        // SAFETY: it reads nothing but the number, which made a decoder.
        let size = unsafe { sys::opus_decoder_get_size(channels as c_int) };
        let mut decoder = RawDecoder { state, channels, mark: Box::default(), marked: false };
        decoder.mark = vec![0; counted("size a decoder", size)?].into();
        Ok(decoder)
    }

    /// Remembers the state as it is, in the place of what was remembered.
    pub(super) fn mark(&mut self) {
        let (state, mark) = (self.state.as_ptr().cast::<u8>(), self.mark.as_mut_ptr());
        // SAFETY: `state` is live and as long as libopus said, which is how long `mark` is. An `OpusDecoder` is plain memory
        // without pointers into itself: opus.h describes how one is copied.
        unsafe { state.copy_to_nonoverlapping(mark, self.mark.len()) };
        self.marked = true;
    }

    /// Goes back to what was remembered, which is forgotten by that. Does nothing if there is nothing.
    pub(super) fn rewind(&mut self) {
        if std::mem::take(&mut self.marked) {
            let (state, mark) = (self.state.as_ptr().cast::<u8>(), self.mark.as_ptr());
            // SAFETY: as in `mark`, which filled `mark` from this very state.
            unsafe { state.copy_from_nonoverlapping(mark, self.mark.len()) };
        }
    }

    /// Fills `out` from the start and returns how many samples per channel were written.
    pub(super) fn decode(&mut self, source: Source<'_>, out: &mut [f32]) -> Result<usize, Error> {
        // No packet lasts longer, so libopus needs no more room; the bound also keeps it within an i32.
        let room = (out.len() / self.channels).min(MAX_PACKET_SAMPLES) as c_int;
        if room == 0 {
            return Err(failed("decode", sys::OPUS_BUFFER_TOO_SMALL));
        }
        let (state, pcm) = (self.state.as_ptr(), out.as_mut_ptr());
        let (doing, code) = match source {
            Source::Packet(packet) => {
                let len = packet_len(packet)?;
                // SAFETY: `state` is live, `packet` is readable for `len` bytes, and `pcm` is writable for
                // `room` samples of every channel.
                ("decode a packet", unsafe {
                    sys::opus_decode_float(state, packet.as_ptr(), len, pcm, room, 0)
                })
            }
            Source::Fec(packet) => {
                let len = packet_len(packet)?;
                // SAFETY: as above.
                ("decode FEC", unsafe { sys::opus_decode_float(state, packet.as_ptr(), len, pcm, room, 1) })
            }
            Source::Nothing => {
                // SAFETY: as above; a null packet of length 0 is how libopus is asked to conceal.
                ("conceal", unsafe { sys::opus_decode_float(state, std::ptr::null(), 0, pcm, room, 0) })
            }
            Source::Dred(dred, offset) => {
                // SAFETY: as above, and `dred` is a live, initialised state that is only read; features beyond
                // what it holds are not touched, whatever the offset.
                let code = unsafe {
                    sys::opus_decoder_dred_decode_float(state, dred.state.as_ptr(), offset, pcm, room)
                };
                ("decode redundancy", code)
            }
        };
        counted(doing, code)
    }

    /// Sets how much work goes into decoding and concealment, 0 to 10.
    pub(super) fn set_complexity(&mut self, complexity: u8) -> Result<(), Error> {
        self.set("set the decoder's complexity", sys::OPUS_SET_COMPLEXITY_REQUEST, complexity.into())
    }

    /// Forgets all that was decoded, and what was remembered.
    pub(super) fn reset(&mut self) -> Result<(), Error> {
        // SAFETY: `state` is live; this request takes no argument.
        let code = unsafe { sys::opus_decoder_ctl(self.state.as_ptr(), sys::OPUS_RESET_STATE) };
        self.marked = false;
        counted("reset the decoder", code).map(|_| ())
    }

    fn set(&mut self, doing: &'static str, request: c_int, value: i32) -> Result<(), Error> {
        // SAFETY: `state` is live; every request made through here is a setter of one `opus_int32`.
        let code = unsafe { sys::opus_decoder_ctl(self.state.as_ptr(), request, value) };
        counted(doing, code).map(|_| ())
    }
}

impl Drop for RawDecoder {
    fn drop(&mut self) {
        // SAFETY: made by `opus_decoder_create`, freed only here.
        unsafe { sys::opus_decoder_destroy(self.state.as_ptr()) }
    }
}

/// An `OpusDREDDecoder`: the neural model that reads deep redundancy out of packets.
pub(super) struct RawDredReader {
    state: NonNull<sys::OpusDREDDecoder>,
}

// SAFETY: as for `RawDecoder`.
unsafe impl Send for RawDredReader {}

impl RawDredReader {
    pub(super) fn new() -> Result<RawDredReader, Error> {
        let mut code = sys::OPUS_OK;
        // SAFETY: `code` is a valid place for the result.
        let state = unsafe { sys::opus_dred_decoder_create(&mut code) };
        let state = NonNull::new(state).ok_or_else(|| failed("make a redundancy decoder", code))?;
        Ok(RawDredReader { state })
    }

    /// Reads the redundancy of `packet` into `dred`. Returns how many samples before the packet it reaches
    /// and how many samples next to the packet it does not cover; (0, 0) if it has none.
    pub(super) fn read(
        &mut self,
        packet: &[u8],
        max_samples: usize,
        dred: &mut RawDred,
        effort: Effort,
    ) -> Result<(usize, usize), Error> {
        if packet.is_empty() {
            return Err(Error::Packet { reason: "it is empty" });
        }
        let len = packet_len(packet)?;
        // No redundancy is older than a second (104 frames of 10 ms); libopus multiplies this by 100.
        let max_samples = max_samples.min(SAMPLE_RATE as usize) as i32;
        let mut end = 0;
        // SAFETY: both states are live and `packet` is readable for `len` bytes; `end` takes one int.
        let code = unsafe {
            sys::opus_dred_parse(
                self.state.as_ptr(),
                dred.state.as_ptr(),
                packet.as_ptr(),
                len,
                max_samples,
                SAMPLE_RATE as i32,
                &mut end,
                i32::from(effort == Effort::SpanAlone),
            )
        };
        let reach = counted("read redundancy", code)?;
        Ok((reach, usize::try_from(end).unwrap_or(0)))
    }
}

impl Drop for RawDredReader {
    fn drop(&mut self) {
        // SAFETY: made by `opus_dred_decoder_create`, freed only here.
        unsafe { sys::opus_dred_decoder_destroy(self.state.as_ptr()) }
    }
}

/// How far redundancy is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// As far as to know what it covers.
    SpanAlone,
    /// Until it can be decoded from.
    Ready,
}

/// An `OpusDRED`: the redundancy of one packet.
pub(super) struct RawDred {
    state: NonNull<sys::OpusDRED>,
}

// SAFETY: as for `RawDecoder`.
unsafe impl Send for RawDred {}

impl RawDred {
    pub(super) fn new() -> Result<RawDred, Error> {
        let mut code = sys::OPUS_OK;
        // SAFETY: `code` is a valid place for the result.
        let state = unsafe { sys::opus_dred_alloc(&mut code) };
        let state = NonNull::new(state).ok_or_else(|| failed("make room for redundancy", code))?;
        // libopus leaves it uninitialised until a packet is read. All zeros is a legal state: nothing read.
        // SAFETY: the state was just allocated with this many bytes and is plain numbers.
        unsafe { state.cast::<u8>().write_bytes(0, usize::try_from(sys::opus_dred_get_size()).unwrap_or(0)) };
        Ok(RawDred { state })
    }
}

impl Drop for RawDred {
    fn drop(&mut self) {
        // SAFETY: made by `opus_dred_alloc`, freed only here.
        unsafe { sys::opus_dred_free(self.state.as_ptr()) }
    }
}
