//! Properties of every message, and of any bytes.

use irc_wire::mask::{PreparedMask, PreparedText};
use irc_wire::{
    CaseMapping, Decoder, Line, LineLimits, LinePart, LineTooLong, Lines, Message, Verb, fuzz,
    mask, strategies, text,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::FileFailurePersistence;

/// Bytes of characters, and others.
fn text_bytes() -> impl Strategy<Value = Vec<u8>> {
    let parts = ["a", "é", "€", "😀"].map(|text| text.as_bytes().to_vec());
    let part = prop_oneof![select(parts.to_vec()), vec(any::<u8>(), 1..4)];
    vec(part, 0..12).prop_map(|parts| parts.concat())
}

/// The lines of a stream in order, truncated if they are too long.
type Found = Vec<(Vec<u8>, Option<LineTooLong>)>;

/// Gives `chunks` to a decoder, and checks its guarantees about memory at every step.
fn decode<P: AsRef<[u8]>>(chunks: &[P], limits: LineLimits) -> Found {
    let mut decoder = Decoder::new();
    let mut found = Vec::new();
    let stored_max = limits.tags_bytes_max + limits.line_bytes_max.max(2);
    for chunk in chunks {
        let mut chunk = chunk.as_ref();
        while let Some(line) = decoder.next_line(&mut chunk, limits) {
            let line: Line<'_> = line;
            found.push((line.truncated().to_vec(), line.too_long()));
            assert_eq!(decoder.pending(), 0);
            assert!(decoder.capacity() <= 2 * stored_max + 16);
        }
        assert_eq!(chunk, b"", "the decoder uses all bytes");
        let pending = decoder.pending();
        assert!(pending < stored_max);
        assert!(decoder.capacity() <= if pending == 0 { 0 } else { 2 * pending + 16 });
    }
    found
}

/// A simple model of the decoder, which has the whole stream.
fn expected(stream: &[u8], limits: LineLimits) -> Found {
    let mut found = Vec::new();
    let mut lines: Vec<&[u8]> = stream.split(|byte| *byte == b'\n').collect();
    let open = lines.pop().unwrap_or_default();
    let ended = lines.into_iter().map(|line| (line, true));
    for (line, ended) in ended.chain([(open, false)]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let tags = match line.first() {
            Some(b'@') if limits.tags_bytes_max > 0 => {
                let space = line.iter().position(|byte| *byte == b' ');
                space.map_or(line.len(), |space| space + 1)
            }
            _ => 0,
        };
        let content_max = limits.line_bytes_max.saturating_sub(2);
        let crossed = match (
            tags > limits.tags_bytes_max,
            line.len() - tags > content_max,
        ) {
            (true, _) => Some((LinePart::Tags, limits.tags_bytes_max, limits.tags_bytes_max)),
            (_, true) => Some((LinePart::Rest, limits.line_bytes_max, tags + content_max)),
            _ => None,
        };
        match crossed {
            Some((part, bytes_max, len)) => {
                let mut len = len;
                if part == LinePart::Rest {
                    len = irc_wire::text::truncate_utf8(line, len).len();
                }
                found.push((line[..len].to_vec(), Some(LineTooLong { part, bytes_max })));
            }
            None if ended && !line.is_empty() => found.push((line.to_vec(), None)),
            None => {}
        }
    }
    found
}

/// Lines that may be too long, with ends of all kinds.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let end = select(&["\r\n", "\n", "\r\r\n", "\n\n", "\r", " "][..]);
    let letters = vec(select(&b"ab@ ;:\r\xc3\xa9\xff"[..]), 0..20);
    let tagged = ("@[a-b]{0,8} ?", letters.clone())
        .prop_map(|(tags, rest)| [tags.as_bytes(), &rest].concat());
    vec((prop_oneof![letters, tagged], end), 0..8).prop_map(|lines| {
        let lines = lines
            .iter()
            .map(|(line, end)| [line, end.as_bytes()].concat());
        lines.flatten().collect()
    })
}

fn limits() -> impl Strategy<Value = LineLimits> {
    prop_oneof![
        1 => Just(LineLimits::CLIENT),
        1 => Just(LineLimits::LEGACY),
        3 => (0..12_usize, 0..16_usize).prop_map(|(tags_bytes_max, line_bytes_max)| LineLimits::CLIENT.with_tags_bytes_max(tags_bytes_max).with_line_bytes_max(line_bytes_max)),
    ]
}

