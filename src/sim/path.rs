//! Links one behind the other.

use std::time::Instant;

use super::{Link, LinkConfig, LinkStats};

/// A path over any number of links: what comes out of one goes into the next. Used as a [`Link`].
#[derive(Debug, Clone)]
pub struct Path<T> {
    links: Vec<Link<(usize, T)>>,
}

impl<T: Clone> Path<T> {
    /// A path over `configs` that begins at `start`; each link has numbers of its own from `seed`. A path over no link
    /// hands everything over at once.
    pub fn new(configs: impl IntoIterator<Item = LinkConfig>, seed: u64, start: Instant) -> Path<T> {
        let mut links: Vec<Link<(usize, T)>> = configs
            .into_iter()
            .enumerate()
            .map(|(n, config)| Link::new(config, seed.wrapping_add(n as u64 * 0x9e37), start))
            .collect();
        if links.is_empty() {
            links.push(Link::new(LinkConfig::default(), seed, start));
        }
        Path { links }
    }

    /// Puts in a datagram that takes `bytes` on the wire.
    pub fn send(&mut self, now: Instant, bytes: usize, datagram: T) {
        self.links[0].send(now, bytes, (bytes, datagram));
    }

    /// The next datagram that has arrived at the far end by `now`, with the moment of its arrival.
    pub fn poll(&mut self, now: Instant) -> Option<(Instant, T)> {
        for next in 1..self.links.len() {
            let (before, after) = self.links.split_at_mut(next);
            let (from, to) = (before.last_mut()?, after.first_mut()?);
            while let Some((arrival, (bytes, datagram))) = from.poll(now) {
                to.send(arrival, bytes, (bytes, datagram));
            }
        }
        self.links.last_mut()?.poll(now).map(|(arrival, (_, datagram))| (arrival, datagram))
    }

    /// When a datagram next comes out of any link: time to call [`poll`](Path::poll).
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.links.iter().filter_map(Link::poll_timeout).min()
    }

    /// What was counted, link by link.
    pub fn stats(&self) -> impl Iterator<Item = LinkStats> {
        self.links.iter().map(Link::stats)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sim::{Loss, Rate};

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn delays_of_links_add_up_and_each_loses_its_share() {
        #[expect(clippy::disallowed_methods, reason = "any instant will do to begin virtual time")]
        let start = Instant::now();
        let lossy = LinkConfig {
            delay: 10 * MS,
            loss: vec![Loss::Independent { share: 0.5 }],
            ..LinkConfig::default()
        };
        let slow = LinkConfig {
            delay: 20 * MS,
            rate: Some(Rate { bits_per_second: 800_000, queue: 100 * MS }),
            ..LinkConfig::default()
        };
        let mut path = Path::new([lossy, slow], 3, start);
        let mut arrived = 0;
        for n in 0..400u32 {
            let now = start + 10 * MS * n;
            path.send(now, 100, n);
            while let Some(at) = path.poll_timeout().filter(|at| *at <= now) {
                if let Some((arrival, sent)) = path.poll(at) {
                    assert_eq!(arrival - (start + 10 * MS * sent), 31 * MS);
                    arrived += 1;
                }
            }
        }
        assert!((150..250).contains(&arrived), "{arrived}");
        assert_eq!(path.stats().count(), 2);
    }

    #[test]
    fn a_path_over_nothing_passes_everything_at_once() {
        #[expect(clippy::disallowed_methods, reason = "any instant will do to begin virtual time")]
        let start = Instant::now();
        let mut path = Path::new([], 1, start);
        path.send(start, 1, "datagram");
        assert_eq!(path.poll(start), Some((start, "datagram")));
    }
}
