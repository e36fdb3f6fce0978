//! Mouth-to-ear delay over time: for each spoken stretch, when it was heard.

use super::band::{BAND_HZ, Band, mean_square};
use super::correlate::Correlator;
use super::{Recording, Similarity};

/// Length of a compared stretch. Shorter ones are often one repeated vowel, which fits in many places.
const WINDOW_MS: f64 = 400.0;

/// From one compared stretch to the next.
const HOP_MS: f64 = 100.0;

/// A stretch whose power is below this part of the loudest one's holds no speech to compare.
const SPOKEN: f32 = 3e-3;

/// The first, wide search believes a match from here on ...
const CERTAIN: f32 = 0.75;

/// ... and the second, near what the first found, from here on.
pub(super) const MATCHED: f32 = 0.6;

/// How far the second search looks around the first one's finding: wider than any jitter buffer moves in a moment.
const NEAR_MS: f64 = 350.0;

/// So many of the first search's findings, nearest in time, vote on where the second looks.
const VOTERS: usize = 9;

/// A stretch is compared with so many before and after it ...
const NEIGHBOURS: usize = 3;

/// ... and is doubted when its delay is further than this from theirs. A vowel fits almost as well one period earlier
/// or later, which is at least 2.5 ms at any pitch of speech.
const DOUBT_MS: f64 = 2.0;

/// How far a part of a stretch may lie from where the whole fits best: as far as playout that hurries by 1 % gets.
const GLIDE_MS: f64 = 2.0;

/// A doubted stretch goes with its neighbours if it is this much as alike there as at the place that fits best.
const ALMOST: f32 = 0.8;

/// Which delays are thought possible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Search {
    /// Least delay. Below zero when the clocks of the two recordings may disagree.
    pub from_ms: f64,
    /// Greatest delay.
    pub to_ms: f64,
}

impl Default for Search {
    /// From -100 ms to 2.5 s.
    fn default() -> Self {
        Self { from_ms: -100.0, to_ms: 2_500.0 }
    }
}

/// One spoken stretch of 400 ms and its best match.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// When its middle was spoken, on the clock of the recordings.
    pub spoken_ms: f64,
    /// How much later it was heard.
    pub delay_ms: f64,
    /// How alike it was: 1 is the same up to loudness, and to a delay that changed a little on the way.
    pub similarity: f32,
}

impl Window {
    /// Whether the match is good enough for its delay to mean something.
    pub fn is_matched(&self) -> bool {
        self.similarity >= MATCHED
    }
}

/// The delay of every spoken stretch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DelayTrack {
    windows: Vec<Window>,
}

impl DelayTrack {
    /// Every stretch that held speech and lay within the search, matched or not.
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// The stretches that were found again.
    pub fn matched(&self) -> impl Iterator<Item = &Window> {
        self.windows.iter().filter(|window| window.is_matched())
    }

    /// The delay that half of the matched stretches do not exceed.
    pub fn median_ms(&self) -> Option<f64> {
        self.percentile_ms(50.0)
    }

    /// The delay that `percent` of the matched stretches do not exceed; none if nothing matched.
    pub fn percentile_ms(&self, percent: f64) -> Option<f64> {
        let mut delays: Vec<f64> = self.matched().map(|window| window.delay_ms).collect();
        delays.sort_by(f64::total_cmp);
        let last = delays.len().checked_sub(1)?;
        let rank = (percent / 100.0).clamp(0.0, 1.0) * last as f64;
        let (below, part) = (rank.floor() as usize, rank.fract());
        Some(delays[below] + part * (delays[(below + 1).min(last)] - delays[below]))
    }

