//! Messages of the legacy dialect to lines.

use alloc::vec::Vec;

use bytes::BufMut;

use super::{COLLISION, Content, Message, Middle, Trailing, WELCOME};

impl Message<'_> {
    /// Appends the line to `out`, CR LF included.
    ///
    /// # Panics
    ///
    /// Panics, as every [`BufMut`] does, if `out` has a fixed size and too few bytes
    /// left.
    pub fn encode(&self, out: &mut impl BufMut) {
        if let Some(source) = self.source {
            out.put_u8(b':');
            out.put_slice(source.0.as_bytes());
            out.put_u8(b' ');
        }
        self.content.encode(out);
        out.put_slice(b"\r\n");
    }

    /// Returns the line in a new vector, CR LF included.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut line = Vec::new();
        self.encode(&mut line);
        line
    }
}

impl Content<'_> {
    fn encode(&self, out: &mut impl BufMut) {
        match *self {
            Content::User {
                nick,
                host,
                server,
                real_name,
            } => {
                put(out, "USER", &[nick, host, server]);
                put_maybe_text(out, real_name);
            }
            Content::Server { name, hops, info } => {
                put(out, "SERVER", &[name]);
                put_number(out, hops);
                put_maybe_text(out, info);
            }
            Content::Quit { text } => {
                put(out, "QUIT", &[]);
                put_maybe_text(out, text);
            }
            Content::Join { channel, key } => {
                put(out, "JOIN", &[channel]);
                put_words(out, key.as_slice());
            }
            Content::Part { channel } => put(out, "PART", &[channel]),
            Content::Topic { channel, topic } => {
                put(out, "TOPIC", &[channel]);
                put_maybe_text(out, topic);
            }
            Content::Names { channel } => put(out, "NAMES", channel.as_slice()),
            Content::Privmsg { target, text } => {
                put(out, "PRIVMSG", &[target]);
                put_text(out, &[text.0]);
            }
            Content::Squit { name, reason } => {
                put(out, "SQUIT", &[name]);
                put_maybe_text(out, reason);
            }
            Content::Error { text } => {
                put(out, "ERROR", &[]);
                put_text(out, &[text.0]);
            }
            Content::Welcome { nick, user, host } => {
                put(out, "001", &[]);
                put_text(out, &[WELCOME, nick.0, "!", user.0, "@", host.0]);
            }
            Content::NoTopic { channel } => put_reply(out, "331", channel, "No topic is set"),
            Content::TopicReply { channel, topic } => put_reply(out, "332", channel, topic.0),
            Content::NamesReply { channel, nicks } => {
                put_reply(out, "353", channel.unwrap_or(Middle("*")), nicks.0);
            }
            Content::EndOfNames => {
                put(out, "366", &[]);
                put_text(out, &["End of /NAMES list"]);
            }
            Content::NoSuchNick { nick } => put_reply(out, "401", nick, "No such nick"),
            Content::NoSuchChannel { channel } => put_reply(out, "403", channel, "No such channel"),
            Content::CannotSend { channel } => {
                put_reply(out, "404", channel, "Cannot send to channel");
            }
            Content::UnknownCommand { command } => {
                put_reply(out, "421", command, "Unknown command")
            }
            Content::BadNick { nick } => put_reply(out, "432", nick, "Erroneous nickname"),
            Content::NickCollision { nick, user, host } => {
                put(out, "436", &[nick]);
                put_text(out, &[COLLISION, user.0, "@", host.0]);
            }
            Content::NotOnChannel { channel } => {
                put_reply(out, "442", channel, "You're not on that channel");
            }
            Content::NotRegistered => {
                put(out, "451", &[]);
                put_text(out, &["You have not registered"]);
            }
            Content::NeedMoreParams { command } => {
                put_reply(out, "461", command, "Not enough parameters");
            }
            Content::AlreadyRegistered => {
                put(out, "462", &[]);
                put_text(out, &["You may not reregister"]);
            }
            Content::BadChannelKey { channel } => {
                put_reply(out, "475", channel, "Cannot join channel (+k)");
            }
            Content::TooManyChannels { channel } => {
                put_reply(out, "405", channel, "You have joined too many channels");
            }
            Content::ChannelIsFull { channel } => {
                put_reply(out, "471", channel, "Cannot join channel (+l)");
            }
            Content::InviteOnly { channel } => {
                put_reply(out, "473", channel, "Cannot join channel (+i)");
            }
            Content::Banned { channel } => {
                put_reply(out, "474", channel, "Cannot join channel (+b)");
            }
            Content::NotOperator { channel } => {
                put_reply(out, "482", channel, "You're not channel operator");
            }
        }
    }
}

fn put_reply(out: &mut impl BufMut, numeric: &str, about: Middle<'_>, text: &str) {
    put(out, numeric, &[about]);
    put_text(out, &[text]);
}

#[inline]
fn put(out: &mut impl BufMut, command: &str, words: &[Middle<'_>]) {
    out.put_slice(command.as_bytes());
    put_words(out, words);
}

#[inline]
fn put_words(out: &mut impl BufMut, words: &[Middle<'_>]) {
    for word in words {
        out.put_u8(b' ');
        out.put_slice(word.0.as_bytes());
    }
}

fn put_maybe_text(out: &mut impl BufMut, text: Option<Trailing<'_>>) {
    if let Some(text) = text {
        put_text(out, &[text.0]);
    }
}

#[inline]
fn put_text(out: &mut impl BufMut, parts: &[&str]) {
    out.put_slice(b" :");
    for part in parts {
        out.put_slice(part.as_bytes());
    }
}

/// Writes a space and decimal digits.
fn put_number(out: &mut impl BufMut, number: u32) {
    out.put_u8(b' ');
    let digits = number.checked_ilog10().unwrap_or(0);
    for place in (0..=digits).rev() {
        let digit = number / 10_u32.pow(place) % 10;
        out.put_u8(b'0' + u8::try_from(digit).unwrap_or(0));
    }
}
