//! Bots at a real server: messages, channels, reconnects, the end.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod fixture;

use std::thread;
use std::time::Duration;

use crc_bot::{Bot, ChannelField, ChannelRank, Error, Event, Fault, HostId, NotSent};

use fixture::{TestServer, echo, next, next_message, next_notice, wait_entered};

#[test]
fn messages_arrive_whole_in_channels_and_as_whispers() {
    let server = TestServer::start();
    let ann = server.bot("ann").join("#reef").connect().unwrap();
    wait_entered(&ann, "#reef");
    let bob = server.bot("bob").join("#Reef").connect().unwrap();
    wait_entered(&bob, "#reef");
    ann.say("#reef", "first\nsecond").unwrap();
    for text in ["first", "second"] {
        let message = next_message(&bob);
        assert_eq!((&*message.from.name, &*message.text), ("ann", text));
        assert_eq!(message.channel.as_deref(), Some("#reef"));
    }
    ann.act("bob", "waves").unwrap();
    let whisper = next_message(&bob);
    assert_eq!((&*whisper.text, whisper.channel), ("waves", None));
    assert!(whisper.is_action);
    bob.say(&whisper.from, "hello").unwrap();
    assert_eq!(next_message(&ann).text, "hello");
    bob.notice("#reef", "a notice").unwrap();
    assert_eq!(next_notice(&ann).channel.as_deref(), Some("#reef"));

    let long = "word ".repeat(300);
    ann.say("#reef", &long).unwrap();
    let mut pieces = Vec::new();
    while pieces.join(" ").len() < long.trim_end().len() {
        let piece = next_message(&bob).text;
        assert!(piece.len() <= 400);
        pieces.push(piece);
    }
    assert_eq!(pieces.join(" ").trim_end(), long.trim_end());
}

#[test]
fn two_echo_bots_in_a_channel_answer_once_and_stop() {
    let server = TestServer::start();
    let ann = server.bot("ann").join("#reef").connect().unwrap();
    wait_entered(&ann, "#reef");
    let bots = ["one", "two"].map(|name| server.bot(name).join("#reef").connect().unwrap());
    for _ in 0..2 {
        next(&ann, |event| {
            matches!(event, Event::Joined { .. }).then_some(())
        });
    }
    let bots = bots.map(echo);
    // If they answered each other, more answers of an earlier round would come in a later one.
    for round in 0..20 {
        ann.say("#reef", format!("round {round}")).unwrap();
        for _ in 0..2 {
            assert_eq!(next_notice(&ann).text, format!("round {round}"));
        }
    }
    ann.say("#reef", "end").unwrap();
    let mut ends = 0;
    let mut is_over = 0;
    while is_over < 2 {
        next(&ann, |event| match event {
            Event::Notice(notice) => {
                assert_eq!(notice.text, "end");
                ends += 1;
                Some(())
            }
            Event::Offline { .. } => {
                is_over += 1;
                Some(())
            }
            _ => None,
        });
    }
    assert_eq!(ends, 2);
    for bot in bots {
        assert_eq!(bot.join().unwrap(), 21);
    }
}

#[test]
fn a_bot_connects_again_and_enters_its_channels_again() {
    let mut server = TestServer::start();
    let bot = server.bot("bot").join("#one").connect().unwrap();
    assert!(!wait_entered(&bot, "#one"));
    bot.join("#two").unwrap();
    assert!(!wait_entered(&bot, "#two"));
    server.stop();
    next(&bot, |event| {
        matches!(event, Event::Disconnected { .. }).then_some(())
    });
    assert!(!bot.is_connected());
    // What is said now waits.
    bot.say("#one", "back").unwrap();
    server.restart();
    next(&bot, |event| {
        matches!(event, Event::Connected { .. }).then_some(())
    });
    assert!(wait_entered(&bot, "#one"));
    assert!(wait_entered(&bot, "#two"));
    assert_eq!(bot.channels().unwrap(), ["#one", "#two"]);
    bot.close().unwrap();
}

