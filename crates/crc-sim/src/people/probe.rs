//! The probe at rest: everybody tries what it must not, which must change nothing, and
//! operators do what they may, which must be carried out (A7).

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use crc_core::{ClientCommand, HostKind, Server};
use crc_wire::{ChannelField, ChannelName, ChannelRequest, ChannelSetting, Message, RequestKind};
use crc_wire::{HostId, MemberFlags, Text};

use super::{CHANNELS, chat_frame, frame_user, home, host_id, irc_user, legacy_user};
use crate::foreign::ForeignCommand;
use crate::invariant::Invariant;
use crate::judge::rules::{BANS, INVITE_EXCEPTIONS, KEY, LIMIT, State, TOPIC, names};
use crate::rest_checks::{self, Parts};
use crate::world::World;

/// How long everything takes to have its effect.
const PROBE: Duration = Duration::from_secs(10);

/// A channel that is founded for the probe.
const FOUNDED: &str = "#probe";

/// The channels of every server.
type Channels = BTreeMap<usize, BTreeMap<String, State>>;

/// A user at a server who can do something in channels.
struct Person {
    node: usize,
    home: usize,
    id: HostId,
}

/// What an operator has done, and what must follow from it.
struct Done {
    operator: usize,
    home: usize,
    channel: String,
    /// A member that has voice now.
    voiced: Option<Person>,
    /// A host that is invited now.
    invited: Option<Person>,
    topic: String,
    /// The masks of users who need no invitation, which it removes.
    welcome: Box<str>,
}

impl World {
    /// Tries what is forbidden and what is permitted.
    pub(crate) fn probe(&mut self, parts: &Parts) {
        self.probe_forbidden();
        if self.is_sound() {
            self.found(parts);
        }
        if self.is_sound() {
            let done = self.rule(parts);
            self.go_on();
            self.check_rule(parts, &done);
            if self.is_sound() {
                self.use_rule(parts, &done);
            }
        }
        if self.is_sound() {
            for (invariant, text) in rest_checks::check_told(&self.network) {
                self.violation(invariant, text);
            }
        }
    }

    fn go_on(&mut self) {
        let until = self.now() + PROBE;
        self.run(until);
        if self.is_sound() {
            for (_, text) in rest_checks::check_channel_chats(&self.monitor) {
                self.violation(Invariant::A7, text);
            }
        }
    }

    /// All clients and people that are registered.
    fn persons(&self) -> Vec<Person> {
        let clients = self.network.clients();
        let clients = clients.filter(|(_, client, _)| client.is_welcomed());
        let clients = clients.map(|(node, client, home)| (node, home, Some(client.id())));
        let nodes = (0..self.network.nodes.len()).filter_map(|node| {
            let home = home(&self.network, node)?;
            Some((node, home, host_id(&self.network, node)))
        });
        let all = clients.chain(nodes).filter_map(|(node, home, id)| {
            let id = id?;
            let known = self.network.server(home)?.snapshot().directory().find(id)?;
            let is_client = known.kind() == HostKind::Client && self.network.is_alive(node);
            is_client.then_some(Person { node, home, id })
        });
        all.collect()
    }

    fn all_channels(&self) -> Channels {
        let of = |server: &Server| {
            let snapshot = server.snapshot();
            let channels = snapshot.channels().iter();
            channels
                .map(|channel| (channel.name().to_ascii_lowercase(), State::of(channel)))
                .collect()
        };
        let servers = self.network.servers();
        servers.map(|(node, server)| (node, of(server))).collect()
    }

    /// Each user does what it must not: nothing may change, and no user may hear it.
    fn probe_forbidden(&mut self) {
        let before = self.all_channels();
        for person in self.persons() {
            for name in CHANNELS {
                let state = before.get(&person.home).and_then(|known| known.get(name));
                if let Some(state) = state {
                    self.break_rules(&person, name, state);
                }
            }
        }
        self.go_on();
        let after = self.all_channels();
        if self.is_sound() && before != after {
            let changed = before
                .iter()
                .zip(&after)
                .find(|(before, after)| before != after);
            let text = format!("what is forbidden was carried out: {changed:?}");
            self.violation(Invariant::A7, text);
        }
    }

