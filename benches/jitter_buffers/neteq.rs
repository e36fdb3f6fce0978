//! NetEq as it is described in public, written plainly, as the receiver to compare with.
//!
//! It is pulled each 10 ms by a clock that knows nothing of when packets come: the phase of its ticks is an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use handset::audio::Channels;
use handset::audio::opus::{Decoder, DecoderEffort, MAX_PACKET_SAMPLES};
use handset::audio::trial::{Playout, Totals};
use handset::rtp::{OpusPacketInfo, Packet, PayloadFormat, RtpTimestamp, Samples, red};

/// Histogram: buckets of 20 ms, 0.95 quantile, forgetting 0.983 a sample, one sample each 500 ms: the greatest.
const BUCKET_MS: f64 = 20.0;
const BUCKETS: usize = 100;
const FORGET: f64 = 0.983;
const START_FORGET_WEIGHT: f64 = 2.0;
const RESAMPLE_MS: f64 = 500.0;
/// Target before anything is known.
const START_TARGET_MS: f64 = 80.0;
/// Relative delay is against the fastest packet of the last 2 s.
const HISTORY_MS: f64 = 2000.0;
/// Ticks between two changes of tempo.
const TEMPO_TICKS: u32 = 5;
/// Ends of a period that is left out or repeated, and of the look-ahead for it.
const SHORTEST: usize = 120;
const LONGEST: usize = 720;
const LOOK_AHEAD: usize = 1440;
const TICK: usize = 480;
/// Length of the cross-fade from expansion to speech.
const MERGE: usize = 144;

/// What can be set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Share of the greatest delays of half a second that are waited for.
    pub(crate) quantile: f64,
    /// The target is no lower.
    pub(crate) min_delay_ms: f64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { quantile: 0.95, min_delay_ms: 0.0 }
    }
}

/// The delay manager.
struct Delays {
    settings: Settings,
    arrivals: VecDeque<(f64, f64)>,
    buckets: [f64; BUCKETS],
    forget: f64,
    added: u32,
    interval: Option<(f64, f64)>,
    target_ms: f64,
}

impl Delays {
    fn new(settings: Settings) -> Delays {
        let buckets = std::array::from_fn(|n| 0.5f64.powi(n as i32 + 1));
        Delays {
            settings,
            arrivals: VecDeque::new(),
            buckets,
            forget: 0.0,
            added: 0,
            interval: None,
            target_ms: START_TARGET_MS,
        }
    }

    fn observe(&mut self, transit_ms: f64, now_ms: f64) {
        self.arrivals.push_back((now_ms, transit_ms));
        while self.arrivals.front().is_some_and(|a| a.0 < now_ms - HISTORY_MS) {
            self.arrivals.pop_front();
        }
        let fastest = self.arrivals.iter().map(|a| a.1).fold(f64::INFINITY, f64::min);
        let delay = transit_ms - fastest;
        let (since, greatest) = self.interval.unwrap_or((now_ms, 0.0));
        let greatest = greatest.max(delay);
        if now_ms - since < RESAMPLE_MS {
            self.interval = Some((since, greatest));
            return;
        }
        self.interval = Some((now_ms, 0.0));
        let bucket = ((greatest / BUCKET_MS) as usize).min(BUCKETS - 1);
        for weight in &mut self.buckets {
            *weight *= self.forget;
        }
        self.buckets[bucket] += 1.0 - self.forget;
        self.added += 1;
        self.forget = FORGET.min(1.0 - START_FORGET_WEIGHT / f64::from(self.added + 1)).max(0.0);
        let mut left = self.settings.quantile;
        let quantile = self.buckets.iter().position(|w| {
            left -= w;
            left <= 0.0
        });
        let target_ms = (quantile.unwrap_or(BUCKETS - 1) + 1) as f64 * BUCKET_MS;
        self.target_ms = target_ms.max(self.settings.min_delay_ms);
    }
}

/// NetEq on our decoder.
pub(crate) struct NetEq {
    decoder: Decoder,
    frames: VecDeque<(RtpTimestamp, Samples, Vec<u8>)>,
    delays: Delays,
    /// From the first packet to the first tick.
    phase: Duration,
    origin: Option<(Instant, RtpTimestamp)>,
    next: Option<RtpTimestamp>,
    line: Vec<f32>,
    /// Where in `line` playout stands.
    head: usize,
    level_ms: f64,
    stretched_since: f64,
    tempo_wait: u32,
    expanded: usize,
    seen: VecDeque<RtpTimestamp>,
    totals: Totals,
}

