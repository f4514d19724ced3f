//! Conversions and comparisons of the values that messages are made of.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::num::NonZeroU32;

use crc_wire::{
    ChannelField, ChannelName, ChannelNameError, ChatKind, ClientChat, HostId, Info, Kind,
    MemberFlags, Message, Name, ParseHostIdError, RequestKind, StatusCode, Text, TooLong,
    UnknownChatKind, UnknownKind, ZeroHostId,
};

#[test]
fn kinds_and_bytes() {
    for byte in 0..=u8::MAX {
        match Kind::try_from(byte) {
            Ok(kind) => {
                assert_eq!(u8::from(kind), byte);
                assert!(Kind::ALL.contains(&kind));
            }
            Err(error) => {
                assert_eq!(error, UnknownKind(byte));
                assert!(Kind::ALL.iter().all(|kind| kind.byte() != byte));
            }
        }
        match ChatKind::try_from(byte) {
            Ok(kind) => assert_eq!(u8::from(kind), byte),
            Err(error) => assert_eq!(error, UnknownChatKind(byte)),
        }
        assert_eq!(u8::from(MemberFlags::from(byte)), byte & 3);
        assert_eq!(u8::from(ChannelField::from(byte)), byte);
        assert_eq!(u8::from(RequestKind::from(byte)), byte);
    }
    assert_eq!(u16::from(StatusCode::from(0x0104)), 0x0104);
}

#[test]
fn kinds_have_different_names() {
    let names: HashSet<String> = Kind::ALL.iter().map(Kind::to_string).collect();
    assert_eq!(names.len(), Kind::ALL.len());
    assert_eq!(
        format!("[{:>13}]", Kind::ChannelJoin),
        "[ channel join]",
        "width and alignment count"
    );
    assert_eq!(ChatKind::Notice.to_string(), "notice");
}

#[test]
fn host_ids() {
    let id = HostId::new(7).expect("not 0");
    assert_eq!(HostId::try_from(7), Ok(id));
    assert_eq!(HostId::try_from(0), Err(ZeroHostId));
    assert_eq!(u32::from(id), 7);
    assert_eq!(HostId::from(NonZeroU32::from(id)), id);
    assert_eq!("7".parse(), Ok(id));
    for text in ["", "0", "-1", "4294967296", "seven", "7 "] {
        let error: ParseHostIdError = text.parse::<HostId>().expect_err(text);
        assert_eq!(
            error.to_string(),
            "host id is not a number from 1 to 4294967295"
        );
        assert!(error.source().is_some());
    }
}

#[test]
fn names_and_texts_compare_with_strings() {
    let name = Name::new("ann").expect("short");
    assert_eq!(name, "ann");
    assert_eq!(name, *"ann");
    assert_eq!("ann", name);
    assert_eq!(*"ann", name);
    assert_ne!(name, "Ann");
    assert_eq!(Info::default(), "");
    assert_eq!(Text::truncated("hé"), "hé");
    assert_eq!(ChannelName::new("#reef").expect("short"), "#reef");

    // Methods of str, and look-ups by str.
    assert!(name.starts_with('a') && name.len() == 3);
    let ids = HashMap::from([(name, 1)]);
    assert_eq!(ids.get("ann"), Some(&1));
}

#[test]
fn names_and_texts_become_strings() {
    let borrowed = Text::new("Hi").expect("short");
    assert!(matches!(
        Cow::from(borrowed.borrowed()),
        Cow::Borrowed("Hi")
    ));
    assert_eq!(String::from(borrowed), "Hi");
    assert_eq!("Hi".parse::<Text<'_>>(), Text::new("Hi"));
    assert_eq!(Text::try_from(Cow::Borrowed("Hi")), Text::new("Hi"));
    let (len, max) = (256, 255);
    assert_eq!(
        "n".repeat(256).parse::<Name<'_>>(),
        Err(TooLong { len, max })
    );
    assert_eq!("".parse::<ChannelName<'_>>(), Err(ChannelNameError::Empty));
}

#[test]
fn structs_become_messages() {
    let chat = ClientChat {
        source: HostId::new(1).expect("not 0"),
        destination: None,
        text: Text::truncated("Hi"),
    };
    let owned: ClientChat<'static> = chat.clone().into_owned();
    assert_eq!(owned, chat);
    assert_eq!(Message::from(owned), Message::ClientChat(chat));
}
