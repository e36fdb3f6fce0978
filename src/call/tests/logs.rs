use std::fmt;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::*;

/// Keeps every line that is logged: ours at any level, the engine's down to debug.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("handset") || *metadata.level() <= Level::DEBUG
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().target().to_owned());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!(" {}={value:?}", field.name()));
    }
}

#[test]
fn no_log_line_shows_an_address_or_a_credential() {
    let lines = Lines::default();
    let secrets = tracing::subscriber::with_default(lines.clone(), || {
        let mut pair = connected();
        pair.talk_for(SECOND, b"speech");
        for party in BOTH {
            let now = pair.now();
            pair.of(party).restart_ice(&[LocalCandidate::host(pair::address(party, 3))], now);
            pair.set_candidates(party, vec![LocalCandidate::host(pair::address(party, 3))]);
            pair.talk_for(SECOND, b"speech");
        }
        pair.inject_datagram(Party::Caller, "10.0.0.66:6".parse().unwrap(), &[22; 40]);
        pair.run_for(SECOND);
        secrets_of(&mut pair)
    });
    let lines = lines.0.lock().unwrap();
    assert!(lines.len() > 20, "{} lines", lines.len());
    assert!(secrets.len() > 8);
    for line in lines.iter() {
        assert!(!line.contains("10.0."), "an address in {line}");
        for secret in &secrets {
            assert!(!line.contains(secret.as_str()), "a credential in {line}");
        }
    }
}

/// The user fragments and passwords of every description that was sent.
fn secrets_of(pair: &mut Pair<Steady>) -> Vec<String> {
    let mut secrets = Vec::new();
    for party in BOTH {
        for message in &pair.end(party).sent {
            let (ClientMessage::Call { sdp, .. }
            | ClientMessage::Accept { sdp, .. }
            | ClientMessage::Update { sdp, .. }
            | ClientMessage::Updated { sdp, .. }) = message
            else {
                continue;
            };
            let values = sdp.lines().filter_map(|line| {
                line.strip_prefix("a=ice-ufrag:").or_else(|| line.strip_prefix("a=ice-pwd:"))
            });
            secrets.extend(values.map(str::to_owned));
        }
    }
    secrets
}
