//! The jitter buffer in virtual time: these packets arrive, these frames are played.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;

/// Opus heads of 2.5, 5, 10 and 20 ms of CELT.
fn packet_of(frame: Samples) -> Arc<[u8]> {
    let config = match frame.0 {
        120 => 28u8,
        240 => 29,
        480 => 30,
        960 => 31,
        other => panic!("no such frame: {other}"),
    };
    vec![config << 3, 1, 2, 3].into()
}

/// A renderer without a decoder: it counts samples, and notes what each decision was.
struct Sink {
    buffer: JitterBuffer,
    start: Instant,
    pull: Samples,
    unplayed: Unplayed,
    /// Media time of every frame decoded, with the moment and the samples left out.
    played: Vec<(u64, f64, i64)>,
    /// Media time of every frame decoded and not heard, with the moment.
    unheard: Vec<(u64, f64)>,
    /// Media time and length of what was restored from deep redundancy.
    restored: Vec<(u64, i64)>,
    /// How far each packet's deep redundancy reaches.
    reach: Samples,
    made_up: i64,
    silence: i64,
}

impl Sink {
    fn new(pull: Samples) -> Sink {
        #[expect(clippy::disallowed_methods, reason = "any instant will do to begin virtual time")]
        let start = Instant::now();
        let buffer = JitterBuffer::new(TargetSettings::default());
        let unplayed = Unplayed::default();
        let (played, unheard, restored, reach) = (vec![], vec![], vec![], Samples::ZERO);
        Sink { buffer, start, pull, unplayed, played, unheard, restored, reach, made_up: 0, silence: 0 }
    }

    fn at(&self, ms: f64) -> Instant {
        self.start + Duration::from_micros((ms * 1000.0) as u64)
    }

    fn arrive(&mut self, n: u64, frame: Samples, ms: f64) {
        let timestamp = RtpTimestamp((1 << 32) + n * frame.0 as u64);
        self.arrive_as(n, timestamp, packet_of(frame), ms, PayloadFormat::Opus);
    }

    fn arrive_as(
        &mut self,
        n: u64,
        timestamp: RtpTimestamp,
        payload: Arc<[u8]>,
        ms: f64,
        format: PayloadFormat,
    ) {
        let arrival = self.at(ms);
        let packet = Packet { ssrc: 1, seq: Seq(n), timestamp, arrival, marker: false, format, payload };
        self.buffer.handle_packet_reaching(&packet, self.reach);
    }

    /// One pull, at `ms`.
    fn pull(&mut self, ms: f64) {
        self.buffer.begin(self.at(ms), self.pull, self.unplayed);
        while self.unplayed.real < self.pull {
            match self.buffer.decide(self.unplayed) {
                Decision::Silence { samples } => {
                    let samples = samples.min(self.pull - self.unplayed.real);
                    self.unplayed.real += samples;
                    self.silence += samples.0;
                }
                Decision::Decode { timestamp, samples, skip, .. } => {
                    self.unplayed.made_up = Samples::ZERO;
                    self.unplayed.real += samples - skip;
                    self.played.push((timestamp.0 - (1 << 32), ms, skip.0));
                }
                Decision::DecodeFec { timestamp, samples, skip, .. } => {
                    self.unplayed.made_up = Samples::ZERO;
                    self.unplayed.real += samples - skip;
                    self.played.push((timestamp.0 - (1 << 32), ms, skip.0));
                }
                Decision::DecodeDred { timestamp, before, samples, skip, .. } => {
                    assert!(samples > skip && samples.0 % 120 == 0 && samples <= before);
                    self.unplayed.made_up = Samples::ZERO;
                    self.unplayed.real += samples - skip;
                    self.restored.push((timestamp.0 - (1 << 32), samples.0));
                }
                Decision::DecodeUnheard { timestamp, .. } => {
                    self.unheard.push((timestamp.0 - (1 << 32), ms));
                }
                Decision::Conceal { samples, .. } => self.unplayed.made_up += samples,
                Decision::Settle { samples } => {
                    assert!(samples > Samples::ZERO && samples <= self.unplayed.made_up);
                    self.unplayed.made_up -= samples;
                    self.unplayed.real += samples;
                    self.made_up += samples.0;
                }
                Decision::PlayMadeUp => break,
            }
        }
        let from_made_up = (self.pull - self.unplayed.real).max(Samples::ZERO);
        assert!(from_made_up <= self.unplayed.made_up, "the pull is filled");
        self.made_up += from_made_up.0;
        self.unplayed.real -= self.pull - from_made_up;
        self.unplayed.made_up -= from_made_up;
        let excess = self.buffer.steer().excess.0.clamp(-24, 24).min(self.unplayed.real.0);
        self.unplayed.real -= Samples(excess);
        if excess != 0 {
            self.buffer.moved(Samples(excess));
        }
    }

