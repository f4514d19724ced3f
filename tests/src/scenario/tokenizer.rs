//! Splits a command of a scenario file into words and options.
//!
//! The rules are those of the original harness: words end at blanks and commas, a
//! quoted group keeps both and its quotes, and options have the syntax of its
//! option parser. The caller says which options exist.

use std::collections::BTreeMap;

/// Splits what follows a command's first word.
///
/// White space and commas separate words. Within double quotes both are part of the
/// word, and so are the quotes; a backslash there escapes the next character. A
/// quote that is never closed separates words, like a comma.
///
/// ```
/// use crc_e2e::scenario::split_words;
///
/// assert_eq!(
///     split_words(r#"--id 7, --info "Wind, and rain" 101"#),
///     ["--id", "7", "--info", r#""Wind, and rain""#, "101"],
/// );
/// ```
#[must_use]
pub fn split_words(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut words = Vec::new();
    let mut word = String::new();
    let mut at = 0;
    while at < chars.len() {
        let end = match chars[at] {
            '"' => group_end(&chars, at),
            ',' => None,
            // The original harness counts these four as white space; Unicode does not.
            '\u{1c}'..='\u{1f}' => None,
            other if other.is_whitespace() => None,
            _ => Some(at + 1),
        };
        match end {
            Some(end) => {
                word.extend(&chars[at..end]);
                at = end;
            }
            None => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                at += 1;
            }
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// The end of the group that opens at `start`, if it is closed.
///
/// Without a closing quote, the last escaped quote ends the group.
fn group_end(chars: &[char], start: usize) -> Option<usize> {
    let mut last_escaped = None;
    let mut at = start + 1;
    while at < chars.len() {
        match chars[at] {
            '"' => return Some(at + 1),
            '\\' if chars.get(at + 1).is_some_and(|&next| next != '\n') => {
                if chars[at + 1] == '"' {
                    last_escaped = Some(at + 2);
                }
                at += 2;
            }
            _ => at += 1,
        }
    }
    last_escaped
}

/// An option of a command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OptionSpec {
    /// Its name, without the dashes.
    pub(crate) long: &'static str,
    /// Its one-letter name, if it has one.
    pub(crate) short: Option<char>,
    /// Whether it takes a value.
    pub(crate) takes_value: bool,
}

impl OptionSpec {
    /// An option with a value.
    pub(crate) const fn value(long: &'static str) -> OptionSpec {
        OptionSpec {
            long,
            short: None,
            takes_value: true,
        }
    }

    /// An option with a value and a one-letter name.
    pub(crate) const fn short_value(long: &'static str, short: char) -> OptionSpec {
        OptionSpec {
            long,
            short: Some(short),
            takes_value: true,
        }
    }

    /// An option without a value.
    pub(crate) const fn flag(long: &'static str) -> OptionSpec {
        OptionSpec {
            long,
            short: None,
            takes_value: false,
        }
    }
}

/// The parsed words of a command.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// The options by full name; the last one of a repeated option.
    pub(crate) options: BTreeMap<&'static str, String>,
    /// The words that belong to no option, in order.
    pub(crate) positional: Vec<String>,
}

/// Why words are no arguments.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ArgumentError {
    #[error("unknown option {0}")]
    Unknown(String),
    #[error("the option {0} could be {1}")]
    Ambiguous(String, String),
    #[error("the option --{0} needs a value")]
    NoValue(&'static str),
    #[error("the option --{0} takes no value")]
    SuperfluousValue(&'static str),
}

/// Sorts words into options and positional words.
///
/// It takes `--opt value` and `--opt=value`, unambiguous prefixes of names,
/// one-letter options with their value attached or in the next word, positional
/// words anywhere, and `--`, after which all words are positional.
pub(crate) fn parse_arguments(
    words: Vec<String>,
    specs: &[OptionSpec],
) -> Result<Arguments, ArgumentError> {
    let mut arguments = Arguments::default();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        if word == "--" {
            arguments.positional.extend(words);
            break;
        }
        if let Some(long) = word.strip_prefix("--") {
            let (name, glued) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (long, None),
            };
            let spec = find_long(name, specs)?;
            let value = match (spec.takes_value, glued) {
                (true, Some(value)) => value,
                (true, None) => words.next().ok_or(ArgumentError::NoValue(spec.long))?,
                (false, None) => String::new(),
                (false, Some(_)) => return Err(ArgumentError::SuperfluousValue(spec.long)),
            };
            arguments.options.insert(spec.long, value);
        } else if word.starts_with('-') && word.len() > 1 {
            parse_short(&word, specs, &mut words, &mut arguments)?;
        } else {
            arguments.positional.push(word);
        }
    }
    Ok(arguments)
}

