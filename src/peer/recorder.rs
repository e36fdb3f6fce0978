//! `--trace`: what a call went through, written down as it goes.
//!
//! The run loop packs records into blocks and hands them to the thread `trace-writer`; a disk that does not keep up
//! loses blocks, which are counted, and never holds up the call.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::PeerError;
use crate::audio::Receiver;
use crate::call::CallStats;
use crate::rtp::Packet;
use crate::trace::{Arrival, BlockWriter, Header, Progress, Record, Report};

/// Where a trace goes, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceSpec {
    /// The file; calls after the first get a number in its name.
    pub path: PathBuf,
    /// Whether packets are kept with their sound.
    pub with_audio: bool,
}

/// Longest file: a day of a call without its sound.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;
/// Blocks that wait for the disk: half a minute of a call.
const MAX_WAITING: usize = 32;
/// Playout is noted so often at the most.
const PROGRESS_EVERY: Duration = Duration::from_millis(20);
/// A block is handed on after this time at the latest.
const BLOCK_EVERY: Duration = Duration::from_secs(1);

/// The recorder of one call.
#[derive(Debug)]
pub(super) struct Recorder {
    began: Instant,
    with_audio: bool,
    block: BlockWriter,
    block_began: Instant,
    blocks: Option<SyncSender<Vec<u8>>>,
    writer: Option<JoinHandle<()>>,
    written: u64,
    lost_blocks: u64,
    last_progress: Option<(Instant, Progress)>,
}

impl Recorder {
    /// Finds out whether a trace can be written, before the first call.
    pub(super) fn check(spec: &TraceSpec) -> Result<(), PeerError> {
        create(&spec.path).map(drop)
    }

    /// Begins the trace of the call with this number, counted from 1.
    ///
    /// # Errors
    /// [`PeerError::Trace`] if the file cannot be written.
    pub(super) fn start(spec: &TraceSpec, number: u32, now: Instant) -> Result<Recorder, PeerError> {
        let path = super::ends::numbered(&spec.path, number);
        let mut file = create(&path)?;
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let header =
            Header { with_audio: spec.with_audio, began_unix_ms: unix.as_millis() as u64 }.to_bytes();
        let written = header.len() as u64;
        let (blocks, waiting) = sync_channel::<Vec<u8>>(MAX_WAITING);
        let write = move || {
            let mut done = file.write_all(&header);
            while let (Ok(()), Ok(block)) = (&done, waiting.recv()) {
                done = file.write_all(&block);
            }
            if let Err(error) = done {
                tracing::warn!(%error, "the trace ends early");
            }
        };
        let writer = thread::Builder::new()
            .name("trace-writer".into())
            .spawn(write)
            .map_err(|source| PeerError::System { what: "start the trace's thread", source })?;
        Ok(Recorder {
            began: now,
            with_audio: spec.with_audio,
            block: BlockWriter::default(),
            block_began: now,
            blocks: Some(blocks),
            writer: Some(writer),
            written,
            lost_blocks: 0,
            last_progress: None,
        })
    }

    /// A packet arrived.
    pub(super) fn on_packet(&mut self, packet: &Packet) {
        let record = Record::Arrival(Arrival::of(packet, self.with_audio));
        self.push(packet.arrival, &record);
    }

    /// Something was rendered.
    pub(super) fn on_playout(&mut self, receiver: &Receiver, now: Instant) {
        if self.last_progress.is_some_and(|(at, _)| now.saturating_duration_since(at) < PROGRESS_EVERY) {
            return;
        }
        let progress = progress(receiver);
        if self.last_progress.is_none_or(|(_, last)| last != progress) {
            self.push(now, &Record::Progress(progress));
        }
        self.last_progress = Some((now, progress));
    }

