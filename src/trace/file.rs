//! A whole trace.

use super::writer::{BlockReader, BlockWriter, MAX_READ_BYTES};
use super::{Record, TraceError};

/// What a trace begins with.
pub const MAGIC: &[u8] = b"handset trace 1\n";
const HEADER_BYTES: usize = MAGIC.len() + 1 + 8;
const WITH_AUDIO: u8 = 1;
/// Most records that are read: days of a call.
const MAX_RECORDS: usize = 50_000_000;

/// The head of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    /// Whether packets were kept with their sound.
    pub with_audio: bool,
    /// Wall clock when the trace began, in milliseconds since 1970.
    pub began_unix_ms: u64,
}

impl Header {
    /// The first bytes of a file.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.push(if self.with_audio { WITH_AUDIO } else { 0 });
        out.extend_from_slice(&self.began_unix_ms.to_be_bytes());
        out
    }
}

/// A trace that was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trace {
    /// Its head.
    pub header: Header,
    /// What happened, with microseconds since the trace began, in the order of the file.
    pub records: Vec<(u64, Record)>,
    /// Whether the file ends in the middle of a block: its program did not come to close it.
    pub is_cut_off: bool,
}

impl Trace {
    /// Reads a file.
    ///
    /// # Errors
    /// [`TraceError::UnknownFormat`] if it is no trace, [`TraceError::Malformed`] with the place if it is a damaged one.
    pub fn parse(file: &[u8]) -> Result<Trace, TraceError> {
        if !file.starts_with(MAGIC) {
            return Err(TraceError::UnknownFormat);
        }
        let Some((head, mut rest)) = file.split_at_checked(HEADER_BYTES) else {
            return Err(TraceError::HeaderCutOff { bytes: file.len() });
        };
        let (flags, time) = (head[MAGIC.len()], &head[MAGIC.len() + 1..]);
        let began_unix_ms = u64::from_be_bytes(time.try_into().expect("eight bytes"));
        let mut trace = Trace {
            header: Header { with_audio: flags & WITH_AUDIO != 0, began_unix_ms },
            ..Trace::default()
        };
        let mut at = HEADER_BYTES;
        while let Some((length, behind)) = rest.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            if length > MAX_READ_BYTES {
                return Err(TraceError::Malformed { expected: "the length of a block", at });
            }
            at += 4;
            let block = &behind[..length.min(behind.len())];
            trace.read_block(block, at, block.len() < length)?;
            (rest, at) = (&behind[block.len()..], at + block.len());
        }
        trace.is_cut_off |= !rest.is_empty();
        Ok(trace)
    }

    fn read_block(&mut self, block: &[u8], at: usize, cut_off: bool) -> Result<(), TraceError> {
        let mut reader = BlockReader::new(block, at);
        self.is_cut_off |= cut_off;
        loop {
            match reader.next() {
                Ok(Some(record)) if self.records.len() < MAX_RECORDS => self.records.push(record),
                Ok(_) => return Ok(()),
                // The last record of a file that was cut off.
                Err(_) if cut_off => return Ok(()),
                Err((expected, at)) => return Err(TraceError::Malformed { expected, at }),
            }
        }
    }

    /// The file that reads as this trace.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut file = self.header.to_bytes();
        let mut writer = BlockWriter::default();
        for (at_us, record) in &self.records {
            writer.push(*at_us, record);
            if writer.is_full() {
                file.append(&mut writer.take());
            }
        }
        if !writer.is_empty() {
            file.append(&mut writer.take());
        }
        file
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Arrival, BlockHead, Body, Progress, Report};
    use super::*;
    use crate::rtp::{PayloadFormat, RtpTimestamp, Samples, Seq};

    fn arrival(n: u64, body: Body) -> Record {
        Record::Arrival(Arrival {
            ssrc: 0xdead_beef,
            seq: Seq(65_000 + n),
            timestamp: RtpTimestamp((1 << 32) + 480 * n),
            marker: n == 0,
            payload_bytes: 80,
            body,
        })
    }

    fn heads() -> Body {
        let head = |age| BlockHead {
            age: Samples(age),
            bytes: 40,
            duration: Samples(480),
            frame: Samples(480),
            has_fec: age == 0,
            is_dtx: false,
        };
        Body::Heads(vec![head(480), head(0)])
    }

    fn whole_call() -> Trace {
        let mut records = vec![(0, Record::Note("connected".into()))];
        for n in 0..5000u64 {
            records.push((n * 10_000 + n % 7, arrival(n, heads())));
            let heard = (n % 5 > 0).then_some(RtpTimestamp(480 * n));
            let progress = Progress { heard, target_us: 1700, concealed: n / 5, ..Progress::default() };
            records.push((n * 10_000 + 300, Record::Progress(progress)));
        }
        let payload = [1, 2, 3].as_slice().into();
        records.push((7, arrival(9, Body::Whole { format: PayloadFormat::Red, payload })));
        let report = Report { remote_loss: Some(0), rtt_us: Some(30_000), ..Report::default() };
        records.push((u64::MAX, Record::Report(report)));
        records.push((u64::MAX, Record::Full));
        Trace { header: Header { with_audio: false, began_unix_ms: 5 }, records, is_cut_off: false }
    }

    #[test]
    fn what_is_written_reads_back() {
        let trace = whole_call();
        assert_eq!(Trace::parse(&trace.to_bytes()).unwrap(), trace);
    }

    #[test]
    fn an_hour_of_a_call_takes_a_few_megabytes() {
        let trace = whole_call();
        let bytes_a_second = trace.to_bytes().len() / 50;
        assert!(bytes_a_second < 3000, "{bytes_a_second} bytes a second");
    }

    #[test]
    fn a_file_cut_off_anywhere_reads_up_to_there() {
        let whole = whole_call();
        let file = whole.to_bytes();
        for end in (HEADER_BYTES..file.len()).step_by(977) {
            let trace = Trace::parse(&file[..end]).unwrap();
            assert_eq!(trace.records[..], whole.records[..trace.records.len()]);
        }
    }

    #[test]
    fn what_is_no_trace_is_refused_with_its_place() {
        assert_eq!(Trace::parse(b"RIFF....WAVE"), Err(TraceError::UnknownFormat));
        assert_eq!(Trace::parse(MAGIC), Err(TraceError::HeaderCutOff { bytes: 16 }));
        let mut file = whole_call().to_bytes();
        file[HEADER_BYTES + 4] = 99;
        let error = Trace::parse(&file).unwrap_err();
        assert!(error.to_string().contains("byte 29"), "{error}");
        file[HEADER_BYTES] = 0xff;
        assert!(matches!(Trace::parse(&file), Err(TraceError::Malformed { at: 25, .. })));
    }
}
