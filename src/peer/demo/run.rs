//! The demo from its first line to its exit code.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use crate::peer::Exit;

use super::args::DemoArgs;
use super::child::{Child, News};
use super::error::DemoError;
use super::live::Live;
use super::outcome::Outcome;
use super::report;
use super::speech::{self, Voice};
use super::timeline::{ALICE, BOB, Side, Timeline};
use super::told::{Line, Told};

/// A program on this machine is up, or something is wrong.
const START_LIMIT: Duration = Duration::from_secs(10);

/// A call on this machine is set up, or something is wrong.
const SET_UP_LIMIT: Duration = Duration::from_secs(15);

/// What ending the call may take beyond the speech.
const END_LIMIT: Duration = Duration::from_secs(10);

const SWITCHBOARD: &str = "switchboard";

/// Makes the call, measures it, and says what was found.
pub fn run(args: &DemoArgs) -> Exit {
    match Demo::new(args).and_then(Demo::run) {
        Ok(()) => Exit::Done,
        Err(error) => {
            eprintln!("error: {error}");
            error.exit()
        }
    }
}

/// Something that has to happen in time.
struct Awaited {
    what: &'static str,
    limit: Duration,
    until: Instant,
}

impl Awaited {
    fn new(what: &'static str, limit: Duration) -> Self {
        Self { what, limit, until: Instant::now() + limit }
    }

    fn too_late(&self) -> DemoError {
        DemoError::TooLate { what: self.what, seconds: self.limit.as_secs() }
    }
}

struct Demo<'a> {
    args: &'a DemoArgs,
    programs: Programs,
    sender: Sender<News>,
    news: Receiver<News>,
    timeline: Timeline,
    logs: [BufWriter<fs::File>; 2],
    live: Live,
}

/// The two binaries, which lie in one folder.
struct Programs {
    peer: PathBuf,
    switchboard: PathBuf,
}

impl Programs {
    fn find() -> Result<Self, DemoError> {
        let peer = std::env::current_exe()?;
        let switchboard = peer.with_file_name(format!("{SWITCHBOARD}{}", std::env::consts::EXE_SUFFIX));
        if !switchboard.is_file() {
            return Err(DemoError::NoProgram { program: SWITCHBOARD, path: switchboard });
        }
        Ok(Self { peer, switchboard })
    }

    /// As one would type it here.
    fn as_typed(path: &Path) -> PathBuf {
        let here = std::env::current_dir().ok();
        here.and_then(|here| path.strip_prefix(here).ok()).unwrap_or(path).to_owned()
    }
}

impl<'a> Demo<'a> {
    /// Prepares folder, speech and logs.
    fn new(args: &'a DemoArgs) -> Result<Self, DemoError> {
        let programs = Programs::find()?;
        let file = |path: &Path, source| DemoError::File { path: path.into(), source };
        fs::create_dir_all(&args.out).map_err(|source| file(&args.out, source))?;
        let log = |who: &str| {
            let path = args.out.join(format!("{who}.jsonl"));
            fs::File::create(&path).map(BufWriter::new).map_err(|source| file(&path, source))
        };
        let logs = [log(ALICE)?, log(BOB)?];
        let (sender, news) = channel();
        let demo =
            Self { args, programs, sender, news, timeline: Timeline::default(), logs, live: Live::new() };
        match &args.speech {
            Some(own) => speech::copy(own, &demo.said(ALICE))?,
            None => Voice::Alice.write(&demo.said(ALICE))?,
        }
        Voice::Bob.write(&demo.said(BOB))?;
        hear_interrupts(demo.sender.clone())?;
        Ok(demo)
    }

    fn said(&self, who: &str) -> PathBuf {
        self.args.out.join(format!("said-by-{who}.wav"))
    }

    fn heard(&self, who: &str) -> PathBuf {
        self.args.out.join(format!("heard-by-{who}.wav"))
    }

    fn run(mut self) -> Result<(), DemoError> {
        println!(
            "Starting a switchboard and two peers, alice and bob; alice calls bob over UDP with DTLS-SRTP.\n"
        );
        let (mut switchboard, server) = self.start_switchboard()?;
        let mut bob = self.start_peer(BOB, &["answer", "--auto"], "silence", &server)?;
        let registered = Awaited::new("bob was registered", START_LIMIT);
        self.wait(&registered, &mut [&mut switchboard, &mut bob], |timeline| {
            timeline.bob.registered_ms.is_some()
        })?;
        let mut alice = self.start_peer(ALICE, &["call", BOB], "hangup", &server)?;
        let mut all = [&mut switchboard, &mut bob, &mut alice];
        self.wait(&Awaited::new("both heard each other", SET_UP_LIMIT), &mut all, Timeline::is_set_up)?;
        println!("{}", report::set_up(&self.timeline));
        println!("They talk");
        let speech = Duration::from_millis(speech::read(&self.said(ALICE))?.duration_ms() as u64);
        self.wait(&Awaited::new("the call ended", speech + END_LIMIT), &mut all, Timeline::is_over)?;
        // The recordings are whole once their writers have ended.
        for peer in [&mut alice, &mut bob] {
            let exit = peer.wait()?;
            if exit != Exit::Done {
                return Err(peer.ended());
            }
        }
        switchboard.stop()?;
        self.conclude()
    }

    /// Starts the switchboard on a free port and waits until it says which.
    fn start_switchboard(&mut self) -> Result<(Child, String), DemoError> {
        let args = ["--listen", "127.0.0.1:0"].map(String::from);
        let mut child = Child::start(SWITCHBOARD, &self.programs.switchboard, &args, &self.sender)?;
        let listening = Awaited::new("the switchboard said where it listens", START_LIMIT);
        loop {
            match self.next(&listening)? {
                News::Said { line, .. } => {
                    if let Some(address) = address_in(&line) {
                        return Ok((child, format!("ws://{address}/ws")));
                    }
                }
                News::Ended { .. } => return Err(child.ended()),
                News::Interrupted => return Err(DemoError::Interrupted),
            }
        }
    }

