//! The command of a message: a verb, another word, or a numeric.

use core::fmt;
use core::str::FromStr;

use crate::numeric::Numeric;

/// The command of a message.
///
/// Case does not matter: `privmsg` is [`Verb::Privmsg`], which the encoder writes as
/// `PRIVMSG`. The set is closed: RFC 2812 knows only words and numerics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command<'a> {
    /// A word with a name in [`Verb`].
    Verb(Verb),
    /// Another word.
    Other(OtherCommand<'a>),
    /// Three digits: a server's reply.
    Numeric(Numeric),
}

/// Bytes are no [`Command`]: neither letters only, nor one to three digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed command")]
pub struct CommandError;

impl<'a> Command<'a> {
    /// Parses a command: letters of ASCII, or one to three digits. Some servers write
    /// a numeric with fewer than three digits; the encoder writes three.
    ///
    /// # Errors
    ///
    /// Returns [`CommandError`] for all other bytes.
    ///
    /// ```
    /// use irc_wire::{Command, Numeric, Verb};
    ///
    /// assert_eq!(Command::new(b"join"), Ok(Command::Verb(Verb::Join)));
    /// assert_eq!(Command::new(b"001"), Ok(Command::Numeric(Numeric::RPL_WELCOME)));
    /// assert_eq!(Command::new(b"knock")?.as_str(), "knock");
    /// assert!(Command::new(b"a-b").is_err());
    /// # Ok::<(), irc_wire::CommandError>(())
    /// ```
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, CommandError> {
        if let Some(verb) = Verb::new(bytes) {
            return Ok(Command::Verb(verb));
        }
        match bytes {
            [] => Err(CommandError),
            _ if bytes.iter().all(u8::is_ascii_alphabetic) => {
                let word = core::str::from_utf8(bytes).map_err(|_| CommandError)?;
                Ok(Command::Other(OtherCommand(word)))
            }
            _ => Numeric::from_digits(bytes)
                .map(Command::Numeric)
                .ok_or(CommandError),
        }
    }

    /// Returns the command as the encoder writes it. A numeric has three digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Command::Verb(verb) => verb.as_str(),
            Command::Other(word) => word.0,
            Command::Numeric(numeric) => numeric.digits(),
        }
    }
}

impl fmt::Display for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl AsRef<str> for Command<'_> {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl<'a> TryFrom<&'a [u8]> for Command<'a> {
    type Error = CommandError;

    fn try_from(bytes: &'a [u8]) -> Result<Self, CommandError> {
        Command::new(bytes)
    }
}

impl<'a> TryFrom<&'a str> for Command<'a> {
    type Error = CommandError;

    fn try_from(text: &'a str) -> Result<Self, CommandError> {
        Command::new(text.as_bytes())
    }
}

impl PartialEq<Verb> for Command<'_> {
    fn eq(&self, verb: &Verb) -> bool {
        matches!(self, Command::Verb(own) if own == verb)
    }
}

impl PartialEq<Numeric> for Command<'_> {
    fn eq(&self, numeric: &Numeric) -> bool {
        matches!(self, Command::Numeric(own) if own == numeric)
    }
}

impl From<Verb> for Command<'_> {
    fn from(verb: Verb) -> Self {
        Command::Verb(verb)
    }
}

impl From<Numeric> for Command<'_> {
    fn from(numeric: Numeric) -> Self {
        Command::Numeric(numeric)
    }
}

/// A command that is no [`Verb`]: letters of ASCII.
#[derive(Debug, Clone, Copy)]
pub struct OtherCommand<'a>(&'a str);

impl<'a> OtherCommand<'a> {
    /// Returns the word as it was parsed.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

/// Ignores case.
impl PartialEq for OtherCommand<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(other.0)
    }
}

impl Eq for OtherCommand<'_> {}

impl core::hash::Hash for OtherCommand<'_> {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        for byte in self.0.bytes() {
            state.write_u8(byte.to_ascii_uppercase());
        }
        state.write_u8(0);
    }
}