    /// How fast the delay grows, in parts per million of the time passed: the median of the slopes between
    /// stretches at least a third of the recording apart (Theil and Sen), so that single jumps do not bend it.
    pub fn drift_ppm(&self) -> Option<f64> {
        let matched: Vec<&Window> = self.matched().collect();
        let apart = (matched.last()?.spoken_ms - matched.first()?.spoken_ms) / 3.0;
        // At most 400 stretches take part: the pairs grow with the square.
        let thinned: Vec<&Window> = matched.iter().step_by(matched.len().div_ceil(400)).copied().collect();
        let mut slopes = Vec::new();
        for (index, first) in thinned.iter().enumerate() {
            let far =
                thinned[index + 1..].iter().filter(|last| last.spoken_ms - first.spoken_ms >= apart.max(1.0));
            slopes.extend(
                far.map(|last| (last.delay_ms - first.delay_ms) / (last.spoken_ms - first.spoken_ms)),
            );
        }
        slopes.sort_by(f64::total_cmp);
        slopes.get(slopes.len() / 2).map(|slope| slope * 1e6)
    }

    /// Delays of the matched stretches just before and just after `spoken_ms`.
    pub(super) fn around(&self, spoken_ms: f64) -> [Option<f64>; 2] {
        let before = self.matched().take_while(|window| window.spoken_ms <= spoken_ms).last();
        let after = self.matched().find(|window| window.spoken_ms > spoken_ms);
        [before, after].map(|window| window.map(|window| window.delay_ms))
    }

    /// How alike the two recordings are.
    pub fn similarity(&self) -> Similarity {
        Similarity::of(self)
    }
}

/// Finds every spoken stretch of `sent` in `heard`.
///
/// A wide search over the whole range of `search` comes first; its sure findings then vote on where a second search
/// looks nearby; and a stretch that alone disagrees with its neighbours is searched for once more where they were heard.
/// So one mistaken stretch does not become a delay. What fits nowhere as a whole is looked for in parts: it was played faster
/// or slower. Precise to a small part of a millisecond when the match is good.
pub fn align(sent: &Recording, heard: &Recording, search: &Search) -> DelayTrack {
    let scan = Scan { sent: Band::of(sent), heard: Band::of(heard), search };
    let spoken = scan.spoken_stretches();
    let mut correlator = Correlator::new();
    let stride = (WINDOW_MS / HOP_MS) as usize;
    let wide: Vec<Window> = spoken
        .iter()
        .step_by(stride)
        .filter_map(|&start| scan.find_anyhow(&mut correlator, start, search.from_ms, search.to_ms))
        .collect();
    let certain: Vec<Window> = wide.iter().copied().filter(|window| window.similarity >= CERTAIN).collect();
    if certain.is_empty() {
        return DelayTrack { windows: wide };
    }
    let mut near = |start: usize| {
        let expected = vote(&certain, scan.middle_ms(start));
        let from = (expected - NEAR_MS).max(search.from_ms);
        scan.find_anyhow(&mut correlator, start, from, (expected + NEAR_MS).min(search.to_ms))
    };
    let found: Vec<(usize, Window)> =
        spoken.iter().filter_map(|&start| near(start).map(|window| (start, window))).collect();
    let reconsider = |index: usize| {
        let (start, window) = found[index];
        let Some(expected) = doubt(&found, index) else { return window };
        scan.find(&mut correlator, start, expected - DOUBT_MS, expected + DOUBT_MS)
            .map(|other| scan.followed(&mut correlator, start, other))
            .filter(|other| other.similarity >= ALMOST * window.similarity)
            .unwrap_or(window)
    };
    DelayTrack { windows: (0..found.len()).map(reconsider).collect() }
}

/// The delay of the neighbours, if they agree with each other and not with the stretch at `index`.
fn doubt(found: &[(usize, Window)], index: usize) -> Option<f64> {
    let around = found[index.saturating_sub(NEIGHBOURS)..].iter().take(2 * NEIGHBOURS + 1);
    let mut delays: Vec<f64> = around
        .map(|(_, window)| window)
        .filter(|window| window.is_matched())
        .map(|window| window.delay_ms)
        .collect();
    delays.sort_by(f64::total_cmp);
    let median = *delays.get(delays.len() / 2)?;
    let agreeing = delays.iter().filter(|delay| (*delay - median).abs() <= DOUBT_MS).count();
    let disagrees = (found[index].1.delay_ms - median).abs() > DOUBT_MS;
    (disagrees && agreeing > NEIGHBOURS && 3 * agreeing >= 2 * delays.len()).then_some(median)
}

