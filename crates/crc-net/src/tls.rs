//! TLS: the certificates of listeners, whom dials trust, and the sessions of connections.
//!
//! A session belongs to one connection, which reads and writes plaintext through it. The rest of
//! the driver does not know whether a link has one.

mod client;
mod server;
mod session;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crc_machine::{Fingerprint, TlsFailure};
use ring::digest::{SHA256, digest};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CertificateError, Error, InvalidMessage};

pub use self::client::{CertificateAuthorities, TlsClient, UnknownCertificates};
pub use self::server::TlsServer;
pub(crate) use self::session::{Progress, RECORD_BYTES_MAX, RUN_BYTES_MAX, Session, TlsRead};

/// The files of one certificate, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, and those between it and an authority behind it.
    pub chain: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why certificates cannot be used. The text names the file.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is not PEM.
    #[error("cannot read {path:?}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A certificate and a key do not belong together, or are of an unknown kind.
    #[error("cannot use the certificate {chain:?} with the key {key:?}: {reason}")]
    Certificate {
        /// The file of the certificate.
        chain: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What is wrong with them.
        reason: String,
    },
    /// No certificate is given.
    #[error("no certificate is given")]
    NoCertificate,
}

/// The fingerprint of a certificate.
pub(crate) fn fingerprint(certificate: &CertificateDer<'_>) -> Fingerprint {
    let digest = digest(&SHA256, certificate);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    Fingerprint(bytes)
}

/// The fingerprint of the first certificate in a PEM file.
///
/// # Errors
///
/// If the file cannot be read or holds no certificate.
pub fn fingerprint_of_file(path: &Path) -> Result<Fingerprint, TlsError> {
    Ok(fingerprint(&read_certificates(path)?[0]))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The certificates in a PEM file, at least one.
fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            Err(file_error(path, "there is no certificate in it"))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(pem_error(path, error, "a certificate")),
    }
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| pem_error(path, error, "a private key"))
}

fn pem_error(path: &Path, error: pem::Error, wanted: &str) -> TlsError {
    match error {
        pem::Error::Io(error) => file_error(path, &error.to_string()),
        pem::Error::NoItemsFound => file_error(path, &format!("there is not {wanted} in it")),
        other => file_error(
            path,
            &format!("it is not a PEM file with {wanted}: {other}"),
        ),
    }
}

fn file_error(path: &Path, reason: &str) -> TlsError {
    TlsError::File {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}

/// Reads a certificate with its key, and checks that they belong together.
fn read_certified_key(files: &CertificateFiles) -> Result<rustls::sign::CertifiedKey, TlsError> {
    let chain = read_certificates(&files.chain)?;
    let key = read_key(&files.key)?;
    rustls::sign::CertifiedKey::from_der(chain, key, &provider()).map_err(|error| {
        let reason = match error {
            Error::InconsistentKeys(_) => "the key is not that of the certificate".to_owned(),
            other => other.to_string(),
        };
        TlsError::Certificate {
            chain: files.chain.clone(),
            key: files.key.clone(),
            reason,
        }
    })
}

/// What an error of a handshake means.
pub(crate) fn classify(error: &Error) -> TlsFailure {
    match error {
        Error::InvalidCertificate(error) => classify_certificate(error),
        Error::AlertReceived(_) => TlsFailure::Refused,
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => TlsFailure::NotTls,
        _ => TlsFailure::Failed,
    }
}

fn classify_certificate(error: &CertificateError) -> TlsFailure {
    match error {
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => TlsFailure::Expired,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            TlsFailure::WrongName
        }
        CertificateError::UnknownIssuer => TlsFailure::UnknownAuthority,
        CertificateError::Other(other) => match other.0.downcast_ref::<TlsFailure>() {
            Some(why) => *why,
            None if is_authority(error) => TlsFailure::UnknownAuthority,
            None => TlsFailure::BadCertificate,
        },
        _ => TlsFailure::BadCertificate,
    }
}

/// Whether a certificate is refused only because it is an authority's own, as those are that
/// `openssl req -x509` makes.
fn is_authority(error: &CertificateError) -> bool {
    matches!(error, CertificateError::Other(_))
        && format!("{error:?}").contains("CaUsedAsEndEntity")
}
