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

use alloc::vec::Vec;
use core::fmt;
use core::str::Utf8Error;

use bytes::BufMut;

use crate::command::{Command, Verb};
use crate::message::{ParamError, forbidden, is_middle};
use crate::numeric::Numeric;

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

impl fmt::Display for Middle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
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

impl fmt::Display for Trailing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

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

impl<'a> Message<'a> {
    /// What `line` says in the dialect, without copying.
    ///
    /// # Errors
    ///
    /// [`LegacyError`] says why it says nothing.
    pub fn from_message(line: &crate::Message<'a>) -> Result<Self, LegacyError> {
        for param in line.params.iter() {
            core::str::from_utf8(param)?;
        }
        let source = line.prefix.map(|prefix| prefix.name());
        let source = source.map(core::str::from_utf8).transpose()?;
        let params = Reader { line };
        Ok(Message {
            source: source.map(middle).transpose()?,
            content: match line.command {
                Command::Verb(verb) => params.content_of_verb(verb)?,
                Command::Numeric(numeric) => params.content_of_numeric(numeric)?,
                Command::Other(_) => return Err(LegacyError::UnknownCommand),
            },
        })
    }
}

/// The parameters of a line as the dialect takes them.
struct Reader<'l, 'a> {
    line: &'l crate::Message<'a>,
}

impl<'a> Reader<'_, 'a> {
    fn content_of_verb(&self, verb: Verb) -> Result<Content<'a>, LegacyError> {
        Ok(match verb {
            Verb::User => Content::User {
                nick: self.word(0)?,
                host: self.word(1)?,
                server: self.word(2)?,
                real_name: self.maybe_text(3)?,
            },
            Verb::Server => {
                let (name, hops) = (self.word(0)?, self.word(1)?);
                Content::Server {
                    name,
                    hops: hops.0.parse().map_err(|_| LegacyError::Hops)?,
                    info: self.maybe_text(2)?,
                }
            }
            Verb::Quit => Content::Quit {
                text: self.maybe_text(0)?,
            },
            Verb::Join => Content::Join {
                channel: self.word(0)?,
                key: self.maybe_word(1)?,
            },
            Verb::Part => Content::Part {
                channel: self.word(0)?,
            },
            Verb::Topic => Content::Topic {
                channel: self.word(0)?,
                topic: self.maybe_text(1)?,
            },
            Verb::Names => Content::Names {
                channel: self.maybe_word(0)?,
            },
            Verb::Privmsg => {
                let text = self.text(1)?;
                Content::Privmsg {
                    target: self.word(0)?,
                    text,
                }
            }
            Verb::Squit => Content::Squit {
                name: self.word(0)?,
                reason: self.maybe_text(1)?,
            },
            Verb::Error => Content::Error {
                text: self.text(0)?,
            },
            _ => return Err(LegacyError::UnknownCommand),
        })
    }

    fn content_of_numeric(&self, numeric: Numeric) -> Result<Content<'a>, LegacyError> {
        Ok(match numeric {
            Numeric::RPL_WELCOME => {
                let who = self.text(0)?.0.strip_prefix(WELCOME);
                let (nick, rest) = split(who, '!')?;
                let (user, host) = split(Some(rest), '@')?;
                Content::Welcome {
                    nick: middle(nick)?,
                    user: middle(user)?,
                    host: middle(host)?,
                }
            }
            Numeric::RPL_NOTOPIC => Content::NoTopic {
                channel: self.word(0)?,
            },
            Numeric::RPL_TOPIC => Content::TopicReply {
                channel: self.word(0)?,
                topic: self.text(1)?,
            },
            Numeric::RPL_NAMREPLY => {
                let nicks = self.text(1)?;
                let channel = self.word(0)?;
                Content::NamesReply {
                    channel: (channel.0 != "*").then_some(channel),
                    nicks,
                }
            }
            Numeric::RPL_ENDOFNAMES => Content::EndOfNames,
            Numeric::ERR_NOSUCHNICK => Content::NoSuchNick {
                nick: self.word(0)?,
            },
            Numeric::ERR_NOSUCHCHANNEL => Content::NoSuchChannel {
                channel: self.word(0)?,
            },
            Numeric::ERR_CANNOTSENDTOCHAN => Content::CannotSend {
                channel: self.word(0)?,
            },
            Numeric::ERR_UNKNOWNCOMMAND => Content::UnknownCommand {
                command: self.word(0)?,
            },
            Numeric::ERR_ERRONEUSNICKNAME => Content::BadNick {
                nick: self.word(0)?,
            },
            Numeric::ERR_NICKCOLLISION => {
                let (user, host) = split(self.text(1)?.0.strip_prefix(COLLISION), '@')?;
                Content::NickCollision {
                    nick: self.word(0)?,
                    user: middle(user)?,
                    host: middle(host)?,
                }
            }
            Numeric::ERR_NOTONCHANNEL => Content::NotOnChannel {
                channel: self.word(0)?,
            },
            Numeric::ERR_NOTREGISTERED => Content::NotRegistered,
            Numeric::ERR_NEEDMOREPARAMS => Content::NeedMoreParams {
                command: self.word(0)?,
            },
            Numeric::ERR_ALREADYREGISTRED => Content::AlreadyRegistered,
            Numeric::ERR_BADCHANNELKEY => Content::BadChannelKey {
                channel: self.word(0)?,
            },
            Numeric::ERR_TOOMANYCHANNELS => Content::TooManyChannels {
                channel: self.word(0)?,
            },
            Numeric::ERR_CHANNELISFULL => Content::ChannelIsFull {
                channel: self.word(0)?,
            },
            Numeric::ERR_INVITEONLYCHAN => Content::InviteOnly {
                channel: self.word(0)?,
            },
            Numeric::ERR_BANNEDFROMCHAN => Content::Banned {
                channel: self.word(0)?,
            },
            Numeric::ERR_CHANOPRIVSNEEDED => Content::NotOperator {
                channel: self.word(0)?,
            },
            _ => return Err(LegacyError::UnknownCommand),
        })
    }

    fn maybe_text(&self, at: usize) -> Result<Option<Trailing<'a>>, LegacyError> {
        let text = self.line.params.get(at).map(core::str::from_utf8);
        Ok(text.transpose()?.map(Trailing))
    }

    fn text(&self, at: usize) -> Result<Trailing<'a>, LegacyError> {
        self.maybe_text(at)?.ok_or(LegacyError::NeedMoreParams)
    }

    fn maybe_word(&self, at: usize) -> Result<Option<Middle<'a>>, LegacyError> {
        let text = self.maybe_text(at)?;
        text.map(|text| middle(text.0)).transpose()
    }

    fn word(&self, at: usize) -> Result<Middle<'a>, LegacyError> {
        self.maybe_word(at)?.ok_or(LegacyError::NeedMoreParams)
    }
}

