//! The body of the fuzz target of the controller, built with everything else so that it cannot rot.

use std::time::{Duration, Instant};

use super::{Abilities, Controller, Plan, Policy};
use crate::audio::{Bitrate, FrameLength, Latency, SenderConfig};
use crate::rtp::{
    LEAST_BPS, MAX_PARITY_FRAMES, MAX_RED_COPIES, MAX_RED_DISTANCE, Progress, ReceiverReport, RedHeader,
    Samples, Sent, SentLog,
};

/// Of a script: each step is a choice among thousands of plans.
const MAX_STEPS: usize = 100;
/// Reports on an honest path afterwards, one a second. A limit that was believed grows by 4 % a second from
/// [`LEAST_BPS`] on, near the rate that was too much last more slowly, and that is remembered for a minute.
const HONEST_SECONDS: u64 = 300;
/// Round trip of the honest path.
const HONEST_RTT: Duration = Duration::from_millis(40);
/// Share of what is allowed that must be found to pass by then.
const NEARLY: f64 = 0.9;
/// Share of a limit that a plan takes where it is the limit that keeps it from more.
const FILLED: f64 = 0.95;

/// Bytes as a script of what the other side reports, be it true or not, of round trips, of wishes and abilities that
/// change and paths that give way to others: what is planned stays within what is wished, what is understood and what was
/// found to pass; after some scripts the rate is found again on an honest path.
pub fn controller(data: &[u8]) {
    let mut script = Script(data);
    // It takes as long as everything before it.
    let ends_honestly = script.byte() & 3 == 0;
    let mut scene = Scene::new(&mut script);
    scene.check();
    for _ in 0..MAX_STEPS {
        if script.0.is_empty() {
            break;
        }
        scene.step(&mut script);
        scene.check();
    }
    if ends_honestly {
        scene.honest();
    }
}

/// Bytes that run out into zeros.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or_default()
    }

    fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count
    }

    /// Small ones as often as those of any length.
    fn number(&mut self) -> u64 {
        let bytes = self.below(9);
        (0..bytes).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    /// One of these, or none.
    fn one_of<T: Copy>(&mut self, values: &[T]) -> Option<T> {
        let at = self.below(values.len() + 1);
        values.get(at).copied()
    }

    fn policy(&mut self) -> Policy {
        Policy {
            latency: Latency::ALL[self.below(Latency::ALL.len())],
            max_bitrate_bps: self.one_of(&[0, 14_000, 24_000, 40_000, 64_000, 256_000, u32::MAX]),
            frame: self.one_of(&FrameLength::ALL),
            bitrate: self.one_of(&[Bitrate::MIN, Bitrate::clamped(24_000), Bitrate::MAX]),
            fec: self.one_of(&[false, true]),
            red_distance: self.one_of(&[0, 1, 3, MAX_RED_DISTANCE, u8::MAX]),
            parity: self.one_of(&[0, 2, MAX_PARITY_FRAMES, u8::MAX]),
            dred_ms: self.one_of(&[0, 60, 240, 1040]),
        }
    }

    fn abilities(&mut self) -> Abilities {
        let head = self.byte();
        Abilities {
            max_ptime_ms: self.one_of(&[0, 1, 3, 10, 20, 60, u8::MAX]),
            max_bitrate: self.one_of(&[Bitrate::MIN, Bitrate::clamped(32_000), Bitrate::MAX]),
            fec: head & 1 != 0,
            red: head & 2 != 0,
            dred: head & 4 != 0,
            overhead_bytes: if head & 8 != 0 { 35 } else { Abilities::OVERHEAD_BYTES },
            ..Abilities::plain(&SenderConfig::default())
        }
    }
}

/// A controller, what is true of it, and what it was told.
struct Scene {
    controller: Controller,
    policy: Policy,
    abilities: Abilities,
    now: Instant,
    log: SentLog,
    lost: u64,
}

impl Scene {
    fn new(script: &mut Script<'_>) -> Scene {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let now = Instant::now();
        let (policy, abilities) = (script.policy(), script.abilities());
        let controller = Controller::new(policy, abilities);
        Scene { controller, policy, abilities, now, log: SentLog::new(0), lost: 0 }
    }

    fn step(&mut self, script: &mut Script<'_>) {
        match script.byte() % 16 {
            0 => {
                self.policy = script.policy();
                self.controller.set_policy(self.policy);
            }
            1 => {
                self.abilities = script.abilities();
                self.controller.set_abilities(self.abilities);
            }
            2 => self.controller.start_over(),
            3 => self.controller.handle_round_trip(Duration::from_micros(script.number() >> 16)),
            4 => {
                let bps = f64::from_bits(script.number());
                self.controller.handle_overuse(self.now, bps);
            }
            5..=8 => self.lie(script),
            _ => self.tell(script),
        }
    }

    /// A report of which nothing need be true.
    fn lie(&mut self, script: &mut Script<'_>) {
        self.now += Duration::from_millis(script.number() >> 40);
        let sent =
            |script: &mut Script<'_>| Sent { packets: script.number(), payload_bytes: script.number() };
        let report = ReceiverReport {
            at: self.now,
            highest: script.number(),
            lost: script.number(),
            jitter: Samples(script.number() as u32 as i64).duration(),
            rtt: (script.byte() & 1 == 0).then(|| Duration::from_micros(script.number() >> 16)),
            progress: (script.byte() & 3 != 0).then(|| Progress {
                sent: sent(script),
                covered: sent(script),
                waiting: (script.byte() & 1 == 0).then(|| Duration::from_micros(script.number() >> 16)),
            }),
        };
        self.controller.handle_report(&report);
    }