/// The two recordings of one comparison, in the speech band.
struct Scan<'a> {
    sent: Band,
    heard: Band,
    search: &'a Search,
}

impl Scan<'_> {
    const WINDOW: usize = (WINDOW_MS * BAND_HZ as f64 / 1e3) as usize;
    /// Parts of a stretch that are compared each for itself.
    const PART: usize = Self::WINDOW / 4;
    const HOP: usize = (HOP_MS * BAND_HZ as f64 / 1e3) as usize;

    /// Starts of the windows that hold speech and whose match, at the least possible delay, was still recorded.
    fn spoken_stretches(&self) -> Vec<usize> {
        let starts = (0..(self.sent.samples.len() + 1).saturating_sub(Self::WINDOW)).step_by(Self::HOP);
        let powers: Vec<(usize, f32)> = starts
            .map(|start| (start, mean_square(&self.sent.samples[start..start + Self::WINDOW])))
            .collect();
        let loudest = powers.iter().map(|(_, power)| *power).fold(0.0, f32::max);
        let end_ms = self.heard.at_ms(self.heard.samples.len() as f64);
        powers
            .into_iter()
            .filter(|(_, power)| *power > 0.0 && *power >= SPOKEN * loudest)
            .map(|(start, _)| start)
            .filter(|start| self.middle_ms(*start) + WINDOW_MS / 2.0 + self.search.from_ms <= end_ms)
            .collect()
    }

    fn middle_ms(&self, start: usize) -> f64 {
        self.sent.at_ms(start as f64 + Self::WINDOW as f64 / 2.0)
    }

    /// The best match of the window at `start` among delays of `from_ms..=to_ms`.
    fn find(&self, correlator: &mut Correlator, start: usize, from_ms: f64, to_ms: f64) -> Option<Window> {
        let spoken_ms = self.sent.at_ms(start as f64);
        let from = self.heard.index_at(spoken_ms + from_ms);
        let to = self.heard.index_at(spoken_ms + to_ms) + Self::WINDOW as isize;
        let template = &self.sent.samples[start..start + Self::WINDOW];
        let peak = correlator.best(self.heard.slice(from, to), template)?;
        let heard_ms = self.heard.at_ms(from.max(0) as f64 + peak.offset);
        let similarity = peak.similarity.max(0.0);
        Some(Window { spoken_ms: self.middle_ms(start), delay_ms: heard_ms - spoken_ms, similarity })
    }

    /// The same, in parts where the whole is nowhere to be found.
    fn find_anyhow(
        &self,
        correlator: &mut Correlator,
        start: usize,
        from_ms: f64,
        to_ms: f64,
    ) -> Option<Window> {
        let whole = self.find(correlator, start, from_ms, to_ms)?;
        let whole = self.followed(correlator, start, whole);
        if whole.similarity >= MATCHED {
            return Some(whole);
        }
        let delay_ms = self.glides_at(correlator, start, from_ms, to_ms);
        let parts = self.followed(correlator, start, Window { delay_ms, similarity: 0.0, ..whole });
        Some(if parts.similarity > whole.similarity { parts } else { whole })
    }

    /// The delay at which the parts of the window are most alike in sum, each where it fits best nearby.
    fn glides_at(&self, correlator: &mut Correlator, start: usize, from_ms: f64, to_ms: f64) -> f64 {
        let near = (GLIDE_MS * BAND_HZ as f64 / 1e3) as isize;
        let mut sum = Vec::new();
        for part in (start..start + Self::WINDOW).step_by(Self::PART) {
            let spoken = &self.sent.samples[part..part + Self::PART];
            let spoken_ms = self.sent.at_ms(part as f64);
            let from = self.heard.index_at(spoken_ms + from_ms) - near;
            let to = self.heard.index_at(spoken_ms + to_ms) + near;
            let likeness = correlator.likeness(&self.heard.padded(from, to + Self::PART as isize), spoken);
            let power = mean_square(spoken);
            let best = likeness.windows(2 * near as usize + 1);
            let best = best.map(|around| power * around.iter().fold(0.0, |best: f32, &like| best.max(like)));
            if sum.is_empty() {
                sum = best.collect();
            } else {
                sum.iter_mut().zip(best).for_each(|(sum, best)| *sum += best);
            }
        }
        let best = sum.iter().fold(0.0, |best: f32, &like| best.max(like));
        // As far as the parts may lie apart, the sum is the same to both sides of the place in the middle.
        let first = sum.iter().position(|&like| like >= 0.999 * best).unwrap_or(0);
        let width = sum[first..].iter().take_while(|&&like| like >= 0.999 * best).count();
        from_ms + (first as f64 + (width.saturating_sub(1)) as f64 / 2.0) * 1e3 / f64::from(BAND_HZ)
    }

    /// The same match, as alike as its parts are where each of them fits best: a jitter buffer that plays a little
    /// faster moves a stretch by a millisecond or two against itself. Nobody hears that; the phase of a tone shows it.
    fn followed(&self, correlator: &mut Correlator, start: usize, window: Window) -> Window {
        let (mut common, mut power) = (0.0, 0.0);
        for part in (start..start + Self::WINDOW).step_by(Self::PART) {
            let spoken = &self.sent.samples[part..part + Self::PART];
            let spoken_ms = self.sent.at_ms(part as f64);
            let from = self.heard.index_at(spoken_ms + window.delay_ms - GLIDE_MS);
            let to = self.heard.index_at(spoken_ms + window.delay_ms + GLIDE_MS) + Self::PART as isize;
            let peak = correlator.best(self.heard.slice(from, to), spoken);
            common += mean_square(spoken) * peak.map_or(0.0, |peak| peak.similarity.max(0.0));
            power += mean_square(spoken);
        }
        let likeness = if power > 0.0 { common / power } else { 0.0 };
        Window { similarity: window.similarity.max(likeness), ..window }
    }
}