    /// Runs packets (arrival in ms, by number) against pulls that begin when the buffer says.
    fn run(&mut self, frame: Samples, arrivals: &[(u64, f64)], until_ms: f64) {
        let mut arrivals = arrivals.to_vec();
        arrivals.sort_by(|a, b| a.1.total_cmp(&b.1));
        let mut waiting = arrivals.into_iter().peekable();
        let mut next_pull: Option<f64> = None;
        loop {
            let arrival = waiting.peek().map_or(f64::INFINITY, |a| a.1);
            let pull = next_pull.unwrap_or(f64::INFINITY);
            if arrival.min(pull) > until_ms {
                return;
            }
            if arrival <= pull {
                let (n, ms) = waiting.next().unwrap();
                self.arrive(n, frame, ms);
            } else {
                self.pull(pull);
                next_pull = Some(pull + self.pull.ms());
            }
            if next_pull.is_none() {
                let due = self.buffer.poll_playout();
                next_pull = due.map(|due| due.duration_since(self.start).as_micros() as f64 / 1000.0);
            }
        }
    }

    /// Delay from a frame's arrival on a steady network to its playout, in ms, of the frames since `ms`.
    fn worst_delay(&self, frame: Samples, since_ms: f64) -> f64 {
        let delays = self.played.iter().filter(|p| p.1 >= since_ms);
        delays.map(|&(time, ms, _)| ms - Samples(time as i64).ms()).fold(0.0, f64::max).max(frame.ms() * 0.0)
    }
}

fn steady(frame: Samples, count: u64) -> Vec<(u64, f64)> {
    (0..count).map(|n| (n, n as f64 * frame.ms() + (n % 3) as f64 * 0.1)).collect()
}

#[test]
fn on_a_quiet_network_frames_wait_two_milliseconds_at_most() {
    for frame in [120, 240, 480, 960].map(Samples) {
        for pull in [120, 240, 480].map(Samples).into_iter().filter(|&pull| pull <= frame) {
            let mut sink = Sink::new(pull);
            sink.run(frame, &steady(frame, 400), 0.9 * 400.0 * frame.ms());
            assert!(
                sink.worst_delay(frame, 0.0) <= 2.0,
                "{frame:?} {pull:?} {}",
                sink.worst_delay(frame, 0.0)
            );
            assert_eq!(sink.made_up, 0);
            assert_eq!(sink.buffer.stats().lost_samples, 0);
        }
    }
}

#[test]
fn pulls_that_do_not_divide_the_frame_cost_less_than_a_pull() {
    let frame = Samples::from_ms(10);
    let mut sink = Sink::new(Samples(441));
    sink.run(frame, &steady(frame, 500), 4900.0);
    assert!(sink.worst_delay(frame, 2000.0) <= 12.0, "{}", sink.worst_delay(frame, 2000.0));
    assert!(sink.made_up < 480 * 2, "{}", sink.made_up);
}

