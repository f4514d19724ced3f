//! One line of IRC, taken apart.
//!
//! Written for tests from the grammar alone: the crate under test has a codec
//! of its own, and a mistake there must not hide behind the same one here.

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Who it is from, if it says so.
    pub prefix: Option<String>,
    /// What it is: a word or three digits. Empty when there is none.
    pub command: String,
    /// What follows, a trailing one last and without its colon.
    pub params: Vec<String>,
}

impl Line {
    /// Takes a line apart; its end may still be there.
    #[must_use]
    pub fn parse(text: &str) -> Line {
        let mut rest = text.trim_end_matches(['\r', '\n']);
        let mut prefix = None;
        if let Some(after) = rest.strip_prefix(':') {
            let (name, after) = after.split_once(' ').unwrap_or((after, ""));
            prefix = Some(name.to_owned());
            rest = after;
        }
        // The command never starts a trailing parameter.
        let (head, mut rest) = match rest.trim_start_matches(' ').split_once(' ') {
            Some((head, rest)) => (head, rest),
            None => (rest.trim_start_matches(' '), ""),
        };
        let mut params = Vec::new();
        loop {
            rest = rest.trim_start_matches(' ');
            if let Some(trailing) = rest.strip_prefix(':') {
                params.push(trailing.to_owned());
                break;
            }
            if rest.is_empty() {
                break;
            }
            let (param, after) = rest.split_once(' ').unwrap_or((rest, ""));
            params.push(param.to_owned());
            rest = after;
        }
        Line {
            prefix,
            command: head.to_owned(),
            params,
        }
    }

    /// The parameters as the original client shows them: joined by a blank.
    #[must_use]
    pub fn shown(&self) -> String {
        self.params.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, prefix: Option<&str>, command: &str, params: &[&str]) {
        let line = Line {
            prefix: prefix.map(str::to_owned),
            command: command.to_owned(),
            params: params.iter().map(|&param| param.to_owned()).collect(),
        };
        assert_eq!(Line::parse(text), line, "{text:?}");
    }

    #[test]
    fn every_combination() {
        check("QUIT\r\n", None, "QUIT", &[]);
        check("QUIT :\r\n", None, "QUIT", &[""]);
        check(":wren QUIT", Some("wren"), "QUIT", &[]);
        check("JOIN #reef key", None, "JOIN", &["#reef", "key"]);
        check(":wren  JOIN   #reef ", Some("wren"), "JOIN", &["#reef"]);
        check(
            ":a 332 #reef :tides: high :and low",
            Some("a"),
            "332",
            &["#reef", "tides: high :and low"],
        );
        check("NAMES :#reef", None, "NAMES", &["#reef"]);
    }

    #[test]
    fn only_a_colon_after_a_blank_starts_the_rest() {
        check(
            "USER wren fe80::1 quay :W",
            None,
            "USER",
            &["wren", "fe80::1", "quay", "W"],
        );
    }

    #[test]
    fn nothing_at_all() {
        check("", None, "", &[]);
        check(":wren", Some("wren"), "", &[]);
    }

    #[test]
    fn what_is_shown() {
        let line = Line::parse(":quay 353 #reef :marlo wren\r\n");
        assert_eq!(line.shown(), "#reef marlo wren");
    }
}
