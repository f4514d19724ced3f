//! The parser of one complete frame.
//!
//! The input is exactly one frame. The texts of the [`Message`] are slices of the
//! frame: the parser copies nothing. After an error the frames behind this one
//! can still be read.

use nom::bytes::complete::take;
use nom::combinator::all_consuming;
use nom::error::{ErrorKind, FromExternalError, ParseError};
use nom::number::complete::{be_u8, be_u16, be_u32, be_u64};
use nom::{Err, IResult, Parser};

use crate::code::{
    Audience, ChannelField, ChatKind, MemberFlags, RequestKind, StatusCode, TaggedKind,
};
use crate::host_id::HostId;
use crate::kind::Kind;
use crate::message::{
    ChannelChat, ChannelJoin, ChannelPart, ChannelRequest, ChannelSetting, ClientChat, ClientQuit,
    DatedJoin, DatedSetting, Message, Registration, ServerQuit, Status, TaggedChat,
};
use crate::text::{ChannelName, Info, Name, Tags, Text};

/// The content of a complete frame breaks the protocol.
///
/// The peer caused the error. Only this frame is lost: the frames behind it can
/// still be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The first byte is no [`Kind`]. Does not happen with a
    /// [`Frame`](crate::Frame).
    #[error("unknown frame type {0:#04x}")]
    UnknownKind(u8),
    /// The bytes are not exactly one frame: too few, or too many. Does not
    /// happen with a [`Frame`](crate::Frame).
    #[error("frame length differs from the announced length")]
    Length,
    /// The source is 0, which only a status or a channel setting may have.
    #[error("source id is 0")]
    SourceZero,
    /// A text, a name or an info is not UTF-8.
    #[error("text is not UTF-8")]
    NotUtf8,
    /// The channel's name is empty, which only a request may have.
    #[error("channel name is empty")]
    ChannelEmpty,
    /// The kind of a channel chat is no [`ChatKind`].
    #[error("unknown chat kind {0:#04x}")]
    UnknownChatKind(u8),
    /// The audience of a tagged chat is no [`Audience`].
    #[error("unknown audience {0:#04x}")]
    UnknownAudience(u8),
    /// The tags of a tagged chat are no [`Tags`].
    #[error("malformed tags")]
    Tags,
}

impl<'a> Message<'a> {
    /// Parses `frame`, which is exactly one frame, without copying.
    ///
    /// # Errors
    ///
    /// Returns [`MessageError`] if the bytes break the protocol.
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
        let (&first, body) = frame.split_first().ok_or(MessageError::Length)?;
        let Some(kind) = Kind::without_channel(first) else {
            return with_channel(first, body);
        };
        // Each message is built here, in its final place. A function that
        // returns it would move it, which costs measurable time.
        Ok(match kind {
            Kind::ServerRegistration => Message::ServerRegistration(registration(body)?),
            Kind::ClientRegistration => Message::ClientRegistration(registration(body)?),
            Kind::Status => {
                let (source, destination, code, text) = whole((host, host, be_u16, text), body)?;
                Message::Status(Status {
                    source,
                    destination,
                    code: StatusCode(code),
                    text: Text::from_wire(text),
                })
            }
            Kind::ClientChat => {
                let (source, destination, text) = whole((source, host, text), body)?;
                Message::ClientChat(ClientChat {
                    source,
                    destination,
                    text: Text::from_wire(text),
                })
            }
            Kind::ClientQuit => {
                let (source, text) = whole((source, text), body)?;
                Message::ClientQuit(ClientQuit {
                    source,
                    text: Text::from_wire(text),
                })
            }
            Kind::ServerQuit => {
                let (source, replacement, text) = whole((source, host, text), body)?;
                Message::ServerQuit(ServerQuit {
                    source,
                    replacement,
                    text: Text::from_wire(text),
                })
            }
            _ => return with_channel(first, body),
        })
    }
}

/// A [`MessageError`] as an error of nom. All errors that nom itself detects are
/// wrong lengths.
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

