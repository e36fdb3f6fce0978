//! DTLS as a call wants it: retransmissions that do not cost a second.

use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use dimpl::{Config, Dtls};
use str0m::config::{CryptoProvider, DtlsCert, DtlsVersion};
use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{
    DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, KeyingMaterial, ProtocolVersion, SrtpProfile,
};

use super::srtp;

/// First retransmission of a DTLS flight.
///
/// RFC 6347 section 4.2.4.1 recommends a second, for want of any knowledge of the path. Here ICE has just
/// measured it, and the handshake is a few packets: a lost ClientHello shall cost a fifth of a second.
/// Longer round trips than this cost duplicates, which DTLS tolerates by design.
const FLIGHT_RTO: Duration = Duration::from_millis(200);

/// Retransmissions per flight: 200 ms doubled six times spans 12 s, within the call's own
/// [limit](super::timing::CONNECT_LIMIT), which decides first.
const FLIGHT_RETRIES: usize = 6;

/// How often the rest of an incomplete flight is asked for (RFC 9147 section 7.1 leaves that open).
const ACK_INTERVAL: Duration = Duration::from_millis(50);

/// Whether the keys of a call are to be used with tags of 4 bytes (SRTP_AES128_CM_HMAC_SHA1_32, RFC 5764 section 4.1.2)
/// whatever profile DTLS agreed on.
///
/// `dimpl` always offers and takes AES-GCM first, whose tags have 16 bytes (RFC 7714): 9.6 kbit/s more at a hundred packets
/// a second. Two of us agree on the short ones in their descriptions; what is set before the handshake counts. What so
/// short a tag is worth for a voice: RFC 3711 section 7.5. Of four thousand million forgeries one is played, for a
/// hundredth of a second.
#[derive(Debug, Clone, Default)]
pub(super) struct ShortTags(Arc<Agreement>);

#[derive(Debug, Default)]
struct Agreement {
    wanted: bool,
    agreed: AtomicBool,
    /// From the handshake on.
    in_use: AtomicBool,
}

impl ShortTags {
    /// None agreed yet, and none ever unless we want them.
    pub(super) fn wanted(wanted: bool) -> Self {
        Self(Arc::new(Agreement { wanted, ..Agreement::default() }))
    }

    /// The other side does or does not take them.
    pub(super) fn agree(&self, theirs: bool) {
        self.0.agreed.store(theirs && self.0.wanted, Ordering::Relaxed);
    }

    pub(super) fn are_agreed(&self) -> bool {
        self.0.agreed.load(Ordering::Relaxed)
    }

    pub(super) fn are_in_use(&self) -> bool {
        self.0.in_use.load(Ordering::Relaxed)
    }

    /// Makes str0m with `build`, whose handshake will look at this: the provider that str0m takes is the same for all.
    pub(super) fn given_to<T>(&self, build: impl FnOnce() -> T) -> T {
        NEXT.set(self.clone());
        let built = build();
        NEXT.take();
        built
    }
}

thread_local! {
    /// What the next handshake that is made on this thread looks at.
    static NEXT: RefCell<ShortTags> = RefCell::default();
}

/// Master keys of 16 and salts of 14 bytes for both sides (RFC 5764 section 4.2).
const SHORT_TAG_KEYS: usize = 2 * 16 + 2 * 14;

/// Makes DTLS instances with our timing on the same cryptography as str0m's default.
#[derive(Debug)]
pub(super) struct Handshake;

/// str0m's provider of cryptography, with its DTLS replaced by [`Handshake`] and RTP [authenticated](srtp) as it leaves.
pub(super) fn crypto_provider() -> CryptoProvider {
    CryptoProvider {
        dtls_provider: &Handshake,
        srtp_provider: &srtp::Ciphers,
        sha1_hmac_provider: &srtp::Authentication,
        ..str0m_aws_lc_rs::default_provider()
    }
}

