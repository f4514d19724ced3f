//! What a peer says to the directory: the address that it listens on, once.

use std::net::SocketAddr;

use super::CodecError;
use super::grammar::find_address;
use super::partial::PartialMessage;

/// Finds the address that a peer registers in the stream that it sends.
///
/// ```
/// use crc_rendezvous::RegistrationDecoder;
///
/// let mut decoder = RegistrationDecoder::new();
/// assert_eq!(decoder.push(b"127.0.0.1:80"), Ok(None));
/// // Nothing more comes: that seems to be all.
/// assert_eq!(decoder.pause(), Some("127.0.0.1:80".parse()?));
/// // It was not.
/// assert_eq!(decoder.push(b"80\n"), Ok(Some("127.0.0.1:8080".parse()?)));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug, Default)]
pub struct RegistrationDecoder {
    partial: PartialMessage,
    /// What was told after a pause.
    guessed: Option<SocketAddr>,
    whole: bool,
}

impl RegistrationDecoder {
    /// A decoder at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the stream; returns the address when it is known,
    /// and again when it turns out to be another one.
    ///
    /// # Errors
    ///
    /// [`CodecError`] when this is no address, or more than one.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<SocketAddr>, CodecError> {
        let mut input = bytes;
        let mut news = None;
        if !self.whole {
            let found = self.partial.next(&mut input, find_address);
            let Some(address) = found.map_err(|_| CodecError::InvalidAddress)? else {
                return Ok(None);
            };
            self.whole = true;
            news = (self.guessed != Some(address)).then_some(address);
        }
        if super::grammar::leading_spaces(input) < input.len() {
            return Err(CodecError::TrailingBytes);
        }
        Ok(news)
    }

    /// Whether [`pause`](Self::pause) would tell something new.
    #[must_use]
    pub fn needs_pause(&self) -> bool {
        self.guess().is_some()
    }

    /// Notes that nothing has come for a while; returns the address if what came
    /// is one.
    pub fn pause(&mut self) -> Option<SocketAddr> {
        let address = self.guess()?;
        self.guessed = Some(address);
        Some(address)
    }

    fn guess(&self) -> Option<SocketAddr> {
        let guess = self.partial.guess(find_address);
        guess.filter(|address| self.guessed != Some(*address))
    }

    /// How many bytes are kept.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.partial.len()
    }
}