    fn start_peer(
        &self,
        who: &'static str,
        command: &[&str],
        at_end: &str,
        server: &str,
    ) -> Result<Child, DemoError> {
        let path = |path: PathBuf| path.display().to_string();
        let (input, output) = (path(self.said(who)), path(self.heard(who)));
        let options = [
            ["--id", who],
            ["--server", server],
            ["--input", &input],
            ["--output", &output],
            ["--at-end", at_end],
            ["--frame-ms", &self.args.frame_ms],
            ["--bitrate", &self.args.bitrate],
            ["--events", "-"],
        ];
        let words = command.iter().chain(options.iter().flatten()).chain(&["--quiet"]);
        let args: Vec<String> = words.map(ToString::to_string).collect();
        Child::start(who, &self.programs.peer, &args, &self.sender)
    }

    /// Takes in news until `done`; that one of `children` ends before its call did is an error.
    fn wait(
        &mut self,
        awaited: &Awaited,
        children: &mut [&mut Child],
        done: impl Fn(&Timeline) -> bool,
    ) -> Result<(), DemoError> {
        while !done(&self.timeline) {
            return Err(match self.next(awaited) {
                Ok(News::Said { who, line }) => {
                    self.on_line(who, &line)?;
                    continue;
                }
                Ok(News::Ended { who }) if self.timeline.has_ended(who) => continue,
                Ok(News::Ended { who }) => match children.iter_mut().find(|child| child.who() == who) {
                    Some(child) => child.ended(),
                    None => continue,
                },
                Ok(News::Interrupted) => DemoError::Interrupted,
                Err(error) => error,
            });
        }
        Ok(())
    }

    fn next(&self, awaited: &Awaited) -> Result<News, DemoError> {
        let left = awaited.until.saturating_duration_since(Instant::now());
        // We hold a sender ourselves, so the only error is that time is up.
        self.news.recv_timeout(left).map_err(|_| awaited.too_late())
    }

    fn on_line(&mut self, who: &'static str, line: &str) -> Result<(), DemoError> {
        let Some(side) = self.timeline.side(who) else { return Ok(()) };
        let log = usize::from(who == BOB);
        let path = || self.args.out.join(format!("{who}.jsonl"));
        writeln!(self.logs[log], "{line}").map_err(|source| DemoError::File { path: path(), source })?;
        let Some(line) = Line::parse(line) else { return Ok(()) };
        let figures = matches!(line.told, Told::Stats(_));
        side.handle_line(line);
        if figures && who == ALICE {
            self.live.show(&self.timeline);
        }
        Ok(())
    }

    /// Measures both ways, draws them, and says what was found.
    fn conclude(mut self) -> Result<(), DemoError> {
        for log in &mut self.logs {
            log.flush()?;
        }
        let there = self.outcome([ALICE, BOB], &self.timeline.alice, &self.timeline.bob)?;
        let back = self.outcome([BOB, ALICE], &self.timeline.bob, &self.timeline.alice)?;
        let outcomes = [there, back];
        println!("\n{}", report::measured(&outcomes));
        for outcome in &outcomes {
            let path = self.args.out.join(format!("{}-to-{}.svg", outcome.from, outcome.to));
            fs::write(&path, report::plot(outcome, &self.timeline))
                .map_err(|source| DemoError::File { path, source })?;
        }
        println!("{}", report::files(&self.args.out));
        let [peer, switchboard] =
            [&self.programs.peer, &self.programs.switchboard].map(|path| Programs::as_typed(path));
        println!("{}", report::next_steps(&peer, &switchboard));
        match outcomes.iter().find(|outcome| !outcome.is_heard()) {
            Some(outcome) => Err(DemoError::Unheard { who: outcome.to }),
            None => Ok(()),
        }
    }

    fn outcome(&self, names: [&'static str; 2], from: &Side, to: &Side) -> Result<Outcome, DemoError> {
        let said = speech::read(&self.said(names[0]))?;
        let heard = speech::read(&self.heard(names[1]))?;
        let unheard = || DemoError::Unheard { who: names[1] };
        let said = said.starting_at(self.timeline.spoke_ms(from).ok_or_else(unheard)?);
        let heard = heard.starting_at(self.timeline.heard_ms(to).ok_or_else(unheard)?);
        Ok(Outcome::measure(names, said, heard, to.figures.clone().unwrap_or_default()))
    }
}

/// The first `127.0.0.1:PORT` in a line.
fn address_in(line: &str) -> Option<String> {
    const HOST: &str = "127.0.0.1:";
    let rest = line.split_once(HOST)?.1;
    let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let port: u16 = port.parse().ok().filter(|port| *port != 0)?;
    Some(format!("{HOST}{port}"))
}

#[cfg(unix)]
fn hear_interrupts(sender: Sender<News>) -> Result<(), DemoError> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for _ in signals.forever() {
            if sender.send(News::Interrupted).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

#[cfg(not(unix))]
fn hear_interrupts(_sender: Sender<News>) -> Result<(), DemoError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_found_in_whatever_sentence_the_switchboard_says_it() {
        for line in ["listening on http://127.0.0.1:41233/", "ws://127.0.0.1:41233/ws", "127.0.0.1:41233"] {
            assert_eq!(address_in(line).as_deref(), Some("127.0.0.1:41233"), "{line}");
        }
        for line in ["", "127.0.0.1:0", "127.0.0.1:", "127.0.0.1:99999", "[::1]:80"] {
            assert_eq!(address_in(line), None, "{line}");
        }
    }
}
