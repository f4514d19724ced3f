//! The encoder, which is infallible because the types keep the limits.
//!
//! A parsed message is encoded to the bytes that it was parsed from, except for
//! bits of [`MemberFlags`](crate::MemberFlags) that have no meaning.

use alloc::vec::Vec;

use bytes::BufMut;

use crate::host_id::HostId;
use crate::message::{
    ChannelChat, ChannelJoin, ChannelPart, ChannelRequest, ChannelSetting, ClientChat, ClientQuit,
    DatedJoin, Message, Registration, ServerQuit, Status,
};
use crate::text::ChannelName;

impl Message<'_> {
    /// Returns the length of the frame: the fixed part of its kind and the texts.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let texts = match self {
            Message::ServerRegistration(m) | Message::ClientRegistration(m) => {
                m.name.as_str().len() + m.info.as_str().len()
            }
            Message::Status(Status { text, .. })
            | Message::ClientChat(ClientChat { text, .. })
            | Message::ClientQuit(ClientQuit { text, .. })
            | Message::ServerQuit(ServerQuit { text, .. }) => text.as_str().len(),
            Message::ChannelJoin(ChannelJoin { channel, .. })
            | Message::DatedJoin(DatedJoin { channel, .. }) => channel.as_str().len(),
            Message::ChannelPart(ChannelPart { channel, text, .. })
            | Message::ChannelChat(ChannelChat { channel, text, .. })
            | Message::ChannelSetting(ChannelSetting {
                channel,
                value: text,
                ..
            }) => channel.as_str().len() + text.as_str().len(),
            Message::DatedSetting(m) => {
                m.channel.as_str().len() + m.setter.as_str().len() + m.value.as_str().len()
            }
            Message::TaggedChat(m) => {
                let channel = m.channel.as_ref().map_or("", ChannelName::as_str);
                channel.len() + m.tags.as_str().len() + m.text.as_str().len()
            }
            Message::ChannelRequest(ChannelRequest { channel, text, .. }) => {
                channel.as_ref().map_or("", ChannelName::as_str).len() + text.as_str().len()
            }
        };
        self.kind().fixed_len() + texts
    }

    /// Appends the frame to `out`.
    ///
    /// # Panics
    ///
    /// Panics, as every [`BufMut`] does, if `out` has a fixed size and less than
    /// [`encoded_len`](Self::encoded_len) bytes left.
    #[inline]
    pub fn encode(&self, out: &mut impl BufMut) {
        out.put_u8(self.kind().byte());
        match self {
            Message::ServerRegistration(m) | Message::ClientRegistration(m) => m.encode_body(out),
            Message::Status(m) => {
                put_host(out, m.source);
                put_host(out, m.destination);
                out.put_u16(m.code.0);
                put_text(out, m.text.as_str());
            }
            Message::ClientChat(m) => {
                out.put_u32(m.source.get());
                put_host(out, m.destination);
                put_text(out, m.text.as_str());
            }
            Message::ClientQuit(m) => {
                out.put_u32(m.source.get());
                put_text(out, m.text.as_str());
            }
            Message::ServerQuit(m) => {
                out.put_u32(m.source.get());
                put_host(out, m.replacement);
                put_text(out, m.text.as_str());
            }
            Message::ChannelJoin(m) => {
                out.put_u32(m.source.get());
                put_host(out, m.by);
                out.put_u8(m.flags.byte());
                put_channel_len(out, m.channel.as_str());
                out.put_slice(m.channel.as_str().as_bytes());
            }
            Message::ChannelPart(m) => {
                out.put_u32(m.source.get());
                put_host(out, m.by);
                put_channel_and_text(out, m.channel.as_str(), m.text.as_str());
            }
            Message::ChannelChat(m) => {
                out.put_u32(m.source.get());
                out.put_u8(m.kind.byte());
                put_channel_and_text(out, m.channel.as_str(), m.text.as_str());
            }
            Message::ChannelSetting(m) => {
                put_host(out, m.source);
                out.put_u64(m.version);
                out.put_u8(m.field.0);
                put_channel_and_text(out, m.channel.as_str(), m.value.as_str());
            }
            Message::ChannelRequest(m) => {
                out.put_u32(m.source.get());
                put_host(out, m.destination);
                out.put_u8(m.kind.0);
                let channel = m.channel.as_ref().map_or("", ChannelName::as_str);
                put_channel_and_text(out, channel, m.text.as_str());
            }
            Message::DatedJoin(m) => {
                out.put_u32(m.source.get());
                put_host(out, m.by);
                out.put_u64(m.founded);
                out.put_u32(m.tag);
                out.put_u8(m.flags.byte());
                put_channel_len(out, m.channel.as_str());
                out.put_slice(m.channel.as_str().as_bytes());
            }
            Message::DatedSetting(m) => {
                put_host(out, m.source);
                out.put_u64(m.version);
                out.put_u64(m.founded);
                out.put_u32(m.tag);
                out.put_u8(m.field.0);
                put_channel_len(out, m.channel.as_str());
                put_name_len(out, m.setter.as_str());
                put_text_len(out, m.value.as_str());
                out.put_slice(m.channel.as_str().as_bytes());
                out.put_slice(m.setter.as_str().as_bytes());
                out.put_slice(m.value.as_str().as_bytes());
            }
            Message::TaggedChat(m) => {
                let channel = m.channel.as_ref().map_or("", ChannelName::as_str);
                out.put_u32(m.source.get());
                put_host(out, m.destination);
                out.put_u8(m.kind.byte());
                out.put_u8(m.audience.byte());
                put_channel_len(out, channel);
                put_tags_len(out, m.tags.as_str());
                put_text_len(out, m.text.as_str());
                out.put_slice(channel.as_bytes());
                out.put_slice(m.tags.as_str().as_bytes());
                out.put_slice(m.text.as_str().as_bytes());
            }
        }
    }

    /// Returns the frame in a new vector.
    ///
    /// ```
    /// use crc_wire::{ClientQuit, HostId, Message, Text};
    ///
    /// let quit = Message::from(ClientQuit {
    ///     source: HostId::new(101).expect("not 0"),
    ///     text: Text::truncated("bye"),
    /// });
    /// assert_eq!(quit.to_vec(), b"\x82\x00\x00\x00\x65\x00\x00\x00\x03bye");
    /// ```
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut frame = Vec::with_capacity(self.encoded_len());
        self.encode(&mut frame);
        frame
    }
}

