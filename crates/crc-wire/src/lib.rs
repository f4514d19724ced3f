//! The frames of the Clemson Relay Chat protocol, version 1.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod decoder;
mod emit;
mod frame;
mod message;
mod parse;
mod types;

pub use decoder::Decoder;
pub use frame::{Frame, FrameError, FrameLimits, frame_len};
pub use message::{ClientChat, ClientQuit, Kind, Message, Registration, ServerQuit, Status};
pub use parse::MessageError;
pub use types::{HostId, Info, Name, StatusCode, Text, TooLong, beginning};
