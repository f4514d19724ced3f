//! Events of the client become lines in windows.

use std::time::Duration;

use crc_core::{ChannelMember, Client, ClientNotice, Escaped, HostRef, ascii_name};
use crc_wire::{ChannelField, ChatKind, HostId, StatusCode};

use super::line::{Line, LineKind};
use super::state::{Connection, Now, Overlay, State};
use super::window::{Member, With};
use crate::event::OutputEvent;
use crate::palette::Palette;
use crate::shown::shown;
use crate::text::{self, LOSS_UNTOLD_MAX, Wording};

impl State {
    /// Notes an event.
    pub(crate) fn on_event(&mut self, event: &OutputEvent, client: &Client, now: &Now) {
        self.completer.note(event, client);
        self.cycle = None;
        match event {
            OutputEvent::Client(notice) => self.on_notice(notice, event, client, now),
            OutputEvent::Help => self.overlay = Overlay::Help(0),
            // Each window has its own target.
            OutputEvent::TargetChanged { .. } | OutputEvent::LineHandled => {}
            OutputEvent::Settled => self.count_clients(now),
            event => self.on_other(event, client, now),
        }
    }

    /// Shows an event where the user looks.
    fn on_other(&mut self, event: &OutputEvent, client: &Client, now: &Now) {
        self.show_in(self.active, event, client, now);
    }

    fn show_in(&mut self, index: usize, event: &OutputEvent, client: &Client, now: &Now) {
        if let Some(lines) = self.lines_of(event) {
            let kind = match lines.starts_with("! ") {
                true => LineKind::Error,
                false => LineKind::Event,
            };
            let plain = lines.strip_prefix("* ").or(lines.strip_prefix("! "));
            self.note(index, plain.unwrap_or(&lines), now, &kind);
        } else if let Some(error) = text::error(event, client) {
            self.error(index, &Escaped(&error).to_string(), now);
        }
    }

    fn lines_of(&self, event: &OutputEvent) -> Option<String> {
        text::lines(event, Wording::for_people(Palette::Plain, &self.names))
    }

    fn on_notice(
        &mut self,
        notice: &ClientNotice,
        event: &OutputEvent,
        client: &Client,
        now: &Now,
    ) {
        match notice {
            ClientNotice::Connected { server } => {
                self.connection = Connection::Connecting {
                    server: server.to_string(),
                };
            }
            ClientNotice::Unreachable { retry_in, .. } => {
                let retry_at = Some(now.instant + *retry_in);
                self.connection = Connection::Offline { retry_at };
                self.show_in(0, event, client, now);
                self.tell_loss(*retry_in, now);
            }
            ClientNotice::Welcome { id, .. } => {
                self.names.set_own(*id, client.name());
                self.name = shown(client.name());
                self.loss = None;
                let server = client.server().to_string();
                for index in 1..self.windows.len() {
                    self.event(index, &format!("now connected to {server}"), now);
                }
                self.connection = Connection::Online { server };
                self.is_counted = false;
                self.show_in(0, event, client, now);
            }
            // Each window has its line about the welcome.
            ClientNotice::Moved { .. } => self.show_in(0, event, client, now),
            ClientNotice::Disconnected { retry_in, .. } => {
                self.on_disconnected(event, client, now);
                let retry_at = retry_in.map(|pause| now.instant + pause);
                self.connection = Connection::Offline { retry_at };
                self.tell_loss(retry_in.unwrap_or(Duration::MAX), now);
            }
            ClientNotice::Joined { id, name, .. } => self.on_online(*id, name, now),
            ClientNotice::Renamed { id, old, new } if *id == client.id() => {
                self.name = shown(new);
                self.names.set_own(*id, new);
                self.on_renamed(*id, old, new, now);
            }
            ClientNotice::Away { client, text } => self.on_away(client, text, now),
            ClientNotice::Renamed { id, new, .. } => self.on_online(*id, new, now),
            ClientNotice::Left { id, name, .. } => self.on_offline(*id, name, now),
            ClientNotice::Chat {
                from,
                from_name,
                text,
                ..
            } => {
                let name = from_name.clone().unwrap_or_else(|| from.to_string());
                let id = Some(*from);
                let index = self.open(With::Person { name, id });
                let from = HostRef::new(*from, from_name.clone());
                self.on_chat(index, &from, ChatKind::Message, text, true, now);
            }
            ClientNotice::Notice { from, text } => {
                let index = self.person_window(from.id).unwrap_or(self.active);
                self.on_chat(index, from, ChatKind::Notice, text, false, now);
            }
            ClientNotice::ChannelChat {
                channel,
                from,
                kind,
                text,
            } => {
                let index = self.open(With::Channel(channel.clone()));
                let is_mention = self.mentions(text);
                self.on_chat(index, from, *kind, text, is_mention, now);
            }
            ClientNotice::Status {
                code: StatusCode::NOTE,
                ..
            } => self.on_other(event, client, now),
            _ => self.on_channel_notice(notice, event, client, now),
        }
    }

