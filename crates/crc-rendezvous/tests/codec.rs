//! Whatever way a stream is cut, and whenever its pieces come, the same is known
//! in the end; and garbage stays garbage, within bounds.

use std::net::{IpAddr, SocketAddr};

use crc_rendezvous::{
    ChatDecoder, CodecError, PeerMessage, RegistrationDecoder, Update, UpdateDecoder, write_hello,
    write_list, write_registration, write_teardown, write_text,
};
use proptest::collection::vec;
use proptest::prelude::*;

const PEERS_MAX: usize = 8;
const TEXT_BYTES_MAX: usize = 40;
/// More than any message of fixed form has.
const PENDING_MAX: usize = 96;

fn address() -> impl Strategy<Value = SocketAddr> {
    let port = prop_oneof![1_u16..100, 1_u16..=u16::MAX];
    (any::<IpAddr>(), port).prop_map(|(host, port)| SocketAddr::new(host.to_canonical(), port))
}

fn lists() -> impl Strategy<Value = Vec<Vec<SocketAddr>>> {
    vec(vec(address(), 0..=PEERS_MAX), 0..5)
}

fn text() -> impl Strategy<Value = String> {
    "[^\r\n]{1,10}".prop_filter("fits", |text| text.len() <= TEXT_BYTES_MAX)
}

/// Where a stream is cut, and after which pieces nothing comes for a while.
fn cuts() -> impl Strategy<Value = Vec<(usize, bool)>> {
    vec((1_usize..30, any::<bool>()), 1..40)
}

/// The pieces of `stream`.
fn pieces<'a>(
    stream: &'a [u8],
    cuts: &'a [(usize, bool)],
) -> impl Iterator<Item = (&'a [u8], bool)> {
    let mut rest = stream;
    let mut cuts = cuts.iter().cycle();
    std::iter::from_fn(move || {
        let &(len, pause) = cuts.next()?;
        let (piece, behind) = rest.split_at(len.min(rest.len()));
        rest = behind;
        (!piece.is_empty()).then_some((piece, pause))
    })
}

/// The messages of a directory, in every permitted form: `style` chooses the end of each
/// line.
fn written(lists: &[Vec<SocketAddr>], teardown: bool, style: &[u8]) -> Vec<u8> {
    let mut style = style.iter().cycle();
    let mut end = |may_be_none: bool| match style.next() {
        Some(0) if may_be_none => "",
        Some(1) => "\r\n",
        Some(2) => " ",
        Some(3) => "\n\n",
        _ => "\n",
    };
    let mut stream = String::new();
    for list in lists {
        stream += "list:";
        stream += end(true);
        for (index, address) in list.iter().enumerate() {
            stream += &address.to_string();
            stream += end(index + 1 == list.len() || address.port() >= 10_000);
        }
    }
    if teardown {
        stream += "teardown";
        stream += end(true);
    }
    stream.into_bytes()
}

type Decoded<T> = (Vec<T>, Result<(), CodecError>);

/// The updates in `stream`, with a pause at its end and, if `pauses`, wherever `cuts` have
/// one.
fn updates(stream: &[u8], cuts: &[(usize, bool)], pauses: bool) -> Decoded<Update> {
    let mut decoder = UpdateDecoder::new();
    let mut decoded = Vec::new();
    for (mut piece, pause) in pieces(stream, cuts) {
        loop {
            match decoder.next(&mut piece, PEERS_MAX) {
                Ok(Some(update)) => decoded.push(update),
                Ok(None) => break,
                Err(error) => return (decoded, Err(error)),
            }
            assert!(decoder.pending() <= PENDING_MAX);
        }
        assert!(piece.is_empty() && decoder.pending() <= PENDING_MAX);
        if pause && pauses {
            pause_of(&mut decoder, &mut decoded);
        }
    }
    pause_of(&mut decoder, &mut decoded);
    (decoded, Ok(()))
}

fn pause_of(decoder: &mut UpdateDecoder, decoded: &mut Vec<Update>) {
    let waits = decoder.needs_pause();
    let update = decoder.pause(PEERS_MAX);
    assert_eq!(waits, update.is_some());
    assert!(!decoder.needs_pause());
    decoded.extend(update);
}

