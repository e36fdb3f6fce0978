//! One direction of a network, in virtual time.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use super::jitter::JitterState;
use super::loss::LossState;
use super::{LinkConfig, Random};

/// Datagrams under way at once. A real path holds far fewer; a sender that never lets them out loses them here.
const MAX_UNDER_WAY: usize = 100_000;

/// What became of the datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkStats {
    /// Put in.
    pub sent: u64,
    /// Lost by chance, or in a gap.
    pub lost: u64,
    /// Lost because a queue was full.
    pub overflowed: u64,
    /// Copies made.
    pub duplicated: u64,
    /// Come out, copies included.
    pub delivered: u64,
}

/// One direction of a network for datagrams of type `T`.
///
/// Put datagrams in with [`send`](Link::send), in the order of their times; take those out that have arrived with
/// [`poll`](Link::poll); [`poll_timeout`](Link::poll_timeout) says when the next one arrives. Time begins with the link.
#[derive(Debug, Clone)]
pub struct Link<T> {
    config: LinkConfig,
    start: Instant,
    jitter: JitterState,
    losses: Vec<LossState>,
    reorder: Random,
    duplicate: Random,
    stalls: StallState,
    under_way: BinaryHeap<UnderWay<T>>,
    /// Counts datagrams, so that those of one moment come out in the order in which they went in.
    order: u64,
    last_arrival: Instant,
    /// When the bottleneck has sent what it took so far.
    free_at: Instant,
    stats: LinkStats,
}

#[derive(Debug, Clone)]
struct UnderWay<T> {
    arrival: Instant,
    order: u64,
    datagram: T,
}

impl<T> PartialEq for UnderWay<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for UnderWay<T> {}

impl<T> PartialOrd for UnderWay<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for UnderWay<T> {
    /// The earliest is the greatest: the heap gives it first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.arrival, other.order).cmp(&(self.arrival, self.order))
    }
}

/// The present or the next stall.
#[derive(Debug, Clone)]
struct StallState {
    random: Random,
    next: Option<(f64, f64)>,
}

impl<T: Clone> Link<T> {
    /// A link that begins at `start`. Links of one network want different seeds.
    pub fn new(config: LinkConfig, seed: u64, start: Instant) -> Link<T> {
        let losses =
            (0..config.loss.len()).map(|n| LossState::new(Random::new(seed, 100 + n as u64))).collect();
        let next = config.stalls.map(|s| (millis(s.first), millis(s.first + s.length)));
        Link {
            start,
            jitter: JitterState::new(Random::new(seed, 1)),
            losses,
            reorder: Random::new(seed, 2),
            duplicate: Random::new(seed, 3),
            stalls: StallState { random: Random::new(seed, 4), next },
            under_way: BinaryHeap::new(),
            order: 0,
            last_arrival: start,
            free_at: start,
            stats: LinkStats::default(),
            config,
        }
    }

    /// Puts in a datagram that takes `bytes` on the wire.
    pub fn send(&mut self, now: Instant, bytes: usize, datagram: T) {
        self.stats.sent += 1;
        let ms = millis(now.saturating_duration_since(self.start));
        if self.is_lost(ms) {
            self.stats.lost += 1;
            return;
        }
        let Some(sent) = self.through_bottleneck(now, bytes) else {
            self.stats.overflowed += 1;
            return;
        };
        let Some(jitter_ms) = self.jitter.draw(&self.config.jitter, ms) else {
            self.stats.lost += 1;
            return;
        };
        let steps: f64 = self.config.steps.iter().filter(|s| millis(s.at) <= ms).map(|s| s.change_ms).sum();
        let delay_ms = (millis(self.config.delay) + steps + jitter_ms).max(0.0);
        let mut arrival = sent + Duration::from_secs_f64(delay_ms / 1000.0);
        if let Some(until_ms) = self.stalls.until(&self.config, ms) {
            let released = self.start + Duration::from_secs_f64(until_ms / 1000.0) + self.config.delay;
            arrival = arrival.max(released);
        }
        let detour = self.config.reorder.filter(|r| self.reorder.chance(r.share));
        if let Some(reorder) = detour {
            arrival += reorder.extra;
        } else if !self.config.overtaking {
            arrival = arrival.max(self.last_arrival);
            self.last_arrival = arrival;
        }
        if self.duplicate.chance(self.config.duplicated) {
            self.stats.duplicated += 1;
            self.put(arrival, datagram.clone());
        }
        self.put(arrival, datagram);
    }

