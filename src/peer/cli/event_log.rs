//! `--events`: every event as one JSON line, written at once.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crate::peer::TimedEvent;

/// Where the lines go.
pub(super) struct EventLog(Option<Box<dyn Write + Send>>);

impl EventLog {
    /// Opens FILE anew, or stdout for `-`, or nothing.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, String> {
        let Some(path) = path else { return Ok(Self(None)) };
        if path.as_os_str() == "-" {
            return Ok(Self(Some(Box::new(io::stdout()))));
        }
        File::create(path)
            .map(|file| Self(Some(Box::new(file))))
            .map_err(|error| format!("--events: cannot write {}: {error}", path.display()))
    }

    /// Writes one line; a reader that is gone ends the log, not the call.
    pub(super) fn write(&mut self, event: &TimedEvent) {
        let Some(out) = &mut self.0 else { return };
        let mut line = serde_json::to_vec(event).expect("events hold nothing that JSON cannot say");
        line.push(b'\n');
        if out.write_all(&line).and_then(|()| out.flush()).is_err() {
            tracing::warn!("nobody reads the events any more; the call goes on without them");
            self.0 = None;
        }
    }
}
