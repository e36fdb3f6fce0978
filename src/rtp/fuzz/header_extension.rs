//! The data of the header extensions, read and written.

use crate::rtp::{AbsCaptureTime, AudioLevel, Samples};

/// Any bytes as the data of each header extension that is ours: what is read is written to the same bytes.
pub fn header_extension(data: &[u8]) {
    if let Ok(level) = AudioLevel::parse(data) {
        assert_eq!([level.to_byte()], data);
        assert!((-127..=0).contains(&level.dbov()));
    }
    if let Ok(time) = AbsCaptureTime::parse(data) {
        assert_eq!(time.write(&mut [0; AbsCaptureTime::MAX_BYTES]), data);
        let samples = Samples(time.clock_offset.unwrap_or_default());
        let _ = time.after(samples).since(time);
    }
}