fn registration(
    stream: &[u8],
    cuts: &[(usize, bool)],
    pauses: bool,
) -> (Option<SocketAddr>, Result<(), CodecError>) {
    let mut decoder = RegistrationDecoder::new();
    let mut known = None;
    for (piece, pause) in pieces(stream, cuts) {
        match decoder.push(piece) {
            Ok(address) => known = address.or(known),
            Err(error) => return (known, Err(error)),
        }
        assert!(decoder.pending() <= PENDING_MAX);
        if pause && pauses {
            let waits = decoder.needs_pause();
            let address = decoder.pause();
            assert_eq!(waits, address.is_some());
            assert!(!decoder.needs_pause());
            known = address.or(known);
        }
    }
    (decoder.pause().or(known), Ok(()))
}

/// The decoded stream of a peer: its final address and its lines.
type Chat = (Option<SocketAddr>, Vec<String>, Result<(), CodecError>);

fn chat(mut decoder: ChatDecoder, stream: &[u8], cuts: &[(usize, bool)], pauses: bool) -> Chat {
    let (mut peer, mut lines) = (None, Vec::new());
    let mut note = |message: Option<PeerMessage>| match message {
        Some(PeerMessage::Hello(address)) => peer = Some(address),
        Some(PeerMessage::Text(text)) => lines.push(text),
        None => {}
    };
    let mut outcome = Ok(());
    'stream: for (mut piece, pause) in pieces(stream, cuts) {
        while !piece.is_empty() {
            match decoder.next(&mut piece, TEXT_BYTES_MAX) {
                Ok(message) => note(message),
                Err(error) => {
                    outcome = Err(error);
                    break 'stream;
                }
            }
            assert!(decoder.pending() <= PENDING_MAX);
        }
        if pause && pauses {
            let waits = decoder.needs_pause();
            let message = decoder.pause();
            assert_eq!(waits, message.is_some());
            note(message);
        }
    }
    if outcome.is_ok() {
        match decoder.end(TEXT_BYTES_MAX) {
            Ok(message) => note(message),
            Err(error) => outcome = Err(error),
        }
    }
    (peer, lines, outcome)
}

const WHOLE: &[(usize, bool)] = &[(usize::MAX, false)];

proptest! {
    #[test]
    fn updates_do_not_depend_on_cuts(
        lists in lists(),
        teardown: bool,
        style in vec(0_u8..6, 1..20),
        cuts in cuts(),
    ) {
        let stream = written(&lists, teardown, &style);
        let mut meant: Vec<_> = lists.iter().cloned().map(Update::List).collect();
        meant.extend(teardown.then_some(Update::Teardown));
        prop_assert_eq!(updates(&stream, WHOLE, false), (meant.clone(), Ok(())));
        prop_assert_eq!(updates(&stream, &cuts, false), (meant.clone(), Ok(())));

        let (decoded, outcome) = updates(&stream, &cuts, true);
        prop_assert_eq!(outcome, Ok(()));
        prop_assert_eq!(decoded.last(), meant.last());
        let last_list = |decoded: &[Update]| {
            decoded.iter().rfind(|update| matches!(update, Update::List(_))).cloned()
        };
        prop_assert_eq!(last_list(&decoded), last_list(&meant));
    }

    #[test]
    fn registrations_do_not_depend_on_cuts(
        address in address(),
        end in prop_oneof![Just(""), Just("\n"), Just("\r\n"), Just("  \n\n")],
        cuts in cuts(),
    ) {
        let stream = format!("{address}{end}");
        for pauses in [false, true] {
            let known = registration(stream.as_bytes(), &cuts, pauses);
            prop_assert_eq!(known, (Some(address), Ok(())));
        }
    }

    #[test]
    fn chats_do_not_depend_on_cuts(
        address in address(),
        lines in vec(text(), 0..5),
        end in prop_oneof![Just("\n"), Just("\r\n"), Just("\n\n")],
        open: bool,
        cuts in cuts(),
    ) {
        let mut stream = lines.join(end);
        if !open {
            stream += end;
        }
        for pauses in [false, true] {
            let (peer, received, outcome) =
                chat(ChatDecoder::without_hello(), stream.as_bytes(), &cuts, pauses);
            prop_assert_eq!((peer, &received, outcome), (None, &lines, Ok(())));
            let stream = format!("Hello from:{address}\n{stream}");
            let (peer, received, outcome) =
                chat(ChatDecoder::with_hello(), stream.as_bytes(), &cuts, pauses);
            prop_assert_eq!((peer, &received, outcome), (Some(address), &lines, Ok(())));
            let stream = format!("Hello from:{address}");
            let (peer, received, outcome) =
                chat(ChatDecoder::with_hello(), stream.as_bytes(), &cuts, pauses);
            prop_assert_eq!((peer, received.len(), outcome), (Some(address), 0, Ok(())));
        }
    }

    #[test]
    fn encoded_messages_decode(address in address(), lists in lists(), text in text()) {
        let mut stream = Vec::new();
        for list in &lists {
            write_list(list.iter().copied(), &mut stream);
        }
        write_teardown(&mut stream);
        prop_assert!(stream.ends_with(b"\n"));
        let mut meant: Vec<_> = lists.into_iter().map(Update::List).collect();
        meant.push(Update::Teardown);
        prop_assert_eq!(updates(&stream, WHOLE, false), (meant, Ok(())));

        let mut stream = Vec::new();
        write_registration(address, &mut stream);
        prop_assert_eq!(registration(&stream, WHOLE, false), (Some(address), Ok(())));

        let mut stream = Vec::new();
        write_hello(address, &mut stream);
        write_text(&text, &mut stream);
        let (peer, lines, outcome) = chat(ChatDecoder::with_hello(), &stream, WHOLE, false);
        prop_assert_eq!((peer, lines, outcome), (Some(address), vec![text], Ok(())));
    }

    #[test]
    fn errors_do_not_depend_on_cuts(
        parts in vec(
            prop_oneof![
                4 => vec(any::<u8>(), 0..20),
                2 => Just(b"list:".to_vec()),
                2 => Just(b"Hello from:".to_vec()),
                1 => Just(b"teardown".to_vec()),
                4 => address().prop_map(|address| address.to_string().into_bytes()),
                4 => "[0-9.:\\[\\]a-f \n]{0,30}".prop_map(String::into_bytes),
            ],
            0..12,
        ),
        cuts in cuts(),
    ) {
        let stream = parts.concat();
        prop_assert_eq!(updates(&stream, WHOLE, false), updates(&stream, &cuts, false));
        prop_assert_eq!(updates(&stream, WHOLE, false).1, updates(&stream, &cuts, true).1);
        let whole = registration(&stream, WHOLE, false);
        prop_assert_eq!(whole.1, registration(&stream, &cuts, false).1);
        prop_assert_eq!(whole.1, registration(&stream, &cuts, true).1);
        for decoder in [ChatDecoder::with_hello, ChatDecoder::without_hello] {
            let whole = chat(decoder(), &stream, WHOLE, false);
            prop_assert_eq!(&whole, &chat(decoder(), &stream, &cuts, false));
            // A pause may have ended a greeting that became invalid later.
            prop_assert_eq!(whole.2, chat(decoder(), &stream, &cuts, true).2);
        }
    }
}

