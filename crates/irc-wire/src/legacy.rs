//! The legacy dialect: IRC cut down to eight commands, as some small networks
//! speak it.
//!
//! One port takes users and servers, and the first message tells which it is. A
//! user registers with a USER alone, there is no NICK. Numerics have no recipient as
//! first parameter. Servers tell each other of everything with the same commands,
//! and with 331, 332 and 353.
//!
//! | line | |
//! |---|---|
//! | `USER nick host server [:real name]` | registers a user |
//! | `SERVER name hops [:info]` | registers a server |
//! | `QUIT [:text]` | leaves |
//! | `JOIN #channel [key]` | enters a channel, or makes it |
//! | `PART #channel` | leaves a channel |
//! | `TOPIC #channel [:topic]` | asks for the topic, or sets it |
//! | `NAMES [#channel]` | asks who is there |
//! | `PRIVMSG target :text` | says something |
//! | `SQUIT name [:reason]`, `ERROR :text` | between servers: a server is gone; why a link is closed |
//! | `:server 001 :...` and so on | [`Content`] has each with its text |
//!
//! All text is UTF-8. Lines have at most
//! [`LineLimits::LEGACY`](crate::LineLimits::LEGACY). A text has a colon in front
//! always, a word never. What is read is less strict: parameters that are too many are
//! left out of account, the text of a numeric may be any where it tells nothing.
//!
//! Knows how messages look; who may send them, and what follows, is the network's
//! matter.
//!
//! ```
//! use irc_wire::legacy::{Content, Message, Middle};
//! use irc_wire::Message as Line;
//!
//! let line = Line::parse(b":ann JOIN #reef")?;
//! let message = Message::from_message(&line)?;
//! assert_eq!(message.source, Some(Middle::new("ann")?));
//! let Content::Join { channel, key } = message.content else { panic!() };
//! assert_eq!((channel.as_str(), key), ("#reef", None));
//! assert_eq!(message.to_vec(), b":ann JOIN #reef\r\n");
//!
//! let answer = Message {
//!     source: Some(Middle::new("harbour.example")?),
//!     content: Content::NoTopic { channel },
//! };
//! assert_eq!(answer.to_vec(), b":harbour.example 331 #reef :No topic is set\r\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod emit;
mod parse;

use core::fmt;
use core::ops::Deref;
use core::str::Utf8Error;

use crate::message::{ParamError, forbidden, is_middle};

/// A word: not empty, no space, NUL, CR or LF, no colon at the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Middle<'a>(&'a str);

impl<'a> Middle<'a> {
    /// The word `text`.
    ///
    /// # Errors
    ///
    /// [`ParamError`] if it is none.
    pub fn new(text: &'a str) -> Result<Self, ParamError> {
        match forbidden(text.as_bytes()) {
            Some(byte) => Err(ParamError::ForbiddenByte(byte)),
            None if !is_middle(text.as_bytes()) => Err(ParamError::NotMiddle),
            None => Ok(Middle(text)),
        }
    }

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

/// A text: anything without NUL, CR and LF; it may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Trailing<'a>(&'a str);

impl<'a> Trailing<'a> {
    /// The text `text`.
    ///
    /// # Errors
    ///
    /// [`ParamError::ForbiddenByte`] if it holds NUL, CR or LF.
    pub fn new(text: &'a str) -> Result<Self, ParamError> {
        match forbidden(text.as_bytes()) {
            Some(byte) => Err(ParamError::ForbiddenByte(byte)),
            None => Ok(Trailing(text)),
        }
    }

    /// The parts of any text that are no line's end, those that are empty left out.
    ///
    /// ```
    /// use irc_wire::legacy::Trailing;
    ///
    /// let lines = Trailing::lines("one\r\n\ntwo\0");
    /// assert_eq!(lines.map(Trailing::as_str).collect::<Vec<_>>(), ["one", "two"]);
    /// ```
    pub fn lines(text: &'a str) -> impl Iterator<Item = Trailing<'a>> {
        let parts = text.split(['\0', '\r', '\n']);
        parts.filter(|part| !part.is_empty()).map(Trailing)
    }

    /// The text.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

impl<'a> From<Middle<'a>> for Trailing<'a> {
    fn from(word: Middle<'a>) -> Self {
        Trailing(word.0)
    }
}

macro_rules! text_traits {
    ($($name:ident)*) => {$(
        impl Deref for $name<'_> {
            type Target = str;

            fn deref(&self) -> &str {
                self.0
            }
        }

        impl AsRef<str> for $name<'_> {
            fn as_ref(&self) -> &str {
                self.0
            }
        }

        impl fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.0)
            }
        }

        impl PartialEq<str> for $name<'_> {
            fn eq(&self, other: &str) -> bool {
                *self.0 == *other
            }
        }

        impl PartialEq<&str> for $name<'_> {
            fn eq(&self, other: &&str) -> bool {
                *self.0 == **other
            }
        }

        impl<'a> TryFrom<&'a str> for $name<'a> {
            type Error = ParamError;

            fn try_from(text: &'a str) -> Result<Self, ParamError> {
                $name::new(text)
            }
        }

        impl<'a> From<$name<'a>> for &'a str {
            fn from(text: $name<'a>) -> &'a str {
                text.0
            }
        }
    )*};
}

text_traits! { Middle Trailing }

/// A message of the dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// The server or the user it comes from; what stands behind a `!` or `@` is
    /// not read. Users send none.
    pub source: Option<Middle<'a>>,
    /// What it says.
    pub content: Content<'a>,
}