impl NetEq {
    pub(crate) fn new(settings: Settings, phase: Duration) -> NetEq {
        NetEq {
            decoder: Decoder::new(Channels::Mono, DecoderEffort::DeepConcealment).expect("memory"),
            frames: VecDeque::new(),
            delays: Delays::new(settings),
            phase,
            origin: None,
            next: None,
            line: vec![0.0; LOOK_AHEAD],
            head: LOOK_AHEAD,
            level_ms: 0.0,
            stretched_since: 0.0,
            tempo_wait: 0,
            expanded: 0,
            seen: VecDeque::new(),
            totals: Totals::default(),
        }
    }

    fn insert(&mut self, timestamp: RtpTimestamp, payload: &[u8]) {
        let Some(info) = OpusPacketInfo::parse(payload) else { return };
        if self.next.is_some_and(|next| timestamp < next) {
            return;
        }
        let at = self.frames.iter().rposition(|f| f.0 <= timestamp);
        if at.is_some_and(|at| self.frames[at].0 == timestamp) {
            return;
        }
        self.frames.insert(at.map_or(0, |at| at + 1), (timestamp, info.duration, payload.to_vec()));
    }

    fn unplayed(&self) -> usize {
        self.line.len() - self.head
    }

    fn buffered_ms(&self) -> f64 {
        let waiting: f64 = self.frames.iter().map(|f| f.1.ms()).sum();
        waiting + self.unplayed() as f64 / 48.0
    }

    /// The filtered level: slower, the higher the target.
    fn filter_level(&mut self) {
        let packets = self.delays.target_ms / 20.0;
        let keep = match packets {
            ..=1.0 => 251.0,
            ..=3.0 => 252.0,
            ..=7.0 => 253.0,
            _ => 254.0,
        } / 256.0;
        self.level_ms = keep * self.level_ms + (1.0 - keep) * self.buffered_ms()
            - std::mem::take(&mut self.stretched_since);
        self.level_ms = self.level_ms.max(0.0);
    }

    fn decode_next(&mut self) {
        let Some((timestamp, duration, payload)) = self.frames.pop_front() else { return };
        let mut out = [0.0; MAX_PACKET_SAMPLES];
        let n = self.decoder.decode(&payload, &mut out).unwrap_or(0);
        let mut fresh = out[..n].to_vec();
        if self.expanded > 0 {
            self.merge(&mut fresh);
        }
        self.line.extend_from_slice(&fresh);
        self.next = Some(timestamp + duration);
        self.expanded = 0;
    }

    /// Goes over from expansion to speech where they are alike: what was expanded goes on until then.
    fn merge(&mut self, fresh: &mut [f32]) {
        let mut tail = [0.0; 2 * TICK];
        if self.decoder.conceal(&mut tail).is_err() || fresh.len() < MERGE {
            return;
        }
        let score = |at: usize| alike(&tail[at..], fresh, MERGE);
        let scored = (0..=LONGEST / 2).step_by(2).map(|at| (at, score(at)));
        let best = scored.fold((0, -1.0), |best, next| if next.1 > best.1 { next } else { best }).0;
        self.line.extend_from_slice(&tail[..best]);
        self.totals.concealed += best as u64;
        for (n, sample) in fresh[..MERGE].iter_mut().enumerate() {
            let gain = n as f32 / MERGE as f32;
            *sample = tail[best + n] * (1.0 - gain) + *sample * gain;
        }
    }

    fn expand(&mut self) {
        let mut out = [0.0; TICK];
        if self.decoder.conceal(&mut out).is_err() {
            out.fill(0.0);
        }
        self.line.extend_from_slice(&out);
        self.expanded += TICK;
        self.totals.concealed += TICK as u64;
    }

    /// Finds the period of what lies ahead, and how alike its ends are.
    fn period(&self) -> Option<(usize, f32)> {
        let ahead = &self.line[self.head..];
        if ahead.len() < LOOK_AHEAD {
            return None;
        }
        let score = |lag: usize| alike(ahead, &ahead[lag..], 480);
        (SHORTEST..=LONGEST).step_by(2).map(|lag| (lag, score(lag))).max_by(|a, b| a.1.total_cmp(&b.1))
    }

    fn quiet(&self) -> bool {
        let ahead = &self.line[self.head..];
        ahead.iter().map(|s| s * s).sum::<f32>() / (ahead.len().max(1) as f32) < 1e-6
    }

    fn accelerate(&mut self, fast: bool) {
        let least = if fast { 0.5 } else { 0.9 };
        let Some((period, score)) = self.period() else { return };
        if score < least && !self.quiet() {
            return;
        }
        let head = self.head;
        for n in 0..period.min(480) {
            let gain = n as f32 / period.min(480) as f32;
            self.line[head + period + n] =
                self.line[head + n] * (1.0 - gain) + self.line[head + period + n] * gain;
        }
        self.line.drain(head..head + period);
        self.stretched(period as f64);
    }

