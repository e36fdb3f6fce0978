//! What the machine spends beside the relay's process: this program, in whose time the kernel takes in what it sends, and
//! the kernel's threads that take over when it is too much.

use std::path::PathBuf;

use crate::servers::cpu_ns;

/// Reads what was spent.
pub(crate) struct Machine {
    processes: Vec<PathBuf>,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let all = std::fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
        let is_kernels = |folder: &PathBuf| {
            std::fs::read_to_string(folder.join("comm")).is_ok_and(|name| name.starts_with("ksoftirqd/"))
        };
        Self { processes: all.filter(is_kernels).chain([PathBuf::from("/proc/self")]).collect() }
    }

    /// Since each of them began.
    pub(crate) fn spent_ns(&self) -> u64 {
        self.processes.iter().map(|folder| cpu_ns(folder)).sum()
    }
}
