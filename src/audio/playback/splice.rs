//! Going over from one piece of sound to another without a click: find where they are alike, fade across.

/// Length of a cross-fade: 3 ms, about a period of a high voice.
pub(crate) const FADE: usize = 48 * 3;
/// How far, in samples, the new piece may be moved to fall in with the old one: a period of a low voice.
pub(crate) const REACH: usize = 48 * 8;
/// Coarse search steps. Voices have little above 3 kHz; the fine search does the rest.
const COARSE: usize = 8;
/// Likeness that a move by the whole reach must win to be worth it.
const PRICE_OF_MOVE: f32 = 0.3;

/// How the new piece is placed against the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Placement {
    /// Samples of the old piece to play before the fade begins.
    pub(crate) keep: usize,
    /// Samples of the new piece to leave out before the fade begins.
    pub(crate) leave_out: usize,
}

/// Finds the placement at which the beginning of `fresh` falls in with `old`, both interleaved. Moves either way as far
/// as there are samples for it; without enough samples for a fade, none.
pub(crate) fn place(old: &[f32], fresh: &[f32], channels: usize) -> Placement {
    let (old_len, fresh_len) = (old.len() / channels, fresh.len() / channels);
    let here = Placement::default();
    if old_len < FADE || fresh_len < FADE {
        return here;
    }
    let later = (old_len - FADE).min(REACH);
    let earlier = (fresh_len - FADE).min(REACH);
    let score = |moved: isize, step: usize| {
        let (keep, leave_out) = split(moved);
        let alike = likeness(&old[keep * channels..], &fresh[leave_out * channels..], FADE, channels, step);
        alike - PRICE_OF_MOVE * moved.unsigned_abs() as f32 / REACH as f32
    };
    let coarse = best(-(earlier as isize)..=later as isize, COARSE, |moved| score(moved, 4));
    let (low, high) = (coarse - COARSE as isize, coarse + COARSE as isize);
    let fine = best(low.max(-(earlier as isize))..=high.min(later as isize), 1, |moved| score(moved, 1));
    let (keep, leave_out) = split(fine);
    Placement { keep, leave_out }
}

fn split(moved: isize) -> (usize, usize) {
    (moved.max(0) as usize, (-moved).max(0) as usize)
}

/// The value of `range`, at every `step`, with the greatest score.
pub(crate) fn best(
    range: std::ops::RangeInclusive<isize>,
    step: usize,
    score: impl Fn(isize) -> f32,
) -> isize {
    let mut best = (*range.start(), f32::NEG_INFINITY);
    for at in range.step_by(step) {
        let score = score(at);
        if score > best.1 {
            best = (at, score);
        }
    }
    best.0
}

/// Normalised correlation of the first `len` samples of `a` and `b`, interleaved, looking at every `step`th: 1 when
/// one is the other made louder or softer, 0 when they have nothing in common or one is silent.
pub(crate) fn likeness(a: &[f32], b: &[f32], len: usize, channels: usize, step: usize) -> f32 {
    let (mut ab, mut aa, mut bb) = (0.0f32, 1e-9f32, 1e-9f32);
    let mut at = 0;
    let end = (len * channels).min(a.len()).min(b.len());
    while at < end {
        let (x, y) = (a[at], b[at]);
        ab += x * y;
        aa += x * x;
        bb += y * y;
        at += step * channels;
    }
    ab / (aa * bb).sqrt()
}

/// Fades from `old` to `fresh` over the shorter of the two, into `fresh`; both interleaved. The gains sum to one, as
/// the two are alike.
pub(crate) fn fade_into(old: &[f32], fresh: &mut [f32], channels: usize) {
    let len = (old.len().min(fresh.len()) / channels).max(1);
    for (index, (new, &was)) in fresh.iter_mut().zip(old).enumerate() {
        let phase = (index / channels) as f32 / len as f32;
        let gain = 0.5 - 0.5 * (std::f32::consts::PI * phase).cos();
        *new = was + gain * (*new - was);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(from: usize, len: usize) -> Vec<f32> {
        (from..from + len).map(|n| (n as f32 * std::f32::consts::TAU / 200.0).sin()).collect()
    }

    #[test]
    fn a_piece_that_is_out_of_step_is_moved_into_step() {
        for shift in [0, 13, 60, 100, 150] {
            let old = sine(0, 600);
            let fresh = sine(shift, 600);
            let placed = place(&old, &fresh, 1);
            let error = (placed.leave_out as isize + shift as isize - placed.keep as isize).rem_euclid(200);
            assert!(error.min(200 - error) <= 1, "{shift}: {placed:?}");
            assert!(placed.keep.max(placed.leave_out) <= 101, "{shift}: the nearer way: {placed:?}");
        }
    }

    #[test]
    fn pieces_too_short_to_compare_stay_where_they_are() {
        assert_eq!(place(&[0.1; 10], &[0.2; 500], 1), Placement { keep: 0, leave_out: 0 });
    }

    #[test]
    fn a_fade_begins_as_the_old_and_ends_as_the_new() {
        let mut fresh = [1.0; 200];
        fade_into(&[0.0; 200], &mut fresh, 2);
        assert_eq!(fresh[0], 0.0);
        assert!(fresh[199] > 0.99);
        assert!(fresh.windows(3).all(|w| w[2] >= w[0]));
    }
}
