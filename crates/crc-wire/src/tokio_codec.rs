//! The codec for tokio: messages in and out of a `Framed`.
//!
//! A thin coat over [`Frame`] and [`Message`], with the errors of a stream
//! added. Knows no runtime, no socket and no rule of the network.

use std::io;

use bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder};

use crate::frame::{Frame, FrameError, FrameLimits};
use crate::message::Message;
use crate::parse::MessageError;

/// Decodes and encodes [`Message`]s for [`tokio_util::codec::Framed`] and its
/// relatives. What it decodes owns its texts.
///
/// Memory is not reserved for what a frame announces, only used for what has
/// arrived. One codec serves one connection.
///
/// ```
/// use bytes::BytesMut;
/// use crc_wire::{CrcCodec, FrameLimits, Message};
/// use tokio_util::codec::{Decoder, Encoder};
///
/// let mut codec = CrcCodec::new(FrameLimits::RELAY);
/// let mut read = BytesMut::from(&b"\x82\x00\x00\x00\x65\x00\x00\x00\x03bye"[..]);
/// let quit = codec.decode(&mut read)?.expect("a whole frame");
/// assert!(matches!(&quit, Message::ClientQuit(quit) if quit.text.as_str() == "bye"));
///
/// let mut written = BytesMut::new();
/// codec.encode(quit, &mut written)?;
/// assert_eq!(written.len(), 12);
/// # Ok::<(), crc_wire::CodecError>(())
/// ```
#[derive(Debug, Default)]
pub struct CrcCodec {
    /// What is taken from the peer. May be changed between two frames; a frame
    /// of which only a part has arrived is judged by the new limits.
    pub limits: FrameLimits,
    failed: Option<FrameError>,
}

impl CrcCodec {
    /// A codec at the beginning of a stream.
    #[must_use]
    pub const fn new(limits: FrameLimits) -> Self {
        CrcCodec {
            limits,
            failed: None,
        }
    }
}

/// A stream of messages can't go on, or one of them can't be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The boundary of the next frame is lost. All later calls say the same.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A frame does not say what it should. It is skipped: the next call goes
    /// on behind it, if the caller wants to go on.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The stream ended within a frame.
    #[error("the stream ended {0} bytes into a frame")]
    UnexpectedEof(usize),
    /// The transport failed. The codec itself never says so; `Framed` does.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Decoder for CrcCodec {
    type Item = Message<'static>;
    type Error = CodecError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Self::Item>, CodecError> {
        if let Some(error) = self.failed {
            return Err(error.into());
        }
        let mut rest = &src[..];
        let frame = match Frame::take(&mut rest, self.limits) {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ok(None),
            Err(error) => {
                self.failed = Some(error);
                return Err(error.into());
            }
        };
        let len = frame.bytes().len();
        let message = frame.message().map(Message::into_owned);
        drop(src.split_to(len));
        Ok(Some(message?))
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Self::Item>, CodecError> {
        match self.decode(src)? {
            None if !src.is_empty() => Err(CodecError::UnexpectedEof(src.len())),
            message => Ok(message),
        }
    }
}

impl Encoder<&Message<'_>> for CrcCodec {
    type Error = CodecError;

    fn encode(&mut self, message: &Message<'_>, dst: &mut BytesMut) -> Result<(), CodecError> {
        dst.reserve(message.encoded_len());
        message.encode(dst);
        Ok(())
    }
}

impl Encoder<Message<'_>> for CrcCodec {
    type Error = CodecError;

    fn encode(&mut self, message: Message<'_>, dst: &mut BytesMut) -> Result<(), CodecError> {
        self.encode(&message, dst)
    }
}
