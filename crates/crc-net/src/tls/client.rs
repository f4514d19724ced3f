//! Whom dials trust.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crc_machine::{Fingerprint, PeerAddress, TlsFailure, Transport};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, Resumption, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

use super::{
    CertificateFiles, TlsError, classify_certificate, file_error, fingerprint, is_authority,
    provider, read_certificates, read_certified_key,
};

/// Who signs the certificates of servers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CertificateAuthorities {
    /// Those that the system trusts.
    #[default]
    System,
    /// Those in these files (PEM), and no others.
    Files(Vec<PathBuf>),
}

/// Decides about certificates that no authority vouches for.
pub trait UnknownCertificates: Send + Sync {
    /// Whether the server at this address may have this certificate.
    ///
    /// # Errors
    ///
    /// Why it may not.
    fn check(&self, host: &str, port: u16, fingerprint: Fingerprint) -> Result<(), TlsFailure>;
}

/// Whom dials by TLS trust, and as whom they present themselves. A clone is another handle to the
/// same: see [`replace`](Self::replace).
#[derive(Clone, Default)]
pub struct TlsClient {
    current: Arc<Mutex<Arc<Trust>>>,
    unknown: Option<Arc<dyn UnknownCertificates>>,
}

/// The authorities, and the certificate of dials.
#[derive(Default)]
struct Trust {
    /// The certificates in the files, or `None` for the system's.
    files: Option<Vec<CertificateDer<'static>>>,
    /// Created at the first dial: a program that never dials by TLS does not read the system's
    /// certificates.
    verifier: OnceLock<Option<Arc<WebPkiServerVerifier>>>,
    identity: Option<Arc<CertifiedKey>>,
}

impl TlsClient {
    /// Trusts `authorities`, and presents the certificate in `identity`, if one is given.
    ///
    /// # Errors
    ///
    /// [`TlsError`] names the file that cannot be used.
    pub fn load(
        authorities: &CertificateAuthorities,
        identity: Option<&CertificateFiles>,
    ) -> Result<Self, TlsError> {
        let trust = Trust::load(authorities, identity)?;
        Ok(TlsClient {
            current: Arc::new(Mutex::new(Arc::new(trust))),
            unknown: None,
        })
    }

    /// Asks `unknown` about certificates that no authority vouches for.
    #[must_use]
    pub fn with_unknown(self, unknown: Arc<dyn UnknownCertificates>) -> Self {
        TlsClient {
            unknown: Some(unknown),
            ..self
        }
    }

    /// Trusts whom another one trusts, and presents its certificate, in the next dials.
    pub fn replace(&self, new: &TlsClient) {
        let new = new.trust();
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = new;
    }

    fn trust(&self) -> Arc<Trust> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The settings of a dial to `to`, and the name to ask for.
    pub(crate) fn for_dial(
        &self,
        to: &PeerAddress,
    ) -> Result<(Arc<ClientConfig>, ServerName<'static>), TlsFailure> {
        // An IPv6 address may have a scope, which no certificate has.
        let name = match to.ip() {
            Some(ip) => ServerName::IpAddress(ip.into()),
            None => ServerName::try_from(to.host.to_string()).map_err(|_| TlsFailure::WrongName)?,
        };
        let pin = match to.transport {
            Transport::Tls { pin } => pin,
            Transport::Plain => None,
        };
        let trust = self.trust();
        let identity = trust.identity.clone();
        let verifier = Verifier {
            trust,
            provider: provider(),
            pin,
            unknown: self.unknown.clone(),
            host: to.host.clone(),
            port: to.port,
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&verifier.provider))
            .with_safe_default_protocol_versions()
            .expect("ring has cipher suites of both versions")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match identity {
            Some(key) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key))),
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::disabled();
        Ok((Arc::new(config), name))
    }
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClient").finish_non_exhaustive()
    }
}

/// The certificates of authorities in a file. One that cannot be used is left out, if another one
/// can.
fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = read_certificates(path)?;
    let (usable, _) =
        RootCertStore::empty().add_parsable_certificates(certificates.iter().cloned());
    match usable {
        0 => Err(file_error(path, "the certificate in it is damaged")),
        _ => Ok(certificates),
    }
}

