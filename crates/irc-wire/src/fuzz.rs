//! Bodies of fuzz targets: what must hold for any bytes.
//!
//! They are part of this crate so that every build compiles them, and so that tests
//! can replay a corpus. The fuzzer chooses the bytes. Not part of the API: anything
//! may change.

use alloc::vec::Vec;

use crate::decoder::Decoder;
use crate::legacy;
use crate::line::{LineLimits, LineTooLong};
use crate::message::{Message, Params};
use crate::modes::{self, ModeTable};
use crate::tags::TagsBuf;
use crate::text;
use crate::{CaseMapping, lists, mask};

/// How many bytes of an input a target uses. The work grows with the square of it.
pub const STREAM_BYTES_MAX: usize = 64;

/// The lines of a stream, truncated if they are too long.
type Found = Vec<(Vec<u8>, Option<LineTooLong>)>;

/// Decodes a stream in one chunk, in single bytes, and in two chunks for every place
/// to cut it. The decoder must find the same lines each time, and must store no more
/// than the limits allow. The first byte of `input` chooses the limits.
///
/// # Panics
///
/// Panics if the decoder does anything else.
pub fn decoder(input: &[u8]) {
    let Some((&first, stream)) = input.split_first() else {
        return;
    };
    let limits = match first % 4 {
        0 => LineLimits::CLIENT,
        1 => LineLimits {
            tags_bytes_max: 0,
            line_bytes_max: 8,
        },
        2 => LineLimits {
            tags_bytes_max: 6,
            line_bytes_max: 10,
        },
        _ => LineLimits {
            tags_bytes_max: 12,
            line_bytes_max: usize::from(first / 4 % 8),
        },
    };
    let stream = &stream[..stream.len().min(STREAM_BYTES_MAX)];
    let whole = decode(&[stream], limits);
    for (line, too_long) in &whole {
        assert!(!line.contains(&b'\n'));
        assert!(!line.is_empty() || too_long.is_some());
        assert!(line.len() <= limits.tags_bytes_max + limits.line_bytes_max.saturating_sub(2));
    }
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(decode(&bytes, limits), whole, "as single bytes");
    for cut in 1..stream.len() {
        let (a, b) = stream.split_at(cut);
        assert_eq!(decode(&[a, b], limits), whole, "cut at {cut}");
    }
}

fn decode(chunks: &[&[u8]], limits: LineLimits) -> Found {
    let mut decoder = Decoder::new();
    let mut found = Vec::new();
    let stored_max = limits.tags_bytes_max + limits.line_bytes_max.max(2);
    for mut chunk in chunks.iter().copied() {
        while let Some(line) = decoder.next_line(&mut chunk, limits) {
            found.push((line.truncated().to_vec(), line.too_long()));
            assert_eq!(line.whole().is_err(), line.too_long().is_some());
            assert_eq!(decoder.pending(), 0);
        }
        assert!(chunk.is_empty(), "the decoder uses all bytes");
        assert!(
            decoder.pending() < stored_max,
            "the decoder stores only possible lines"
        );
        assert!(!decoder.is_skipping() || decoder.pending() == 0);
    }
    found
}

/// Parses a line. A message must survive encoding and parsing, also as a message of
/// the legacy dialect. The parsers of parameters must accept any parameters.
///
/// # Panics
///
/// Panics if one of these fails.
pub fn message(line: &[u8]) {
    let Ok(message) = Message::parse(line) else {
        return;
    };
    let written = message.to_vec();
    assert_eq!(written.len(), message.encoded_len());
    let content = written.strip_suffix(b"\r\n").expect("a line");
    assert!(!content.iter().any(|byte| b"\0\r\n".contains(byte)));
    let again = Message::parse(content).expect("an encoded message");
    assert_eq!(again, message);
    assert_eq!(again.to_vec(), written);
    assert_eq!(message.to_owned_message().message(), message);
    // Encoding neither adds nor removes a colon.
    assert_eq!(again.params.has_colon(), message.params.has_colon());

    let mut params = Params::new();
    for param in message.params.iter() {
        params.push(param).expect("a parsed parameter");
        let part = text::truncate_utf8(param, 5);
        assert!(param.starts_with(part) && part.len() <= 5);
        assert_eq!(text::utf8_or_latin1(param).is_empty(), param.is_empty());
    }
    assert_eq!(params, message.params);

    let mut tags = TagsBuf::new();
    for tag in message.tags.iter() {
        match tag.value() {
            // A parsed tag may escape bytes that need no escaping.
            value if value.is_empty() => tags.push_tag(tag),
            value => tags.push(tag.key(), &value).expect("a parsed tag"),
        }
        let kept = tags.as_tags().get(tag.key());
        assert_eq!(kept.as_deref(), Some(&*tag.value()));
    }
    if let Ok(parsed) = legacy::Message::from_message(&message) {
        let line = parsed.to_vec();
        let line = line.strip_suffix(b"\r\n").expect("a line");
        let again = Message::parse(line).expect("an encoded message");
        assert_eq!(legacy::Message::from_message(&again), Ok(parsed));
    }
    check_parameter_parsers(&message);
}

fn check_parameter_parsers(message: &Message<'_>) {
    let params = message.params.as_slice();
    let [first, rest @ ..] = params else {
        return;
    };
    let changes: Vec<_> = ModeTable::CHANNEL.parse(first, rest).flatten().collect();
    let (letters, left) = modes::join(changes.iter().copied());
    let again: Vec<_> = ModeTable::CHANNEL
        .parse(&letters, &left)
        .flatten()
        .collect();
    // A query for a list would take the parameter of a later change.
    if changes.iter().all(|change| change.param.is_some()) {
        assert_eq!(again, changes);
    }
    let keys = rest.first().copied().unwrap_or_default();
    let channels: Vec<_> = lists::elements(first).collect();
    let with_keys: Vec<_> = lists::with_keys(first, keys)
        .map(|(name, _)| name)
        .collect();
    assert_eq!(channels, with_keys);
    for mapping in CaseMapping::ALL {
        assert!(mapping.eq(first, &mapping.fold(first)));
        if let Some(prefix) = message.prefix {
            assert!(mask::matches_prefix(&mask::normalize(b""), prefix, mapping));
        }
        let prepared = mask::PreparedText::new(keys, mapping);
        assert_eq!(prepared.matches(first), mask::matches(first, keys, mapping));
        if mask::matches(first, keys, mapping) {
            let longer = [first, &b"*"[..]].concat();
            assert!(first.ends_with(b"\\") || mask::matches(&longer, keys, mapping));
        }
    }
}
