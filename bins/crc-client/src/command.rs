//! The commands of the client, and their parser. Which client a name belongs to, and
//! whether a command can be executed, is not known here.

use std::fmt;

use crc_core::{ChannelRank, Password, is_channel_name};

/// The commands, as `/help` and `--help` list them.
pub(crate) const COMMANDS: &str = "  \
  /msg WHO TEXT   send TEXT to WHO: a name, an id, or a channel (#CHANNEL);
                  a name that contains spaces stands \"in quotes\"
  /to WHO         send other lines to WHO from now on; /to alone ends that
  /who            list the clients; /who #CHANNEL: the members of a channel you are in
  /join #CHANNEL [KEY]
                  join a channel, with its key
  /part [#CHANNEL] [TEXT]
                  leave a channel with the message TEXT
  /close          end the conversation that other lines are sent to, and return to the
                  one before; leaves its channel
  /topic [#CHANNEL] [TEXT]
                  show the topic of a channel, or set it; \"\" removes it
  /names [#CHANNEL]
                  ask the server for the members of a channel
  /channels       list the channels you are in
  /me TEXT        say what you do: * ann waves
  /nick NAME      take another name
  /away [TEXT]    be away, and say why; /away alone: be back
  /whois WHO      ask the server what it knows of WHO
  /list [MASK]    list the channels of the network, or those that match: /list #re*
  /notice WHO TEXT
                  send a notice: a text that programs do not answer
  /op [#CHANNEL] NAME
                  make NAME an operator of the channel
  /deop [#CHANNEL] NAME
                  take that from NAME
  /voice [#CHANNEL] NAME
                  let NAME speak where not all may
  /devoice [#CHANNEL] NAME
                  take that from NAME
  /kick [#CHANNEL] NAME [REASON]
                  remove NAME from the channel
  /invite [#CHANNEL] NAME
                  invite NAME to the channel
  /mode [#CHANNEL] [CHANGES]
                  show the modes of a channel, or change them: +m, -i, +k KEY,
                  +l 10, +b MASK, +e MASK, +I MASK
  /ignore [WHO]   show no chats, notices and invitations of WHO: a name, an id, or a mask
                  such as spam*; without WHO: list whom you ignore
  /unignore WHO   show them again
  /oper NAME      become a network operator; the next line is the password, which is
                  not shown; an empty line for an operator with a certificate only
  /command LINE   give a command of an operator: /command KILL bob :REASON
  /quit [TEXT]    quit with the message TEXT
  /help           show this list
  //TEXT          send a line that begins with a slash
  Without #CHANNEL, a command is about the channel that other lines are sent to.";

/// The names of the commands.
pub(crate) const NAMES: [&str; 28] = [
    "/away",
    "/channels",
    "/close",
    "/command",
    "/deop",
    "/devoice",
    "/help",
    "/ignore",
    "/invite",
    "/join",
    "/kick",
    "/list",
    "/me",
    "/mode",
    "/msg",
    "/names",
    "/nick",
    "/notice",
    "/op",
    "/oper",
    "/part",
    "/quit",
    "/to",
    "/topic",
    "/unignore",
    "/voice",
    "/who",
    "/whois",
];

/// The destination of a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A client: its name or its id.
    Client(String),
    /// A channel.
    Channel(String),
}

impl Target {
    /// Whether it is this channel. ASCII letters match in either case.
    pub(crate) fn is_channel(&self, name: &str) -> bool {
        matches!(self, Target::Channel(channel) if channel.eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Client(name) | Target::Channel(name) => f.write_str(name),
        }
    }
}

/// A parsed line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// A line of spaces only.
    Empty,
    /// Send a chat.
    Msg { to: Target, text: String },
    /// Send a notice.
    Notice { to: Target, text: String },
    /// Say to the target what one does.
    Me { text: String },
    /// Set the target of lines that are not commands.
    To { to: Option<Target> },
    /// A line that is not a command: send it to the target.
    Text { text: String },
    /// List the other clients, or the members of a channel.
    Who { channel: Option<String> },
    /// Join a channel.
    Join { channel: String, key: String },
    /// Leave a channel; `None`, here and below, for the target.
    Part {
        channel: Option<String>,
        text: String,
    },
    /// End the conversation with the target.
    Close,
    /// Show the topic of a channel, or set it.
    Topic {
        channel: Option<String>,
        topic: Option<String>,
    },
    /// Ask the server for the members of a channel.
    Names { channel: Option<String> },
    /// Take another name.
    Nick { name: String },
    /// Be away, or be back if there is no text.
    Away { text: String },
    /// Ask the server about a client.
    Whois { name: String },
    /// Ask the server for the channels of the network.
    List { mask: String },
    /// Give a client a rank in a channel, or take it.
    Rank {
        channel: Option<String>,
        name: String,
        rank: ChannelRank,
        is_given: bool,
    },
    /// Remove a client from a channel.
    Kick {
        channel: Option<String>,
        name: String,
        reason: String,
    },
    /// Invite a client to a channel.
    Invite {
        channel: Option<String>,
        name: String,
    },
    /// Show the modes of a channel, or change them.
    Mode {
        channel: Option<String>,
        changes: Option<String>,
    },
    /// List the channels.
    Channels,
    /// Ignore a client, or list those that are.
    Ignore { who: Option<String> },
    /// Ignore a client no longer.
    Unignore { who: String },
    /// Become a network operator.
    Oper(OperatorLogin),
    /// Give the server a command: a line of IRC.
    Server { line: String },
    /// Quit.
    Quit { text: String },
    /// List the commands.
    Help,
}

/// What a user says to become a network operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OperatorLogin {
    pub(crate) name: String,
    /// Without one, the certificate is enough.
    pub(crate) password: Option<Password>,
}

impl OperatorLogin {
    /// The line of IRC.
    pub(crate) fn line(&self) -> String {
        match &self.password {
            Some(password) => format!("OPER {} :{}", self.name, password.expose()),
            None => format!("OPER {}", self.name),
        }
    }
}

/// Why a line is not a valid command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParseError {
    #[error("Unknown command {0}. Try /help")]
    UnknownCommand(String),
    #[error("The message is incomplete. Use {0}")]
    MsgIncomplete(&'static str),
    #[error("The name is missing. Use {0}")]
    NameIncomplete(&'static str),
    #[error("The channel is missing. Use /join #CHANNEL")]
    JoinIncomplete,
    #[error("{0} is not a channel name. Use # and up to 63 bytes without spaces and commas")]
    NoChannel(String),
    #[error("The name is missing. Use /oper NAME")]
    OperIncomplete,
    #[error("The command is missing. Use /command KILL NAME :REASON")]
    CommandIncomplete,
    #[error("Too many words. Use {command}")]
    TooMuch { command: &'static str },
    #[error("The closing quote is missing. Use /msg \"NAME\" TEXT")]
    QuoteOpen,
    /// What is wrong with a JSON object, and what to write.
    #[error("{0}")]
    Json(String),
    #[error("The line is not UTF-8")]
    NotUtf8,
    #[error("The line is too long. A text has at most 65536 bytes")]
    TooLong,
}

impl Command {
    /// Parses one line without its line break.
    pub(crate) fn parse(line: &str) -> Result<Command, ParseError> {
        if line.trim().is_empty() {
            return Ok(Command::Empty);
        }
        let Some(command) = line.strip_prefix('/') else {
            let text = line.to_owned();
            return Ok(Command::Text { text });
        };
        if command.starts_with('/') {
            let text = command.to_owned();
            return Ok(Command::Text { text });
        }
        let (name, rest) = split_word(command);
        match name {
            "msg" => {
                let (to, text) = parse_msg(rest, "/msg WHO TEXT")?;
                Ok(Command::Msg { to, text })
            }
            "notice" => {
                let (to, text) = parse_msg(rest, "/notice WHO TEXT")?;
                Ok(Command::Notice { to, text })
            }
            "me" if rest.trim().is_empty() => Err(ParseError::MsgIncomplete("/me TEXT")),
            "me" => Ok(Command::Me {
                text: rest.to_owned(),
            }),
            "op" => parse_rank(rest, ChannelRank::Operator, true, "/op NAME"),
            "deop" => parse_rank(rest, ChannelRank::Operator, false, "/deop NAME"),
            "voice" => parse_rank(rest, ChannelRank::Voice, true, "/voice NAME"),
            "devoice" => parse_rank(rest, ChannelRank::Voice, false, "/devoice NAME"),
            "kick" => {
                let (channel, name, reason) = take_member(rest, "/kick NAME REASON")?;
                let reason = reason.to_owned();
                Ok(Command::Kick {
                    channel,
                    name,
                    reason,
                })
            }
            "invite" => {
                let (channel, name, rest) = take_member(rest, "/invite NAME")?;
                expect_end(rest, "/invite NAME")?;
                Ok(Command::Invite { channel, name })
            }
            "mode" => {
                let (channel, rest) = take_channel(rest)?;
                let changes = Some(rest.trim().to_owned()).filter(|changes| !changes.is_empty());
                Ok(Command::Mode { channel, changes })
            }
            "to" => parse_to(rest),
            "who" => parse_who(rest),
            "join" => parse_join(rest),
            "part" => {
                let (channel, rest) = take_channel(rest)?;
                let text = rest.to_owned();
                Ok(Command::Part { channel, text })
            }
            "close" => expect_end(rest, "/close").map(|()| Command::Close),
            "topic" => parse_topic(rest),
            "names" => {
                let (channel, rest) = take_channel(rest)?;
                expect_end(rest, "/names #CHANNEL")?;
                Ok(Command::Names { channel })
            }
            "ignore" => {
                let who = take_ignored(rest, "/ignore WHO")?;
                Ok(Command::Ignore { who })
            }
            "unignore" => match take_ignored(rest, "/unignore WHO")? {
                Some(who) => Ok(Command::Unignore { who }),
                None => Err(ParseError::NameIncomplete("/unignore WHO")),
            },
            "away" => Ok(Command::Away {
                text: rest.trim().to_owned(),
            }),
            "whois" => match take_target(rest)? {
                Some((Target::Client(name), rest)) => {
                    expect_end(rest, "/whois WHO")?;
                    Ok(Command::Whois { name })
                }
                _ => Err(ParseError::NameIncomplete("/whois WHO")),
            },
            "list" => {
                let (mask, rest) = split_word(rest.trim_start_matches(SPACES));
                expect_end(rest, "/list MASK")?;
                Ok(Command::List {
                    mask: mask.to_owned(),
                })
            }
            "nick" => match unquoted(rest.trim()) {
                "" => Err(ParseError::NameIncomplete("/nick NAME")),
                name => Ok(Command::Nick {
                    name: name.to_owned(),
                }),
            },
            "oper" => parse_oper(rest),
            "command" if rest.trim().is_empty() => Err(ParseError::CommandIncomplete),
            "command" => Ok(Command::Server {
                line: rest.trim().to_owned(),
            }),
            "channels" => expect_end(rest, "/channels").map(|()| Command::Channels),
            "help" => expect_end(rest, "/help").map(|()| Command::Help),
            "quit" => Ok(Command::Quit {
                text: rest.to_owned(),
            }),
            _ => Err(ParseError::UnknownCommand(format!("/{name}"))),
        }
    }
}

impl Command {
    /// A command without a channel becomes one about `here`.
    pub(crate) fn in_channel(mut self, here: Option<String>) -> Command {
        let channel = match &mut self {
            Command::Part { channel, .. }
            | Command::Topic { channel, .. }
            | Command::Names { channel }
            | Command::Rank { channel, .. }
            | Command::Kick { channel, .. }
            | Command::Invite { channel, .. }
            | Command::Mode { channel, .. } => channel,
            _ => return self,
        };
        if channel.is_none() {
            *channel = here;
        }
        self
    }
}

/// A name without the quotes around it, if it has some.
fn unquoted(name: &str) -> &str {
    let quoted = name.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    quoted.unwrap_or(name)
}

const SPACES: [char; 2] = [' ', '\t'];

/// The text up to the first space, and the text after that space.
fn split_word(text: &str) -> (&str, &str) {
    text.split_once(SPACES).unwrap_or((text, ""))
}

fn parse_msg(rest: &str, usage: &'static str) -> Result<(Target, String), ParseError> {
    let incomplete = ParseError::MsgIncomplete(usage);
    match take_target(rest)? {
        Some((to, text)) if !text.is_empty() => Ok((to, text.to_owned())),
        _ => Err(incomplete),
    }
}

fn parse_rank(
    rest: &str,
    rank: ChannelRank,
    is_given: bool,
    usage: &'static str,
) -> Result<Command, ParseError> {
    let (channel, name, rest) = take_member(rest, usage)?;
    expect_end(rest, usage)?;
    Ok(Command::Rank {
        channel,
        name,
        rank,
        is_given,
    })
}

/// The channel at the beginning of `text`, if there is one, then the name of a client, and
/// the text behind it.
fn take_member<'t>(
    text: &'t str,
    usage: &'static str,
) -> Result<(Option<String>, String, &'t str), ParseError> {
    let (channel, rest) = take_channel(text)?;
    match take_target(rest)? {
        Some((Target::Client(name), rest)) => Ok((channel, name, rest)),
        _ => Err(ParseError::NameIncomplete(usage)),
    }
}

fn parse_to(rest: &str) -> Result<Command, ParseError> {
    let Some((to, rest)) = take_target(rest)? else {
        return Ok(Command::To { to: None });
    };
    expect_end(rest, "/to WHO")?;
    Ok(Command::To { to: Some(to) })
}

fn parse_who(rest: &str) -> Result<Command, ParseError> {
    let (channel, rest) = take_channel(rest)?;
    let usage = match channel {
        Some(_) => "/who #CHANNEL",
        None => "/who",
    };
    expect_end(rest, usage)?;
    Ok(Command::Who { channel })
}

/// The name, id or mask that a line has.
fn take_ignored(rest: &str, usage: &'static str) -> Result<Option<String>, ParseError> {
    match take_target(rest)? {
        None => Ok(None),
        Some((Target::Client(who), rest)) => expect_end(rest, usage).map(|()| Some(who)),
        Some((Target::Channel(_), _)) => Err(ParseError::NameIncomplete(usage)),
    }
}

fn parse_oper(rest: &str) -> Result<Command, ParseError> {
    let (name, password) = split_word(rest.trim_start_matches(SPACES));
    if name.is_empty() {
        return Err(ParseError::OperIncomplete);
    }
    let password = Some(password).filter(|password| !password.is_empty());
    Ok(Command::Oper(OperatorLogin {
        name: name.to_owned(),
        password: password.map(Password::new),
    }))
}

fn parse_topic(rest: &str) -> Result<Command, ParseError> {
    let (channel, rest) = take_channel(rest)?;
    let topic = match rest {
        "" => None,
        "\"\"" => Some(String::new()),
        topic => Some(topic.to_owned()),
    };
    Ok(Command::Topic { channel, topic })
}

fn parse_join(rest: &str) -> Result<Command, ParseError> {
    let (channel, rest) = split_word(rest.trim_start_matches(SPACES));
    if channel.is_empty() {
        return Err(ParseError::JoinIncomplete);
    }
    let channel = check_channel(channel)?;
    let (key, rest) = split_word(rest.trim_start_matches(SPACES));
    expect_end(rest, "/join #CHANNEL KEY")?;
    let key = key.to_owned();
    Ok(Command::Join { channel, key })
}

/// The channel at the beginning of `text`, if there is one, and the text after the
/// space behind it.
fn take_channel(text: &str) -> Result<(Option<String>, &str), ParseError> {
    let trimmed = text.trim_start_matches(SPACES);
    if !trimmed.starts_with('#') {
        return Ok((None, trimmed));
    }
    let (channel, rest) = split_word(trimmed);
    Ok((Some(check_channel(channel)?), rest))
}

fn check_channel(word: &str) -> Result<String, ParseError> {
    match is_channel_name(word) {
        true => Ok(word.to_owned()),
        false => Err(ParseError::NoChannel(word.to_owned())),
    }
}

/// The name, id or channel at the beginning of `text`, and the text after the space
/// behind it. A quoted word is never a channel.
fn take_target(text: &str) -> Result<Option<(Target, &str)>, ParseError> {
    let text = text.trim_start_matches(SPACES);
    if let Some(quoted) = text.strip_prefix('"') {
        let (word, rest) = quoted.split_once('"').ok_or(ParseError::QuoteOpen)?;
        let (extra, rest) = split_word(rest);
        if word.is_empty() || !extra.is_empty() {
            return Err(ParseError::QuoteOpen);
        }
        return Ok(Some((Target::Client(word.to_owned()), rest)));
    }
    let (word, rest) = split_word(text);
    Ok(match word {
        "" => None,
        _ if word.starts_with('#') => Some((Target::Channel(check_channel(word)?), rest)),
        _ => Some((Target::Client(word.to_owned()), rest)),
    })
}

fn expect_end(rest: &str, command: &'static str) -> Result<(), ParseError> {
    if rest.trim().is_empty() {
        Ok(())
    } else {
        Err(ParseError::TooMuch { command })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn msg(to: &str, text: &str) -> Result<Command, ParseError> {
        let (to, text) = (Target::Client(to.to_owned()), text.to_owned());
        Ok(Command::Msg { to, text })
    }

    #[test]
    fn texts_keep_their_spaces() {
        for (line, meant) in [
            ("/msg bob Hi", msg("bob", "Hi")),
            ("/msg 101 \"Testing\"", msg("101", "\"Testing\"")),
            ("/msg 101  two  blanks ", msg("101", " two  blanks ")),
            ("/msg   bob\tHi", msg("bob", "Hi")),
            ("/msg \"Bob the 2nd\"  Hi", msg("Bob the 2nd", " Hi")),
            ("/msg bob /who", msg("bob", "/who")),
        ] {
            assert_eq!(Command::parse(line), meant, "{line:?}");
        }
        for line in ["Hi", " Hi ", " /who", "Grüße\u{1b}"] {
            let text = line.to_owned();
            assert_eq!(Command::parse(line), Ok(Command::Text { text }));
        }
        let text = "/who".to_owned();
        assert_eq!(Command::parse("//who"), Ok(Command::Text { text }));
    }

    #[test]
    fn commands_are_parsed() {
        let quit = |text: &str| Command::Quit { text: text.into() };
        let to = |to: Option<&str>| Command::To {
            to: to.map(|to| Target::Client(to.into())),
        };
        let server = |line: &str| Command::Server { line: line.into() };
        let oper = |password: Option<&str>| {
            Command::Oper(OperatorLogin {
                name: "ann".into(),
                password: password.map(Password::new),
            })
        };
        let away = |text: &str| Command::Away { text: text.into() };
        let whois = |name: &str| Command::Whois { name: name.into() };
        let list = |mask: &str| Command::List { mask: mask.into() };
        let nick = |name: &str| Command::Nick { name: name.into() };
        let reef = || "#reef".to_owned();
        for (line, meant) in [
            ("", Command::Empty),
            (" \t", Command::Empty),
            ("/who", Command::Who { channel: None }),
            (
                "/who #reef",
                Command::Who {
                    channel: Some(reef()),
                },
            ),
            ("/channels", Command::Channels),
            ("/close", Command::Close),
            ("/ignore", Command::Ignore { who: None }),
            (
                "/ignore spam* ",
                Command::Ignore {
                    who: Some("spam*".into()),
                },
            ),
            (
                "/unignore \"Bob B\"",
                Command::Unignore {
                    who: "Bob B".into(),
                },
            ),
            ("/oper ann sea shell", oper(Some("sea shell"))),
            ("/oper ann", oper(None)),
            ("/command KILL bob :spam ", server("KILL bob :spam")),
            ("/names", Command::Names { channel: None }),
            ("/nick anna ", nick("anna")),
            ("/whois bob", whois("bob")),
            ("/away gone fishing ", away("gone fishing")),
            ("/away", away("")),
            ("/whois \"Bob the 2nd\" ", whois("Bob the 2nd")),
            ("/list", list("")),
            ("/list #re* ", list("#re*")),
            ("/nick \"Bob the 2nd\"", nick("Bob the 2nd")),
            ("/nick Bob the 2nd", nick("Bob the 2nd")),
            (
                "/names #reef ",
                Command::Names {
                    channel: Some(reef()),
                },
            ),
            (
                "/to #reef",
                Command::To {
                    to: Some(Target::Channel(reef())),
                },
            ),
            ("/to \"#reef\"", to(Some("#reef"))),
            (
                "/msg #reef  Hi ",
                Command::Msg {
                    to: Target::Channel(reef()),
                    text: " Hi ".into(),
                },
            ),
            ("/help ", Command::Help),
            ("/quit", quit("")),
            ("/quit so long, ", quit("so long, ")),
            ("/to bob", to(Some("bob"))),
            ("/to \"Bob the 2nd\" ", to(Some("Bob the 2nd"))),
            ("/to", to(None)),
            ("/to ", to(None)),
        ] {
            assert_eq!(Command::parse(line), Ok(meant), "{line:?}");
        }
    }

    #[test]
    fn an_operator_may_have_a_password_that_is_not_printed() {
        let Ok(Command::Oper(login)) = Command::parse("/oper ann sea shell") else {
            panic!("a login was expected");
        };
        assert_eq!(login.line(), "OPER ann :sea shell");
        assert!(!format!("{login:?}").contains("sea"));
        let password = None;
        assert_eq!(OperatorLogin { password, ..login }.line(), "OPER ann");
    }

    #[test]
    fn channels_are_distinguished_from_texts() {
        let join = |key: &str| Command::Join {
            channel: "#Île".into(),
            key: key.into(),
        };
        let part = |channel: Option<&str>, text: &str| Command::Part {
            channel: channel.map(Into::into),
            text: text.into(),
        };
        let topic = |channel: Option<&str>, topic: Option<&str>| Command::Topic {
            channel: channel.map(Into::into),
            topic: topic.map(Into::into),
        };
        for (line, meant) in [
            ("/join #Île", join("")),
            ("/join  #Île  kelp ", join("kelp")),
            ("/part", part(None, "")),
            ("/part so long", part(None, "so long")),
            ("/part #a", part(Some("#a"), "")),
            ("/part #a  so long ", part(Some("#a"), " so long ")),
            ("/topic", topic(None, None)),
            ("/topic the tide", topic(None, Some("the tide"))),
            ("/topic #a", topic(Some("#a"), None)),
            ("/topic #a the tide", topic(Some("#a"), Some("the tide"))),
            ("/topic #a \"\"", topic(Some("#a"), Some(""))),
            ("/topic \"\"", topic(None, Some(""))),
        ] {
            assert_eq!(Command::parse(line), Ok(meant), "{line:?}");
        }
    }

    #[test]
    fn invalid_commands_are_refused() {
        let unknown = |name: &str| ParseError::UnknownCommand(name.into());
        let too_much = |command| ParseError::TooMuch { command };
        for (line, error) in [
            ("/", unknown("/")),
            ("/ who", unknown("/")),
            ("/wh", unknown("/wh")),
            ("/WHO", unknown("/WHO")),
            ("/msg", ParseError::MsgIncomplete("/msg WHO TEXT")),
            ("/oper", ParseError::OperIncomplete),
            ("/nick", ParseError::NameIncomplete("/nick NAME")),
            ("/whois", ParseError::NameIncomplete("/whois WHO")),
            ("/whois #reef", ParseError::NameIncomplete("/whois WHO")),
            ("/whois bob carol", too_much("/whois WHO")),
            ("/list #a #b", too_much("/list MASK")),
            ("/nick \"\"", ParseError::NameIncomplete("/nick NAME")),
            ("/command ", ParseError::CommandIncomplete),
            ("/msg bob", ParseError::MsgIncomplete("/msg WHO TEXT")),
            ("/msg bob ", ParseError::MsgIncomplete("/msg WHO TEXT")),
            ("/msg \"bob Hi", ParseError::QuoteOpen),
            ("/msg \"\" Hi", ParseError::QuoteOpen),
            ("/to \"bob\"by", ParseError::QuoteOpen),
            ("/to bob carol", too_much("/to WHO")),
            ("/who bob", too_much("/who")),
            ("/who #reef bob", too_much("/who #CHANNEL")),
            ("/names #reef bob", too_much("/names #CHANNEL")),
            ("/unignore", ParseError::NameIncomplete("/unignore WHO")),
            ("/ignore a b", too_much("/ignore WHO")),
            ("/join", ParseError::JoinIncomplete),
            ("/join reef", ParseError::NoChannel("reef".into())),
            ("/join #a,#b", ParseError::NoChannel("#a,#b".into())),
            ("/join #a kelp more", too_much("/join #CHANNEL KEY")),
            ("/msg # Hi", ParseError::NoChannel("#".into())),
            ("/part #a,b bye", ParseError::NoChannel("#a,b".into())),
            ("/msg #reef", ParseError::MsgIncomplete("/msg WHO TEXT")),
        ] {
            assert_eq!(Command::parse(line), Err(error), "{line:?}");
        }
    }
}
