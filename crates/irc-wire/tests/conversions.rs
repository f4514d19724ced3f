//! Conversions and comparisons of commands, prefixes, numerics and words.

use irc_wire::legacy::{Middle, Trailing};
use irc_wire::{
    Command, CommandError, Message, MessageError, Numeric, NumericError, OwnedMessage, ParamError,
    Params, Prefix, PrefixError, UnknownVerb, Verb,
};

#[test]
fn commands() {
    for verb in Verb::ALL {
        assert_eq!(verb.as_str().to_lowercase().parse(), Ok(*verb));
        let command = Command::try_from(verb.as_str()).expect("a command");
        assert!(command == *verb && command != Numeric::RPL_WELCOME);
        assert_eq!(command.as_ref(), verb.as_ref());
    }
    assert_eq!("KNOCK".parse::<Verb>(), Err(UnknownVerb));
    assert!(Command::try_from("433") == Ok(Numeric::ERR_NICKNAMEINUSE.into()));
    assert_eq!(Command::try_from(&b"A-B"[..]), Err(CommandError));
    assert_eq!(format!("[{:>5}]", Verb::Join), "[ JOIN]");
}

#[test]
fn numerics() {
    for number in 0..1000 {
        let numeric = Numeric::try_from(number).expect("three digits");
        assert_eq!(u16::from(numeric), number);
        assert_eq!(numeric.to_string().parse(), Ok(numeric));
    }
    assert_eq!(Numeric::try_from(1000), Err(NumericError));
    for text in ["", "1000", "-1", "1a"] {
        assert_eq!(text.parse::<Numeric>(), Err(NumericError), "{text}");
    }
}

#[test]
fn messages_and_prefixes() {
    let message = Message::try_from("PING x").expect("a message");
    assert_eq!(Message::try_from(&b"PING x"[..]), Ok(message));
    assert_eq!(Message::try_from(""), Err(MessageError::NoCommand));
    assert_eq!(OwnedMessage::from(&message).message(), message);

    for text in ["reef", "ann!a", "ann@reef", "ann!a@reef"] {
        let prefix = Prefix::try_from(text).expect(text);
        assert_eq!(prefix.to_string(), text);
        assert_eq!(Prefix::try_from(text.as_bytes()), Ok(prefix));
    }
    assert_eq!(Prefix::try_from("a b"), Err(PrefixError));
    let latin = Prefix::parse(b"zo\xe9!z@reef").expect("a prefix");
    assert_eq!(latin.to_string(), "zo\u{fffd}!z@reef");
}

#[test]
fn params_are_a_collection() {
    let mut params = Params::new();
    for param in [&b"#reef"[..], b"Hi all"] {
        params.push(param).expect("may stand there");
    }
    let mut lens = Vec::new();
    for param in &params {
        lens.push(param.len());
    }
    assert_eq!(lens, [5, 6]);
    assert_eq!(params.as_ref(), params.as_slice());
}

#[test]
fn words_of_the_legacy_dialect_compare_with_strings() {
    let word = Middle::try_from("#reef").expect("a word");
    assert_eq!(word, "#reef");
    assert_eq!(word, *"#reef");
    assert!(word.starts_with('#') && word.len() == 5);
    assert_eq!(<&str>::from(word), "#reef");
    let text = Trailing::try_from("Hi all").expect("a text");
    assert_eq!(text, "Hi all");
    assert_eq!(text.as_ref(), "Hi all");
    assert_eq!(Middle::try_from("Hi all"), Err(ParamError::NotMiddle));
    assert_eq!(
        Trailing::try_from("\r"),
        Err(ParamError::ForbiddenByte(b'\r'))
    );
}
