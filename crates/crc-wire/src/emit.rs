//! Messages to bytes: total, for the types already hold the limits.
//!
//! What can be built can be written, and what was parsed is written back byte
//! for byte. Nothing here can fail, but for memory.

use alloc::vec::Vec;

use bytes::BufMut;

use crate::message::{ClientChat, ClientQuit, Message, Registration, ServerQuit, Status};
use crate::types::HostId;

impl Message<'_> {
    /// How many bytes the frame has: the fixed part of its kind and the texts.
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
        };
        self.kind().fixed_len() + texts
    }

    /// Appends the frame to `out`.
    ///
    /// # Panics
    ///
    /// When `out` is of a fixed size and has less than
    /// [`encoded_len`](Self::encoded_len) bytes to spare, as every [`BufMut`]
    /// does then.
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
        }
    }

    /// The frame in a vector of its own.
    ///
    /// ```
    /// use crc_wire::{ClientQuit, HostId, Message, Text};
    ///
    /// let quit = Message::ClientQuit(ClientQuit {
    ///     source: HostId::new(101).unwrap(),
    ///     text: Text::new("bye").unwrap(),
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
        out.put_u8(u8::try_from(name.len()).expect("Name holds the limit"));
        out.put_u16(u16::try_from(info.len()).expect("Info holds the limit"));
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
    out.put_u32(u32::try_from(text.len()).expect("Text holds the limit"));
    out.put_slice(text.as_bytes());
}
