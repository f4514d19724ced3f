//! The parser of one complete line.
//!
//! The input is exactly one line without its end. The parts of the [`Message`] are
//! slices of the line: the parser copies nothing. After an error the lines behind
//! this one can still be read.

use nom::character::complete::char;
use nom::combinator::{map, map_res, opt};
use nom::error::{ErrorKind, FromExternalError, ParseError};
use nom::sequence::delimited;
use nom::{Err, IResult, Parser};

use crate::command::{Command, CommandError};
use crate::message::{Message, Params, Prefix, PrefixError, forbidden};
use crate::tags::Tags;

/// A line is no message.
///
/// The peer caused the error. Only this line is lost: the lines behind it can still be
/// read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The line holds NUL, CR or LF. Some programs take a CR for a line end: the bytes
    /// behind it would be a message that this parser has not checked.
    #[error("line holds byte {0:#04x}")]
    ForbiddenByte(u8),
    /// The line has at most tags and a prefix.
    #[error("line has no command")]
    NoCommand,
    /// The command is neither letters only nor one to three digits.
    #[error("malformed command")]
    InvalidCommand,
    /// The prefix has no name.
    #[error("prefix has no name")]
    EmptyPrefix,
}

impl<'a> Message<'a> {
    /// Parses `line`, which is exactly one line without its end, without copying.
    ///
    /// Several spaces separate like one, except in a parameter with a colon. Spaces at
    /// the end of a line without such a parameter have no meaning. Everything behind the
    /// fourteenth parameter is the fifteenth, with or without a colon.
    ///
    /// # Errors
    ///
    /// Returns [`MessageError`] if the line is no message.
    ///
    /// ```
    /// use irc_wire::{Message, MessageError};
    ///
    /// let message = Message::parse(b"PRIVMSG bob ann :a:b :c")?;
    /// assert_eq!(message.params.as_slice(), [&b"bob"[..], b"ann", b"a:b :c"]);
    /// assert_eq!(Message::parse(b":ann "), Err(MessageError::NoCommand));
    /// # Ok::<(), MessageError>(())
    /// ```
    // Always inlined: a move of the result costs half as much as the parsing.
    #[inline(always)]
    pub fn parse(line: &'a [u8]) -> Result<Message<'a>, MessageError> {
        if let Some(byte) = forbidden(line) {
            return Err(MessageError::ForbiddenByte(byte));
        }
        let (rest, (tags, prefix, command)) = (tags, prefix, command)
            .parse(line)
            .map_err(into_message_error)?;
        // Built in its final place: the value is large, and a move costs time.
        let mut parsed = Ok(Message {
            tags,
            prefix,
            command,
            params: Params::new(),
        });
        if let Ok(message) = &mut parsed {
            params(rest, &mut message.params);
        }
        parsed
    }
}

/// `*14( 1*SP middle ) [ 1*SP [ ":" ] trailing ] *SP`
#[inline]
fn params<'a>(mut rest: &'a [u8], params: &mut Params<'a>) {
    while let Some((b' ', _)) = rest.split_first() {
        rest = skip_spaces(rest);
        match rest {
            [] => {}
            [b':', trailing @ ..] => return params.push_from_wire(trailing, true),
            _ if params.len() == Params::MAX - 1 => return params.push_from_wire(rest, false),
            _ => {
                let (middle, behind) = split_word(rest);
                params.push_from_wire(middle, false);
                rest = behind;
            }
        }
    }
}

/// A [`MessageError`] as an error of nom. `opt` handles all errors that nom itself
/// detects.
#[derive(Debug)]
struct Violation(MessageError);

impl ParseError<&[u8]> for Violation {
    fn from_error_kind(_: &[u8], _: ErrorKind) -> Self {
        Violation(MessageError::NoCommand)
    }

    fn append(_: &[u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

impl FromExternalError<&[u8], MessageError> for Violation {
    fn from_external_error(_: &[u8], _: ErrorKind, error: MessageError) -> Self {
        Violation(error)
    }
}

fn into_message_error(error: Err<Violation>) -> MessageError {
    match error {
        Err::Error(Violation(error)) | Err::Failure(Violation(error)) => error,
        // This module has no streaming parser.
        Err::Incomplete(_) => MessageError::NoCommand,
    }
}

type Parsed<'a, T> = IResult<&'a [u8], T, Violation>;

/// Splits `input` in front of the first space, or at its end.
#[inline]
fn split_word(input: &[u8]) -> (&[u8], &[u8]) {
    let space = input.iter().position(|&byte| byte == b' ');
    let parts = space.and_then(|at| input.split_at_checked(at));
    parts.unwrap_or((input, &[]))
}

/// Returns `input` without spaces in front.
#[inline]
fn skip_spaces(mut input: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] = input {
        input = rest;
    }
    input
}

/// Parses the bytes up to the next space, or to the end.
#[inline]
fn word(input: &[u8]) -> Parsed<'_, &[u8]> {
    let (word, rest) = split_word(input);
    Ok((rest, word))
}

/// Parses any number of spaces.
#[inline]
fn spaces(input: &[u8]) -> Parsed<'_, ()> {
    Ok((skip_spaces(input), ()))
}

/// Parses `mark`, a word, and spaces.
#[inline]
fn marked<'a>(mark: char) -> impl Parser<&'a [u8], Output = &'a [u8], Error = Violation> {
    delimited(char(mark), word, spaces)
}

/// `[ "@" tags 1*SP ]`
#[inline]
fn tags(input: &[u8]) -> Parsed<'_, Tags<'_>> {
    map(opt(marked('@')), |tags| {
        tags.map_or(Tags::NONE, Tags::from_wire)
    })
    .parse(input)
}

/// `[ ":" prefix 1*SP ]`
#[inline]
fn prefix(input: &[u8]) -> Parsed<'_, Option<Prefix<'_>>> {
    map_res(opt(marked(':')), |prefix| {
        let prefix = prefix.map(Prefix::from_wire).transpose();
        prefix.map_err(|PrefixError| MessageError::EmptyPrefix)
    })
    .parse(input)
}

/// `1*letter / 1*3digit`
#[inline]
fn command(input: &[u8]) -> Parsed<'_, Command<'_>> {
    map_res(word, |word| match word {
        [] => Err(MessageError::NoCommand),
        _ => Command::new(word).map_err(|CommandError| MessageError::InvalidCommand),
    })
    .parse(input)
}
