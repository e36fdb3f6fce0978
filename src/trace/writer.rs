//! Records into blocks, and back.

use std::sync::Arc;

use super::arrival::{Arrival, BlockHead, Body, MAX_BLOCKS};
use super::number::{Reader, put, put_signed};
use super::record::{Progress, Record, Report};
use crate::rtp::{PayloadFormat, RtpTimestamp, Samples, Seq};

/// A block is closed when it has grown to this: about ten seconds of a call.
pub const MAX_BLOCK_BYTES: usize = 16 * 1024;
/// Longest payload that is kept; none that a socket takes is longer.
const MAX_PAYLOAD_BYTES: usize = 2048;
/// Longest note; what is longer is cut.
const MAX_NOTE_BYTES: usize = 200;
/// Longest record: a payload and the numbers around it.
const MAX_RECORD_BYTES: usize = MAX_PAYLOAD_BYTES + 128;
/// Longest block that is read.
pub(super) const MAX_READ_BYTES: usize = MAX_BLOCK_BYTES + MAX_RECORD_BYTES;

const ARRIVAL: u8 = 1;
const PROGRESS: u8 = 2;
const REPORT: u8 = 3;
const NOTE: u8 = 4;
const FULL: u8 = 5;

const MARKER: u8 = 1;
const SAME_SSRC: u8 = 2;
const WHOLE: u8 = 4;
const RED: u8 = 8;
const HAS_FEC: u8 = 1;
const IS_DTX: u8 = 2;
/// One frame in the packet: its length is the packet's.
const ONE_FRAME: u8 = 4;
/// As long as the block before it.
const SAME_LENGTH: u8 = 8;

/// What differences are taken to, within a block.
#[derive(Debug, Clone, Default)]
struct Last {
    at_us: u64,
    ssrc: Option<u32>,
    seq: u64,
    timestamp: u64,
    heard: u64,
    progress: Progress,
    duration: Samples,
}

/// Packs records into blocks. Put them in with [`push`](BlockWriter::push); take a block with
/// [`take`](BlockWriter::take) when [`is_full`](BlockWriter::is_full), or whenever it should be on its way.
#[derive(Debug, Clone, Default)]
pub struct BlockWriter {
    bytes: Vec<u8>,
    last: Last,
}

impl BlockWriter {
    /// Adds what happened `at_us` microseconds after the trace began. A payload that is longer than any that a socket
    /// takes is kept as if no sound had been asked for, without heads.
    pub fn push(&mut self, at_us: u64, record: &Record) {
        let kind = match record {
            Record::Arrival(_) => ARRIVAL,
            Record::Progress(_) => PROGRESS,
            Record::Report(_) => REPORT,
            Record::Note(_) => NOTE,
            Record::Full => FULL,
        };
        self.bytes.push(kind);
        put_signed(at_us.wrapping_sub(self.last.at_us) as i64, &mut self.bytes);
        self.last.at_us = at_us;
        match record {
            Record::Arrival(arrival) => self.push_arrival(arrival),
            Record::Progress(progress) => self.push_progress(progress),
            Record::Report(report) => push_report(report, &mut self.bytes),
            Record::Note(text) => push_note(text, &mut self.bytes),
            Record::Full => {}
        }
    }