    fn break_rules(&mut self, person: &Person, name: &str, state: &State) {
        let &Person { node, id, .. } = person;
        let known = self.network.server(person.home).map(Server::snapshot);
        let names = known.map_or(Vec::new(), |snapshot| names(&snapshot, id));
        let is_member = state.members.contains_key(&id);
        let may_be_invited = match &self.monitor.judge {
            Some(judge) => judge.is_invited(person.home, id, name),
            None => true,
        };
        let locked = state.locks_out("wrong", may_be_invited, &names).is_some();
        if !is_member && locked {
            self.enter(node, name, "wrong");
        }
        if !state.may_speak(id, &names) {
            self.say(node, name, BTreeSet::new());
        }
        if !state.may_set(id, TOPIC) {
            self.set(node, name, ChannelField::TOPIC, "taken");
        }
        if state.is_operator(id) {
            return;
        }
        let other = state.members.keys().find(|member| **member != id).copied();
        for (field, value, line) in [
            (ChannelField::KEY, "taken", "+k taken"),
            (ChannelField::LIMIT, "77", "+l 77"),
            (ChannelField::BANS, "taken!*@*", "+b taken!*@*"),
            (ChannelField::EXCEPTIONS, "taken!*@*", "+e taken!*@*"),
            (ChannelField::INVITE_EXCEPTIONS, "*!*@*", "+I *!*@*"),
            (ChannelField::MODES, "imt", "+im"),
            (ChannelField::MODES, "", "-nt"),
        ] {
            match irc_user(&self.network, node) {
                Some(_) => self.lines(node, format!("MODE {name} {line}\r\n")),
                None if frame_user(&self.network, node).is_some() => {
                    self.set(node, name, field, value);
                }
                None => {}
            }
        }
        for (kind, to) in [
            (RequestKind::OP, Some(id)),
            (RequestKind::VOICE, other.or(Some(id))),
            (RequestKind::DEOP, other),
            (RequestKind::KICK, other),
        ] {
            if let Some(to) = to {
                self.ask(person, name, kind, to);
            }
        }
    }

    /// In each part a user of IRC founds a channel, and all but two others join it.
    fn found(&mut self, parts: &Parts) {
        let persons = self.persons();
        let is_irc = |it: &&Person| irc_user(&self.network, it.node).is_some();
        let founders = persons.iter().filter(is_irc);
        // One for each part.
        let founders = founders.filter_map(|it| Some((*parts.get(&it.home)?, it)));
        let founders: BTreeMap<usize, &Person> = founders.collect();
        for founder in founders.values() {
            self.enter(founder.node, FOUNDED, "");
        }
        self.go_on();
        for (part, founder) in &founders {
            let others = persons
                .iter()
                .filter(|it| parts.get(&it.home) == Some(part));
            let others = others
                .filter(|it| it.node != founder.node)
                .map(|it| it.node);
            for other in others.skip(2) {
                self.enter(other, FOUNDED, "");
            }
        }
        self.go_on();
        let channels = self.all_channels();
        for (part, founder) in &founders {
            let state = channels.get(part).and_then(|known| known.get(FOUNDED));
            if self.is_sound() && !state.is_some_and(|state| state.is_operator(founder.id)) {
                let who = self.network.describe(founder.node);
                let text = format!("{who} has founded a channel without a rank: {state:?}");
                self.violation(Invariant::A7, text);
            }
        }
    }

    /// An operator of each channel, if there is one that uses IRC, sets it.
    fn rule(&mut self, parts: &Parts) -> Vec<Done> {
        let channels = self.all_channels();
        let persons = self.persons();
        let mut done = Vec::new();
        let all: BTreeSet<usize> = parts.values().copied().collect();
        for part in all {
            for name in CHANNELS.into_iter().chain([FOUNDED]) {
                let state = channels.get(&part).and_then(|known| known.get(name));
                let Some(state) = state else { continue };
                let here = |it: &&Person| parts.get(&it.home) == Some(&part);
                let is_op = |it: &&Person| {
                    state.is_operator(it.id) && irc_user(&self.network, it.node).is_some()
                };
                let Some(operator) = persons.iter().filter(here).find(is_op) else {
                    continue;
                };
                let is_plain = |it: &&Person| {
                    state.members.get(&it.id) == Some(&MemberFlags::NONE)
                        && it.node != operator.node
                };
                let is_outside = |it: &&Person| {
                    let told = legacy_user(&self.network, it.node).is_none();
                    !state.members.contains_key(&it.id) && told
                };
                let copy = |it: &Person| Person { ..*it };
                let voiced = persons.iter().filter(here).find(is_plain).map(copy);
                let invited = persons.iter().filter(here).find(is_outside).map(copy);
                done.push(Done {
                    operator: operator.node,
                    home: operator.home,
                    channel: name.to_owned(),
                    voiced,
                    invited,
                    topic: format!("probe {part}"),
                    welcome: state.settings[INVITE_EXCEPTIONS].clone(),
                });
            }
        }
        for it in &done {
            let (name, topic) = (&it.channel, &it.topic);
            let mut lines = format!(
                "TOPIC {name} :{topic}\r\nMODE {name} +imt\r\nMODE {name} -k x\r\nMODE {name} +l 99\r\nMODE {name} +b nobody!*@*\r\n"
            );
            for mask in it.welcome.split_ascii_whitespace() {
                lines += &format!("MODE {name} -I {mask}\r\n");
            }
            for (person, verb) in [(&it.voiced, "voice"), (&it.invited, "invite")] {
                let nick = person
                    .as_ref()
                    .and_then(|person| self.nick(it.home, person.id));
                match (nick, verb) {
                    (Some(nick), "voice") => {
                        lines += &format!("MODE {name} +v {nick}\r\n");
                    }
                    (Some(nick), _) => lines += &format!("INVITE {nick} {name}\r\n"),
                    (None, _) => {}
                }
            }
            self.lines(it.operator, lines);
        }
        done
    }

