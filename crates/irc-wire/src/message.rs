//! A message and its parts.
//!
//! Every value can be encoded: parameters are checked when they are added, prefixes
//! when they are made. This module knows the grammar, not the meaning of commands.

use alloc::boxed::Box;
use core::fmt;

use crate::command::Command;
use crate::parse::MessageError;
use crate::tags::Tags;

/// A message. It borrows from the line that it was parsed from, or from the parts
/// that it was made of.
///
/// Two messages are equal even if the case of the command differs, or the colon in
/// front of the last parameter.
///
/// ```
/// use irc_wire::{Message, Verb};
///
/// let message = Message::parse(b":ann!a@host PRIVMSG #reef :Hi all")?;
/// assert_eq!(message.prefix.map(|prefix| prefix.name()), Some(&b"ann"[..]));
/// assert_eq!(message.command, Verb::Privmsg);
/// assert_eq!(message.params.as_slice(), [&b"#reef"[..], b"Hi all"]);
/// # Ok::<(), irc_wire::MessageError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Message<'a> {
    /// IRCv3 message tags.
    pub tags: Tags<'a>,
    /// The source of the message, if it has one.
    pub prefix: Option<Prefix<'a>>,
    /// The command.
    pub command: Command<'a>,
    /// The parameters of the command.
    pub params: Params<'a>,
}

impl<'a> Message<'a> {
    /// Returns a message without tags, prefix and parameters.
    #[must_use]
    pub fn new(command: impl Into<Command<'a>>) -> Self {
        Message {
            tags: Tags::NONE,
            prefix: None,
            command: command.into(),
            params: Params::new(),
        }
    }

    /// Returns the same message with this prefix.
    #[must_use]
    pub fn with_prefix(mut self, prefix: Prefix<'a>) -> Self {
        self.prefix = Some(prefix);
        self
    }

    /// Returns the same message with another parameter.
    ///
    /// # Errors
    ///
    /// The errors of [`Params::push`].
    pub fn param<T: AsRef<[u8]> + ?Sized>(mut self, param: &'a T) -> Result<Self, ParamError> {
        self.params.push(param.as_ref())?;
        Ok(self)
    }

    /// Returns the same message with another parameter as the last one. The encoder
    /// writes a colon in front of it, even if it needs none.
    ///
    /// # Errors
    ///
    /// The errors of [`Params::push`].
    pub fn trailing<T: AsRef<[u8]> + ?Sized>(mut self, param: &'a T) -> Result<Self, ParamError> {
        self.params.push(param.as_ref())?;
        self.params.force_colon();
        Ok(self)
    }

    /// Returns a copy that borrows nothing.
    #[must_use]
    pub fn to_owned_message(&self) -> OwnedMessage {
        let mut line = self.to_vec();
        line.truncate(line.len() - 2);
        OwnedMessage(line.into())
    }
}

impl<'a> TryFrom<&'a [u8]> for Message<'a> {
    type Error = MessageError;

    fn try_from(line: &'a [u8]) -> Result<Self, MessageError> {
        Message::parse(line)
    }
}

impl<'a> TryFrom<&'a str> for Message<'a> {
    type Error = MessageError;

    fn try_from(line: &'a str) -> Result<Self, MessageError> {
        Message::parse(line.as_bytes())
    }
}

/// A message that borrows nothing: its line, in a box.
///
/// ```
/// use irc_wire::Message;
///
/// let kept = Message::parse(b"join #reef")?.to_owned_message();
/// assert_eq!(kept.line(), b"JOIN #reef");
/// assert_eq!(kept.message().params.get(0), Some(&b"#reef"[..]));
/// # Ok::<(), irc_wire::MessageError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OwnedMessage(Box<[u8]>);

impl OwnedMessage {
    /// Returns the message. Parses the line again.
    #[must_use]
    pub fn message(&self) -> Message<'_> {
        Message::parse(&self.0).expect("the line is an encoded message")
    }

    /// Returns the line of the message, without CR LF.
    #[must_use]
    pub fn line(&self) -> &[u8] {
        &self.0
    }
}

impl From<&Message<'_>> for OwnedMessage {
    fn from(message: &Message<'_>) -> Self {
        message.to_owned_message()
    }
}

impl fmt::Debug for OwnedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message().fmt(f)
    }
}

/// The source of a message: `name`, `name!user`, `name@host` or `name!user@host`.
///
/// A name alone is a server or a nick; the grammar does not tell which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix<'a> {
    name: &'a [u8],
    user: Option<&'a [u8]>,
    host: Option<&'a [u8]>,
}

/// Bytes are no [`Prefix`]: the name is empty, or a part holds a space, NUL, CR, LF,
/// or the character that ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed prefix")]
pub struct PrefixError;