    fn on_channel_notice(
        &mut self,
        notice: &ClientNotice,
        event: &OutputEvent,
        client: &Client,
        now: &Now,
    ) {
        match notice {
            ClientNotice::ChannelEntered {
                channel,
                members,
                topic,
                rejoined,
            } => self.on_entered(channel, members, topic, *rejoined, client, now),
            ClientNotice::ChannelJoined { channel, member } => {
                let Some(index) = self.channel_window(channel) else {
                    return;
                };
                let name = self.names.shown_ref(&member.client);
                self.set_member(index, member);
                self.presence(index, true, &name, now);
            }
            ClientNotice::ChannelLeft {
                channel,
                client: who,
                by,
                text,
            } => self.on_channel_left(channel, who, by.as_ref(), text, now),
            ClientNotice::ChannelFlags {
                channel,
                member,
                by,
            } => {
                let Some(index) = self.channel_window(channel) else {
                    return;
                };
                self.set_member(index, member);
                let who = self.names.shown_ref(&member.client);
                let by = by.as_ref().map(|by| self.names.shown_ref(by));
                let text = text::rank_change(&who, member.flags, by);
                self.event(index, &text, now);
            }
            ClientNotice::ChannelSet {
                channel,
                field,
                value,
                by,
            } => self.on_channel_set(channel, *field, value, by.as_ref(), client, now),
            ClientNotice::ChannelRefused {
                channel: Some(channel),
                is_join,
                text,
            } => {
                if *is_join {
                    self.wanted
                        .retain(|wanted| !wanted.eq_ignore_ascii_case(channel));
                }
                let index = self.channel_window(channel).unwrap_or(self.active);
                let text = format!("{}: {}", shown(channel), shown(text));
                self.error(index, &text, now);
            }
            ClientNotice::ChannelNotSent { channel, .. } => {
                self.wanted
                    .retain(|wanted| !wanted.eq_ignore_ascii_case(channel));
                let index = self.channel_window(channel).unwrap_or(self.active);
                self.show_in(index, event, client, now);
            }
            ClientNotice::NotSent { to, .. } => {
                let index = self.person_window(*to).unwrap_or(self.active);
                self.show_in(index, event, client, now);
            }
            ClientNotice::Invited { channel, by } => {
                let (channel, by) = (shown(channel), self.names.shown_ref(by));
                let text = format!("{by} invites you to {channel}. Use /join {channel}");
                self.event(self.active, &text, now);
            }
            _ => self.on_other(event, client, now),
        }
    }

    fn on_disconnected(&mut self, event: &OutputEvent, client: &Client, now: &Now) {
        self.names.clear();
        self.is_counted = false;
        self.show_in(0, event, client, now);
        self.loss = self.lines_of(event);
        for window in &mut self.windows {
            window.members.clear();
            window.is_joined = false;
        }
    }

