//! What the switchboard says of itself: `/healthz` for people and probes, `/metrics` for Prometheus.

use std::fmt::{Display, Write};
use std::time::Duration;

use serde_json::json;

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
        page.0
    }
}

struct Page(String);

impl Page {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        self.0.write_fmt(line).expect("writing to a string succeeds");
        self.0.push('\n');
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
