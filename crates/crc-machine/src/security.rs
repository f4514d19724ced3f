//! What secures a link: its transport, the fingerprint of a certificate, and what a TLS handshake
//! tells a machine.

use core::fmt;
use core::str::FromStr;

/// How a node connects to a peer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP alone.
    #[default]
    Plain,
    /// TLS. The peer proves that it is who it should be.
    Tls {
        /// The peer's certificate is this one, signed by whatever authority. Without a pin an authority has
        /// signed it for the peer's name.
        pin: Option<Fingerprint>,
    },
}

/// What is known about a link by its TLS handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Security {
    /// The peer's certificate, if it presented one. A peer that connects proves only that it has
    /// the certificate's key; the name in it is not verified.
    pub peer: Option<Fingerprint>,
    /// Exported keying material (RFC 5705 and 8446) with the label [`EXPORTER_LABEL`]: both ends
    /// of the link have the same, and no other link has it. So a proof that contains it holds for
    /// this link alone.
    pub keying_material: [u8; 32],
}

/// The label of [`Security::keying_material`]. The context is empty.
pub const EXPORTER_LABEL: &str = "EXPORTER-crc-link-auth";

/// The SHA-256 of a certificate (DER), written `sha256:` and 64 hexadecimal digits.
///
/// ```
/// use crc_machine::Fingerprint;
///
/// let text = format!("sha256:{}", "0f".repeat(32));
/// let fingerprint: Fingerprint = text.parse().unwrap();
/// assert_eq!(fingerprint.to_string(), text);
/// // As openssl x509 -fingerprint -sha256 prints it.
/// let colons = ["0F"; 32].join(":");
/// assert_eq!(colons.parse(), Ok(fingerprint));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// A text is not a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is sha256: and 64 hexadecimal digits")]
pub struct FingerprintError;

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    /// Accepts the digits also without `sha256:`, and with colons between the bytes.
    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let digits = text.strip_prefix("sha256:").unwrap_or(text);
        let mut bytes = [0; 32];
        let mut rest = digits;
        for (at, byte) in bytes.iter_mut().enumerate() {
            if at > 0 {
                rest = rest.strip_prefix(':').unwrap_or(rest);
            }
            let (digits, behind) = rest.split_at_checked(2).ok_or(FingerprintError)?;
            if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(FingerprintError);
            }
            *byte = u8::from_str_radix(digits, 16).map_err(|_| FingerprintError)?;
            rest = behind;
        }
        match rest {
            "" => Ok(Fingerprint(bytes)),
            _ => Err(FingerprintError),
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a TLS handshake failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsFailure {
    /// The certificate is not valid at this time.
    #[error("its certificate has expired, or is not valid yet")]
    Expired,
    /// The certificate is for other names.
    #[error("its certificate is for another name")]
    WrongName,
    /// No known authority has signed the certificate.
    #[error("its certificate is signed by an unknown authority")]
    UnknownAuthority,
    /// The certificate is not the pinned one.
    #[error("its certificate is not the pinned one")]
    WrongPin,
    /// The certificate is not the one that the peer had before.
    #[error("its certificate has changed")]
    Changed,
    /// The certificate is invalid in another way.
    #[error("its certificate is invalid")]
    BadCertificate,
    /// What the peer sent is not TLS.
    #[error("it does not speak TLS at this port")]
    NotTls,
    /// The peer has refused the handshake.
    #[error("it refused the TLS handshake")]
    Refused,
    /// The peer closed the connection during the handshake.
    #[error("it closed the connection during the TLS handshake")]
    Closed,
    /// Anything else: no common version or cipher suite, or a fault of the peer.
    #[error("the TLS handshake failed")]
    Failed,
}

impl TlsFailure {
    /// Whether it is about the peer's certificate, so that another attempt will fail as well.
    #[must_use]
    pub const fn is_certificate(self) -> bool {
        match self {
            TlsFailure::Expired
            | TlsFailure::WrongName
            | TlsFailure::UnknownAuthority
            | TlsFailure::WrongPin
            | TlsFailure::Changed
            | TlsFailure::BadCertificate => true,
            TlsFailure::NotTls | TlsFailure::Refused | TlsFailure::Closed | TlsFailure::Failed => {
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Fingerprint, PeerAddress, Transport};

    #[test]
    fn addresses_say_how_to_connect() {
        let pin = format!("sha256:{}", "ab".repeat(32));
        for text in [
            "localhost:1".to_owned(),
            "tls://localhost:1".to_owned(),
            "tls://[::1]:1".to_owned(),
            format!("tls://localhost:1#{pin}"),
        ] {
            let address: PeerAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
            let is_tls = matches!(address.transport, Transport::Tls { .. });
            assert_eq!(is_tls, text.starts_with("tls:"));
        }
        for odd in [
            "tls:localhost:1",
            "tls://localhost",
            "tls://localhost:0",
            "tls://localhost:1#",
            "tls://localhost:1#sha256:00",
            "http://localhost:1",
            &format!("localhost:1#{pin}"),
            &format!("tls://localhost:1#{pin}0"),
            &format!("tls://localhost:1#sha256:{}", "+1".repeat(32)),
        ] {
            assert!(odd.parse::<PeerAddress>().is_err(), "{odd}");
        }
        assert!("é".repeat(33).parse::<Fingerprint>().is_err());
    }
}