fn middle(text: &str) -> Result<Middle<'_>, LegacyError> {
    Middle::new(text).map_err(|_| LegacyError::NotMiddle)
}

fn split(text: Option<&str>, mark: char) -> Result<(&str, &str), LegacyError> {
    let parts = text.and_then(|text| text.split_once(mark));
    parts.ok_or(LegacyError::Text)
}

impl Message<'_> {
    /// Appends the line to `out`, CR LF included.
    ///
    /// # Panics
    ///
    /// When `out` is of a fixed size and has too little to spare, as every
    /// [`BufMut`] does then.
    pub fn encode(&self, out: &mut impl BufMut) {
        if let Some(source) = self.source {
            out.put_u8(b':');
            out.put_slice(source.0.as_bytes());
            out.put_u8(b' ');
        }
        self.content.encode(out);
        out.put_slice(b"\r\n");
    }

    /// The line in a vector of its own, CR LF included.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut line = Vec::new();
        self.encode(&mut line);
        line
    }
}

impl Content<'_> {
    fn encode(&self, out: &mut impl BufMut) {
        match *self {
            Content::User {
                nick,
                host,
                server,
                real_name,
            } => {
                put(out, "USER", &[nick, host, server]);
                put_maybe_text(out, real_name);
            }
            Content::Server { name, hops, info } => {
                put(out, "SERVER", &[name]);
                put_number(out, hops);
                put_maybe_text(out, info);
            }
            Content::Quit { text } => {
                put(out, "QUIT", &[]);
                put_maybe_text(out, text);
            }
            Content::Join { channel, key } => {
                put(out, "JOIN", &[channel]);
                put_words(out, key.as_slice());
            }
            Content::Part { channel } => put(out, "PART", &[channel]),
            Content::Topic { channel, topic } => {
                put(out, "TOPIC", &[channel]);
                put_maybe_text(out, topic);
            }
            Content::Names { channel } => put(out, "NAMES", channel.as_slice()),
            Content::Privmsg { target, text } => {
                put(out, "PRIVMSG", &[target]);
                put_text(out, &[text.0]);
            }
            Content::Squit { name, reason } => {
                put(out, "SQUIT", &[name]);
                put_maybe_text(out, reason);
            }
            Content::Error { text } => {
                put(out, "ERROR", &[]);
                put_text(out, &[text.0]);
            }
            Content::Welcome { nick, user, host } => {
                put(out, "001", &[]);
                put_text(out, &[WELCOME, nick.0, "!", user.0, "@", host.0]);
            }
            Content::NoTopic { channel } => answer(out, "331", channel, "No topic is set"),
            Content::TopicReply { channel, topic } => answer(out, "332", channel, topic.0),
            Content::NamesReply { channel, nicks } => {
                answer(out, "353", channel.unwrap_or(Middle("*")), nicks.0);
            }
            Content::EndOfNames => {
                put(out, "366", &[]);
                put_text(out, &["End of /NAMES list"]);
            }
            Content::NoSuchNick { nick } => answer(out, "401", nick, "No such nick"),
            Content::NoSuchChannel { channel } => answer(out, "403", channel, "No such channel"),
            Content::CannotSend { channel } => {
                answer(out, "404", channel, "Cannot send to channel");
            }
            Content::UnknownCommand { command } => answer(out, "421", command, "Unknown command"),
            Content::BadNick { nick } => answer(out, "432", nick, "Erroneous nickname"),
            Content::NickCollision { nick, user, host } => {
                put(out, "436", &[nick]);
                put_text(out, &[COLLISION, user.0, "@", host.0]);
            }
            Content::NotOnChannel { channel } => {
                answer(out, "442", channel, "You're not on that channel");
            }
            Content::NotRegistered => {
                put(out, "451", &[]);
                put_text(out, &["You have not registered"]);
            }
            Content::NeedMoreParams { command } => {
                answer(out, "461", command, "Not enough parameters");
            }
            Content::AlreadyRegistered => {
                put(out, "462", &[]);
                put_text(out, &["You may not reregister"]);
            }
            Content::BadChannelKey { channel } => {
                answer(out, "475", channel, "Cannot join channel (+k)");
            }
            Content::TooManyChannels { channel } => {
                answer(out, "405", channel, "You have joined too many channels");
            }
            Content::ChannelIsFull { channel } => {
                answer(out, "471", channel, "Cannot join channel (+l)");
            }
            Content::InviteOnly { channel } => {
                answer(out, "473", channel, "Cannot join channel (+i)");
            }
            Content::Banned { channel } => {
                answer(out, "474", channel, "Cannot join channel (+b)");
            }
            Content::NotOperator { channel } => {
                answer(out, "482", channel, "You're not channel operator");
            }
        }
    }
}

