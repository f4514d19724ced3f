//! A message made of any fuzzer input survives encoding and parsing.

use std::collections::BTreeSet;

use arbitrary::{Arbitrary, Unstructured};
use crc_wire::{ChannelName, HostId, Info, Kind, Message, Name, StatusCode, Tags, Text};
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #[test]
    fn messages_are_valid(bytes in vec(any::<u8>(), 0..600)) {
        let mut input = Unstructured::new(&bytes);
        while !input.is_empty() {
            let message = Message::arbitrary(&mut input)?;
            let frame = message.to_vec();
            prop_assert_eq!(Message::parse(&frame)?, message);
        }
    }
}

#[test]
fn all_kinds_are_generated() {
    let kinds: BTreeSet<Kind> = (0..=u8::MAX)
        .map(|byte| Message::arbitrary(&mut Unstructured::new(&[byte; 64])).map(|m| m.kind()))
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(kinds, Kind::ALL.into());
}

#[test]
fn long_input_is_truncated_and_empty_input_suffices() {
    // An empty input makes no id 0.
    let mut nothing = Unstructured::new(&[]);
    assert_eq!(HostId::arbitrary(&mut nothing).unwrap().get(), 1);
    assert_eq!(StatusCode::arbitrary(&mut nothing).unwrap(), StatusCode(0));
    assert_eq!(Text::arbitrary(&mut nothing).unwrap().as_str(), "");
    assert_eq!(ChannelName::arbitrary(&mut nothing).unwrap().as_str(), "#");

    let much = vec![b'x'; 100_000];
    let name = Name::arbitrary_take_rest(Unstructured::new(&much)).unwrap();
    let info = Info::arbitrary_take_rest(Unstructured::new(&much)).unwrap();
    let channel = ChannelName::arbitrary_take_rest(Unstructured::new(&much)).unwrap();
    assert!(name.as_str().len() <= Name::BYTES_MAX);
    let tags = Tags::arbitrary_take_rest(Unstructured::new(&much)).unwrap();
    assert!(tags.as_str().len() <= Tags::BYTES_MAX);
    assert!(channel.as_str().len() <= ChannelName::BYTES_MAX);
    assert!(info.as_str().len() <= Info::BYTES_MAX);
}
