//! How fast one core finds, parses and encodes messages, next to a plain copy of the
//! same bytes: `cargo bench -p irc-wire`.
//!
//! The stream of 64 KiB of messages to a channel, as long as a read buffer, stays in the
//! cache: the benchmarks measure the codec and not the memory. Items are messages: 20
//! Mitem/s are 50 ns for each.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};

use irc_wire::mask::{PreparedMask, PreparedText};
use irc_wire::{CaseMapping, Decoder, LineLimits, Message, OwnedMessage, Prefix, Verb, legacy};

/// Bytes of text in one message; the line has some 40 more.
const TEXT_BYTES: [usize; 3] = [16, 64, 400];
const STREAM_BYTES: usize = 64 * 1024;

/// A star, and as many letters as a line has room for.
const LONG_MASK: &str = concat!(
    "*",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
);

fn main() {
    divan::main();
}

/// Finds the end of each line.
#[divan::bench(args = TEXT_BYTES)]
fn lines(bencher: Bencher<'_, '_>, text_bytes: usize) {
    let stream = stream(text_bytes);
    bencher
        .counter(items(text_bytes))
        .counter(bytes(text_bytes))
        .bench_local(|| {
            each_line(black_box(&stream), |line| {
                black_box(line);
            });
        });
}

/// Parses each line.
#[divan::bench(args = TEXT_BYTES)]
fn decode(bencher: Bencher<'_, '_>, text_bytes: usize) {
    let stream = stream(text_bytes);
    bencher
        .counter(items(text_bytes))
        .counter(bytes(text_bytes))
        .bench_local(|| {
            each_line(black_box(&stream), |line| {
                black_box(&Message::parse(line).expect("an encoded message"));
            });
        });
}

/// Parses each line as a message of the legacy dialect, which checks its text.
#[divan::bench(args = TEXT_BYTES)]
fn decode_legacy(bencher: Bencher<'_, '_>, text_bytes: usize) {
    let stream = stream(text_bytes);
    bencher
        .counter(items(text_bytes))
        .counter(bytes(text_bytes))
        .bench_local(|| {
            each_line(black_box(&stream), |line| {
                let message = Message::parse(line).expect("an encoded message");
                black_box(
                    &legacy::Message::from_message(&message).expect("a message of the dialect"),
                );
            });
        });
}

/// Encodes messages into a buffer that is large enough.
#[divan::bench(args = TEXT_BYTES)]
fn encode(bencher: Bencher<'_, '_>, text_bytes: usize) {
    let owned = messages(text_bytes);
    let messages: Vec<Message<'_>> = owned.iter().map(OwnedMessage::message).collect();
    let mut out = stream(text_bytes);
    bencher
        .counter(items(text_bytes))
        .counter(bytes(text_bytes))
        .bench_local(|| {
            out.clear();
            for message in black_box(&messages) {
                message.encode(&mut out);
            }
            black_box(&out);
        });
}

/// The work of a server before it copies a message for each member: find the line, parse
/// it, and encode it with the sender's prefix.
#[divan::bench(args = TEXT_BYTES)]
fn relay(bencher: Bencher<'_, '_>, text_bytes: usize) {
    let stream = stream(text_bytes);
    let prefix = Prefix::from_parts("ann", "a", "reef.example").expect("good parts");
    let mut out = Vec::with_capacity(2 * STREAM_BYTES);
    bencher
        .counter(items(text_bytes))
        .counter(bytes(text_bytes))
        .bench_local(|| {
            out.clear();
            each_line(black_box(&stream), |line| {
                let mut message = Message::parse(line).expect("an encoded message");
                message.prefix = Some(prefix);
                message.encode(&mut out);
            });
            black_box(&out);
        });
}

/// Matches one mask with many users: a common mask, and two that made earlier matchers
/// go back in the text. Items are users.
#[divan::bench(args = ["*!*@*.example", "*a*a*a*a*a*a*a*ab", LONG_MASK])]
fn mask(bencher: Bencher<'_, '_>, mask: &str) {
    let mask = PreparedMask::new(mask.as_bytes(), CaseMapping::Ascii);
    let long = "a".repeat(100);
    let users = ["ann!ann@1234567890.crc", &long].repeat(100);
    bencher
        .counter(ItemsCount::new(users.len()))
        .bench_local(|| {
            let users = black_box(&users).iter();
            users.filter(|user| mask.matches(user.as_bytes())).count()
        });
}

/// Matches one user with many masks: a list of bans.
#[divan::bench(args = ["*!*@*.example", "*a*a*a*a*a*a*a*ab", LONG_MASK])]
fn masks(bencher: Bencher<'_, '_>, mask: &str) {
    let user = PreparedText::new(b"ann!ann@1234567890.crc", CaseMapping::Ascii);
    let masks = [mask].repeat(100);
    bencher
        .counter(ItemsCount::new(masks.len()))
        .bench_local(|| {
            let masks = black_box(&masks).iter();
            masks.filter(|mask| user.matches(mask.as_bytes())).count()
        });
}

/// Copies the same bytes at once: the lower bound.
#[divan::bench(args = TEXT_BYTES)]
fn memcpy(bencher: Bencher<'_, '_>, text_bytes: usize) {
    let stream = stream(text_bytes);
    let mut out = stream.clone();
    bencher
        .counter(items(text_bytes))
        .counter(bytes(text_bytes))
        .bench_local(|| {
            out.copy_from_slice(black_box(&stream));
            black_box(&out);
        });
}

/// Returns the number of messages in the stream.
fn items(text_bytes: usize) -> ItemsCount {
    ItemsCount::new(messages(text_bytes).len())
}

/// Returns the length of the stream.
fn bytes(text_bytes: usize) -> BytesCount {
    BytesCount::new(stream(text_bytes).len())
}

fn each_line(mut stream: &[u8], mut then: impl FnMut(&[u8])) {
    let mut decoder = Decoder::new();
    while let Some(line) = decoder.next_line(&mut stream, LineLimits::CLIENT) {
        then(line.whole().expect("an encoded message"));
    }
}

/// Different messages, as many as fill the stream.
fn messages(text_bytes: usize) -> Vec<OwnedMessage> {
    let mut bytes = 0;
    let mut messages = Vec::new();
    for letter in ('a'..='z').cycle() {
        let sender = format!("friend-{letter}");
        let text = format!("{letter} ").repeat(text_bytes / 2);
        let message = Message::new(Verb::Privmsg)
            .with_prefix(Prefix::from_parts(&sender, "friend", "127.0.0.1").expect("good parts"))
            .param("#reef")
            .and_then(|message| message.param(&text))
            .expect("good parameters")
            .to_owned_message();
        bytes += message.line().len() + 2;
        if bytes > STREAM_BYTES {
            break;
        }
        messages.push(message);
    }
    messages
}

fn stream(text_bytes: usize) -> Vec<u8> {
    let messages = messages(text_bytes);
    let lines = messages.iter().map(|owned| owned.message().to_vec());
    lines.flatten().collect()
}
