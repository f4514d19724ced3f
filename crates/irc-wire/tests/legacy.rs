//! The legacy dialect: every message, and every error.

use irc_wire::legacy::{self, Content, LegacyError, Middle, Trailing};
use irc_wire::{Message, ParamError};

fn middle(text: &str) -> Middle<'_> {
    Middle::new(text).expect("a word")
}

fn text(text: &str) -> Trailing<'_> {
    Trailing::new(text).expect("a text")
}

/// Every kind of message of the legacy dialect, and its line.
fn legacy_lines() -> Vec<(&'static str, Content<'static>)> {
    let (ann, reef) = (middle("ann"), middle("#reef"));
    let (channel, nick) = (reef, ann);
    vec![
        (
            "USER ann host reef.example :Ann A.",
            Content::User {
                nick,
                host: middle("host"),
                server: middle("reef.example"),
                real_name: Some(text("Ann A.")),
            },
        ),
        (
            "USER ann fe80::1 reef.example",
            Content::User {
                nick,
                host: middle("fe80::1"),
                server: middle("reef.example"),
                real_name: None,
            },
        ),
        (
            "SERVER reef.example 1 :\"A reef\"",
            Content::Server {
                name: middle("reef.example"),
                hops: 1,
                info: Some(text("\"A reef\"")),
            },
        ),
        (
            "SERVER reef.example 4294967295",
            Content::Server {
                name: middle("reef.example"),
                hops: u32::MAX,
                info: None,
            },
        ),
        (
            "SERVER reef.example 100 :",
            Content::Server {
                name: middle("reef.example"),
                hops: 100,
                info: Some(text("")),
            },
        ),
        ("QUIT", Content::Quit { text: None }),
        (
            "QUIT :bye",
            Content::Quit {
                text: Some(text("bye")),
            },
        ),
        ("JOIN #reef", Content::Join { channel, key: None }),
        (
            "JOIN #reef a:b",
            Content::Join {
                channel,
                key: Some(middle("a:b")),
            },
        ),
        ("PART #reef", Content::Part { channel }),
        (
            "TOPIC #reef",
            Content::Topic {
                channel,
                topic: None,
            },
        ),
        (
            "TOPIC #reef :",
            Content::Topic {
                channel,
                topic: Some(text("")),
            },
        ),
        (
            "TOPIC #reef :a b",
            Content::Topic {
                channel,
                topic: Some(text("a b")),
            },
        ),
        ("NAMES", Content::Names { channel: None }),
        (
            "NAMES #reef",
            Content::Names {
                channel: Some(reef),
            },
        ),
        (
            "PRIVMSG ann :Hi",
            Content::Privmsg {
                target: ann,
                text: text("Hi"),
            },
        ),
        (
            "SQUIT reef :gone",
            Content::Squit {
                name: middle("reef"),
                reason: Some(text("gone")),
            },
        ),
        ("ERROR :no", Content::Error { text: text("no") }),
        (
            "001 :Welcome to the Internet Relay Network ann!ann@host",
            Content::Welcome {
                nick,
                user: ann,
                host: middle("host"),
            },
        ),
        ("331 #reef :No topic is set", Content::NoTopic { channel }),
        (
            "332 #reef :Tides",
            Content::TopicReply {
                channel,
                topic: text("Tides"),
            },
        ),
        (
            "353 #reef :ann bob",
            Content::NamesReply {
                channel: Some(reef),
                nicks: text("ann bob"),
            },
        ),
        (
            "353 * :eve",
            Content::NamesReply {
                channel: None,
                nicks: text("eve"),
            },
        ),
        ("366 :End of /NAMES list", Content::EndOfNames),
        ("401 ann :No such nick", Content::NoSuchNick { nick }),
        (
            "403 #reef :No such channel",
            Content::NoSuchChannel { channel },
        ),
        (
            "404 #reef :Cannot send to channel",
            Content::CannotSend { channel },
        ),
        (
            "421 WHO :Unknown command",
            Content::UnknownCommand {
                command: middle("WHO"),
            },
        ),
        (
            "432 #ann :Erroneous nickname",
            Content::BadNick {
                nick: middle("#ann"),
            },
        ),
        (
            "436 ann :Nickname collision KILL from ann@host",
            Content::NickCollision {
                nick,
                user: ann,
                host: middle("host"),
            },
        ),
        (
            "442 #reef :You're not on that channel",
            Content::NotOnChannel { channel },
        ),
        ("451 :You have not registered", Content::NotRegistered),
        (
            "461 JOIN :Not enough parameters",
            Content::NeedMoreParams {
                command: middle("JOIN"),
            },
        ),
        ("462 :You may not reregister", Content::AlreadyRegistered),
        (
            "475 #reef :Cannot join channel (+k)",
            Content::BadChannelKey { channel },
        ),
        (
            "405 #reef :You have joined too many channels",
            Content::TooManyChannels { channel },
        ),
        (
            "471 #reef :Cannot join channel (+l)",
            Content::ChannelIsFull { channel },
        ),
        (
            "473 #reef :Cannot join channel (+i)",
            Content::InviteOnly { channel },
        ),
        (
            "474 #reef :Cannot join channel (+b)",
            Content::Banned { channel },
        ),
        (
            "482 #reef :You're not channel operator",
            Content::NotOperator { channel },
        ),
    ]
}

