//! How two servers prove to each other that they hold the secret of their link (PROTOCOL
//! section 10): the configured secrets, and the computation. `crc/auth.rs` has the
//! conversation.

use core::fmt;

use crc_machine::PeerAddress;
use crc_wire::{HostId, Name};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The fewest bytes in a secret.
pub const SECRET_BYTES_MIN: usize = 16;

/// The most bytes in a secret.
pub const SECRET_BYTES_MAX: usize = 1024;

/// The length of nonces, proofs and channel bindings, in bytes.
pub(crate) const PROOF_BYTES: usize = 32;

/// The beginning of all that is proved, so that a proof is of use nowhere else.
const LABEL: &[u8] = b"crc link proof 1";

/// A secret that two or more servers share. It is never printed.
///
/// ```
/// use crc_core::{Secret, SecretError};
///
/// let secret = Secret::new("correct horse battery staple")?;
/// assert_eq!(format!("{secret:?}"), "Secret");
/// assert_eq!(Secret::new("short"), Err(SecretError { len: 5 }));
/// # Ok::<(), SecretError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<[u8]>);

/// A secret is too short or too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret has {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes, not {len}")]
pub struct SecretError {
    /// Its length in bytes.
    pub len: usize,
}

impl Secret {
    /// A secret of these bytes.
    ///
    /// # Errors
    ///
    /// If there are fewer than [`SECRET_BYTES_MIN`] or more than [`SECRET_BYTES_MAX`].
    pub fn new(bytes: impl AsRef<[u8]>) -> Result<Self, SecretError> {
        let bytes = bytes.as_ref();
        match bytes.len() {
            SECRET_BYTES_MIN..=SECRET_BYTES_MAX => Ok(Secret(bytes.into())),
            len => Err(SecretError { len }),
        }
    }

    /// The bytes, for a recording.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Which of two servers may dial the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LinkDirection {
    /// Either.
    #[default]
    Both,
    /// This server dials.
    Dial,
    /// This server is dialled.
    Accept,
}

/// A server that this one links to: if both prove that they hold the secret, or by its address
/// alone, as v1 servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkConfig {
    /// The server's name; `None` for every server that has no entry of its own.
    pub name: Option<Name<'static>>,
    /// Where this server dials it. The server there must be this one.
    pub address: Option<PeerAddress>,
    /// What both know; `None` for a v1 server.
    pub secret: Option<Secret>,
    /// Who may dial.
    pub direction: LinkDirection,
}

impl LinkConfig {
    /// Whether this is the entry of a server that is called `name`, and not that of all
    /// servers.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.name.as_ref().is_some_and(|own| own.as_str() == name)
    }
}

/// The entry for a server that is called `name` and is dialled by this one, or dials it:
/// its own before that of all servers.
fn entry<'a>(links: &'a [LinkConfig], name: &str, not: LinkDirection) -> Option<&'a LinkConfig> {
    let mut suitable = links.iter().filter(|link| link.direction != not);
    let own = suitable.clone().find(|link| link.is_named(name));
    own.or_else(|| suitable.find(|link| link.name.is_none()))
}

/// The entry for a server that dials this one.
pub(crate) fn entry_for_accepted<'a>(
    links: &'a [LinkConfig],
    name: &str,
) -> Option<&'a LinkConfig> {
    entry(links, name, LinkDirection::Dial)
}

/// The entry for a server that this one has dialled at `to`, and that calls itself `name`.
/// `Err`: another server was expected there.
pub(crate) fn entry_for_dialled<'a>(
    links: &'a [LinkConfig],
    to: Option<&PeerAddress>,
    name: &str,
) -> Result<Option<&'a LinkConfig>, &'a LinkConfig> {
    let at = |link: &&LinkConfig| link.address.is_some() && link.address.as_ref() == to;
    let mut there = links.iter().filter(at).peekable();
    let Some(first) = there.peek().copied() else {
        return Ok(entry(links, name, LinkDirection::Accept));
    };
    let fits = |link: &&LinkConfig| link.name.is_none() || link.is_named(name);
    there.find(fits).map(Some).ok_or(first)
}

/// A number that was never used before and that strangers cannot foresee.
pub(crate) type Nonce = [u8; PROOF_BYTES];

/// Draws nonces. They are unforeseeable as long as the key is secret, whatever the seed
/// of all other random decisions is.
#[derive(Debug)]
pub(crate) struct Nonces {
    key: [u8; PROOF_BYTES],
    drawn: u64,
}

impl Nonces {
    pub(crate) const fn new(key: [u8; PROOF_BYTES]) -> Nonces {
        Nonces { key, drawn: 0 }
    }

    pub(crate) fn draw(&mut self) -> Nonce {
        self.drawn += 1;
        let mac = keyed(&self.key).chain_update(self.drawn.to_be_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// A server as the two ends of a link know it, and the nonce that it has drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Party<'a> {
    pub(crate) id: HostId,
    pub(crate) name: &'a str,
    pub(crate) nonce: &'a Nonce,
}

/// Which of the two proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prover {
    Dialler = 0,
    Acceptor = 1,
}

/// What both servers know of their link as they prove its secret.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exchange<'a> {
    pub(crate) dialler: Party<'a>,
    pub(crate) acceptor: Party<'a>,
    /// What only the two ends of this very connection know, if it is encrypted.
    pub(crate) binding: Option<&'a [u8; PROOF_BYTES]>,
}

impl Exchange<'_> {
    /// What one of the two proves.
    pub(crate) fn proof(&self, secret: &Secret, prover: Prover) -> [u8; PROOF_BYTES] {
        self.mac(secret, prover).finalize().into_bytes().into()
    }

    /// Whether a proof is the right one. Takes the same time wherever it differs.
    pub(crate) fn is_proof(
        &self,
        proof: &[u8; PROOF_BYTES],
        secret: &Secret,
        prover: Prover,
    ) -> bool {
        self.mac(secret, prover).verify(proof.into()).is_ok()
    }

    fn mac(&self, secret: &Secret, prover: Prover) -> Hmac<Sha256> {
        let mut mac = keyed(&secret.0);
        mac.update(LABEL);
        mac.update(&[prover as u8]);
        for party in [self.dialler, self.acceptor] {
            mac.update(&party.id.get().to_be_bytes());
            mac.update(party.nonce);
            let len = u8::try_from(party.name.len()).unwrap_or(u8::MAX);
            mac.update(&[len]);
            mac.update(party.name.as_bytes());
        }
        match self.binding {
            None => mac.update(&[0]),
            Some(binding) => {
                mac.update(&[1]);
                mac.update(binding);
            }
        }
        mac
    }
}

/// A keyed hash.
pub(crate) fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("a key of any length is accepted")
}
