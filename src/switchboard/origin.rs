//! Which web pages may connect: those that the switchboard served, and those that were allowed.

use std::fmt;
use std::str::FromStr;

/// Longest origin in bytes: a scheme, a name of at most 253 bytes and a port.
const MAX_ORIGIN_BYTES: usize = 300;

/// The origin of a web page (RFC 6454): scheme, host and port. Native peers have none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    is_secure: bool,
    /// In lower case, without a port that the scheme implies.
    authority: String,
}

/// A text that is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("origin: expected http://HOST[:PORT] or https://HOST[:PORT], found {found:?}")]
pub struct OriginError {
    found: String,
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let parse = || {
            if text.len() > MAX_ORIGIN_BYTES {
                return None;
            }
            let (scheme, authority) = text.split_once("://")?;
            let is_secure = match scheme.to_ascii_lowercase().as_str() {
                "http" => false,
                "https" => true,
                _ => return None,
            };
            let is_plain =
                |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
            if authority.is_empty() || !authority.chars().all(is_plain) {
                return None;
            }
            Some(Self { is_secure, authority: normal(authority, is_secure) })
        };
        parse().ok_or_else(|| OriginError { found: text.chars().take(80).collect() })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.is_secure { "https" } else { "http" }, self.authority)
    }
}

/// An authority in lower case, without the port that the scheme implies.
fn normal(authority: &str, is_secure: bool) -> String {
    let authority = authority.to_ascii_lowercase();
    let implied = if is_secure { ":443" } else { ":80" };
    authority.strip_suffix(implied).map(str::to_owned).unwrap_or(authority)
}

/// Whether a page of this `Origin` may open a WebSocket on a server that was asked for as `Host`.
pub(super) fn may_connect(origin: &str, host: Option<&str>, allowed: &[Origin]) -> bool {
    let Ok(origin) = origin.parse::<Origin>() else { return false };
    let is_own = host.is_some_and(|host| normal(host, origin.is_secure) == origin.authority);
    is_own || allowed.contains(&origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_this_server_may_connect_and_one_of_another_may_not() {
        assert!(may_connect("http://calls.example:8080", Some("calls.example:8080"), &[]));
        assert!(may_connect("https://Calls.Example", Some("calls.example:443"), &[]));
        assert!(may_connect("http://[::1]:8080", Some("[::1]:8080"), &[]));
        assert!(!may_connect("http://evil.example", Some("calls.example"), &[]));
        assert!(!may_connect("http://calls.example:8081", Some("calls.example:8080"), &[]));
        assert!(!may_connect("http://calls.example.evil.example", Some("calls.example"), &[]));
        assert!(!may_connect("null", Some("calls.example"), &[]));
        assert!(!may_connect("", Some(""), &[]));
        assert!(!may_connect("http://calls.example", None, &[]));
    }

    #[test]
    fn an_allowed_origin_may_connect_whatever_the_host() {
        let allowed = ["https://app.example".parse().unwrap()];
        assert!(may_connect("https://app.example", Some("calls.example"), &allowed));
        assert!(!may_connect("http://app.example", Some("calls.example"), &allowed));
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in ["app.example", "ftp://x", "https://", "https://a/b", "https://me@x", "*"] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }
}
