//! Lines of the input become commands. The line after `/oper NAME` is the password, which is
//! neither shown nor remembered.

use crc_core::Password;

use crate::command::{Command, OperatorLogin, ParseError};

/// Makes commands of lines.
#[derive(Debug, Default)]
pub(crate) struct LineParser {
    /// The operator whose password the next line is.
    operator: Option<String>,
}

impl LineParser {
    /// Parses the next line.
    pub(crate) fn parse(&mut self, line: &str) -> Result<Command, ParseError> {
        if let Some(name) = self.operator.take() {
            let password = Some(line).filter(|line| !line.is_empty());
            let password = password.map(Password::new);
            return Ok(Command::Oper(OperatorLogin { name, password }));
        }
        match Command::parse(line)? {
            Command::Oper(OperatorLogin {
                name,
                password: None,
            }) => {
                self.operator = Some(name);
                Ok(Command::Empty)
            }
            command => Ok(command),
        }
    }

    /// The operator whose password the next line is.
    pub(crate) fn awaits_password_of(&self) -> Option<&str> {
        self.operator.as_deref()
    }

    /// The next line is no password. Returns the operator whose password was awaited.
    pub(crate) fn cancel(&mut self) -> Option<String> {
        self.operator.take()
    }

    /// Where a line, or several that were pasted, begins to be secret.
    pub(crate) fn secret_from(&self, text: &str) -> Option<usize> {
        if self.operator.is_some() {
            return Some(0);
        }
        let mut begin = 0;
        for line in text.split_inclusive('\n') {
            if let Some(at) = password_at(line) {
                // The password, or the line break that it follows.
                return Some(begin + at).filter(|at| *at < text.len());
            }
            begin += line.len();
        }
        None
    }
}

const BLANKS: [char; 3] = [' ', '\t', '\n'];

/// Where the password of an operator would begin in a line that gives one, after the name.
fn password_at(line: &str) -> Option<usize> {
    let mut rest = take_word(line.strip_prefix('/')?)?;
    if !rest.0.eq_ignore_ascii_case("oper") {
        // A command as IRC clients write it.
        rest = Some(rest.1)
            .filter(|_| rest.0 == "command")
            .and_then(take_word)?;
        rest = Some(rest).filter(|it| it.0.eq_ignore_ascii_case("oper"))?;
    }
    let after_name = take_word(rest.1)?.1;
    Some(line.len() - after_name.len())
}

/// The first word of a text, and what follows the blank behind it.
fn take_word(text: &str) -> Option<(&str, &str)> {
    text.trim_start_matches([' ', '\t']).split_once(BLANKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oper(name: &str, password: Option<&str>) -> Result<Command, ParseError> {
        let (name, password) = (name.to_owned(), password.map(Password::new));
        Ok(Command::Oper(OperatorLogin { name, password }))
    }

    #[test]
    fn the_line_after_an_operator_is_the_password() {
        let mut parser = LineParser::default();
        assert_eq!(parser.parse("/oper ann"), Ok(Command::Empty));
        assert_eq!(parser.awaits_password_of(), Some("ann"));
        assert_eq!(
            parser.parse("/sea  shell "),
            oper("ann", Some("/sea  shell "))
        );
        assert_eq!(parser.awaits_password_of(), None);
        assert_eq!(parser.parse("/oper ann kelp"), oper("ann", Some("kelp")));
        // A certificate may be enough.
        assert_eq!(parser.parse("/oper ann "), Ok(Command::Empty));
        assert_eq!(parser.parse(""), oper("ann", None));
        assert_eq!(parser.parse("/oper"), Err(ParseError::OperIncomplete));
        assert_eq!(parser.parse("/oper ann"), Ok(Command::Empty));
        assert_eq!(parser.cancel(), Some("ann".to_owned()));
        assert_eq!(parser.parse("/help"), Ok(Command::Help));
    }

    #[test]
    fn passwords_are_secret_and_all_else_is_not() {
        let mut parser = LineParser::default();
        for (text, secret) in [
            ("", ""),
            ("hello", ""),
            ("/oper", ""),
            ("/oper ann", ""),
            ("/oper ann ", ""),
            ("/oper ann kelp", "kelp"),
            ("/oper  ann  kelp x", " kelp x"),
            ("/oper\tann\tk", "k"),
            ("/oper ann\nkelp", "kelp"),
            ("hi\n/oper ann kelp\nhi", "kelp\nhi"),
            ("/command oper ann kelp", "kelp"),
            ("/command  OPER ann :kelp", ":kelp"),
            ("/command KILL ann :kelp", ""),
            ("/operator ann kelp", ""),
            ("//oper ann kelp", ""),
            ("/msg ann /oper ann kelp", ""),
        ] {
            let from = parser.secret_from(text).map(|at| &text[at..]);
            assert_eq!(from.unwrap_or(""), secret, "{text:?}");
        }
        parser.parse("/oper ann").unwrap();
        assert_eq!(parser.secret_from(""), Some(0));
        assert_eq!(parser.secret_from("kelp"), Some(0));
    }
}
