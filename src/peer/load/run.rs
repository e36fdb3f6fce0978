//! The load as a whole: lanes, phases, the table.

use std::process::id as process_id;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::args::LoadArgs;
use super::lane::{Lane, MEASURING, OVER, Outcome, Progress};
use super::punctuality::Punctuality;
use crate::audio::SAMPLE_RATE;
use crate::call::Certificate;
use crate::peer::flight::{Table, speak};
use crate::peer::{Exit, PeerError, Stats};

/// How long a call may take to be set up, beside its turn.
const SET_UP_LIMIT: Duration = Duration::from_secs(20);
/// How long calls run before they are measured: buffers fill, paths are checked.
const SETTLING: Duration = Duration::from_secs(2);
/// How often is looked whether all calls stand.
const GLANCE: Duration = Duration::from_millis(20);
/// Length of the voice that all speak with.
const VOICE_SECONDS: usize = 12;

/// Puts the load on, prints the table; [`Exit::Overload`] when a deadline was missed or a call was lost.
pub fn run(args: &LoadArgs) -> Exit {
    match load(args) {
        Ok(result) => {
            print!("{}", result.table(args).text());
            println!("\n{}", result.sentence(args));
            if result.is_good() { Exit::Done } else { Exit::Overload }
        }
        Err(error) => {
            eprintln!("error: {error}");
            error.exit()
        }
    }
}

/// What was measured.
struct Result {
    punctuality: Punctuality,
    stats: Vec<Stats>,
    /// Ends that media never reached, or whose call ended.
    lost: u32,
    threads: usize,
    processor: Duration,
    measured: Duration,
    resident_kib: Option<u64>,
}

fn load(args: &LoadArgs) -> std::result::Result<Result, PeerError> {
    let calls = usize::from(args.calls);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = args.threads.map_or(cores, usize::from).min(calls);
    let voice: Arc<[f32]> = speak(VOICE_SECONDS * SAMPLE_RATE as usize).into();
    let certificate = Certificate::generate()?;
    let progress = Arc::new(Progress::default());
    let lanes = (0..threads).map(|lane| {
        let numbers = (lane..calls).step_by(threads).collect();
        let lane = Lane::new(args, numbers, voice.clone(), certificate.clone(), progress.clone())?;
        start(lane)
    });
    let lanes: Vec<_> = lanes.collect::<std::result::Result<_, _>>()?;

    let ends = 2 * u32::from(args.calls);
    let limit = Instant::now() + SET_UP_LIMIT + Duration::from_millis(100) * u32::from(args.calls);
    let is_up = || progress.connected.load(Ordering::Relaxed) >= ends;
    while !is_up() && Instant::now() < limit && !lanes.iter().any(JoinHandle::is_finished) {
        thread::sleep(GLANCE);
    }
    thread::sleep(SETTLING);
    let (began, used) = (Instant::now(), processor_time());
    progress.phase.store(MEASURING, Ordering::Relaxed);
    thread::sleep(Duration::from_secs_f64(args.seconds));
    let (measured, processor) = (began.elapsed(), processor_time().saturating_sub(used));
    let (resident_kib, connected) = (resident_kib(), progress.connected.load(Ordering::Relaxed));
    progress.phase.store(OVER, Ordering::Relaxed);

    let lost = ends.saturating_sub(connected) + progress.over.load(Ordering::Relaxed);
    let mut result = Result {
        punctuality: Punctuality::new(args.deadline()),
        stats: Vec::new(),
        lost,
        threads,
        processor,
        measured,
        resident_kib,
    };
    for lane in lanes {
        let outcome = lane.join().expect("a lane does not panic")?;
        result.punctuality.merge(&outcome.punctuality);
        result.stats.extend(outcome.stats);
    }
    Ok(result)
}

fn start(lane: Lane) -> std::result::Result<JoinHandle<std::result::Result<Outcome, PeerError>>, PeerError> {
    let run = || {
        crate::audio::device::make_urgent();
        lane.run()
    };
    let started = thread::Builder::new().name("lane".into()).spawn(run);
    started.map_err(|source| PeerError::System { what: "start a thread", source })
}

