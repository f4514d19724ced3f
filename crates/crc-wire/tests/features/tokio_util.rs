//! The tokio-util codec, called as `Framed` calls it.

use bytes::BytesMut;
use crc_wire::{CodecError, CrcCodec, FrameError, FrameLimits, Message, MessageError, strategies};
use proptest::prelude::*;
use tokio_util::codec::{Decoder, Encoder};

const QUIT: &[u8] = b"\x82\x00\x00\x00\x65\x00\x00\x00\x03bye";

proptest! {
    #[test]
    fn streams_arrive_in_any_chunks(stream in strategies::stream(8)) {
        let mut codec = CrcCodec::default();
        let mut src = BytesMut::new();
        let mut messages = Vec::new();
        for chunk in &stream.chunks {
            src.extend_from_slice(chunk);
            while let Some(message) = codec.decode(&mut src)? {
                messages.push(message);
            }
        }
        prop_assert!(codec.decode_eof(&mut src)?.is_none());
        prop_assert_eq!(messages, stream.messages);
    }

    #[test]
    fn encoded_bytes_are_the_frame(message in strategies::message()) {
        let mut codec = CrcCodec::default();
        let mut dst = BytesMut::from("before");
        codec.encode(&message, &mut dst)?;
        prop_assert_eq!(&dst[..], [b"before", &message.to_vec()[..]].concat());
        codec.encode(message, &mut dst)?;
    }
}

#[test]
fn a_frame_error_is_final() {
    let mut codec = CrcCodec::new(FrameLimits::RELAY);
    let mut src = BytesMut::from(&b"\x81\x00\x00\x00\x01\x00\x00\x00\x01\xff\xff\xff\xff"[..]);
    let capacity = src.capacity();
    let lost = |result| matches!(result, Err(CodecError::Frame(FrameError::TooLong { .. })));
    assert!(lost(codec.decode(&mut src)));
    assert_eq!(src.capacity(), capacity, "nothing is reserved");

    src = BytesMut::from(QUIT);
    assert!(lost(codec.decode(&mut src)));
    assert!(lost(codec.decode_eof(&mut src)));
    assert_eq!(src, QUIT, "nothing is used");
}

#[test]
fn a_malformed_frame_is_skipped() {
    let mut codec = CrcCodec::default();
    let mut src = BytesMut::from(&[b"\x82\x00\x00\x00\x65\x00\x00\x00\x01\xff", QUIT].concat()[..]);
    let error = codec.decode(&mut src).unwrap_err();
    assert!(matches!(error, CodecError::Message(MessageError::NotUtf8)));
    let next = codec.decode(&mut src).unwrap();
    assert!(matches!(next, Some(Message::ClientQuit(_))));
    assert!(codec.decode_eof(&mut src).unwrap().is_none());
}

#[test]
fn an_end_within_a_frame_is_an_error() {
    let mut codec = CrcCodec::default();
    let mut src = BytesMut::from(&[QUIT, &QUIT[..5]].concat()[..]);
    assert!(codec.decode_eof(&mut src).unwrap().is_some());
    let error = codec.decode_eof(&mut src).unwrap_err();
    assert!(matches!(error, CodecError::UnexpectedEof(5)));
    assert_eq!(error.to_string(), "stream ended 5 bytes into a frame");
}

#[test]
fn limits_may_change() {
    let mut codec = CrcCodec::default();
    let mut src = BytesMut::from(&QUIT[..9]);
    assert!(codec.decode(&mut src).unwrap().is_none());
    codec.limits.text_bytes_max = 2;
    let error = codec.decode(&mut src).unwrap_err();
    assert_eq!(
        error.to_string(),
        "client quit frame too long: 3 bytes announced, limit 2"
    );
}

#[test]
fn transport_errors_pass_through() {
    let error = CodecError::from(std::io::Error::other("the cable"));
    assert_eq!(error.to_string(), "the cable");
}
