//! The thread itself: one loop over the client machine, the link, commands and the clock.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::mpsc::{self as events, TrySendError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use tokio::sync::mpsc as commands;
use tokio_rustls::TlsConnector;

use super::address::{AddressError, ServerAddress};
use super::dial::{DialError, dial, tls_connector};
use super::link::{Incoming, Link};
use crate::net::Wake;
use crate::signaling::{Client, ClientAction, ClientConfig, ClientEvent, ClientMessage, Disconnect};

/// Commands that wait for the thread: it takes them at once unless its machine is starved.
const MAX_COMMANDS: usize = 1024;

/// Events that wait for whoever reads them. When they don't, the thread stops reading its socket, and
/// TCP makes the server wait.
const MAX_EVENTS: usize = 1024;

/// How often the thread looks whether a full channel of events has room again.
const RETRY_EVENTS: Duration = Duration::from_millis(20);

/// What the thread needs to know.
#[derive(Debug, Clone)]
pub struct SignalConfig {
    /// Where the switchboard is.
    pub server: ServerAddress,
    /// Who registers, and all times.
    pub client: ClientConfig,
    /// Makes the jitter of waits; any number.
    pub seed: u64,
    /// Certificates to trust beside the platform's, for `wss`.
    pub extra_roots: Vec<CertificateDer<'static>>,
}

/// Why there is no signaling thread.
#[derive(Debug, thiserror::Error)]
pub enum SignalError {
    /// The address is none.
    #[error(transparent)]
    Address {
        /// What was expected and what was found.
        #[from]
        source: AddressError,
    },
    /// The operating system gives no thread or no event queue.
    #[error("the signaling thread could not start: {0}")]
    Thread(#[from] io::Error),
    /// TLS can't be set up.
    #[error("TLS could not be set up: {0}")]
    Tls(#[from] rustls::Error),
}

#[derive(Debug)]
enum Command {
    Send(ClientMessage),
    Check,
    NetworkChanged,
    Stop,
}

/// The handle of the signaling thread. Dropped, it stops the thread without waiting for it.
#[derive(Debug)]
pub struct SignalThread {
    commands: commands::Sender<Command>,
    events: events::Receiver<ClientEvent>,
    thread: Option<JoinHandle<()>>,
    is_loopback: bool,
}

impl SignalThread {
    /// Starts the thread, which connects at once to `server`, `ws://HOST:PORT/ws` or `wss://HOST/ws`.
    /// `seed` makes the jitter of its waits; `wake` is called after each event.
    ///
    /// # Errors
    /// When the address is none, TLS can't be set up, or the system gives no thread.
    pub fn start(server: &str, client: ClientConfig, seed: u64, wake: Wake) -> Result<Self, SignalError> {
        let server = server.parse::<ServerAddress>()?;
        Self::start_with(SignalConfig { server, client, seed, extra_roots: Vec::new() }, wake)
    }

    /// The same with every choice.
    ///
    /// # Errors
    /// When TLS can't be set up, or the system gives no thread.
    pub fn start_with(config: SignalConfig, wake: Wake) -> Result<Self, SignalError> {
        // Reading the platform's roots takes time and memory: only where they are needed.
        let tls = config.server.is_secure().then(|| tls_connector(&config.extra_roots)).transpose()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (command_sender, command_receiver) = commands::channel(MAX_COMMANDS);
        let (event_sender, event_receiver) = events::sync_channel(MAX_EVENTS);
        let is_loopback = config.server.is_loopback();
        let driver = Driver {
            client: Client::new(config.client, config.seed, Instant::now()),
            server: config.server,
            tls,
            commands: Some(command_receiver),
            events: Outlet { sender: event_sender, wake, held: None, is_gone: false },
            dialing: None,
            link: None,
        };
        let thread = std::thread::Builder::new().name("signal".to_owned()).spawn(move || {
            runtime.block_on(driver.run());
            // Name resolution may still occupy a thread of its own; it isn't waited for.
            runtime.shutdown_background();
        })?;
        Ok(Self { commands: command_sender, events: event_receiver, thread: Some(thread), is_loopback })
    }

    /// Whether the switchboard is on this machine, so that other peers may be, too.
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// Sends a message, now or when the client is registered (again). Never blocks.
    pub fn send(&self, message: ClientMessage) {
        if let Err(commands::error::TrySendError::Full(_)) = self.commands.try_send(Command::Send(message)) {
            tracing::warn!(
                "more than {MAX_COMMANDS} messages wait for the signaling thread: one was dropped"
            );
        }
        // A thread that has stopped takes nothing, and there is nobody to tell.
    }

    /// Asks whether the switchboard is still there, and connects anew if not.
    pub fn check(&self) {
        // A full queue of messages asks the same.
        let _ = self.commands.try_send(Command::Check);
    }

    /// Connects anew: an address of ours is gone or new.
    pub fn network_changed(&self) {
        let _ = self.commands.try_send(Command::NetworkChanged);
    }

    /// The next event, if there is one. The last is [`ClientEvent::Fatal`] or [`ClientEvent::Stopped`].
    pub fn poll_event(&self) -> Option<ClientEvent> {
        self.events.try_recv().ok()
    }

    /// Waits for the next event; `None` when there is none within `patience`, or never will be.
    pub fn wait_event(&self, patience: Duration) -> Option<ClientEvent> {
        self.events.recv_timeout(patience).ok()
    }

    /// Leaves: what was sent before goes out, the id is freed, the thread ends. Waits for all that, a
    /// second or so at most.
    pub fn stop(&mut self) {
        // Dropping the sender asks the same, should the channel be full.
        let _ = self.commands.try_send(Command::Stop);
        self.commands = commands::channel(1).0;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the signaling thread panicked");
        }
    }
}

/// Where events go. One event is held back while the channel is full.
struct Outlet {
    sender: events::SyncSender<ClientEvent>,
    wake: Wake,
    held: Option<ClientEvent>,
    is_gone: bool,
}

impl Outlet {
    /// Sends the client's events as far as there is room; false if there is none.
    fn drain(&mut self, client: &mut Client) -> bool {
        while let Some(event) = self.held.take().or_else(|| client.poll_event()) {
            match self.sender.try_send(event) {
                Ok(()) => (self.wake)(),
                Err(TrySendError::Full(event)) => {
                    self.held = Some(event);
                    return false;
                }
                Err(TrySendError::Disconnected(_)) => self.is_gone = true,
            }
        }
        true
    }
}

type Dialing = Pin<Box<dyn Future<Output = Result<Link, DialError>> + Send>>;

/// Everything that the thread owns.
struct Driver {
    client: Client,
    server: ServerAddress,
    tls: Option<TlsConnector>,
    /// None once the handle is gone.
    commands: Option<commands::Receiver<Command>>,
    events: Outlet,
    dialing: Option<Dialing>,
    link: Option<Link>,
}

impl Driver {
    /// Acts, reports, waits for the next thing to happen, tells the machine; until that has stopped.
    async fn run(mut self) {
        loop {
            self.act().await;
            let has_room = self.events.drain(&mut self.client);
            if self.events.is_gone {
                self.client.stop(Instant::now());
            }
            // Events that nobody takes are waited with only while there is a handle.
            if self.client.is_stopped() && (has_room || self.commands.is_none()) {
                break;
            }
            self.wait(has_room).await;
        }
        if let Some(link) = self.link.take() {
            link.close().await;
        }
    }