fn find_long<'s>(name: &str, specs: &'s [OptionSpec]) -> Result<&'s OptionSpec, ArgumentError> {
    if let Some(spec) = specs.iter().find(|spec| spec.long == name) {
        return Ok(spec);
    }
    let candidates: Vec<&OptionSpec> = specs
        .iter()
        .filter(|spec| spec.long.starts_with(name))
        .collect();
    match candidates[..] {
        [] => Err(ArgumentError::Unknown(format!("--{name}"))),
        [spec] => Ok(spec),
        _ => {
            let names: Vec<String> = candidates
                .iter()
                .map(|spec| format!("--{}", spec.long))
                .collect();
            Err(ArgumentError::Ambiguous(
                format!("--{name}"),
                names.join(" or "),
            ))
        }
    }
}

fn parse_short(
    word: &str,
    specs: &[OptionSpec],
    words: &mut impl Iterator<Item = String>,
    arguments: &mut Arguments,
) -> Result<(), ArgumentError> {
    let mut rest = word[1..].chars();
    while let Some(letter) = rest.next() {
        let spec = specs
            .iter()
            .find(|spec| spec.short == Some(letter))
            .ok_or_else(|| ArgumentError::Unknown(format!("-{letter}")))?;
        if !spec.takes_value {
            arguments.options.insert(spec.long, String::new());
            continue;
        }
        let value = if rest.as_str().is_empty() {
            words.next().ok_or(ArgumentError::NoValue(spec.long))?
        } else {
            rest.as_str().to_owned()
        };
        arguments.options.insert(spec.long, value);
        break;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(split_words(text), expected, "{text}");
    }

    #[test]
    fn blanks_and_commas_separate_words() {
        check("", &[]);
        check(" ,\t ", &[]);
        check("a b\tc,d , e", &["a", "b", "c", "d", "e"]);
        check("a\u{a0}b", &["a", "b"]);
    }

    #[test]
    fn quotes_group_and_are_kept() {
        check(r#"x "a b, c" y"#, &["x", r#""a b, c""#, "y"]);
        check(r#""""#, &[r#""""#]);
        check(r#"--info="a b"c"d e""#, &[r#"--info="a b"c"d e""#]);
        check(r#""it's fine""#, &[r#""it's fine""#]);
    }

    #[test]
    fn a_backslash_escapes_within_quotes() {
        check(
            r#""say \"hi, all\" now" x"#,
            &[r#""say \"hi, all\" now""#, "x"],
        );
        check(r#""a\\" b"#, &[r#""a\\""#, "b"]);
        check(r"a\ b", &[r"a\", "b"]);
    }

    #[test]
    fn an_unclosed_quote_separates_words() {
        check(r#"a"b c"#, &["a", "b", "c"]);
        check(r#""a b"#, &["a", "b"]);
        check(r#""a" "b"#, &[r#""a""#, "b"]);
    }

    #[test]
    fn an_escaped_quote_closes_an_unclosed_group() {
        check(r#""a b\" c"#, &[r#""a b\""#, "c"]);
        check(r#""a \"b\" c"#, &[r#""a \"b\""#, "c"]);
    }

    const SPECS: [OptionSpec; 5] = [
        OptionSpec::value("id"),
        OptionSpec::short_value("serverhost", 'S'),
        OptionSpec::short_value("serverport", 'P'),
        OptionSpec::flag("verbose"),
        OptionSpec::value("server"),
    ];

    type Parsed = (Vec<(&'static str, String)>, Vec<String>);

    fn parse(text: &str) -> Result<Parsed, ArgumentError> {
        let arguments = parse_arguments(split_words(text), &SPECS)?;
        let options = arguments.options.into_iter().collect();
        Ok((options, arguments.positional))
    }

    #[test]
    fn options_are_parsed_in_all_forms() {
        for text in ["--id 7 -P 80 x", "x --id=7 -P80", "--i 7 x --serverp=80"] {
            let (options, positional) = parse(text).unwrap();
            assert_eq!(
                options,
                [("id", "7".to_owned()), ("serverport", "80".to_owned())],
                "{text}"
            );
            assert_eq!(positional, ["x"], "{text}");
        }
    }

    #[test]
    fn an_exact_name_is_not_ambiguous() {
        assert_eq!(parse("--server a").unwrap().0, [("server", "a".to_owned())]);
        assert_eq!(
            parse("--serv a"),
            Err(ArgumentError::Ambiguous(
                "--serv".into(),
                "--serverhost or --serverport or --server".into()
            ))
        );
    }

    #[test]
    fn a_value_may_look_like_an_option() {
        assert_eq!(
            parse("--id --verbose").unwrap().0,
            [("id", "--verbose".to_owned())]
        );
        assert_eq!(parse("-- --id").unwrap().1, ["--id"]);
        assert_eq!(parse("-").unwrap().1, ["-"]);
    }

    #[test]
    fn invalid_options_are_errors() {
        assert_eq!(parse("--ix 1"), Err(ArgumentError::Unknown("--ix".into())));
        assert_eq!(parse("-x"), Err(ArgumentError::Unknown("-x".into())));
        assert_eq!(parse("--id"), Err(ArgumentError::NoValue("id")));
        assert_eq!(parse("-P"), Err(ArgumentError::NoValue("serverport")));
        assert_eq!(
            parse("--verbose=1"),
            Err(ArgumentError::SuperfluousValue("verbose"))
        );
    }
}