#[test]
fn every_frame_is_played_once_and_in_order_whatever_the_order_of_arrival() {
    let frame = Samples::from_ms(10);
    let arrivals: Vec<_> = (0..300u64).map(|n| (n, n as f64 * 10.0 + (n * 7919 % 40) as f64)).collect();
    let mut sink = Sink::new(Samples(120));
    sink.run(frame, &arrivals, 2900.0);
    assert!(sink.played.windows(2).all(|pair| pair[0].0 < pair[1].0));
    let late: Vec<_> = sink.played.iter().skip_while(|p| p.1 < 500.0).collect();
    let expected = late.last().unwrap().0.abs_diff(late[0].0) / 480 + 1;
    assert!(late.len() as u64 + 3 >= expected, "{} of {expected}", late.len());
}

#[test]
fn a_lost_frame_is_concealed_for_its_length_and_no_longer() {
    let frame = Samples::from_ms(20);
    let mut arrivals = steady(frame, 200);
    arrivals.retain(|a| a.0 != 100);
    let mut sink = Sink::new(Samples(120));
    sink.run(frame, &arrivals, 3900.0);
    assert!((sink.made_up - 960).abs() <= 96, "{}", sink.made_up);
    assert!(sink.worst_delay(frame, 0.0) < 4.5, "{}", sink.worst_delay(frame, 0.0));
    assert_eq!(sink.buffer.stats().lost_samples, 960);
}

#[test]
fn a_frame_that_is_a_little_late_is_played_in_its_greater_part() {
    let frame = Samples::from_ms(20);
    let mut arrivals = steady(frame, 200);
    arrivals[100].1 += 6.0;
    let mut sink = Sink::new(Samples(120));
    sink.run(frame, &arrivals, 3900.0);
    assert_eq!(sink.played.len(), 195);
    assert!(sink.made_up <= 360, "{}", sink.made_up);
    assert!(sink.worst_delay(frame, 3000.0) < 4.5, "{}", sink.worst_delay(frame, 3000.0));
}

#[test]
fn where_the_path_grows_longer_no_pull_is_left_short_of_the_next_frame() {
    let frame = Samples::from_ms(10);
    for pull in [240, 480].map(Samples) {
        for longer_ms in [1i64, 3, 6, 9] {
            let mut arrivals = steady(frame, 600);
            arrivals[300..].iter_mut().for_each(|arrival| arrival.1 += longer_ms as f64);
            let mut sink = Sink::new(pull);
            sink.run(frame, &arrivals, 5900.0);
            // What playout has to fall back by is whole pulls; the first frame is waited for before the target knows of it.
            let most = 2 * pull.0 * (48 * longer_ms + pull.0 - 1).div_euclid(pull.0);
            assert!(sink.made_up <= most, "{pull:?}, {longer_ms} ms: {} made up", sink.made_up);
        }
    }
}

#[test]
fn after_a_stall_playout_is_back_at_its_target_within_two_seconds() {
    let frame = Samples::from_ms(20);
    let mut arrivals = steady(frame, 1200);
    for (n, ms) in &mut arrivals[900..910] {
        *ms = 18_200.0 + *n as f64 * 0.01;
    }
    let mut sink = Sink::new(Samples(120));
    sink.run(frame, &arrivals, 23_900.0);
    assert!(sink.worst_delay(frame, 20_200.0) < 5.0, "{}", sink.worst_delay(frame, 20_200.0));
    assert!(sink.made_up < 48 * 220, "{}", sink.made_up);
}

#[test]
fn after_a_stall_in_the_first_seconds_another_one_is_waited_for_six_seconds_long() {
    let frame = Samples::from_ms(20);
    let mut arrivals = steady(frame, 800);
    for (n, ms) in &mut arrivals[100..110] {
        *ms = 2200.0 + *n as f64 * 0.01;
    }
    let mut sink = Sink::new(Samples(120));
    sink.run(frame, &arrivals, 15_900.0);
    let heard = sink.played.iter().filter(|frame| (2300.0..7900.0).contains(&frame.1)).count();
    assert!((270..=280).contains(&heard), "nothing is left out: {heard} frames");
    assert!(sink.worst_delay(frame, 3000.0) > 195.0, "{}", sink.worst_delay(frame, 3000.0));
    assert!(sink.worst_delay(frame, 12_200.0) < 5.0, "{}", sink.worst_delay(frame, 12_200.0));
    assert!(sink.made_up < 48 * 220, "{}", sink.made_up);
}