    fn is_lost(&mut self, ms: f64) -> bool {
        // All of them are drawn, so that one does not shift another.
        let by_chance = self
            .config
            .loss
            .iter()
            .zip(&mut self.losses)
            .fold(false, |lost, (loss, state)| state.draw(loss, ms) | lost);
        by_chance
            || self.config.gaps.iter().any(|gap| (millis(gap.at)..millis(gap.at + gap.length)).contains(&ms))
    }

    /// When the bottleneck has sent the datagram; `None` when its queue is full.
    fn through_bottleneck(&mut self, now: Instant, bytes: usize) -> Option<Instant> {
        let Some(rate) = self.config.rate else { return Some(now) };
        let begin = self.free_at.max(now);
        if begin - now > rate.queue {
            return None;
        }
        let bits = bytes as f64 * 8.0;
        self.free_at = begin + Duration::from_secs_f64(bits / rate.bits_per_second.max(1) as f64);
        Some(self.free_at)
    }

    fn put(&mut self, arrival: Instant, datagram: T) {
        if self.under_way.len() >= MAX_UNDER_WAY {
            self.stats.overflowed += 1;
            return;
        }
        self.order += 1;
        self.under_way.push(UnderWay { arrival, order: self.order, datagram });
    }

    /// The next datagram that has arrived by `now`, with the moment of its arrival.
    pub fn poll(&mut self, now: Instant) -> Option<(Instant, T)> {
        if self.under_way.peek()?.arrival > now {
            return None;
        }
        let next = self.under_way.pop()?;
        self.stats.delivered += 1;
        Some((next.arrival, next.datagram))
    }

    /// When the next datagram arrives.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.under_way.peek().map(|next| next.arrival)
    }

    /// What was counted.
    pub fn stats(&self) -> LinkStats {
        self.stats
    }
}

