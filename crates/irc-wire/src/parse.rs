//! The meaning of one whole line.
//!
//! Exactly one line goes in, without its end. Parsing borrows: all parts of a
//! [`Message`] are slices of the line. An error here leaves the next line where
//! it is, so that what follows is the caller's choice.

use nom::character::complete::char;
use nom::combinator::{map, map_res, opt};
use nom::error::{ErrorKind, FromExternalError, ParseError};
use nom::sequence::delimited;
use nom::{Err, IResult, Parser};

use crate::command::{Command, CommandError};
use crate::message::{Message, Params, Prefix, PrefixError, forbidden};
use crate::tags::Tags;

/// A line does not say what it should. The peer is to blame; the line's end
/// stands, so that the lines behind it can still be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// It holds NUL, CR or LF. A CR that ends no line would end one for whoever
    /// takes it for a line's end, so that what comes behind it could be passed
    /// off as a message of ours.
    #[error("the line holds the byte {0:#04x}")]
    ForbiddenByte(u8),
    /// There is nothing but tags and a prefix, or less.
    #[error("the line has no command")]
    NoCommand,
    /// The command is neither letters only nor one to three digits.
    #[error("the command is neither letters nor digits")]
    InvalidCommand,
    /// The prefix has no name.
    #[error("the prefix has no name")]
    EmptyPrefix,
}

impl<'a> Message<'a> {
    /// Parses `line`, which must be exactly one line without its end, without
    /// copying.
    ///
    /// Several spaces in a row separate as one does, but in the last parameter;
    /// spaces at the end of a line without one mean nothing. What comes behind the
    /// fourteenth parameter is the fifteenth, with or without a colon.
    ///
    /// # Errors
    ///
    /// [`MessageError`] says what is wrong with it.
    ///
    /// ```
    /// use irc_wire::{Message, MessageError};
    ///
    /// let message = Message::parse(b"PRIVMSG bob ann :a:b :c")?;
    /// assert_eq!(message.params.as_slice(), [&b"bob"[..], b"ann", b"a:b :c"]);
    /// assert_eq!(Message::parse(b":ann "), Err(MessageError::NoCommand));
    /// # Ok::<(), MessageError>(())
    /// ```
    // Always, since a move of the result costs as much as half of the parsing.
    #[inline(always)]
    pub fn parse(line: &'a [u8]) -> Result<Message<'a>, MessageError> {
        if let Some(byte) = forbidden(line) {
            return Err(MessageError::ForbiddenByte(byte));
        }
        let (rest, (tags, prefix, command)) = (tags, prefix, command).parse(line).map_err(ours)?;
        // Built here, in its final place: it is large enough for a move to show.
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

/// Our error in nom's clothes. Nom itself finds nothing that `opt` would not
/// make good.
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

fn ours(error: Err<Violation>) -> MessageError {
    match error {
        Err::Error(Violation(error)) | Err::Failure(Violation(error)) => error,
        // No parser here is a streaming one.
        Err::Incomplete(_) => MessageError::NoCommand,
    }
}

type Parsed<'a, T> = IResult<&'a [u8], T, Violation>;

/// All up to the next space, or to the end, and what is left.
#[inline]
fn split_word(input: &[u8]) -> (&[u8], &[u8]) {
    let space = input.iter().position(|&byte| byte == b' ');
    let parts = space.and_then(|at| input.split_at_checked(at));
    parts.unwrap_or((input, &[]))
}

/// What is left behind the spaces.
#[inline]
fn skip_spaces(mut input: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] = input {
        input = rest;
    }
    input
}

/// All up to the next space, or to the end.
#[inline]
fn word(input: &[u8]) -> Parsed<'_, &[u8]> {
    let (word, rest) = split_word(input);
    Ok((rest, word))
}

/// Any number of spaces.
#[inline]
fn spaces(input: &[u8]) -> Parsed<'_, ()> {
    Ok((skip_spaces(input), ()))
}

/// A word behind `mark`, and the spaces behind it.
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