/// The settings of every handshake. Making them tries all of the cryptography out, which takes milliseconds:
/// once a process is enough.
fn config(mtu: usize) -> Result<Arc<Config>, CryptoError> {
    static MADE: OnceLock<Arc<Config>> = OnceLock::new();
    if let Some(made) = MADE.get().filter(|made| made.mtu() == mtu) {
        return Ok(made.clone());
    }
    // ICE has shown that the other side is where it says it is: no cookie round trip (RFC 6347 section 4.2.1).
    let config = Config::builder()
        .with_crypto_provider(str0m_aws_lc_rs::dimpl_crypto_provider())
        .use_server_cookie(false)
        .flight_start_rto(FLIGHT_RTO)
        .flight_retries(FLIGHT_RETRIES)
        .mtu(mtu)
        .build()
        .map_err(|e| CryptoError::Other(e.to_string()))?;
    let config = Arc::new(config);
    let _ = MADE.set(config.clone());
    Ok(config)
}

impl DtlsProvider for Handshake {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        // At start-up, as certificates are made: then no call pays for it.
        config(str0m::DATAGRAM_MTU_TARGET).ok()?;
        str0m_aws_lc_rs::default_provider().dtls_provider.generate_certificate()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let config = config(mtu.unwrap_or(str0m::DATAGRAM_MTU_TARGET))?;
        let made = Made { config, certificate: certificate.clone(), version };
        Ok(Box::new(Instance { dtls: made.begin(now), made, now, is_done: false, short_tags: NEXT.take() }))
    }
}

/// What a handshake is made of, kept to make it again.
struct Made {
    config: Arc<Config>,
    certificate: DtlsCert,
    version: DtlsVersion,
}

impl Made {
    fn begin(&self, now: Instant) -> Dtls {
        let (config, certificate) = (self.config.clone(), self.certificate.clone());
        match self.version {
            DtlsVersion::Dtls12 => Dtls::new_12(config, certificate, now),
            DtlsVersion::Dtls13 => Dtls::new_13(config, certificate, now),
            _ => Dtls::new_auto(config, certificate, now),
        }
    }
}

/// One handshake, handed through to `dimpl`.
struct Instance {
    dtls: Dtls,
    made: Made,
    now: Instant,
    /// Whether everything that is due at `now` was done, and nothing has come up since.
    is_done: bool,
    short_tags: ShortTags,
}

impl Instance {
    /// A server that waits for its ClientHello keeps every datagram until then, and refuses all others for good
    /// once it has too many: a handful of forged ones would block the call. Having sent nothing yet, it can as
    /// well begin anew.
    fn begin_anew(&mut self) -> Result<(), DtlsImplError> {
        self.dtls = self.made.begin(self.now);
        self.dtls.set_active(false);
        self.dtls.handle_timeout(self.now)
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dtls::Instance")
    }
}

impl DtlsInstance for Instance {
    fn set_active(&mut self, active: bool) {
        self.is_done = false;
        self.dtls.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.is_done = false;
        match self.dtls.handle_packet(packet) {
            Err(DtlsImplError::TooManyClientHelloFragments) => {
                self.begin_anew()?;
                self.dtls.handle_packet(packet)
            }
            result => result,
        }
    }

    /// Where a part of a flight is missing, `dimpl` acknowledges the others at once, and again whenever it is polled: str0m,
    /// which polls until nothing is due, would never come to an end.
    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        match self.dtls.poll_output(buf) {
            DtlsOutput::Timeout(at) if self.is_done && at <= self.now => {
                DtlsOutput::Timeout(self.now + ACK_INTERVAL)
            }
            // What DTLS exports is uniformly random: so is its beginning.
            DtlsOutput::KeyingMaterial(keys, _)
                if self.short_tags.are_agreed() && keys.len() >= SHORT_TAG_KEYS =>
            {
                self.short_tags.0.in_use.store(true, Ordering::Relaxed);
                let keys = KeyingMaterial::new(&keys[..SHORT_TAG_KEYS]);
                DtlsOutput::KeyingMaterial(keys, SrtpProfile::AES128_CM_SHA1_80)
            }
            output => output,
        }
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        if self.is_done && now == self.now {
            return Ok(());
        }
        (self.now, self.is_done) = (now, true);
        self.dtls.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.is_done = false;
        self.dtls.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.dtls.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.dtls.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.dtls.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.dtls.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.is_done = false;
        self.dtls.close()
    }
}