/// Random bytes, often close to messages.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let near = "(@[a-z=;\\\\]{0,8} {0,2})?(:[a-z!@]{0,6} {0,2})?([A-Za-z]{0,8}|[0-9]{0,4})( {1,2}[a-z:]{0,4}){0,17}";
    let dialect = (
        select(
            &[
                "USER", "SERVER", "001", "353", "436", "TOPIC", "PRIVMSG", "366", "JOIN",
            ][..],
        ),
        vec(
            select(
                &[
                    " *",
                    " #c",
                    " 1",
                    " ann",
                    " :",
                    " :a b",
                    "é",
                    "\u{7f}",
                    " :Welcome to the Internet Relay Network a!b@c",
                    " :Nickname collision KILL from a@b",
                ][..],
            ),
            0..5,
        ),
    );
    let mutated = (
        strategies::message(),
        vec((any::<Index>(), any::<u8>()), 0..4),
    );
    prop_oneof![
        1 => vec(any::<u8>(), 0..64),
        3 => near.prop_map(String::into_bytes),
        2 => dialect.prop_map(|(command, params)| format!(":s {command}{}", params.concat()).into_bytes()),
        3 => mutated.prop_map(|(message, changes)| {
            let mut line = message.line().to_vec();
            for (at, byte) in changes {
                let at = at.index(line.len());
                line[at] = byte;
            }
            line
        }),
    ]
}