    /// Whether the block should be taken before more is put in.
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= MAX_BLOCK_BYTES
    }

    /// Whether there is nothing to take.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The block with its length before it, as it stands in the file. The next one begins anew.
    pub fn take(&mut self) -> Vec<u8> {
        let mut block = (self.bytes.len() as u32).to_be_bytes().to_vec();
        block.append(&mut self.bytes);
        self.last = Last::default();
        block
    }

    fn push_arrival(&mut self, arrival: &Arrival) {
        let out = &mut self.bytes;
        let last = &mut self.last;
        let same = last.ssrc == Some(arrival.ssrc);
        let whole = match &arrival.body {
            Body::Whole { format, payload } if payload.len() <= MAX_PAYLOAD_BYTES => Some((*format, payload)),
            _ => None,
        };
        let red = whole.is_some_and(|(format, _)| format == PayloadFormat::Red);
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        out.push(
            flag(arrival.marker, MARKER)
                | flag(same, SAME_SSRC)
                | flag(whole.is_some(), WHOLE)
                | flag(red, RED),
        );
        if !same {
            put(arrival.ssrc.into(), out);
        }
        put_signed(arrival.seq.0.wrapping_sub(last.seq) as i64, out);
        put_signed(arrival.timestamp.0.wrapping_sub(last.timestamp) as i64, out);
        (last.ssrc, last.seq, last.timestamp) = (Some(arrival.ssrc), arrival.seq.0, arrival.timestamp.0);
        put(arrival.payload_bytes.into(), out);
        match (whole, &arrival.body) {
            (Some((_, payload)), _) => {
                put(payload.len() as u64, out);
                out.extend_from_slice(payload);
            }
            (None, Body::Heads(heads)) => push_heads(heads, &mut last.duration, out),
            (None, Body::Whole { .. }) => out.push(0),
        }
    }

    fn push_progress(&mut self, progress: &Progress) {
        let out = &mut self.bytes;
        let last = &mut self.last;
        out.push(u8::from(progress.heard.is_some()));
        if let Some(heard) = progress.heard {
            put_signed(heard.0.wrapping_sub(last.heard) as i64, out);
            last.heard = heard.0;
        }
        put(progress.target_us, out);
        // A bit for each count that changed, then the changes.
        let changes = counts(progress).into_iter().zip(counts(&last.progress));
        let changes = changes.map(|(now, before)| now.wrapping_sub(before) as i64).enumerate();
        out.push(changes.clone().filter(|(_, change)| *change != 0).map(|(index, _)| 1 << index).sum());
        for (_, change) in changes.filter(|(_, change)| *change != 0) {
            put_signed(change, out);
        }
        last.progress = *progress;
    }
}

fn counts(progress: &Progress) -> [u64; 6] {
    let Progress { concealed, shortened, lengthened, red, fec, dred, .. } = *progress;
    [concealed, shortened, lengthened, red, fec, dred]
}

fn push_heads(heads: &[BlockHead], last: &mut Samples, out: &mut Vec<u8>) {
    let heads = &heads[..heads.len().min(MAX_BLOCKS)];
    out.push(heads.len() as u8);
    for head in heads {
        let (one_frame, same_length) = (head.frame == head.duration, head.duration == *last);
        let flags = [
            (head.has_fec, HAS_FEC),
            (head.is_dtx, IS_DTX),
            (one_frame, ONE_FRAME),
            (same_length, SAME_LENGTH),
        ];
        out.push(flags.into_iter().filter(|(is, _)| *is).map(|(_, flag)| flag).sum());
        put_signed(head.age.0, out);
        put(head.bytes.into(), out);
        if !same_length {
            put_signed(head.duration.0, out);
        }
        if !one_frame {
            put_signed(head.frame.0, out);
        }
        *last = head.duration;
    }
}

fn push_report(report: &Report, out: &mut Vec<u8>) {
    put(report.packets_sent, out);
    put(report.bytes_sent, out);
    for figure in [report.remote_loss, report.remote_jitter_us, report.rtt_us] {
        // One more than the figure; zero is none.
        put(figure.map_or(0, |figure| u64::from(figure) + 1), out);
    }
}

fn push_note(text: &str, out: &mut Vec<u8>) {
    let mut end = text.len().min(MAX_NOTE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    put(end as u64, out);
    out.extend_from_slice(&text.as_bytes()[..end]);
}

/// Reads the records of one block.
#[derive(Debug)]
pub(super) struct BlockReader<'a> {
    reader: Reader<'a>,
    last: Last,
}

impl<'a> BlockReader<'a> {
    /// A block without its length, which stands at `at` of its file.
    pub(super) fn new(bytes: &'a [u8], at: usize) -> BlockReader<'a> {
        BlockReader { reader: Reader::new(bytes, at), last: Last::default() }
    }

    /// The next record with its time; at the end of the block `Ok(None)`, and where the bytes are no record what was
    /// expected and where.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Record)>, (&'static str, usize)> {
        if self.reader.is_empty() {
            return Ok(None);
        }
        let at = self.reader.at();
        self.record().map(Some).ok_or(("a record of a trace", at))
    }