/// Median delay of the sure findings nearest to `spoken_ms`.
fn vote(certain: &[Window], spoken_ms: f64) -> f64 {
    let mut nearest: Vec<&Window> = certain.iter().collect();
    nearest.sort_by(|a, b| (a.spoken_ms - spoken_ms).abs().total_cmp(&(b.spoken_ms - spoken_ms).abs()));
    nearest.truncate(VOTERS);
    let mut delays: Vec<f64> = nearest.iter().map(|window| window.delay_ms).collect();
    delays.sort_by(f64::total_cmp);
    delays[delays.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::super::voice::{speak, stretched, with_noise};
    use super::*;

    fn delayed(sent: &Recording, delay_ms: f64) -> Recording {
        Recording::new(sent.samples().to_vec(), sent.rate_hz(), sent.start_ms() + delay_ms)
    }

    fn worst_error(track: &DelayTrack, expected: impl Fn(f64) -> f64) -> f64 {
        track.matched().map(|window| (window.delay_ms - expected(window.spoken_ms)).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn a_constant_delay_is_found_to_a_twentieth_of_a_millisecond() {
        let sent = speak(4.0, 48_000);
        for delay_ms in [0.0, 7.3, 43.21, 999.9] {
            let track = align(&sent, &delayed(&sent, delay_ms), &Search::default());
            assert!(track.matched().count() > 20, "{} windows", track.matched().count());
            assert!(
                worst_error(&track, |_| delay_ms) < 0.05,
                "{delay_ms}: {}",
                worst_error(&track, |_| delay_ms)
            );
        }
    }

    #[test]
    fn the_two_may_have_different_rates_and_noise() {
        let sent = speak(4.0, 16_000);
        let heard = with_noise(&delayed(&speak(4.0, 44_100), 61.7), 0.03);
        let track = align(&sent, &heard, &Search::default());
        assert!((track.median_ms().unwrap() - 61.7).abs() < 0.3, "{:?}", track.median_ms());
        assert!(track.percentile_ms(95.0).unwrap() - track.percentile_ms(5.0).unwrap() < 1.0);
    }

    #[test]
    fn a_recorder_that_began_early_changes_nothing() {
        let sent = speak(3.0, 48_000);
        let mut samples = vec![0.0; 96_000];
        samples.extend(sent.samples());
        let heard = Recording::new(samples, 48_000, sent.start_ms() - 2_000.0 + 55.0);
        let track = align(&sent, &heard, &Search::default());
        assert!(worst_error(&track, |_| 55.0) < 0.05);
    }

    #[test]
    fn a_short_piece_that_was_played_faster_throughout_is_found_all_over() {
        let sent = speak(2.0, 48_000);
        for factor in [0.992, 1.008] {
            let search = Search { from_ms: -300.0, to_ms: 1_000.0 };
            let track = align(&sent, &stretched(&sent, factor), &search);
            let (found, spoken) = (track.matched().count(), track.windows().len());
            assert!(spoken > 12 && found * 5 >= spoken * 3, "{factor}: {found} of {spoken}");
        }
    }

    #[test]
    fn a_step_of_the_delay_is_seen_on_both_sides() {
        let sent = speak(6.0, 48_000);
        let half = sent.samples().len() / 2;
        let mut samples = sent.samples()[..half].to_vec();
        samples.extend(std::iter::repeat_n(0.0, 480 * 5));
        samples.extend(&sent.samples()[half..]);
        let track =
            align(&sent, &Recording::new(samples, 48_000, sent.start_ms() + 30.0), &Search::default());
        let middle_ms = sent.start_ms() + 3_000.0;
        let expected = |spoken_ms: f64| if spoken_ms < middle_ms { 30.0 } else { 80.0 };
        let far = track.matched().filter(|window| (window.spoken_ms - middle_ms).abs() > 250.0);
        let worst = far.map(|w| (w.delay_ms - expected(w.spoken_ms)).abs()).fold(0.0, f64::max);
        assert!(worst < 0.1, "{worst}");
    }

    #[test]
    fn drift_of_two_clocks_is_measured_in_parts_per_million() {
        let sent = speak(8.0, 48_000);
        // The same samples, said to have been played 200 ppm slower.
        let slow = super::super::voice::stretched(&sent, 1.000_2);
        let track = align(&sent, &slow, &Search::default());
        let drift = track.drift_ppm().unwrap();
        assert!((drift - 200.0).abs() < 15.0, "{drift} ppm");
    }

    #[test]
    fn a_vowel_that_fits_one_period_off_is_put_where_its_neighbours_are() {
        // 100 Hz throughout, each period a little unlike the last: with noise, one period off fits as well by chance.
        let hum = |n: u32| {
            let t = f64::from(n) / 8_000.0;
            let colour = 1.0 + 0.3 * (t * 1.7).sin();
            let wave: f64 =
                (2..30).map(|k| (f64::from(k) * t * 628.3 + f64::from(k * k) * colour).sin()).sum();
            (0.02 * wave) as f32
        };
        let sent = Recording::new((0..40_000).map(hum).collect(), 8_000, 0.0);
        let heard = with_noise(&delayed(&sent, 30.0), 0.6);
        let track = align(&sent, &heard, &Search { from_ms: 0.0, to_ms: 100.0 });
        let off = track.matched().filter(|window| (window.delay_ms - 30.0).abs() > 2.0).count();
        assert!(off * 20 <= track.matched().count(), "{off} of {} are off", track.matched().count());
    }

    #[test]
    fn other_speech_does_not_match() {
        let sent = speak(3.0, 48_000);
        let mut backwards = sent.samples().to_vec();
        backwards.reverse();
        let track = align(&sent, &Recording::new(backwards, 48_000, 0.0), &Search::default());
        assert!(track.similarity().heard_share() < 0.2, "{:?}", track.similarity());
    }

    #[test]
    fn nothing_said_or_nothing_heard_is_an_empty_track_or_an_unmatched_one() {
        let sent = speak(2.0, 48_000);
        let silence = Recording::new(vec![0.0; 96_000], 48_000, 0.0);
        assert_eq!(align(&silence, &sent, &Search::default()).windows(), []);
        let track = align(&sent, &silence, &Search::default());
        assert_eq!(track.matched().count(), 0);
        assert_eq!(track.median_ms(), None);
        assert_eq!(track.drift_ppm(), None);
        assert_eq!(align(&sent, &Recording::new(vec![], 48_000, 0.0), &Search::default()).median_ms(), None);
    }
}
