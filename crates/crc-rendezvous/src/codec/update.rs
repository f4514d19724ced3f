//! What the directory says to a peer: lists, and that it is over.

use std::net::SocketAddr;

use super::CodecError;
use super::grammar::{Input, Token, find_token};
use super::partial::PartialMessage;

/// What a directory says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// The peers that are connected, in the order in which they joined.
    List(Vec<SocketAddr>),
    /// The directory closes, and peers should end.
    Teardown,
}

/// Finds a directory's lists in the stream that it sends.
///
/// Nothing marks the end of a list. It is told when the next message begins or
/// when nothing more came for a while; and told again, longer, when more comes
/// after all.
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
    /// The list that is being given.
    list: Option<Vec<SocketAddr>>,
    /// Whether it is another one than was told last.
    untold: bool,
    /// Whether its last address is a guess that is still in the tail.
    guessed: bool,
    end: End,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Not said.
    #[default]
    Open,
    /// PeerMessage, and still to be told.
    PeerMessage,
    /// Told. What follows means nothing.
    Told,
}

impl UpdateDecoder {
    /// A decoder at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next update of the stream, advancing `input` over the bytes used.
    /// `Ok(None)` says that more bytes or a pause are needed; all of `input` is
    /// used then. A list may have `peers_max` addresses.
    ///
    /// # Errors
    ///
    /// [`CodecError`] when this is no update.
    pub fn next(
        &mut self,
        input: &mut &[u8],
        peers_max: usize,
    ) -> Result<Option<Update>, CodecError> {
        loop {
            match self.end {
                End::Open => {}
                End::PeerMessage => {
                    self.end = End::Told;
                    return Ok(Some(Update::Teardown));
                }
                End::Told => {
                    *input = &[];
                    return Ok(None);
                }
            }
            let token = self.partial.next(input, find_token);
            let Some(token) = token.map_err(|_| CodecError::InvalidUpdate)? else {
                return Ok(None);
            };
            let told = match token {
                Token::List => {
                    let told = self.tell();
                    self.list = Some(Vec::new());
                    self.untold = true;
                    told
                }
                Token::Address(address) => {
                    self.append(address, peers_max)?;
                    None
                }
                Token::Teardown => {
                    self.end = End::PeerMessage;
                    self.tell()
                }
            };
            if told.is_some() {
                return Ok(told);
            }
        }
    }

    fn append(&mut self, address: SocketAddr, peers_max: usize) -> Result<(), CodecError> {
        let list = self.list.as_mut().ok_or(CodecError::AddressOutsideList)?;
        if core::mem::take(&mut self.guessed)
            && let Some(guess) = list.pop()
        {
            self.untold |= guess != address;
        } else {
            self.untold = true;
        }
        if list.len() >= peers_max {
            return Err(CodecError::ListTooLong { max: peers_max });
        }
        list.push(address);
        Ok(())
    }

    /// Whether [`pause`](Self::pause) would tell something new.
    #[must_use]
    pub fn needs_pause(&self) -> bool {
        self.end == End::Open && self.list.is_some() && (self.untold || self.guess().is_some())
    }

    /// Notes that nothing has come for a while; returns the list as it is now, if
    /// that has not been told.
    pub fn pause(&mut self, peers_max: usize) -> Option<Update> {
        if let Some(address) = self.guess()
            && self.append(address, peers_max).is_ok()
        {
            self.guessed = true;
        }
        self.tell()
    }

    fn guess(&self) -> Option<SocketAddr> {
        let address = |input: &[u8], state: Input| find_token(input, state);
        match self.partial.guess(address) {
            Some(Token::Address(address)) if !self.has_guessed(address) => Some(address),
            _ => None,
        }
    }

    /// Whether the list ends with `address` as a guess.
    fn has_guessed(&self, address: SocketAddr) -> bool {
        let last = self.list.as_ref().and_then(|list| list.last());
        self.guessed && last == Some(&address)
    }

    fn tell(&mut self) -> Option<Update> {
        let list = self.list.as_ref()?;
        core::mem::take(&mut self.untold).then(|| Update::List(list.clone()))
    }

    /// How many bytes are kept of messages that are not whole.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.partial.len()
    }
}