    fn preemptive_expand(&mut self) {
        let Some((period, score)) = self.period() else { return };
        if score < 0.9 && !self.quiet() {
            return;
        }
        let head = self.head;
        let again: Vec<f32> = self.line[head..head + period].to_vec();
        self.line.splice(head..head, again);
        self.stretched(-(period as f64));
    }

    fn stretched(&mut self, samples: f64) {
        self.totals.stretched += samples.abs() as u64;
        self.stretched_since += samples / 48.0;
        self.tempo_wait = TEMPO_TICKS;
    }

    /// One tick of 10 ms.
    fn tick(&mut self) {
        self.filter_level();
        self.tempo_wait = self.tempo_wait.saturating_sub(1);
        let Some(&(first, ..)) = self.frames.front() else {
            if self.next.is_some() && self.unplayed() < TICK {
                self.expand();
            }
            return;
        };
        let next = *self.next.get_or_insert(first);
        if self.unplayed() >= TICK && self.tempo_wait > 0 {
            return;
        }
        if first > next {
            if self.unplayed() >= TICK {
                return;
            }
            // A later frame is there: expand for as long as the gap, unless enough waits, then go on with it.
            let too_early = (self.expanded as i64) < first.since(next).0;
            if self.expanded == 0 || (too_early && self.level_ms < self.delays.target_ms) {
                self.expand();
                return;
            }
        }
        self.on_expected();
    }

    fn on_expected(&mut self) {
        let target = self.delays.target_ms;
        let low = (target * 0.75).max(target - 85.0);
        let high = target.max(low + 20.0);
        let tempo = self.tempo_wait == 0 && self.expanded == 0;
        let (fast, faster, slower) =
            (self.level_ms >= 4.0 * high, self.level_ms >= high, self.level_ms < low);
        let wanted = if tempo && (faster || slower) { LOOK_AHEAD } else { TICK };
        while self.unplayed() < wanted
            && self.frames.front().is_some_and(|f| self.next.is_none_or(|n| f.0 <= n || self.expanded > 0))
        {
            self.decode_next();
        }
        if tempo && (faster || fast) {
            self.accelerate(fast);
        } else if tempo && slower {
            self.preemptive_expand();
        }
        if self.unplayed() < TICK {
            self.expand();
        }
    }
}

fn alike(a: &[f32], b: &[f32], len: usize) -> f32 {
    let (mut ab, mut aa, mut bb) = (0.0f32, 1e-9f32, 1e-9f32);
    for n in (0..len.min(a.len()).min(b.len())).step_by(2) {
        ab += a[n] * b[n];
        aa += a[n] * a[n];
        bb += b[n] * b[n];
    }
    ab / (aa * bb).sqrt()
}

impl Playout for NetEq {
    fn handle_packet(&mut self, packet: &Packet) {
        let &mut (at, timestamp) = self.origin.get_or_insert((packet.arrival, packet.timestamp));
        let now_ms = packet.arrival.saturating_duration_since(at).as_secs_f64() * 1000.0;
        let fresh = !self.seen.contains(&packet.timestamp);
        if fresh {
            self.delays.observe(now_ms - packet.timestamp.since(timestamp).ms(), now_ms);
            self.seen.push_back(packet.timestamp);
            if self.seen.len() > 256 {
                self.seen.pop_front();
            }
        }
        match packet.format {
            PayloadFormat::Opus => self.insert(packet.timestamp, &packet.payload),
            PayloadFormat::Red => {
                let Ok(blocks) = red::parse(&packet.payload) else { return };
                self.insert(packet.timestamp, &packet.payload[blocks.primary().bytes.clone()]);
                for block in blocks.redundant() {
                    let older = packet.timestamp - block.offset;
                    if older >= timestamp {
                        self.insert(older, &packet.payload[block.bytes.clone()]);
                    }
                }
            }
        }
    }

    fn render(&mut self, _now: Instant, out: &mut [f32]) {
        self.tick();
        let n = out.len().min(self.unplayed());
        out[..n].copy_from_slice(&self.line[self.head..self.head + n]);
        out[n..].fill(0.0);
        self.head += n;
        if self.head > 48_000 {
            self.line.drain(..self.head - LOOK_AHEAD);
            self.head = LOOK_AHEAD;
        }
        self.totals.rendered += out.len() as u64;
    }

    fn poll_playout(&self) -> Option<Instant> {
        self.origin.map(|origin| origin.0 + self.phase)
    }

    fn heard(&self) -> Option<RtpTimestamp> {
        let next = self.next?;
        (self.expanded == 0).then(|| next - Samples::from(self.unplayed()))
    }

    fn totals(&mut self) -> Totals {
        self.totals
    }
}
