//! The server's certificate and key.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::error::SwitchboardError;

/// Where the certificate chain and its key stand, both in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, the server's own certificate first.
    pub certificates: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl TlsFiles {
    /// The server's side of TLS for HTTP.
    pub(super) fn for_https(&self) -> Result<TlsAcceptor, SwitchboardError> {
        let mut config = self.server_config()?;
        // WebSocket upgrades are an affair of HTTP/1.1.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// The server's side of TLS for STUN and TURN. No protocol is negotiated (RFC 7443): clients that offer others than
    /// its two would be refused.
    pub(super) fn for_relay(&self) -> Result<Arc<ServerConfig>, SwitchboardError> {
        self.server_config().map(Arc::new)
    }

    /// Reads both files.
    fn server_config(&self) -> Result<ServerConfig, SwitchboardError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(SwitchboardError::Tls)?
            .with_no_client_auth()
            .with_single_cert(certificates(&self.certificates)?, key(&self.key)?)
            .map_err(SwitchboardError::Tls)
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SwitchboardError> {
    let refuse = |found: String| SwitchboardError::TlsFile {
        expected: "a certificate chain",
        path: path.to_owned(),
        found,
    };
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| refuse(error.to_string()))?;
    if chain.is_empty() {
        return Err(refuse("no certificate".to_owned()));
    }
    Ok(chain)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, SwitchboardError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| SwitchboardError::TlsFile {
        expected: "a private key",
        path: path.to_owned(),
        found: error.to_string(),
    })
}
