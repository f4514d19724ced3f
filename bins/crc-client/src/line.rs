//! What a line that somebody types means. Whom a name means, and whether a
//! command can be carried out, is not known here.

/// The commands, as `/help` and `--help` list them.
pub(crate) const COMMANDS: &str = "  \
  /msg WHO TEXT   say TEXT to WHO: a name or an id (a name with blanks: \"in quotes\")
  /to WHO         from now on, lines that are no commands go to WHO; /to alone: to nobody
  /who            list who is here
  /quit [TEXT]    leave, with TEXT as the last words
  /help           show these commands
  //TEXT          say a line that begins with a slash";

/// The names of the commands.
pub(crate) const NAMES: [&str; 5] = ["/help", "/msg", "/quit", "/to", "/who"];

/// One line, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// Nothing at all.
    Empty,
    /// Say something to somebody.
    Msg { who: String, text: String },
    /// Choose whom plain lines go to.
    To { who: Option<String> },
    /// A plain line.
    Plain { text: String },
    /// List the other clients.
    Who,
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
            "who" => nothing_in(rest, "/who").map(|()| Line::Who),
            "help" => nothing_in(rest, "/help").map(|()| Line::Help),
            "quit" => Ok(Line::Quit {
                text: rest.to_owned(),
            }),
            _ => Err(LineError::UnknownCommand(format!("/{name}"))),
        }
    }
}

/// The text up to the first blank, and what follows that blank.
fn split_word(text: &str) -> (&str, &str) {
    text.split_once([' ', '\t']).unwrap_or((text, ""))
}

/// The name or id that `text` begins with, and what follows the blank after it.
fn take_who(text: &str) -> Result<Option<(String, &str)>, LineError> {
    let text = text.trim_start_matches([' ', '\t']);
    if let Some(quoted) = text.strip_prefix('"') {
        let (who, rest) = quoted.split_once('"').ok_or(LineError::QuoteOpen)?;
        let (nothing, rest) = split_word(rest);
        if who.is_empty() || !nothing.is_empty() {
            return Err(LineError::QuoteOpen);
        }
        return Ok(Some((who.to_owned(), rest)));
    }
    let (who, rest) = split_word(text);
    Ok((!who.is_empty()).then(|| (who.to_owned(), rest)))
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
        let (who, text) = (who.to_owned(), text.to_owned());
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
            who: who.map(Into::into),
        };
        for (line, meant) in [
            ("", Line::Empty),
            (" \t", Line::Empty),
            ("/who", Line::Who),
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
        ] {
            assert_eq!(Line::parse(line), Err(error), "{line:?}");
        }
    }
}