/// Returns whether a mask matches a text, by the definition of masks. Slow.
fn matches_by_definition(mask: &[u8], text: &[u8]) -> bool {
    match (mask, text) {
        ([], text) => text.is_empty(),
        ([b'\\', wanted @ (b'*' | b'?'), mask @ ..], text) => text
            .split_first()
            .is_some_and(|(byte, text)| byte == wanted && matches_by_definition(mask, text)),
        ([b'*', rest @ ..], text) => {
            matches_by_definition(rest, text)
                || text
                    .split_first()
                    .is_some_and(|(_, text)| matches_by_definition(mask, text))
        }
        ([b'?', mask @ ..], [_, text @ ..]) => matches_by_definition(mask, text),
        ([wanted, mask @ ..], [byte, text @ ..]) => {
            wanted.eq_ignore_ascii_case(byte) && matches_by_definition(mask, text)
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        // These cases are cheap.
        cases: 8 * ProptestConfig::default().cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn messages_round_trip(owned in strategies::message()) {
        let message = owned.message();
        let bytes = message.to_vec();
        prop_assert_eq!(bytes.len(), message.encoded_len());
        let line = bytes.strip_suffix(b"\r\n").expect("an encoded line");
        prop_assert_eq!(line, owned.line());
        prop_assert_eq!(Message::parse(line)?, message);
        let mut input = &bytes[..];
        let roomy = LineLimits::CLIENT.with_tags_bytes_max(1 << 20).with_line_bytes_max(1 << 20);
        let mut decoder = Decoder::new();
        let found = decoder.next_line(&mut input, roomy).expect("a line");
        prop_assert_eq!(found.whole()?, line);
        prop_assert!(input.is_empty());
    }

    #[test]
    fn built_messages_parse_to_their_parts(
        words in prop_oneof![
            4 => vec(strategies::middle(), 0..3),
            1 => vec(strategies::middle(), 0..=14),
        ],
        last in strategies::trailing(),
        force in any::<bool>(),
    ) {
        let mut message = Message::new(irc_wire::Verb::Notice);
        for word in &words {
            message = message.param(word)?;
        }
        message = if force { message.trailing(&last)? } else { message.param(&last)? };
        let bytes = message.to_vec();
        let read = Message::parse(bytes.strip_suffix(b"\r\n").expect("an encoded line"))?;
        prop_assert_eq!(read.params.len(), words.len() + 1);
        prop_assert_eq!(read, message);
        prop_assert!(!force || read.params.has_colon());
        if read.params.has_colon() && !force {
            prop_assert!(last.is_empty() || last[0] == b':' || last.contains(&b' '));
        }
    }

    #[test]
    fn the_fast_parser_agrees_with_the_full_parser(
        line in "(PRIVMSG|NOTICE|notice)[ \t]{1,2}[ #a-c,:@!é]{0,4}[ :\t]{0,3}[ -~\x00-\x0fé]{0,6}",
    ) {
        if let Some(found) = irc_wire::FastPrivmsg::parse(line.as_bytes()) {
            let message = Message::parse(line.as_bytes())?;
            let verb = if found.notice { Verb::Notice } else { Verb::Privmsg };
            prop_assert_eq!(message.command, verb);
            prop_assert!(message.prefix.is_none() && message.tags.as_bytes().is_empty());
            let params: Vec<_> = message.params.iter().collect();
            prop_assert_eq!(params, [found.target, found.text]);
            let targets: Vec<_> = irc_wire::lists::elements(found.target).collect();
            prop_assert_eq!(targets, [found.target], "one target");
        }
    }

    #[test]
    fn the_fast_parser_accepts_usual_messages(target in "[#a-z][a-z|_]{0,8}", text in "[ -~]{1,40}") {
        let line = format!("PRIVMSG {target} :{text}");
        let found = irc_wire::FastPrivmsg::parse(line.as_bytes());
        prop_assert_eq!(found.map(|found| (found.target, found.text)), Some((target.as_bytes(), text.as_bytes())));
    }

    #[test]
    fn parsed_messages_can_be_encoded(line in bytes()) {
        fuzz::message(&line);
    }

    #[test]
    fn decoder_result_is_independent_of_the_chunks(
        (stream, chunks) in stream().prop_flat_map(|stream| {
            (Just(stream.clone()), strategies::chunks(stream))
        }),
        limits in limits(),
    ) {
        let whole = expected(&stream, limits);
        prop_assert_eq!(decode(&[&stream], limits), whole.clone());
        prop_assert_eq!(decode(&chunks, limits), whole);
    }

    #[test]
    fn a_slice_has_the_lines_of_a_stream(stream in stream(), limits in limits()) {
        let mut lines = Lines::new(&stream, limits);
        let found: Found = (&mut lines)
            .map(|line| (line.truncated().to_vec(), line.too_long()))
            .collect();
        prop_assert!(lines.next().is_none());
        let end = stream.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        prop_assert_eq!(lines.rest(), &stream[end..]);
        prop_assert_eq!(found, decode(&[&stream[..end]], limits));
    }

    #[test]
    fn utf8_is_decoded_unchanged(text in "\\PC{0,40}") {
        prop_assert_eq!(text::utf8_or_latin1(text.as_bytes()), &*text);
    }

    #[test]
    fn any_bytes_are_decoded_to_a_bounded_text(bytes in text_bytes()) {
        let decoded = text::utf8_or_latin1(&bytes);
        prop_assert!(decoded.len() <= 3 * bytes.len());
        prop_assert_eq!(decoded.is_empty(), bytes.is_empty());
        // What was decoded once is not decoded again.
        prop_assert_eq!(text::utf8_or_latin1(decoded.as_bytes()), decoded.as_ref());
    }

    #[test]
    fn a_text_that_is_cut_at_both_ends_loses_no_whole_character(
        text in "[ -~]{0,9}é[a-zé€😀]{0,20}",
        cut in any::<(Index, Index)>(),
    ) {
        let (a, b) = (cut.0.index(text.len() + 1), cut.1.index(text.len() + 1));
        let (start, end) = (a.min(b), a.max(b));
        let whole = text.char_indices().filter(|(at, c)| *at >= start && at + c.len_utf8() <= end);
        let whole: String = whole.map(|(_, c)| c).collect();
        let decoded = text::utf8_or_latin1(&text.as_bytes()[start..end]);
        if !whole.is_ascii() {
            prop_assert_eq!(decoded, whole);
        }
    }

    #[test]
    fn no_cut_changes_the_lines(limits in any::<u8>(), stream in stream()) {
        fuzz::decoder(&[&[limits], &stream[..]].concat());
    }

    #[test]
    fn masks_match_by_their_definition(
        before in prop_oneof![Just(0), 0..200_usize],
        mask in "[a-b*?A\\\\]{0,8}",
        text in "[a-b*?\\\\]{0,8}",
        behind in prop_oneof![Just(0), 0..70_usize],
    ) {
        // Also masks and texts that are longer than the words of the bit sets.
        let pad = |bytes: &[u8]| [&b"x".repeat(before)[..], bytes, &b"y".repeat(behind)].concat();
        let (mask, text) = (pad(mask.as_bytes()), pad(text.as_bytes()));
        let right = matches_by_definition(&mask, &text);
        prop_assert_eq!(mask::matches(&mask, &text, CaseMapping::Ascii), right);
        prop_assert_eq!(PreparedMask::new(&mask, CaseMapping::Ascii).matches(&text), right);
        prop_assert_eq!(PreparedText::new(&text, CaseMapping::Ascii).matches(&mask), right);
    }

    #[test]
    fn normalizing_a_normalized_mask_changes_nothing(mask in "[a-z.*]{0,4}[!@]?[a-z.*]{0,4}@?[a-z.*]{0,4}") {
        let complete = mask::normalize(mask.as_bytes());
        prop_assert_eq!(mask::normalize(&complete), complete);
    }
}
