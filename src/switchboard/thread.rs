//! A switchboard on a thread of its own, for programs and tests that have no runtime.

use std::net::SocketAddr;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::error::SwitchboardError;
use super::server::{Switchboard, SwitchboardConfig};

/// A running switchboard; it stops when dropped.
#[derive(Debug)]
pub struct SwitchboardThread {
    local_addr: SocketAddr,
    websocket_url: String,
    url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl SwitchboardThread {
    /// Starts a switchboard; it listens when this returns.
    ///
    /// # Errors
    /// As [`Switchboard::bind`], or when the system gives no thread.
    pub fn start(config: SwitchboardConfig) -> Result<Self, SwitchboardError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(SwitchboardError::Thread)?;
        let switchboard = runtime.block_on(Switchboard::bind(config))?;
        let (local_addr, url, websocket_url) =
            (switchboard.local_addr(), switchboard.url(), switchboard.websocket_url());
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new()
            .name("switchboard".to_owned())
            .spawn(move || {
                runtime.block_on(switchboard.run(async {
                    // A handle that is gone asks the same.
                    let _ = stopped.await;
                }));
                runtime.shutdown_background();
            })
            .map_err(SwitchboardError::Thread)?;
        Ok(Self { local_addr, websocket_url, url, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Where a browser finds it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where a peer finds it.
    pub fn websocket_url(&self) -> &str {
        &self.websocket_url
    }

    /// Tells every peer, closes every connection and waits until all is over: the drain time at most.
    pub fn shutdown(mut self) {
        self.finish();
    }

    fn finish(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the switchboard's thread panicked");
        }
    }
}

impl Drop for SwitchboardThread {
    fn drop(&mut self) {
        self.finish();
    }
}
