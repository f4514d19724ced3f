//! Lines of IRC and of the legacy dialect, about users, servers and channels that exist
//! and that do not, or any bytes; and frames about channels. Every part is chosen by a
//! byte.

use std::borrow::Cow;

use crc_wire::{
    Audience, ChannelChat, ChannelField, ChannelJoin, ChannelName, ChannelPart, ChannelRequest,
    ChannelSetting, ChatKind, HostId, MemberFlags, Message, RequestKind, TaggedChat, TaggedKind,
    Tags, Text,
};

use crate::choices::Choices;
use crate::frames::host;

/// Prefixes and parameters: nicks, servers, channels, modes and other words. Seeds are
/// written with their places.
pub(crate) const WORDS: [&str; 56] = [
    "n0",
    "n1",
    "n2",
    "n3",
    "n4",
    "N1",
    "u0",
    "u1",
    "u2",
    "host101",
    "host201",
    "host77",
    "server0",
    "s0",
    "s1",
    "s2",
    "SERVER0",
    "nobody",
    "#a",
    "#b",
    "#A",
    "#c",
    "#Île",
    "#",
    "#a,#b,#c",
    "n0,n1,#a,u0",
    "key",
    "key,,other",
    "*",
    "0",
    "1",
    "4294967296",
    "+o",
    "-o+v",
    "+b",
    "-b+b",
    "+k",
    "-k",
    "+imntlsp",
    "-imnt+l",
    "n*!*@*",
    "*!*@*",
    "LS",
    "REQ",
    "END",
    "server-time echo-message message-tags multi-prefix userhost-in-names extended-join setname",
    "%tcuihsnfdlaor,12",
    "a-very-long-word-that-is-longer-than-any-nick-or-channel-of-the-network-may-be-anywhere",
    "chief",
    "2m",
    "127.0.0.1/32",
    "u?!*@*",
    "kill,ban,wallops chief",
    "k 1700000000000 0 chief n1!*@* x",
    "-d 1700000000000 0 chief 127.0.0.1/32 x",
    "trace 1",
];

/// The commands. Seeds are written with their places.
pub(crate) const COMMANDS: [&str; 56] = [
    "NICK", "USER", "CAP", "QUIT", "JOIN", "PART", "TOPIC", "NAMES", "LIST", "INVITE", "KICK",
    "MODE", "PRIVMSG", "NOTICE", "PING", "PONG", "AWAY", "WHO", "WHOIS", "WHOWAS", "ISON",
    "USERHOST", "SETNAME", "MOTD", "LUSERS", "VERSION", "LINKS", "STATS", "TIME", "ADMIN", "INFO",
    "OPER", "KILL", "ERROR", "SERVER", "SQUIT", "PASS", "TAGMSG", "331", "332", "353", "366",
    "401", "436", "001", "WEBIRC", "SERVLIST", "HELP", "KLINE", "UNKLINE", "DLINE", "UNDLINE",
    "WALLOPS", "CONNECT", "TRACE", "MAP",
];

/// The place of a word in its table.
pub(crate) const fn place(table: &[&str], wanted: &str) -> u8 {
    let mut at = 0;
    while at < table.len() {
        if eq(table[at].as_bytes(), wanted.as_bytes()) {
            #[allow(clippy::cast_possible_truncation, reason = "the tables are short")]
            return at as u8;
        }
        at += 1;
    }
    panic!("a word of the table");
}

const fn eq(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    one.len() == other.len()
}

/// The kinds of lines. Seeds are written with these numbers.
pub(crate) mod line {
    /// A line without a prefix.
    pub(crate) const PLAIN: u8 = 0;
    /// A line with a prefix: a word.
    pub(crate) const PREFIXED: u8 = 1;
    /// A line with tags.
    pub(crate) const TAGGED: u8 = 2;
    /// The following bytes, after their number.
    pub(crate) const LITERAL: u8 = 3;
    /// A line with one byte changed.
    pub(crate) const DAMAGED: u8 = 4;
    /// The beginning of a line.
    pub(crate) const CUT: u8 = 5;
    /// A line, many times.
    pub(crate) const REPEATED: u8 = 6;
    /// One byte, many times.
    pub(crate) const ENDLESS: u8 = 7;
    pub(crate) const ALL: u8 = 8;
}

/// The byte before a line's parameters is the number of words. With `TEXT` added, a text
/// follows as the last parameter.
pub(crate) const WORDS_MAX: u8 = 8;
pub(crate) const TEXT: u8 = 128;