#[test]
fn a_bot_moves_to_another_of_its_servers() {
    let mut reef = TestServer::start();
    let uplink = reef.address.into();
    let cove = TestServer::start_with(
        |config| {
            config.id = HostId::new(2).unwrap();
            config.connect = vec![uplink];
        },
        None,
    );
    let bob = cove.bot("bob").join("#reef").connect().unwrap();
    wait_entered(&bob, "#reef");
    let bot = reef.bot("bot").server(cove.address.to_string());
    let bot = bot.join("#reef").connect().unwrap();
    wait_entered(&bot, "#reef");
    let id = bot.id().unwrap();
    reef.stop();
    let connected = next(&bot, |event| match event {
        Event::Connected { server, id } => Some((server, id)),
        _ => None,
    });
    assert_eq!(connected, (cove.address.to_string(), id));
    assert!(wait_entered(&bot, "#reef"));
    bot.say("#reef", "here I am").unwrap();
    assert_eq!(next_message(&bob).text, "here I am");
}

#[test]
fn closing_sends_all_that_was_said() {
    let server = TestServer::start();
    let ann = server.bot("ann").connect().unwrap();
    let bot = server
        .bot("bot")
        .messages_per_second(100)
        .connect()
        .unwrap();
    for number in 0..120 {
        bot.say("ann", format!("{number}")).unwrap();
    }
    bot.close().unwrap();
    for number in 0..120 {
        assert_eq!(next_message(&ann).text, number.to_string());
    }
    next(&ann, |event| {
        matches!(event, Event::Offline { .. }).then_some(())
    });

    // Dropping does the same.
    let bot = server.bot("bot").connect().unwrap();
    bot.say("ann", "last").unwrap();
    drop(bot);
    assert_eq!(next_message(&ann).text, "last");
}

#[test]
fn events_end_after_a_quit() {
    let server = TestServer::start();
    let ann = server.bot("ann").connect().unwrap();
    let bot = server.bot("bot").connect().unwrap();
    thread::scope(|scope| {
        let events = scope.spawn(|| bot.events().map(Result::unwrap).count());
        bot.say("ann", "bye").unwrap();
        bot.quit("gone fishing");
        assert!(events.join().unwrap() > 0);
    });
    assert!(matches!(bot.say("ann", "more"), Err(Error::Ended)));
    bot.close().unwrap();
    let text = next(&ann, |event| match event {
        Event::Offline { text, .. } => Some(text),
        _ => None,
    });
    assert_eq!(text, "gone fishing");
}

#[test]
fn what_cannot_be_sent_is_reported() {
    let server = TestServer::start();
    let bot = server.bot("bot").connect().unwrap();
    bot.say("zoe", "hello").unwrap();
    let (to, why) = next(&bot, |event| match event {
        Event::NotSent { to, why } => Some((to, why)),
        _ => None,
    });
    assert_eq!(
        (&*to, why.to_string()),
        ("zoe", "no client is named zoe".into())
    );
    assert!(matches!(why, NotSent::Name(_)));
    bot.say("#nowhere", "hello").unwrap();
    next(&bot, |event| {
        matches!(event, Event::Refused { .. }).then_some(())
    });
    for wrong in ["#a b", "#a,b", "#"] {
        assert!(
            matches!(bot.join(wrong), Err(Error::NotAChannel(_))),
            "{wrong}"
        );
        assert!(
            matches!(bot.say(wrong, "x"), Err(Error::NotAChannel(_))),
            "{wrong}"
        );
    }
    assert!(matches!(
        bot.kick("#a", "#b", ""),
        Err(Error::NotAPerson(_))
    ));
}

