//! Calls over the relay that the switchboard brings along, passed on by the kernel from one interface to another.

use std::process::{Command, Stdio};

use super::laboratory::{Home, Namespace, Nat, Public};
use super::programs::{Missing, Program, has, switchboard_with};
use super::talk::{Side, Talk};

/// A sender on a virtual cable leaves checksums to a network card that is not there. `ethtool` is seldom installed; this
/// asks the same of the kernel (`SIOCETHTOOL`, `ETHTOOL_STXCSUM`).
const WHOLE_CHECKSUMS: &str = r#"
    use Socket;
    socket(my $socket, AF_INET, SOCK_DGRAM, 0) or die "no socket: $!";
    my $value = pack("LL", 0x17, 0);
    my $request = pack("a16 P8 x16", $ARGV[0], $value);
    ioctl($socket, 0x8946, $request) or die "no ioctl: $!";
"#;

/// Says what the switchboard has counted.
const METRICS: &str = r#"
    use IO::Socket::INET;
    my $socket = IO::Socket::INET->new(PeerAddr => $ARGV[0]) or die "no connection: $!";
    print $socket "GET /metrics HTTP/1.0\r\n\r\n";
    print while <$socket>;
"#;

/// What is missing for these, beside a laboratory.
pub(crate) fn missing() -> Option<Missing> {
    if !has("perl") {
        return Some(Missing::Program("perl"));
    }
    // It says why it does not start, or would run for ever.
    let mut tried = Command::new(env!("CARGO_BIN_EXE_switchboard"));
    tried.args(["--listen", "127.0.0.1:0", "--relay-listen", "127.0.0.1:0", "--relay-kernel", "on"]);
    let mut tried = tried.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it was built");
    let mut line = String::new();
    let stdout = tried.stdout.take().expect("piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).expect("text");
    drop(tried.kill());
    let output = tried.wait_with_output().expect("it ends");
    line.is_empty().then(|| Missing::Permission(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

fn perl(namespace: &Namespace, script: &str, argument: &str) -> String {
    let output = namespace
        .place()
        .command("perl")
        .args(["-e", script, argument])
        .output()
        .expect("it was there before");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Alice's and bob's homes, each behind a translator that nobody gets through, and a relay between them.
struct Scene {
    talk: Talk,
    _switchboard: Program,
    _homes: [Home; 2],
    public: Public,
}

/// Where the switchboard with the relay listens.
const SIGNALING: &str = "203.0.113.3:8080";

impl Scene {
    fn begin(options: &[&str]) -> Self {
        let public = Public::open(false);
        let homes = [1, 2].map(|n| Home::new(&public, n, Nat::Symmetric));
        homes.iter().for_each(|home| drop(perl(&home.peer, WHOLE_CHECKSUMS, "eth0")));
        let (switchboard, server) = switchboard_with(
            &public.namespace.place(),
            &["--listen", SIGNALING, "--allow-peers", "203.0.113.0/24", "--relay-kernel", "on"],
        );
        let side = |home: &Home| Side::new(&home.peer.place(), &server, options);
        let talk = Talk::begin(&side(&homes[0]), &side(&homes[1]));
        Self { talk, _switchboard: switchboard, _homes: homes, public }
    }

    /// One of the relay's counters.
    fn counter(&self, name: &str) -> u64 {
        let page = perl(&self.public.namespace, METRICS, SIGNALING);
        let line =
            page.lines().find_map(|line| line.strip_prefix(&format!("switchboard_relay_{name}_total ")));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("no {name}: {page}"))
    }
}

pub(crate) fn a_call_between_two_homes_is_passed_on_by_the_kernel() {
    let mut scene = Scene::begin(&[]);
    scene.talk.assert_relayed();
    let before = scene.counter("by_kernel");
    scene.talk.hear();
    let by_kernel = scene.counter("by_kernel") - before;
    // Two seconds both ways, of 50 packets a second at the least.
    assert!(by_kernel >= 150, "{by_kernel} packets");
    let all = scene.counter("to_peers") + scene.counter("to_clients");
    assert!(all >= by_kernel + before, "{all} in all");
    scene.talk.end();
}

pub(crate) fn a_change_in_the_network_is_not_heard() {
    let mut scene = Scene::begin(&[]);
    scene.talk.assert_relayed();
    // Whatever changes, the ways are looked up anew; in between the sockets relay.
    scene.public.namespace.ip("route add 198.18.0.0/15 dev br0\nroute del 198.18.0.0/15 dev br0\n");
    scene.talk.hear();
    let before = scene.counter("by_kernel");
    scene.talk.hear();
    assert!(scene.counter("by_kernel") - before >= 150, "the kernel goes on");
    scene.talk.end();
}

pub(crate) fn both_on_relayed_addresses_of_one_relay_hear_each_other() {
    let mut scene = Scene::begin(&["--ice-policy", "relay"]);
    scene.talk.assert_relayed();
    scene.talk.hear();
    scene.talk.end();
}