    /// The other side reported.
    pub(super) fn on_report(&mut self, stats: &CallStats, now: Instant) {
        let micros = |time: Duration| u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        let report = Report {
            packets_sent: stats.packets_sent,
            bytes_sent: stats.bytes_sent,
            remote_loss: stats.remote_loss.map(|share| (share.clamp(0.0, 1.0) * 10_000.0).round() as u32),
            remote_jitter_us: stats.remote_jitter.map(micros),
            rtt_us: stats.rtt.map(micros),
        };
        self.push(now, &Record::Report(report));
    }

    /// Something happened that is worth a word.
    pub(super) fn note(&mut self, text: &str, now: Instant) {
        self.push(now, &Record::Note(text.to_owned()));
    }

    fn push(&mut self, at: Instant, record: &Record) {
        if self.blocks.is_none() {
            return;
        }
        let at_us = at.saturating_duration_since(self.began).as_micros() as u64;
        self.block.push(at_us, record);
        if self.block.is_full() || at.saturating_duration_since(self.block_began) >= BLOCK_EVERY {
            self.block_began = at;
            self.hand_on(at_us);
        }
    }

    fn hand_on(&mut self, at_us: u64) {
        if self.block.is_empty() {
            return;
        }
        let full = self.written >= MAX_FILE_BYTES;
        if full {
            self.block.push(at_us, &Record::Full);
        }
        let block = self.block.take();
        self.written += block.len() as u64;
        match self.blocks.as_ref().map(|blocks| blocks.try_send(block)) {
            Some(Err(TrySendError::Full(_))) => self.lost_blocks += 1,
            Some(Err(TrySendError::Disconnected(_))) => self.blocks = None,
            Some(Ok(())) | None => {}
        }
        if full {
            self.blocks = None;
        }
    }
}

impl Drop for Recorder {
    /// The call is over: what is left is written, and waited for.
    fn drop(&mut self) {
        let now_us = self.block_began.saturating_duration_since(self.began).as_micros() as u64;
        self.hand_on(now_us);
        self.blocks = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
        if self.lost_blocks > 0 {
            tracing::warn!(blocks = self.lost_blocks, "the disk did not keep up with the trace");
        }
    }
}

fn create(path: &Path) -> Result<File, PeerError> {
    File::create(path).map_err(|source| PeerError::Trace { path: path.to_owned(), source })
}

fn progress(receiver: &Receiver) -> Progress {
    let stats = receiver.peek_stats();
    Progress {
        heard: receiver.heard(),
        target_us: (stats.target_ms.max(0.0) * 1000.0) as u64,
        concealed: stats.concealed_samples,
        shortened: stats.shortened_samples,
        lengthened: stats.lengthened_samples,
        red: stats.red_used,
        fec: stats.fec_used,
        dred: stats.dred_used,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::{PayloadFormat, RtpTimestamp, Seq};
    use crate::trace::Trace;

    #[test]
    fn what_happened_stands_in_the_file() {
        let folder = std::env::temp_dir().join(format!("handset-trace-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let spec = TraceSpec { path: folder.join("call.trace"), with_audio: true };
        let began = Instant::now();
        let mut recorder = Recorder::start(&spec, 2, began).unwrap();
        recorder.note("connected", began);
        for n in 0..300u64 {
            let packet = Packet {
                ssrc: 9,
                seq: Seq(n),
                timestamp: RtpTimestamp(480 * n),
                arrival: began + Duration::from_millis(10 * n),
                marker: n == 0,
                format: PayloadFormat::Opus,
                payload: vec![30 << 3; 40].into(),
            };
            recorder.on_packet(&packet);
        }
        recorder.on_report(&CallStats::default(), began + Duration::from_secs(3));
        drop(recorder);
        let trace = Trace::parse(&std::fs::read(folder.join("call-2.trace")).unwrap()).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(trace.records.len(), 302);
        assert!(trace.header.with_audio && !trace.is_cut_off);
        assert_eq!(trace.records[1..301].iter().map(|record| record.0).max(), Some(2_990_000));
    }
}