impl<'a> Prefix<'a> {
    /// Returns the prefix of a server, or of a nick without user name and host.
    ///
    /// # Errors
    ///
    /// Returns [`PrefixError`] if the name is empty or holds `!`, `@`, a space, NUL, CR
    /// or LF.
    pub fn new<T: AsRef<[u8]> + ?Sized>(name: &'a T) -> Result<Self, PrefixError> {
        Prefix::checked(name.as_ref(), None, None)
    }

    /// Returns the prefix `nick!user@host`.
    ///
    /// # Errors
    ///
    /// Returns [`PrefixError`] if the nick is no name as in [`new`](Self::new), if the
    /// user name holds `@`, or if one of them holds a space, NUL, CR or LF.
    ///
    /// ```
    /// use irc_wire::Prefix;
    ///
    /// let ann = Prefix::from_parts("ann", "a", "127.0.0.1")?;
    /// assert_eq!(Prefix::parse(b"ann!a@127.0.0.1"), Ok(ann));
    /// assert!(Prefix::from_parts("an n", "a", "127.0.0.1").is_err());
    /// # Ok::<(), irc_wire::PrefixError>(())
    /// ```
    pub fn from_parts<N, U, H>(nick: &'a N, user: &'a U, host: &'a H) -> Result<Self, PrefixError>
    where
        N: AsRef<[u8]> + ?Sized,
        U: AsRef<[u8]> + ?Sized,
        H: AsRef<[u8]> + ?Sized,
    {
        Prefix::checked(nick.as_ref(), Some(user.as_ref()), Some(host.as_ref()))
    }

    /// Checks each part.
    pub(crate) fn checked(
        name: &'a [u8],
        user: Option<&'a [u8]>,
        host: Option<&'a [u8]>,
    ) -> Result<Self, PrefixError> {
        let in_host = |byte: &u8| !matches!(byte, b' ' | 0 | b'\r' | b'\n');
        let in_user = |byte: &u8| in_host(byte) && *byte != b'@';
        let in_name = |byte: &u8| in_user(byte) && *byte != b'!';
        let good = !name.is_empty()
            && name.iter().all(in_name)
            && user.unwrap_or_default().iter().all(in_user)
            && host.unwrap_or_default().iter().all(in_host);
        match good {
            true => Ok(Prefix { name, user, host }),
            false => Err(PrefixError),
        }
    }

    /// Parses a prefix without the colon in front of it.
    ///
    /// # Errors
    ///
    /// Returns [`PrefixError`] if `bytes` are no prefix.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, PrefixError> {
        match bytes
            .iter()
            .any(|byte| matches!(byte, b' ' | 0 | b'\r' | b'\n'))
        {
            true => Err(PrefixError),
            false => Prefix::from_wire(bytes),
        }
    }

    /// Parses the bytes between the colon and the space of a line.
    #[inline]
    pub(crate) fn from_wire(bytes: &'a [u8]) -> Result<Self, PrefixError> {
        let (rest, host) = split(bytes, b'@');
        let (name, user) = split(rest, b'!');
        match name {
            [] => Err(PrefixError),
            _ => Ok(Prefix { name, user, host }),
        }
    }

    /// Returns the server's name or the nick. Never empty.
    #[must_use]
    pub const fn name(self) -> &'a [u8] {
        self.name
    }

    /// Returns the user name, which follows the `!`.
    #[must_use]
    pub const fn user(self) -> Option<&'a [u8]> {
        self.user
    }

    /// Returns the host, which follows the `@`.
    #[must_use]
    pub const fn host(self) -> Option<&'a [u8]> {
        self.host
    }
}

impl<'a> TryFrom<&'a [u8]> for Prefix<'a> {
    type Error = PrefixError;

    fn try_from(bytes: &'a [u8]) -> Result<Self, PrefixError> {
        Prefix::parse(bytes)
    }
}

impl<'a> TryFrom<&'a str> for Prefix<'a> {
    type Error = PrefixError;

    fn try_from(text: &'a str) -> Result<Self, PrefixError> {
        Prefix::parse(text.as_bytes())
    }
}

/// Writes the prefix without a colon, with U+FFFD for what is not UTF-8.
impl fmt::Display for Prefix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::text::lossy(self.name))?;
        if let Some(user) = self.user {
            write!(f, "!{}", crate::text::lossy(user))?;
        }
        if let Some(host) = self.host {
            write!(f, "@{}", crate::text::lossy(host))?;
        }
        Ok(())
    }
}

/// Splits `bytes` at the first `mark`, if there is one.
#[inline]
fn split(bytes: &[u8], mark: u8) -> (&[u8], Option<&[u8]>) {
    let at = bytes.iter().position(|&byte| byte == mark);
    match at.and_then(|at| bytes.split_at_checked(at)) {
        Some((before, behind)) => (before, behind.get(1..)),
        None => (bytes, None),
    }
}

