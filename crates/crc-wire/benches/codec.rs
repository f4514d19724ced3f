//! How many bytes of frames one core decodes and encodes, beside a plain copy
//! of the same bytes: `cargo bench -p crc-wire`.
//!
//! The stream is as long as a read buffer, 64 KiB of chats, and stays in the
//! cache: what is measured is the codec, not the memory.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};

use crc_wire::{ClientChat, Decoder, FrameLimits, HostId, Message, Text};

/// Bytes of text in one chat; the frame has 13 more.
const TEXT_BYTES: [usize; 3] = [16, 64, 1024];
const STREAM_BYTES: usize = 64 * 1024;

fn main() {
    divan::main();
}

/// Only where each frame ends: all that forwarding needs of the texts.
#[divan::bench(args = TEXT_BYTES)]
fn boundaries(bencher: Bencher<'_, '_>, text_bytes: usize) {
    let stream = stream(text_bytes);
    bencher
        .counter(BytesCount::of_slice(&stream))
        .bench_local(|| {
            each_frame(black_box(&stream), |frame| {
                black_box(frame.bytes());
            });
        });
}

/// From bytes to messages, texts checked.
#[divan::bench(args = TEXT_BYTES)]
fn decode(bencher: Bencher<'_, '_>, text_bytes: usize) {
    let stream = stream(text_bytes);
    bencher
        .counter(BytesCount::of_slice(&stream))
        .bench_local(|| {
            each_frame(black_box(&stream), |frame| {
                black_box(&frame.message().expect("we have written it"));
            });
        });
}

/// From messages to bytes, into a buffer that is large enough.
#[divan::bench(args = TEXT_BYTES)]
fn encode(bencher: Bencher<'_, '_>, text_bytes: usize) {
    let messages = chats(text_bytes);
    let mut out = stream(text_bytes);
    bencher.counter(BytesCount::of_slice(&out)).bench_local(|| {
        out.clear();
        for message in black_box(&messages) {
            message.encode(&mut out);
        }
        black_box(&out);
    });
}

/// The floor: the same bytes copied in one go.
#[divan::bench(args = TEXT_BYTES)]
fn memcpy(bencher: Bencher<'_, '_>, text_bytes: usize) {
    let stream = stream(text_bytes);
    let mut out = stream.clone();
    bencher
        .counter(BytesCount::of_slice(&stream))
        .bench_local(|| {
            out.copy_from_slice(black_box(&stream));
            black_box(&out);
        });
}

fn each_frame(mut stream: &[u8], mut then: impl FnMut(crc_wire::Frame<'_>)) {
    let mut decoder = Decoder::new();
    while let Some(frame) = decoder
        .next_frame(&mut stream, FrameLimits::RELAY)
        .expect("we have written it")
    {
        then(frame);
    }
}

/// As many different chats as fill the stream.
fn chats(text_bytes: usize) -> Vec<Message<'static>> {
    let frame_bytes = text_bytes + 13;
    (1..)
        .take(STREAM_BYTES / frame_bytes)
        .map(|number: u32| {
            let letter = char::from(b'a' + u8::try_from(number % 26).expect("less than 26"));
            Message::ClientChat(ClientChat {
                source: HostId::new(number).expect("counted from 1"),
                destination: HostId::new(number ^ 1),
                text: Text::new(letter.to_string().repeat(text_bytes)).expect("short"),
            })
        })
        .collect()
}

fn stream(text_bytes: usize) -> Vec<u8> {
    chats(text_bytes).iter().flat_map(Message::to_vec).collect()
}
