//! Strategies for property tests: messages, and streams in chunks.
//!
//! Values are small, so that tests run many cases in little time and failures are
//! readable. The strategies generate everything that the grammar can express, such as
//! control characters and bytes that are not UTF-8. Networks accept less; their tests
//! filter the values.
//!
//! ```
//! use irc_wire::{Message, strategies};
//! use proptest::prelude::*;
//!
//! proptest!(|(message in strategies::message())| {
//!     let line = message.line();
//!     prop_assert_eq!(Message::parse(line)?, message.message());
//! });
//! ```

use alloc::string::String;
use alloc::vec::Vec;

use proptest::char::range;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::{Index, select};

use crate::command::{Command, Verb};
use crate::message::{Message, OwnedMessage, Params, Prefix};
use crate::numeric::Numeric;
use crate::tags::TagsBuf;

/// A parameter that is not the last: one to 17 bytes.
pub fn middle() -> impl Strategy<Value = Vec<u8>> {
    letters(16).prop_map(|mut bytes| {
        bytes.retain(|byte| *byte != b' ');
        if bytes.first().is_none_or(|first| *first == b':') {
            bytes.insert(0, b'#');
        }
        bytes
    })
}

/// The last parameter: at most 48 bytes.
pub fn trailing() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![3 => letters(48), 1 => middle()]
}

/// Any bytes but NUL, CR and LF. Half of them are small letters, some are spaces and
/// colons.
fn letters(bytes_max: usize) -> impl Strategy<Value = Vec<u8>> {
    // One number for each byte: nested strategies are slow.
    let letter = |number: u16| match number.to_le_bytes() {
        [byte, 0..128] => b'a' + byte % 26,
        [_, 128..144] => b' ',
        [_, 144..152] => b':',
        [0 | b'\r' | b'\n', _] => b'x',
        [byte, _] => byte,
    };
    vec(any::<u16>(), 0..=bytes_max)
        .prop_map(move |numbers| numbers.into_iter().map(letter).collect())
}

/// A command: in half of the cases a verb, in capitals or small letters.
pub fn command() -> impl Strategy<Value = Vec<u8>> {
    let verb = select(Verb::ALL).prop_map(|verb| verb.as_str().as_bytes().to_vec());
    let small = select(Verb::ALL).prop_map(|verb| verb.as_str().to_lowercase().into_bytes());
    let numeric = (0_u16..1000).prop_filter_map("of three digits", Numeric::new);
    prop_oneof![
        3 => verb,
        1 => small,
        2 => numeric.prop_map(|numeric| numeric.digits().as_bytes().to_vec()),
        2 => vec(prop_oneof![range('a', 'z'), range('A', 'Z')], 1..20)
            .prop_map(|letters| String::from_iter(letters).into_bytes()),
    ]
}

/// Tags, empty in one of two cases.
pub fn tags() -> impl Strategy<Value = TagsBuf> {
    let value = vec(prop_oneof![3 => b' '..=b'~', 1 => 1..=u8::MAX], 0..8);
    let key = select(&["time", "+note", "example.org/x"][..]);
    prop_oneof![1 => Just(Vec::new()), 1 => vec((key, value), 0..4)].prop_map(|tags| {
        let mut written = TagsBuf::new();
        for (key, value) in tags {
            written
                .push(key.as_bytes(), &value)
                .expect("valid keys, values without NUL");
        }
        written
    })
}

/// A message with any parts.
pub fn message() -> impl Strategy<Value = OwnedMessage> {
    let part = || {
        middle().prop_map(|mut part| {
            part.retain(|byte| !b"!@".contains(byte));
            part.push(b'.');
            part
        })
    };
    let prefix = option::of((part(), option::of(part()), option::of(part())));
    let params = prop_oneof![
        4 => vec(middle(), 0..3),
        1 => vec(middle(), 0..Params::MAX),
    ];
    let parts = (
        tags(),
        prefix,
        command(),
        params,
        option::weighted(0.8, (trailing(), any::<bool>())),
    );
    parts.prop_map(|(tags, prefix, command, middles, last)| {
        let command = Command::new(&command).expect("letters or digits");
        let mut message = Message::new(command);
        message.tags = tags.as_tags();
        message.prefix = prefix.as_ref().map(|(name, user, host)| {
            let prefix = Prefix::checked(name, user.as_deref(), host.as_deref());
            prefix.expect("no part holds ! or @")
        });
        for middle in &middles {
            message.params.push(middle).expect("middles");
        }
        if let Some((last, colon)) = &last {
            message.params.push(last).expect("at most 15 parameters");
            if *colon {
                message.params.force_colon();
            }
        }
        message.to_owned_message()
    })
}

/// `bytes` cut into chunks, none of them empty: mostly a few, sometimes single
/// bytes.
pub fn chunks(bytes: Vec<u8>) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let len = bytes.len();
    let anywhere = vec(any::<Index>(), 0..8)
        .prop_map(move |cuts| cuts.iter().map(|cut| cut.index(len + 1)).collect());
    prop_oneof![
        5 => anywhere,
        1 => Just((1..len).collect::<Vec<usize>>()),
    ]
    .prop_map(move |mut cuts: Vec<usize>| {
        cuts.extend([0, len]);
        cuts.sort_unstable();
        cuts.dedup();
        cuts.windows(2)
            .map(|ends| bytes[ends[0]..ends[1]].to_vec())
            .collect()
    })
}