/// What a message says. Fields stand in the order of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content<'a> {
    /// `USER nick host server [:real name]`
    User {
        /// What the user is called.
        nick: Middle<'a>,
        /// The host the user says to come from.
        host: Middle<'a>,
        /// The server the user is at.
        server: Middle<'a>,
        /// The user's real name.
        real_name: Option<Trailing<'a>>,
    },
    /// `SERVER name hops [:info]`
    Server {
        /// What the server is called.
        name: Middle<'a>,
        /// How many links away it is from whoever reads this: 1 or more.
        hops: u32,
        /// What it says of itself.
        info: Option<Trailing<'a>>,
    },
    /// `QUIT [:text]`
    Quit {
        /// The last words.
        text: Option<Trailing<'a>>,
    },
    /// `JOIN #channel [key]`
    Join {
        /// The channel.
        channel: Middle<'a>,
        /// Its key.
        key: Option<Middle<'a>>,
    },
    /// `PART #channel`
    Part {
        /// The channel.
        channel: Middle<'a>,
    },
    /// `TOPIC #channel [:topic]`
    Topic {
        /// The channel.
        channel: Middle<'a>,
        /// The topic that is set; without it the topic is asked for.
        topic: Option<Trailing<'a>>,
    },
    /// `NAMES [#channel]`
    Names {
        /// The channel; without it all are meant.
        channel: Option<Middle<'a>>,
    },
    /// `PRIVMSG target :text`
    Privmsg {
        /// A channel or a nick.
        target: Middle<'a>,
        /// What is said.
        text: Trailing<'a>,
    },
    /// `SQUIT name [:reason]`, to servers only; not all know it.
    Squit {
        /// The server that is gone.
        name: Middle<'a>,
        /// Why.
        reason: Option<Trailing<'a>>,
    },
    /// `ERROR :text`, before the link is closed.
    Error {
        /// Why.
        text: Trailing<'a>,
    },
    /// `001 :Welcome to the Internet Relay Network nick!user@host`
    Welcome {
        /// The user's nick.
        nick: Middle<'a>,
        /// The user's name.
        user: Middle<'a>,
        /// The user's host.
        host: Middle<'a>,
    },
    /// `331 #channel :No topic is set`
    NoTopic {
        /// The channel.
        channel: Middle<'a>,
    },
    /// `332 #channel :topic`
    TopicReply {
        /// The channel.
        channel: Middle<'a>,
        /// Its topic.
        topic: Trailing<'a>,
    },
    /// `353 #channel :nick nick ...`
    NamesReply {
        /// The channel; `None`, which is written `*`, for users who are in none.
        channel: Option<Middle<'a>>,
        /// Nicks, with single spaces between them.
        nicks: Trailing<'a>,
    },
    /// `366 :End of /NAMES list`
    EndOfNames,
    /// `401 nick :No such nick`
    NoSuchNick {
        /// The nick nobody has.
        nick: Middle<'a>,
    },
    /// `403 #channel :No such channel`
    NoSuchChannel {
        /// The channel there is not.
        channel: Middle<'a>,
    },
    /// `404 #channel :Cannot send to channel`
    CannotSend {
        /// The channel the user is not in.
        channel: Middle<'a>,
    },
    /// `421 command :Unknown command`
    UnknownCommand {
        /// The command.
        command: Middle<'a>,
    },
    /// `432 nick :Erroneous nickname`
    BadNick {
        /// The nick nobody can have.
        nick: Middle<'a>,
    },
    /// `436 nick :Nickname collision KILL from user@host`
    NickCollision {
        /// The nick that is taken.
        nick: Middle<'a>,
        /// The user who has it.
        user: Middle<'a>,
        /// That user's host.
        host: Middle<'a>,
    },
    /// `442 #channel :You're not on that channel`
    NotOnChannel {
        /// The channel.
        channel: Middle<'a>,
    },
    /// `451 :You have not registered`
    NotRegistered,
    /// `461 command :Not enough parameters`
    NeedMoreParams {
        /// The command that lacks them.
        command: Middle<'a>,
    },
    /// `462 :You may not reregister`
    AlreadyRegistered,
    /// `475 #channel :Cannot join channel (+k)`
    BadChannelKey {
        /// The channel.
        channel: Middle<'a>,
    },
    /// `405 #channel :You have joined too many channels`
    TooManyChannels {
        /// The channel that is one too many.
        channel: Middle<'a>,
    },
    /// `471 #channel :Cannot join channel (+l)`
    ChannelIsFull {
        /// The channel.
        channel: Middle<'a>,
    },
    /// `473 #channel :Cannot join channel (+i)`
    InviteOnly {
        /// The channel.
        channel: Middle<'a>,
    },
    /// `474 #channel :Cannot join channel (+b)`
    Banned {
        /// The channel.
        channel: Middle<'a>,
    },
    /// `482 #channel :You're not channel operator`
    NotOperator {
        /// The channel.
        channel: Middle<'a>,
    },
}

/// A message of the grammar is none of the dialect. The peer is to blame, and the
/// lines behind it can still be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LegacyError {
    /// The dialect has no such command, or no such numeric.
    #[error("not a command of the dialect")]
    UnknownCommand,
    /// A parameter is missing. A server says 461.
    #[error("not enough parameters")]
    NeedMoreParams,
    /// A name is empty, holds a space, or begins with a colon.
    #[error("a name is not one word")]
    NotMiddle,
    /// The hops of a SERVER are no number.
    #[error("the hops are not a number")]
    Hops,
    /// The text of a 001 or 436 does not tell whom it is about.
    #[error("the text is another one")]
    Text,
    /// It is not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
}

impl From<Utf8Error> for LegacyError {
    fn from(_: Utf8Error) -> Self {
        LegacyError::NotUtf8
    }
}

const WELCOME: &str = "Welcome to the Internet Relay Network ";
const COLLISION: &str = "Nickname collision KILL from ";
