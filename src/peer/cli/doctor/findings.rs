//! What the facts mean to somebody who wants to call.

use super::facts::{MappingFact, NetworkFacts, SoundFact};
use crate::ice::Carrier;
use crate::peer::Exit;

/// How a finding bears on calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As it should be.
    Good,
    /// Calls work, or may; worth knowing.
    Note,
    /// Calls will fail, or be silent, by this.
    Bad(Exit),
}

/// One sentence and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    pub(super) sentence: String,
}

fn good(sentence: String) -> Finding {
    Finding { verdict: Verdict::Good, sentence }
}

fn note(sentence: impl Into<String>) -> Finding {
    Finding { verdict: Verdict::Note, sentence: sentence.into() }
}

fn bad(exit: Exit, sentence: impl Into<String>) -> Finding {
    Finding { verdict: Verdict::Bad(exit), sentence: sentence.into() }
}

/// The exit code: of the first thing that is bad.
pub(super) fn exit(findings: &[Finding]) -> Exit {
    let first = findings.iter().find_map(|finding| match finding.verdict {
        Verdict::Bad(exit) => Some(exit),
        Verdict::Good | Verdict::Note => None,
    });
    first.unwrap_or(Exit::Done)
}

/// What the network's facts mean.
pub(super) fn of_network(facts: &NetworkFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    match &facts.switchboard {
        Some(Ok(took)) => {
            findings.push(good(format!("the switchboard answers: registered in {} ms", took.as_millis())));
        }
        Some(Err(why)) => {
            findings.push(bad(Exit::Unreachable, format!("the switchboard cannot be used: {why}")));
        }
        None => {}
    }
    findings.extend(of_hosts(facts));
    findings.extend(of_mappings(facts));
    findings.extend(of_relays(facts));
    findings.extend(of_udp(facts));
    findings
}

fn of_hosts(facts: &NetworkFacts) -> Vec<Finding> {
    if facts.hosts.iter().all(|host| host.ip().is_loopback()) {
        return vec![note("there is no network but this machine itself: calls reach nobody beyond it")];
    }
    let addresses: Vec<_> = facts.hosts.iter().map(|host| host.ip().to_string()).collect();
    vec![good(format!("addresses of this machine (host candidates): {}", addresses.join(", ")))]
}

fn of_mappings(facts: &NetworkFacts) -> Vec<Finding> {
    let mut findings: Vec<_> =
        facts.silent.iter().map(|(server, why)| note(format!("{server}: {why}"))).collect();
    for base in &facts.hosts {
        let seen: Vec<&MappingFact> = facts.mappings.iter().filter(|fact| fact.base == *base).collect();
        let Some(first) = seen.first() else { continue };
        let (ip, outside) = (base.ip(), first.mapped.ip());
        let servers = {
            let mut servers: Vec<_> = seen.iter().map(|fact| fact.server).collect();
            servers.sort();
            servers.dedup();
            servers.len()
        };
        findings.push(if first.mapped == *base {
            good(format!("{ip} is seen as it is: no address translation"))
        } else if seen.iter().any(|fact| fact.mapped != first.mapped) {
            note(format!(
                "{ip} is seen as {outside} (srflx candidate) with another port by each server: the translation \
                 depends on the destination, and calls to others behind such a one need a relay"
            ))
        } else if servers > 1 {
            good(format!(
                "{ip} is seen as {outside} (srflx candidate), the same by {servers} servers: others can be reached \
                 directly"
            ))
        } else {
            note(format!(
                "{ip} is seen as {outside} (srflx candidate); by one server alone it cannot be told whether the \
                 translation depends on the destination: give another --stun"
            ))
        });
    }
    findings
}

fn of_relays(facts: &NetworkFacts) -> Vec<Finding> {
    let findings = facts.relays.iter().map(|relay| match &relay.result {
        Ok((address, took)) => good(format!(
            "{} lends {} (relay candidate) over {} in {} ms",
            relay.server,
            address.ip(),
            relay.carrier.as_str(),
            took.as_millis()
        )),
        Err(why) => note(format!("{}: {why}", relay.server)),
    });
    let mut findings: Vec<_> = findings.collect();
    let works = facts.relays.iter().any(|relay| relay.result.is_ok());
    if facts.relays.is_empty() {
        findings.push(note("no TURN server is known: where no direct path can be found, calls fail"));
    } else if !works {
        findings
            .push(bad(Exit::NoMedia, "no relay can be used: where no direct path can be found, calls fail"));
    }
    findings
}

