//! The registration of a peer with the directory: one address.

use std::net::SocketAddr;

use super::CodecError;
use super::grammar::find_address;
use super::partial::PartialMessage;

/// Decodes the registration of a peer: its address.
///
/// ```
/// use crc_rendezvous::RegistrationDecoder;
///
/// let mut decoder = RegistrationDecoder::new();
/// assert_eq!(decoder.push(b"127.0.0.1:80"), Ok(None));
/// // No more bytes arrive: the address seems to be complete.
/// assert_eq!(decoder.pause(), Some("127.0.0.1:80".parse()?));
/// // It was not: the address is corrected.
/// assert_eq!(decoder.push(b"80\n"), Ok(Some("127.0.0.1:8080".parse()?)));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug, Default)]
pub struct RegistrationDecoder {
    partial: PartialMessage,
    /// The address that a pause has ended.
    guessed: Option<SocketAddr>,
    complete: bool,
}

impl RegistrationDecoder {
    /// A decoder at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes the next bytes. Returns the address when it is complete, and again when
    /// a pause had ended it too early.
    ///
    /// # Errors
    ///
    /// [`CodecError`] when the bytes are not one address.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<SocketAddr>, CodecError> {
        let mut input = bytes;
        let mut changed = None;
        if !self.complete {
            let found = self.partial.next(&mut input, find_address);
            let Some(address) = found.map_err(|_| CodecError::InvalidAddress)? else {
                return Ok(None);
            };
            self.complete = true;
            changed = (self.guessed != Some(address)).then_some(address);
        }
        if super::grammar::leading_spaces(input) < input.len() {
            return Err(CodecError::TrailingBytes);
        }
        Ok(changed)
    }

    /// Whether [`pause`](Self::pause) would return an address.
    #[must_use]
    pub fn needs_pause(&self) -> bool {
        self.guess().is_some()
    }

    /// No byte has arrived for a while. Returns the address, if it is complete without
    /// further bytes.
    pub fn pause(&mut self) -> Option<SocketAddr> {
        let address = self.guess()?;
        self.guessed = Some(address);
        Some(address)
    }

    fn guess(&self) -> Option<SocketAddr> {
        let guess = self.partial.guess(find_address);
        guess.filter(|address| self.guessed != Some(*address))
    }

    /// The number of buffered bytes.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.partial.len()
    }
}