fn text(choices: &mut Choices<'_>) -> Option<Cow<'static, [u8]>> {
    Some(match choices.below(12)? {
        0..=2 => b"hello"[..].into(),
        3 => b""[..].into(),
        4 => b"n0 @n1 u0 u1"[..].into(),
        5 => b"x [crc2;f=]"[..].into(),
        6 => "é".repeat(300).into_bytes().into(),
        7 => b"t".repeat(480).into(),
        8 => b"b\xffd\x01\x02"[..].into(),
        9 => b"y".repeat(4000).into(),
        10 => b"\x1b[2J \x7f \xc2\x85 \xe2\x80\xae"[..].into(),
        _ => b" : leading"[..].into(),
    })
}

/// Appends a line to `out`; `None` if the choices end before it is complete.
pub(crate) fn append_line(choices: &mut Choices<'_>, out: &mut Vec<u8>) -> Option<()> {
    append(choices.below(line::ALL)?, choices, out)
}

fn append(what: u8, choices: &mut Choices<'_>, out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    match what {
        line::LITERAL => out.extend_from_slice(choices.bytes()?),
        line::DAMAGED => {
            let (at, bits) = (choices.byte()?, choices.byte()?);
            append(choices.below(line::LITERAL)?, choices, out)?;
            let len = out.len() - start;
            out[start + usize::from(at) % len] ^= bits;
        }
        line::CUT => {
            let len = usize::from(choices.byte()?);
            append(choices.below(line::LITERAL)?, choices, out)?;
            out.truncate(start + len);
        }
        line::REPEATED => {
            let times = usize::from(choices.byte()?);
            append(choices.below(line::LITERAL)?, choices, out)?;
            let one = out.split_off(start);
            // As much as one read.
            let times = times.min(16 * 1024 / one.len()).max(1);
            out.extend(one.repeat(times));
        }
        line::ENDLESS => {
            let (byte, times) = (choices.byte()?, choices.byte()?);
            out.resize(start + 64 * usize::from(times), byte);
        }
        _ => {
            if what == line::TAGGED {
                out.extend_from_slice(b"@time=now;+x=\\:\\s ");
            } else if what == line::PREFIXED {
                out.push(b':');
                out.extend_from_slice(choices.one_of(&WORDS)?.as_bytes());
                out.push(b' ');
            }
            out.extend_from_slice(choices.one_of(&COMMANDS)?.as_bytes());
            let shape = choices.byte()?;
            for _ in 0..(shape & !TEXT) % WORDS_MAX {
                out.push(b' ');
                out.extend_from_slice(choices.one_of(&WORDS)?.as_bytes());
            }
            if shape & TEXT != 0 {
                out.extend_from_slice(b" :");
                out.extend_from_slice(&text(choices)?);
            }
            out.extend_from_slice(b"\r\n");
        }
    }
    Some(())
}

// Frames about channels.

/// The kinds of frames about channels. Seeds are written with these numbers.
pub(crate) mod channel {
    pub(crate) const JOIN: u8 = 0;
    pub(crate) const PART: u8 = 1;
    pub(crate) const CHAT: u8 = 2;
    pub(crate) const SET: u8 = 3;
    pub(crate) const REQUEST: u8 = 4;
    pub(crate) const TAGGED: u8 = 5;
    pub(crate) const ALL: u8 = 6;
}

const CHANNELS: [&str; 8] = ["#a", "#A", "#b", "#c", "#Île", "#", "a", "#a b"];

fn maybe_host(choices: &mut Choices<'_>) -> Option<Option<HostId>> {
    let known = choices.below(2)? == 1;
    if known {
        host(choices).map(Some)
    } else {
        Some(None)
    }
}

fn channel_text(choices: &mut Choices<'_>) -> Option<Text<'static>> {
    let text: Cow<'static, str> = match choices.below(8)? {
        0 | 1 => "hello".into(),
        2 => "".into(),
        3 => "a\nb\r\nc\0d\n\n".into(),
        4 => "line\n".repeat(300).into(),
        5 => "é".repeat(900).into(),
        6 => "n*!*@* *!*@*".into(),
        _ => "imnt".into(),
    };
    Some(Text::new(text).expect("it is short"))
}

fn tags(choices: &mut Choices<'_>) -> Option<Tags<'static>> {
    let tags: Cow<'static, str> = match choices.below(5)? {
        0 => "".into(),
        1 => "+a=b;msgid=x".into(),
        2 => "time=1;batch=2;label=3;;=;msgid;+".into(),
        3 => "+a;".repeat(1390).into(),
        _ => "+é=\\s\\:@\u{1}".into(),
    };
    Some(Tags::new(tags).expect("they are short"))
}

/// Appends a frame about a channel to `out`; `None` if the choices end before it is
/// complete.
pub(crate) fn append_channel_frame(choices: &mut Choices<'_>, out: &mut Vec<u8>) -> Option<()> {
    let what = choices.below(channel::ALL)?;
    let source = host(choices)?;
    let name = ChannelName::new(choices.one_of(&CHANNELS)?).expect("it is short");
    let message = match what {
        channel::JOIN => {
            let flags = choices.byte()?;
            Message::ChannelJoin(ChannelJoin {
                source,
                by: maybe_host(choices)?,
                flags: MemberFlags::NONE
                    .with_operator(flags & 1 != 0)
                    .with_voice(flags & 2 != 0),
                channel: name,
            })
        }
        channel::PART => Message::ChannelPart(ChannelPart {
            source,
            by: maybe_host(choices)?,
            channel: name,
            text: channel_text(choices)?,
        }),
        channel::CHAT => Message::ChannelChat(ChannelChat {
            source,
            kind: choices.one_of(&[ChatKind::Message, ChatKind::Notice])?,
            channel: name,
            text: channel_text(choices)?,
        }),
        channel::SET => Message::ChannelSetting(ChannelSetting {
            source: maybe_host(choices)?,
            version: choices.byte()?.into(),
            field: ChannelField(choices.below(7)?),
            channel: name,
            value: channel_text(choices)?,
        }),
        channel::TAGGED => {
            let to = maybe_host(choices)?;
            Message::TaggedChat(TaggedChat {
                source,
                destination: to,
                kind: choices.one_of(&[
                    TaggedKind::Message,
                    TaggedKind::Notice,
                    TaggedKind::TagsOnly,
                    TaggedKind::Redaction,
                ])?,
                audience: choices.one_of(&[
                    Audience::All,
                    Audience::Operators,
                    Audience::Voiced,
                ])?,
                channel: (to.is_none() || choices.below(8)? == 0).then_some(name),
                tags: tags(choices)?,
                text: channel_text(choices)?,
            })
        }
        _ => Message::ChannelRequest(ChannelRequest {
            source,
            destination: maybe_host(choices)?,
            kind: RequestKind(choices.below(17)?),
            channel: (choices.below(4)? != 0).then_some(name),
            text: channel_text(choices)?,
        }),
    };
    message.encode(out);
    Some(())
}