impl Result {
    fn is_good(&self) -> bool {
        self.lost == 0 && self.punctuality.missed() == 0 && self.punctuality.done() > 0
    }

    fn table(&self, args: &LoadArgs) -> Table {
        let calls = f64::from(args.calls);
        let cores = self.processor.as_secs_f64() / self.measured.as_secs_f64();
        let kib = |kib: Option<u64>| kib.map_or("-".into(), |kib| format!("{:.1}", kib as f64 / 1024.0));
        let lost = self.stats.iter().map(|end| end.packets_lost).sum::<u64>();
        let concealed = self.stats.iter().map(|end| end.concealed_samples).sum::<u64>();
        let rendered = self.stats.iter().map(|end| end.rendered_samples).sum::<u64>();
        let mean = |of: fn(&Stats) -> f32| {
            self.stats.iter().map(|end| f64::from(of(end))).sum::<f64>() / self.stats.len().max(1) as f64
        };
        let heard = mean(|end| end.delay.framing_ms + end.delay.jitter_buffer_ms + end.delay.decoder_ms);
        let mut table = Table::new(["", ""]);
        let mut row = |name: &str, value: String| table.push([name.to_owned(), value]);
        row("calls, both ends here", args.calls.to_string());
        row("threads", self.threads.to_string());
        row("measured, s", format!("{:.1}", self.measured.as_secs_f64()));
        row("coded", self.coding(args));
        row("ends without media, or lost", self.lost.to_string());
        row("frames to send and sound to render", self.punctuality.done().to_string());
        row(&format!("of them later than {} ms", args.deadline_ms), self.punctuality.missed().to_string());
        row("late, median, ms", format!("{:.2}", self.punctuality.quantile_ms(0.5)));
        row("late, 99 %, ms", format!("{:.2}", self.punctuality.quantile_ms(0.99)));
        row("late, 99.9 %, ms", format!("{:.2}", self.punctuality.quantile_ms(0.999)));
        row("late, most, ms", format!("{:.2}", self.punctuality.latest_ms()));
        row("from mouth to ear, ms", format!("{heard:.1}"));
        row("of it in the jitter buffer, ms", format!("{:.1}", mean(|end| end.delay.jitter_buffer_ms)));
        row("packets lost", lost.to_string());
        row("concealed, %", format!("{:.3}", 100.0 * concealed as f64 / rendered.max(1) as f64));
        row("cores in use", format!("{cores:.2}"));
        row("of a core for each call, %", format!("{:.2}", 100.0 * cores / calls));
        row("memory, MiB", kib(self.resident_kib));
        row("memory for each call, MiB", kib(self.resident_kib.map(|kib| kib / u64::from(args.calls))));
        table
    }

    /// How voices were coded.
    fn coding(&self, args: &LoadArgs) -> String {
        let kbps = self.stats.iter().map(|end| f64::from(end.opus_bps)).sum::<f64>()
            / self.stats.len().max(1) as f64
            / 1000.0;
        let repaired = self.stats.iter().any(|end| end.fec || end.red_distance > 0 || end.dred_ms > 0);
        format!(
            "{} ms, {kbps:.0} kbit/s, as {}, complexity {}{}{}",
            args.frame_ms,
            args.mode(),
            args.complexity.map_or("as heard".into(), |complexity| complexity.to_string()),
            if args.dtx { ", silence left out" } else { "" },
            if repaired { ", with redundancy" } else { "" },
        )
    }

    fn sentence(&self, args: &LoadArgs) -> String {
        match (self.lost, self.punctuality.missed()) {
            (0, 0) => format!("{} calls, and no deadline missed", args.calls),
            (0, missed) => format!("{missed} deadlines missed: this is more than the machine carries"),
            (lost, _) => format!("{lost} ends without media: this is more than the machine carries"),
        }
    }
}

/// What this process has used of processors.
#[cfg(unix)]
fn processor_time() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(used.tv_sec.try_into().unwrap_or(0), used.tv_nsec.try_into().unwrap_or(0))
}

#[cfg(not(unix))]
fn processor_time() -> Duration {
    Duration::ZERO
}

/// Memory of this process, where the system tells.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process_id())).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