    /// A second of packets, and a report on it that may be true.
    fn tell(&mut self, script: &mut Script<'_>) {
        let (lost, rtt_ms, jitter_ms) = (script.byte(), script.number() & 0xfff, script.byte());
        self.second(u64::from(lost), Duration::from_millis(rtt_ms), Duration::from_millis(jitter_ms.into()));
    }

    /// What is planned is sent for a second, of which so many 256ths are lost.
    fn second(&mut self, lost: u64, rtt: Duration, jitter: Duration) {
        let plan = self.controller.plan();
        let packets = 48_000 / plan.frame.samples() as u64;
        let header = plan.carried_header_bytes(RedHeader::Whole);
        let payload = header + plan.voices() * f64::from(plan.bitrate.bps()) / 8.0 / packets as f64;
        let payload = payload as usize;
        for packet in 0..packets {
            self.log.on_sent(self.now + plan.frame.duration() * packet as u32, payload);
            self.controller.on_sent(payload);
        }
        self.now += Duration::from_secs(1);
        let highest = self.log.next() - 1;
        self.lost += packets * lost / 256;
        let total = self.log.total();
        self.controller.handle_report(&ReceiverReport {
            at: self.now,
            highest,
            lost: self.lost,
            jitter,
            rtt: Some(rtt),
            progress: self.log.progress(self.now, total, highest),
        });
    }

    /// Nothing is ever planned that is not wished, not understood, or more than passes.
    fn check(&self) {
        let (plan, path) = (self.controller.plan(), self.controller.path());
        let (policy, abilities) = (&self.policy, &self.abilities);
        let said = || format!("{plan:?} for {policy:?}, {abilities:?} on {path:?}");
        assert!(plan.red_distance == 0 || abilities.red, "{}", said());
        assert!(plan.red_distance <= MAX_RED_DISTANCE, "{}", said());
        assert!(plan.red_copies <= MAX_RED_COPIES, "{}", said());
        assert_eq!(plan.red_copies > 0, plan.red_distance > 0, "{}", said());
        assert!(plan.parity == 0 || (abilities.parity() && plan.red_copies == 0), "{}", said());
        assert!(plan.parity <= MAX_PARITY_FRAMES, "{}", said());
        assert!(plan.dred_ms == 0 || abilities.dred, "{}", said());
        assert!(!plan.fec || (abilities.fec && policy.fec != Some(false)), "{}", said());
        assert!(plan.expected_loss_percent <= 100, "{}", said());
        let longest = abilities.max_ptime_ms.map_or(f32::MAX, f32::from);
        assert!(plan.frame == FrameLength::Ms2_5 || plan.frame.ms() <= longest, "{}", said());
        assert!(policy.frame.is_none_or(|fixed| plan.frame <= fixed), "{}", said());
        let cap = abilities.max_bitrate.unwrap_or(Bitrate::MAX);
        assert!(plan.bitrate <= cap || policy.bitrate.is_some(), "{}", said());
        assert!((0.0..=1.0).contains(&path.lost) && path.burst.is_finite() && path.jitter_ms.is_finite());
        assert!(path.limit_bps.is_none_or(|limit| limit.is_finite() && limit >= LEAST_BPS), "{}", said());
        self.check_rate(&plan);
    }

    /// What nobody fixed fits under the limit that was wished; where the headers alone do not, it is the least there is.
    fn check_rate(&self, plan: &Plan) {
        let wire_bps = plan.wire_bps(&self.controller.abilities());
        let most = f64::from(self.policy.max_bitrate_bps());
        let is_least = plan.bitrate == Bitrate::MIN;
        assert!(
            wire_bps <= most + 1.0 || is_least || self.policy.bitrate.is_some(),
            "{wire_bps} of {most}: {plan:?} for {:?}, {:?}",
            self.policy,
            self.abilities
        );
    }

    /// However it was lied to: a path without losses and queues is made use of again.
    fn honest(&mut self) {
        for _ in 0..HONEST_SECONDS {
            self.second(0, HONEST_RTT, Duration::from_millis(2));
            self.check();
        }
        let path = self.controller.path();
        let most = f64::from(self.policy.max_bitrate_bps());
        let planned = self.controller.plan().wire_bps(&self.controller.abilities());
        // A limit that nothing planned comes near does not matter, and so it does not grow either.
        assert!(
            path.limit_bps.is_none_or(|limit| limit >= NEARLY * most || planned < FILLED * limit),
            "{path:?} after {HONEST_SECONDS} s without a loss, {:?}",
            self.controller.plan()
        );
        assert!(path.lost < 0.02, "{path:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_script_ends_well() {
        let mut state = 5u64;
        for _ in 0..20 {
            let script: Vec<u8> = (0..400)
                .map(|_| {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 56) as u8
                })
                .collect();
            if std::panic::catch_unwind(|| controller(&script)).is_err() {
                panic!("the script {script:?}");
            }
        }
    }
}
