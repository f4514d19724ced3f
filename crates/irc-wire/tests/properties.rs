//! What must hold for every message and for any bytes at all.

use irc_wire::{
    CaseMapping, Decoder, Line, LineLimits, LinePart, LineTooLong, Lines, Message, Verb, fuzz,
    mask, strategies,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::FileFailurePersistence;

/// Lines, or what is left of them, in order.
type Found = Vec<(Vec<u8>, Option<LineTooLong>)>;

/// Gives `chunks` to a decoder, and at every step holds it to its promises about
/// memory.
fn decode<P: AsRef<[u8]>>(chunks: &[P], limits: LineLimits) -> Found {
    let mut decoder = Decoder::new();
    let mut said = Vec::new();
    let kept_max = limits.tags_bytes_max + limits.line_bytes_max.max(2);
    for chunk in chunks {
        let mut chunk = chunk.as_ref();
        while let Some(line) = decoder.next_line(&mut chunk, limits) {
            let line: Line<'_> = line;
            said.push((line.truncated().to_vec(), line.too_long()));
            assert_eq!(decoder.pending(), 0);
            assert!(decoder.capacity() <= 2 * kept_max + 16);
        }
        assert_eq!(chunk, b"", "all is used");
        let pending = decoder.pending();
        assert!(pending < kept_max);
        assert!(decoder.capacity() <= if pending == 0 { 0 } else { 2 * pending + 16 });
    }
    said
}

/// The same said in another way: the whole stream at hand, a line at a time.
fn expected(stream: &[u8], limits: LineLimits) -> Found {
    let mut said = Vec::new();
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
                said.push((line[..len].to_vec(), Some(LineTooLong { part, bytes_max })));
            }
            None if ended && !line.is_empty() => said.push((line.to_vec(), None)),
            None => {}
        }
    }
    said
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

/// Bytes that no one has meant, often close to messages.
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

/// Whether a text fits a mask, as one would define it; takes long for long ones.
fn fits(mask: &[u8], text: &[u8]) -> bool {
    match (mask, text) {
        ([], text) => text.is_empty(),
        ([b'\\', wanted @ (b'*' | b'?'), mask @ ..], text) => text
            .split_first()
            .is_some_and(|(byte, text)| byte == wanted && fits(mask, text)),
        ([b'*', rest @ ..], text) => {
            fits(rest, text) || text.split_first().is_some_and(|(_, text)| fits(mask, text))
        }
        ([b'?', mask @ ..], [_, text @ ..]) => fits(mask, text),
        ([wanted, mask @ ..], [byte, text @ ..]) => {
            wanted.eq_ignore_ascii_case(byte) && fits(mask, text)
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        // Cheap, so more than usual.
        cases: 8 * ProptestConfig::default().cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn messages_come_back(owned in strategies::message()) {
        let message = owned.message();
        let bytes = message.to_vec();
        prop_assert_eq!(bytes.len(), message.encoded_len());
        let line = bytes.strip_suffix(b"\r\n").expect("it is written");
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
    fn what_is_built_is_read(
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
        let read = Message::parse(bytes.strip_suffix(b"\r\n").expect("it is written"))?;
        prop_assert_eq!(read.params.len(), words.len() + 1);
        prop_assert_eq!(read, message);
        prop_assert!(!force || read.params.has_colon());
        if read.params.has_colon() && !force {
            prop_assert!(last.is_empty() || last[0] == b':' || last.contains(&b' '));
        }
    }

    #[test]
    fn what_is_read_at_a_glance_is_read_the_same(
        line in "(PRIVMSG|NOTICE|notice)[ \t]{1,2}[ #a-c,:@!é]{0,4}[ :\t]{0,3}[ -~\x00-\x0fé]{0,6}",
    ) {
        if let Some(said) = irc_wire::FastPrivmsg::parse(line.as_bytes()) {
            let message = Message::parse(line.as_bytes())?;
            let verb = if said.notice { Verb::Notice } else { Verb::Privmsg };
            prop_assert_eq!(message.command, verb);
            prop_assert!(message.prefix.is_none() && message.tags.as_bytes().is_empty());
            let params: Vec<_> = message.params.iter().collect();
            prop_assert_eq!(params, [said.target, said.text]);
            let targets: Vec<_> = irc_wire::lists::elements(said.target).collect();
            prop_assert_eq!(targets, [said.target], "one, and no list");
        }
    }

    #[test]
    fn the_usual_is_read_at_a_glance(target in "[#a-z][a-z|_]{0,8}", text in "[ -~]{1,40}") {
        let line = format!("PRIVMSG {target} :{text}");
        let said = irc_wire::FastPrivmsg::parse(line.as_bytes());
        prop_assert_eq!(said.map(|said| (said.target, said.text)), Some((target.as_bytes(), text.as_bytes())));
    }

    #[test]
    fn what_can_be_read_can_be_written(line in bytes()) {
        fuzz::message(&line);
    }

    #[test]
    fn pieces_change_nothing(
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
    fn no_cut_changes_anything(limits in any::<u8>(), stream in stream()) {
        fuzz::decoder(&[&[limits], &stream[..]].concat());
    }

    #[test]
    fn a_mask_fits_what_its_definition_says(
        mask in "[a-b*?A\\\\]{0,8}",
        text in "[a-b*?\\\\]{0,8}",
    ) {
        let (mask, text) = (mask.as_bytes(), text.as_bytes());
        prop_assert_eq!(mask::matches(mask, text, CaseMapping::Ascii), fits(mask, text));
    }

    #[test]
    fn a_whole_mask_stays_as_it_is(mask in "[a-z.*]{0,4}[!@]?[a-z.*]{0,4}@?[a-z.*]{0,4}") {
        let complete = mask::normalize(mask.as_bytes());
        prop_assert_eq!(mask::normalize(&complete), complete);
    }
}
