//! The programs under test, started as a user would, and what they say.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::sound_server::SoundServer;

/// Anything on one machine happens within this, even on a busy one.
pub(crate) const SOON: Duration = Duration::from_secs(20);

static STAGE: RwLock<()> = RwLock::new(());

/// For tests that judge sound or time: no other call of these tests runs meanwhile.
pub(crate) fn alone() -> RwLockWriteGuard<'static, ()> {
    STAGE.write().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// For tests that judge only what is said.
pub(crate) fn among_others() -> RwLockReadGuard<'static, ()> {
    STAGE.read().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A file of the repository.
pub(crate) fn asset(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets").join(name).display().to_string()
}

/// One running program; dropping it ends it.
pub(crate) struct Program {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stderr: Arc<Mutex<String>>,
}

impl Program {
    fn start(name: &str, binary: &str, args: &[&str]) -> Self {
        Self::run(name, Command::new(binary).args(args))
    }

    fn run(name: &str, command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let stderr = Arc::new(Mutex::new(String::new()));
        let (mut pipe, heard) = (child.stderr.take().expect("piped"), stderr.clone());
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = pipe.read(&mut bytes) {
                heard
                    .lock()
                    .expect("no panic while it is held")
                    .push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self { name: name.into(), stdin: child.stdin.take(), child, lines, stderr }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that it said on stderr so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.lock().expect("no panic while it is held").clone()
    }

    /// Types a line.
    pub(crate) fn type_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("not closed");
        writeln!(stdin, "{line}").and_then(|()| stdin.flush()).expect("it reads what is typed");
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid() as i32).expect("a process has a number");
        kill_process(pid, signal).expect("it runs");
    }

    /// Waits for its end and gives its exit code; a signal is -1.
    #[track_caller]
    pub(crate) fn exit(&mut self) -> i32 {
        let limit = Instant::now() + SOON;
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                // Its last words may still be on their way through the pipe.
                thread::sleep(Duration::from_millis(20));
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < limit, "{} does not end; it said: {}", self.name, self.stderr());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The next line of stdout before `limit`.
    fn line(&self, limit: Instant) -> Result<String, RecvTimeoutError> {
        self.lines.recv_timeout(limit.saturating_duration_since(Instant::now()))
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

/// A switchboard on a port of its own.
pub(crate) struct Switchboard {
    pub(crate) program: Program,
    address: String,
}

impl Switchboard {
    pub(crate) fn start() -> Self {
        Self::listen("127.0.0.1:0")
    }

    pub(crate) fn listen(address: &str) -> Self {
        let program =
            Program::start("switchboard", env!("CARGO_BIN_EXE_switchboard"), &["--listen", address]);
        let limit = Instant::now() + SOON;
        loop {
            let line = program.line(limit).unwrap_or_else(|_| panic!("no switchboard: {}", program.stderr()));
            if let Some((_, rest)) = line.split_once("127.0.0.1:") {
                let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
                return Self { program, address: format!("127.0.0.1:{port}") };
            }
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/ws", self.address)
    }
}

/// A peer that tells its events.
pub(crate) struct Peer {
    pub(crate) program: Program,
    pub(crate) seen: Vec<Value>,
}

impl Peer {
    /// Runs `peer` with these words, and events on stdout.
    pub(crate) fn start(words: &[&str]) -> Self {
        let args = [words, &["--events", "-"]].concat();
        Self { program: Program::start(words[0], env!("CARGO_BIN_EXE_peer"), &args), seen: Vec::new() }
    }

    /// Runs `peer` where this sound server is the only one.
    pub(crate) fn start_beside(server: &SoundServer, words: &[&str]) -> Self {
        let mut command = server.command(env!("CARGO_BIN_EXE_peer"));
        Self {
            program: Program::run(words[0], command.args(words).args(["--events", "-"])),
            seen: Vec::new(),
        }
    }

    /// A peer that waits for calls at `switchboard`, registered.
    pub(crate) fn answering(id: &str, switchboard: &Switchboard, more: &[&str]) -> Self {
        let url = switchboard.url();
        let words = [&["answer", "--auto", "--id", id, "--server", &url], more].concat();
        let mut peer = Self::start(&words);
        peer.wait_for("registered", |event| event["type"] == "registered");
        peer
    }

    /// A peer that calls `whom`.
    pub(crate) fn calling(whom: &str, id: &str, switchboard: &Switchboard, more: &[&str]) -> Self {
        let url = switchboard.url();
        Self::start(&[&["call", whom, "--id", id, "--server", &url], more].concat())
    }

    /// The first event, new or seen, that `fits`.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        match self.seen.iter().find(|event| fits(event)) {
            Some(event) => event.clone(),
            None => self.wait_for_next(what, SOON, fits),
        }
    }

    /// The next event that `fits`, among those not yet seen.
    #[track_caller]
    pub(crate) fn wait_for_next(
        &mut self,
        what: &str,
        within: Duration,
        fits: impl Fn(&Value) -> bool,
    ) -> Value {
        let limit = Instant::now() + within;
        while let Ok(line) = self.program.line(limit) {
            let event: Value =
                serde_json::from_str(&line).unwrap_or_else(|error| panic!("no event: {line}: {error}"));
            self.seen.push(event.clone());
            if fits(&event) {
                return event;
            }
        }
        let told: String =
            self.seen.iter().rev().take(12).rev().map(|event| format!("\n  {event}")).collect();
        panic!(
            "{}: no {what} within {within:?}; told:{told}\nsaid: {}",
            self.program.name,
            self.program.stderr()
        );
    }

    #[track_caller]
    pub(crate) fn wait_for_state(&mut self, state: &str) -> Value {
        self.wait_for(state, |event| event["type"] == "state" && event["state"] == state)
    }

    #[track_caller]
    pub(crate) fn next_state(&mut self, state: &str) -> Value {
        self.wait_for_next(state, SOON, |event| event["type"] == "state" && event["state"] == state)
    }

    /// When it started, on the clock of all processes (ms).
    #[track_caller]
    pub(crate) fn epoch_ms(&mut self) -> f64 {
        let started = self.wait_for("started", |event| event["type"] == "started");
        started["monotonic_ns"].as_u64().expect("this system has a monotonic clock") as f64 / 1e6
    }

    /// The moment of an event on the clock of all processes (ms).
    #[track_caller]
    pub(crate) fn moment_ms(&mut self, kind: &str) -> f64 {
        let event = self.wait_for(kind, |event| event["type"] == kind);
        self.epoch_ms() + event["t_ms"].as_f64().expect("every event has a time")
    }

    /// Ends the program properly and reads what it still tells.
    #[track_caller]
    pub(crate) fn exit(&mut self) -> i32 {
        let code = self.program.exit();
        while let Ok(line) = self.program.line(Instant::now() + Duration::from_secs(1)) {
            self.seen.extend(serde_json::from_str::<Value>(&line));
        }
        code
    }
}

