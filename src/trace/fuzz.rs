//! Bodies of the fuzz targets of this room, built with everything else so that they cannot rot.

use super::{Capture, Header, StreamChoice, Trace};

/// Any bytes as a trace: they are read or refused with a place within them, and what was read writes to a file that
/// reads as the same trace.
pub fn trace(data: &[u8]) {
    check(data);
    // Most inputs do not come upon the head of a file by themselves.
    let mut file = Header::default().to_bytes();
    file.extend_from_slice(data);
    check(&file);
    let mut block = Header::default().to_bytes();
    block.extend_from_slice(&(data.len() as u32).to_be_bytes());
    block.extend_from_slice(data);
    check(&block);
}

fn check(file: &[u8]) {
    match Trace::parse(file) {
        Ok(trace) => {
            let again = Trace::parse(&trace.to_bytes()).expect("what we write, we read");
            assert_eq!((again.header, &again.records), (trace.header, &trace.records));
            assert!(!again.is_cut_off);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Any bytes as a capture of another program: a stream is found or it is said that there is none.
pub fn capture(data: &[u8]) {
    match Capture::parse(data, StreamChoice::default()) {
        Ok(capture) => assert!(!capture.packets.is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