#[test]
fn every_message_is_written_exactly_and_read() {
    for (line, content) in legacy_lines() {
        for source in [None, Some(middle("harbour.example"))] {
            let message = legacy::Message { source, content };
            let prefix = source.map_or(String::new(), |source| format!(":{source} "));
            let line = format!("{prefix}{line}");
            assert_eq!(message.to_vec(), format!("{line}\r\n").as_bytes());
            let read = Message::parse(line.as_bytes()).unwrap();
            assert_eq!(legacy::Message::from_message(&read), Ok(message), "{line}");
        }
    }
}

#[test]
fn parser_accepts_more_than_the_encoder_writes() {
    let read = |line: &'static str| {
        let message = Message::parse(line.as_bytes()).unwrap();
        legacy::Message::from_message(&message).map(|message| message.content)
    };
    let channel = middle("#reef");
    for (line, expected) in [
        ("part #reef bye now", Content::Part { channel }),
        (
            "PRIVMSG #reef Hi",
            Content::Privmsg {
                target: channel,
                text: text("Hi"),
            },
        ),
        (
            "@a=b :ann!a@host JOIN :#reef",
            Content::Join { channel, key: None },
        ),
        ("366 #reef :End", Content::EndOfNames),
        ("331 #reef", Content::NoTopic { channel }),
        (
            "1 :Welcome to the Internet Relay Network a!b@c",
            Content::Welcome {
                nick: middle("a"),
                user: middle("b"),
                host: middle("c"),
            },
        ),
    ] {
        assert_eq!(read(line), Ok(expected), "{line}");
    }
    let ann = Message::parse(b":ann!a@host QUIT").unwrap();
    let source = legacy::Message::from_message(&ann).unwrap().source;
    assert_eq!(source, Some(middle("ann")));
}

#[test]
fn other_messages_are_refused() {
    use LegacyError::{Hops, NeedMoreParams, NotMiddle, NotUtf8, Text, UnknownCommand};
    for (line, error) in [
        (&b"NICK ann"[..], UnknownCommand),
        (b"KNOCK", UnknownCommand),
        (b"005 a", UnknownCommand),
        (b"USER ann host", NeedMoreParams),
        (b"SERVER reef", NeedMoreParams),
        (b"JOIN", NeedMoreParams),
        (b"PART", NeedMoreParams),
        (b"TOPIC", NeedMoreParams),
        (b"PRIVMSG", NeedMoreParams),
        (b"PRIVMSG ann", NeedMoreParams),
        (b"PRIVMSG :a b", NeedMoreParams),
        (b"332 #reef", NeedMoreParams),
        (b"353 #reef", NeedMoreParams),
        (b"SERVER reef x :y", Hops),
        (b"SERVER reef -1", Hops),
        (b"SERVER reef 4294967296", Hops),
        (b"JOIN :#a b", NotMiddle),
        (b"JOIN :", NotMiddle),
        (b"001 :Hello", Text),
        (b"436 ann :Nickname collision KILL from nobody", Text),
        (b"PRIVMSG ann :\xff", NotUtf8),
        (b":\xff QUIT", NotUtf8),
        (b"PART #reef \xff", NotUtf8),
    ] {
        let message = Message::parse(line).unwrap();
        assert_eq!(
            legacy::Message::from_message(&message),
            Err(error),
            "{line:?}"
        );
    }
    assert_eq!(Middle::new("a b"), Err(ParamError::NotMiddle));
    assert_eq!(Middle::new("a\n"), Err(ParamError::ForbiddenByte(b'\n')));
    assert_eq!(Trailing::new("a\r"), Err(ParamError::ForbiddenByte(b'\r')));
}
