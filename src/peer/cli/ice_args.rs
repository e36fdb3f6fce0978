//! The options of how paths are found.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::ice::gather::IcePolicy;
use crate::ice::turn::Login;
use crate::ice::{ServerUri, Service};
use crate::peer::{IceOptions, IceServer};

/// Where to look for paths.
#[derive(Debug, Args)]
pub struct IceArgs {
    /// Which addresses the other side is told of: all, or those of relays alone
    #[arg(long, value_enum, value_name = "WHICH", default_value = "all", help_heading = "Paths")]
    pub ice_policy: IcePolicyArg,
    /// Tell the other side names in place of this machine's own addresses; only its own network can resolve them (mDNS)
    #[arg(long, help_heading = "Paths")]
    pub hide_addresses: bool,
    /// A STUN server, stun:HOST[:PORT] (may be repeated)
    #[arg(long, value_name = "URL", help_heading = "Paths")]
    pub stun: Vec<ServerUri>,
    /// A TURN server, turn:HOST[:PORT][?transport=udp|tcp] or turns:HOST[:PORT] (may be repeated)
    #[arg(long, value_name = "URL", help_heading = "Paths")]
    pub turn: Vec<ServerUri>,
    /// The name for all of --turn
    #[arg(long, value_name = "NAME", help_heading = "Paths")]
    pub turn_user: Option<String>,
    /// The password for all of --turn; better given by the environment, where other users do not see it
    #[arg(
        long,
        value_name = "PASSWORD",
        env = "HANDSET_TURN_PASSWORD",
        hide_env_values = true,
        help_heading = "Paths"
    )]
    pub turn_password: Option<String>,
    /// Certificates (PEM) to trust for turns:, beside the system's
    #[arg(long, value_name = "FILE", help_heading = "Paths")]
    pub turn_ca: Option<PathBuf>,
    /// Do not use the STUN and TURN servers that the switchboard names
    #[arg(long, help_heading = "Paths")]
    pub no_server_ice: bool,
}

/// See [`IcePolicy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IcePolicyArg {
    /// All addresses
    All,
    /// Relayed addresses alone
    Relay,
}

impl IceArgs {
    /// What these options ask for.
    ///
    /// # Errors
    /// A sentence that says what does not go together.
    pub fn options(&self) -> Result<IceOptions, String> {
        let login = self.login()?;
        let mut servers = Vec::new();
        for uri in &self.stun {
            if uri.service() != Service::Stun {
                return Err(format!("--stun: {uri} is a TURN server: give it with --turn"));
            }
            servers.push(IceServer { uri: uri.clone(), login: None });
        }
        for uri in &self.turn {
            if uri.service() == Service::Stun {
                return Err(format!("--turn: {uri} is a STUN server: give it with --stun"));
            }
            servers.push(IceServer { uri: uri.clone(), login: login.clone() });
        }
        let policy = match self.ice_policy {
            IcePolicyArg::All => IcePolicy::All,
            IcePolicyArg::Relay => IcePolicy::Relay,
        };
        let use_given_servers = !self.no_server_ice;
        let (hide_addresses, turn_ca) = (self.hide_addresses, self.turn_ca.clone());
        Ok(IceOptions { policy, hide_addresses, servers, use_given_servers, turn_ca })
    }

    fn login(&self) -> Result<Option<Login>, String> {
        // A password left in the environment is of no meaning without a server to show it to.
        if self.turn.is_empty() {
            return match &self.turn_user {
                Some(_) => Err("--turn-user: there is no --turn".into()),
                None => Ok(None),
            };
        }
        match (&self.turn_user, &self.turn_password) {
            (Some(user), Some(password)) => Login::new(user, password).map(Some).map_err(|e| e.to_string()),
            (Some(_), None) => {
                Err("--turn-user: a password is needed: --turn-password or HANDSET_TURN_PASSWORD".into())
            }
            (None, _) => {
                Err("--turn: a name and password are needed: --turn-user and --turn-password".into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::args::Cli;
    use super::*;
    use clap::Parser;

    fn options(args: &[&str]) -> Result<IceOptions, String> {
        let line = ["peer"].iter().chain(args);
        Cli::try_parse_from(line).map_err(|error| error.to_string())?.options.ice.options()
    }

    #[test]
    fn servers_are_read_with_their_login() {
        let turn = ["--turn", "turn:relay.example", "--turn", "turns:relay.example:443"];
        let login = ["--turn-user", "alice", "--turn-password", "secret"];
        let stun = ["--stun", "stun:192.0.2.1", "--ice-policy", "relay", "--no-server-ice"];
        let options = options(&[&turn[..], &login, &stun, &["--hide-addresses"]].concat()).expect("fits");
        assert!(options.hide_addresses);
        assert_eq!(options.policy, IcePolicy::Relay);
        assert_eq!(options.servers.len(), 3);
        assert_eq!(options.servers.iter().filter(|server| server.login.is_some()).count(), 2);
        assert!(!options.use_given_servers);
    }

    #[test]
    fn what_does_not_go_together_is_said() {
        for (args, why) in [
            (&["--turn", "turn:a"][..], "a name and password are needed"),
            (&["--turn", "turn:a", "--turn-user", "b"], "a password is needed"),
            (&["--turn-user", "b"], "there is no --turn"),
            (&["--stun", "turn:a"], "is a TURN server"),
            (&["--turn", "stun:a", "--turn-user", "b", "--turn-password", "c"], "is a STUN server"),
            (&["--turn", "a"], "the scheme is missing"),
        ] {
            let error = options(args).unwrap_err();
            assert!(error.contains(why), "{args:?}: {error}");
        }
    }
}