impl StallState {
    /// Until when a datagram of `ms` is held, if a stall is on; both in milliseconds of the link's time.
    fn until(&mut self, config: &LinkConfig, ms: f64) -> Option<f64> {
        let stalls = config.stalls?;
        let every = millis(stalls.every).max(1.0);
        while let Some((begin, end)) = self.next {
            if ms < end {
                return (ms >= begin).then_some(end);
            }
            let mut vary = || 1.0 + stalls.spread * (2.0 * self.random.unit() - 1.0);
            let begin = begin + (every * vary()).max(1.0);
            self.next = Some((begin, begin + millis(stalls.length) * vary()));
        }
        None
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::super::{Gap, Jitter, Loss, Rate, Reorder, RouteStep, Stalls};
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Sends `count` datagrams 10 ms apart; returns (number, arrival in ms) in order of arrival.
    fn run(config: LinkConfig, count: u32) -> Vec<(u32, f64)> {
        #[expect(clippy::disallowed_methods, reason = "any instant will do to begin virtual time")]
        let start = Instant::now();
        let mut link = Link::new(config, 11, start);
        for n in 0..count {
            link.send(start + 10 * MS * n, 100, n);
        }
        let mut arrivals = Vec::new();
        while let Some(at) = link.poll_timeout() {
            assert!(link.poll(at - Duration::from_nanos(1)).is_none(), "nothing comes before its time");
            let (arrival, n) = link.poll(at).unwrap();
            arrivals.push((n, millis(arrival - start)));
        }
        arrivals
    }

    fn delays(config: LinkConfig, count: u32) -> Vec<f64> {
        run(config, count).into_iter().map(|(n, ms)| ms - f64::from(n) * 10.0).collect()
    }

    #[test]
    fn a_plain_link_only_delays() {
        let config = LinkConfig { delay: 30 * MS, ..Default::default() };
        assert!(delays(config, 100).iter().all(|d| (d - 30.0).abs() < 1e-6));
    }

    #[test]
    fn the_same_seed_gives_the_same_network() {
        let config = LinkConfig {
            jitter: Jitter::Pareto { scale_ms: 5.0, shape: 2.0, max_ms: 200.0 },
            loss: vec![Loss::Independent { share: 0.1 }],
            duplicated: 0.1,
            ..Default::default()
        };
        assert_eq!(run(config.clone(), 500), run(config, 500));
    }

    #[test]
    fn order_is_kept_unless_overtaking_is_allowed() {
        let jitter = Jitter::Normal { sd_ms: 20.0 };
        let kept = LinkConfig { delay: 60 * MS, jitter, ..Default::default() };
        let ordered = run(kept.clone(), 500);
        assert!(ordered.windows(2).all(|w| w[0].0 < w[1].0));
        let free = run(LinkConfig { overtaking: true, ..kept }, 500);
        assert!(free.windows(2).any(|w| w[0].0 > w[1].0));
    }

    #[test]
    fn a_detour_lets_others_pass_and_a_copy_comes_twice() {
        let reorder = Some(Reorder { share: 0.1, extra: 35 * MS });
        let arrivals = run(LinkConfig { reorder, ..Default::default() }, 500);
        assert_eq!(arrivals.len(), 500);
        assert!(arrivals.windows(2).any(|w| w[0].0 > w[1].0));
        let twice = run(LinkConfig { duplicated: 1.0, ..Default::default() }, 50);
        assert_eq!(twice.len(), 100);
    }

    #[test]
    fn a_stall_holds_everything_and_lets_it_go_at_once() {
        let stalls = Some(Stalls { first: 1000 * MS, every: 5000 * MS, length: 200 * MS, spread: 0.0 });
        let delays = delays(LinkConfig { delay: 20 * MS, stalls, ..Default::default() }, 1300);
        assert!((delays[99] - 20.0).abs() < 1e-6);
        assert!((delays[100] - 220.0).abs() < 1e-6);
        assert!((delays[119] - 30.0).abs() < 1e-6);
        assert!((delays[120] - 20.0).abs() < 1e-6);
        assert!((delays[600] - 220.0).abs() < 1e-6, "and again five seconds later");
    }

    #[test]
    fn a_gap_loses_everything_and_a_route_step_stays() {
        let gaps = vec![Gap { at: 1000 * MS, length: 300 * MS }];
        assert_eq!(run(LinkConfig { gaps, ..Default::default() }, 200).len(), 170);
        let steps = vec![RouteStep { at: 500 * MS, change_ms: 40.0 }];
        let delays = delays(LinkConfig { delay: 20 * MS, steps, ..Default::default() }, 100);
        assert!((delays[49] - 20.0).abs() < 1e-6 && (delays[50] - 60.0).abs() < 1e-6);
    }

    #[test]
    fn a_bottleneck_queues_up_to_its_limit_and_then_loses() {
        // 100 bytes each 10 ms are 80 kbit/s.
        let rate = Some(Rate { bits_per_second: 40_000, queue: 100 * MS });
        let arrivals = run(LinkConfig { rate, ..Default::default() }, 400);
        assert!((190..=215).contains(&arrivals.len()), "half of it: {}", arrivals.len());
        let worst = arrivals.iter().map(|&(n, ms)| ms - f64::from(n) * 10.0).fold(0.0, f64::max);
        assert!((100.0..=121.0).contains(&worst), "{worst}");
    }
}