/// Packs up to 15 letters into one number, as capitals, so that the code compares
/// whole words. A leading one encodes the number of letters.
#[inline]
const fn packed(letters: &[u8]) -> u128 {
    assert!(letters.len() <= 15, "no verb is longer");
    let mut number = 1;
    let mut rest = letters;
    while let Some((first, others)) = rest.split_first() {
        // Without this bit, a small letter becomes its capital, and no other byte
        // becomes a capital.
        number = number << 8 | (*first & !b' ') as u128;
        rest = others;
    }
    number
}

macro_rules! verbs {
    ($($(#[$doc:meta])* $name:ident = $word:ident,)*) => {
        /// A command with a name: those of RFC 2812, and later ones that today's
        /// clients and servers use.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Verb {
            $($(#[$doc])* $name,)*
        }

        impl Verb {
            /// All verbs.
            pub const ALL: &'static [Verb] = &[$(Verb::$name),*];

            /// Returns the verb that `bytes` spell, in any case.
            #[inline]
            #[must_use]
            pub fn new(bytes: &[u8]) -> Option<Verb> {
                $(const $word: u128 = packed(stringify!($word).as_bytes());)*
                if bytes.len() > 15 {
                    return None;
                }
                match packed(bytes) {
                    $($word => Some(Verb::$name),)*
                    _ => None,
                }
            }

            /// Returns the verb in capitals.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Verb::$name => stringify!($word),)*
                }
            }
        }
    };
}

verbs! {
    /// Asks for the administrator of a server.
    Admin = ADMIN,
    /// Authenticates the client (IRCv3 SASL).
    Authenticate = AUTHENTICATE,
    /// Marks the client as away, or as back.
    Away = AWAY,
    /// Starts or ends a batch of messages (IRCv3).
    Batch = BATCH,
    /// Negotiates capabilities (IRCv3).
    Cap = CAP,
    /// Makes a server connect to another server.
    Connect = CONNECT,
    /// Stops the server.
    Die = DIE,
    /// Bans addresses (not in RFC 2812).
    Dline = DLINE,
    /// Reports an error before the link is closed. Only servers send it.
    Error = ERROR,
    /// Asks for help.
    Help = HELP,
    /// Asks for help: another name of HELP.
    Helpop = HELPOP,
    /// Asks for information about the server.
    Info = INFO,
    /// Invites a user to a channel.
    Invite = INVITE,
    /// Asks which of several nicks are online.
    Ison = ISON,
    /// Joins channels.
    Join = JOIN,
    /// Removes a user from a channel.
    Kick = KICK,
    /// Removes a user from the network.
    Kill = KILL,
    /// Bans users (not in RFC 2812).
    Kline = KLINE,
    /// Lists the links of the network.
    Links = LINKS,
    /// Lists channels.
    List = LIST,
    /// Asks for the numbers of users and servers.
    Lusers = LUSERS,
    /// Asks for the servers of the network as a tree (not in RFC 2812).
    Map = MAP,
    /// Gets or moves the mark behind the last message that was read (IRCv3 read-marker).
    Markread = MARKREAD,
    /// Reads and changes what users and channels say of themselves (IRCv3 metadata).
    Metadata = METADATA,
    /// Asks for or changes the modes of a channel or of the client.
    Mode = MODE,
    /// Asks to be told when nicks come and go (IRCv3).
    Monitor = MONITOR,
    /// Asks for the message of the day.
    Motd = MOTD,
    /// Lists the members of channels.
    Names = NAMES,
    /// Sets or changes a nick.
    Nick = NICK,
    /// Joins several users to a channel. Only servers send it.
    Njoin = NJOIN,
    /// Sends a text like PRIVMSG. Programs do not reply to it.
    Notice = NOTICE,
    /// Makes the client an operator.
    Oper = OPER,
    /// Leaves channels.
    Part = PART,
    /// Gives the password of the connection.
    Pass = PASS,
    /// Tests whether the peer is alive.
    Ping = PING,
    /// Replies to a PING.
    Pong = PONG,
    /// Sends a text to a user or a channel.
    Privmsg = PRIVMSG,
    /// Leaves the network.
    Quit = QUIT,
    /// Takes back a message (IRCv3 message-redaction).
    Redact = REDACT,
    /// Makes the server read its configuration again.
    Rehash = REHASH,
    /// Renames a channel (IRCv3 channel-rename).
    Rename = RENAME,
    /// Restarts the server.
    Restart = RESTART,
    /// Introduces a server.
    Server = SERVER,
    /// Introduces a service.
    Service = SERVICE,
    /// Lists services.
    Servlist = SERVLIST,
    /// Changes the client's real name (IRCv3).
    Setname = SETNAME,
    /// Sends a text to a service.
    Squery = SQUERY,
    /// Reports that a server left, or removes a server.
    Squit = SQUIT,
    /// Asks for statistics of the server.
    Stats = STATS,
    /// Summons a user who is logged in on the host of the server.
    Summon = SUMMON,
    /// A message with tags and without text (IRCv3).
    Tagmsg = TAGMSG,
    /// Asks for the server's time.
    Time = TIME,
    /// Asks for or sets the topic of a channel.
    Topic = TOPIC,
    /// Asks for the route to a server.
    Trace = TRACE,
    /// Lifts a ban of addresses (not in RFC 2812).
    Undline = UNDLINE,
    /// Lifts a ban of users (not in RFC 2812).
    Unkline = UNKLINE,
    /// Gives the client's user name and real name.
    User = USER,
    /// Asks for the hosts of several nicks.
    Userhost = USERHOST,
    /// Asks which users are logged in on the host of the server.
    Users = USERS,
    /// Asks for the server's version.
    Version = VERSION,
    /// Sends a text to all operators.
    Wallops = WALLOPS,
    /// Introduces a gateway's client (a later addition).
    Webirc = WEBIRC,
    /// Lists the users that match a mask.
    Who = WHO,
    /// Asks for information about a user.
    Whois = WHOIS,
    /// Asks for information about a user who left.
    Whowas = WHOWAS,
}

/// A string is the name of no [`Verb`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown command")]
pub struct UnknownVerb;

/// Ignores case.
impl FromStr for Verb {
    type Err = UnknownVerb;

    fn from_str(text: &str) -> Result<Self, UnknownVerb> {
        Verb::new(text.as_bytes()).ok_or(UnknownVerb)
    }
}

impl AsRef<str> for Verb {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn verbs_are_found_in_any_case() {
        for verb in Verb::ALL {
            assert_eq!(Verb::new(verb.as_str().as_bytes()), Some(*verb));
            let small = verb.as_str().to_lowercase();
            assert_eq!(Command::new(small.as_bytes()), Ok(Command::Verb(*verb)));
            assert_eq!(Command::Verb(*verb).to_string(), verb.as_str());
            let longer = [verb.as_str(), "X"].concat();
            assert_eq!(Verb::new(longer.as_bytes()), None);
        }
    }

    #[test]
    fn malformed_commands_are_refused() {
        let long = [b'A'; 17];
        assert!(matches!(Command::new(&long), Ok(Command::Other(_))));
        for bytes in [
            &b"\0\0\0\0PART"[..],
            b"",
            b"A1",
            b"1A",
            b"0001",
            b"A ",
            b"-",
            b"\0",
            b"\0JOIN",
            b"J\xc3\xa9",
            b"+1",
        ] {
            assert_eq!(Command::new(bytes), Err(CommandError), "{bytes:?}");
        }
    }

    #[test]
    fn other_commands_are_equal_in_any_case() {
        assert_eq!(Command::new(b"Knock"), Command::new(b"kNOCK"));
        assert_ne!(Command::new(b"Knock"), Command::new(b"Knocks"));
    }
}