#[test]
fn a_path_that_grows_longer_than_may_be_waited_for_is_followed_within_a_second() {
    let frame = Samples::from_ms(10);
    for longer_ms in [450.0, 600.0, 850.0, 1500.0] {
        let mut arrivals = steady(frame, 900);
        arrivals[300..].iter_mut().for_each(|arrival| arrival.1 += longer_ms);
        let mut sink = Sink::new(Samples(480));
        sink.run(frame, &arrivals, 8900.0);
        let whole = |frame: &&(u64, f64, i64)| frame.1 >= 3000.0 + longer_ms && frame.2 == 0;
        let heard = sink.played.iter().find(whole).expect("it is heard again");
        assert!(heard.1 <= 4000.0 + longer_ms, "{longer_ms} ms longer: heard again at {} ms", heard.1);
        let missing = (longer_ms + 1000.0) * 48.0;
        assert!(sink.made_up as f64 <= missing, "{longer_ms} ms longer: {} made up", sink.made_up);
    }
}

#[test]
fn when_a_stall_is_over_the_delay_is_known_at_once() {
    let frame = Samples::from_ms(20);
    let mut arrivals = steady(frame, 1200);
    // The first one is given up, the second one is waited for.
    for (first, over_ms) in [(900, 18_200.0), (1050, 21_200.0)] {
        for (n, arrival) in arrivals[first..first + 10].iter_mut().enumerate() {
            arrival.1 = over_ms + n as f64 * 0.01;
        }
    }
    for (until_ms, excess_ms) in [(18_220.0, 0.0..60.0), (21_220.0, -5.0..15.0)] {
        let mut sink = Sink::new(Samples(120));
        sink.run(frame, &arrivals, until_ms);
        let excess = sink.buffer.steer().excess.ms();
        assert!(excess_ms.contains(&excess), "{until_ms} ms: {excess} ms");
    }
}

#[test]
fn the_last_of_what_comes_too_late_is_decoded_unheard_right_before_what_is_heard() {
    let frame = Samples::from_ms(10);
    for (held_up, most) in [(6, 4), (20, 4)] {
        let (first, end) = (1700, 1700 + held_up);
        let mut arrivals = steady(frame, 1800);
        for arrival in &mut arrivals[first..end] {
            arrival.1 = end as f64 * 10.0;
        }
        let mut sink = Sink::new(Samples(120));
        sink.run(frame, &arrivals, 17_900.0);
        let first = first as u64;
        let (next, at, _) = *sink.played.iter().find(|frame| frame.0 >= first * 480).expect("it goes on");
        let left_out = next / 480 - first;
        assert!(left_out > 1, "of {held_up}: {left_out}");
        let unheard: Vec<_> = sink.unheard.iter().map(|frame| (frame.0 / 480, frame.1)).collect();
        let expected: Vec<_> =
            (first + left_out.saturating_sub(most)..first + left_out).map(|n| (n, at)).collect();
        assert_eq!(unheard, expected, "of {held_up}");
    }
}

#[test]
fn parity_fills_what_was_lost_and_is_waited_for_when_it_pays() {
    let frame = Samples::from_ms(10);
    let mut sink = Sink::new(Samples(120));
    let mut packer = RedPacker::default();
    let mut next_pull = 1.5;
    for n in 0..800u64 {
        let ms = n as f64 * 10.0;
        while next_pull <= ms {
            sink.pull(next_pull);
            next_pull += 2.5;
        }
        let opus = packet_of(frame);
        let packed = packer.pack_parity(111, 3, n * 480, (480, &opus)).map(Arc::from);
        // Each is the first, the second and the last of three by turns, and each packet with parity comes.
        if n % 10 != 5 || n % 3 == 0 {
            let format = if packed.is_some() { PayloadFormat::Red } else { PayloadFormat::Opus };
            let timestamp = RtpTimestamp((1 << 32) + n * 480);
            sink.arrive_as(n, timestamp, packed.unwrap_or(opus), ms, format);
        }
    }
    let played: Vec<_> = sink.played.iter().map(|frame| frame.0 / 480).collect();
    let settled = played.iter().copied().filter(|n| *n > 100);
    assert!(settled.eq(101..=*played.last().unwrap()), "{played:?}");
    assert!(played.last() > Some(&780));
}

