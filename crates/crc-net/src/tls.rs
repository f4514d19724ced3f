//! TLS: the certificates of listeners, whom dials trust, and the sessions of connections.
//!
//! A session belongs to one connection, which reads and writes plaintext through it. The rest of
//! the driver does not know whether a link has one.

mod client;
mod server;
mod session;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crc_machine::{Fingerprint, TlsFailure};
use ring::digest::{SHA256, digest};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, InvalidMessage, RootCertStore};

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
/// The largest PEM file that is read.
const PEM_BYTES_MAX: u64 = 1 << 20;

/// The first byte of a certificate or key in DER.
const DER_SEQUENCE: u8 = 0x30;

/// The longest chain of certificates. It is one message of a handshake, which rustls takes up to
/// 64 KiB.
const CHAIN_BYTES_MAX: usize = 60 * 1024;

/// Whether the first certificate in a PEM file is valid at this time.
///
/// # Errors
///
/// If the file cannot be read or holds no certificate.
pub fn is_valid_now(path: &Path) -> Result<bool, TlsError> {
    let certificates = read_certificates(path)?;
    let parsed = ParsedCertificate::try_from(&certificates[0]);
    // Its times are judged first: whether an authority has signed it is of no matter here.
    let verified = parsed.and_then(|certificate| {
        verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &RootCertStore::empty(),
            &[],
            UnixTime::now(),
            provider().signature_verification_algorithms.all,
        )
    });
    Ok(!matches!(&verified, Err(error) if classify(error) == TlsFailure::Expired))
}

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
    let bytes = read_pem(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            Err(file_error(path, "there is no certificate in it"))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(pem_error(path, &error, "certificate")),
    }
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let bytes = read_pem(path)?;
    let is_encrypted = |line: &[u8]| {
        line.starts_with(b"-----BEGIN ENCRYPTED") || line.starts_with(b"Proc-Type: 4,ENCRYPTED")
    };
    if bytes.split(|byte| *byte == b'\n').any(is_encrypted) {
        let reason = "the private key in it is encrypted: decrypt it by: openssl pkey -in FILE \
                      -out NEW";
        return Err(file_error(path, reason));
    }
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| pem_error(path, &error, "private key"))
}

/// The bytes of a PEM file.
fn read_pem(path: &Path) -> Result<Vec<u8>, TlsError> {
    let mut bytes = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(PEM_BYTES_MAX + 1).read_to_end(&mut bytes));
    read.map_err(|error| file_error(path, &error.to_string()))?;
    match &bytes[..] {
        bytes if bytes.len() as u64 > PEM_BYTES_MAX => {
            Err(file_error(path, "it has more than 1 MiB"))
        }
        [DER_SEQUENCE, 0x81..=0x83, ..] => {
            Err(file_error(path, "it is DER: convert it to PEM by openssl"))
        }
        _ => Ok(bytes),
    }
}

fn pem_error(path: &Path, error: &pem::Error, wanted: &str) -> TlsError {
    let reason = match error {
        pem::Error::NoItemsFound => format!("there is no {wanted} in it"),
        pem::Error::MissingSectionEnd { .. } => "it is cut: a line -----END is missing".to_owned(),
        other => format!("it is not a PEM file with a {wanted}: {other}"),
    };
    file_error(path, &reason)
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
    let bytes: usize = chain.iter().map(|der| der.len()).sum();
    if bytes > CHAIN_BYTES_MAX {
        let reason = format!(
            "its certificates have {bytes} bytes: no peer takes more than {CHAIN_BYTES_MAX}"
        );
        return Err(file_error(&files.chain, &reason));
    }
    rustls::sign::CertifiedKey::from_der(chain, key, &provider()).map_err(|error| {
        let reason = match error {
            Error::InconsistentKeys(_) => "the key is not that of the certificate, the first one \
                                           of the file"
                .to_owned(),
            Error::InvalidCertificate(_) => "the certificate is damaged".to_owned(),
            // The provider has no other error for a key.
            Error::General(_) => "the key is of no kind that is supported: RSA of 2048 bits or \
                                  more, ECDSA of P-256 or P-384, Ed25519"
                .to_owned(),
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
