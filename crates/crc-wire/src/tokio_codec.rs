//! The codec for tokio-util: messages in and out of a `Framed`.
//!
//! It wraps [`Frame`] and [`Message`] and adds the errors of a stream.

use std::io;

use bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder};

use crate::frame::{Frame, FrameError, FrameLimits};
use crate::message::Message;
use crate::parse::MessageError;

/// Decodes and encodes [`Message`]s for [`tokio_util::codec::Framed`] and its
/// relatives. Decoded messages own their texts.
///
/// The codec reserves no memory for bytes that have not arrived. Use one codec for
/// each connection.
///
/// ```
/// use bytes::BytesMut;
/// use crc_wire::{CrcCodec, FrameLimits, Message};
/// use tokio_util::codec::{Decoder, Encoder};
///
/// let mut codec = CrcCodec::new(FrameLimits::RELAY);
/// let mut read = BytesMut::from(&b"\x82\x00\x00\x00\x65\x00\x00\x00\x03bye"[..]);
/// let quit = codec.decode(&mut read)?.expect("complete");
/// assert!(matches!(&quit, Message::ClientQuit(quit) if quit.text.as_str() == "bye"));
///
/// let mut written = BytesMut::new();
/// codec.encode(quit, &mut written)?;
/// assert_eq!(written.len(), 12);
/// # Ok::<(), crc_wire::CodecError>(())
/// ```
#[derive(Debug, Default)]
pub struct CrcCodec {
    /// The limits of the frames from the peer. May change between two frames; new
    /// limits apply to an incomplete frame too.
    pub limits: FrameLimits,
    failed: Option<FrameError>,
}

impl CrcCodec {
    /// Returns a codec for a new stream.
    #[must_use]
    pub const fn new(limits: FrameLimits) -> Self {
        CrcCodec {
            limits,
            failed: None,
        }
    }
}

/// The stream failed, or one of its messages is malformed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The end of the next frame cannot be found. All later calls return the same
    /// error.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The content of a frame breaks the protocol. The codec skips the frame, and
    /// the next call decodes the one behind it.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The stream ended within a frame, after so many of its bytes.
    #[error("stream ended {0} bytes into a frame")]
    UnexpectedEof(usize),
    /// The transport failed. `Framed` returns this error, never the codec itself.
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
