//! What a line that somebody types means. Whom a name means, and whether a
//! command can be carried out, is not known here.

use std::fmt;

use crc_core::is_channel_name;

/// The commands, as `/help` and `--help` list them.
pub(crate) const COMMANDS: &str = "  \
  /msg WHO TEXT   say TEXT to WHO: a name or an id (a name with blanks: \"in quotes\"),
                  or a channel: #CHANNEL
  /to WHO         from now on, lines that are no commands go to WHO; /to alone: to nobody
  /who            list who is here; /who #CHANNEL: who is in a channel that you are in
  /join #CHANNEL [KEY]
                  enter a channel, with the word that opens it
  /part [#CHANNEL] [TEXT]
                  leave a channel, with TEXT as the last words there
  /topic [#CHANNEL] [TEXT]
                  show the topic of a channel, or set it; TEXT \"\": no topic
  /names [#CHANNEL]
                  ask the server who is in a channel
  /channels       list the channels that you are in
  /quit [TEXT]    leave, with TEXT as the last words
  /help           show these commands
  //TEXT          say a line that begins with a slash
  Where [#CHANNEL] is left out, the one is meant that plain lines go to.";

/// The names of the commands.
pub(crate) const NAMES: [&str; 10] = [
    "/channels",
    "/help",
    "/join",
    "/msg",
    "/names",
    "/part",
    "/quit",
    "/to",
    "/topic",
    "/who",
];

/// Somebody, or something, that is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Whom {
    /// A client: its name or its id.
    Client(String),
    /// A channel.
    Channel(String),
}

impl Whom {
    /// Whether it is this channel: capitals of ASCII and small letters are the same.
    pub(crate) fn is_channel(&self, name: &str) -> bool {
        matches!(self, Whom::Channel(channel) if channel.eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whom::Client(name) | Whom::Channel(name) => f.write_str(name),
        }
    }
}

/// One line, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// Nothing at all.
    Empty,
    /// Say something to somebody.
    Msg { who: Whom, text: String },
    /// Choose whom plain lines go to.
    To { who: Option<Whom> },
    /// A plain line.
    Plain { text: String },
    /// List the other clients, or those in a channel.
    Who { channel: Option<String> },
    /// Enter a channel.
    Join { channel: String, key: String },
    /// Leave a channel; `None` for the one that plain lines go to, as below.
    Part {
        channel: Option<String>,
        text: String,
    },
    /// Show the topic of a channel, or set it.
    Topic {
        channel: Option<String>,
        topic: Option<String>,
    },
    /// Ask who is in a channel.
    Names { channel: Option<String> },
    /// List the channels.
    Channels,
    /// Leave.
    Quit { text: String },
    /// Explain the commands.
    Help,
}

/// A line that can't be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LineError {
    #[error("there is no command {0}: /help lists them")]
    UnknownCommand(String),
    #[error("say to whom, and what: /msg WHO TEXT")]
    MsgIncomplete,
    #[error("say which channel: /join #CHANNEL")]
    JoinIncomplete,
    #[error("no channel can be called {0}: # and up to 63 bytes, no blanks, no commas")]
    NoChannel(String),
    #[error("{command} takes nothing more")]
    TooMuch { command: &'static str },
    #[error("a name in quotes ends with a quote: /msg \"WHO\" TEXT")]
    QuoteOpen,
    #[error("the line is not UTF-8")]
    NotUtf8,
    #[error("the line is too long: a text may have 65536 bytes")]
    TooLong,
}

impl Line {
    /// Understands one line, given without its end.
    pub(crate) fn parse(line: &str) -> Result<Line, LineError> {
        if line.trim().is_empty() {
            return Ok(Line::Empty);
        }
        let Some(command) = line.strip_prefix('/') else {
            let text = line.to_owned();
            return Ok(Line::Plain { text });
        };
        if command.starts_with('/') {
            let text = command.to_owned();
            return Ok(Line::Plain { text });
        }
        let (name, rest) = split_word(command);
        match name {
            "msg" => {
                let (who, rest) = take_who(rest)?.ok_or(LineError::MsgIncomplete)?;
                let text = rest.to_owned();
                if text.is_empty() {
                    return Err(LineError::MsgIncomplete);
                }
                Ok(Line::Msg { who, text })
            }
            "to" => match take_who(rest)? {
                None => Ok(Line::To { who: None }),
                Some((who, rest)) => {
                    nothing_in(rest, "/to WHO")?;
                    Ok(Line::To { who: Some(who) })
                }
            },
            "who" => match take_channel(rest)? {
                (None, rest) => {
                    nothing_in(rest, "/who")?;
                    Ok(Line::Who { channel: None })
                }
                (channel, rest) => {
                    nothing_in(rest, "/who #CHANNEL")?;
                    Ok(Line::Who { channel })
                }
            },
            "join" => parse_join(rest),
            "part" => {
                let (channel, rest) = take_channel(rest)?;
                let text = rest.to_owned();
                Ok(Line::Part { channel, text })
            }
            "topic" => {
                let (channel, rest) = take_channel(rest)?;
                let topic = match rest {
                    "" => None,
                    "\"\"" => Some(String::new()),
                    topic => Some(topic.to_owned()),
                };
                Ok(Line::Topic { channel, topic })
            }
            "names" => {
                let (channel, rest) = take_channel(rest)?;
                nothing_in(rest, "/names #CHANNEL")?;
                Ok(Line::Names { channel })
            }
            "channels" => nothing_in(rest, "/channels").map(|()| Line::Channels),
            "help" => nothing_in(rest, "/help").map(|()| Line::Help),
            "quit" => Ok(Line::Quit {
                text: rest.to_owned(),
            }),
            _ => Err(LineError::UnknownCommand(format!("/{name}"))),
        }
    }
}

const BLANKS: [char; 2] = [' ', '\t'];

/// The text up to the first blank, and what follows that blank.
fn split_word(text: &str) -> (&str, &str) {
    text.split_once(BLANKS).unwrap_or((text, ""))
}

fn parse_join(rest: &str) -> Result<Line, LineError> {
    let (channel, rest) = split_word(rest.trim_start_matches(BLANKS));
    if channel.is_empty() {
        return Err(LineError::JoinIncomplete);
    }
    let channel = check_channel(channel)?;
    let (key, rest) = split_word(rest.trim_start_matches(BLANKS));
    nothing_in(rest, "/join #CHANNEL KEY")?;
    let key = key.to_owned();
    Ok(Line::Join { channel, key })
}

/// The channel that `text` begins with, if it begins with one, and what follows
/// the blank after it.
fn take_channel(text: &str) -> Result<(Option<String>, &str), LineError> {
    let trimmed = text.trim_start_matches(BLANKS);
    if !trimmed.starts_with('#') {
        return Ok((None, trimmed));
    }
    let (channel, rest) = split_word(trimmed);
    Ok((Some(check_channel(channel)?), rest))
}

fn check_channel(word: &str) -> Result<String, LineError> {
    match is_channel_name(word) {
        true => Ok(word.to_owned()),
        false => Err(LineError::NoChannel(word.to_owned())),
    }
}

/// The name, id or channel that `text` begins with, and what follows the blank
/// after it. Who is in quotes is no channel.
fn take_who(text: &str) -> Result<Option<(Whom, &str)>, LineError> {
    let text = text.trim_start_matches(BLANKS);
    if let Some(quoted) = text.strip_prefix('"') {
        let (who, rest) = quoted.split_once('"').ok_or(LineError::QuoteOpen)?;
        let (nothing, rest) = split_word(rest);
        if who.is_empty() || !nothing.is_empty() {
            return Err(LineError::QuoteOpen);
        }
        return Ok(Some((Whom::Client(who.to_owned()), rest)));
    }
    let (who, rest) = split_word(text);
    Ok(match who {
        "" => None,
        _ if who.starts_with('#') => Some((Whom::Channel(check_channel(who)?), rest)),
        _ => Some((Whom::Client(who.to_owned()), rest)),
    })
}

fn nothing_in(rest: &str, command: &'static str) -> Result<(), LineError> {
    if rest.trim().is_empty() {
        Ok(())
    } else {
        Err(LineError::TooMuch { command })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn msg(who: &str, text: &str) -> Result<Line, LineError> {
        let (who, text) = (Whom::Client(who.to_owned()), text.to_owned());
        Ok(Line::Msg { who, text })
    }

    #[test]
    fn a_text_is_taken_exactly_as_it_is_typed() {
        for (line, meant) in [
            ("/msg bob Hi", msg("bob", "Hi")),
            ("/msg 101 \"Testing\"", msg("101", "\"Testing\"")),
            ("/msg 101  two  blanks ", msg("101", " two  blanks ")),
            ("/msg   bob\tHi", msg("bob", "Hi")),
            ("/msg \"Bob the 2nd\"  Hi", msg("Bob the 2nd", " Hi")),
            ("/msg bob /who", msg("bob", "/who")),
        ] {
            assert_eq!(Line::parse(line), meant, "{line:?}");
        }
        for line in ["Hi", " Hi ", " /who", "Grüße\u{1b}"] {
            let text = line.to_owned();
            assert_eq!(Line::parse(line), Ok(Line::Plain { text }));
        }
        let text = "/who".to_owned();
        assert_eq!(Line::parse("//who"), Ok(Line::Plain { text }));
    }

    #[test]
    fn commands_are_understood() {
        let quit = |text: &str| Line::Quit { text: text.into() };
        let to = |who: Option<&str>| Line::To {
            who: who.map(|who| Whom::Client(who.into())),
        };
        let reef = || "#reef".to_owned();
        for (line, meant) in [
            ("", Line::Empty),
            (" \t", Line::Empty),
            ("/who", Line::Who { channel: None }),
            (
                "/who #reef",
                Line::Who {
                    channel: Some(reef()),
                },
            ),
            ("/channels", Line::Channels),
            ("/names", Line::Names { channel: None }),
            (
                "/names #reef ",
                Line::Names {
                    channel: Some(reef()),
                },
            ),
            (
                "/to #reef",
                Line::To {
                    who: Some(Whom::Channel(reef())),
                },
            ),
            ("/to \"#reef\"", to(Some("#reef"))),
            (
                "/msg #reef  Hi ",
                Line::Msg {
                    who: Whom::Channel(reef()),
                    text: " Hi ".into(),
                },
            ),
            ("/help ", Line::Help),
            ("/quit", quit("")),
            ("/quit so long, ", quit("so long, ")),
            ("/to bob", to(Some("bob"))),
            ("/to \"Bob the 2nd\" ", to(Some("Bob the 2nd"))),
            ("/to", to(None)),
            ("/to ", to(None)),
        ] {
            assert_eq!(Line::parse(line), Ok(meant), "{line:?}");
        }
    }

    #[test]
    fn channels_are_told_from_texts() {
        let join = |key: &str| Line::Join {
            channel: "#Île".into(),
            key: key.into(),
        };
        let part = |channel: Option<&str>, text: &str| Line::Part {
            channel: channel.map(Into::into),
            text: text.into(),
        };
        let topic = |channel: Option<&str>, topic: Option<&str>| Line::Topic {
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
            assert_eq!(Line::parse(line), Ok(meant), "{line:?}");
        }
    }

    #[test]
    fn what_is_no_command_is_said_to_be_none() {
        let unknown = |name: &str| LineError::UnknownCommand(name.into());
        let too_much = |command| LineError::TooMuch { command };
        for (line, error) in [
            ("/", unknown("/")),
            ("/ who", unknown("/")),
            ("/wh", unknown("/wh")),
            ("/WHO", unknown("/WHO")),
            ("/msg", LineError::MsgIncomplete),
            ("/msg bob", LineError::MsgIncomplete),
            ("/msg bob ", LineError::MsgIncomplete),
            ("/msg \"bob Hi", LineError::QuoteOpen),
            ("/msg \"\" Hi", LineError::QuoteOpen),
            ("/to \"bob\"by", LineError::QuoteOpen),
            ("/to bob carol", too_much("/to WHO")),
            ("/who bob", too_much("/who")),
            ("/who #reef bob", too_much("/who #CHANNEL")),
            ("/names #reef bob", too_much("/names #CHANNEL")),
            ("/join", LineError::JoinIncomplete),
            ("/join reef", LineError::NoChannel("reef".into())),
            ("/join #a,#b", LineError::NoChannel("#a,#b".into())),
            ("/join #a kelp more", too_much("/join #CHANNEL KEY")),
            ("/msg # Hi", LineError::NoChannel("#".into())),
            ("/part #a,b bye", LineError::NoChannel("#a,b".into())),
            ("/msg #reef", LineError::MsgIncomplete),
        ] {
            assert_eq!(Line::parse(line), Err(error), "{line:?}");
        }
    }
}