impl Registration<'_> {
    fn encode_body(&self, out: &mut impl BufMut) {
        let (name, info) = (self.name.as_str(), self.info.as_str());
        out.put_u32(self.source.get());
        put_host(out, self.last_hop);
        put_name_len(out, name);
        out.put_u16(u16::try_from(info.len()).expect("an Info keeps the limit"));
        out.put_slice(name.as_bytes());
        out.put_slice(info.as_bytes());
    }
}

#[inline]
fn put_host(out: &mut impl BufMut, host: Option<HostId>) {
    out.put_u32(host.map_or(0, HostId::get));
}

#[inline]
fn put_text(out: &mut impl BufMut, text: &str) {
    put_text_len(out, text);
    out.put_slice(text.as_bytes());
}

#[inline]
fn put_text_len(out: &mut impl BufMut, text: &str) {
    out.put_u32(u32::try_from(text.len()).expect("a Text keeps the limit"));
}

fn put_name_len(out: &mut impl BufMut, name: &str) {
    out.put_u8(u8::try_from(name.len()).expect("a Name keeps the limit"));
}

fn put_tags_len(out: &mut impl BufMut, tags: &str) {
    out.put_u16(u16::try_from(tags.len()).expect("Tags keep the limit"));
}

fn put_channel_len(out: &mut impl BufMut, channel: &str) {
    out.put_u8(u8::try_from(channel.len()).expect("a ChannelName keeps the limit"));
}

/// Writes both lengths, then both texts.
fn put_channel_and_text(out: &mut impl BufMut, channel: &str, text: &str) {
    put_channel_len(out, channel);
    put_text_len(out, text);
    out.put_slice(channel.as_bytes());
    out.put_slice(text.as_bytes());
}
