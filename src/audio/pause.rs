//! Pauses of which the encoder need not see every frame.

use super::level::energy;

/// Of the frames of a silent pause one in so many is encoded: libopus then sends one every 1.6 s in place of every 400 ms,
/// by which the other side hears of the pause again.
const ONE_IN: u32 = 4;

/// Tells which frames of a pause need not be encoded.
///
/// libopus encodes every frame whole before it finds that DTX leaves it out, at two thirds of what speech takes and more. That
/// tells it what the background is like. Digital silence, as of a microphone that is muted, is like nothing: each frame of it
/// leaves the encoder as it was.
#[derive(Debug, Clone, Default)]
pub(super) struct Pause {
    /// Bytes of the packet that was left out last, and how many frames stood for it since. None outside of a silent pause.
    left_out: Option<(usize, u32)>,
}

impl Pause {
    /// The size of the packet that was encoded last, if it stands for `frame` too.
    pub(super) fn repeat(&mut self, frame: &[f32]) -> Option<usize> {
        let (bytes, repeated) = self.left_out.as_mut()?;
        if *repeated + 1 >= ONE_IN || !is_silent(frame) {
            return None;
        }
        *repeated += 1;
        Some(*bytes)
    }

    /// `frame` was encoded into so many bytes, which DTX leaves out or not.
    pub(super) fn on_encoded(&mut self, frame: &[f32], bytes: usize, dtx: bool) {
        self.left_out = (dtx && is_silent(frame)).then_some((bytes, 0));
    }
}

/// Whether there is nothing at all in a frame.
fn is_silent(frame: &[f32]) -> bool {
    energy(frame) == 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: [f32; 480] = [0.0; 480];

    #[test]
    fn one_frame_of_four_is_encoded_in_a_silent_pause() {
        let mut pause = Pause::default();
        assert_eq!(pause.repeat(&SILENCE), None, "it has not begun");
        for _ in 0..3 {
            pause.on_encoded(&SILENCE, 1, true);
            let repeated: Vec<_> = (0..4).map(|_| pause.repeat(&SILENCE)).collect();
            assert_eq!(repeated, [Some(1), Some(1), Some(1), None]);
        }
    }

    #[test]
    fn what_is_sent_and_what_is_heard_is_encoded() {
        let mut pause = Pause::default();
        pause.on_encoded(&SILENCE, 40, false);
        assert_eq!(pause.repeat(&SILENCE), None, "DTX did not leave it out");
        pause.on_encoded(&[1e-4; 480], 1, true);
        assert_eq!(pause.repeat(&SILENCE), None, "there was a background");
        pause.on_encoded(&SILENCE, 1, true);
        assert_eq!(pause.repeat(&[1e-4; 480]), None, "now there is something");
    }
}