#[test]
fn a_list_that_goes_on_after_a_pause_is_returned_again() {
    let mut decoder = UpdateDecoder::new();
    let at = |text: &str| text.parse().unwrap();
    let mut next = |mut input: &[u8]| {
        let decoded = decoder.next(&mut input, 9).unwrap();
        (decoded, decoder.pause(9))
    };
    let list = |addresses: &[&str]| {
        let addresses = addresses.iter().copied().map(at).collect();
        Some(Update::List(addresses))
    };
    assert_eq!(next(b"list:\n1.2.3.4:5"), (None, list(&["1.2.3.4:5"])));
    assert_eq!(next(b"6"), (None, list(&["1.2.3.4:56"])));
    let both = list(&["1.2.3.4:56", "1.2.3.4:7"]);
    assert_eq!(next(b"\n1.2.3.4:7\n"), (None, both));
    assert_eq!(next(b"teardown"), (Some(Update::Teardown), None));
    assert_eq!(next(b"what is this?"), (None, None));
}

#[test]
fn lists_and_lines_are_limited() {
    let mut decoder = UpdateDecoder::new();
    let mut input = &b"list:1.1.1.1:1\n1.1.1.1:2\n1.1.1.1:3\n"[..];
    let error = decoder.next(&mut input, 2).unwrap_err();
    assert_eq!(error, CodecError::ListTooLong { max: 2 });

    let line = |text: &str| {
        let mut decoder = ChatDecoder::without_hello();
        decoder.next(&mut text.as_bytes(), 3)
    };
    let text = |text: &str| Ok(Some(PeerMessage::Text(text.to_owned())));
    assert_eq!(line("123\n"), text("123"));
    assert_eq!(line("123\r\n"), text("123"));
    assert_eq!(line("12\r\r\n"), text("12\r"));
    let too_long = Err(CodecError::TextTooLong { max: 3 });
    assert_eq!(line("1234\n"), too_long);
    assert_eq!(line("12345"), too_long);
}
