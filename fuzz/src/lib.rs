//! Bodies of the fuzz targets that need other people's crates; all others live in the library.

pub mod differential;
pub mod engine;

#[cfg(test)]
mod replay {
    //! Every seed, and every input that ever failed, through the bodies of this crate.

    use std::fs;
    use std::path::Path;

    fn replay(target: &str, body: fn(&[u8])) {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        for folder in [here.join("seeds/sdp"), here.join("crashes").join(target)] {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                body(&fs::read(entry.path()).expect("a file of this folder can be read"));
            }
        }
    }

    #[test]
    fn the_engine_takes_what_passes_the_gate() {
        replay("sdp_engine", crate::engine::accept);
    }

    #[test]
    fn peers_agree_or_the_difference_has_a_reason() {
        replay("sdp_differential", crate::differential::compare);
    }
}
