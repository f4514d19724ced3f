//! The frames of the Clemson Relay Chat protocol (CRC), version 1 and channels: a
//! zero-copy parser and an infallible encoder.
//!
//! A CRC network is a tree of servers that relay chats between clients. Every
//! connection is a stream of frames without delimiters. A frame begins with a byte
//! that names its kind, and with a fixed part that holds its length. This crate
//! turns such bytes into [`Message`]s and back. It does no input or output.
//!
//! # Frames
//!
//! All integers are big endian, all texts are UTF-8, and all lengths count bytes.
//!
//! | type | message | layout after the type byte | fixed part |
//! |---|---|---|---|
//! | `00` | [`ServerRegistration`](Message::ServerRegistration) | source `u32`, last hop `u32`, name length `u8`, info length `u16`, name, info | 12 |
//! | `80` | [`ClientRegistration`](Message::ClientRegistration) | the same | 12 |
//! | `01` | [`Status`] | source `u32`, destination `u32`, code `u16`, length `u32`, text | 15 |
//! | `81` | [`ClientChat`] | source `u32`, destination `u32`, length `u32`, text | 13 |
//! | `82` | [`ClientQuit`] | source `u32`, length `u32`, text | 9 |
//! | `02` | [`ServerQuit`] | source `u32`, replacement `u32`, length `u32`, text | 13 |
//! | `83` | [`ChannelJoin`] | source `u32`, by `u32`, flags `u8`, channel length `u8`, channel | 11 |
//! | `84` | [`ChannelPart`] | source `u32`, by `u32`, channel length `u8`, text length `u32`, channel, text | 14 |
//! | `85` | [`ChannelChat`] | source `u32`, kind `u8`, channel length `u8`, text length `u32`, channel, text | 11 |
//! | `86` | [`ChannelSetting`] | source `u32`, version `u64`, field `u8`, channel length `u8`, value length `u32`, channel, value | 19 |
//! | `87` | [`ChannelRequest`] | source `u32`, destination `u32`, kind `u8`, channel length `u8`, text length `u32`, channel, text | 15 |
//! | `88` | [`DatedJoin`] | source `u32`, by `u32`, founded `u64`, tag `u32`, flags `u8`, channel length `u8`, channel | 23 |
//! | `89` | [`DatedSetting`] | source `u32`, version `u64`, founded `u64`, tag `u32`, field `u8`, channel length `u8`, setter length `u8`, value length `u32`, channel, setter, value | 32 |
//! | `8a` | [`TaggedChat`] | source `u32`, destination `u32`, kind `u8`, audience `u8`, channel length `u8`, tags length `u16`, text length `u32`, channel, tags, text | 18 |
//!
//! The fixed part is everything before the texts, the type byte included. The
//! source of a status or a setting may be 0; any other source is not. Last hop,
//! destination, replacement and by may be 0, which is `None` in the structs. Only
//! a request and a tagged chat may have an empty channel name. v1 nodes cannot read `02`, nor
//! `83` to `8a`: send these frames only to peers that announced the feature.
//!
//! The documentation of each struct shows a frame byte by byte.
//!
//! # Reading
//!
//! Reading has three layers, each usable alone:
//!
//! 1. [`Decoder`] finds the [`Frame`]s of a stream that arrives in chunks. It
//!    stores only the incomplete frame at the end of a chunk. [`Frames`] iterates
//!    over the frames of a slice.
//! 2. [`frame_len`] and [`Frame::take`] find the end of one frame. An incomplete
//!    frame is no error. The only [`FrameError`]s are an unknown type, and a
//!    length over the caller's [`FrameLimits`], which is detected before the bytes
//!    arrive. After a `FrameError` the stream cannot be read any further.
//! 3. [`Frame::message`] and [`Message::parse`] parse one complete frame. The
//!    texts borrow from the frame. After a [`MessageError`] only this frame is
//!    lost; the caller decides whether to read on.
//!
//! ```
//! use crc_wire::{Decoder, FrameLimits, Message};
//!
//! let mut decoder = Decoder::new();
//! let mut chats = Vec::new();
//! // A chat from 103 to 101, in two chunks.
//! for mut chunk in [
//!     &b"\x81\x00\x00\x00\x67\x00\x00"[..],
//!     &b"\x00\x65\x00\x00\x00\x02Hi"[..],
//! ] {
//!     while let Some(frame) = decoder.next_frame(&mut chunk, FrameLimits::RELAY)? {
//!         if let Message::ClientChat(chat) = frame.message()? {
//!             chats.push(format!("{}: {}", chat.source, chat.text));
//!         }
//!     }
//! }
//! assert_eq!(chats, ["103: Hi"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Writing
//!
//! The types keep the limits: [`HostId`] is never 0, and [`Name`], [`Info`],
//! [`Text`], [`ChannelName`] and [`Tags`] check their lengths when they are made. So every
//! message can be encoded. A parsed message is encoded to the bytes that it was
//! parsed from, except for bits of [`MemberFlags`] that have no meaning: each
//! message has one encoding.
//!
//! ```
//! use crc_wire::{ClientChat, HostId, Message, Text};
//!
//! let chat = Message::from(ClientChat {
//!     source: HostId::new(103).expect("not 0"),
//!     destination: HostId::new(101),
//!     text: Text::new("Hi")?,
//! });
//! let mut out = Vec::new();
//! chat.encode(&mut out);
//! assert_eq!(out, b"\x81\x00\x00\x00\x67\x00\x00\x00\x65\x00\x00\x00\x02Hi");
//! # Ok::<(), crc_wire::TooLong>(())
//! ```
//!
//! # Guarantees
//!
//! - No input makes the parser or the decoder panic.
//! - The parser copies no text. The decoder copies only frames that arrive in more
//!   than one chunk.
//! - Memory grows with the bytes that arrive, never with the length that a frame
//!   announces.
//! - The crate has no unsafe code.
//!
//! # Limits
//!
//! This crate has no:
//!
//! - **Network rules.** An id that is in use, an unknown host, or a sender without
//!   permission is no error of the wire format.
//! - **Policy.** The caller sets the greatest length of a frame, decides which
//!   names to accept, and decides whether to close a connection after a
//!   [`MessageError`].
//! - **Parser of texts.** It does not parse the text of a status.
//! - **Input and output.** It does not read, write or wait.
//!
//! # Features
//!
//! Without default features the crate needs `alloc` but not `std`.
//!
//! | feature | what it adds |
//! |---|---|
//! | `std` (default) | the `std` features of the dependencies; no API of its own |
//! | `serde` | `Serialize` and `Deserialize` for messages and their parts; deserializing checks what the constructors check. Needs no `std` |
//! | `arbitrary` | `Arbitrary` for the same types, for fuzzing; implies `std` |
//! | `fuzzing` | the bodies of the repository's fuzz targets; no API |
//! | `proptest` | the module `strategies`, for property tests; implies `std`, and needs Rust 1.88 |
//! | `tokio-util` | `CrcCodec`, a `Decoder` and `Encoder` for `Framed`; implies `std` |
//!
//! In JSON, a message is
//! `{"client_chat":{"source":103,"destination":101,"text":"Hi"}}`. `None` is
//! `null`.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod code;
mod decoder;
mod emit;
mod frame;
mod frames;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzz;
mod host_id;
mod kind;
mod message;
mod parse;
#[cfg(feature = "proptest")]
pub mod strategies;
mod text;
#[cfg(feature = "tokio-util")]
mod tokio_codec;

pub use code::{
    Audience, ChannelField, ChatKind, MemberFlags, RequestKind, StatusCode, TaggedKind,
    UnknownChatKind,
};
pub use decoder::Decoder;
pub use frame::{ChatRun, Frame, FrameError, FrameLimits, frame_len};
pub use frames::Frames;
pub use host_id::{HostId, ParseHostIdError, ZeroHostId};
pub use kind::{Kind, UnknownKind};
pub use message::{
    ChannelChat, ChannelJoin, ChannelPart, ChannelRequest, ChannelSetting, ClientChat, ClientQuit,
    DatedJoin, DatedSetting, Message, Registration, ServerQuit, Status, TaggedChat,
};
pub use parse::MessageError;
pub use text::{
    ChannelName, ChannelNameError, Info, Name, Tags, TagsError, Text, TooLong, truncate_utf8,
};
#[cfg(feature = "tokio-util")]
pub use tokio_codec::{CodecError, CrcCodec};

/// Compiles and runs the example in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
