//! A message and what it is made of.
//!
//! A value that exists is a value that can be written: parameters are checked
//! when they are added, prefixes when they are made, and nothing later has to.
//! Knows the grammar and no command's meaning.

use alloc::boxed::Box;
use core::fmt;

use crate::command::Command;
use crate::parse::MessageError;
use crate::tags::Tags;

/// A message, borrowed from the line it came in, or from the parts it is to be
/// written of.
///
/// Two are equal that say the same, whether or not a colon stands in front of
/// the last parameter, and whatever the case of the command.
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
    /// Where it comes from, if it says so.
    pub prefix: Option<Prefix<'a>>,
    /// What it wants.
    pub command: Command<'a>,
    /// With what.
    pub params: Params<'a>,
}

impl<'a> Message<'a> {
    /// A message that is only a command.
    #[must_use]
    pub fn new(command: impl Into<Command<'a>>) -> Self {
        Message {
            tags: Tags::NONE,
            prefix: None,
            command: command.into(),
            params: Params::new(),
        }
    }

    /// The same message with a prefix.
    #[must_use]
    pub fn with_prefix(mut self, prefix: Prefix<'a>) -> Self {
        self.prefix = Some(prefix);
        self
    }

    /// The same message with one parameter more.
    ///
    /// # Errors
    ///
    /// As [`Params::push`].
    pub fn param<T: AsRef<[u8]> + ?Sized>(mut self, param: &'a T) -> Result<Self, ParamError> {
        self.params.push(param.as_ref())?;
        Ok(self)
    }

    /// The same message with one parameter more, the last, behind a colon whether
    /// or not it needs one.
    ///
    /// # Errors
    ///
    /// As [`Params::push`].
    pub fn trailing<T: AsRef<[u8]> + ?Sized>(mut self, param: &'a T) -> Result<Self, ParamError> {
        self.params.push(param.as_ref())?;
        self.params.force_colon();
        Ok(self)
    }

    /// A copy that borrows nothing.
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
    /// The message. It is parsed again, which costs little.
    #[must_use]
    pub fn message(&self) -> Message<'_> {
        Message::parse(&self.0).expect("the line was written from a message")
    }

    /// Its line, without CR LF.
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

/// Where a message comes from: `name`, `name!user`, `name@host` or
/// `name!user@host`.
///
/// A bare name is a server's or a nick; only the network knows which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix<'a> {
    name: &'a [u8],
    user: Option<&'a [u8]>,
    host: Option<&'a [u8]>,
}

/// The bytes are no prefix, or can't be written as one: a part holds a space, NUL,
/// CR or LF, or what ends it; or the name is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a prefix")]
pub struct PrefixError;

impl<'a> Prefix<'a> {
    /// A server, or a nick: neither empty nor with `!`, `@`, a space, NUL, CR or LF.
    ///
    /// # Errors
    ///
    /// [`PrefixError`] if it is.
    pub fn new<T: AsRef<[u8]> + ?Sized>(name: &'a T) -> Result<Self, PrefixError> {
        Prefix::checked(name.as_ref(), None, None)
    }

    /// A user with nick, user name and host: what other clients are shown. The
    /// user name must have no `@`, and none of them a space, NUL, CR or LF.
    ///
    /// # Errors
    ///
    /// [`PrefixError`] if one has, or if the nick is no name as in [`new`](Self::new).
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

    /// Any parts, each checked.
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

    /// The prefix that `bytes` spell, without the colon of a message.
    ///
    /// # Errors
    ///
    /// [`PrefixError`] if they are none.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, PrefixError> {
        match bytes
            .iter()
            .any(|byte| matches!(byte, b' ' | 0 | b'\r' | b'\n'))
        {
            true => Err(PrefixError),
            false => Prefix::from_wire(bytes),
        }
    }

    /// What stands between the colon and the space of a line.
    #[inline]
    pub(crate) fn from_wire(bytes: &'a [u8]) -> Result<Self, PrefixError> {
        let (rest, host) = split(bytes, b'@');
        let (name, user) = split(rest, b'!');
        match name {
            [] => Err(PrefixError),
            _ => Ok(Prefix { name, user, host }),
        }
    }

    /// The server's name, or the nick. Not empty.
    #[must_use]
    pub const fn name(self) -> &'a [u8] {
        self.name
    }

    /// What stands between `!` and `@`.
    #[must_use]
    pub const fn user(self) -> Option<&'a [u8]> {
        self.user
    }

    /// What stands behind `@`.
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

