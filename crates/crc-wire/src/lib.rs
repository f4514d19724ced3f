//! The frames of the Clemson Relay Chat protocol (CRC), version 1 and channels:
//! where each one ends, what it says, and how it is written.
//!
//! CRC networks are trees of servers that relay chats between clients. Every
//! connection is a stream of frames without delimiters; each begins with a byte
//! that tells its kind, and a fixed part that tells its length. This crate turns
//! such bytes into [`Message`]s and back. It knows no connection and no network.
//!
//! # The frames
//!
//! All integers are big endian, all texts UTF-8, and every length counts bytes.
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
//!
//! The fixed part is all before the texts, the type byte included. A source is
//! never 0, but for the source of a status or a setting; last hop, destination,
//! replacement and by may be, which is `None` here. Only a request may be about
//! no channel. Original nodes can't read `02`, nor `83` and what follows: these
//! are for peers that have said that they can.
//!
//! # Reading
//!
//! Three steps, each of which can be had alone:
//!
//! 1. [`Decoder`] takes the pieces of a stream as they arrive, and hands out
//!    each [`Frame`] where it lies. It keeps only the beginning of a frame that
//!    is cut.
//! 2. [`frame_len`] and [`Frame::take`] find where a frame ends. That it is
//!    incomplete is no error. A length over the caller's [`FrameLimits`] is one,
//!    known before the bytes would arrive; this and an unknown type are the only
//!    [`FrameError`]s. Behind one of them no frame can be found any more.
//! 3. [`Frame::message`] or [`Message::parse`] tells what one whole frame says;
//!    its texts are borrowed. With a [`MessageError`] only this frame is lost.
//!    Whether to go on is up to the caller.
//!
//! ```
//! use crc_wire::{Decoder, FrameLimits, Message};
//!
//! let mut decoder = Decoder::new();
//! let mut heard = Vec::new();
//! // A chat from 103 to 101, in two pieces.
//! for mut piece in [
//!     &b"\x81\x00\x00\x00\x67\x00\x00"[..],
//!     &b"\x00\x65\x00\x00\x00\x02Hi"[..],
//! ] {
//!     while let Some(frame) = decoder.next_frame(&mut piece, FrameLimits::RELAY)? {
//!         if let Message::ClientChat(chat) = frame.message()? {
//!             heard.push(format!("{}: {}", chat.source, chat.text));
//!         }
//!     }
//! }
//! assert_eq!(heard, ["103: Hi"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Writing
//!
//! What can be built can be written: ids are checked when a [`HostId`] is made,
//! lengths when a [`Name`], an [`Info`], a [`Text`] or a [`ChannelName`] is. What
//! was parsed is written back byte for byte, but for bits of [`MemberFlags`] that
//! have no meaning; there is one encoding for each message.
//!
//! ```
//! use crc_wire::{ClientChat, HostId, Message, Text};
//!
//! let chat = Message::ClientChat(ClientChat {
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
//! And to a channel:
//!
//! ```
//! use crc_wire::{ChannelChat, ChannelName, HostId, Message, Text, ChatKind};
//!
//! let chat = Message::ChannelChat(ChannelChat {
//!     source: HostId::new(101).expect("not 0"),
//!     kind: ChatKind::Message,
//!     channel: ChannelName::new("#reef")?,
//!     text: Text::new("Hi")?,
//! });
//! assert_eq!(chat.to_vec(), b"\x85\0\0\0\x65\0\x05\0\0\0\x02#reefHi");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is not here
//!
//! - **Rules of the network.** An id that is taken, a host that nobody knows, a
//!   sender who has no right to a frame: none of this is an error of the wire.
//! - **Policy.** How long a frame may be, what a name may look like, and whether
//!   a connection survives a [`MessageError`] is the caller's choice.
//! - **Meaning inside texts.** The words of a status are not taken apart.
//! - **Input and output.** Bytes are given and taken; nothing waits for anything.
//!
//! # Features
//!
//! Without default features the crate needs no `std`, only `alloc`.
//!
//! | feature | what it adds |
//! |---|---|
//! | `std` (default) | the `std` features of the dependencies; no API of its own |
//! | `serde` | `Serialize` and `Deserialize` for messages and all that they are made of; what is read is checked as in any constructor. No `std` needed |
//! | `arbitrary` | `Arbitrary` for the same types, for fuzzing; implies `std` |
//! | `fuzzing` | what the fuzz targets of the repository call; no API |
//! | `proptest` | the module `strategies`, for property tests; implies `std` |
//! | `tokio-util` | `CrcCodec`, a `Decoder` and `Encoder` for `Framed`; implies `std` |
//!
//! In JSON a message reads
//! `{"client_chat":{"source":103,"destination":101,"text":"Hi"}}`; the wire's 0
//! is `null`.

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

pub use code::{ChannelField, ChatKind, MemberFlags, RequestKind, StatusCode, UnknownChatKind};
pub use decoder::Decoder;
pub use frame::{ChatRun, Frame, FrameError, FrameLimits, frame_len};
pub use frames::Frames;
pub use host_id::{HostId, ParseHostIdError, ZeroHostId};
pub use kind::{Kind, UnknownKind};
pub use message::{
    ChannelChat, ChannelJoin, ChannelPart, ChannelRequest, ChannelSetting, ClientChat, ClientQuit,
    Message, Registration, ServerQuit, Status,
};
pub use parse::MessageError;
pub use text::{ChannelName, ChannelNameError, Info, Name, Text, TooLong, truncate_utf8};
#[cfg(feature = "tokio-util")]
pub use tokio_codec::{CodecError, CrcCodec};

/// Keeps the example of the README true.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
