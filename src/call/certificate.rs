//! The DTLS certificate of this process.

use std::fmt;

use str0m::config::DtlsCert;
use str0m::crypto::dtls::DtlsProvider;

use super::CallError;
use super::dtls::Handshake;

/// A self-signed certificate and its key, for DTLS.
///
/// The first one of a process costs about 20 ms: make it at start-up and clone it into every call.
/// Its fingerprint goes into the session description, which is what authenticates it (RFC 8122).
#[derive(Clone)]
pub struct Certificate(DtlsCert);

impl Certificate {
    /// Makes a new one (ECDSA P-256) with the library's own cryptographic generator.
    ///
    /// # Errors
    /// [`CallError::Certificate`] when the cryptographic library refuses.
    pub fn generate() -> Result<Self, CallError> {
        Handshake
            .generate_certificate()
            .map(Self)
            .ok_or_else(|| CallError::Certificate("the generator gave nothing".into()))
    }

    pub(super) fn dtls(&self) -> &DtlsCert {
        &self.0
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificate(redacted)")
    }
}
