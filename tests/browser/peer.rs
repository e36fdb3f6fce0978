//! A native peer process and what it says about itself.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use handset::measure::Recording;
use libtest_mimic::Failed;
use serde_json::Value;

use crate::Outcome;
use crate::speech::read_wav;
use crate::stage::Stage;

/// The longest wait for something that a peer does.
const WAIT_LIMIT: Duration = Duration::from_secs(30);

/// A peer process of ours, ended with the test.
pub(crate) struct Peer {
    name: String,
    process: Child,
    events: PathBuf,
    heard: PathBuf,
}

impl Peer {
    /// Starts `peer` with this command and these options; it speaks `voice` and records what it hears.
    pub(crate) fn start(stage: &Stage, name: &str, voice: &Path, words: &[&str]) -> Result<Self, Failed> {
        // No peer reads as its own what an earlier one of its name said.
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let file = |kind: &str| stage.folder.join(format!("{name}-{number}.{kind}"));
        let (events, heard) = (file("jsonl"), file("wav"));
        let process = Command::new(env!("CARGO_BIN_EXE_peer"))
            .args(words)
            .args(["--id", name, "--server", &stage.switchboard()?.socket()])
            .arg("--input")
            .arg(voice)
            .arg("--output")
            .arg(&heard)
            .arg("--events")
            .arg(&events)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { name: name.to_owned(), process, events, heard })
    }

    /// Waits until it is registered.
    pub(crate) async fn is_online(&self) -> Outcome {
        self.event("registered", |_| true).await.map(drop)
    }

    /// Waits until its call is in a state.
    pub(crate) async fn is_in(&self, state: &str) -> Outcome {
        self.event("state", |event| event["state"] == state).await.map(drop)
    }

    /// Waits for the first event of a type that fits, from the beginning.
    pub(crate) async fn event(&self, kind: &str, fits: impl Fn(&Value) -> bool) -> Result<Value, Failed> {
        let started = Instant::now();
        loop {
            let events = self.events_of(kind);
            if let Some(event) = events.into_iter().find(|event| fits(event)) {
                return Ok(event);
            }
            if started.elapsed() > WAIT_LIMIT {
                let all = std::fs::read_to_string(&self.events).unwrap_or_default();
                return Err(format!("{}: waited in vain for `{kind}`; its events:\n{all}", self.name).into());
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Every event of a type so far.
    pub(crate) fn events_of(&self, kind: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.events).unwrap_or_default();
        let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|event| event["type"] == kind).collect()
    }

    /// Presses Ctrl-C.
    pub(crate) fn interrupt(&self) -> Outcome {
        let kill = format!("kill -INT {}", self.process.id());
        let status = Command::new("sh").args(["-c", &kill]).status()?;
        if status.success() { Ok(()) } else { Err(format!("{kill}: {status}").into()) }
    }

    /// Ends it with no time for goodbyes.
    pub(crate) fn kill(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }

    /// Waits for its end and gives its exit code and what it heard.
    pub(crate) async fn ends(&mut self) -> Result<(i32, Recording), Failed> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait()? {
                return Ok((status.code().unwrap_or(-1), read_wav(&self.heard)?));
            }
            if started.elapsed() > WAIT_LIMIT {
                return Err(format!("{}: does not end", self.name).into());
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.kill();
    }
}