/// Waits until 25 packets more have arrived than the next figures tell of: whatever the peer has yet to say
/// of the time before, and however slow the machine is, they came afterwards.
#[track_caller]
pub(crate) fn assert_media_goes_on(peer: &mut Peer) {
    let received = |event: &Value| event["packets_received"].as_u64().unwrap_or(0);
    let before = received(&peer.wait_for_next("figures", SOON, |event| event["type"] == "stats"));
    peer.wait_for_next("packets", SOON, |event| event["type"] == "stats" && received(event) >= before + 25);
}

/// Calls of which one must be good: another program on the machine, or another machine on the same host, can only make it worse,
/// and does so for half a minute at a time.
const ATTEMPTS: usize = 8;

/// Makes calls until one is good, and says what was wrong with all if none is.
#[track_caller]
pub(crate) fn once_good(call: impl Fn() -> Result<(), String>) {
    let mut faults = Vec::new();
    for _ in 0..ATTEMPTS {
        match call() {
            Ok(()) => return,
            Err(fault) => faults.push(fault),
        }
    }
    panic!("of {ATTEMPTS} calls none was good: {faults:#?}");
}

/// Runs a program to its end: exit code and stderr.
#[track_caller]
pub(crate) fn run_peer(args: &[&str]) -> (i32, String) {
    let mut program = Program::start("peer", env!("CARGO_BIN_EXE_peer"), args);
    program.stdin = None;
    let code = program.exit();
    (code, program.stderr())
}
