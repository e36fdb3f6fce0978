//! What a process takes of the machine, from Linux's `/proc`.

use std::fs;

/// A moment's figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) resident_kib: u64,
    pub(crate) threads: u64,
    pub(crate) files: u64,
    pub(crate) sockets: u64,
}

/// Reads them for a running process.
pub(crate) fn figures(pid: u32) -> Figures {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).expect("Linux tells it");
        line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a number")
    };
    let links: Vec<_> = fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("it runs")
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .collect();
    Figures {
        resident_kib: field("VmRSS:"),
        threads: field("Threads:"),
        files: links.len() as u64,
        sockets: links.iter().filter(|link| link.to_string_lossy().starts_with("socket:")).count() as u64,
    }
}