/// What stands before and behind the first `mark`, if there is one.
#[inline]
fn split(bytes: &[u8], mark: u8) -> (&[u8], Option<&[u8]>) {
    let at = bytes.iter().position(|&byte| byte == mark);
    match at.and_then(|at| bytes.split_at_checked(at)) {
        Some((before, behind)) => (before, behind.get(1..)),
        None => (bytes, None),
    }
}

/// The parameters of a message: [`MAX`](Self::MAX) at most.
///
/// All but the last are middle parameters: not empty, without spaces, and not
/// beginning with a colon. The last may be anything without NUL, CR and LF. A
/// colon is written in front of it when it is no middle parameter, when one
/// stood there as it came, or when it is [forced](Self::force_colon); two lists
/// that differ only in this are equal.
#[derive(Clone, Copy)]
pub struct Params<'a> {
    list: [&'a [u8]; Params::MAX],
    len: u8,
    colon: bool,
}

/// A parameter can't be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParamError {
    /// It holds NUL, CR or LF.
    #[error("a parameter holds the byte {0:#04x}")]
    ForbiddenByte(u8),
    /// The one before it is empty, holds a space, or begins with a colon, and so
    /// must be the last.
    #[error("another parameter follows one that can only be the last")]
    NotMiddle,
    /// There are [`Params::MAX`] already.
    #[error("a message has at most {} parameters", Params::MAX)]
    TooMany,
}

impl<'a> Params<'a> {
    /// The most parameters that a message has.
    pub const MAX: usize = 15;

    /// None.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Params {
            list: [&[]; Params::MAX],
            len: 0,
            colon: false,
        }
    }

    /// Adds a parameter, and says no word about what it means.
    ///
    /// # Errors
    ///
    /// [`ParamError`] if it can't stand there; it is not added then.
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

    /// Adds what stands where a parameter may. What is too much is dropped, which
    /// no line has.
    #[inline]
    pub(crate) fn push_from_wire(&mut self, param: &'a [u8], colon: bool) {
        if let Some(place) = self.list.get_mut(usize::from(self.len)) {
            *place = param;
            self.len += 1;
            self.colon = colon;
        }
    }

    /// Has a colon written in front of the last parameter, whether or not it needs
    /// one. Until another is added; with none it means nothing.
    pub fn force_colon(&mut self) {
        self.colon = true;
    }

    /// Whether a colon is written in front of the last parameter.
    #[inline]
    #[must_use]
    pub fn has_colon(&self) -> bool {
        match self.last() {
            Some(last) => self.colon || !is_middle(last),
            None => false,
        }
    }

    /// All of them.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[&'a [u8]] {
        self.list.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// The parameter `at`, counted from 0.
    #[inline]
    #[must_use]
    pub fn get(&self, at: usize) -> Option<&'a [u8]> {
        self.as_slice().get(at).copied()
    }

    /// The last one.
    #[inline]
    #[must_use]
    pub fn last(&self) -> Option<&'a [u8]> {
        self.as_slice().last().copied()
    }

    /// How many there are.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of them, in order.
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

/// Whether a parameter may be followed by another.
#[inline]
pub(crate) fn is_middle(param: &[u8]) -> bool {
    match param.first() {
        None | Some(b':') => false,
        Some(_) => memchr::memchr(b' ', param).is_none(),
    }
}

/// The first byte that no line may hold: NUL, CR or LF.
#[inline]
pub(crate) fn forbidden(bytes: &[u8]) -> Option<u8> {
    let at = memchr::memchr3(0, b'\r', b'\n', bytes)?;
    bytes.get(at).copied()
}
