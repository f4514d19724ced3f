//! The numbers by which servers answer.

use core::fmt;
use core::str::FromStr;

/// A server's answer: three digits. From 1 to 399 it is a reply, from 400 on an
/// error; from 600 on it may be both.
///
/// An open set: a number that is not named here is as good as any other. Those of
/// RFC 2812, section 5, are named as it names them, the misspelt ones too; later
/// ones as today's servers name them. In an ordinary network a numeric's first
/// parameter is the nick of its recipient; in the [legacy](crate::legacy) dialect
/// there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Numeric(u16);

/// A number or a string is no [`Numeric`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a numeric is a number from 0 to 999")]
pub struct NumericError;

impl Numeric {
    /// The numeric `number`; `None` from 1000 on, which three digits don't hold.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        match number {
            0..1000 => Some(Numeric(number)),
            _ => None,
        }
    }

    /// One to three digits of ASCII.
    pub(crate) fn from_digits(digits: &[u8]) -> Option<Self> {
        let number = |digits: &[u8]| {
            digits.iter().try_fold(0, |number, &digit| {
                let value = u16::from(digit.checked_sub(b'0')?);
                (value <= 9).then_some(10 * number + value)
            })
        };
        match digits.len() {
            1..=3 => number(digits).map(Numeric),
            _ => None,
        }
    }

    /// The number, from 0 to 999.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Whether it is one of the errors: 400 to 599.
    #[must_use]
    pub const fn is_error(self) -> bool {
        matches!(self.0, 400..600)
    }

    /// The three digits.
    #[must_use]
    pub fn digits(self) -> &'static str {
        let at = 3 * usize::from(self.0);
        let digits = DIGITS.get(at..at + 3).unwrap_or_default();
        core::str::from_utf8(digits).unwrap_or_default()
    }
}

/// `000001002` and so on to `999`.
static DIGITS: [u8; 3000] = {
    let mut all = [b'0'; 3000];
    let mut at = 3;
    while at < all.len() {
        // One more than the number before, carried from right to left.
        let [a, b, c] = [all[at - 3], all[at - 2], all[at - 1]];
        let [a, b, c] = match (b, c) {
            (b'9', b'9') => [a + 1, b'0', b'0'],
            (_, b'9') => [a, b + 1, b'0'],
            _ => [a, b, c + 1],
        };
        [all[at], all[at + 1], all[at + 2]] = [a, b, c];
        at += 3;
    }
    all
};

/// Three digits.
impl fmt::Display for Numeric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.digits())
    }
}

impl TryFrom<u16> for Numeric {
    type Error = NumericError;

    fn try_from(number: u16) -> Result<Self, NumericError> {
        Numeric::new(number).ok_or(NumericError)
    }
}

/// Takes one to three digits.
impl FromStr for Numeric {
    type Err = NumericError;

    fn from_str(text: &str) -> Result<Self, NumericError> {
        Numeric::from_digits(text.as_bytes()).ok_or(NumericError)
    }
}

impl From<Numeric> for u16 {
    fn from(numeric: Numeric) -> Self {
        numeric.get()
    }
}

