//! serde reads what it writes, and checks what the constructors check.

use crc_wire::{
    ChannelName, ChatKind, HostId, Info, Kind, Message, Name, StatusCode, Tags, Text, strategies,
};
use proptest::prelude::*;
use serde_json::{from_reader, from_str, to_string};

proptest! {
    #[test]
    fn messages_round_trip(message in strategies::message()) {
        let json = to_string(&message)?;
        prop_assert_eq!(&from_str::<Message<'static>>(&json)?, &message);
        // Also from a reader, which has nothing to borrow.
        prop_assert_eq!(&from_reader::<_, Message<'static>>(json.as_bytes())?, &message);
    }
}

/// Checks that `json` is the serialized message of `frame`.
fn check(json: &str, frame: &[u8]) {
    let message = Message::parse(frame).expect("a frame");
    assert_eq!(to_string(&message).expect("all can be written"), json);
    assert_eq!(
        from_str::<Message<'_>>(json).expect("written above"),
        message
    );
}

#[test]
fn each_kind_has_its_name() {
    check(
        r#"{"server_registration":{"source":1,"last_hop":null,"name":"a","info":"b"}}"#,
        b"\x00\x00\x00\x00\x01\x00\x00\x00\x00\x01\x00\x01ab",
    );
    check(
        r#"{"client_registration":{"source":1,"last_hop":2,"name":"","info":"\n"}}"#,
        b"\x80\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x01\n",
    );
    check(
        r#"{"status":{"source":null,"destination":2,"code":258,"text":"Hi"}}"#,
        b"\x01\x00\x00\x00\x00\x00\x00\x00\x02\x01\x02\x00\x00\x00\x02Hi",
    );
    check(
        r#"{"client_chat":{"source":103,"destination":101,"text":"Hi"}}"#,
        b"\x81\x00\x00\x00\x67\x00\x00\x00\x65\x00\x00\x00\x02Hi",
    );
    check(
        r#"{"client_quit":{"source":101,"text":"bye"}}"#,
        b"\x82\x00\x00\x00\x65\x00\x00\x00\x03bye",
    );
    check(
        r#"{"server_quit":{"source":1,"replacement":2,"text":""}}"#,
        b"\x02\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x00",
    );
    check(
        r##"{"channel_join":{"source":1,"by":null,"flags":{"operator":true,"voice":false},"channel":"#a"}}"##,
        b"\x83\x00\x00\x00\x01\x00\x00\x00\x00\x01\x02#a",
    );
    check(
        r##"{"channel_part":{"source":1,"by":2,"channel":"#a","text":"out"}}"##,
        b"\x84\x00\x00\x00\x01\x00\x00\x00\x02\x02\x00\x00\x00\x03#aout",
    );
    check(
        r##"{"channel_chat":{"source":1,"kind":"notice","channel":"#a","text":"Hi"}}"##,
        b"\x85\x00\x00\x00\x01\x01\x02\x00\x00\x00\x02#aHi",
    );
    check(
        r##"{"channel_setting":{"source":null,"version":3,"field":9,"channel":"#a","value":"x"}}"##,
        b"\x86\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x09\x02\x00\x00\x00\x01#ax",
    );
    check(
        r#"{"channel_request":{"source":1,"destination":2,"kind":0,"channel":null,"text":"Hi"}}"#,
        b"\x87\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x00\x00\x02Hi",
    );
    check(
        r##"{"dated_join":{"source":1,"by":2,"founded":7,"tag":4,"flags":{"operator":true,"voice":false},"channel":"#a"}}"##,
        b"\x88\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x07\x00\x00\x00\x04\x01\x02#a",
    );
    check(
        r##"{"dated_setting":{"source":null,"version":3,"founded":7,"tag":4,"field":9,"channel":"#a","setter":"b","value":"x"}}"##,
        b"\x89\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x07\x00\x00\x00\x04\x09\x02\x01\x00\x00\x00\x01#abx",
    );
    check(
        r##"{"tagged_chat":{"source":1,"destination":null,"kind":"tags_only","audience":"voiced","channel":"#a","tags":"+a=b","text":""}}"##,
        b"\x8a\x00\x00\x00\x01\x00\x00\x00\x00\x02\x02\x02\x00\x04\x00\x00\x00\x00#a+a=b",
    );
    let kinds = r#"["server_registration","status","server_quit","client_registration","client_chat","client_quit","channel_join","channel_part","channel_chat","channel_setting","channel_request","dated_join","dated_setting","tagged_chat"]"#;
    assert_eq!(to_string(&Kind::ALL).unwrap(), kinds);
    assert_eq!(from_str::<[Kind; 14]>(kinds).unwrap(), Kind::ALL);
}

#[test]
fn keys_of_version_0_1_are_read() {
    for (old, new) in [
        (
            r##"{"channel_chat":{"source":1,"tone":"notice","channel":"#a","text":""}}"##,
            r##"{"channel_chat":{"source":1,"kind":"notice","channel":"#a","text":""}}"##,
        ),
        (
            r#"{"channel_request":{"source":1,"destination":2,"verb":0,"channel":null,"text":""}}"#,
            r#"{"channel_request":{"source":1,"destination":2,"kind":0,"channel":null,"text":""}}"#,
        ),
    ] {
        let message: Message<'_> = from_str(old).expect(old);
        assert_eq!(to_string(&message).expect("written"), new);
    }
}

#[test]
fn values_are_numbers_and_strings() {
    assert_eq!(to_string(&HostId::new(7)).unwrap(), "7");
    assert_eq!(to_string(&StatusCode::FEATURES).unwrap(), "256");
    assert_eq!(to_string(&Text::new("é").unwrap()).unwrap(), "\"é\"");
    let escaped: Name<'_> = from_str(r#""t\u0061b\t""#).unwrap();
    assert_eq!(escaped.as_str(), "tab\t");
}

/// Deserializing `json` fails, with `why` in the error.
fn check_refused<T: serde::de::DeserializeOwned + std::fmt::Debug>(json: &str, why: &str) {
    let error = from_str::<T>(json).expect_err(why).to_string();
    assert!(error.contains(why), "{error}");
}

#[test]
fn values_that_no_constructor_accepts_are_refused() {
    check_refused::<HostId>("0", "nonzero");
    check_refused::<HostId>("4294967296", "u32");
    check_refused::<HostId>("-1", "u32");
    check_refused::<StatusCode>("65536", "u16");
    let quoted = |len| to_string(&"x".repeat(len)).unwrap();
    check_refused::<Name<'static>>(&quoted(256), "256 bytes, limit 255");
    check_refused::<Info<'static>>(&quoted(65_536), "65536 bytes, limit 65535");
    check_refused::<Text<'static>>("1", "string");
    check_refused::<ChannelName<'static>>("\"\"", "empty");
    check_refused::<ChannelName<'static>>(&quoted(256), "256 bytes, limit 255");
    check_refused::<Tags<'static>>(&quoted(4_353), "4353 bytes, limit 4352");
    check_refused::<Tags<'static>>("\"+a b\"", "a blank");
    check_refused::<ChatKind>("\"shout\"", "unknown variant");
    check_refused::<Message<'static>>(
        r#"{"client_chat":{"source":0,"destination":1,"text":""}}"#,
        "nonzero",
    );
    check_refused::<Message<'static>>(r#"{"chat":{}}"#, "unknown variant");
    check_refused::<Kind>("\"chat\"", "unknown variant");
}