#[test]
fn errors_say_whose_fault_they_are() {
    let mut server = TestServer::start();
    let start = |bot: crc_bot::Builder| bot.connect().unwrap_err();
    let fault = |error: Error| error.fault();
    assert_eq!(fault(start(server.bot(""))), Fault::Program);
    assert_eq!(fault(start(server.bot("bot").join("reef"))), Fault::Program);
    assert_eq!(
        fault(start(Bot::builder("bot").server("reef"))),
        Fault::Program
    );
    assert_eq!(
        fault(start(server.bot("bot").trust("/nowhere"))),
        Fault::Program
    );
    let taken = HostId::new(1).unwrap();
    assert_eq!(fault(start(server.bot("bot").id(taken))), Fault::Program);
    server.stop();
    let error = start(server.bot("bot"));
    assert_eq!(fault(error.clone()), Fault::Network);
    let text = format!("cannot connect to {}: connection refused", server.address);
    assert_eq!(error.to_string(), text);
}

#[test]
fn channels_are_governed() {
    let server = TestServer::start();
    let ann = server.bot("ann").join("#reef").connect().unwrap();
    wait_entered(&ann, "#reef");
    let bob = server.bot("bob").join("#reef").connect().unwrap();
    wait_entered(&bob, "#reef");
    ann.set_topic("#reef", "the tide").unwrap();
    next(&bob, |event| match event {
        Event::Topic { topic, by, .. } => {
            (topic == "the tide" && by.unwrap().name == "ann").then_some(())
        }
        _ => None,
    });
    assert_eq!(bob.topic("#REEF").unwrap(), "the tide");
    ann.give_rank("#reef", "bob", ChannelRank::Voice).unwrap();
    next(&bob, |event| match event {
        Event::Rank { member, .. } => member.is_voiced.then_some(()),
        _ => None,
    });
    let members = ann.members("#reef").unwrap();
    assert_eq!(
        members.iter().filter(|member| member.is_operator).count(),
        1
    );
    let bob_id = bob.id().unwrap();
    ann.kick("#reef", bob_id, "enough").unwrap();
    let text = next(&bob, |event| match event {
        Event::Exited {
            by: Some(by), text, ..
        } => Some(format!("{by}: {text}")),
        _ => None,
    });
    assert_eq!(text, "ann: enough");
    ann.invite("#reef", "bob").unwrap();
    let channel = next(&bob, |event| match event {
        Event::Invited { channel, .. } => Some(channel),
        _ => None,
    });
    bob.join(channel).unwrap();
    wait_entered(&bob, "#reef");
    bob.part("#reef", "bye").unwrap();
    next(&ann, |event| match event {
        Event::Left { text, by: None, .. } => (text == "bye").then_some(()),
        _ => None,
    });
    assert_eq!(ann.users().unwrap()[0].name, "bob");
}

#[test]
fn a_bot_asks_about_users_and_channels() {
    let server = TestServer::start();
    let ann = server.bot("ann").info("on the reef").join("#reef");
    let ann = ann.connect().unwrap();
    wait_entered(&ann, "#reef");
    let bot = server.bot("bot").connect().unwrap();
    bot.whois("ann").unwrap();
    let info = next(&bot, |event| match event {
        Event::UserInfo(info) => Some(info),
        _ => None,
    });
    assert_eq!((&*info.name, &*info.info), ("ann", "on the reef"));
    bot.list_channels("").unwrap();
    let channels = next(&bot, |event| match event {
        Event::ChannelList { channels, .. } => Some(channels),
        _ => None,
    });
    assert_eq!(
        (&*channels[0].channel, channels[0].member_count),
        ("#reef", 1)
    );
    assert!(matches!(bot.whois("#reef"), Err(Error::NotAPerson(_))));
}

#[test]
fn a_bot_takes_another_name() {
    let server = TestServer::start();
    let ann = server.bot("ann").connect().unwrap();
    let bot = server.bot("bot").connect().unwrap();
    bot.set_name("tide").unwrap();
    for sees in [&bot, &ann] {
        let names = next(sees, |event| match event {
            Event::Renamed {
                user,
                previous_name,
            } => Some((previous_name, user.name)),
            _ => None,
        });
        assert_eq!(names, ("bot".to_owned(), "tide".to_owned()));
    }
    ann.say("tide", "hello").unwrap();
    assert_eq!(next_message(&bot).text, "hello");
    bot.set_name("").unwrap();
    next(&bot, |event| {
        matches!(event, Event::Refused { .. } | Event::NotSent { .. }).then_some(())
    });
}

