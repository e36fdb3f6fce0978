//! A relay on a thread of its own, and the handle to it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime};

use mio::Waker;
use tokio::sync::oneshot;

use super::config::{KernelRelaying, RelayServerConfig, RelayServerError};
use super::figures::RelayFigures;
use super::file_limit;
use super::kernel::{KernelMeter, KernelPath};
use super::listeners::Listener;
use super::shell::{MAX_LISTENERS, Shell};
use crate::relay::Relay;

/// Files that a process has open beside its relay sockets and connections.
const OTHER_FILES: u64 = 256;

/// TCP connections however few allocations there are.
const SPARE_STREAMS: usize = 1024;

/// A running relay; it stops when dropped.
#[derive(Debug)]
pub struct RelayServer {
    local: Vec<SocketAddr>,
    allocations: usize,
    meter: RelayMeter,
    shared: Arc<Shared>,
    waker: Waker,
    ended: Option<oneshot::Receiver<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread and the handle both see.
#[derive(Debug, Default)]
pub(super) struct Shared {
    draining: AtomicBool,
    stopping: AtomicBool,
    figures: Mutex<RelayFigures>,
}

impl Shared {
    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Whether the thread has nothing left to do.
    pub(super) fn is_over(&self, active: u64) -> bool {
        self.stopping.load(Ordering::Relaxed) || (self.is_draining() && active == 0)
    }

    pub(super) fn publish(&self, figures: RelayFigures) {
        *self.figures.lock().unwrap_or_else(PoisonError::into_inner) = figures;
    }
}

/// Reads what a relay has counted.
#[derive(Debug, Clone)]
pub struct RelayMeter {
    shared: Arc<Shared>,
    kernel: Option<KernelMeter>,
}

impl RelayMeter {
    /// As of the end of its last turn, and what the kernel has relayed until now.
    pub fn read(&self) -> RelayFigures {
        let mut figures = *self.shared.figures.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kernel) = &self.kernel {
            figures.by_kernel = kernel.add_to(&mut figures.core);
        }
        figures
    }
}

impl RelayServer {
    /// Takes the ports and starts; it answers when this returns.
    ///
    /// # Errors
    /// When a port is taken, an address is not this machine's, or the system gives no thread, poll or randomness.
    pub fn start(mut config: RelayServerConfig) -> Result<Self, RelayServerError> {
        let listeners = config
            .listen
            .iter()
            .take(MAX_LISTENERS)
            .map(|address| Listener::bind(*address, config.ports_to_try))
            .collect::<Result<Vec<_>, _>>()?;
        let local: Vec<SocketAddr> = listeners.iter().map(|listener| listener.local).collect();
        config.core.listener_ports.extend(local.iter().map(SocketAddr::port));
        let streams = fit_to_files(&mut config);
        let allocations = config.core.limits.allocations;
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| RelayServerError::System {
            what: "randomness",
            source: io::Error::other(error.to_string()),
        })?;
        let core = Relay::new(config.core.clone(), secret, Instant::now(), unix_s());
        let kernel = kernel_path(&config, &local)?;
        let shared = Arc::new(Shared::default());
        let meter = RelayMeter { shared: shared.clone(), kernel: kernel.as_ref().map(KernelPath::meter) };
        let (shell, waker) = Shell::new(config, listeners, core, streams, kernel)?;
        let (over, ended) = oneshot::channel();
        let of_thread = shared.clone();
        let thread = std::thread::Builder::new()
            .name("relay".to_owned())
            .spawn(move || {
                shell.run(&of_thread);
                drop(over);
            })
            .map_err(|source| RelayServerError::System { what: "thread", source })?;
        Ok(Self { local, allocations, meter, shared, waker, ended: Some(ended), thread: Some(thread) })
    }

    /// Where it listens, with the real ports.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.local
    }

    /// How many allocations there can be.
    pub fn allocations(&self) -> usize {
        self.allocations
    }

    /// Where to read what has been counted, also when the server is in other hands.
    pub fn meter(&self) -> RelayMeter {
        self.meter.clone()
    }

    /// Gives no new allocations from now on, and ends with the last of those that there are.
    pub fn drain(&self) {
        self.shared.draining.store(true, Ordering::Relaxed);
        self.wake();
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) {
        if let Some(ended) = self.ended.take() {
            // Nothing is ever sent: the thread lets go of its end.
            let _ = ended.await;
        }
    }

    fn wake(&self) {
        // It can only fail when the thread is gone.
        let _ = self.waker.wake();
    }
}

impl Drop for RelayServer {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        self.wake();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the relay's thread panicked");
        }
    }
}

/// The kernel's part of it, if that is wanted and can be had.
fn kernel_path(
    config: &RelayServerConfig,
    local: &[SocketAddr],
) -> Result<Option<KernelPath>, RelayServerError> {
    if config.kernel == KernelRelaying::Off {
        return Ok(None);
    }
    let bound = [config.bind_v4, config.bind_v6].into_iter().flatten();
    let addresses: Vec<IpAddr> = local.iter().map(SocketAddr::ip).chain(bound).collect();
    let limits = &config.core.limits;
    match KernelPath::start(&addresses, limits.allocations, limits.bytes_per_s) {
        Ok(path) => {
            tracing::info!("the kernel relays what is established");
            Ok(Some(path))
        }
        Err(error) if config.kernel == KernelRelaying::On => Err(error.into()),
        Err(error) => {
            tracing::info!(%error, "the relay uses sockets alone: the kernel can't relay");
            Ok(None)
        }
    }
}

/// Makes sure that the system has a descriptor for everything, or asks for less of it. Says how many TCP connections
/// there can be.
fn fit_to_files(config: &mut RelayServerConfig) -> usize {
    let wanted = config.core.limits.allocations;
    let others = config.other_files.saturating_add(OTHER_FILES);
    let allowed = file_limit::raise(others.saturating_add((wanted + streams_beside(wanted)) as u64));
    // The rest of the process seldom comes near its own limits: where there is too little, a quarter is left to it.
    let left = usize::try_from(allowed - others.min(allowed / 4)).unwrap_or(usize::MAX);
    if left >= wanted + streams_beside(wanted) {
        return streams_beside(wanted);
    }
    let allocations = wanted.min(left / 4 * 3);
    config.core.limits.allocations = allocations;
    tracing::warn!(
        "the system lets this process have only {allowed} files open: the relay takes {allocations} allocations instead \
         of {wanted} (raise the limit with `ulimit -n` or LimitNOFILE)"
    );
    left - allocations
}

/// TCP and TLS connections beside so many allocations: most clients come by UDP.
fn streams_beside(allocations: usize) -> usize {
    allocations / 4 + SPARE_STREAMS
}

/// The time of day, by which credentials expire.
fn unix_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
