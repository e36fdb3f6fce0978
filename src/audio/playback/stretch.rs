//! Time-scale modification: speech played a little faster or slower at its own pitch, by leaving out or repeating
//! whole periods of it (waveform similarity overlap-add).

use super::line::Line;
use super::splice::{best, fade_into, likeness};

/// Longest and shortest piece that is left out or repeated: from a period of a low voice to one of a high one.
const SHORTEST: usize = 48 * 5 / 2;
const LONGEST: usize = 48 * 15;
/// Length over which the two ends of the joint are faded into one another.
const JOINT: usize = 48 * 5;
/// Samples that must lie ahead for leaving a piece out.
pub(crate) const LOOK_AHEAD: usize = LONGEST + JOINT;
/// Coarse search steps; see `splice`.
const COARSE: usize = 8;

/// What is wanted of a change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Change {
    /// Most samples to leave out or repeat.
    pub(crate) most: usize,
    /// Least likeness of the two ends of the joint, -1 to 1; in silence it does not matter.
    pub(crate) likeness: f32,
}

/// Leaves out a piece at the play position. Returns its length, zero when no place is good enough.
pub(crate) fn shorten(line: &mut Line, channels: usize, change: Change) -> usize {
    let longest = change.most.min(LONGEST);
    if longest < SHORTEST || line.real() < longest + JOINT {
        return 0;
    }
    let ahead = line.real_samples();
    let period =
        period(longest, |lag, step| likeness(ahead, &ahead[lag * channels..], JOINT, channels, step));
    if likeness(ahead, &ahead[period * channels..], JOINT, channels, 1) < change.likeness {
        return 0;
    }
    // The fade needs both ends at once; the old one is short enough for the stack.
    let mut old = [0.0f32; JOINT * 2];
    let old = &mut old[..JOINT * channels];
    old.copy_from_slice(&ahead[..JOINT * channels]);
    line.cut(0, period);
    fade_into(old, line.ahead_mut(JOINT), channels);
    period
}

/// Repeats a piece at the play position. Returns its length, zero when no place is good enough.
pub(crate) fn lengthen(line: &mut Line, channels: usize, change: Change) -> usize {
    let longest = change.most.min(LONGEST);
    if longest < SHORTEST || line.real() < JOINT {
        return 0;
    }
    let behind = line.history(LONGEST + JOINT);
    let ahead = &line.real_samples()[..JOINT * channels];
    let start = behind.len() / channels;
    // What would lie beyond the play position is not looked at: the likeness is then that of the shorter piece.
    let past = |lag: usize| &behind[(start - lag) * channels..];
    let period = period(longest, |lag, step| likeness(ahead, past(lag), JOINT, channels, step));
    if likeness(ahead, past(period), JOINT, channels, 1) < change.likeness {
        return 0;
    }
    let mut old = [0.0f32; JOINT * 2];
    let old = &mut old[..JOINT * channels];
    old.copy_from_slice(ahead);
    line.rewind(period);
    fade_into(old, line.ahead_mut(JOINT), channels);
    period
}

/// The lag with the greatest likeness, longer ones preferred when it is the same.
fn period(longest: usize, likeness: impl Fn(usize, usize) -> f32) -> usize {
    let (low, high) = (SHORTEST as isize, longest as isize);
    let coarse = best(low..=high, COARSE, |lag| likeness(lag as usize, 4));
    let from = (coarse - COARSE as isize).max(low);
    let to = (coarse + COARSE as isize).min(high);
    best(from..=to, 1, |lag| likeness(lag as usize, 1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Change = Change { most: LONGEST, likeness: 0.9 };

    /// A voice-like sound of a period of `period` samples.
    fn voiced(from: usize, len: usize, period: usize) -> Vec<f32> {
        (from..from + len)
            .map(|n| {
                let phase = n as f32 * std::f32::consts::TAU / period as f32;
                0.3 * phase.sin() + 0.2 * (2.0 * phase).sin() + 0.1 * (3.0 * phase + 1.0).sin()
            })
            .collect()
    }

    fn line(period: usize) -> Line {
        let mut line = Line::new(1);
        line.push_real(&voiced(0, 4800, period));
        line.play(2880);
        line
    }

    /// Greatest step between samples, a click's mark.
    fn steepest(samples: &[f32]) -> f32 {
        samples.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn whole_periods_go_and_the_joint_is_smooth() {
        for period in [150, 240, 333, 600] {
            let mut line = line(period);
            let smooth = steepest(line.real_samples());
            let left_out = shorten(&mut line, 1, ANY);
            assert!(left_out >= SHORTEST && left_out % period <= 1, "{period}: {left_out}");
            assert_eq!(line.real(), 1920 - left_out);
            assert!(steepest(line.real_samples()) < 1.2 * smooth);
        }
    }

    #[test]
    fn whole_periods_are_repeated_and_the_joint_is_smooth() {
        for period in [150, 240, 333, 600] {
            let mut line = line(period);
            let smooth = steepest(line.real_samples());
            let added = lengthen(&mut line, 1, ANY);
            assert!(added >= SHORTEST && added % period <= 1, "{period}: {added}");
            assert_eq!(line.real(), 1920 + added);
            assert!(steepest(line.real_samples()) < 1.2 * smooth);
        }
    }

    #[test]
    fn where_nothing_is_alike_nothing_is_done() {
        let mut line = Line::new(1);
        let mut state = 1u32;
        let noise: Vec<f32> = (0..4800)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / 8_388_608.0 - 1.0
            })
            .collect();
        line.push_real(&noise);
        line.play(2880);
        assert_eq!(shorten(&mut line, 1, ANY), 0);
        assert_eq!(lengthen(&mut line, 1, ANY), 0);
    }

    #[test]
    fn no_more_than_asked_for_is_left_out() {
        let mut line = line(150);
        assert!(shorten(&mut line, 1, Change { most: 200, likeness: 0.5 }) <= 200);
        assert_eq!(shorten(&mut line, 1, Change { most: 100, likeness: 0.5 }), 0);
    }
}
