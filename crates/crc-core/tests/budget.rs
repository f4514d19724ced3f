//! The budget of a client: each kind of frame and line, in every protocol, as one table.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

mod fixture;

use std::time::Duration;

use crc_core::{ListenerId, TextProtocol};
use crc_wire::{
    ChannelChat, ChannelField, ChannelName, ChannelPart, ChannelRequest, ChannelSetting, ChatKind,
    HostId, Message, RequestKind, Text,
};
use fixture::{Fixture, Kind, chat, config, id, quit, registration};

const IRC: ListenerId = ListenerId(1);
const LEGACY: ListenerId = ListenerId(2);
const CRC_ID: u32 = 777;

/// The budget of most tests, per second.
const RATE: u32 = 5;
/// How often a client does something at once.
const FLOOD: u32 = 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Crc,
    Irc,
    Legacy,
}

/// Where the effect shows: in what the sender gets, or a member of its channel, or only
/// in the counter of frames.
#[derive(Debug, Clone, Copy)]
enum Shows {
    ToSender(&'static str),
    ToMember(&'static str),
    AsFrame,
}
use Shows::{AsFrame, ToMember, ToSender};

/// What a client sends for the nth time. `W` is the other member's nick.
enum What {
    Frame(fn(&Scene, u32) -> Message<'static>),
    Line(&'static str),
}
use What::{Frame, Line};

/// A kind of frame or line: its cost, and how its effect shows.
struct Row {
    name: &'static str,
    cost: u32,
    what: What,
    shows: Shows,
}

const fn row(name: &'static str, cost: u32, what: What, shows: Shows) -> Row {
    Row {
        name,
        cost,
        what,
        shows,
    }
}

fn request(kind: RequestKind, to: Option<HostId>, channel: &str) -> Message<'static> {
    Message::ChannelRequest(ChannelRequest {
        source: id(CRC_ID),
        destination: to,
        kind,
        channel: ChannelName::new(channel.to_owned()).ok(),
        text: Text::new("x").unwrap(),
    })
}

fn channel_chat(kind: ChatKind, channel: &'static str) -> Message<'static> {
    Message::ChannelChat(ChannelChat {
        source: id(CRC_ID),
        kind,
        channel: ChannelName::new(channel).unwrap(),
        text: Text::new("said").unwrap(),
    })
}

const CRC_ROWS: &[Row] = &[
    row(
        "chat",
        1,
        Frame(|scene, _| chat(CRC_ID, scene.member_id.get(), "said")),
        ToMember(" PRIVMSG op :said"),
    ),
    row(
        "chat to nobody",
        1,
        Frame(|_, _| chat(CRC_ID, 9, "said")),
        ToSender("Unknown"),
    ),
    row(
        "channel chat",
        1,
        Frame(|_, _| channel_chat(ChatKind::Message, "#a")),
        ToMember(" PRIVMSG #a :said"),
    ),
    row(
        "channel notice",
        1,
        Frame(|_, _| channel_chat(ChatKind::Notice, "#a")),
        ToMember(" NOTICE #a :said"),
    ),
    row(
        "channel chat outside",
        1,
        Frame(|_, _| channel_chat(ChatKind::Message, "#b")),
        ToSender("#b: "),
    ),
    row(
        "notice",
        1,
        Frame(|scene, _| request(RequestKind::NOTICE, Some(scene.member_id), "")),
        ToMember(" NOTICE op :x"),
    ),
    row(
        "join",
        2,
        Frame(|_, n| request(RequestKind::JOIN, None, &format!("#c{n}"))),
        ToSender("ChannelJoin("),
    ),
    row(
        "part",
        1,
        Frame(|_, _| {
            Message::ChannelPart(ChannelPart {
                source: id(CRC_ID),
                by: None,
                channel: ChannelName::new("#b").unwrap(),
                text: Text::new("").unwrap(),
            })
        }),
        ToSender("#b: "),
    ),
    row(
        "topic",
        2,
        Frame(|_, n| {
            Message::ChannelSetting(ChannelSetting {
                source: Some(id(CRC_ID)),
                version: 0,
                field: ChannelField::TOPIC,
                channel: ChannelName::new("#a").unwrap(),
                value: Text::new(format!("topic {n}")).unwrap(),
            })
        }),
        ToMember(" TOPIC #a :topic "),
    ),
    row(
        "names",
        2,
        Frame(|_, _| request(RequestKind::NAMES, None, "#a")),
        ToSender("#a host777"),
    ),
    row(
        "kick",
        1,
        Frame(|scene, _| request(RequestKind::KICK, Some(scene.member_id), "#b")),
        AsFrame,
    ),
    row(
        "invite",
        1,
        Frame(|scene, _| request(RequestKind::INVITE, Some(scene.member_id), "#own")),
        ToMember(" INVITE op "),
    ),
    row(
        "voice",
        1,
        Frame(|scene, n| {
            let kinds = [RequestKind::VOICE, RequestKind::DEVOICE];
            request(kinds[n as usize % 2], Some(scene.member_id), "#a")
        }),
        ToMember(" MODE #a "),
    ),
    row(
        "registration",
        1,
        Frame(|_, _| registration(Kind::Client, CRC_ID, None, "info [crc2;f=channels]")),
        ToSender("StatusCode(2)"),
    ),
];

const IRC_ROWS: &[Row] = &[
    row(
        "chat",
        1,
        Line("PRIVMSG op :said"),
        ToMember(" PRIVMSG op :said"),
    ),
    row(
        "channel chat",
        1,
        Line("PRIVMSG #a :said"),
        ToMember(" PRIVMSG #a :said"),
    ),
    row(
        "notice",
        1,
        Line("NOTICE op :said"),
        ToMember(" NOTICE op :said"),
    ),
    row(
        "chat with two targets",
        2,
        Line("PRIVMSG #a,op :said"),
        ToMember(" PRIVMSG op :said"),
    ),
    row("join", 2, Line("JOIN #c%"), ToSender(" JOIN ")),
    // All fit into the limit of channels.
    row("joins", 6, Line("JOIN #c%,#c%,#c%"), ToSender(" JOIN #c")),
    row("part", 1, Line("PART #b"), ToSender(" 403 ")),
    row(
        "topic",
        2,
        Line("TOPIC #a :topic %"),
        ToMember(" TOPIC #a :topic "),
    ),
    row("topic asked", 1, Line("TOPIC #a"), ToSender(" 332 ")),
    row("mode", 2, Line("MODE #a +v op"), ToSender(" 482 ")),
    row("mode asked", 1, Line("MODE #a"), ToSender(" 324 ")),
    row("kick", 1, Line("KICK #b op"), ToSender(" 403 ")),
    row("kicks", 2, Line("KICK #b op,user"), ToSender(" 403 ")),
    row("invite", 1, Line("INVITE nobody #a"), ToSender(" 401 ")),
    row("names", 2, Line("NAMES #a"), ToSender(" 366 ")),
    row("list", 2, Line("LIST #a"), ToSender(" 323 ")),
    row("who", 2, Line("WHO #a"), ToSender(" 315 ")),
    row("whois", 2, Line("WHOIS op"), ToSender(" 318 ")),
    row("nick", 2, Line("NICK user%"), ToMember(" NICK ")),
    row("away", 2, Line("AWAY :%"), ToSender(" 306 ")),
    row("ping", 1, Line("PING x"), ToSender(" PONG ")),
    row("unknown", 1, Line("BOGUS x"), ToSender(" 421 ")),
];

const LEGACY_ROWS: &[Row] = &[
    row(
        "chat",
        1,
        Line("PRIVMSG op :said"),
        ToMember(" PRIVMSG op :said"),
    ),
    row(
        "channel chat",
        1,
        Line("PRIVMSG #a :said"),
        ToMember(" PRIVMSG #a :said"),
    ),
    row("join", 2, Line("JOIN #c%"), ToSender(" 331 ")),
    row("part", 1, Line("PART #b"), ToSender(" 403 ")),
    row(
        "topic",
        2,
        Line("TOPIC #a :topic %"),
        ToMember(" TOPIC #a :topic "),
    ),
    row("names", 2, Line("NAMES #a"), ToSender(" 366 ")),
    row("unknown", 1, Line("BOGUS x"), ToSender(" 421 ")),
];

/// A server with a user of IRC, `op`, in `#a`, and there a client of some protocol.
struct Scene {
    fixture: Fixture,
    member: usize,
    member_id: HostId,
    client: usize,
    /// How many frames were counted.
    frames: u64,
}

impl Scene {
    fn new(protocol: Protocol, rate: u32) -> Scene {
        let mut fixture = Fixture::new(7);
        let mut config = config(0);
        config.text_listeners = vec![(IRC, TextProtocol::Irc), (LEGACY, TextProtocol::Legacy)];
        config.limits.irc_lines_per_second = 0;
        config.limits.client_chats_per_second = rate;
        config.limits.client_registrations_per_second = 0;
        fixture.server_with(config);
        let member = fixture.connect_at(0, IRC);
        fixture.send(member, b"NICK op\r\nUSER op 0 * :x\r\nJOIN #a\r\n");
        fixture.soon();
        fixture.send(member, b"MODE #a -t\r\n");
        fixture.soon();
        let member_id = id(*fixture.known(0).keys().next().unwrap());
        let client = match protocol {
            Protocol::Crc => {
                let client = fixture.client(0, CRC_ID);
                let info = "info [crc2;f=channels]";
                fixture.send_message(client, &registration(Kind::Client, CRC_ID, None, info));
                for channel in ["#a", "#own"] {
                    fixture.send_message(client, &request(RequestKind::JOIN, None, channel));
                    fixture.run(Duration::from_secs(3));
                }
                fixture.send(member, b"MODE #a +o host777\r\n");
                client
            }
            Protocol::Irc => {
                let client = fixture.connect_at(0, IRC);
                let lines = b"NICK user\r\nUSER user 0 * :x\r\nJOIN #a\r\nTOPIC #a :t\r\n";
                fixture.send(client, lines);
                client
            }
            Protocol::Legacy => {
                let client = fixture.connect_at(0, LEGACY);
                fixture.send(client, b"USER user host s0 :Real\r\nJOIN #a\r\n");
                client
            }
        };
        // The budget is whole again.
        fixture.run(Duration::from_secs(3));
        assert!(!fixture.peers[client].ended);
        let mut scene = Scene {
            fixture,
            member,
            member_id,
            client,
            frames: 0,
        };
        scene.count(AsFrame);
        scene.count(ToSender(""));
        scene.count(ToMember(""));
        scene
    }

    /// The client does something for the nth time.
    fn send(&mut self, what: &What, n: u32) {
        match what {
            Frame(frame) => {
                let frame = frame(self, n);
                self.fixture.send_message(self.client, &frame);
            }
            Line(line) => {
                let line = format!("{}\r\n", line.replace('%', &n.to_string()));
                self.fixture.send(self.client, line.as_bytes());
            }
        }
    }

    /// How often an effect has shown since the last time.
    fn count(&mut self, shows: Shows) -> u32 {
        let (peer, part) = match shows {
            ToSender(part) => (self.client, part),
            ToMember(part) => (self.member, part),
            AsFrame => {
                let snapshot = self.fixture.nodes[0].server.snapshot();
                let frames = snapshot.counters().frames_received;
                let new = frames - std::mem::replace(&mut self.frames, frames);
                // The last one closed the link.
                return (new - u64::from(self.has_ended())) as u32;
            }
        };
        let is_frames = self.fixture.peers[peer].bytes.first().is_some_and(|first| {
            // The first byte of a frame is none of a line.
            !first.is_ascii_graphic()
        });
        let shown: Vec<String> = if is_frames {
            let messages = self.fixture.received(peer);
            messages.iter().map(|m| format!("{m:?}")).collect()
        } else {
            let bytes = std::mem::take(&mut self.fixture.peers[peer].bytes);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            text.lines().map(str::to_owned).collect()
        };
        let shown = shown.iter().filter(|shown| shown.contains(part));
        shown.count() as u32
    }

    fn has_ended(&self) -> bool {
        self.fixture.peers[self.client].ended
    }
}

fn table() -> impl Iterator<Item = (Protocol, &'static Row)> {
    let crc = CRC_ROWS.iter().map(|row| (Protocol::Crc, row));
    let irc = IRC_ROWS.iter().map(|row| (Protocol::Irc, row));
    let legacy = LEGACY_ROWS.iter().map(|row| (Protocol::Legacy, row));
    crc.chain(irc).chain(legacy)
}

#[test]
fn a_flood_of_any_kind_is_held_to_the_budget() {
    for (protocol, row) in table() {
        let case = format!("{protocol:?} {}", row.name);
        let mut scene = Scene::new(protocol, RATE);
        (0..FLOOD).for_each(|n| scene.send(&row.what, n));
        scene.fixture.soon();
        let at_once = RATE.div_ceil(row.cost);
        assert_eq!(scene.count(row.shows), at_once, "{case} at once");
        // A client is closed, except for a user of IRC, whose lines wait.
        assert_eq!(scene.has_ended(), protocol != Protocol::Irc, "{case}");
        if protocol == Protocol::Irc {
            scene.fixture.run(Duration::from_secs(4));
            let later = (RATE * 5).div_ceil(row.cost) - at_once;
            assert_eq!(scene.count(row.shows), later, "{case} in 4 s");
        }
    }
}

#[test]
fn a_client_within_its_budget_is_never_delayed_or_closed() {
    for (protocol, row) in table() {
        let case = format!("{protocol:?} {}", row.name);
        let mut scene = Scene::new(protocol, RATE);
        for n in 0..40 {
            scene.send(&row.what, n);
            scene.fixture.soon();
            assert_eq!(scene.count(row.shows), 1, "{case} {n}");
            let pause = Duration::from_millis(1000 * u64::from(row.cost) / u64::from(RATE));
            scene.fixture.run(pause);
        }
        assert!(!scene.has_ended(), "{case}");
    }
}

#[test]
fn without_a_rate_nothing_is_limited() {
    for (protocol, row) in table() {
        let mut scene = Scene::new(protocol, 0);
        (0..FLOOD).for_each(|n| scene.send(&row.what, n));
        scene.fixture.soon();
        let case = format!("{protocol:?} {}", row.name);
        assert_eq!(scene.count(row.shows), FLOOD, "{case}");
        assert!(!scene.has_ended(), "{case}");
    }
}

#[test]
fn all_kinds_draw_from_one_budget() {
    for (protocol, rows) in [(Protocol::Crc, CRC_ROWS), (Protocol::Legacy, LEGACY_ROWS)] {
        let mut scene = Scene::new(protocol, 100);
        let costs: u32 = rows.iter().map(|row| row.cost).sum();
        let mut spent = 0;
        for n in 0.. {
            let row = &rows[n as usize % rows.len()];
            scene.send(&row.what, n);
            spent += row.cost;
            if spent >= 100 {
                break;
            }
        }
        // The last one may leave a debt.
        scene.send(&rows[0].what, 1);
        scene.fixture.soon();
        assert!(scene.has_ended(), "{protocol:?}, all together {costs}");
    }
}

#[test]
fn a_quit_is_free() {
    let mut scene = Scene::new(Protocol::Crc, RATE);
    for _ in 0..RATE {
        scene.send(&CRC_ROWS[0].what, 0);
    }
    scene
        .fixture
        .send_message(scene.client, &quit(CRC_ID, "that is all"));
    scene.fixture.soon();
    assert_eq!(scene.count(ToMember("QUIT :that is all")), 1);
    let mut scene = Scene::new(Protocol::Legacy, RATE);
    for _ in 0..RATE {
        scene.send(&LEGACY_ROWS[0].what, 0);
    }
    scene.fixture.send(scene.client, b"QUIT :that is all\r\n");
    scene.fixture.soon();
    assert_eq!(scene.count(ToMember("QUIT :that is all")), 1);
}

#[test]
fn the_handshake_of_a_client_is_free() {
    let mut scene = Scene::new(Protocol::Irc, 1);
    let client = scene.fixture.client(0, CRC_ID);
    let info = "info [crc2;f=channels]";
    let announcement = registration(Kind::Client, CRC_ID, None, info);
    scene.fixture.send_message(client, &announcement);
    scene
        .fixture
        .send_message(client, &chat(CRC_ID, scene.member_id.get(), "said"));
    scene.fixture.soon();
    assert_eq!(scene.count(ToMember(" PRIVMSG op :said")), 1);
    assert!(!scene.fixture.peers[client].ended);
}
