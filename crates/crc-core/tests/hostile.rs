//! Peers that say anything at all: nothing they say makes a server fall over,
//! break its own rules, or forget those who behave.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

mod rig;

use std::time::Duration;

use crc_wire::{Message, strategies};
use proptest::prelude::*;
use rig::{Kind, Rig, chat, quit, registration};

/// What somebody might send: frames of all kinds, about hosts that are there
/// and hosts that are not, whole or cut or with a byte changed; or junk.
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
            rig::status(
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

/// Registered neighbours of all kinds, who will say anything.
fn neighbours(rig: &mut Rig) -> Vec<usize> {
    let ours = rig.connect(0);
    rig.say(ours, &registration(Kind::Server, 77, None, "info"));
    let info = "info [crc2;r=1;f=server-quit]";
    rig.say(ours, &registration(Kind::Server, 77, None, info));
    let original = rig.connect(0);
    rig.say(original, &registration(Kind::Server, 88, None, "info"));
    let announced = rig.our_client(0, 101);
    let silent = rig.client(0, 102);
    rig.run(Duration::from_secs(2));
    let stranger = rig.connect(0);
    vec![ours, original, announced, silent, stranger]
}

proptest! {
    #[test]
    fn nothing_that_is_said_breaks_a_server(
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 1..80)
    ) {
        let mut rig = Rig::new(seed);
        rig.server(None);
        // A second server below it shows whether what gets through is sane.
        rig.server(Some(0));
        let good = [rig.our_client(0, 1001), rig.our_client(1, 1002)];
        let mut bad = neighbours(&mut rig);
        for step in steps {
            match step {
                Step::Say { who, bytes } => rig.send(bad[who % bad.len()], &bytes),
                Step::Connect => bad.push(rig.connect(0)),
                Step::Cut { who } => rig.cut_raw(bad[who % bad.len()]),
                Step::Pass { millis } => rig.run(Duration::from_millis(millis)),
            }
        }
        rig.run(Duration::from_secs(60));
        // Everything that was sent on is readable to its end.
        for raw in 0..rig.raws.len() {
            rig.heard(raw);
        }
        prop_assert!(good.iter().all(|raw| !rig.raws[*raw].ended), "the good are left alone");
        rig.say(good[0], &chat(1001, 1002, "are you there?"));
        rig.soon();
        prop_assert_eq!(rig.heard(good[1]), [chat(1001, 1002, "are you there?")]);
        // When the bad are gone, nothing of theirs is left.
        bad.iter().for_each(|raw| rig.cut_raw(*raw));
        rig.run(Duration::from_secs(60));
        prop_assert_eq!(rig.known(0), [(2, 2), (1001, 1001), (1002, 2)].into());
        prop_assert_eq!(rig.known(1), [(1, 1), (1001, 1), (1002, 1002)].into());
    }
}