impl Trust {
    fn load(
        authorities: &CertificateAuthorities,
        identity: Option<&CertificateFiles>,
    ) -> Result<Self, TlsError> {
        let files = match authorities {
            CertificateAuthorities::System => None,
            CertificateAuthorities::Files(paths) => {
                let read: Result<Vec<_>, _> =
                    paths.iter().map(|path| read_authorities(path)).collect();
                Some(read?.concat())
            }
        };
        let identity = identity.map(|files| read_certified_key(files).map(Arc::new));
        Ok(Trust {
            files,
            verifier: OnceLock::new(),
            identity: identity.transpose()?,
        })
    }

    /// `None` if there is no authority.
    fn verifier(&self) -> Option<&Arc<WebPkiServerVerifier>> {
        self.verifier
            .get_or_init(|| self.create_verifier())
            .as_ref()
    }

    fn create_verifier(&self) -> Option<Arc<WebPkiServerVerifier>> {
        let mut roots = RootCertStore::empty();
        match &self.files {
            Some(files) => {
                roots.add_parsable_certificates(files.iter().cloned());
            }
            None => {
                let found = rustls_native_certs::load_native_certs();
                let (added, ignored) = roots.add_parsable_certificates(found.certs);
                log::debug!("tls: certificates of the system: added={added} ignored={ignored}");
                if added == 0 {
                    log::warn!("tls: the system has no certificates of authorities");
                }
            }
        }
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .ok()
    }
}

/// Verifies the certificate of the server at the other end of one dial.
struct Verifier {
    trust: Arc<Trust>,
    provider: Arc<CryptoProvider>,
    pin: Option<Fingerprint>,
    unknown: Option<Arc<dyn UnknownCertificates>>,
    host: Box<str>,
    port: u16,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").finish_non_exhaustive()
    }
}

impl Verifier {
    fn verify_by_authorities(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let unknown = || Error::from(CertificateError::UnknownIssuer);
        let verifier = self.trust.verifier().ok_or_else(unknown)?;
        match verifier.verify_server_cert(end_entity, intermediates, name, &[], now) {
            Ok(_) => Ok(()),
            Err(Error::InvalidCertificate(error)) if is_authority(&error) => {
                // A certificate that is itself in the files is trusted for its names.
                let given = self.trust.files.iter().flatten();
                if !given.clone().any(|given| given == end_entity) {
                    return Err(unknown());
                }
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)
            }
            Err(Error::InvalidCertificate(error)) if is_of_another_key(&error) => Err(unknown()),
            Err(error) => Err(error),
        }
    }
}

/// Whether an authority of the name that the certificate states has not signed it. Two authorities
/// may have one name, as self-signed certificates of `localhost` have.
#[allow(deprecated, reason = "rustls still has the variants without a context")]
fn is_of_another_key(error: &CertificateError) -> bool {
    matches!(
        error,
        CertificateError::BadSignature
            | CertificateError::UnsupportedSignatureAlgorithm
            | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
    )
}

fn refuse(why: TlsFailure) -> Error {
    CertificateError::Other(OtherError(Arc::new(why))).into()
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(pin) = self.pin {
            return match fingerprint(end_entity) == pin {
                true => Ok(ServerCertVerified::assertion()),
                false => Err(refuse(TlsFailure::WrongPin)),
            };
        }
        let outcome = self.verify_by_authorities(end_entity, intermediates, name, now);
        let is_unknown = matches!(&outcome, Err(Error::InvalidCertificate(error))
            if classify_certificate(error) == TlsFailure::UnknownAuthority);
        match (&self.unknown, outcome) {
            (_, Ok(())) => Ok(ServerCertVerified::assertion()),
            (Some(unknown), Err(_)) if is_unknown => {
                match unknown.check(&self.host, self.port, fingerprint(end_entity)) {
                    Ok(()) => Ok(ServerCertVerified::assertion()),
                    Err(why) => Err(refuse(why)),
                }
            }
            (_, Err(error)) => Err(error),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