/// The next absence, or the end of one, that the bot is told of: the name and the text.
fn next_away(bot: &Bot) -> (String, String) {
    next(bot, |event| match event {
        Event::Away { user, text } => Some((user.name, text)),
        _ => None,
    })
}

#[test]
fn a_bot_is_away_and_those_who_write_to_it_learn_that_once() {
    let mut server = TestServer::start();
    let ann = server.bot("ann").connect().unwrap();
    let bot = server.bot("bot").connect().unwrap();
    let away = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    bot.set_away("at sea").unwrap();
    assert_eq!(next_away(&bot), away("bot", "at sea"));
    for text in ["one", "two"] {
        ann.say("bot", text).unwrap();
        assert_eq!(next_message(&bot).text, text);
    }
    assert_eq!(next_away(&ann), away("bot", "at sea"));
    bot.set_back().unwrap();
    assert_eq!(next_away(&bot), away("bot", ""));
    bot.set_away("in port").unwrap();
    assert_eq!(next_away(&bot), away("bot", "in port"));
    ann.say("bot", "three").unwrap();
    // Of the first absence it was told once.
    assert_eq!(next_away(&ann), away("bot", "in port"));
    ann.whois("bot").unwrap();
    let info = next(&ann, |event| match event {
        Event::UserInfo(info) => Some(info),
        _ => None,
    });
    assert_eq!(info.away.as_deref(), Some("in port"));
    // It is away still when it has connected again.
    server.restart();
    assert_eq!(next_away(&bot), away("bot", "in port"));
}

/// The next channel that does not let the bot in, with the reason.
fn next_join_refused(bot: &Bot) -> (String, String) {
    next(bot, |event| match event {
        Event::JoinRefused { channel, text } => Some((channel, text)),
        Event::Entered { .. } => panic!("{event:?}"),
        _ => None,
    })
}

#[test]
fn a_bot_that_a_channel_does_not_want_is_told_so_and_may_try_again() {
    let server = TestServer::start();
    let ann = server.bot("ann").join("#reef").connect().unwrap();
    wait_entered(&ann, "#reef");
    let bot = server.bot("bot").join("#reef").connect().unwrap();
    wait_entered(&bot, "#reef");
    ann.kick("#reef", "bot", "enough").unwrap();
    let exited = next(&bot, |event| match event {
        Event::Exited { channel, by, text } => Some((channel, by.unwrap().name, text)),
        _ => None,
    });
    let expected = ("#reef".to_owned(), "ann".to_owned(), "enough".to_owned());
    assert_eq!(exited, expected);
    assert_eq!(
        bot.channels().unwrap(),
        [""; 0],
        "it does not come back by itself"
    );
    // What it says there is refused, and that is no refused join.
    bot.say("#reef", "hello?").unwrap();
    let refused = next(&bot, |event| match event {
        Event::Refused { channel, .. } => Some(channel),
        Event::JoinRefused { .. } => panic!("{event:?}"),
        _ => None,
    });
    assert_eq!(refused.as_deref(), Some("#reef"));
    for (field, value, why) in [
        (ChannelField::KEY, "kelp", "wrong key"),
        (ChannelField::LIMIT, "1", "it is full"),
        (ChannelField::MODES, "int", "only who is invited gets in"),
        (ChannelField::BANS, "bot!*@*", "you are banned"),
    ] {
        ann.set_channel("#reef", field, value).unwrap();
        next(&ann, |event| match event {
            Event::Setting { field: it, .. } => (it == field).then_some(()),
            _ => None,
        });
        bot.join("#reef").unwrap();
        assert_eq!(
            next_join_refused(&bot),
            ("#reef".to_owned(), why.to_owned())
        );
        let none = match field {
            ChannelField::MODES => "nt",
            _ => "",
        };
        ann.set_channel("#reef", field, none).unwrap();
        next(&ann, |event| match event {
            Event::Setting { field: it, .. } => (it == field).then_some(()),
            _ => None,
        });
    }
}

