//! Properties: any split of the stream, any texts.

use super::*;

/// A stream from a server: frames, valid or not, and other bytes.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let text = "[a-zß\u{1b}]{0,12}";
    let frame = prop_oneof![
        (100..104_u32, text, text).prop_map(|(id, name, info)| joined_frame(id, &name, &info)),
        (100..104_u32, text).prop_map(|(id, text)| quit(id, &text)),
        (100..104_u32, text).prop_map(|(id, text)| chat(id, ME, &text)),
        (prop_oneof![0..4_u16, 0x0100..0x0105_u16], text)
            .prop_map(|(code, text)| status(SERVER, ME, code, &text)),
        channel_fixture::frame(),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(frame, 0..20).prop_map(|frames| frames.concat())
}

/// The notices after `stream` in pieces of at most these lengths.
fn notices_after(config: ClientConfig, stream: &[u8], pieces: &[usize]) -> Vec<ClientNotice> {
    let (mut fixture, link) = Fixture::connected(config);
    let mut rest = stream;
    let mut lengths = pieces.iter().cycle();
    while !rest.is_empty() {
        let len = lengths
            .next()
            .map_or(rest.len(), |&len| len.min(rest.len()));
        let (piece, later) = rest.split_at(len);
        fixture.receive(link, piece);
        rest = later;
    }
    fixture.notices()
}

proptest! {
    #[test]
    fn any_split_of_the_stream_gives_the_same_notices(
        stream in stream(),
        pieces in prop::collection::vec(1..30_usize, 1..10),
        given in any::<bool>(),
    ) {
        let config = || if given { config() } else { any_id() };
        let whole = notices_after(config(), &stream, &[]);
        prop_assert_eq!(notices_after(config(), &stream, &pieces), whole.clone());
        prop_assert_eq!(notices_after(config(), &stream, &[1]), whole);
    }

    #[test]
    fn sent_frames_can_be_parsed(texts in prop::collection::vec(".{0,40}", 0..10), v2: bool) {
        let (mut fixture, _) = if v2 {
            Fixture::with_v2_server(config())
        } else {
            Fixture::with_v1_server(config())
        };
        for text in &texts {
            fixture.send_chat(9, text);
        }
        fixture.quit("bye");
        while fixture.client.is_welcomed() {
            fixture.wait();
        }
        let sent: Vec<u8> = fixture
            .actions()
            .into_iter()
            .filter_map(|done| match done {
                Action::Send(_, bytes) => Some(bytes),
                _ => None,
            })
            .flatten()
            .collect();
        let mut input = &sent[..];
        let mut decoder = crc_wire::Decoder::new();
        let mut chats = 0;
        while let Some(frame) = decoder.next_frame(&mut input, crc_wire::FrameLimits::RELAY).unwrap() {
            let message = frame.message().unwrap();
            chats += usize::from(matches!(message, Message::ClientChat(_)));
        }
        prop_assert_eq!(chats, texts.len());
    }
}