    /// Tells every window that the connection is lost, if the next attempt is not at once.
    fn tell_loss(&mut self, retry_in: Duration, now: &Now) {
        if retry_in < LOSS_UNTOLD_MAX {
            return;
        }
        let Some(loss) = self.loss.take() else {
            return;
        };
        let loss = loss.strip_prefix("* ").unwrap_or(&loss);
        for index in 1..self.windows.len() {
            self.event(index, loss, now);
        }
    }

    /// A client is in the network, perhaps under another name than before.
    fn on_online(&mut self, id: HostId, name: &str, now: &Now) {
        let before = self.names.note(id, name);
        match before {
            Some(before) if before != name => {
                self.on_renamed(id, &before, name, now);
                // It has joined under its name in ASCII a moment ago.
                if before == ascii_name(name) {
                    self.on_back(id, name, now);
                }
            }
            Some(_) => {}
            None => {
                self.on_back(id, name, now);
                if self.is_counted {
                    let name = self.names.shown(id, Some(name));
                    self.presence(0, true, &name, now);
                }
            }
        }
    }

    /// A client may be one that there is a window for, back with another id.
    fn on_back(&mut self, id: HostId, name: &str, now: &Now) {
        if !self.is_counted {
            // Those with the ids of before may be still to come.
            return;
        }
        let with = With::Person {
            name: name.to_owned(),
            id: Some(id),
        };
        let is_known = self.person_window(id).is_some()
            || self.windows.iter().any(
                |window| matches!(&window.with, With::Person { name: known, .. } if known == name),
            );
        if is_known && self.windows.len() < super::state::WINDOWS_MAX {
            let count = self.windows.len();
            let index = self.open(with);
            if index == count {
                // Another client with the name of one that is still there.
                self.windows.pop();
            } else {
                self.presence(index, true, &shown(name), now);
            }
        }
    }

    /// The user is away or back, or a client is away to which the user has written.
    fn on_away(&mut self, who: &HostRef, text: &str, now: &Now) {
        let is_own = self.names.is_own(who.id);
        let (index, subject) = match is_own {
            true => (self.active, "you are".to_owned()),
            false => {
                let index = self.person_window(who.id).unwrap_or(self.active);
                (index, format!("{} is", self.names.shown_ref(who)))
            }
        };
        if is_own {
            self.is_away = !text.is_empty();
        }
        let text = match text {
            "" => format!("{subject} back"),
            text => format!("{subject} away: {}", shown(text)),
        };
        self.event(index, &text, now);
    }

    fn on_renamed(&mut self, id: HostId, before: &str, name: &str, now: &Now) {
        let is_own = self.names.is_own(id);
        let subject = match is_own {
            true => "you are".to_owned(),
            false => format!("{} is", shown(before)),
        };
        let text = format!("{subject} now known as {}", shown(name));
        // A client is known by its name in ASCII until a moment after it has joined.
        let is_told = !is_own || before != ascii_name(name);
        for index in 0..self.windows.len() {
            let window = &mut self.windows[index];
            let is_with = match &mut window.with {
                With::Person {
                    name: known,
                    id: Some(with),
                } if *with == id => {
                    name.clone_into(known);
                    true
                }
                _ => false,
            };
            let member = window.members.get_mut(&id);
            let is_member = member.map(|member| member.name = shown(name)).is_some();
            if is_told && (is_with || is_member || (is_own && index == self.active)) {
                self.event(index, &text, now);
            }
        }
    }

    /// A client has left the network, and with that all channels.
    fn on_offline(&mut self, id: HostId, name: &str, now: &Now) {
        let name = self.names.shown(id, Some(name));
        self.names.forget(id);
        for index in 0..self.windows.len() {
            let window = &mut self.windows[index];
            let is_with = matches!(window.with, With::Person { id: Some(with), .. } if with == id);
            let was_member = window.members.remove(&id).is_some();
            if is_with || was_member || index == 0 {
                self.presence(index, false, &name, now);
            }
        }
    }