#[test]
fn timers_come_in_order_and_without_a_connection_too() {
    let bot = Bot::builder("bot").server("127.0.0.1:1").start().unwrap();
    let timer = |event| match event {
        Event::Timer(timer) => Some(timer),
        _ => None,
    };
    let late = bot.set_timer(Duration::from_secs(3)).unwrap();
    let cancelled = bot.set_timer(Duration::from_millis(5)).unwrap();
    bot.cancel_timer(cancelled);
    let early = bot.set_timer(Duration::from_millis(10)).unwrap();
    assert_eq!(next(&bot, timer), early);
    assert_eq!(next(&bot, timer), late);
    assert!(matches!(
        bot.next_timeout(Duration::ZERO),
        Ok(None) | Ok(Some(Event::Unreachable { .. }))
    ));
}

#[test]
fn a_bot_keeps_to_the_rate_of_its_server() {
    let server = TestServer::start_with(|config| config.limits.client_chats_per_second = 120, None);
    let ann = server.bot("ann").connect().unwrap();
    let bot = server.bot("bot").messages_per_second(40).connect().unwrap();
    // A server that is slow by itself may see some of them at once, so it takes more than these.
    for number in 0..150 {
        bot.say("ann", format!("{number}")).unwrap();
    }
    for number in 0..150 {
        assert_eq!(next_message(&ann).text, number.to_string());
    }
    bot.close().unwrap();
}

#[test]
fn a_program_that_takes_no_events_loses_the_oldest_and_not_its_connection() {
    let server = TestServer::start();
    let bot = server.bot("bot").event_bytes_max(20_000);
    let bot = bot.connect().unwrap();
    let ann = server.bot("ann").messages_per_second(1000);
    let ann = ann.connect().unwrap();
    let sees_ann = || !bot.users().unwrap().is_empty();
    while !sees_ann() {
        thread::yield_now();
    }
    for number in 0..500 {
        ann.say("bot", format!("{number}")).unwrap();
    }
    ann.close().unwrap();
    // When she is gone, all that she has said has arrived.
    while sees_ann() {
        thread::yield_now();
    }
    let missed = next(&bot, |event| match event {
        Event::Lagged { missed } => Some(missed),
        _ => panic!("{event:?}"),
    });
    // The bot's own connection, and ann's arrival.
    for number in missed - 2..500 {
        assert_eq!(next_message(&bot).text, number.to_string());
    }
    let bob = server.bot("bob").connect().unwrap();
    next(&bot, |event| match event {
        Event::Online { user, .. } => (user.name == "bob").then_some(()),
        _ => None,
    });
    bot.say("bob", "still here").unwrap();
    assert_eq!(next_message(&bob).text, "still here");
}

#[test]
fn saying_too_much_waits_and_loses_nothing() {
    let server = TestServer::start();
    let ann = server.bot("ann").connect().unwrap();
    let bot = server
        .bot("bot")
        .messages_per_second(1000)
        .connect()
        .unwrap();
    let text = "x".repeat(350);
    // Three times as much as may wait.
    for _ in 0..500 {
        bot.say("ann", &text).unwrap();
    }
    for _ in 0..500 {
        assert_eq!(next_message(&ann).text, text);
    }
}

#[test]
fn a_bot_that_waits_to_send_can_be_ended() {
    let bot = Bot::builder("bot")
        .server("127.0.0.1:1")
        .close_within(Duration::ZERO);
    let bot = bot.start().unwrap();
    thread::scope(|scope| {
        let sending = scope.spawn(|| {
            loop {
                if let Err(error) = bot.say("ann", "x".repeat(400)) {
                    break error;
                }
            }
        });
        bot.quit("");
        assert!(matches!(sending.join().unwrap(), Error::Ended));
    });
    match bot.close() {
        Err(Error::Unsent(count)) => assert!(count > 0),
        Ok(()) => {}
        Err(other) => panic!("{other:?}"),
    }
}