#[test]
fn redundancy_fills_what_was_lost_and_is_waited_for_when_it_pays() {
    let frame = Samples::from_ms(10);
    let mut sink = Sink::new(Samples(120));
    let opus = packet_of(frame);
    let mut next_pull = 1.5;
    for n in 0..800u64 {
        let ms = n as f64 * 10.0;
        while next_pull <= ms {
            sink.pull(next_pull);
            next_pull += 2.5;
        }
        if n % 10 == 5 {
            continue;
        }
        let mut payload = Vec::new();
        red::write(111, &[(frame, &opus)], &opus, &mut payload).unwrap();
        sink.arrive_as(n, RtpTimestamp((1 << 32) + n * 480), payload.into(), ms, PayloadFormat::Red);
    }
    let stats = sink.buffer.stats();
    assert!(stats.frames_redundant >= 70, "{stats:?}");
    assert!(stats.lost_samples <= 480 * 8, "{stats:?}");
}

#[test]
fn another_source_begins_afresh() {
    let frame = Samples::from_ms(20);
    let mut sink = Sink::new(Samples(480));
    sink.run(frame, &steady(frame, 50), 990.0);
    let arrival = sink.at(1000.0);
    let packet = Packet {
        ssrc: 2,
        seq: Seq(9),
        timestamp: RtpTimestamp(5),
        arrival,
        marker: true,
        format: PayloadFormat::Opus,
        payload: packet_of(frame),
    };
    sink.buffer.handle_packet(&packet);
    assert_eq!(sink.buffer.stats().restarts, 1);
    assert!(sink.buffer.poll_playout().is_some());
}

#[test]
fn a_jump_of_the_senders_clock_is_followed_after_a_few_packets() {
    for jump in [-10_000_000i64, 10_000_000, 1 << 31] {
        let frame = Samples::from_ms(20);
        let mut sink = Sink::new(Samples(480));
        sink.run(frame, &steady(frame, 100), 1990.0);
        let before = sink.played.len();
        let mut next_pull = 2001.5;
        for n in 100..200u64 {
            let ms = n as f64 * 20.0;
            let timestamp = RtpTimestamp((1 << 34) + n * 960) + Samples(jump);
            sink.arrive_as(n, timestamp, packet_of(frame), ms, PayloadFormat::Opus);
            while next_pull < ms + 20.0 {
                sink.pull(next_pull);
                next_pull += 10.0;
            }
        }
        assert_eq!(sink.buffer.stats().restarts, 1, "{jump}");
        assert!(sink.played.len() - before >= 90, "{jump}: {}", sink.played.len() - before);
    }
}

#[test]
fn one_packet_from_nowhere_changes_nothing() {
    let frame = Samples::from_ms(20);
    let mut sink = Sink::new(Samples(120));
    sink.run(frame, &steady(frame, 100), 1990.0);
    sink.arrive_as(7, RtpTimestamp(3), packet_of(frame), 1990.0, PayloadFormat::Opus);
    sink.arrive_as(8, RtpTimestamp(1 << 40), packet_of(frame), 1990.0, PayloadFormat::Opus);
    let rest: Vec<_> = (100..200).map(|n| (n, n as f64 * 20.0)).collect();
    sink.buffer.poll_playout();
    let mut next_pull = 1991.5;
    for (n, ms) in rest {
        sink.arrive(n, frame, ms);
        while next_pull < ms + 20.0 {
            sink.pull(next_pull);
            next_pull += 2.5;
        }
    }
    assert_eq!(sink.buffer.stats().restarts, 0);
    assert!(sink.played.len() >= 195, "{}", sink.played.len());
}