/// The parameters of a message: at most [`MAX`](Self::MAX).
///
/// All but the last are middle parameters: they are not empty, hold no space, and do
/// not begin with a colon. The last holds any bytes but NUL, CR and LF. The encoder
/// writes a colon in front of it if it is no middle parameter, if the parsed line
/// had one, or if the caller [forces](Self::force_colon) it. Two lists that differ
/// only in the colon are equal.
#[derive(Clone, Copy)]
pub struct Params<'a> {
    list: [&'a [u8]; Params::MAX],
    len: u8,
    colon: bool,
}

/// A parameter cannot be added to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParamError {
    /// It holds NUL, CR or LF.
    #[error("parameter holds byte {0:#04x}")]
    ForbiddenByte(u8),
    /// The parameter before it is empty, holds a space, or begins with a colon: it can
    /// only be the last.
    #[error("parameter follows one that can only be the last")]
    NotMiddle,
    /// The message has [`Params::MAX`] parameters.
    #[error("too many parameters, limit {}", Params::MAX)]
    TooMany,
}

impl<'a> Params<'a> {
    /// The most parameters of a message.
    pub const MAX: usize = 15;

    /// Returns an empty list.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Params {
            list: [&[]; Params::MAX],
            len: 0,
            colon: false,
        }
    }

    /// Adds a parameter.
    ///
    /// # Errors
    ///
    /// Returns [`ParamError`], and leaves the list as it is, if the grammar does not
    /// allow the parameter there.
    ///
    /// ```
    /// use irc_wire::{ParamError, Params};
    ///
    /// let mut params = Params::new();
    /// params.push(b"#reef")?;
    /// params.push(b"Hi all")?;
    /// assert_eq!(params.push(b"more"), Err(ParamError::NotMiddle));
    /// # Ok::<(), ParamError>(())
    /// ```
    pub fn push(&mut self, param: &'a [u8]) -> Result<(), ParamError> {
        if let Some(byte) = forbidden(param) {
            return Err(ParamError::ForbiddenByte(byte));
        }
        if self.len() == Params::MAX {
            return Err(ParamError::TooMany);
        }
        if self.last().is_some_and(|last| !is_middle(last)) {
            return Err(ParamError::NotMiddle);
        }
        self.push_from_wire(param, false);
        Ok(())
    }

    /// Adds a parameter of a parsed line. Drops one beyond the limit; the parser adds
    /// none.
    #[inline]
    pub(crate) fn push_from_wire(&mut self, param: &'a [u8], colon: bool) {
        if let Some(place) = self.list.get_mut(usize::from(self.len)) {
            *place = param;
            self.len += 1;
            self.colon = colon;
        }
    }

    /// Makes the encoder write a colon in front of the last parameter. Adding another
    /// parameter undoes this. Without parameters it does nothing.
    pub fn force_colon(&mut self) {
        self.colon = true;
    }

    /// Returns whether the encoder writes a colon in front of the last parameter.
    #[inline]
    #[must_use]
    pub fn has_colon(&self) -> bool {
        match self.last() {
            Some(last) => self.colon || !is_middle(last),
            None => false,
        }
    }

    /// Returns all parameters.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[&'a [u8]] {
        self.list.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Returns the parameter `at`, counted from 0.
    #[inline]
    #[must_use]
    pub fn get(&self, at: usize) -> Option<&'a [u8]> {
        self.as_slice().get(at).copied()
    }

    /// Returns the last parameter.
    #[inline]
    #[must_use]
    pub fn last(&self) -> Option<&'a [u8]> {
        self.as_slice().last().copied()
    }

    /// Returns the number of parameters.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Returns whether there are no parameters.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the parameters in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator + '_ {
        self.as_slice().iter().copied()
    }
}

impl<'a> AsRef<[&'a [u8]]> for Params<'a> {
    fn as_ref(&self) -> &[&'a [u8]] {
        self.as_slice()
    }
}

impl<'p, 'a> IntoIterator for &'p Params<'a> {
    type Item = &'a [u8];
    type IntoIter = core::iter::Copied<core::slice::Iter<'p, &'a [u8]>>;

    fn into_iter(self) -> Self::IntoIter {
        self.as_slice().iter().copied()
    }
}

impl Default for Params<'_> {
    fn default() -> Self {
        Params::new()
    }
}

impl PartialEq for Params<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Params<'_> {}

impl core::hash::Hash for Params<'_> {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

impl fmt::Debug for Params<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let params = self.iter().map(crate::text::lossy);
        f.debug_list().entries(params).finish()
    }
}

/// Returns whether another parameter may follow `param`.
#[inline]
pub(crate) fn is_middle(param: &[u8]) -> bool {
    match param.first() {
        None | Some(b':') => false,
        Some(_) => memchr::memchr(b' ', param).is_none(),
    }
}

/// Returns the first byte that no line may hold: NUL, CR or LF.
#[inline]
pub(crate) fn forbidden(bytes: &[u8]) -> Option<u8> {
    let at = memchr::memchr3(0, b'\r', b'\n', bytes)?;
    bytes.get(at).copied()
}
