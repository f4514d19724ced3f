//! The numerics with which servers reply.
//!
//! Most of this file is the table of numerics.

use core::fmt;
use core::str::FromStr;

/// The code of a server's reply: three digits.
///
/// Numerics below 400 are replies, those from 400 to 599 are errors, and those from 600
/// are either. The set is open: every number from 0 to 999 can be read and written. The
/// numerics of RFC 2812, section 5, have its names and its spelling. Later ones have the
/// names that today's servers use. The first parameter of a numeric is the recipient's
/// nick, except in the [legacy](crate::legacy) dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Numeric(u16);

/// A number or a string is no [`Numeric`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a numeric is a number from 0 to 999")]
pub struct NumericError;

impl Numeric {
    /// Returns the numeric `number`, or `None` for 1000 and above.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        match number {
            0..1000 => Some(Numeric(number)),
            _ => None,
        }
    }

    /// Parses one to three digits of ASCII.
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

    /// Returns the number, from 0 to 999.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Returns whether the numeric is an error: 400 to 599.
    #[must_use]
    pub const fn is_error(self) -> bool {
        matches!(self.0, 400..600)
    }

    /// Returns the three digits.
    #[must_use]
    pub fn digits(self) -> &'static str {
        let at = 3 * usize::from(self.0);
        let digits = DIGITS.get(at..at + 3).unwrap_or_default();
        core::str::from_utf8(digits).unwrap_or_default()
    }
}

