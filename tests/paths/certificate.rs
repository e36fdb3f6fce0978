//! An authority of the tests' own, and a server's certificate by it.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::folder::Folder;

/// The files that a server and its clients need.
pub(crate) struct Files {
    /// The authority, for clients.
    pub(crate) authority: String,
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// Writes the certificate of a server known by these names or addresses.
pub(crate) fn write(folder: &Folder, names: &[&str]) -> Files {
    let authority_key = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::new(Vec::new()).expect("no names");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_certificate = authority.self_signed(&authority_key).expect("signed");
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().expect("a key");
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let certificate = CertificateParams::new(names).expect("names").signed_by(&key, &issuer).expect("signed");
    let put = |name: &str, text: String| {
        let path = folder.path(name);
        std::fs::write(&path, text).expect("a file of the scene");
        path
    };
    Files {
        authority: put("authority.pem", authority_certificate.pem()),
        certificate: put("certificate.pem", certificate.pem()),
        key: put("key.pem", key.serialize_pem()),
    }
}
