//! A real switchboard process.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Starting takes milliseconds; a loaded machine may need seconds.
const START_LIMIT: Duration = Duration::from_secs(10);

/// A switchboard process of ours.
pub(crate) struct Switchboard {
    address: SocketAddr,
    process: Mutex<Child>,
}

impl Switchboard {
    /// Starts one on a free port, with these options, and waits until it accepts connections.
    pub(crate) fn start(options: &[&str]) -> Result<Self, String> {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        Self::start_at(free.map_err(|error| format!("no free port: {error}"))?, options)
    }

    /// Starts one at a given address, with these options.
    pub(crate) fn start_at(address: SocketAddr, options: &[&str]) -> Result<Self, String> {
        let mut process = Command::new(env!("CARGO_BIN_EXE_switchboard"))
            .args(["--listen", &address.to_string()])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("switchboard: {error}"))?;
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = process.try_wait().map_err(|error| format!("switchboard: {error}"))?;
            if ended.is_some() || started.elapsed() > START_LIMIT {
                _ = process.kill();
                return Err(format!("switchboard does not listen on {address} ({ended:?})"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Self { address, process: Mutex::new(process) })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The web client's address.
    pub(crate) fn page(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The address that native peers take.
    #[cfg(feature = "peer")]
    pub(crate) fn socket(&self) -> String {
        format!("ws://{}/ws", self.address)
    }

    /// Kills it, with no time for goodbyes.
    pub(crate) fn stop(&self) {
        let mut process = self.process.lock().expect("nothing panics with the lock held");
        _ = process.kill();
        _ = process.wait();
    }
}

impl Drop for Switchboard {
    fn drop(&mut self) {
        self.stop();
    }
}
