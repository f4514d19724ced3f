//! Messages from the directory to a peer: lists and the teardown.

use std::net::SocketAddr;

use super::CodecError;
use super::grammar::{Input, Token, find_token};
use super::partial::PartialMessage;

/// A message from a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// The peers that are connected, in the order in which they joined.
    List(Vec<SocketAddr>),
    /// The directory stops, and peers are to stop too.
    Teardown,
}

/// Decodes the stream of a directory.
///
/// Nothing marks the end of a list. The decoder returns it when the next message begins
/// or after a pause, and returns it again, longer, when more addresses follow.
///
/// ```
/// use crc_rendezvous::{Update, UpdateDecoder};
///
/// let mut decoder = UpdateDecoder::new();
/// let mut input = &b"list:\n127.0.0.1:80list:\n127.0.0.1:80\n127.0.0.1:81\n"[..];
/// let one = vec!["127.0.0.1:80".parse()?];
/// let two = vec!["127.0.0.1:80".parse()?, "127.0.0.1:81".parse()?];
/// assert_eq!(decoder.next(&mut input, 100), Ok(Some(Update::List(one))));
/// assert_eq!(decoder.next(&mut input, 100), Ok(None));
/// assert_eq!(decoder.pause(100), Some(Update::List(two)));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug, Default)]
pub struct UpdateDecoder {
    partial: PartialMessage,
    /// The list so far.
    list: Option<Vec<SocketAddr>>,
    /// Whether it has changed since it was last returned.
    changed: bool,
    /// Whether its last address was ended by a pause and is still in the buffer.
    guessed: bool,
    teardown: Teardown,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Teardown {
    /// Not received.
    #[default]
    None,
    /// Received, and not returned yet.
    Received,
    /// Returned. Later bytes are ignored.
    Returned,
}

impl UpdateDecoder {
    /// A decoder at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes the next message and advances `input` behind it. `Ok(None)` means that
    /// more bytes or a pause are needed; all of `input` is consumed then. A list has at
    /// most `peers_max` addresses.
    ///
    /// # Errors
    ///
    /// [`CodecError`] when the stream is invalid.
    pub fn next(
        &mut self,
        input: &mut &[u8],
        peers_max: usize,
    ) -> Result<Option<Update>, CodecError> {
        loop {
            match self.teardown {
                Teardown::None => {}
                Teardown::Received => {
                    self.teardown = Teardown::Returned;
                    return Ok(Some(Update::Teardown));
                }
                Teardown::Returned => {
                    *input = &[];
                    return Ok(None);
                }
            }
            let token = self.partial.next(input, find_token);
            let Some(token) = token.map_err(|_| CodecError::InvalidUpdate)? else {
                return Ok(None);
            };
            let update = match token {
                Token::List => {
                    let update = self.take_list();
                    self.list = Some(Vec::new());
                    self.changed = true;
                    update
                }
                Token::Address(address) => {
                    self.append(address, peers_max)?;
                    None
                }
                Token::Teardown => {
                    self.teardown = Teardown::Received;
                    self.take_list()
                }
            };
            if update.is_some() {
                return Ok(update);
            }
        }
    }

    fn append(&mut self, address: SocketAddr, peers_max: usize) -> Result<(), CodecError> {
        let list = self.list.as_mut().ok_or(CodecError::AddressOutsideList)?;
        if core::mem::take(&mut self.guessed)
            && let Some(guess) = list.pop()
        {
            self.changed |= guess != address;
        } else {
            self.changed = true;
        }
        if list.len() >= peers_max {
            return Err(CodecError::ListTooLong { max: peers_max });
        }
        list.push(address);
        Ok(())
    }

    /// Whether [`pause`](Self::pause) would return a list.
    #[must_use]
    pub fn needs_pause(&self) -> bool {
        self.teardown == Teardown::None
            && self.list.is_some()
            && (self.changed || self.guess().is_some())
    }

    /// No byte has arrived for a while. Returns the list, if it has changed.
    pub fn pause(&mut self, peers_max: usize) -> Option<Update> {
        if let Some(address) = self.guess()
            && self.append(address, peers_max).is_ok()
        {
            self.guessed = true;
        }
        self.take_list()
    }

    fn guess(&self) -> Option<SocketAddr> {
        let address = |input: &[u8], state: Input| find_token(input, state);
        match self.partial.guess(address) {
            Some(Token::Address(address)) if !self.has_guessed(address) => Some(address),
            _ => None,
        }
    }

    /// Whether a pause has ended the list with `address`.
    fn has_guessed(&self, address: SocketAddr) -> bool {
        let last = self.list.as_ref().and_then(|list| list.last());
        self.guessed && last == Some(&address)
    }

    fn take_list(&mut self) -> Option<Update> {
        let list = self.list.as_ref()?;
        core::mem::take(&mut self.changed).then(|| Update::List(list.clone()))
    }

    /// The number of buffered bytes of incomplete messages.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.partial.len()
    }
}
