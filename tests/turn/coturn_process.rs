//! A coturn process, as Debian has it, on a free port of loopback.

use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use handset::ice::stun::{Class, MessageWriter, Method};

/// Outside the range from which the system gives ports of its own.
const RELAY_PORTS: [&str; 2] = ["--min-port=61000", "--max-port=61999"];

/// A running server, ended with the test.
pub(crate) struct Coturn {
    process: Child,
    server: SocketAddr,
    folder: PathBuf,
    arguments: Vec<String>,
}

impl Coturn {
    /// Starts one; `name` tells its files from those of others.
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Self {
        let free =
            UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
        let folder = std::env::temp_dir().join(format!("handset-coturn-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for its files");
        let arguments: Vec<String> = ["-n", "--no-cli", "--no-tls", "--no-dtls", "--fingerprint"]
            .into_iter()
            .chain(["--realm=example.org", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1"])
            .chain(["--allow-loopback-peers", "--log-file=stdout"])
            .chain(RELAY_PORTS)
            .chain(arguments.iter().copied())
            .map(str::to_owned)
            .chain([
                format!("--listening-port={}", free.port()),
                format!("--pidfile={}", folder.join("pid").display()),
                format!("--userdb={}", folder.join("db").display()),
            ])
            .collect();
        let server = Self { process: spawn(&arguments), server: free, folder, arguments };
        server.wait_until_it_answers();
        server
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server
    }

    /// Ends it and starts it again in the same place.
    #[allow(dead_code, reason = "not every test that shares this file does so")]
    pub(crate) fn restart(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
        self.process = spawn(&self.arguments);
        self.wait_until_it_answers();
    }

    fn wait_until_it_answers(&self) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a loopback socket");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout above zero");
        let mut request = [0; 20];
        let writer = MessageWriter::new(&mut request, Class::Request, Method::BINDING, [1; 12].into());
        let request = writer.expect("room for a header").finish();
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(20) {
            // Before it listens the system answers for it, with an error at one of the next calls.
            let _ = socket.send_to(request, self.server);
            if socket.recv_from(&mut [0; 512]).is_ok() {
                return;
            }
        }
        panic!("coturn does not answer");
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn spawn(arguments: &[String]) -> Child {
    Command::new("turnserver")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("coturn starts")
}
