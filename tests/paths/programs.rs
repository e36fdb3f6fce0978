//! Programs under test, here or in a network namespace, and what they say.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;

/// Whatever is waited for comes within this, even where several other scenes keep the machine busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(45);

/// Why a scene cannot be played.
pub(crate) enum Missing {
    Program(&'static str),
    Permission(String),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(name) => write!(f, "{name} is not installed"),
            Self::Permission(why) => write!(f, "not permitted here: {why}"),
        }
    }
}

/// Whether a program can be run.
pub(crate) fn has(program: &str) -> bool {
    Command::new(program).arg("-h").stdin(Stdio::null()).output().is_ok()
}

/// Where a program runs.
#[derive(Clone)]
pub(crate) enum Place {
    Here,
    Namespace(String),
}

impl Place {
    pub(crate) fn command(&self, binary: &str) -> Command {
        match self {
            Self::Here => Command::new(binary),
            Self::Namespace(name) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", name, binary]);
                command
            }
        }
    }
}

/// One running program; dropping it ends it.
pub(crate) struct Program {
    name: String,
    child: Child,
    lines: Receiver<String>,
    stderr: Arc<Mutex<String>>,
}

impl Program {
    pub(crate) fn start(name: &str, mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let stderr = Arc::new(Mutex::new(String::new()));
        let (mut pipe, heard) = (child.stderr.take().expect("piped"), stderr.clone());
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = pipe.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
                heard.lock().expect("no panic while it is held").push_str(&text);
            }
        });
        Self { name: name.into(), child, lines, stderr }
    }

    /// All that it said on stderr so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.lock().expect("no panic while it is held").clone()
    }

    /// Waits for a line of stdout that contains `word`.
    #[track_caller]
    pub(crate) fn wait_for_line(&self, word: &str) -> String {
        let limit = Instant::now() + PATIENCE;
        while let Ok(line) = self.lines.recv_timeout(limit.saturating_duration_since(Instant::now())) {
            if line.contains(word) {
                return line;
            }
        }
        panic!("{} does not say {word:?}: {}", self.name, self.stderr());
    }

    /// What it has said on stdout since this or a line was last asked for.
    pub(crate) fn take_lines(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }

    /// Asks it to end, waits for that, and gives its exit code.
    #[track_caller]
    fn interrupt(&mut self) -> i32 {
        // One that has ended already has nothing to be asked.
        if let Some(pid) = Pid::from_raw(self.child.id() as i32) {
            let _ = kill_process(pid, Signal::INT);
        }
        self.exit()
    }

    #[track_caller]
    fn exit(&mut self) -> i32 {
        let limit = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < limit, "{} does not end; it said: {}", self.name, self.stderr());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// A switchboard without a relay; gives its URL.
pub(crate) fn switchboard(place: &Place, listen: &str) -> (Program, String) {
    switchboard_with(place, &["--listen", listen, "--no-relay"])
}

/// A switchboard with these options; gives its URL.
pub(crate) fn switchboard_with(place: &Place, options: &[&str]) -> (Program, String) {
    let mut command = place.command(env!("CARGO_BIN_EXE_switchboard"));
    command.args(options);
    let program = Program::start("switchboard", command);
    let line = program.wait_for_line("://");
    let rest = line.split("://").nth(1).expect("it names its address");
    let end = rest.find(|c: char| c == '/' || c.is_whitespace()).unwrap_or(rest.len());
    let url = format!("ws://{}/ws", rest[..end].trim_end_matches([',', '.']));
    (program, url)
}

/// Now, on the clock of all processes (ms).
pub(crate) fn now_ms() -> f64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as f64 * 1e3 + now.tv_nsec as f64 / 1e6
}

/// A peer that tells its events.
pub(crate) struct Peer {
    program: Program,
    pub(crate) seen: Vec<Value>,
}

impl Peer {
    pub(crate) fn start(place: &Place, words: &[&str]) -> Self {
        let mut command = place.command(env!("CARGO_BIN_EXE_peer"));
        command.args(words).args(["--events", "-", "--quiet"]);
        if let Ok(filter) = std::env::var("HANDSET_TEST_LOG") {
            command.args(["--log", &filter]);
        }
        Self { program: Program::start(words[0], command), seen: Vec::new() }
    }

    /// The first event, new or seen, that `fits`.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        match self.seen.iter().find(|event| fits(event)) {
            Some(event) => event.clone(),
            None => self.wait_for_next(what, fits),
        }
    }

    /// The next event that `fits`, among those not yet seen.
    #[track_caller]
    pub(crate) fn wait_for_next(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let limit = Instant::now() + PATIENCE;
        while let Ok(line) = self.program.lines.recv_timeout(limit.saturating_duration_since(Instant::now()))
        {
            let event: Value =
                serde_json::from_str(&line).unwrap_or_else(|error| panic!("no event: {line}: {error}"));
            self.seen.push(event.clone());
            if fits(&event) {
                return event;
            }
        }
        let told: String = self.seen.iter().map(|event| format!("\n  {event}")).collect();
        panic!("{}: no {what}; told:{told}\nsaid: {}", self.program.name, self.program.stderr());
    }

    /// Waits until media goes over a pair that `fits`; it may begin on another.
    #[track_caller]
    pub(crate) fn wait_for_pair(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        while let Ok(line) = self.program.lines.try_recv() {
            self.seen.extend(serde_json::from_str::<Value>(&line));
        }
        let last = self.seen.iter().rev().find(|event| event["type"] == "pair");
        match last.filter(|pair| fits(pair)) {
            Some(pair) => pair.clone(),
            None => self.wait_for_next(what, |event| event["type"] == "pair" && fits(event)),
        }
    }

    /// When something was told, on the clock of all processes (ms).
    #[track_caller]
    pub(crate) fn when_ms(&mut self, event: &Value) -> f64 {
        let started = self.wait_for("started", |event| event["type"] == "started");
        let epoch_ns = started["monotonic_ns"].as_u64().expect("this system has a monotonic clock");
        epoch_ns as f64 / 1e6 + event["t_ms"].as_f64().expect("every event has a time")
    }

    /// The moment of the first event of a kind, on the clock of all processes (ms).
    #[track_caller]
    pub(crate) fn moment_ms(&mut self, kind: &str) -> f64 {
        let event = self.wait_for(kind, |event| event["type"] == kind);
        self.when_ms(&event)
    }

    /// Sentences of errors so far.
    pub(crate) fn errors(&self) -> Vec<String> {
        let errors = self.seen.iter().filter(|event| event["type"] == "error");
        errors.map(|event| event["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    #[track_caller]
    pub(crate) fn interrupt(&mut self) -> i32 {
        self.program.interrupt()
    }

    #[track_caller]
    pub(crate) fn exit(&mut self) -> i32 {
        self.program.exit()
    }

    pub(crate) fn stderr(&self) -> String {
        self.program.stderr()
    }
}