#[test]
fn silence_on_purpose_moves_neither_target_nor_lag() {
    let frame = Samples::from_ms(20);
    let mut sink = Sink::new(Samples(120));
    let quiet: Arc<[u8]> = vec![31u8 << 3].into();
    let mut next_pull = 1.5;
    for n in 0..600u64 {
        let ms = n as f64 * 20.0;
        while next_pull <= ms {
            sink.pull(next_pull);
            next_pull += 2.5;
        }
        let timestamp = RtpTimestamp((1 << 32) + n * 960);
        match n % 100 {
            0..50 => sink.arrive(n, frame, ms),
            50 => sink.arrive_as(n, timestamp, quiet.clone(), ms, PayloadFormat::Opus),
            _ => {}
        }
    }
    assert!(sink.worst_delay(frame, 0.0) < 4.5, "{}", sink.worst_delay(frame, 0.0));
    assert_eq!(sink.buffer.stats().lost_samples, 0);
    assert!(sink.buffer.target().ms() < 2.5);
}

#[test]
fn a_burst_is_restored_from_the_deep_redundancy_of_the_packet_behind_it() {
    let frame = Samples(480);
    let lossy = |count: u64| steady(frame, count).into_iter().filter(|(n, _)| *n < 20 || n % 20 >= 3);
    let arrivals: Vec<(u64, f64)> = lossy(600).collect();
    let mut plain = Sink::new(Samples(120));
    plain.run(frame, &arrivals, 5900.0);
    let mut deep = Sink::new(Samples(120));
    deep.reach = Samples::from_ms(100);
    deep.run(frame, &arrivals, 5900.0);
    assert!(plain.restored.is_empty() && !deep.restored.is_empty());
    assert!(deep.made_up < plain.made_up, "{} and {}", deep.made_up, plain.made_up);
    // Each slot is restored or played once.
    let mut slots: Vec<(u64, u64)> = deep.restored.iter().map(|&(t, n)| (t, t + n as u64)).collect();
    slots.extend(deep.played.iter().map(|&(t, _, _)| (t, t + 480)));
    slots.sort_unstable();
    assert!(slots.windows(2).all(|w| w[0].1 <= w[1].0), "no slot twice");
}

/// The head of a packet of 20 ms of SILK that carries a coarse copy of the frame before.
fn packet_with_fec() -> Arc<[u8]> {
    vec![9 << 3, 0b0100_0000, 2, 3].into()
}

#[test]
fn the_last_frame_of_a_burst_is_restored_from_the_low_rate_copy_behind_it() {
    // Each frame waits two more than it must; of every ten, `burst` are lost.
    for burst in 1..=3 {
        let mut sink = Sink::new(Samples::from_ms(10));
        for n in 0..60u64 {
            let at_ms = n as f64 * 20.0 + 20.0;
            if n == 0 || n % 10 >= burst {
                let timestamp = RtpTimestamp((1 << 32) + n * 960);
                sink.arrive_as(n, timestamp, packet_with_fec(), at_ms, PayloadFormat::Opus);
            }
            if n >= 3 {
                sink.pull(at_ms + 0.9);
                sink.pull(at_ms + 10.9);
            }
        }
        let lost = (10..50).filter(|n| n % 10 < burst);
        for n in lost {
            let is_last = n % 10 == burst - 1;
            let found = sink.played.iter().find(|played| played.0 == n * 960);
            assert_eq!(found.map(|played| played.2), is_last.then_some(0), "frame {n} of bursts of {burst}");
        }
        // The first burst lacks its first frame, with which playout begins.
        let beyond_repair = 5 * (burst - 1) + burst.saturating_sub(2);
        assert_eq!(sink.buffer.stats().lost_samples / 960, beyond_repair, "bursts of {burst}");
    }
}
