//! The program in the kernel, run for one packet at a time.

use super::assembler::Assembler;

#[test]
fn smoke() {
    let _ = Assembler::new();
    let maps = super::maps::Maps::create(16, 16).unwrap();
    let code = super::program::write(&maps).unwrap();
    eprintln!("{} instructions", code.len());
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).init();
    super::sys::Program::load(&code).unwrap();
}
