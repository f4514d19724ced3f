//! What a message wants: a verb, another word, or a numeric.

use core::fmt;
use core::str::FromStr;

use crate::numeric::Numeric;

/// The command of a message.
///
/// Words are equal in any case: `privmsg` is [`Verb::Privmsg`], and is written
/// `PRIVMSG`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command<'a> {
    /// A word that has a name here.
    Verb(Verb),
    /// A word that has none.
    Other(OtherCommand<'a>),
    /// Three digits: a server's answer.
    Numeric(Numeric),
}

/// The bytes are no command: neither letters only, nor one to three digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a command is letters, or three digits")]
pub struct CommandError;

impl<'a> Command<'a> {
    /// The command that `bytes` spell: letters of ASCII, or digits. A number may
    /// have fewer than three digits, as some servers write it; we write three.
    ///
    /// # Errors
    ///
    /// [`CommandError`] for anything else.
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

    /// The command as it is written. That of a numeric has three digits.
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

/// A command that is no [`Verb`]: letters of ASCII, as they came.
#[derive(Debug, Clone, Copy)]
pub struct OtherCommand<'a>(&'a str);

impl<'a> OtherCommand<'a> {
    /// The word as it came.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

/// In any case.
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

/// Up to 15 letters in capitals as one number, so that words are compared at once. A
/// one in front of them tells how many they are.
#[inline]
const fn packed(letters: &[u8]) -> u128 {
    assert!(letters.len() <= 15, "longer words are not looked for");
    let mut number = 1;
    let mut rest = letters;
    while let Some((first, others)) = rest.split_first() {
        // Without its bit a small letter is a capital, and nothing else becomes one.
        number = number << 8 | (*first & !b' ') as u128;
        rest = others;
    }
    number
}

macro_rules! verbs {
    ($($(#[$doc:meta])* $name:ident = $word:ident,)*) => {
        /// A command that has a name: those of RFC 2812, and those that came
        /// later and that today's clients and servers use.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Verb {
            $($(#[$doc])* $name,)*
        }

        impl Verb {
            /// All of them.
            pub const ALL: &'static [Verb] = &[$(Verb::$name),*];

            /// The verb that `bytes` spell, in any case.
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

            /// The verb as it is written: in capitals.
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
    /// Asks about the server's administrator.
    Admin = ADMIN,
    /// Logs in (IRCv3 SASL).
    Authenticate = AUTHENTICATE,
    /// Says that one is away, or back.
    Away = AWAY,
    /// Begins or ends a batch of messages (IRCv3).
    Batch = BATCH,
    /// Negotiates what goes beyond the RFCs (IRCv3).
    Cap = CAP,
    /// Has another server linked.
    Connect = CONNECT,
    /// Stops the server.
    Die = DIE,
    /// Why the link is closed; sent by servers only.
    Error = ERROR,
    /// Asks for help.
    Help = HELP,
    /// Asks about the server.
    Info = INFO,
    /// Invites somebody to a channel.
    Invite = INVITE,
    /// Asks which of some nicks are there.
    Ison = ISON,
    /// Enters channels.
    Join = JOIN,
    /// Throws somebody out of a channel.
    Kick = KICK,
    /// Throws somebody out of the network.
    Kill = KILL,
    /// Asks about the links of the network.
    Links = LINKS,
    /// Lists channels.
    List = LIST,
    /// Asks how many there are.
    Lusers = LUSERS,
    /// Asks or changes the mode of a channel or of oneself.
    Mode = MODE,
    /// Asks for the message of the day.
    Motd = MOTD,
    /// Asks who is in channels.
    Names = NAMES,
    /// Chooses a nick.
    Nick = NICK,
    /// Enters many users into a channel; between servers.
    Njoin = NJOIN,
    /// Like PRIVMSG, and never answered by a program.
    Notice = NOTICE,
    /// Becomes an operator.
    Oper = OPER,
    /// Leaves channels.
    Part = PART,
    /// Gives the password of the connection.
    Pass = PASS,
    /// Asks whether the other end is there.
    Ping = PING,
    /// Answers a PING.
    Pong = PONG,
    /// Says something to somebody or to a channel.
    Privmsg = PRIVMSG,
    /// Leaves the network.
    Quit = QUIT,
    /// Has the server read its settings.
    Rehash = REHASH,
    /// Has the server start again.
    Restart = RESTART,
    /// Introduces a server.
    Server = SERVER,
    /// Introduces a service.
    Service = SERVICE,
    /// Lists services.
    Servlist = SERVLIST,
    /// Changes one's real name (IRCv3).
    Setname = SETNAME,
    /// Says something to a service.
    Squery = SQUERY,
    /// Says that a server has left; or throws it out.
    Squit = SQUIT,
    /// Asks how the server does.
    Stats = STATS,
    /// Calls somebody who is logged in on the server's machine.
    Summon = SUMMON,
    /// A message that has tags only (IRCv3).
    Tagmsg = TAGMSG,
    /// Asks for the server's time.
    Time = TIME,
    /// Asks or sets the topic of a channel.
    Topic = TOPIC,
    /// Asks for the way to a server.
    Trace = TRACE,
    /// Says who one is.
    User = USER,
    /// Asks for the hosts of some nicks.
    Userhost = USERHOST,
    /// Asks who is logged in on the server's machine.
    Users = USERS,
    /// Asks for the server's version.
    Version = VERSION,
    /// Says something to all operators.
    Wallops = WALLOPS,
    /// Presents a gateway's client (a later addition).
    Webirc = WEBIRC,
    /// Asks who fits a mask.
    Who = WHO,
    /// Asks who somebody is.
    Whois = WHOIS,
    /// Asks who somebody was.
    Whowas = WHOWAS,
}

/// A string is no [`Verb`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown command")]
pub struct UnknownVerb;

/// In any case.
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
    fn what_is_no_command_is_refused() {
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
    fn other_words_are_equal_in_any_case() {
        assert_eq!(Command::new(b"Knock"), Command::new(b"kNOCK"));
        assert_ne!(Command::new(b"Knock"), Command::new(b"Knocks"));
    }
}
