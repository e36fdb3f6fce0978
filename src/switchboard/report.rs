//! What the switchboard says of itself: `/healthz` for people and probes, `/metrics` for Prometheus.

use std::fmt::{Display, Write};
use std::time::Duration;

use serde_json::json;

use crate::net::relay_server::RelayFigures;
use crate::signaling::{Counters, Occupancy};

/// Everything that is reported.
#[derive(Debug, Clone)]
pub(super) struct Report {
    pub(super) uptime: Duration,
    pub(super) sockets: usize,
    pub(super) refused_sockets: u64,
    pub(super) refused_origins: u64,
    pub(super) counters: Counters,
    pub(super) occupancy: Occupancy,
    pub(super) relay: Option<RelayFigures>,
}

impl Report {
    /// One JSON object.
    pub(super) fn health(&self) -> String {
        json!({
            "status": "ok",
            "version": env!("CARGO_PKG_VERSION"),
            "uptime_s": self.uptime.as_secs(),
            "connections": self.occupancy.connections,
            "online": self.occupancy.online,
            "away": self.occupancy.away,
            "pending_calls": self.occupancy.pending_calls,
            "live_calls": self.occupancy.live_calls,
            "relay_allocations": self.relay.map(|relay| relay.core.active),
        })
        .to_string()
    }

    /// The Prometheus text format, version 0.0.4.
    pub(super) fn metrics(&self) -> String {
        let Self { counters, occupancy, .. } = self;
        let mut page = Page(String::new());
        page.one("uptime_seconds", "gauge", "Time since the start.", self.uptime.as_secs());
        page.one("sockets", "gauge", "Open sockets, HTTP and WebSocket.", self.sockets);
        page.one("connections", "gauge", "Open WebSockets.", occupancy.connections);
        page.one("peers_online", "gauge", "Registered and connected peers.", occupancy.online);
        page.one("peers_away", "gauge", "Peers that may resume.", occupancy.away);
        page.one("calls_pending", "gauge", "Calls that wait for their answer.", occupancy.pending_calls);
        page.one("calls_live", "gauge", "Answered calls.", occupancy.live_calls);
        page.one("sockets_refused_total", "counter", "Sockets past a limit.", self.refused_sockets);
        page.one("origins_refused_total", "counter", "WebSockets of foreign pages.", self.refused_origins);
        page.one("connections_total", "counter", "WebSockets taken.", counters.connections);
        page.one("messages_total", "counter", "Messages and pings received.", counters.messages);
        page.one("registrations_total", "counter", "Sessions begun.", counters.registrations);
        page.one("resumptions_total", "counter", "Sessions resumed.", counters.resumptions);
        page.one("calls_total", "counter", "Calls begun.", counters.calls);
        page.one("calls_answered_total", "counter", "Calls answered.", counters.answered);
        page.one("calls_declined_total", "counter", "Calls declined.", counters.declined);
        page.many("calls_ended_total", "Calls ended, by reason.", "reason", &counters.ended);
        page.many("errors_total", "Errors sent, by code.", "code", &counters.errors);
        page.many("closes_total", "Connections closed by the server, by reason.", "reason", &counters.closes);
        if let Some(relay) = &self.relay {
            page.relay(relay);
        }
        page.0
    }
}

struct Page(String);

impl Page {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        self.0.write_fmt(line).expect("writing to a string succeeds");
        self.0.push('\n');
    }

    fn relay(&mut self, figures: &RelayFigures) {
        let RelayFigures { core, by_kernel, streams, streams_refused, unsent, too_long, .. } = figures;
        self.one("relay_allocations", "gauge", "Allocations of the relay.", core.active);
        self.one("relay_streams", "gauge", "TCP and TLS connections to the relay.", streams);
        for (name, help, value) in [
            ("allocations_total", "Allocations made.", core.allocations),
            ("allocations_ended_total", "Allocations that expired or were given back.", core.ended),
            ("bindings_total", "STUN Binding requests answered.", core.bindings),
            ("challenges_total", "Requests asked for credentials.", core.challenges),
            ("stale_nonces_total", "Requests refused for their nonce.", core.stale_nonces),
            ("wrong_credentials_total", "Requests refused for their credentials.", core.wrong_credentials),
            ("over_quota_total", "Allocations refused for a quota or for want of ports.", core.over_quota),
            ("peers_refused_total", "Peers refused by policy.", core.peers_refused),
            ("refusals_total", "Requests refused otherwise.", core.refusals),
            ("withheld_total", "Answers withheld from too many strangers.", core.withheld),
            ("foreign_total", "Packets that were no message, or for no allocation.", core.foreign),
            ("to_peers_total", "Datagrams relayed to peers.", core.to_peers),
            ("to_peers_bytes_total", "Bytes relayed to peers.", core.to_peers_bytes),
            ("to_clients_total", "Datagrams relayed to clients.", core.to_clients),
            ("to_clients_bytes_total", "Bytes relayed to clients.", core.to_clients_bytes),
            ("by_kernel_total", "Datagrams of these that the kernel relayed.", *by_kernel),
            ("unpermitted_total", "Datagrams dropped for want of a permission.", core.unpermitted),
            ("over_rate_total", "Datagrams dropped for the bandwidth limit.", core.over_rate),
            ("unsent_total", "Datagrams that the system or a connection did not take.", *unsent),
            ("too_long_total", "Datagrams longer than what is relayed.", *too_long),
            ("streams_refused_total", "Connections to the relay past a limit.", *streams_refused),
        ] {
            self.one(&format!("relay_{name}"), "counter", help, value);
        }
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP switchboard_{name} {help}"));
        self.line(format_args!("# TYPE switchboard_{name} {kind}"));
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.head(name, kind, help);
        self.line(format_args!("switchboard_{name} {value}"));
    }

    fn many<'a>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'a &'static str, &'a u64)>,
    ) {
        self.head(name, "counter", help);
        for (key, value) in values {
            self.line(format_args!("switchboard_{name}{{{label}=\"{key}\"}} {value}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut counters = Counters { calls: 3, ..Counters::default() };
        counters.errors.insert("id_taken", 2);
        Report {
            uptime: Duration::from_secs(61),
            sockets: 4,
            refused_sockets: 0,
            refused_origins: 0,
            counters,
            occupancy: Occupancy { connections: 2, online: 2, ..Occupancy::default() },
            relay: Some(RelayFigures::default()),
        }
    }

    #[test]
    fn health_is_one_json_object() {
        let value: serde_json::Value = serde_json::from_str(&report().health()).unwrap();
        assert_eq!(
            (&value["status"], &value["online"], &value["uptime_s"]),
            (&json!("ok"), &json!(2), &json!(61))
        );
    }

    #[test]
    fn metrics_have_a_type_and_a_help_for_every_name() {
        let page = report().metrics();
        assert!(page.contains("# TYPE switchboard_calls_total counter\nswitchboard_calls_total 3\n"));
        assert!(page.contains("switchboard_errors_total{code=\"id_taken\"} 2\n"));
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split([' ', '{']).next().unwrap();
            assert!(page.contains(&format!("# TYPE {name} ")) && page.contains(&format!("# HELP {name} ")));
        }
    }
}
