//! Who may do what in a channel: every rule by every protocol, as one table.
//!
//! The rules are the same for all. What differs is what a protocol can ask for: the
//! legacy protocol has no MODE, INVITE and KICK, and its users cannot speak from outside
//! of a channel.

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
use fixture::{Fixture, Kind, config, id, registration};

const IRC: ListenerId = ListenerId(1);
const LEGACY: ListenerId = ListenerId(2);
const CRC_ID: u32 = 777;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Crc,
    Irc,
    Legacy,
}

/// What a user tries to do.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// Enters, with this key.
    Enter(&'static str),
    /// Enters after an operator has invited it.
    EnterInvited,
    Speak,
    /// Leaves, and is heard with the text of the PART.
    PartWithWords,
    SetTopic,
    /// Speaks to programs: CTCP.
    SpeakCtcp,
    /// Says what it does: the CTCP that people read.
    SpeakAction,
    /// Sets something else: the key, the limit, masks or the modes.
    Set(ChannelField),
    /// Gives the operator voice.
    Voice,
    /// Invites the guest.
    Invite,
    /// Invites the guest, which is a member.
    InviteMember,
    /// Invites the guest to a channel that does not exist.
    InviteToNewChannel,
    /// Kicks the operator.
    Kick,
    /// Does this without being a member. Everything else is done as a member.
    Outside(&'static Act),
}

/// One server with an operator and a guest who use IRC, and a user of some protocol.
struct Scene {
    fixture: Fixture,
    operator: usize,
    guest: usize,
    user: usize,
    protocol: Protocol,
}

impl Scene {
    fn new(protocol: Protocol) -> Scene {
        let mut fixture = Fixture::new(7);
        let mut config = config(0);
        config.text_listeners = vec![(IRC, TextProtocol::Irc), (LEGACY, TextProtocol::Legacy)];
        config.limits.irc_lines_per_second = 0;
        fixture.server_with(config);
        let user_of_irc = |fixture: &mut Fixture, nick: &str| {
            let peer = fixture.connect_at(0, IRC);
            fixture.send(
                peer,
                format!("NICK {nick}\r\nUSER {nick} 0 * :x\r\n").as_bytes(),
            );
            peer
        };
        let operator = user_of_irc(&mut fixture, "op");
        let guest = user_of_irc(&mut fixture, "guest");
        fixture.send(operator, b"JOIN #a\r\n");
        let user = match protocol {
            Protocol::Irc => user_of_irc(&mut fixture, "user"),
            Protocol::Legacy => {
                let peer = fixture.connect_at(0, LEGACY);
                fixture.send(peer, b"USER user host s0 :Real\r\n");
                peer
            }
            Protocol::Crc => {
                let peer = fixture.client(0, CRC_ID);
                let info = "info [crc2;f=channels]";
                fixture.send_message(peer, &registration(Kind::Client, CRC_ID, None, info));
                peer
            }
        };
        let mut scene = Scene {
            fixture,
            operator,
            guest,
            user,
            protocol,
        };
        scene.fixture.run(Duration::from_millis(100));
        scene
    }

    fn line(&mut self, peer: usize, line: &str) {
        self.fixture.send(peer, format!("{line}\r\n").as_bytes());
        self.fixture.run(Duration::from_millis(50));
    }

    /// What a user of IRC was sent since the last time.
    fn heard(&mut self, peer: usize) -> String {
        let bytes = std::mem::take(&mut self.fixture.peers[peer].bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The user sends a request about `#a`, as a frame.
    fn request(&mut self, kind: RequestKind, to: Option<HostId>, text: &'static str) {
        self.request_for("#a", kind, to, text);
    }

    fn request_for(
        &mut self,
        channel: &'static str,
        kind: RequestKind,
        to: Option<HostId>,
        text: &'static str,
    ) {
        let request = Message::ChannelRequest(ChannelRequest {
            source: id(CRC_ID),
            destination: to,
            kind,
            channel: Some(ChannelName::new(channel).unwrap()),
            text: Text::new(text).unwrap(),
        });
        self.fixture.send_message(self.user, &request);
        self.fixture.run(Duration::from_millis(50));
    }

    /// The user sets `#a`, as a frame.
    fn set(&mut self, field: ChannelField, value: &'static str) {
        let setting = Message::ChannelSetting(ChannelSetting {
            source: Some(id(CRC_ID)),
            version: 0,
            field,
            channel: ChannelName::new("#a").unwrap(),
            value: Text::new(value).unwrap(),
        });
        self.fixture.send_message(self.user, &setting);
        self.fixture.run(Duration::from_millis(50));
    }

    /// The id of a user of IRC.
    fn id_of(&mut self, nick: &str) -> Option<HostId> {
        self.heard(self.operator);
        self.line(self.operator, &format!("USERHOST {nick}"));
        let answer = self.heard(self.operator);
        let host = answer.split('@').nth(1)?.split(".crc").next()?;
        HostId::new(host.parse().ok()?)
    }

    fn join(&mut self, key: &'static str) {
        match self.protocol {
            Protocol::Crc => self.request(RequestKind::JOIN, None, key),
            _ => self.line(self.user, &format!("JOIN #a {key}")),
        }
    }

    fn members(&mut self) -> usize {
        self.heard(self.operator);
        self.line(self.operator, "NAMES #a");
        let names = self.heard(self.operator);
        let names = names.lines().find(|line| line.contains(" 353 ")).unwrap();
        names.rsplit(':').next().unwrap().split_whitespace().count()
    }

    /// The nick of the user.
    fn nick(&self) -> String {
        match self.protocol {
            Protocol::Crc => format!("host{CRC_ID}"),
            _ => "user".to_owned(),
        }
    }

    /// Sets the channel as `modes` say, does `act`, and says whether it had an effect.
    fn may(&mut self, modes: &str, act: Act) -> bool {
        let (act, is_member) = match act {
            Act::Outside(act) => (*act, false),
            Act::Enter(_) | Act::EnterInvited => (act, false),
            act => (act, true),
        };
        if is_member {
            self.join("");
        }
        if matches!(act, Act::InviteMember) {
            self.line(self.guest, "JOIN #a");
        }
        let nick = self.nick();
        for change in modes.split(';') {
            let change = change.replace("NICK", &nick);
            self.line(self.operator, &format!("MODE #a {change}"));
        }
        let (operator, guest) = (self.id_of("op"), self.id_of("guest"));
        self.heard(self.operator);
        self.heard(self.guest);
        match act {
            Act::Enter(key) => {
                self.join(key);
                self.members() == 2
            }
            Act::EnterInvited => {
                self.line(self.operator, &format!("INVITE {nick} #a"));
                self.join("");
                self.members() == 2
            }
            Act::Speak | Act::SpeakCtcp | Act::SpeakAction => {
                let text = match act {
                    Act::SpeakCtcp => "\u{1}PING ahoy\u{1}",
                    Act::SpeakAction => "\u{1}ACTION ahoy\u{1}",
                    _ => "ahoy",
                };
                match self.protocol {
                    Protocol::Crc => {
                        let chat = Message::ChannelChat(ChannelChat {
                            source: id(CRC_ID),
                            kind: ChatKind::Message,
                            channel: ChannelName::new("#a").unwrap(),
                            text: Text::new(text).unwrap(),
                        });
                        self.fixture.send_message(self.user, &chat);
                        self.fixture.run(Duration::from_millis(50));
                    }
                    _ => self.line(self.user, &format!("PRIVMSG #a :{text}")),
                }
                self.heard(self.operator).contains("ahoy")
            }
            Act::PartWithWords => {
                match self.protocol {
                    Protocol::Crc => {
                        let part = Message::ChannelPart(ChannelPart {
                            source: id(CRC_ID),
                            by: None,
                            channel: ChannelName::new("#a").unwrap(),
                            text: Text::new("ahoy").unwrap(),
                        });
                        self.fixture.send_message(self.user, &part);
                        self.fixture.run(Duration::from_millis(50));
                    }
                    _ => self.line(self.user, "PART #a :ahoy"),
                }
                let heard = self.heard(self.operator);
                assert!(heard.contains("PART #a"), "{heard}");
                heard.contains("ahoy")
            }
            Act::SetTopic => {
                match self.protocol {
                    Protocol::Crc => self.set(ChannelField::TOPIC, "low water"),
                    _ => self.line(self.user, "TOPIC #a :low water"),
                }
                self.heard(self.operator).contains("low water")
            }
            Act::Set(field) => {
                let (value, mode) = match field {
                    ChannelField::KEY => ("shell", "+k shell"),
                    ChannelField::LIMIT => ("9", "+l 9"),
                    ChannelField::BANS => ("shark!*@*", "+b shark!*@*"),
                    ChannelField::EXCEPTIONS => ("eel!*@*", "+e eel!*@*"),
                    ChannelField::INVITE_EXCEPTIONS => ("cod!*@*", "+I cod!*@*"),
                    _ => ("imnt", "+im"),
                };
                match self.protocol {
                    Protocol::Crc => self.set(field, value),
                    _ => self.line(self.user, &format!("MODE #a {mode}")),
                }
                let expected = format!("MODE #a {mode}");
                self.heard(self.operator).contains(&expected)
            }
            Act::Voice => {
                match self.protocol {
                    Protocol::Crc => self.request(RequestKind::VOICE, operator, ""),
                    _ => self.line(self.user, "MODE #a +v op"),
                }
                self.heard(self.operator).contains("MODE #a +v op")
            }
            Act::Invite | Act::InviteMember | Act::InviteToNewChannel => {
                let channel = match act {
                    Act::InviteToNewChannel => "#b",
                    _ => "#a",
                };
                match self.protocol {
                    Protocol::Crc => self.request_for(channel, RequestKind::INVITE, guest, ""),
                    _ => self.line(self.user, &format!("INVITE guest {channel}")),
                }
                self.heard(self.guest).contains("INVITE")
            }
            Act::Outside(_) => unreachable!("only one level"),
            Act::Kick => {
                match self.protocol {
                    Protocol::Crc => self.request(RequestKind::KICK, operator, ""),
                    _ => self.line(self.user, "KICK #a op"),
                }
                self.heard(self.operator).contains("KICK")
            }
        }
    }
}

#[test]
fn every_rule_holds_for_every_protocol_as_the_table_says() {
    use Act::{
        Enter, EnterInvited, Invite, InviteMember, InviteToNewChannel, Kick, Outside,
        PartWithWords, Set, SetTopic, Speak, SpeakAction, SpeakCtcp, Voice,
    };
    // Modes that an operator sets (NICK is the user), what the user does, and whether a user
    // of CRC, of IRC and of the legacy protocol may.
    let table = [
        ("+n", Enter(""), [true, true, true]),
        ("+k pearl", Enter(""), [false, false, false]),
        ("+k pearl", Enter("pearl"), [true, true, true]),
        ("+i", Enter(""), [false, false, false]),
        ("+i", EnterInvited, [true, true, true]),
        ("+l 1", EnterInvited, [true, true, true]),
        ("+b *!*@*", EnterInvited, [true, true, true]),
        ("+k pearl", EnterInvited, [false, false, false]),
        ("+l 1", Enter(""), [false, false, false]),
        ("+b *!*@*", Enter(""), [false, false, false]),
        ("+b *!*@*;+e NICK!*@*", Enter(""), [true, true, true]),
        ("+b *!*@*;+e shark!*@*", Enter(""), [false, false, false]),
        ("+b *!*@*;+e m:NICK!*@*", Enter(""), [false, false, false]),
        ("+b m:*!*@*", Enter(""), [true, true, true]),
        ("+i;+I NICK!*@*", Enter(""), [true, true, true]),
        ("+i;+I shark!*@*", Enter(""), [false, false, false]),
        ("+i;+e NICK!*@*", Enter(""), [false, false, false]),
        ("+i;+I NICK!*@*;+b *!*@*", Enter(""), [false, false, false]),
        ("+k pearl;+I *!*@*", Enter(""), [false, false, false]),
        ("+l 1;+I *!*@*", Enter(""), [false, false, false]),
        ("+n", Speak, [true, true, true]),
        ("+b m:*!*@*", Speak, [false, false, false]),
        ("+b m:*!*@*;+v NICK", Speak, [true, true, true]),
        ("+b m:shark!*@*", Speak, [true, true, true]),
        ("+b *!*@*;+e NICK!*@*", Speak, [true, true, true]),
        ("+b *!*@*;+e m:NICK!*@*", Speak, [true, true, true]),
        ("+b m:*!*@*;+e NICK!*@*", Speak, [true, true, true]),
        ("+b m:*!*@*;+e m:shark!*@*", Speak, [false, false, false]),
        ("+m;+e NICK!*@*", Speak, [false, false, false]),
        ("-n;+b m:*!*@*", Outside(&Speak), [false, false, false]),
        ("+n", SpeakCtcp, [true, true, true]),
        ("+C", SpeakCtcp, [false, false, false]),
        ("+C;+o NICK", SpeakCtcp, [false, false, false]),
        ("+C", SpeakAction, [true, true, true]),
        ("+C", Speak, [true, true, true]),
        ("+m", Speak, [false, false, false]),
        ("+b *!*@*", Speak, [false, false, false]),
        ("+m;+v NICK", Speak, [true, true, true]),
        ("+b *!*@*;+o NICK", Speak, [true, true, true]),
        ("+n", Outside(&Speak), [false, false, false]),
        ("-n", Outside(&Speak), [true, true, false]),
        ("-n;+m", Outside(&Speak), [false, false, false]),
        // A PART of the legacy protocol has no text.
        ("+n", PartWithWords, [true, true, false]),
        ("+m", PartWithWords, [false, false, false]),
        ("+b *!*@*", PartWithWords, [false, false, false]),
        ("+m;+v NICK", PartWithWords, [true, true, false]),
        ("-t", SetTopic, [true, true, true]),
        ("+t", SetTopic, [false, false, false]),
        ("+t;+v NICK", SetTopic, [false, false, false]),
        ("+t;+o NICK", SetTopic, [true, true, true]),
        ("-t", Outside(&SetTopic), [false, false, false]),
        // The legacy protocol has no MODE, no INVITE and no KICK.
        ("+n", Set(ChannelField::KEY), [false, false, false]),
        ("+v NICK", Set(ChannelField::KEY), [false, false, false]),
        ("+o NICK", Set(ChannelField::KEY), [true, true, false]),
        (
            "-n",
            Outside(&Set(ChannelField::KEY)),
            [false, false, false],
        ),
        ("+n", Set(ChannelField::LIMIT), [false, false, false]),
        ("+v NICK", Set(ChannelField::LIMIT), [false, false, false]),
        ("+o NICK", Set(ChannelField::LIMIT), [true, true, false]),
        (
            "-n",
            Outside(&Set(ChannelField::LIMIT)),
            [false, false, false],
        ),
        ("+n", Set(ChannelField::BANS), [false, false, false]),
        ("+v NICK", Set(ChannelField::BANS), [false, false, false]),
        ("+o NICK", Set(ChannelField::BANS), [true, true, false]),
        (
            "-n",
            Outside(&Set(ChannelField::BANS)),
            [false, false, false],
        ),
        (
            "+v NICK",
            Set(ChannelField::EXCEPTIONS),
            [false, false, false],
        ),
        (
            "+o NICK",
            Set(ChannelField::EXCEPTIONS),
            [true, true, false],
        ),
        (
            "+v NICK",
            Set(ChannelField::INVITE_EXCEPTIONS),
            [false, false, false],
        ),
        (
            "+o NICK",
            Set(ChannelField::INVITE_EXCEPTIONS),
            [true, true, false],
        ),
        ("+nt", Set(ChannelField::MODES), [false, false, false]),
        (
            "+nt;+v NICK",
            Set(ChannelField::MODES),
            [false, false, false],
        ),
        ("+nt;+o NICK", Set(ChannelField::MODES), [true, true, false]),
        (
            "-n",
            Outside(&Set(ChannelField::MODES)),
            [false, false, false],
        ),
        ("+n", Voice, [false, false, false]),
        ("+v NICK", Voice, [false, false, false]),
        ("+o NICK", Voice, [true, true, false]),
        ("-n", Outside(&Voice), [false, false, false]),
        ("+n", Invite, [true, true, false]),
        ("-n", Outside(&Invite), [false, false, false]),
        ("+n", InviteToNewChannel, [false, false, false]),
        ("+n", InviteMember, [false, false, false]),
        ("+o NICK", InviteMember, [false, false, false]),
        ("+i", Invite, [false, false, false]),
        ("+i;+o NICK", Invite, [true, true, false]),
        ("+n", Kick, [false, false, false]),
        ("+v NICK", Kick, [false, false, false]),
        ("+o NICK", Kick, [true, true, false]),
        ("-n", Outside(&Kick), [false, false, false]),
    ];
    let protocols = [Protocol::Crc, Protocol::Irc, Protocol::Legacy];
    for (modes, act, allowed) in table {
        let found = protocols.map(|protocol| Scene::new(protocol).may(modes, act));
        assert_eq!(found, allowed, "{act:?} where a channel has {modes}");
    }
}

#[test]
fn a_frame_sets_only_what_irc_can_show_and_take_back() {
    let mut scene = Scene::new(Protocol::Crc);
    scene.join("");
    let nick = scene.nick();
    scene.line(scene.operator, &format!("MODE #a +o {nick}"));
    scene.heard(scene.operator);
    for (field, value) in [
        (ChannelField::LIMIT, "+5"),
        (ChannelField::LIMIT, "007"),
        (ChannelField::LIMIT, "0"),
        (ChannelField::LIMIT, "4294967296"),
        (ChannelField::BANS, ":shark!*@*"),
        (ChannelField::BANS, "eel!*@* :shark!*@*"),
        (ChannelField::EXCEPTIONS, "eel!*@*  cod!*@*"),
        (ChannelField::INVITE_EXCEPTIONS, ":eel!*@*"),
        (ChannelField::KEY, ":pearl"),
        (ChannelField::MODES, "tn"),
    ] {
        scene.set(field, value);
        assert_eq!(scene.heard(scene.operator), "", "{value}");
    }
    scene.set(ChannelField::BANS, "shark");
    assert!(scene.heard(scene.operator).contains("MODE #a +b shark\r"));
    scene.line(scene.operator, "MODE #a -b shark");
    assert!(scene.heard(scene.operator).contains("MODE #a -b shark\r"));
}
