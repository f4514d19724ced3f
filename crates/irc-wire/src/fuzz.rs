//! Bodies of fuzz targets: what must hold for any bytes at all.
//!
//! They live here so that they are compiled, and replayed, with the code that
//! they test. They answer for what they assert; where bytes come from, and which
//! come next, is the fuzzer's. Not part of the API: anything may change.

use alloc::vec::Vec;

use crate::decoder::Decoder;
use crate::legacy;
use crate::line::{LineLimits, LineTooLong};
use crate::message::{Message, Params};
use crate::modes::{self, ModeTable};
use crate::tags::TagsBuf;
use crate::text;
use crate::{CaseMapping, lists, mask};

/// The longest stream that is cut everywhere; of longer ones the beginning is.
/// The work grows with the square of it.
pub const STREAM_BYTES_MAX: usize = 64;

/// What a stream says: each line, or what is left of it.
type Found = Vec<(Vec<u8>, Option<LineTooLong>)>;

/// A stream of lines, the first byte of `input` choosing the limits: whole, as
/// single bytes, and cut in two at every place, the decoder finds the same lines,
/// within the limits, and keeps no more than they allow.
///
/// # Panics
///
/// When that is not so.
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
    let whole = said(&[stream], limits);
    for (line, too_long) in &whole {
        assert!(!line.contains(&b'\n'));
        assert!(!line.is_empty() || too_long.is_some());
        assert!(line.len() <= limits.tags_bytes_max + limits.line_bytes_max.saturating_sub(2));
    }
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(said(&bytes, limits), whole, "as single bytes");
    for cut in 1..stream.len() {
        let (a, b) = stream.split_at(cut);
        assert_eq!(said(&[a, b], limits), whole, "cut at {cut}");
    }
}

fn said(pieces: &[&[u8]], limits: LineLimits) -> Found {
    let mut decoder = Decoder::new();
    let mut said = Vec::new();
    let kept_max = limits.tags_bytes_max + limits.line_bytes_max.max(2);
    for mut piece in pieces.iter().copied() {
        while let Some(line) = decoder.next_line(&mut piece, limits) {
            said.push((line.truncated().to_vec(), line.too_long()));
            assert_eq!(line.whole().is_err(), line.too_long().is_some());
            assert_eq!(decoder.pending(), 0);
        }
        assert!(piece.is_empty(), "all is used");
        assert!(decoder.pending() < kept_max, "only what may become a line");
        assert!(!decoder.is_skipping() || decoder.pending() == 0);
    }
    said
}

/// A line: what can be read is written so that it is read alike, in the legacy
/// dialect too; and whatever its parameters are taken for, nothing breaks.
///
/// # Panics
///
/// When that is not so.
pub fn message(line: &[u8]) {
    let Ok(message) = Message::parse(line) else {
        return;
    };
    let written = message.to_vec();
    assert_eq!(written.len(), message.encoded_len());
    let content = written.strip_suffix(b"\r\n").expect("a line");
    assert!(!content.iter().any(|byte| b"\0\r\n".contains(byte)));
    let again = Message::parse(content).expect("it was written");
    assert_eq!(again, message);
    assert_eq!(again.to_vec(), written);
    assert_eq!(message.to_owned_message().message(), message);
    // A colon that was there, or is needed, stays, and no other comes.
    assert_eq!(again.params.has_colon(), message.params.has_colon());

    let mut params = Params::new();
    for param in message.params.iter() {
        params.push(param).expect("it has been read");
        let part = text::truncate_utf8(param, 5);
        assert!(param.starts_with(part) && part.len() <= 5);
        assert_eq!(text::utf8_or_latin1(param).is_empty(), param.is_empty());
    }
    assert_eq!(params, message.params);

    let mut tags = TagsBuf::new();
    for tag in message.tags.iter() {
        match tag.value() {
            // What came may hold bytes that need no escaping and are escaped.
            value if value.is_empty() => tags.push_tag(tag),
            value => tags.push(tag.key(), &value).expect("it has been read"),
        }
        let kept = tags.as_tags().get(tag.key());
        assert_eq!(kept.as_deref(), Some(&*tag.value()));
    }
    if let Ok(said) = legacy::Message::from_message(&message) {
        let line = said.to_vec();
        let line = line.strip_suffix(b"\r\n").expect("a line");
        let again = Message::parse(line).expect("it was written");
        assert_eq!(legacy::Message::from_message(&again), Ok(said));
    }
    helpers(&message);
}

fn helpers(message: &Message<'_>) {
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
    // A list that is asked for takes what was another's, if it stands before it.
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