    /// What operators have set must be set at every server of the part.
    fn check_rule(&mut self, parts: &Parts, done: &[Done]) {
        let channels = self.all_channels();
        for it in done {
            let part = parts.get(&it.home);
            let servers = parts.iter().filter(|(_, other)| Some(*other) == part);
            for (server, _) in servers {
                let state = channels
                    .get(server)
                    .and_then(|known| known.get(&it.channel));
                let is_set = state.is_some_and(|state| {
                    let voiced = it.voiced.as_ref().and_then(|it| state.members.get(&it.id));
                    *state.settings[TOPIC] == *it.topic
                        && ['i', 'm', 't'].iter().all(|mode| state.has(*mode))
                        && state.settings[KEY].is_empty()
                        && *state.settings[LIMIT] == *"99"
                        && state.settings[BANS].contains("nobody!*@*")
                        && (it.voiced.is_none() || voiced.is_some_and(|flags| flags.voice))
                });
                if !is_set && self.is_sound() {
                    let who = self.network.describe(*server);
                    let text = format!("{who} does not have what an operator has set: {state:?}");
                    self.violation(Invariant::A7, text);
                }
            }
        }
    }

    /// Who has voice is heard, who was invited enters, all others do neither; and who is
    /// kicked is out.
    fn use_rule(&mut self, parts: &Parts, done: &[Done]) {
        let channels = self.all_channels();
        let persons = self.persons();
        for it in done {
            let part = parts.get(&it.home);
            let state = channels
                .get(&it.home)
                .and_then(|known| known.get(&it.channel));
            let Some(state) = state else { continue };
            let here = || {
                persons
                    .iter()
                    .filter(|person| parts.get(&person.home) == part)
            };
            let all = self
                .network
                .channel_members(|home| parts.get(&home) == part);
            let all = all.get(&it.channel).cloned().unwrap_or_default();
            let members = |but: usize| all.iter().copied().filter(|node| *node != but).collect();
            for person in here() {
                let flags = state.members.get(&person.id);
                match flags {
                    Some(flags) if flags.operator || flags.voice => {
                        self.say(person.node, &it.channel, members(person.node));
                    }
                    Some(_) => self.say(person.node, &it.channel, BTreeSet::new()),
                    None => {}
                }
            }
        }
        self.go_on();
        for it in done {
            let part = parts.get(&it.home);
            for person in persons
                .iter()
                .filter(|person| parts.get(&person.home) == part)
            {
                let is_member = |world: &World| {
                    let known = world.network.server(person.home).map(Server::snapshot);
                    known.is_some_and(|known| {
                        let channel = known.channels().find(&it.channel);
                        channel.is_some_and(|channel| channel.member(person.id).is_some())
                    })
                };
                let is_invited = it.invited.as_ref().is_some_and(|it| it.node == person.node);
                let holds_other = match &self.monitor.judge {
                    Some(judge) => judge.is_invited(person.home, person.id, &it.channel),
                    None => true,
                };
                if self.is_sound() && !is_member(self) && (is_invited || !holds_other) {
                    self.enter(person.node, &it.channel, "");
                    self.go_on();
                    if self.is_sound() && is_member(self) != is_invited {
                        let who = self.network.describe(person.node);
                        let text = format!("{who} entered {}, or should have", it.channel);
                        self.violation(Invariant::A7, text);
                    }
                }
            }
            let (Some(voiced), true) = (&it.voiced, self.is_sound()) else {
                continue;
            };
            let Some(nick) = self.nick(it.home, voiced.id) else {
                continue;
            };
            self.lines(it.operator, format!("KICK {} {nick} :out\r\n", it.channel));
            self.go_on();
            let channels = self.all_channels();
            let state = channels
                .get(&voiced.home)
                .and_then(|known| known.get(&it.channel));
            if self.is_sound() && state.is_some_and(|it| it.members.contains_key(&voiced.id)) {
                let who = self.network.describe(voiced.node);
                self.violation(Invariant::A7, format!("{who} was not kicked: {state:?}"));
            }
        }
    }