/// Whether UDP gets through at all, as far as somebody was asked over it.
fn of_udp(facts: &NetworkFacts) -> Option<Finding> {
    let over_udp = || facts.relays.iter().filter(|relay| relay.carrier == Carrier::Udp);
    let asked = !facts.mappings.is_empty() || !facts.silent.is_empty() || over_udp().next().is_some();
    // A refusal came over UDP too.
    let refused = |why: &String| !why.ends_with("does not answer");
    let answered = !facts.mappings.is_empty()
        || facts.silent.iter().any(|(_, why)| refused(why))
        || over_udp().any(|relay| relay.result.as_ref().map_or_else(refused, |_| true));
    if !asked {
        return Some(note(
            "no server is known that could tell whether UDP gets through: give --stun or --turn",
        ));
    }
    if answered {
        return Some(good("UDP gets through".into()));
    }
    let over_streams = facts.relays.iter().any(|relay| relay.carrier != Carrier::Udp && relay.result.is_ok());
    Some(if over_streams {
        note("UDP is blocked: calls go through a relay over TCP or TLS, with more delay")
    } else {
        bad(
            Exit::NoMedia,
            "UDP is blocked, and no relay over TCP or TLS can be used: calls will find no path",
        )
    })
}

/// What is known of microphone and speaker.
pub(super) fn of_sound(microphone: &SoundFact, speaker: &SoundFact) -> Vec<Finding> {
    let one = |what: &str, fact: &SoundFact| match fact {
        Ok(known) => good(format!("{what}: {known}")),
        Err(why) => bad(Exit::Audio, format!("{what}: {why}")),
    };
    vec![one("microphone", microphone), one("speaker", speaker)]
}

#[cfg(test)]
mod tests {
    use super::super::facts::RelayFact;
    use super::*;
    use std::time::Duration;

    fn host() -> std::net::SocketAddr {
        "192.168.1.2:5000".parse().expect("an address")
    }

    fn seen(server: &str, mapped: &str) -> MappingFact {
        let parse = |text: &str| text.parse().expect("an address");
        MappingFact { base: host(), server: parse(server), mapped: parse(mapped), took: Duration::ZERO }
    }

    fn relay(uri: &str, carrier: Carrier, result: Result<&str, &str>) -> RelayFact {
        let result = result.map(|at| (at.parse().expect("an address"), Duration::from_millis(12)));
        RelayFact { server: uri.parse().expect("a URI"), carrier, result: result.map_err(str::to_owned) }
    }

    fn facts() -> NetworkFacts {
        NetworkFacts {
            switchboard: Some(Ok(Duration::from_millis(20))),
            hosts: vec![host()],
            ..NetworkFacts::default()
        }
    }

    fn said(findings: &[Finding]) -> String {
        findings.iter().map(|finding| format!("{}\n", finding.sentence)).collect()
    }

    #[test]
    fn all_is_well_where_everything_answers() {
        let mut facts = facts();
        facts.mappings = vec![
            seen("198.51.100.1:3478", "203.0.113.9:40000"),
            seen("198.51.100.2:3478", "203.0.113.9:40000"),
        ];
        facts.relays = vec![relay("turn:relay.example", Carrier::Udp, Ok("203.0.113.1:61000"))];
        let findings = of_network(&facts);
        assert_eq!(exit(&findings), Exit::Done);
        assert!(findings.iter().all(|finding| finding.verdict == Verdict::Good), "{}", said(&findings));
        assert!(said(&findings).contains("others can be reached directly"));
    }

    #[test]
    fn a_translation_by_destination_is_told_by_two_servers() {
        let mut facts = facts();
        facts.mappings = vec![
            seen("198.51.100.1:3478", "203.0.113.9:40000"),
            seen("198.51.100.2:3478", "203.0.113.9:41111"),
        ];
        let findings = of_network(&facts);
        assert!(said(&findings).contains("depends on the destination"), "{}", said(&findings));
        assert_eq!(exit(&findings), Exit::Done);
    }

    #[test]
    fn blocked_udp_is_bad_only_where_nothing_else_gets_through() {
        let mut facts = facts();
        let silent = "the TURN server does not answer";
        facts.relays = vec![
            relay("turn:relay.example", Carrier::Udp, Err(silent)),
            relay("turns:relay.example", Carrier::Tls, Ok("203.0.113.1:61000")),
        ];
        let findings = of_network(&facts);
        assert!(said(&findings).contains("UDP is blocked: calls go through a relay"), "{}", said(&findings));
        assert_eq!(exit(&findings), Exit::Done);
        facts.relays.truncate(1);
        assert_eq!(exit(&of_network(&facts)), Exit::NoMedia);
    }

    #[test]
    fn a_refusal_shows_that_udp_gets_through() {
        let mut facts = facts();
        let refusal = "the TURN server refuses the username or password";
        facts.relays = vec![relay("turn:relay.example", Carrier::Udp, Err(refusal))];
        let findings = of_network(&facts);
        assert!(said(&findings).contains("UDP gets through"), "{}", said(&findings));
        assert_eq!(exit(&findings), Exit::NoMedia);
    }

    #[test]
    fn the_first_bad_thing_gives_the_exit_code() {
        let mut facts = facts();
        facts.switchboard = Some(Err("no connection".into()));
        let mut findings = of_network(&facts);
        findings.extend(of_sound(&Err("none is there".into()), &Ok("Speakers".into())));
        assert_eq!(exit(&findings), Exit::Unreachable);
        assert_eq!(exit(&findings[1..]), Exit::Audio);
    }
}
