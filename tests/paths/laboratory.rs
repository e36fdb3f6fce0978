//! Networks of namespaces: a public one, address translators, and the private ones behind them.
//!
//! ```text
//!   public 203.0.113.0/24, 2001:db8:113::/64       relay .1   switchboard .3
//!      |                       |
//!   translator .11          translator .12         nftables
//!      |                       |
//!   192.168.1.0/24          192.168.2.0/24         alice .2, bob .2
//! ```

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::coturn::Coturn;
use super::programs::{Missing, Place, Program, has, switchboard};

/// What is missing for a laboratory.
pub(crate) fn missing() -> Option<Missing> {
    if !has("ip") {
        return Some(Missing::Program("ip"));
    }
    if !has("nft") {
        return Some(Missing::Program("nft"));
    }
    let name = fresh_name("try");
    let tried = [
        run(Command::new("ip").args(["netns", "add", &name])),
        run(Command::new("ip")
            .args(["-n", &name, "link", "add", "eth1", "type", "veth", "peer", "name", "eth2"])),
        run(Command::new("ip").args(["-n", &name, "link", "add", "br0", "type", "bridge"])),
        run(Command::new("ip").args(["netns", "exec", &name, "nft", "add table ip a"])),
    ];
    drop(run(Command::new("ip").args(["netns", "del", &name])));
    tried.into_iter().find_map(Result::err).map(Missing::Permission)
}

fn fresh_name(role: &str) -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    format!("hs{}-{}-{role}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed))
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    judge(&output)
}

fn judge(output: &Output) -> Result<(), String> {
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(said) }
}

/// One network namespace, gone with its owner.
pub(crate) struct Namespace(String);

impl Namespace {
    pub(crate) fn new(role: &str) -> Self {
        let namespace = Self(fresh_name(role));
        run(Command::new("ip").args(["netns", "add", &namespace.0])).expect("a namespace");
        namespace.ip("link set lo up");
        namespace.shell("echo 1 > /proc/sys/net/ipv4/ip_forward");
        // Addresses are usable at once, and none comes by itself.
        namespace.shell("echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad; echo 0 > /proc/sys/net/ipv6/conf/all/accept_dad");
        namespace
    }

    pub(crate) fn place(&self) -> Place {
        Place::Namespace(self.0.clone())
    }

    /// Runs lines of `ip` in it.
    #[track_caller]
    pub(crate) fn ip(&self, lines: &str) {
        self.feed(Command::new("ip").args(["-n", &self.0, "-batch", "-"]), lines);
    }

    /// Loads rules of nftables.
    #[track_caller]
    pub(crate) fn nft(&self, rules: &str) {
        self.feed(Command::new("ip").args(["netns", "exec", &self.0, "nft", "-f", "-"]), rules);
    }

    #[track_caller]
    pub(crate) fn shell(&self, script: &str) {
        run(Command::new("ip").args(["netns", "exec", &self.0, "sh", "-c", script]))
            .unwrap_or_else(|error| panic!("{script}: {error}"));
    }

    #[track_caller]
    fn feed(&self, command: &mut Command, text: &str) {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it was there before");
        child.stdin.take().expect("piped").write_all(text.as_bytes()).expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        judge(&output).unwrap_or_else(|error| panic!("{text}\n{error}"));
    }

    /// A cable from a port `here` of this one to a port `there` of another.
    #[track_caller]
    pub(crate) fn cable(&self, here: &str, other: &Self, there: &str) {
        self.ip(&format!("link add {here} type veth peer name {there} netns {}", other.0));
        self.ip(&format!("link set {here} up"));
        other.ip(&format!("link set {there} up"));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(run(Command::new("ip").args(["netns", "del", &self.0])));
    }
}

/// What an address translator does (RFC 4787).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nat {
    /// Keeps ports, lets in only answers: endpoint-independent mapping, address- and port-dependent filtering.
    Cone,
    /// The same, and lets everybody in.
    FullCone,
    /// Another port for every destination.
    Symmetric,
}

const RELAY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 1));
const RELAY_V6: &str = "2001:db8:113::1";

/// The public network, with a relay and a switchboard in it.
pub(crate) struct Public {
    // Programs end before their networks.
    pub(crate) relay: Coturn,
    _switchboard: Program,
    pub(crate) server: String,
    pub(crate) namespace: Namespace,
}