    /// Does what the machine asks for.
    async fn act(&mut self) {
        while let Some(action) = self.client.poll_action() {
            match action {
                ClientAction::Connect => {
                    self.dialing = Some(Box::pin(dial(self.server.clone(), self.tls.clone())));
                }
                ClientAction::Send(text) => {
                    if let Some(link) = &mut self.link {
                        link.send(text);
                    }
                }
                ClientAction::Ping(payload) => {
                    if let Some(link) = &mut self.link {
                        link.ping(payload);
                    }
                }
                ClientAction::Close => {
                    self.dialing = None;
                    if let Some(link) = self.link.take() {
                        tokio::spawn(link.close());
                    }
                }
            }
        }
    }

    /// Waits for one thing to happen and tells the machine.
    async fn wait(&mut self, has_room: bool) {
        let due = self.client.poll_timeout();
        let retry = (!has_room).then(|| Instant::now() + RETRY_EVENTS);
        let deadline = [due, retry].into_iter().flatten().min();
        tokio::select! {
            command = next_command(&mut self.commands) => self.on_command(command),
            dialed = turn(&mut self.dialing) => self.on_dialed(dialed),
            incoming = receive(&mut self.link), if has_room => self.on_incoming(incoming),
            () = sleep_until(deadline) => self.client.handle_timeout(Instant::now()),
        }
    }

    fn on_command(&mut self, command: Option<Command>) {
        match command {
            Some(Command::Send(message)) => {
                if let Err(error) = self.client.send(message) {
                    tracing::warn!(%error, "a message to the switchboard was dropped");
                }
            }
            Some(Command::Check) => self.client.check(Instant::now()),
            Some(Command::NetworkChanged) => self.client.handle_network_change(Instant::now()),
            Some(Command::Stop) => self.client.stop(Instant::now()),
            None => {
                self.commands = None;
                self.client.stop(Instant::now());
            }
        }
    }

    fn on_dialed(&mut self, dialed: Result<Link, DialError>) {
        self.dialing = None;
        let now = Instant::now();
        match dialed {
            Ok(link) => {
                self.link = Some(link);
                self.client.handle_connected(now);
            }
            Err(error) => {
                let why = Disconnect { code: None, reason: error.to_string() };
                self.client.handle_disconnected(why, now);
            }
        }
    }

    fn on_incoming(&mut self, incoming: Incoming) {
        let now = Instant::now();
        match incoming {
            Incoming::Text(text) => self.client.handle_text(&text, now),
            Incoming::Pong(payload) => self.client.handle_pong(payload, now),
            Incoming::Other => self.client.handle_heard(now),
            Incoming::Closed(why) => {
                if let Some(link) = self.link.take() {
                    tokio::spawn(link.close());
                }
                self.client.handle_disconnected(why, now);
            }
        }
    }
}

/// The next command, or none once the handle is gone; after that waits for ever.
async fn next_command(commands: &mut Option<commands::Receiver<Command>>) -> Option<Command> {
    match commands {
        Some(commands) => commands.recv().await,
        None => std::future::pending().await,
    }
}

/// The result of dialing, if dialing is under way; else waits for ever.
async fn turn(dialing: &mut Option<Dialing>) -> Result<Link, DialError> {
    match dialing {
        Some(dialing) => dialing.await,
        None => std::future::pending().await,
    }
}

/// What comes in, if there is a link; else waits for ever.
async fn receive(link: &mut Option<Link>) -> Incoming {
    match link {
        Some(link) => link.next().await,
        None => std::future::pending().await,
    }
}

/// Waits until `deadline`, or for ever.
async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
