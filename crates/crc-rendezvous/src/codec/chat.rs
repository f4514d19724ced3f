//! Messages between peers: the greeting of the peer that has dialled, then lines in
//! both directions.

use std::net::SocketAddr;

use super::CodecError;
use super::grammar::find_hello;
use super::partial::PartialMessage;

/// A message from another peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerMessage {
    /// The greeting, with the address that the peer listens on. Returned again when a
    /// pause had ended it too early.
    Hello(SocketAddr),
    /// A line without its line break, never empty.
    Text(String),
}

/// Decodes the stream of another peer: a greeting and lines.
///
/// The greeting needs no newline, a line does: v1 peers send no lines. Empty lines are
/// ignored.
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
    /// The greeting that a pause has ended.
    guessed: Option<SocketAddr>,
    has_hello: bool,
    line: Vec<u8>,
}

impl ChatDecoder {
    /// For the stream of a peer that has dialled. It begins with a greeting.
    #[must_use]
    pub fn with_hello() -> Self {
        ChatDecoder {
            partial: PartialMessage::default(),
            guessed: None,
            has_hello: false,
            line: Vec::new(),
        }
    }

    /// For the stream of a peer that was dialled. It contains lines only.
    #[must_use]
    pub fn without_hello() -> Self {
        ChatDecoder {
            has_hello: true,
            ..Self::with_hello()
        }
    }

    /// Decodes the next message and advances `input` behind it. `Ok(None)` means that
    /// more bytes are needed; all of `input` is consumed then. A line has at most
    /// `text_bytes_max` bytes without its line break.
    ///
    /// # Errors
    ///
    /// [`CodecError`] when the greeting is invalid, or a line is too long or not UTF-8.
    pub fn next(
        &mut self,
        input: &mut &[u8],
        text_bytes_max: usize,
    ) -> Result<Option<PeerMessage>, CodecError> {
        if !self.has_hello {
            let found = self.partial.next(input, find_hello);
            let Some(address) = found.map_err(|_| CodecError::InvalidHello)? else {
                return Ok(None);
            };
            self.has_hello = true;
            if self.guessed != Some(address) {
                return Ok(Some(PeerMessage::Hello(address)));
            }
        }
        loop {
            let end = input.iter().position(|&byte| byte == b'\n');
            let (part, rest) = input.split_at(end.unwrap_or(input.len()));
            // One byte more than the limit, for a carriage return.
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
            if let Some(message) = self.take_line(text_bytes_max)? {
                return Ok(Some(message));
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

    /// Whether [`pause`](Self::pause) would return a message.
    #[must_use]
    pub fn needs_pause(&self) -> bool {
        self.guess().is_some()
    }

    /// No byte has arrived for a while. Returns the greeting, if it is complete without
    /// further bytes.
    pub fn pause(&mut self) -> Option<PeerMessage> {
        let address = self.guess()?;
        self.guessed = Some(address);
        Some(PeerMessage::Hello(address))
    }

    /// The stream has ended. Returns the last message, if it has no newline.
    ///
    /// # Errors
    ///
    /// [`CodecError`] when a line is not UTF-8.
    pub fn end(&mut self, text_bytes_max: usize) -> Result<Option<PeerMessage>, CodecError> {
        match self.pause() {
            None => self.take_line(text_bytes_max),
            hello => Ok(hello),
        }
    }

    fn guess(&self) -> Option<SocketAddr> {
        if self.has_hello {
            return None;
        }
        let guess = self.partial.guess(find_hello);
        guess.filter(|address| self.guessed != Some(*address))
    }

    /// The number of buffered bytes of incomplete messages.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.partial.len() + self.line.len()
    }
}