macro_rules! numerics {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        impl Numeric {
            $($(#[$doc])* pub const $name: Numeric = Numeric($number);)*

            /// All that have a name, ascending.
            pub const NAMED: &'static [Numeric] = &[$(Numeric::$name),*];

            /// Its name, as `RPL_WELCOME`.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

numerics! {
    /// First line of the welcome: the client is registered.
    RPL_WELCOME = 1,
    /// The server's name and version.
    RPL_YOURHOST = 2,
    /// When the server was started or built.
    RPL_CREATED = 3,
    /// Name, version, user modes and channel modes of the server.
    RPL_MYINFO = 4,
    /// What the server supports, as words. RFC 2812 had RPL_BOUNCE here, which is 010
    /// today.
    RPL_ISUPPORT = 5,
    /// Another server to go to.
    RPL_BOUNCE = 10,
    /// TRACE: a link that the request is passed on by.
    RPL_TRACELINK = 200,
    /// TRACE: a connection that is being opened.
    RPL_TRACECONNECTING = 201,
    /// TRACE: a connection that is introducing itself.
    RPL_TRACEHANDSHAKE = 202,
    /// TRACE: a connection that is not registered.
    RPL_TRACEUNKNOWN = 203,
    /// TRACE: an operator.
    RPL_TRACEOPERATOR = 204,
    /// TRACE: a user.
    RPL_TRACEUSER = 205,
    /// TRACE: a server.
    RPL_TRACESERVER = 206,
    /// TRACE: a service.
    RPL_TRACESERVICE = 207,
    /// TRACE: anything else.
    RPL_TRACENEWTYPE = 208,
    /// TRACE: a class of connections, and how many are of it.
    RPL_TRACECLASS = 209,
    /// TRACE: unused.
    RPL_TRACERECONNECT = 210,
    /// STATS: how much went over a link.
    RPL_STATSLINKINFO = 211,
    /// STATS: how often a command was used.
    RPL_STATSCOMMANDS = 212,
    /// STATS: reserved; a server that may be linked to.
    RPL_STATSCLINE = 213,
    /// STATS: reserved; a server that may link.
    RPL_STATSNLINE = 214,
    /// STATS: reserved; who may connect.
    RPL_STATSILINE = 215,
    /// STATS: reserved; who is banned.
    RPL_STATSKLINE = 216,
    /// STATS: reserved.
    RPL_STATSQLINE = 217,
    /// STATS: reserved; a class of connections.
    RPL_STATSYLINE = 218,
    /// STATS: the end.
    RPL_ENDOFSTATS = 219,
    /// The client's own modes.
    RPL_UMODEIS = 221,
    /// Reserved.
    RPL_SERVICEINFO = 231,
    /// Reserved.
    RPL_ENDOFSERVICES = 232,
    /// Reserved.
    RPL_SERVICE = 233,
    /// SERVLIST: a service.
    RPL_SERVLIST = 234,
    /// SERVLIST: the end.
    RPL_SERVLISTEND = 235,
    /// STATS: reserved.
    RPL_STATSVLINE = 240,
    /// STATS: reserved.
    RPL_STATSLLINE = 241,
    /// STATS: for how long the server has been up.
    RPL_STATSUPTIME = 242,
    /// STATS: who may become an operator.
    RPL_STATSOLINE = 243,
    /// STATS: reserved.
    RPL_STATSHLINE = 244,
    /// STATS: reserved.
    RPL_STATSPING = 246,
    /// STATS: reserved.
    RPL_STATSBLINE = 247,
    /// The most connections there ever were. RFC 2812 reserves it as RPL_STATSDLINE.
    RPL_STATSCONN = 250,
    /// LUSERS: how many users and servers there are.
    RPL_LUSERCLIENT = 251,
    /// LUSERS: how many operators.
    RPL_LUSEROP = 252,
    /// LUSERS: how many connections that are not registered.
    RPL_LUSERUNKNOWN = 253,
    /// LUSERS: how many channels.
    RPL_LUSERCHANNELS = 254,
    /// LUSERS: how many clients and servers are at this server.
    RPL_LUSERME = 255,
    /// ADMIN: the beginning.
    RPL_ADMINME = 256,
    /// ADMIN: where the server is.
    RPL_ADMINLOC1 = 257,
    /// ADMIN: who runs it.
    RPL_ADMINLOC2 = 258,
    /// ADMIN: whom to write to.
    RPL_ADMINEMAIL = 259,
    /// TRACE: where the log is.
    RPL_TRACELOG = 261,
    /// TRACE: the end.
    RPL_TRACEEND = 262,
    /// The server is too busy for this command.
    RPL_TRYAGAIN = 263,
    /// LUSERS: how many users are at this server, and how many there ever were (a later
    /// addition).
    RPL_LOCALUSERS = 265,
    /// LUSERS: the same of the network (a later addition).
    RPL_GLOBALUSERS = 266,
    /// WHOIS: the fingerprint of a certificate (a later addition).
    RPL_WHOISCERTFP = 276,
    /// Nothing; never sent.
    RPL_NONE = 300,
    /// Somebody is away, and why.
    RPL_AWAY = 301,
    /// USERHOST: the answer.
    RPL_USERHOST = 302,
    /// ISON: the answer.
    RPL_ISON = 303,
    /// The client is no longer away.
    RPL_UNAWAY = 305,
    /// The client is away.
    RPL_NOWAWAY = 306,
    /// WHOIS: nick, user, host and real name.
    RPL_WHOISUSER = 311,
    /// WHOIS: the server somebody is at.
    RPL_WHOISSERVER = 312,
    /// WHOIS: somebody is an operator.
    RPL_WHOISOPERATOR = 313,
    /// WHOWAS: nick, user, host and real name.
    RPL_WHOWASUSER = 314,
    /// WHO: the end.
    RPL_ENDOFWHO = 315,
    /// Reserved.
    RPL_WHOISCHANOP = 316,
    /// WHOIS: since when somebody has said nothing, and been there.
    RPL_WHOISIDLE = 317,
    /// WHOIS: the end.
    RPL_ENDOFWHOIS = 318,
    /// WHOIS: the channels somebody is in.
    RPL_WHOISCHANNELS = 319,
    /// LIST: the beginning. RFC 2812 calls it obsolete; clients know it.
    RPL_LISTSTART = 321,
    /// LIST: a channel, how many are in it, and its topic.
    RPL_LIST = 322,
    /// LIST: the end.
    RPL_LISTEND = 323,
    /// The modes of a channel.
    RPL_CHANNELMODEIS = 324,
    /// Who made a channel.
    RPL_UNIQOPIS = 325,
    /// When a channel was made (a later addition).
    RPL_CREATIONTIME = 329,
    /// WHOIS: as whom somebody is logged in (a later addition).
    RPL_WHOISACCOUNT = 330,
    /// A channel has no topic.
    RPL_NOTOPIC = 331,
    /// A channel's topic.
    RPL_TOPIC = 332,
    /// Who set a channel's topic, and when (a later addition).
    RPL_TOPICWHOTIME = 333,
    /// INVITE: a channel that the client is invited to (a later addition, RPL_INVITELIST
    /// elsewhere).
    RPL_INVITELIST_OWN = 336,
    /// INVITE: the end of that list (a later addition, RPL_ENDOFINVITELIST elsewhere).
    RPL_ENDOFINVITELIST_OWN = 337,
    /// WHOIS: the address somebody really comes from (a later addition).
    RPL_WHOISACTUALLY = 338,
    /// Somebody was invited.
    RPL_INVITING = 341,
    /// Somebody was called.
    RPL_SUMMONING = 342,
    /// MODE: a mask of those who need no invitation to a channel.
    RPL_INVITELIST = 346,
    /// MODE: the end of that list.
    RPL_ENDOFINVITELIST = 347,
    /// MODE: a mask of those whom a channel's bans spare.
    RPL_EXCEPTLIST = 348,
    /// MODE: the end of that list.
    RPL_ENDOFEXCEPTLIST = 349,
    /// VERSION: the answer.
    RPL_VERSION = 351,
    /// WHO: somebody.
    RPL_WHOREPLY = 352,
    /// NAMES: some of those in a channel.
    RPL_NAMREPLY = 353,
    /// WHO with a choice of fields (WHOX): somebody (a later addition).
    RPL_WHOSPCRPL = 354,
    /// Reserved.
    RPL_KILLDONE = 361,
    /// Reserved.
    RPL_CLOSING = 362,
    /// Reserved.
    RPL_CLOSEEND = 363,
    /// LINKS: a server.
    RPL_LINKS = 364,
    /// LINKS: the end.
    RPL_ENDOFLINKS = 365,
    /// NAMES: the end.
    RPL_ENDOFNAMES = 366,
    /// MODE: a mask of those who are banned from a channel.
    RPL_BANLIST = 367,
    /// MODE: the end of that list.
    RPL_ENDOFBANLIST = 368,
    /// WHOWAS: the end.
    RPL_ENDOFWHOWAS = 369,
    /// INFO: a line.
    RPL_INFO = 371,
    /// MOTD: a line.
    RPL_MOTD = 372,
    /// Reserved.
    RPL_INFOSTART = 373,
    /// INFO: the end.
    RPL_ENDOFINFO = 374,
    /// MOTD: the beginning.
    RPL_MOTDSTART = 375,
    /// MOTD: the end.
    RPL_ENDOFMOTD = 376,
    /// WHOIS: the host somebody comes from (a later addition).
    RPL_WHOISHOST = 378,
    /// WHOIS: somebody's modes (a later addition).
    RPL_WHOISMODES = 379,
    /// The client is an operator now.
    RPL_YOUREOPER = 381,
    /// The settings are being read.
    RPL_REHASHING = 382,
    /// The client is a service now.
    RPL_YOURESERVICE = 383,
    /// Reserved.
    RPL_MYPORTIS = 384,
    /// TIME: the answer.
    RPL_TIME = 391,
    /// USERS: the beginning.
    RPL_USERSSTART = 392,
    /// USERS: somebody.
    RPL_USERS = 393,
    /// USERS: the end.
    RPL_ENDOFUSERS = 394,
    /// USERS: nobody is there.
    RPL_NOUSERS = 395,
    /// The host that others see of the client has changed (a later addition).
    RPL_VISIBLEHOST = 396,
    /// Something went wrong with a command, and no other numeric fits (a later addition).
    ERR_UNKNOWNERROR = 400,
    /// Nobody has this nick; nor does a channel.
    ERR_NOSUCHNICK = 401,
    /// No server has this name.
    ERR_NOSUCHSERVER = 402,
    /// There is no such channel, or none can have this name.
    ERR_NOSUCHCHANNEL = 403,
    /// The client may not speak in this channel.
    ERR_CANNOTSENDTOCHAN = 404,
    /// The client is in as many channels as it may be.
    ERR_TOOMANYCHANNELS = 405,
    /// Nobody had this nick lately.
    ERR_WASNOSUCHNICK = 406,
    /// A message has too many recipients, or it is not clear who they are.
    ERR_TOOMANYTARGETS = 407,
    /// No service has this name.
    ERR_NOSUCHSERVICE = 408,
    /// A PING or PONG says nothing.
    ERR_NOORIGIN = 409,
    /// CAP has no such subcommand (IRCv3).
    ERR_INVALIDCAPCMD = 410,
    /// A message has no recipient.
    ERR_NORECIPIENT = 411,
    /// A message has no text.
    ERR_NOTEXTTOSEND = 412,
    /// A mask of servers has no top level.
    ERR_NOTOPLEVEL = 413,
    /// A mask of servers has a wildcard in its top level.
    ERR_WILDTOPLEVEL = 414,
    /// A mask of servers is wrong.
    ERR_BADMASK = 415,
    /// A line was too long (IRCv3).
    ERR_INPUTTOOLONG = 417,
    /// There is no such command.
    ERR_UNKNOWNCOMMAND = 421,
    /// There is no message of the day.
    ERR_NOMOTD = 422,
    /// Nobody has said who runs the server.
    ERR_NOADMININFO = 423,
    /// The server could not use a file.
    ERR_FILEERROR = 424,
    /// A nick is missing.
    ERR_NONICKNAMEGIVEN = 431,
    /// No nick may be like this.
    ERR_ERRONEUSNICKNAME = 432,
    /// Somebody has this nick.
    ERR_NICKNAMEINUSE = 433,
    /// Two have this nick.
    ERR_NICKCOLLISION = 436,
    /// A nick or channel can't be had for now.
    ERR_UNAVAILRESOURCE = 437,
    /// Somebody is not in this channel.
    ERR_USERNOTINCHANNEL = 441,
    /// The client is not in this channel.
    ERR_NOTONCHANNEL = 442,
    /// Somebody is in this channel already.
    ERR_USERONCHANNEL = 443,
    /// Somebody is not logged in on the server's machine.
    ERR_NOLOGIN = 444,
    /// There is no SUMMON here.
    ERR_SUMMONDISABLED = 445,
    /// There is no USERS here.
    ERR_USERSDISABLED = 446,
    /// The client has to register first.
    ERR_NOTREGISTERED = 451,
    /// A command lacks parameters.
    ERR_NEEDMOREPARAMS = 461,
    /// The client has registered already.
    ERR_ALREADYREGISTRED = 462,
    /// The client's host may not connect.
    ERR_NOPERMFORHOST = 463,
    /// The password is wrong.
    ERR_PASSWDMISMATCH = 464,
    /// The client is banned from the server.
    ERR_YOUREBANNEDCREEP = 465,
    /// The client will be banned from the server.
    ERR_YOUWILLBEBANNED = 466,
    /// The channel has a key already.
    ERR_KEYSET = 467,
    /// The channel is full (+l).
    ERR_CHANNELISFULL = 471,
    /// There is no such channel mode.
    ERR_UNKNOWNMODE = 472,
    /// Only who is invited may enter the channel (+i).
    ERR_INVITEONLYCHAN = 473,
    /// The client is banned from the channel (+b).
    ERR_BANNEDFROMCHAN = 474,
    /// The channel's key is another one (+k).
    ERR_BADCHANNELKEY = 475,
    /// No channel can have this name.
    ERR_BADCHANMASK = 476,
    /// The channel has no modes.
    ERR_NOCHANMODES = 477,
    /// A list of masks of the channel is full.
    ERR_BANLISTFULL = 478,
    /// The client is no operator of the network.
    ERR_NOPRIVILEGES = 481,
    /// The client is no operator of the channel.
    ERR_CHANOPRIVSNEEDED = 482,
    /// A server can't be killed.
    ERR_CANTKILLSERVER = 483,
    /// The connection is restricted (+r).
    ERR_RESTRICTED = 484,
    /// Only who made the channel may do this.
    ERR_UNIQOPPRIVSNEEDED = 485,
    /// Nobody from the client's host can become an operator.
    ERR_NOOPERHOST = 491,
    /// Reserved.
    ERR_NOSERVICEHOST = 492,
    /// There is no such user mode.
    ERR_UMODEUNKNOWNFLAG = 501,
    /// Modes of others can't be asked or changed.
    ERR_USERSDONTMATCH = 502,
    /// There is no help on this (a later addition).
    ERR_HELPNOTFOUND = 524,
    /// No channel can have this key (a later addition).
    ERR_INVALIDKEY = 525,
    /// WHOIS: somebody is connected by TLS (a later addition).
    RPL_WHOISSECURE = 671,
    /// The parameter of a mode is wrong (a later addition).
    ERR_INVALIDMODEPARAM = 696,
    /// HELP: the beginning (a later addition).
    RPL_HELPSTART = 704,
    /// HELP: a line (a later addition).
    RPL_HELPTXT = 705,
    /// HELP: the end (a later addition).
    RPL_ENDOFHELP = 706,
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn numbers_are_three_digits() {
        for number in 0..1000 {
            let numeric = Numeric::new(number).unwrap();
            assert_eq!(numeric.digits(), format!("{number:03}"));
            let digits = format!("{number}");
            assert_eq!(Numeric::from_digits(digits.as_bytes()), Some(numeric));
        }
        assert_eq!(Numeric::new(1000), None);
    }

    #[test]
    fn names_are_of_different_numbers_and_say_whether_they_are_errors() {
        assert!(Numeric::NAMED.is_sorted_by(|a, b| a < b));
        for numeric in Numeric::NAMED {
            let name = numeric.name().unwrap();
            let error = name.starts_with("ERR_");
            assert!(error || name.starts_with("RPL_"));
            if numeric.get() < 600 {
                assert_eq!(numeric.is_error(), error, "{name}");
            }
        }
        assert_eq!(Numeric(999).name(), None);
    }
}