impl Public {
    /// The switchboard listens on port 443 of an address of its own, so that a firewall may block everything else.
    pub(crate) fn open(v6: bool) -> Self {
        let namespace = Namespace::new("public");
        namespace.ip("link add br0 type bridge\n\
             link set br0 up\n\
             addr add 203.0.113.1/24 dev br0\n\
             addr add 203.0.113.3/24 dev br0\n\
             addr add 2001:db8:113::1/64 dev br0 nodad\n\
             addr add 2001:db8:113::3/64 dev br0 nodad\n");
        // As on the internet, what is sent to a private address is lost without a word. Without a way for it, coturn is
        // told that the network cannot be reached, and ends the client's session.
        namespace.ip("link add void type veth peer name hole\n\
             link set hole up\n\
             link set void arp off up\n\
             route add 192.168.0.0/16 dev void\n\
             route add 100.64.0.0/10 dev void\n");
        let (ip, listen) = match v6 {
            true => (RELAY_V6.parse().expect("an address"), "[2001:db8:113::3]:443"),
            false => (RELAY, "203.0.113.3:443"),
        };
        let place = namespace.place();
        let options = ["--lt-cred-mech", "--user=alice:secret"];
        let relay = Coturn::start(&place, &[ip], SocketAddr::new(ip, 3478), 443, &options);
        let (switchboard, server) = switchboard(&place, listen);
        Self { relay, _switchboard: switchboard, server, namespace }
    }

    /// Plugs a port of a namespace into the public network.
    #[track_caller]
    pub(crate) fn plug(&self, other: &Namespace, port: &str) {
        let own = fresh_name("").split('-').nth(1).map(|number| format!("p{number}")).expect("a number");
        self.namespace.cable(&own, other, port);
        self.namespace.ip(&format!("link set {own} master br0"));
    }

    /// The options of a peer that knows the relay, reached by these carriers.
    pub(crate) fn servers(&self, carriers: &[&str]) -> Vec<String> {
        let stun = self.relay.udp().replace("turn:", "stun:").replace("?transport=udp", "");
        let mut words = vec!["--stun".to_owned(), stun];
        for carrier in carriers {
            let url = match *carrier {
                "udp" => self.relay.udp(),
                "tcp" => self.relay.tcp(),
                _ => self.relay.tls(),
            };
            words.extend(["--turn".to_owned(), url]);
        }
        let login =
            ["--turn-user", "alice", "--turn-password", "secret", "--turn-ca", &self.relay.files.authority];
        words.extend(login.map(str::to_owned));
        words
    }
}

/// A peer's machine behind a translator of its own.
pub(crate) struct Home {
    pub(crate) peer: Namespace,
    pub(crate) translator: Namespace,
}

impl Home {
    /// The `n`-th home: the translator at 203.0.113.1n, the peer at 192.168.n.2.
    pub(crate) fn new(public: &Public, n: u8, nat: Nat) -> Self {
        let translator = Namespace::new("nat");
        public.plug(&translator, "wan");
        translator.ip(&format!("addr add 203.0.113.1{n}/24 dev wan"));
        let home = Self { peer: Namespace::new("peer"), translator };
        home.plug_in("lan", "eth0", &format!("192.168.{n}"));
        home.translator.nft(&rules(nat, &format!("192.168.{n}.2")));
        home
    }

    /// Cables the peer's port to the translator's, on a network of three numbers.
    #[track_caller]
    pub(crate) fn plug_in(&self, lan: &str, port: &str, network: &str) {
        self.translator.cable(lan, &self.peer, port);
        self.translator.ip(&format!("addr add {network}.1/24 dev {lan}"));
        self.peer.ip(&format!(
            "addr add {network}.2/24 dev {port}\nroute replace default via {network}.1 dev {port}\n"
        ));
    }

    /// Blocks what the rule names on its way out.
    #[track_caller]
    pub(crate) fn block(&self, what: &str) {
        self.translator.nft(&format!("insert rule inet firewall passing iifname \"lan*\" {what} drop\n"));
    }
}

/// The rules of a translator between `lan*` and `wan`.
pub(crate) fn rules(nat: Nat, peer: &str) -> String {
    let masquerade = match nat {
        Nat::Symmetric => "masquerade random,fully-random",
        Nat::Cone | Nat::FullCone => "masquerade",
    };
    let (inward, let_in) = match nat {
        Nat::FullCone => (format!("iifname wan meta l4proto udp dnat ip to {peer}"), "iifname wan accept"),
        Nat::Cone | Nat::Symmetric => (String::new(), ""),
    };
    format!(
        "table inet translation {{
           chain inward {{ type nat hook prerouting priority dstnat; policy accept; {inward}
           }}
           chain outward {{ type nat hook postrouting priority srcnat; policy accept; oifname wan {masquerade}
           }}
         }}
         table inet firewall {{
           chain passing {{ type filter hook forward priority filter; policy drop;
             ct state established,related accept
             iifname \"lan*\" accept
             {let_in}
           }}
           chain arriving {{ type filter hook input priority filter; policy accept;
             iifname wan ct state new drop
           }}
         }}\n"
    )
}
