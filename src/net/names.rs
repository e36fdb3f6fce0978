//! Names resolved, and trusted roots read, on threads of their own: the media loop waits for neither.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;

use super::Wake;

/// Addresses of one name that are handed on.
const MAX_ADDRESSES: usize = 8;

/// Questions under way at once, each a thread that ends with its answer.
const MAX_QUESTIONS: usize = 32;

/// What was asked for.
#[derive(Debug)]
pub enum Answer {
    /// The addresses of a name, or why there are none.
    Name {
        /// The name.
        host: String,
        /// The port that was asked with it.
        port: u16,
        /// The resolver's first choice first.
        addresses: Result<Vec<SocketAddr>, String>,
    },
    /// The settings of TLS, or why there are none.
    Tls(Result<Arc<ClientConfig>, String>),
}

/// Asks the system's resolver.
///
/// Call order: [`resolve`](Self::resolve) and [`read_roots`](Self::read_roots) at any time; the wake is called for each
/// answer, and [`poll`](Self::poll) then gives it.
pub struct Names {
    sender: Sender<Answer>,
    answers: Receiver<Answer>,
    wake: Wake,
    under_way: usize,
}

impl Names {
    /// `wake` is called when there is an answer.
    pub fn new(wake: Wake) -> Self {
        let (sender, answers) = channel();
        Self { sender, answers, wake, under_way: 0 }
    }

    /// Asks for the addresses of a host. One that is an address itself is its own answer.
    pub fn resolve(&mut self, host: &str, port: u16) {
        let question = host.to_owned();
        self.ask(move || {
            let addresses = match question.parse::<IpAddr>() {
                Ok(ip) => Ok(vec![SocketAddr::new(ip, port)]),
                Err(_) => look_up(&question, port),
            };
            Answer::Name { host: question, port, addresses }
        });
    }

    /// Asks for the settings of TLS.
    pub fn read_roots(&mut self, extra_roots: Vec<CertificateDer<'static>>) {
        self.ask(move || Answer::Tls(super::tls::client_config(&extra_roots).map_err(|e| e.to_string())));
    }

    fn ask(&mut self, question: impl FnOnce() -> Answer + Send + 'static) {
        if self.under_way >= MAX_QUESTIONS {
            return tracing::warn!("more than {MAX_QUESTIONS} names are being resolved: one was left out");
        }
        let (sender, wake) = (self.sender.clone(), self.wake.clone());
        let asked = std::thread::Builder::new().name("names".into()).spawn(move || {
            // Nobody listens any more once the peer has stopped.
            if sender.send(question()).is_ok() {
                wake();
            }
        });
        match asked {
            Ok(_) => self.under_way += 1,
            Err(error) => tracing::warn!(%error, "the system gives no thread to resolve a name"),
        }
    }

    /// The next answer, if there is one.
    pub fn poll(&mut self) -> Option<Answer> {
        let answer = self.answers.try_recv().ok()?;
        self.under_way = self.under_way.saturating_sub(1);
        Some(answer)
    }
}

fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let found = (host, port).to_socket_addrs().map_err(|error| error.to_string())?;
    let addresses: Vec<_> = found.take(MAX_ADDRESSES).collect();
    if addresses.is_empty() { Err("it has no address".into()) } else { Ok(addresses) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn names_and_addresses_get_their_answers_and_a_wake_each() {
        let (woken, wakes) = channel();
        let mut names = Names::new(Arc::new(move || {
            let _ = woken.send(());
        }));
        for host in ["localhost", "192.0.2.1", "nobody.invalid"] {
            names.resolve(host, 3478);
        }
        let mut answers = Vec::new();
        for _ in 0..3 {
            // The system's resolver may take its time over a name that does not exist.
            wakes.recv_timeout(Duration::from_secs(60)).expect("an answer");
            if let Some(Answer::Name { host, port, addresses }) = names.poll() {
                assert_eq!(port, 3478);
                answers.push((host, addresses));
            }
        }
        answers.sort();
        let of = |host: &str| answers.iter().find(|(name, _)| name == host).expect("answered").1.clone();
        assert!(of("localhost").expect("known").iter().all(|address| address.ip().is_loopback()));
        assert_eq!(of("192.0.2.1"), Ok(vec!["192.0.2.1:3478".parse().expect("an address")]));
        assert!(of("nobody.invalid").is_err());
    }
}
