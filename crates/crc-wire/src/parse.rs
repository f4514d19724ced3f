//! The meaning of one whole frame.
//!
//! Exactly one frame goes in; nothing may be left over. Parsing borrows: the
//! texts of a [`Message`] are slices of the frame. An error here leaves the
//! boundary of the next frame intact, so that what follows is the caller's
//! choice.

use nom::bytes::complete::take;
use nom::combinator::all_consuming;
use nom::error::{ErrorKind, FromExternalError, ParseError};
use nom::number::complete::{be_u8, be_u16, be_u32};
use nom::{Err, IResult, Parser};

use crate::message::{ClientChat, ClientQuit, Kind, Message, Registration, ServerQuit, Status};
use crate::types::{HostId, Info, Name, StatusCode, Text};

/// A whole frame does not say what it should. The peer is to blame; the
/// frame's end stands, so that the frames behind it can still be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The first byte is no [`Kind`].
    #[error("unknown frame type {0:#04x}")]
    UnknownKind(u8),
    /// The bytes given are not exactly one frame: too few, or too many.
    /// Never the case for a [`Frame`](crate::Frame).
    #[error("the frame's length is not the one that it announces")]
    Length,
    /// The source is 0, which is never a host.
    #[error("the source is 0, which is never a host")]
    SourceZero,
    /// A text is not UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
}

impl<'a> Message<'a> {
    /// Parses `frame`, which must be exactly one frame, without copying.
    ///
    /// # Errors
    ///
    /// [`MessageError`] says what is wrong with it.
    ///
    /// ```
    /// use crc_wire::Message;
    ///
    /// let chat = b"\x81\x00\x00\x00\x67\x00\x00\x00\x65\x00\x00\x00\x02Hi";
    /// let Ok(Message::ClientChat(chat)) = Message::parse(chat) else { panic!() };
    /// assert_eq!(chat.source.get(), 103);
    /// assert_eq!(chat.text.as_str(), "Hi");
    /// ```
    #[inline]
    pub fn parse(frame: &'a [u8]) -> Result<Message<'a>, MessageError> {
        match all_consuming(message).parse_complete(frame) {
            Ok((_, message)) => Ok(message),
            Err(Err::Error(Violation(error)) | Err::Failure(Violation(error))) => Err(error),
            Err(Err::Incomplete(_)) => Err(MessageError::Length),
        }
    }
}

/// Our error in nom's clothes: whatever nom itself finds is a wrong length.
#[derive(Debug)]
struct Violation(MessageError);

impl ParseError<&[u8]> for Violation {
    fn from_error_kind(_: &[u8], _: ErrorKind) -> Self {
        Violation(MessageError::Length)
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

type Parsed<'a, T> = IResult<&'a [u8], T, Violation>;

#[inline]
fn message(input: &[u8]) -> Parsed<'_, Message<'_>> {
    let (input, kind) = be_u8
        .map_res(|byte| Kind::from_byte(byte).ok_or(MessageError::UnknownKind(byte)))
        .parse_complete(input)?;
    match kind {
        Kind::ServerRegistration => registration.map(Message::ServerRegistration).parse(input),
        Kind::ClientRegistration => registration.map(Message::ClientRegistration).parse(input),
        Kind::Status => status(input),
        Kind::ClientChat => client_chat(input),
        Kind::ClientQuit => client_quit(input),
        Kind::ServerQuit => server_quit(input),
    }
}

fn registration(input: &[u8]) -> Parsed<'_, Registration<'_>> {
    let (input, (source, last_hop, name_len, info_len)) =
        (source, host, be_u8, be_u16).parse_complete(input)?;
    let (input, name) = utf8(input, name_len.into())?;
    let (input, info) = utf8(input, info_len.into())?;
    let registration = Registration {
        source,
        last_hop,
        name: Name::from_wire(name),
        info: Info::from_wire(info),
    };
    Ok((input, registration))
}

fn status(input: &[u8]) -> Parsed<'_, Message<'_>> {
    let (input, (source, destination, code, text)) =
        (host, host, be_u16, text).parse_complete(input)?;
    let status = Status {
        source,
        destination,
        code: StatusCode(code),
        text,
    };
    Ok((input, Message::Status(status)))
}

#[inline]
fn client_chat(input: &[u8]) -> Parsed<'_, Message<'_>> {
    let (input, (source, destination, text)) = (source, host, text).parse_complete(input)?;
    let chat = ClientChat {
        source,
        destination,
        text,
    };
    Ok((input, Message::ClientChat(chat)))
}

fn client_quit(input: &[u8]) -> Parsed<'_, Message<'_>> {
    let (input, (source, text)) = (source, text).parse_complete(input)?;
    Ok((input, Message::ClientQuit(ClientQuit { source, text })))
}

fn server_quit(input: &[u8]) -> Parsed<'_, Message<'_>> {
    let (input, (source, replacement, text)) = (source, host, text).parse_complete(input)?;
    let quit = ServerQuit {
        source,
        replacement,
        text,
    };
    Ok((input, Message::ServerQuit(quit)))
}

/// An id where 0 has a meaning.
#[inline]
fn host(input: &[u8]) -> Parsed<'_, Option<HostId>> {
    be_u32.map(HostId::new).parse_complete(input)
}

/// An id where 0 has none.
#[inline]
fn source(input: &[u8]) -> Parsed<'_, HostId> {
    be_u32
        .map_res(|id| HostId::new(id).ok_or(MessageError::SourceZero))
        .parse_complete(input)
}

/// A length of four bytes and that many bytes of text.
#[inline]
fn text(input: &[u8]) -> Parsed<'_, Text<'_>> {
    let (input, len) = be_u32.parse_complete(input)?;
    let (input, text) = utf8(input, len)?;
    Ok((input, Text::from_wire(text)))
}

#[inline]
fn utf8(input: &[u8], len: u32) -> Parsed<'_, &str> {
    take(len)
        .map_res(|bytes| core::str::from_utf8(bytes).map_err(|_| MessageError::NotUtf8))
        .parse_complete(input)
}