fn answer(out: &mut impl BufMut, numeric: &str, about: Middle<'_>, text: &str) {
    put(out, numeric, &[about]);
    put_text(out, &[text]);
}

#[inline]
fn put(out: &mut impl BufMut, command: &str, words: &[Middle<'_>]) {
    out.put_slice(command.as_bytes());
    put_words(out, words);
}

#[inline]
fn put_words(out: &mut impl BufMut, words: &[Middle<'_>]) {
    for word in words {
        out.put_u8(b' ');
        out.put_slice(word.0.as_bytes());
    }
}

fn put_maybe_text(out: &mut impl BufMut, text: Option<Trailing<'_>>) {
    if let Some(text) = text {
        put_text(out, &[text.0]);
    }
}

#[inline]
fn put_text(out: &mut impl BufMut, parts: &[&str]) {
    out.put_slice(b" :");
    for part in parts {
        out.put_slice(part.as_bytes());
    }
}

/// A space and the decimal digits.
fn put_number(out: &mut impl BufMut, number: u32) {
    out.put_u8(b' ');
    let digits = number.checked_ilog10().unwrap_or(0);
    for place in (0..=digits).rev() {
        let digit = number / 10_u32.pow(place) % 10;
        out.put_u8(b'0' + u8::try_from(digit).unwrap_or(0));
    }
}