    // What a person does, in its own way.

    /// The nick of a host at a server.
    fn nick(&self, server: usize, host: HostId) -> Option<String> {
        let snapshot = self.network.server(server)?.snapshot();
        snapshot.nicks()?.of(host).map(str::to_owned)
    }

    fn enter(&mut self, node: usize, name: &str, key: &str) {
        if let Some(user) = frame_user(&self.network, node) {
            let join = Message::ChannelRequest(ChannelRequest {
                source: user.id,
                destination: None,
                kind: RequestKind::JOIN,
                channel: ChannelName::new(name).ok(),
                text: Text::truncated(key),
            });
            self.command(node, ForeignCommand::Frames(join.to_vec()));
        } else if let Some(home) = home(&self.network, node) {
            // A user of IRC that knows renames does not enter under a former name.
            let known = self.network.server(home).map(Server::snapshot);
            let known = known.filter(|_| irc_user(&self.network, node).is_some());
            let channel = known.and_then(|known| known.channels().find(name));
            let name = channel
                .map_or(name, |channel| channel.shown_name())
                .to_owned();
            self.lines(node, format!("JOIN {name} {key}\r\n"));
        } else {
            let (channel, key) = (name.to_owned(), key.to_owned());
            self.command(node, ClientCommand::Join { channel, key });
        }
    }

    /// Says something that exactly `due` must hear.
    fn say(&mut self, node: usize, name: &str, due: BTreeSet<usize>) {
        let network = &self.network;
        let text = self
            .monitor
            .new_channel_chat(network, node, name, Some(due));
        if let Some(frame) = chat_frame(&self.network, node, name, &text) {
            self.command(node, ForeignCommand::Frames(frame));
        } else if home(&self.network, node).is_some() {
            self.lines(node, format!("PRIVMSG {name} :{text}\r\n"));
        } else {
            let channel = name.to_owned();
            self.command(node, ClientCommand::SendChannelChat { channel, text });
        }
    }

    fn set(&mut self, node: usize, name: &str, field: ChannelField, value: &str) {
        if let Some(user) = frame_user(&self.network, node)
            && let Ok(channel) = ChannelName::new(name)
        {
            let setting = Message::ChannelSetting(ChannelSetting {
                source: Some(user.id),
                version: 0,
                field,
                channel,
                value: Text::truncated(value),
            });
            self.command(node, ForeignCommand::Frames(setting.to_vec()));
        } else if home(&self.network, node).is_some() {
            self.lines(node, format!("TOPIC {name} :{value}\r\n"));
        } else {
            let (channel, topic) = (name.to_owned(), value.to_owned());
            self.command(node, ClientCommand::SetTopic { channel, topic });
        }
    }

    /// A person asks for a rank or a kick, in a protocol that has words for it.
    fn ask(&mut self, person: &Person, name: &str, kind: RequestKind, to: HostId) {
        let node = person.node;
        if let Some(user) = frame_user(&self.network, node) {
            let request = Message::ChannelRequest(ChannelRequest {
                source: user.id,
                destination: Some(to),
                kind,
                channel: ChannelName::new(name).ok(),
                text: Text::default(),
            });
            self.command(node, ForeignCommand::Frames(request.to_vec()));
        } else if irc_user(&self.network, node).is_some()
            && let Some(nick) = self.nick(person.home, to)
        {
            self.lines(
                node,
                match kind {
                    RequestKind::OP => format!("MODE {name} +o {nick}\r\n"),
                    RequestKind::DEOP => format!("MODE {name} -o {nick}\r\n"),
                    RequestKind::VOICE => format!("MODE {name} +v {nick}\r\n"),
                    _ => format!("KICK {name} {nick} :out\r\n"),
                },
            );
        }
    }
}
