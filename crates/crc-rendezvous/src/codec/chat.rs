//! What peers say to each other: who dials says who it is, then both say lines.

use std::net::SocketAddr;

use super::CodecError;
use super::grammar::find_hello;
use super::partial::PartialMessage;

/// What a peer says to another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerMessage {
    /// Who it is: the address that it listens on. Told again when it turns out to
    /// be another one.
    Hello(SocketAddr),
    /// A line, without its end; never empty.
    Text(String),
}

/// Finds a greeting and lines in the stream that a peer sends.
///
/// The greeting needs no newline behind it, a line does: original peers say no
/// lines. Empty lines mean nothing.
///
/// ```
/// use crc_rendezvous::{ChatDecoder, PeerMessage};
///
/// let mut decoder = ChatDecoder::with_hello();
/// let mut input = &b"Hello from:127.0.0.1:80\nGood morning!\r\n"[..];
/// let hello = PeerMessage::Hello("127.0.0.1:80".parse()?);
/// assert_eq!(decoder.next(&mut input, 100), Ok(Some(hello)));
/// let text = PeerMessage::Text("Good morning!".to_owned());
/// assert_eq!(decoder.next(&mut input, 100), Ok(Some(text)));
/// assert_eq!(decoder.next(&mut input, 100), Ok(None));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug)]
pub struct ChatDecoder {
    partial: PartialMessage,
    /// The greeting that was told after a pause.
    guessed: Option<SocketAddr>,
    greeted: bool,
    line: Vec<u8>,
}

impl ChatDecoder {
    /// For the stream of a peer that has dialled: it begins with a greeting.
    #[must_use]
    pub fn with_hello() -> Self {
        ChatDecoder {
            partial: PartialMessage::default(),
            guessed: None,
            greeted: false,
            line: Vec::new(),
        }
    }

    /// For the stream of a peer that was dialled: there are lines only.
    #[must_use]
    pub fn without_hello() -> Self {
        ChatDecoder {
            greeted: true,
            ..Self::with_hello()
        }
    }

    /// Takes what the peer says next, advancing `input` over the bytes used.
    /// `Ok(None)` says that more bytes are needed; all of `input` is used then. A
    /// line may have `text_bytes_max` bytes without its end.
    ///
    /// # Errors
    ///
    /// [`CodecError`] when this is no greeting, too long a line, or no text.
    pub fn next(
        &mut self,
        input: &mut &[u8],
        text_bytes_max: usize,
    ) -> Result<Option<PeerMessage>, CodecError> {
        if !self.greeted {
            let found = self.partial.next(input, find_hello);
            let Some(address) = found.map_err(|_| CodecError::InvalidHello)? else {
                return Ok(None);
            };
            self.greeted = true;
            if self.guessed != Some(address) {
                return Ok(Some(PeerMessage::Hello(address)));
            }
        }
        loop {
            let end = input.iter().position(|&byte| byte == b'\n');
            let (part, rest) = input.split_at(end.unwrap_or(input.len()));
            // One more than may be, for the carriage return that may stand there.
            if self.line.len() + part.len() > text_bytes_max.saturating_add(1) {
                return Err(CodecError::TextTooLong {
                    max: text_bytes_max,
                });
            }
            self.line.extend_from_slice(part);
            *input = rest.get(1..).unwrap_or_default();
            if end.is_none() {
                return Ok(None);
            }
            if let Some(said) = self.take_line(text_bytes_max)? {
                return Ok(Some(said));
            }
        }
    }

    fn take_line(&mut self, text_bytes_max: usize) -> Result<Option<PeerMessage>, CodecError> {
        let mut line = core::mem::take(&mut self.line);
        line.pop_if(|last| *last == b'\r');
        if line.len() > text_bytes_max {
            let max = text_bytes_max;
            return Err(CodecError::TextTooLong { max });
        }
        let text = String::from_utf8(line).map_err(|_| CodecError::NotUtf8)?;
        Ok((!text.is_empty()).then_some(PeerMessage::Text(text)))
    }

    /// Whether [`pause`](Self::pause) would tell something new.
    #[must_use]
    pub fn needs_pause(&self) -> bool {
        self.guess().is_some()
    }

    /// Notes that nothing has come for a while; returns the greeting if what came
    /// is one.
    pub fn pause(&mut self) -> Option<PeerMessage> {
        let address = self.guess()?;
        self.guessed = Some(address);
        Some(PeerMessage::Hello(address))
    }

    /// Notes that the stream has ended; returns what was said last if its newline
    /// never came.
    ///
    /// # Errors
    ///
    /// [`CodecError`] when that is no text.
    pub fn end(&mut self, text_bytes_max: usize) -> Result<Option<PeerMessage>, CodecError> {
        match self.pause() {
            None => self.take_line(text_bytes_max),
            hello => Ok(hello),
        }
    }

    fn guess(&self) -> Option<SocketAddr> {
        if self.greeted {
            return None;
        }
        let guess = self.partial.guess(find_hello);
        guess.filter(|address| self.guessed != Some(*address))
    }

    /// How many bytes are kept of what is not whole.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.partial.len() + self.line.len()
    }
}
