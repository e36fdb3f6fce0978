//! What a file holds, as the receiver is to see it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::line::FastestLine;
use super::wardrobe::Wardrobe;
use crate::audio::{Error, ReceiverStats};
use crate::measure::{Mark, PlayoutMoment};
use crate::peer::flight::{Arrived, FlightLog};
use crate::rtp::{Packet, RtpTimestamp};
use crate::trace::{Body, Capture, Progress, Record, Trace};

/// Notes that are drawn; more would hide the picture.
const MAX_MARKS: usize = 12;
/// A time that lies further ahead than a day is a damaged record, not a moment of a call.
const MAX_US: u64 = 86_400_000_000;

/// A stream from a file.
pub(super) struct Recorded {
    /// Its packets, in order of arrival.
    pub(super) arrivals: Vec<Arrived>,
    /// Packets whose frames could not be made again.
    pub(super) left_out: usize,
    /// How it was heard then, if the file says so.
    pub(super) then: Option<FlightLog>,
    /// What happened to the call.
    pub(super) marks: Vec<Mark>,
}

/// A packet with its time, before it is known what it is late against.
struct Timed {
    at_us: u64,
    packet: Packet,
}

impl Recorded {
    /// From a trace of ours.
    ///
    /// # Errors
    /// [`Error::Opus`] if libopus refuses.
    pub(super) fn from_trace(trace: &Trace, start: Instant) -> Result<Recorded, Error> {
        let mut wardrobe = Wardrobe::default();
        let mut left_out = 0;
        let (mut timed, mut progress, mut marks) = (Vec::new(), Vec::new(), Vec::new());
        for (at_us, record) in trace.records.iter().filter(|(at_us, _)| *at_us < MAX_US) {
            match record {
                Record::Arrival(arrival) => {
                    let dressed = match &arrival.body {
                        Body::Whole { format, payload } => Some((*format, payload.clone())),
                        Body::Heads(heads) => wardrobe.payload(arrival.timestamp, heads)?,
                    };
                    let Some((format, payload)) = dressed else {
                        left_out += 1;
                        continue;
                    };
                    let packet = Packet {
                        ssrc: arrival.ssrc,
                        seq: arrival.seq,
                        timestamp: arrival.timestamp,
                        arrival: start + Duration::from_micros(*at_us),
                        marker: arrival.marker,
                        format,
                        payload,
                    };
                    timed.push(Timed { at_us: *at_us, packet });
                }
                Record::Progress(now) => progress.push((*at_us, *now)),
                Record::Note(text) if marks.len() < MAX_MARKS => {
                    marks.push(Mark { at_ms: *at_us as f64 / 1000.0, label: text.clone() });
                }
                Record::Note(_) | Record::Report(_) | Record::Full => {}
            }
        }
        let lines = lines(&timed);
        let arrivals = place(timed, &lines);
        let then = (!progress.is_empty()).then(|| heard_then(&progress, &arrivals, &lines));
        Ok(Recorded { arrivals, left_out, then, marks })
    }

    /// From a capture of another program.
    pub(super) fn from_capture(capture: &Capture, start: Instant) -> Recorded {
        let packets = capture.packets.iter().filter(|packet| packet.at_us < MAX_US);
        let timed: Vec<Timed> = packets
            .map(|captured| Timed {
                at_us: captured.at_us,
                packet: Packet {
                    ssrc: capture.ssrc,
                    seq: captured.seq,
                    timestamp: captured.timestamp,
                    arrival: start + Duration::from_micros(captured.at_us),
                    marker: captured.marker,
                    format: captured.format,
                    payload: captured.payload.clone(),
                },
            })
            .collect();
        let lines = lines(&timed);
        Recorded { arrivals: place(timed, &lines), left_out: 0, then: None, marks: Vec::new() }
    }
}

fn lines(timed: &[Timed]) -> HashMap<u32, FastestLine> {
    let mut sources: HashMap<u32, Vec<(u64, RtpTimestamp)>> = HashMap::new();
    for Timed { at_us, packet } in timed {
        sources.entry(packet.ssrc).or_default().push((*at_us, packet.timestamp));
    }
    sources.into_iter().map(|(ssrc, packets)| (ssrc, FastestLine::below(packets))).collect()
}

/// Says of each packet when it would have come had it been one of the fastest.
fn place(timed: Vec<Timed>, lines: &HashMap<u32, FastestLine>) -> Vec<Arrived> {
    let mut arrivals: Vec<Arrived> = timed
        .into_iter()
        .filter_map(|Timed { at_us, packet }| {
            let spoken_ms = lines.get(&packet.ssrc)?.arrival_ms(at_us, packet.timestamp);
            Some(Arrived { packet, spoken_ms })
        })
        .collect();
    arrivals.sort_by_key(|arrived| arrived.packet.arrival);
    arrivals
}

/// What the recorder noted of the playout.
fn heard_then(
    progress: &[(u64, Progress)],
    arrivals: &[Arrived],
    lines: &HashMap<u32, FastestLine>,
) -> FlightLog {
    // A call has one source nearly always; where it has several, the first one's line serves until it ends.
    let line = arrivals.first().and_then(|first| lines.get(&first.packet.ssrc));
    let moments = progress.windows(2).map(|pair| {
        let ((before_us, before), (at_us, now)) = (pair[0], pair[1]);
        let at_ms = at_us as f64 / 1000.0;
        let spoken_ms = now.heard.zip(line).map(|(heard, line)| line.arrival_ms(at_us, heard));
        PlayoutMoment {
            at_ms,
            delay_ms: spoken_ms.map(|spoken_ms| at_ms - spoken_ms),
            target_ms: now.target_us as f64 / 1000.0,
            samples: at_us.saturating_sub(before_us) as f64 * 0.048,
            concealed: now.concealed.saturating_sub(before.concealed) as f64,
            stretched: (now.stretched() - before.stretched()).len() as f64,
        }
    });
    let last = progress.last().map(|(_, last)| *last).unwrap_or_default();
    let stats = ReceiverStats {
        fec_used: last.fec,
        red_used: last.red,
        dred_used: last.dred,
        ..ReceiverStats::default()
    };
    FlightLog { moments: moments.collect(), stats, ..FlightLog::default() }
}
