//! The relays that are compared, each a process of its own on loopback.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use handset::ice::turn::Login;
use handset::net::websocket::SignalThread;
use handset::signaling::{ClientConfig, ClientEvent};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Room for ten thousand allocations below the range from which the system gives ports of its own.
const RELAY_PORTS: (u16, u16) = (10_000, 29_999);

const OURS: &str = "switchboard";
const OURS_BY_KERNEL: &str = "switchboard, by the kernel";
pub(crate) const COTURN: &str = "coturn";
const SOCKETS: &str = "sockets alone";

/// The word that makes this program what is measured as [`SOCKETS`].
pub(crate) const BARE: &str = "bare";

/// Files that each process may have open: coturn has two for each allocation, and systems often give 20,000 or fewer.
const FILES: u64 = 65_536;

/// A relay that runs, ended when dropped.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    /// The address of its clients: thirty thousand do not find ports on one.
    pub(crate) clients: Ipv4Addr,
    /// None for one that speaks no TURN, see [`bare`](crate::bare).
    pub(crate) login: Option<Login>,
    process: Child,
}

/// What a process has used so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) cpu_ns: u64,
    pub(crate) resident_bytes: u64,
}

impl Server {
    /// The relay inside `switchboard`, without limits.
    pub(crate) fn ours() -> Self {
        Self::switchboard(OURS, Ipv4Addr::new(127, 0, 0, 2), &["--relay-kernel", "off"])
            .expect("switchboard starts")
    }

    /// The same, and the kernel relays; none where it may not.
    pub(crate) fn ours_by_kernel() -> Option<Self> {
        Self::switchboard(OURS_BY_KERNEL, Ipv4Addr::new(127, 0, 0, 5), &["--relay-kernel", "on"])
    }

    fn switchboard(name: &'static str, clients: Ipv4Addr, options: &[&str]) -> Option<Self> {
        let ports = format!("{}-{}", RELAY_PORTS.0, RELAY_PORTS.1);
        let mut process = on_its_processor(env!("CARGO_BIN_EXE_switchboard"))
            .args(["--listen", "127.0.0.1:0", "--relay-listen", "127.0.0.1:0", "--relay-ports", &ports])
            .args(["--relay-allocations", "20000", "--relay-allocations-per-peer", "20000"])
            .args(["--relay-bandwidth", "0", "--drain", "0"])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("switchboard starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("piped")).read_line(&mut line).expect("its line");
        let Some(said) = line.trim().strip_prefix("listening on http://") else {
            // What keeps it from starting it has said itself.
            let _ = process.wait();
            return None;
        };
        let (signaling, relay) = said.split_once(", relay on ").expect(&line);
        let client = ClientConfig::new("bench".parse().expect("an id"));
        let signal = SignalThread::start(&format!("ws://{signaling}/ws"), client, 1, Arc::new(|| {}));
        let told = match signal.expect("a thread").wait_event(Duration::from_secs(10)) {
            Some(ClientEvent::Registered(registered)) => registered.ice_servers,
            other => panic!("{other:?}"),
        };
        let turn = told.iter().find(|server| server.username.is_some()).expect("a TURN server");
        let (user, password) = (turn.username.as_ref(), turn.credential.as_ref());
        let login = Login::new(user.expect("looked for"), password.expect("with it").as_str());
        Some(Self {
            name,
            address: relay.parse().expect("an address"),
            clients,
            login: Some(login.expect("of legal length")),
            process,
        })
    }

    /// Our sockets without the relay.
    pub(crate) fn bare() -> Self {
        let own = std::env::current_exe().expect("a program has a path");
        let mut process = on_its_processor(own)
            .arg(BARE)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts again");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("piped")).read_line(&mut line).expect("its line");
        let address = line.trim().parse().expect("an address");
        Self { name: SOCKETS, address, clients: Ipv4Addr::new(127, 0, 0, 3), login: None, process }
    }

    /// coturn, without limits; none where it is not installed.
    pub(crate) fn coturn() -> Option<Self> {
        let free =
            UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
        let folder = std::env::temp_dir();
        let process = on_its_processor("turnserver")
            .args(["-n", "--no-cli", "--no-tls", "--no-dtls", "--no-tcp", "--lt-cred-mech"])
            .args(["--realm=example.org", "--user=alice:secret", "--allow-loopback-peers"])
            .args(["--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--log-file=stdout"])
            .args([format!("--min-port={}", RELAY_PORTS.0), format!("--max-port={}", RELAY_PORTS.1)])
            .arg(format!("--listening-port={}", free.port()))
            .arg(format!("--pidfile={}", folder.join("handset-bench-coturn.pid").display()))
            .arg(format!("--userdb={}", folder.join("handset-bench-coturn.db").display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        // It opens its sockets a moment later; requests are sent again until it answers.
        std::thread::sleep(Duration::from_secs(1));
        let login = Some(Login::new("alice", "secret").expect("short"));
        Some(Self { name: COTURN, address: free, clients: Ipv4Addr::new(127, 0, 0, 4), login, process })
    }

    /// What it has used so far, all threads together.
    pub(crate) fn usage(&self) -> Usage {
        let folder = format!("/proc/{}", self.process.id());
        let read = |file: &str| std::fs::read_to_string(format!("{folder}/{file}")).unwrap_or_default();
        let resident = read("status").lines().find_map(|line| {
            line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()
        });
        Usage { cpu_ns: cpu_ns(folder.as_ref()), resident_bytes: resident.unwrap_or_default() * 1024 }
    }
}

/// What a process has spent, all threads together.
pub(crate) fn cpu_ns(folder: &Path) -> u64 {
    let tasks = std::fs::read_dir(folder.join("task")).into_iter().flatten().flatten();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|text| text.split_whitespace().next()?.parse::<u64>().ok())
        .sum()
}

/// A program on the second processor. The first one is the measuring program's: what the system makes of the two when it
/// moves them about is a difference of one half, and not the relay's doing.
fn on_its_processor(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", "1"]).arg(program);
    command
}

/// Lets this program and those that it starts have [`FILES`] open, or as many as the system gives; says how many.
pub(crate) fn raise_file_limit() -> usize {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let whole = Rlimit { current: Some(FILES), maximum: maximum.map(|maximum| maximum.max(FILES)) };
    // Only the administrator may go beyond the greatest.
    if setrlimit(Resource::Nofile, whole).is_err() {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |files| files as usize)
}

/// Keeps this program on the first processor.
pub(crate) fn stay_on_own_processor() {
    let own = std::process::id().to_string();
    let moved =
        Command::new("taskset").args(["--cpu-list", "--pid", "0", &own]).stdout(Stdio::null()).status();
    assert!(moved.is_ok_and(|status| status.success()), "two processors and `taskset` are needed");
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
