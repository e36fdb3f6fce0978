//! coturn, as Debian has it.

use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::certificate::{self, Files};
use super::folder::Folder;
use super::programs::{Missing, PATIENCE, Place, Program, has};

/// What is missing for scenes with coturn.
pub(crate) fn missing() -> Option<Missing> {
    (!has("turnserver")).then_some(Missing::Program("turnserver"))
}

/// A relay.
pub(crate) struct Coturn {
    program: Option<Program>,
    place: Place,
    arguments: Vec<String>,
    pub(crate) files: Files,
    _folder: Folder,
    address: SocketAddr,
    tls_port: u16,
}

impl Coturn {
    /// On loopback, on free ports; `users` say who may use it.
    pub(crate) fn on_loopback(users: &[&str]) -> Self {
        let ip = IpAddr::from([127, 0, 0, 1]);
        let port =
            || TcpListener::bind((ip, 0)).and_then(|socket| socket.local_addr()).expect("a port").port();
        let options = [&["--allow-loopback-peers"], users].concat();
        Self::start(&Place::Here, &[ip], SocketAddr::new(ip, port()), port(), &options)
    }

    /// In a namespace, listening and relaying on these addresses.
    pub(crate) fn start(
        place: &Place,
        ips: &[IpAddr],
        address: SocketAddr,
        tls_port: u16,
        options: &[&str],
    ) -> Self {
        let folder = Folder::new("coturn");
        let names: Vec<String> = ips.iter().map(ToString::to_string).collect();
        let files = certificate::write(&folder, &names.iter().map(String::as_str).collect::<Vec<_>>());
        let mut arguments: Vec<String> = [
            "-n",
            "--no-cli",
            "--no-dtls",
            "--fingerprint",
            "--realm=example.org",
            "--log-file=stdout",
            // Outside the range from which the system gives ports of its own.
            "--min-port=61000",
            "--max-port=62999",
        ]
        .map(str::to_owned)
        .into();
        arguments
            .extend(names.iter().flat_map(|ip| [format!("--listening-ip={ip}"), format!("--relay-ip={ip}")]));
        arguments.extend([
            format!("--listening-port={}", address.port()),
            format!("--tls-listening-port={tls_port}"),
            format!("--cert={}", files.certificate),
            format!("--pkey={}", files.key),
            format!("--pidfile={}", folder.path("pid")),
            format!("--userdb={}", folder.path("db")),
        ]);
        arguments.extend(options.iter().map(|option| (*option).to_owned()));
        let place = place.clone();
        let mut coturn = Self { program: None, place, arguments, files, _folder: folder, address, tls_port };
        coturn.run();
        coturn
    }

    fn run(&mut self) {
        let mut command = self.place.command("turnserver");
        command.args(&self.arguments);
        self.program = Some(Program::start("coturn", command));
        self.wait_until_it_answers();
    }

    /// Ends it and starts it again: what it lent is forgotten.
    pub(crate) fn restart(&mut self) {
        self.program = None;
        self.run();
    }

    /// Asks it over UDP, from where it runs, until it answers.
    fn wait_until_it_answers(&self) {
        let limit = Instant::now() + PATIENCE;
        while Instant::now() < limit {
            let answers = match &self.place {
                Place::Here => answers(self.address),
                Place::Namespace(_) => {
                    let mut command = self.place.command("turnutils_stunclient");
                    command.args(["-p", &self.address.port().to_string(), &self.address.ip().to_string()]);
                    says_so(command)
                }
            };
            if answers {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("coturn does not answer: {}", self.program.as_ref().expect("it was started").stderr());
    }

    /// What its log says since this was last asked.
    pub(crate) fn log(&self) -> Vec<String> {
        self.program.as_ref().map(Program::take_lines).unwrap_or_default()
    }

    /// A URL of it.
    pub(crate) fn udp(&self) -> String {
        format!("turn:{}?transport=udp", self.address)
    }

    pub(crate) fn tcp(&self) -> String {
        format!("turn:{}?transport=tcp", self.address)
    }

    pub(crate) fn tls(&self) -> String {
        format!("turns:{}?transport=tcp", SocketAddr::new(self.address.ip(), self.tls_port))
    }
}

fn answers(server: SocketAddr) -> bool {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a loopback socket");
    socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout above zero");
    let mut request = [0; 20];
    request[1] = 1;
    request[4..8].copy_from_slice(&0x2112_a442_u32.to_be_bytes());
    // Before it listens the system answers for it, with an error at one of the next calls.
    let _ = socket.send_to(&request, server);
    socket.recv_from(&mut [0; 512]).is_ok()
}

/// Whether coturn's own client sees an address.
fn says_so(mut command: Command) -> bool {
    let Ok(mut child) = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()
    else {
        return false;
    };
    let limit = Instant::now() + Duration::from_secs(2);
    while Instant::now() < limit {
        if let Ok(Some(_)) = child.try_wait() {
            let output = child.wait_with_output();
            return output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("reflexive"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(child.kill());
    drop(child.wait());
    false
}