    fn record(&mut self) -> Option<(u64, Record)> {
        let kind = self.reader.byte()?;
        let at_us = self.last.at_us.wrapping_add(self.reader.signed()? as u64);
        self.last.at_us = at_us;
        let record = match kind {
            ARRIVAL => Record::Arrival(self.arrival()?),
            PROGRESS => Record::Progress(self.progress()?),
            REPORT => Record::Report(self.report()?),
            NOTE => Record::Note(self.note()?),
            FULL => Record::Full,
            _ => return None,
        };
        Some((at_us, record))
    }

    fn arrival(&mut self) -> Option<Arrival> {
        let flags = self.reader.byte()?;
        let ssrc = match flags & SAME_SSRC {
            0 => self.reader.number32()?,
            _ => self.last.ssrc?,
        };
        let seq = self.last.seq.wrapping_add(self.reader.signed()? as u64);
        let timestamp = self.last.timestamp.wrapping_add(self.reader.signed()? as u64);
        (self.last.ssrc, self.last.seq, self.last.timestamp) = (Some(ssrc), seq, timestamp);
        let payload_bytes = self.reader.number32()?;
        let body = match flags & WHOLE {
            0 => Body::Heads(self.heads()?),
            _ => {
                let length = usize::try_from(self.reader.number()?).ok()?;
                let format = if flags & RED == 0 { PayloadFormat::Opus } else { PayloadFormat::Red };
                let payload: Arc<[u8]> =
                    self.reader.take(Some(length).filter(|length| *length <= MAX_PAYLOAD_BYTES)?)?.into();
                Body::Whole { format, payload }
            }
        };
        Some(Arrival {
            ssrc,
            seq: Seq(seq),
            timestamp: RtpTimestamp(timestamp),
            marker: flags & MARKER != 0,
            payload_bytes,
            body,
        })
    }

    fn heads(&mut self) -> Option<Vec<BlockHead>> {
        let count = usize::from(self.reader.byte()?);
        if count > MAX_BLOCKS {
            return None;
        }
        let mut heads = Vec::with_capacity(count);
        for _ in 0..count {
            let flags = self.reader.byte()?;
            let age = Samples(self.reader.signed()?);
            let bytes = self.reader.number32()?;
            let duration = match flags & SAME_LENGTH {
                0 => Samples(self.reader.signed()?),
                _ => self.last.duration,
            };
            let frame = match flags & ONE_FRAME {
                0 => Samples(self.reader.signed()?),
                _ => duration,
            };
            self.last.duration = duration;
            let (has_fec, is_dtx) = (flags & HAS_FEC != 0, flags & IS_DTX != 0);
            heads.push(BlockHead { age, bytes, duration, frame, has_fec, is_dtx });
        }
        Some(heads)
    }

    fn progress(&mut self) -> Option<Progress> {
        let heard = match self.reader.byte()? {
            0 => None,
            _ => {
                self.last.heard = self.last.heard.wrapping_add(self.reader.signed()? as u64);
                Some(RtpTimestamp(self.last.heard))
            }
        };
        let target_us = self.reader.number()?;
        let mut counts = counts(&self.last.progress);
        let changed = self.reader.byte()?;
        for (_, count) in counts.iter_mut().enumerate().filter(|(index, _)| changed >> index & 1 != 0) {
            *count = count.wrapping_add(self.reader.signed()? as u64);
        }
        let [concealed, shortened, lengthened, red, fec, dred] = counts;
        let progress = Progress { heard, target_us, concealed, shortened, lengthened, red, fec, dred };
        self.last.progress = progress;
        Some(progress)
    }

    fn report(&mut self) -> Option<Report> {
        let (packets_sent, bytes_sent) = (self.reader.number()?, self.reader.number()?);
        let mut figure = || {
            let number = self.reader.number()?;
            Some(match number {
                0 => None,
                number => Some(u32::try_from(number - 1).ok()?),
            })
        };
        let (remote_loss, remote_jitter_us, rtt_us) = (figure()?, figure()?, figure()?);
        Some(Report { packets_sent, bytes_sent, remote_loss, remote_jitter_us, rtt_us })
    }

    fn note(&mut self) -> Option<String> {
        let length = usize::try_from(self.reader.number()?).ok()?;
        let bytes = self.reader.take(Some(length).filter(|length| *length <= MAX_NOTE_BYTES)?)?;
        Some(std::str::from_utf8(bytes).ok()?.to_owned())
    }
}
