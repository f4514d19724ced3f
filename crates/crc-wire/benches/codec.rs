//! How many bytes of frames one core decodes and encodes, next to a plain copy of
//! the same bytes: `cargo bench -p crc-wire`.
//!
//! The stream of 64 KiB of chats, as long as a read buffer, stays in the cache: the
//! benchmarks measure the codec and not the memory.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};

use crc_wire::{ClientChat, Decoder, FrameLimits, HostId, Message, Text};

/// Bytes of text in one chat; the frame has 13 more.
const TEXT_BYTES: [usize; 3] = [16, 64, 1024];
const STREAM_BYTES: usize = 64 * 1024;

fn main() {
    divan::main();
}

/// Finds the end of each frame, which is all that forwarding needs.
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

/// Parses each frame, which checks its text.
#[divan::bench(args = TEXT_BYTES)]
fn decode(bencher: Bencher<'_, '_>, text_bytes: usize) {
    let stream = stream(text_bytes);
    bencher
        .counter(BytesCount::of_slice(&stream))
        .bench_local(|| {
            each_frame(black_box(&stream), |frame| {
                black_box(&frame.message().expect("the frame is valid"));
            });
        });
}

/// Encodes messages into a buffer that is large enough.
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

/// Copies the same bytes at once: the lower bound.
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
        .expect("the frame is valid")
    {
        then(frame);
    }
}

/// Different chats, as many as fill the stream.
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
