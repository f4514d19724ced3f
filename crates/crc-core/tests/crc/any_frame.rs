//! Peers that send anything: no bytes make a server panic, violate its invariants, or
//! forget well-behaved peers.

use crc_wire::strategies;
use proptest::prelude::*;

use super::*;

/// What a peer may send: frames of all kinds, about hosts that exist and hosts that do not,
/// whole, cut or with a byte changed; or random bytes.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let id = || {
        prop_oneof![
            Just(1u32),
            Just(2),
            Just(77),
            Just(88),
            101u32..110,
            any::<u32>()
        ]
    };
    let info = prop_oneof![
        Just("info"),
        Just("x [crc2;r=1;f=server-quit]"),
        Just("x [crc2;f=]")
    ];
    let kind = prop_oneof![Just(Kind::Server), Just(Kind::Client)];
    let sane = prop_oneof![
        (id(), id(), "[a-z]{0,20}").prop_map(|(from, to, text)| chat(from.max(1), to, &text)),
        (id(), "[a-z]{0,20}").prop_map(|(from, text)| quit(from.max(1), &text)),
        (kind, id(), id(), info).prop_map(|(kind, id, hop, info)| registration(
            kind,
            id.max(1),
            Some(hop.max(1)),
            info
        )),
        (id(), id(), 0u16..5, id()).prop_map(|(from, to, code, about)| {
            status(
                from,
                to,
                code,
                &format!("Something has already registered with ID {about}"),
            )
        }),
        strategies::message(),
    ]
    .boxed();
    let frame = sane
        .prop_map(|message: Message<'static>| message.to_vec())
        .boxed();
    let damaged = (frame.clone(), any::<prop::sample::Index>(), any::<u8>()).prop_map(
        |(mut frame, at, byte)| {
            let at = at.index(frame.len());
            frame[at] = byte;
            frame
        },
    );
    let cut = (frame.clone(), any::<prop::sample::Index>()).prop_map(|(mut frame, at)| {
        frame.truncate(at.index(frame.len()));
        frame
    });
    prop_oneof![
        12 => frame,
        1 => damaged,
        1 => cut,
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
    .boxed()
}

#[derive(Debug, Clone)]
enum Step {
    Say { who: usize, bytes: Vec<u8> },
    Connect,
    Cut { who: usize },
    Pass { millis: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let who = any::<usize>;
    prop_oneof![
        12 => (who(), bytes()).prop_map(|(who, bytes)| Step::Say { who, bytes }),
        2 => Just(Step::Connect),
        1 => who().prop_map(|who| Step::Cut { who }),
        2 => (0u64..3000).prop_map(|millis| Step::Pass { millis }),
    ]
}

/// Registered neighbours of all kinds, which will send anything.
fn neighbours(fixture: &mut Fixture) -> Vec<usize> {
    let v2 = fixture.connect(0);
    fixture.send_message(v2, &registration(Kind::Server, 77, None, "info"));
    let info = "info [crc2;r=1;f=server-quit]";
    fixture.send_message(v2, &registration(Kind::Server, 77, None, info));
    let v1 = fixture.connect(0);
    fixture.send_message(v1, &registration(Kind::Server, 88, None, "info"));
    let announced = fixture.v2_client(0, 101);
    let silent = fixture.client(0, 102);
    fixture.run(Duration::from_secs(2));
    let unregistered = fixture.connect(0);
    vec![v2, v1, announced, silent, unregistered]
}

proptest! {
    #[test]
    fn no_bytes_break_a_server(
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 1..80)
    ) {
        let mut fixture = Fixture::new(seed);
        fixture.server(None);
        // A second server below it shows whether what it relays is valid.
        fixture.server(Some(0));
        let good = [fixture.v2_client(0, 1001), fixture.v2_client(1, 1002)];
        let mut bad = neighbours(&mut fixture);
        for step in steps {
            match step {
                Step::Say { who, bytes } => fixture.send(bad[who % bad.len()], &bytes),
                Step::Connect => bad.push(fixture.connect(0)),
                Step::Cut { who } => fixture.close_peer(bad[who % bad.len()]),
                Step::Pass { millis } => fixture.run(Duration::from_millis(millis)),
            }
        }
        fixture.run(Duration::from_secs(60));
        // Everything that was relayed is valid to its end.
        for peer in 0..fixture.peers.len() {
            let told = &fixture.peers[peer];
            // Bytes that begin like TLS are answered by an alert of TLS.
            if !(told.ended && told.bytes.starts_with(&[21, 3])) {
                fixture.received(peer);
            }
        }
        prop_assert!(good.iter().all(|peer| !fixture.peers[*peer].ended), "well-behaved peers stay connected");
        fixture.send_message(good[0], &chat(1001, 1002, "are you there?"));
        fixture.soon();
        prop_assert_eq!(fixture.received(good[1]), [chat(1001, 1002, "are you there?")]);
        // When the hostile peers have gone, nothing of theirs is left.
        bad.iter().for_each(|peer| fixture.close_peer(*peer));
        fixture.run(Duration::from_secs(60));
        prop_assert_eq!(fixture.known(0), [(2, 2), (1001, 1001), (1002, 2)].into());
        prop_assert_eq!(fixture.known(1), [(1, 1), (1001, 1), (1002, 1002)].into());
    }
}