/// The digits of all numerics: `000001002` to `999`.
static DIGITS: [u8; 3000] = {
    let mut all = [b'0'; 3000];
    let mut at = 3;
    while at < all.len() {
        // The number before plus one, carried from right to left.
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

/// Writes three digits.
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

            /// All numerics with a name, in ascending order.
            pub const NAMED: &'static [Numeric] = &[$(Numeric::$name),*];

            /// Returns the name, such as `RPL_WELCOME`.
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
    /// The first line of the welcome: the client is registered.
    RPL_WELCOME = 1,
    /// The server's name and version.
    RPL_YOURHOST = 2,
    /// The start or build time of the server.
    RPL_CREATED = 3,
    /// Name, version, user modes and channel modes of the server.
    RPL_MYINFO = 4,
    /// The features of the server, as words. RFC 2812 has RPL_BOUNCE here, which is 010
    /// today.
    RPL_ISUPPORT = 5,
    /// MAP: a server, with the branch of the tree that leads to it.
    RPL_MAP = 6,
    /// MAP: the end.
    RPL_MAPEND = 7,
    /// Another server to connect to.
    RPL_BOUNCE = 10,
    /// TRACE: the link over which the server passes the request on.
    RPL_TRACELINK = 200,
    /// TRACE: a connection that the server opens.
    RPL_TRACECONNECTING = 201,
    /// TRACE: a connection during its handshake.
    RPL_TRACEHANDSHAKE = 202,
    /// TRACE: an unregistered connection.
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
    /// TRACE: a connection class and its number of connections.
    RPL_TRACECLASS = 209,
    /// TRACE: unused.
    RPL_TRACERECONNECT = 210,
    /// STATS: the traffic of a link.
    RPL_STATSLINKINFO = 211,
    /// STATS: the number of uses of a command.
    RPL_STATSCOMMANDS = 212,
    /// STATS: reserved; a server to connect to.
    RPL_STATSCLINE = 213,
    /// STATS: reserved; a server that may connect.
    RPL_STATSNLINE = 214,
    /// STATS: reserved; a host that may connect.
    RPL_STATSILINE = 215,
    /// STATS: reserved; a ban.
    RPL_STATSKLINE = 216,
    /// STATS: reserved.
    RPL_STATSQLINE = 217,
    /// STATS: reserved; a connection class.
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
    /// STATS: the uptime of the server.
    RPL_STATSUPTIME = 242,
    /// STATS: a host that may become an operator.
    RPL_STATSOLINE = 243,
    /// STATS: reserved.
    RPL_STATSHLINE = 244,
    /// STATS: reserved.
    RPL_STATSPING = 246,
    /// STATS: reserved.
    RPL_STATSBLINE = 247,
    /// The greatest number of connections so far. RFC 2812 reserves it as RPL_STATSDLINE.
    RPL_STATSCONN = 250,
    /// LUSERS: the numbers of users and servers.
    RPL_LUSERCLIENT = 251,
    /// LUSERS: the number of operators.
    RPL_LUSEROP = 252,
    /// LUSERS: the number of unregistered connections.
    RPL_LUSERUNKNOWN = 253,
    /// LUSERS: the number of channels.
    RPL_LUSERCHANNELS = 254,
    /// LUSERS: the numbers of clients and servers at this server.
    RPL_LUSERME = 255,
    /// ADMIN: the start.
    RPL_ADMINME = 256,
    /// ADMIN: the location of the server.
    RPL_ADMINLOC1 = 257,
    /// ADMIN: the organization that runs the server.
    RPL_ADMINLOC2 = 258,
    /// ADMIN: the address of the administrator.
    RPL_ADMINEMAIL = 259,
    /// TRACE: the log file.
    RPL_TRACELOG = 261,
    /// TRACE: the end.
    RPL_TRACEEND = 262,
    /// The server is too busy for this command.
    RPL_TRYAGAIN = 263,
    /// LUSERS: the present and the greatest number of users at this server (a later
    /// addition).
    RPL_LOCALUSERS = 265,
    /// LUSERS: the same for the network (a later addition).
    RPL_GLOBALUSERS = 266,
    /// WHOIS: the fingerprint of a certificate (a later addition).
    RPL_WHOISCERTFP = 276,
    /// Unused.
    RPL_NONE = 300,
    /// A user is away; with the reason.
    RPL_AWAY = 301,
    /// USERHOST: the reply.
    RPL_USERHOST = 302,
    /// ISON: the reply.
    RPL_ISON = 303,
    /// The client is no longer away.
    RPL_UNAWAY = 305,
    /// The client is away.
    RPL_NOWAWAY = 306,
    /// WHOIS: nick, user, host and real name.
    RPL_WHOISUSER = 311,
    /// WHOIS: the user's server.
    RPL_WHOISSERVER = 312,
    /// WHOIS: the user is an operator.
    RPL_WHOISOPERATOR = 313,
    /// WHOWAS: nick, user, host and real name.
    RPL_WHOWASUSER = 314,
    /// WHO: the end.
    RPL_ENDOFWHO = 315,
    /// Reserved.
    RPL_WHOISCHANOP = 316,
    /// WHOIS: the idle time and the time of sign-on.
    RPL_WHOISIDLE = 317,
    /// WHOIS: the end.
    RPL_ENDOFWHOIS = 318,
    /// WHOIS: the user's channels.
    RPL_WHOISCHANNELS = 319,
    /// WHOIS: something else about the user, as a text (a later addition).
    RPL_WHOISSPECIAL = 320,
    /// LIST: the start. RFC 2812 calls it obsolete; clients know it.
    RPL_LISTSTART = 321,
    /// LIST: a channel, its number of members, and its topic.
    RPL_LIST = 322,
    /// LIST: the end.
    RPL_LISTEND = 323,
    /// The modes of a channel.
    RPL_CHANNELMODEIS = 324,
    /// The creator of a channel.
    RPL_UNIQOPIS = 325,
    /// The creation time of a channel (a later addition).
    RPL_CREATIONTIME = 329,
    /// WHOIS: the user's account (a later addition).
    RPL_WHOISACCOUNT = 330,
    /// A channel has no topic.
    RPL_NOTOPIC = 331,
    /// A channel's topic.
    RPL_TOPIC = 332,
    /// The user who set a channel's topic, and the time (a later addition).
    RPL_TOPICWHOTIME = 333,
    /// WHOIS: the user is a bot (a later addition).
    RPL_WHOISBOT = 335,
    /// INVITE: a channel that the client is invited to (a later addition, RPL_INVITELIST
    /// elsewhere).
    RPL_INVITELIST_OWN = 336,
    /// INVITE: the end of that list (a later addition, RPL_ENDOFINVITELIST elsewhere).
    RPL_ENDOFINVITELIST_OWN = 337,
    /// WHOIS: the user's real address (a later addition).
    RPL_WHOISACTUALLY = 338,
    /// The user is invited.
    RPL_INVITING = 341,
    /// The user is summoned.
    RPL_SUMMONING = 342,
    /// MODE: a mask of users who need no invitation to a channel.
    RPL_INVITELIST = 346,
    /// MODE: the end of that list.
    RPL_ENDOFINVITELIST = 347,
    /// MODE: a mask of users whom the bans of a channel do not affect.
    RPL_EXCEPTLIST = 348,
    /// MODE: the end of that list.
    RPL_ENDOFEXCEPTLIST = 349,
    /// WHOIS: the gateway that has connected for the user (a later addition).
    RPL_WHOISGATEWAY = 350,
    /// VERSION: the reply.
    RPL_VERSION = 351,
    /// WHO: a user.
    RPL_WHOREPLY = 352,
    /// NAMES: some members of a channel.
    RPL_NAMREPLY = 353,
    /// WHO with chosen fields (WHOX): a user (a later addition).
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
    /// MODE: a mask of users who are banned from a channel.
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
    /// MOTD: the start.
    RPL_MOTDSTART = 375,
    /// MOTD: the end.
    RPL_ENDOFMOTD = 376,
    /// WHOIS: the user's host (a later addition).
    RPL_WHOISHOST = 378,
    /// WHOIS: the user's modes (a later addition).
    RPL_WHOISMODES = 379,
    /// The client is an operator now.
    RPL_YOUREOPER = 381,
    /// The server reads its configuration again.
    RPL_REHASHING = 382,
    /// The client is a service now.
    RPL_YOURESERVICE = 383,
    /// Reserved.
    RPL_MYPORTIS = 384,
    /// TIME: the reply.
    RPL_TIME = 391,
    /// USERS: the start.
    RPL_USERSSTART = 392,
    /// USERS: a user.
    RPL_USERS = 393,
    /// USERS: the end.
    RPL_ENDOFUSERS = 394,
    /// USERS: no user is logged in.
    RPL_NOUSERS = 395,
    /// The host of the client that others see has changed (a later addition).
    RPL_VISIBLEHOST = 396,
    /// A command failed for a reason without a numeric (a later addition).
    ERR_UNKNOWNERROR = 400,
    /// No user has this nick, and no channel this name.
    ERR_NOSUCHNICK = 401,
    /// No server has this name.
    ERR_NOSUCHSERVER = 402,
    /// The channel does not exist, or its name is malformed.
    ERR_NOSUCHCHANNEL = 403,
    /// The client may not send to the channel.
    ERR_CANNOTSENDTOCHAN = 404,
    /// The client is in as many channels as the server allows.
    ERR_TOOMANYCHANNELS = 405,
    /// No user had this nick lately.
    ERR_WASNOSUCHNICK = 406,
    /// A message has too many or ambiguous recipients.
    ERR_TOOMANYTARGETS = 407,
    /// No service has this name.
    ERR_NOSUCHSERVICE = 408,
    /// A PING or PONG has no parameter.
    ERR_NOORIGIN = 409,
    /// The CAP subcommand is unknown (IRCv3).
    ERR_INVALIDCAPCMD = 410,
    /// A message has no recipient.
    ERR_NORECIPIENT = 411,
    /// A message has no text.
    ERR_NOTEXTTOSEND = 412,
    /// A server mask has no top level.
    ERR_NOTOPLEVEL = 413,
    /// A server mask has a wildcard in its top level.
    ERR_WILDTOPLEVEL = 414,
    /// A server mask is malformed.
    ERR_BADMASK = 415,
    /// The answer has more lines than the server sends.
    ERR_TOOMANYMATCHES = 416,
    /// The line was too long (IRCv3).
    ERR_INPUTTOOLONG = 417,
    /// The command is unknown.
    ERR_UNKNOWNCOMMAND = 421,
    /// The server has no message of the day.
    ERR_NOMOTD = 422,
    /// The server knows no administrator.
    ERR_NOADMININFO = 423,
    /// A file operation of the server failed.
    ERR_FILEERROR = 424,
    /// The nick is missing.
    ERR_NONICKNAMEGIVEN = 431,
    /// The nick is malformed.
    ERR_ERRONEUSNICKNAME = 432,
    /// The nick is in use.
    ERR_NICKNAMEINUSE = 433,
    /// Two users have this nick.
    ERR_NICKCOLLISION = 436,
    /// A nick or channel is not available at present.
    ERR_UNAVAILRESOURCE = 437,
    /// The user is not in the channel.
    ERR_USERNOTINCHANNEL = 441,
    /// The client is not in the channel.
    ERR_NOTONCHANNEL = 442,
    /// The user is already in the channel.
    ERR_USERONCHANNEL = 443,
    /// The user is not logged in on the host of the server.
    ERR_NOLOGIN = 444,
    /// The server does not support SUMMON.
    ERR_SUMMONDISABLED = 445,
    /// The server does not support USERS.
    ERR_USERSDISABLED = 446,
    /// The client is not registered.
    ERR_NOTREGISTERED = 451,
    /// The command needs more parameters.
    ERR_NEEDMOREPARAMS = 461,
    /// The client is already registered.
    ERR_ALREADYREGISTRED = 462,
    /// The client's host may not connect.
    ERR_NOPERMFORHOST = 463,
    /// The password is wrong.
    ERR_PASSWDMISMATCH = 464,
    /// The client is banned from the server.
    ERR_YOUREBANNEDCREEP = 465,
    /// The client will be banned from the server.
    ERR_YOUWILLBEBANNED = 466,
    /// The channel already has a key.
    ERR_KEYSET = 467,
    /// The channel has another name, or stands for another one (a later addition).
    ERR_LINKCHANNEL = 470,
    /// The channel is full (+l).
    ERR_CHANNELISFULL = 471,
    /// The channel mode is unknown.
    ERR_UNKNOWNMODE = 472,
    /// The channel accepts only invited users (+i).
    ERR_INVITEONLYCHAN = 473,
    /// The client is banned from the channel (+b).
    ERR_BANNEDFROMCHAN = 474,
    /// The key of the channel is wrong (+k).
    ERR_BADCHANNELKEY = 475,
    /// The channel name is malformed.
    ERR_BADCHANMASK = 476,
    /// The channel has no modes.
    ERR_NOCHANMODES = 477,
    /// A list of masks of the channel is full.
    ERR_BANLISTFULL = 478,
    /// The client is no operator of the network.
    ERR_NOPRIVILEGES = 481,
    /// The client is no operator of the channel.
    ERR_CHANOPRIVSNEEDED = 482,
    /// KILL does not apply to servers.
    ERR_CANTKILLSERVER = 483,
    /// The connection is restricted (+r).
    ERR_RESTRICTED = 484,
    /// Only the creator of the channel may do this.
    ERR_UNIQOPPRIVSNEEDED = 485,
    /// The client's host may not become an operator.
    ERR_NOOPERHOST = 491,
    /// Reserved.
    ERR_NOSERVICEHOST = 492,
    /// The user mode is unknown.
    ERR_UMODEUNKNOWNFLAG = 501,
    /// The modes of other users cannot be read or changed.
    ERR_USERSDONTMATCH = 502,
    /// The server has no help on this subject (a later addition).
    ERR_HELPNOTFOUND = 524,
    /// The key is malformed (a later addition).
    ERR_INVALIDKEY = 525,
    /// WHOIS: the user is connected with TLS (a later addition).
    RPL_WHOISSECURE = 671,
    /// The parameter of a mode is malformed (a later addition).
    ERR_INVALIDMODEPARAM = 696,
    /// HELP: the start (a later addition).
    RPL_HELPSTART = 704,
    /// HELP: a line (a later addition).
    RPL_HELPTXT = 705,
    /// HELP: the end (a later addition).
    RPL_ENDOFHELP = 706,
    /// MONITOR: users that are online (a later addition).
    RPL_MONONLINE = 730,
    /// MONITOR: nicks that no user has (a later addition).
    RPL_MONOFFLINE = 731,
    /// MONITOR: nicks in the list (a later addition).
    RPL_MONLIST = 732,
    /// MONITOR: the end of the list (a later addition).
    RPL_ENDOFMONLIST = 733,
    /// MONITOR: the list is full (a later addition).
    ERR_MONLISTFULL = 734,
    /// WHOIS: a key of the user, and its value (IRCv3 metadata).
    RPL_WHOISKEYVALUE = 760,
    /// METADATA: a key of a user or channel, and its value (IRCv3 metadata).
    RPL_KEYVALUE = 761,
    /// METADATA: a user or channel has no such key (IRCv3 metadata).
    RPL_KEYNOTSET = 766,
    /// METADATA: the client is subscribed to keys now (IRCv3 metadata).
    RPL_METADATASUBOK = 770,
    /// METADATA: the client is not subscribed to keys any more (IRCv3 metadata).
    RPL_METADATAUNSUBOK = 771,
    /// METADATA: the keys to which the client is subscribed (IRCv3 metadata).
    RPL_METADATASUBS = 772,
    /// METADATA: the client may synchronise a target later (IRCv3 metadata).
    RPL_METADATASYNCLATER = 774,
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn numerics_have_three_digits() {
        for number in 0..1000 {
            let numeric = Numeric::new(number).unwrap();
            assert_eq!(numeric.digits(), format!("{number:03}"));
            let digits = format!("{number}");
            assert_eq!(Numeric::from_digits(digits.as_bytes()), Some(numeric));
        }
        assert_eq!(Numeric::new(1000), None);
    }

    #[test]
    fn names_belong_to_different_numbers_and_match_is_error() {
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