/// Applies `parser` to all of `input`.
#[inline]
fn whole<'a, T>(
    parser: impl Parser<&'a [u8], Output = T, Error = Violation>,
    input: &'a [u8],
) -> Result<T, MessageError> {
    match all_consuming(parser).parse_complete(input) {
        Ok((_, found)) => Ok(found),
        Err(Err::Error(Violation(error)) | Err::Failure(Violation(error))) => Err(error),
        Err(Err::Incomplete(_)) => Err(MessageError::Length),
    }
}

fn registration(body: &[u8]) -> Result<Registration<'_>, MessageError> {
    let (source, last_hop, (name, info)) = whole((source, host, name_and_info), body)?;
    Ok(Registration {
        source,
        last_hop,
        name,
        info,
    })
}

/// Parses a message about a channel. A function of its own, to keep the path of
/// client chats short.
#[inline(never)]
fn with_channel(first: u8, body: &[u8]) -> Result<Message<'_>, MessageError> {
    let kind = Kind::from_byte(first).ok_or(MessageError::UnknownKind(first))?;
    Ok(match kind {
        Kind::ChannelJoin => {
            let (source, by, flags, channel) = whole((source, host, be_u8, channel), body)?;
            Message::ChannelJoin(ChannelJoin {
                source,
                by,
                flags: MemberFlags::from_byte(flags),
                channel,
            })
        }
        Kind::ChannelPart => {
            let (source, by, (channel, text)) = whole((source, host, channel_and_text), body)?;
            Message::ChannelPart(ChannelPart {
                source,
                by,
                channel: channel.ok_or(MessageError::ChannelEmpty)?,
                text,
            })
        }
        Kind::ChannelChat => {
            let (source, kind, (channel, text)) =
                whole((source, chat_kind, channel_and_text), body)?;
            Message::ChannelChat(ChannelChat {
                source,
                kind,
                channel: channel.ok_or(MessageError::ChannelEmpty)?,
                text,
            })
        }
        Kind::ChannelSetting => {
            let (source, version, field, (channel, value)) =
                whole((host, be_u64, be_u8, channel_and_text), body)?;
            Message::ChannelSetting(ChannelSetting {
                source,
                version,
                field: ChannelField(field),
                channel: channel.ok_or(MessageError::ChannelEmpty)?,
                value,
            })
        }
        Kind::DatedJoin => {
            let (source, by, founded, tag, flags, channel) =
                whole((source, host, be_u64, be_u32, be_u8, channel), body)?;
            Message::DatedJoin(DatedJoin {
                source,
                by,
                founded,
                tag,
                flags: MemberFlags::from_byte(flags),
                channel,
            })
        }
        Kind::DatedSetting => {
            let (source, version, founded, tag, field, (channel, setter, value)) = whole(
                (host, be_u64, be_u64, be_u32, be_u8, channel_setter_and_text),
                body,
            )?;
            Message::DatedSetting(DatedSetting {
                source,
                version,
                founded,
                tag,
                field: ChannelField(field),
                channel: channel.ok_or(MessageError::ChannelEmpty)?,
                setter,
                value,
            })
        }
        Kind::TaggedChat => {
            let (source, destination, kind, audience, (channel, tags, text)) = whole(
                (source, host, tagged_kind, audience, channel_tags_and_text),
                body,
            )?;
            Message::TaggedChat(TaggedChat {
                source,
                destination,
                kind,
                audience,
                channel,
                tags: Tags::new(tags).map_err(|_| MessageError::Tags)?,
                text,
            })
        }
        _ => {
            let (source, destination, kind, (channel, text)) =
                whole((source, host, be_u8, channel_and_text), body)?;
            Message::ChannelRequest(ChannelRequest {
                source,
                destination,
                kind: RequestKind(kind),
                channel,
                text,
            })
        }
    })
}

/// Parses an id that may be 0.
#[inline]
fn host(input: &[u8]) -> Parsed<'_, Option<HostId>> {
    be_u32.map(HostId::new).parse_complete(input)
}

/// Parses an id that must not be 0.
#[inline]
fn source(input: &[u8]) -> Parsed<'_, HostId> {
    be_u32
        .map_res(|id| HostId::new(id).ok_or(MessageError::SourceZero))
        .parse_complete(input)
}

