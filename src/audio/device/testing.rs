//! Files for the tests of the ends.

use std::path::PathBuf;

/// A file in the system's folder for such, removed when it goes out of scope.
pub(super) struct TempFile(pub(super) PathBuf);

impl TempFile {
    /// A place for a file of this name; another for each process.
    pub(super) fn new(name: &str) -> TempFile {
        TempFile(std::env::temp_dir().join(format!("handset-{}-{name}", std::process::id())))
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
