//! The certificates of listeners, which can be replaced while the driver runs.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{
    ClientHello, NoServerSessionStorage, ParsedCertificate, ResolvesServerCert, ServerConfig,
};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use super::{CertificateFiles, TlsError, provider, read_certified_key};

/// A client's certificate and those behind it may have this many bytes. They stay in memory as
/// long as the connection.
const CLIENT_CERTIFICATES_BYTES_MAX: usize = 8 * 1024;

/// The certificates of TLS listeners. A clone is another handle to the same certificates: a program
/// keeps one, and [reloads](Self::reload) it while the driver runs.
///
/// A client that names the server it wants (SNI) gets the first certificate that is valid for the
/// name, any other client the first one. Clients may present a certificate. Any is accepted: it
/// only shows that the client has the key, and the machine learns its fingerprint. Sessions are not
/// resumed.
#[derive(Debug, Clone)]
pub struct TlsServer {
    current: Arc<Mutex<Arc<ServerConfig>>>,
}

impl TlsServer {
    /// Reads the certificates.
    ///
    /// # Errors
    ///
    /// [`TlsError`] names the file that cannot be used.
    pub fn load(files: &[CertificateFiles]) -> Result<Self, TlsError> {
        Ok(TlsServer {
            current: Arc::new(Mutex::new(load(files)?)),
        })
    }

    /// Reads the certificates again, perhaps from other files. New connections get them; open ones
    /// stay as they are.
    ///
    /// # Errors
    ///
    /// [`TlsError`] names the file that cannot be used. Nothing has changed then.
    pub fn reload(&self, files: &[CertificateFiles]) -> Result<(), TlsError> {
        self.replace(&TlsServer::load(files)?);
        Ok(())
    }

    /// Takes the certificates of another one.
    pub fn replace(&self, new: &TlsServer) {
        let new = new.current();
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = new;
    }

    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        let current = self.current.lock();
        Arc::clone(&current.unwrap_or_else(PoisonError::into_inner))
    }
}

fn load(files: &[CertificateFiles]) -> Result<Arc<ServerConfig>, TlsError> {
    if files.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    let keys: Result<Vec<_>, _> = files
        .iter()
        .map(|files| read_certified_key(files).map(Arc::new))
        .collect();
    let provider = provider();
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites of both versions")
        .with_client_cert_verifier(Arc::new(AnyClientCertificate(provider)))
        .with_cert_resolver(Arc::new(ByName(keys?)));
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Chooses a certificate by the name that the client wants.
#[derive(Debug)]
struct ByName(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let first = self.0.first();
        if self.0.len() == 1 {
            return first.cloned();
        }
        let name = hello
            .server_name()
            .and_then(|name| ServerName::try_from(name).ok());
        let fitting = name.and_then(|name| self.0.iter().find(|key| is_valid_for(key, &name)));
        fitting.or(first).cloned()
    }
}

fn is_valid_for(key: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let certificate = key.end_entity_cert().and_then(ParsedCertificate::try_from);
    certificate.is_ok_and(|certificate| verify_server_name(&certificate, name).is_ok())
}

/// Accepts clients without a certificate, and with any.
#[derive(Debug)]
struct AnyClientCertificate(Arc<CryptoProvider>);

impl ClientCertVerifier for AnyClientCertificate {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let bytes = end_entity.len() + intermediates.iter().map(|der| der.len()).sum::<usize>();
        if bytes > CLIENT_CERTIFICATES_BYTES_MAX {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