/// Parses a length of four bytes, then the text.
#[inline]
fn text(input: &[u8]) -> Parsed<'_, &str> {
    let (input, len) = be_u32.parse_complete(input)?;
    utf8(input, len)
}

/// Parses both lengths, of one byte and of two, then both texts.
fn name_and_info(input: &[u8]) -> Parsed<'_, (Name<'_>, Info<'_>)> {
    let (input, (name_len, info_len)) = (be_u8, be_u16).parse_complete(input)?;
    let (input, name) = utf8(input, name_len.into())?;
    let (input, info) = utf8(input, info_len.into())?;
    Ok((input, (Name::from_wire(name), Info::from_wire(info))))
}

fn chat_kind(input: &[u8]) -> Parsed<'_, ChatKind> {
    be_u8
        .map_res(|byte| ChatKind::from_byte(byte).ok_or(MessageError::UnknownChatKind(byte)))
        .parse_complete(input)
}

fn tagged_kind(input: &[u8]) -> Parsed<'_, TaggedKind> {
    be_u8
        .map_res(|byte| TaggedKind::from_byte(byte).ok_or(MessageError::UnknownChatKind(byte)))
        .parse_complete(input)
}

fn audience(input: &[u8]) -> Parsed<'_, Audience> {
    be_u8
        .map_res(|byte| Audience::from_byte(byte).ok_or(MessageError::UnknownAudience(byte)))
        .parse_complete(input)
}

/// Parses a length of one byte, then the channel's name.
fn channel(input: &[u8]) -> Parsed<'_, ChannelName<'_>> {
    let (input, len) = be_u8.parse_complete(input)?;
    let (input, name) = utf8(input, len.into())?;
    let channel = ChannelName::from_wire(name).ok_or(MessageError::ChannelEmpty);
    let channel = channel.map_err(|error| Err::Error(Violation(error)))?;
    Ok((input, channel))
}

/// Parses both lengths, of one byte and of four, then both texts. An empty name
/// is no channel.
fn channel_and_text(input: &[u8]) -> Parsed<'_, (Option<ChannelName<'_>>, Text<'_>)> {
    let (input, (channel_len, text_len)) = (be_u8, be_u32).parse_complete(input)?;
    let (input, channel) = utf8(input, channel_len.into())?;
    let (input, text) = utf8(input, text_len)?;
    Ok((
        input,
        (ChannelName::from_wire(channel), Text::from_wire(text)),
    ))
}

/// Parses the three lengths, of one byte, one and four, then the three texts.
fn channel_setter_and_text(
    input: &[u8],
) -> Parsed<'_, (Option<ChannelName<'_>>, Name<'_>, Text<'_>)> {
    let (input, (channel_len, setter_len, text_len)) =
        (be_u8, be_u8, be_u32).parse_complete(input)?;
    let (input, channel) = utf8(input, channel_len.into())?;
    let (input, setter) = utf8(input, setter_len.into())?;
    let (input, text) = utf8(input, text_len)?;
    let channel = ChannelName::from_wire(channel);
    Ok((
        input,
        (channel, Name::from_wire(setter), Text::from_wire(text)),
    ))
}

/// Parses the three lengths, of one byte, two and four, then the three texts. An empty name is
/// no channel.
fn channel_tags_and_text(input: &[u8]) -> Parsed<'_, (Option<ChannelName<'_>>, &str, Text<'_>)> {
    let (input, (channel_len, tags_len, text_len)) =
        (be_u8, be_u16, be_u32).parse_complete(input)?;
    let (input, channel) = utf8(input, channel_len.into())?;
    let (input, tags) = utf8(input, tags_len.into())?;
    let (input, text) = utf8(input, text_len)?;
    let channel = ChannelName::from_wire(channel);
    Ok((input, (channel, tags, Text::from_wire(text))))
}

#[inline]
fn utf8(input: &[u8], len: u32) -> Parsed<'_, &str> {
    take(len)
        .map_res(|bytes| core::str::from_utf8(bytes).map_err(|_| MessageError::NotUtf8))
        .parse_complete(input)
}