    /// A client says something, in a channel or to the user.
    fn on_chat(
        &mut self,
        index: usize,
        from: &HostRef,
        kind: ChatKind,
        text: &str,
        is_mention: bool,
        now: &Now,
    ) {
        let (kind, text) = match (text::action(text), kind) {
            (Some(action), _) => (LineKind::Action, action),
            (None, ChatKind::Notice) => (LineKind::Notice, text),
            (None, ChatKind::Message) => (LineKind::Chat, text),
        };
        let is_own = self.names.is_own(from.id);
        let line = Line {
            seq: 0,
            at: now.moment.clone(),
            kind,
            who: self.names.shown_ref(from),
            is_own,
            is_mention: is_mention && !is_own,
            text: shown(text),
        };
        self.push(index, line, true);
    }

    /// The user is in a channel.
    fn on_entered(
        &mut self,
        channel: &str,
        members: &[ChannelMember],
        topic: &str,
        rejoined: bool,
        client: &Client,
        now: &Now,
    ) {
        let is = |name: &String| name.eq_ignore_ascii_case(channel);
        if self.closed.iter().any(is) {
            // The window was closed while there was no connection.
            self.closed.retain(|name| !is(name));
            self.send_part(channel);
            return;
        }
        let index = self.open(With::Channel(channel.to_owned()));
        if index == 0 {
            return;
        }
        let modes = client.channel(channel).map(|it| it.modes().to_owned());
        let window = &mut self.windows[index];
        window.is_joined = true;
        window.set_members(members);
        topic.clone_into(&mut window.topic);
        window.modes = modes.unwrap_or_default();
        let text = text::entered(channel, members.len(), rejoined);
        self.event(index, &text, now);
        if !topic.is_empty() && !rejoined {
            self.event(index, &format!("topic: {}", shown(topic)), now);
        }
        if self.wanted.iter().any(is) {
            self.wanted.retain(|name| !is(name));
            self.switch_to(index);
        }
        self.flush_pending(Some(index), now);
    }

    fn on_channel_left(
        &mut self,
        channel: &str,
        who: &HostRef,
        by: Option<&HostRef>,
        text: &str,
        now: &Now,
    ) {
        let Some(index) = self.channel_window(channel) else {
            return;
        };
        let is_own = self.names.is_own(who.id);
        let reason = match text {
            "" => String::new(),
            text => format!(": {}", shown(text)),
        };
        let window = &mut self.windows[index];
        window.members.remove(&who.id);
        if is_own {
            window.members.clear();
            window.is_joined = false;
        }
        let who = self.names.shown_ref(who);
        match (by, is_own) {
            (None, false) if text.is_empty() => self.presence(index, false, &who, now),
            (None, false) => self.event(index, &format!("{who} left{reason}"), now),
            (None, true) => {
                let channel = shown(channel);
                self.event(
                    index,
                    &format!("you left {channel}. Use /join {channel} or /close"),
                    now,
                );
            }
            (Some(by), true) => {
                let by = self.names.shown_ref(by);
                self.error(index, &format!("{by} kicked you{reason}"), now);
            }
            (Some(by), false) => {
                let by = self.names.shown_ref(by);
                self.event(index, &format!("{by} kicked {who}{reason}"), now);
            }
        }
    }

    fn on_channel_set(
        &mut self,
        channel: &str,
        field: ChannelField,
        value: &str,
        by: Option<&HostRef>,
        client: &Client,
        now: &Now,
    ) {
        let Some(index) = self.channel_window(channel) else {
            return;
        };
        let modes = client.channel(channel).map(|it| it.modes().to_owned());
        let window = &mut self.windows[index];
        if field == ChannelField::TOPIC {
            value.clone_into(&mut window.topic);
        }
        window.modes = modes.unwrap_or_default();
        let by = by.map(|by| self.names.shown_ref(by));
        let Some(text) = text::setting_change(field, &shown(value), by.as_deref()) else {
            return;
        };
        self.event(index, &text, now);
    }

    fn set_member(&mut self, index: usize, member: &ChannelMember) {
        let name = member.client.name.as_deref().unwrap_or("?");
        let (name, flags) = (shown(name), member.flags);
        let members = &mut self.windows[index].members;
        members.insert(member.client.id, Member { name, flags });
    }
}
