//! What the client does with each message from the server.

use crc_machine::{LinkId, Timestamp};
use crc_wire::{
    ChannelChat, ChannelJoin, ChannelPart, ChannelRequest, ChannelSetting, ClientChat, ClientQuit,
    FrameLimits, HostId, MemberFlags, Message, Registration, RequestKind, Status, StatusCode,
};

use super::channels::{JoinChange, SettingChange};
use super::identity::OnRefusal;
use super::session::Session;
use super::{
    BadFrame, ChannelMember, Client, ClientFailure, ClientNotice, DisconnectReason, ListRest,
    ListedChannel, Out, RemoteClient, UserInfo, UserRequest,
};
use crate::admission::is_channel_name;
use crate::announcement::{Announcement, Features, parse_features_text, split_info, stated_name};
use crate::names::{ascii_name, utf8_name};

/// The features that this client announces.
const FEATURES: Features = Features {
    server_quit: false,
    channels: true,
    channel_age: false,
    auth: false,
    oper: false,
    notices: true,
    servers: true,
    utf8_names: true,
    people: true,
    ping: false,
    metadata: false,
    tags: false,
    questions: false,
};

impl Client {
    pub(super) fn handle_bytes(
        &mut self,
        now: Timestamp,
        link: LinkId,
        bytes: &[u8],
        out: &mut Out,
    ) {
        let session = self.connection.session_on(link);
        let Some(session) = session.filter(|session| !session.is_silent()) else {
            return;
        };
        session.on_heard(now);
        let mut decoder = session.take_decoder();
        let limits = FrameLimits::RELAY.with_text_bytes_max(self.config.limits.text_bytes_max);
        let mut input = bytes;
        loop {
            match decoder.next_frame(&mut input, limits) {
                Ok(Some(frame)) => match frame.message() {
                    Ok(message) => self.on_message(now, message, out),
                    Err(error) => {
                        let why = BadFrame::Message(error);
                        out.notice(ClientNotice::FrameDropped { why });
                    }
                },
                Ok(None) => break,
                Err(error) => {
                    self.close(now, DisconnectReason::InvalidFrame(error), out);
                    return;
                }
            }
            // The message may have ended the session.
            if self.connection.session().is_none() {
                return;
            }
        }
        if let Some(session) = self.connection.session_on(link) {
            session.put_decoder(decoder);
        }
    }

    fn on_message(&mut self, now: Timestamp, message: Message<'_>, out: &mut Out) {
        match message {
            Message::Status(status) => {
                self.on_status(now, status, out);
                self.rejoin_channels(out);
            }
            Message::ClientRegistration(registration) => {
                self.on_registration(now, registration, out);
            }
            Message::ClientChat(chat) => self.on_chat(chat, out),
            Message::ClientQuit(quit) => self.on_quit(quit, out),
            Message::ChannelJoin(join) => self.on_channel_join(now, &join, out),
            Message::ChannelPart(part) => self.on_channel_part(part, out),
            Message::ChannelChat(chat) => self.on_channel_chat(chat, out),
            Message::ChannelSetting(setting) => self.on_channel_setting(now, setting, out),
            Message::ChannelRequest(ChannelRequest {
                source,
                kind: RequestKind::INVITE,
                channel: Some(channel),
                ..
            }) => out.notice(ClientNotice::Invited {
                channel: channel.into_string(),
                by: self.host_ref(source),
            }),
            Message::ChannelRequest(ChannelRequest {
                source,
                kind: RequestKind::NOTICE,
                text,
                ..
            }) => out.notice(ClientNotice::Notice {
                from: self.host_ref(source),
                text: text.into_string(),
            }),
            other => out.notice(ClientNotice::FrameDropped {
                why: BadFrame::NotForClients(other.kind()),
            }),
        }
    }
}

/// The registration and its statuses.
impl Client {
    fn on_status(&mut self, now: Timestamp, status: Status<'_>, out: &mut Out) {
        let may_move = self.servers.has_others() && !self.outgoing.is_quitting();
        let Some(session) = self.connection.session_mut() else {
            return;
        };
        let registering = session.is_registering();
        match status.code {
            StatusCode::FEATURES if registering => {}
            StatusCode::FEATURES => {
                let features = parse_features_text(status.text.as_str());
                let is_first = !session.is_settled();
                session.on_features(features.unwrap_or_default());
                if is_first {
                    self.notify_ascii_name(out);
                }
            }
            StatusCode::ID_TAKEN if registering => {
                session.set_id_refused();
                self.on_registration_refused(now, status, out);
            }
            StatusCode::ID_TAKEN => {
                let is_v2 = session.is_v2();
                if session.on_id_taken() {
                    self.notify_ascii_name(out);
                    return;
                }
                if self.outgoing.is_quitting() {
                    out.notice(status_notice(status));
                    self.close(now, DisconnectReason::Quit, out);
                } else if is_v2 {
                    let id = self.id();
                    let next = self.identity.on_displaced(&mut self.random);
                    self.close(now, DisconnectReason::Displaced { id, next }, out);
                } else {
                    out.notice(status_notice(status));
                }
            }
            StatusCode::SERVERS if session.is_v2() => self.servers.learn(status.text.as_str()),
            StatusCode::LEAVING if session.is_v2() && may_move => {
                out.notice(status_notice(status));
                self.close(now, DisconnectReason::ServerLeaving, out);
            }
            StatusCode::NOT_PERMITTED => self.on_not_permitted(now, status, out),
            StatusCode::CHANNEL_REFUSED => self.on_channel_refused(status, out),
            StatusCode::CHANNEL_NAMES => on_channel_names(&status, out),
            StatusCode::REQUEST_REFUSED => on_request_refused(status, out),
            StatusCode::USER => match UserInfo::parse(status.text.as_str()) {
                Some(user) => out.notice(ClientNotice::User(Box::new(user))),
                None => out.notice(status_notice(status)),
            },
            StatusCode::AWAY => self.on_away(status, out),
            StatusCode::CHANNEL_LIST => on_channel_list(&status, out),
            // Some v1 servers welcome a client with another code.
            code if registering && code.is_v1() => self.on_welcome(now, status, out),
            _ => out.notice(status_notice(status)),
        }
    }

    /// Tells the user by which name others know this client, if the server takes names in
    /// ASCII only.
    fn notify_ascii_name(&self, out: &mut Out) {
        let features = self.connection.session().and_then(|it| it.features());
        let takes = features.is_some_and(|features| features.utf8_names);
        if !takes && utf8_name(&self.config.name).is_some() {
            let ascii = ascii_name(&self.config.name);
            out.notice(ClientNotice::Status {
                source: None,
                code: StatusCode::NOTE,
                text: format!("this server takes names in ASCII only: others see you as {ascii}"),
            });
        }
    }

    fn on_welcome(&mut self, now: Timestamp, status: Status<'_>, out: &mut Out) {
        let Some(session) = self.connection.session_mut() else {
            return;
        };
        session.on_welcome(now);
        let link = session.link();
        self.identity.on_welcome();
        out.notice(ClientNotice::Welcome {
            id: self.id(),
            text: status.text.into_string(),
        });
        if self.servers.on_welcome() {
            out.notice(ClientNotice::Moved {
                server: self.server().clone(),
                id: self.id(),
            });
        }
        // A v1 server answers the announcement with "id taken". Before the welcome that
        // answer would look like a refusal of the registration.
        if !self.outgoing.is_quitting() {
            let announcement = Announcement {
                utf8_name: utf8_name(&self.config.name).map(Box::from),
                is_bot: self.config.is_bot,
                features: FEATURES,
                ..Announcement::default()
            };
            let info = format!("{}{announcement}", self.config.info);
            self.register(link, &info, out);
        }
    }

    /// The server closes the link for a reason that stays the same.
    fn on_not_permitted(&mut self, now: Timestamp, status: Status<'_>, out: &mut Out) {
        out.notice(status_notice(status));
        let session = self.connection.session();
        let registering = session.is_some_and(Session::is_registering);
        let why = ClientFailure::NotPermitted;
        if registering && !self.outgoing.is_quitting() && self.servers.may_go_on() {
            // Another server may admit it.
            return self.close(now, DisconnectReason::NotPermitted, out);
        }
        out.notice(ClientNotice::Failed { why });
        if !self.outgoing.is_quitting() {
            self.outgoing.set_quit(String::new());
        }
        self.close(now, DisconnectReason::NotPermitted, out);
    }

    fn on_registration_refused(&mut self, now: Timestamp, status: Status<'_>, out: &mut Out) {
        let refused = self.id();
        if self.identity.report_refusal() {
            out.notice(status_notice(status));
        }
        match self.identity.on_refused(now) {
            OnRefusal::Reclaim => {}
            OnRefusal::Replace => self.identity.replace(&mut self.random),
            OnRefusal::Fail => {
                let why = ClientFailure::IdTaken(refused);
                out.notice(ClientNotice::Failed { why });
                if !self.outgoing.is_quitting() {
                    self.outgoing.set_quit(String::new());
                }
            }
        }
        self.close(now, DisconnectReason::IdTaken(refused), out);
    }
}

/// The other clients.
impl Client {
    fn on_registration(&mut self, now: Timestamp, registration: Registration<'_>, out: &mut Out) {
        let id = registration.source;
        let features = self.connection.session().and_then(|it| it.features());
        let info = registration.info.as_str();
        // A machine part means nothing in what other servers say.
        let (info, machine) = match features.is_some_and(|features| features.utf8_names) {
            true => split_info(info),
            false => (info, None),
        };
        let name = registration.name.as_str();
        let stated = machine.and_then(|machine| stated_name(machine, name));
        let name = stated.as_deref().unwrap_or(name);
        if id == self.id() {
            return self.on_own_name(name, out);
        }
        let client = RemoteClient {
            name: name.into(),
            info: info.into(),
        };
        let before = self.roster.insert(id, client);
        if self.roster.bytes() > self.config.limits.roster_bytes_max {
            self.close(now, DisconnectReason::RosterFull, out);
            return;
        }
        if let Some(before) = &before
            && *before.info == *info
        {
            if *before.name != *name {
                let (old, new) = (before.name.to_string(), name.to_owned());
                out.notice(ClientNotice::Renamed { id, old, new });
            }
            return;
        }
        out.notice(ClientNotice::Joined {
            id,
            name: name.to_owned(),
            info: info.to_owned(),
            previous_name: before.map(|before| before.name.into()),
        });
    }

    /// The server says which name this client has: it has asked for it.
    fn on_own_name(&mut self, name: &str, out: &mut Out) {
        let session = self.connection.session();
        if session.is_some_and(|session| session.has_people()) {
            let (id, new) = (self.id(), name.to_owned());
            let old = core::mem::replace(&mut self.config.name, new.clone());
            out.notice(ClientNotice::Renamed { id, old, new });
        }
    }

    /// This client or another one is away, or is back.
    fn on_away(&mut self, status: Status<'_>, out: &mut Out) {
        let said = status.text.as_str();
        let (id, text) = said.split_once(' ').unwrap_or((said, ""));
        let Some(id) = id.parse().ok().and_then(HostId::new) else {
            return out.notice(status_notice(status));
        };
        if id == self.id() {
            text.clone_into(&mut self.away);
        }
        let (client, text) = (self.host_ref(id), text.to_owned());
        out.notice(ClientNotice::Away { client, text });
    }

    fn on_quit(&mut self, quit: ClientQuit<'_>, out: &mut Out) {
        if quit.source != self.id() {
            self.channels.on_quit(quit.source);
        }
        if let Some(client) = self.roster.remove(quit.source) {
            out.notice(ClientNotice::Left {
                id: quit.source,
                name: client.name.into(),
                text: quit.text.into_string(),
            });
        }
    }

    fn on_chat(&mut self, chat: ClientChat<'_>, out: &mut Out) {
        let from = self.roster.find(chat.source);
        out.notice(ClientNotice::Chat {
            from: chat.source,
            from_name: from.map(|client| client.name.to_string()),
            to: chat.destination,
            text: chat.text.into_string(),
        });
    }
}

/// The channels.
impl Client {
    fn on_channel_join(&mut self, now: Timestamp, join: &ChannelJoin<'_>, out: &mut Out) {
        let (name, own) = (join.channel.as_str(), join.source == self.id());
        let change = self.channels.on_join(name, join.source, join.flags, own);
        if self.close_if_channels_full(now, out) {
            return;
        }
        match change {
            JoinChange::None => {}
            JoinChange::TooMany => out.notice(ClientNotice::FrameDropped {
                why: BadFrame::TooManyChannels,
            }),
            JoinChange::Entered { rejoined } => self.notify_entered(name, rejoined, out),
            JoinChange::Joined => out.notice(ClientNotice::ChannelJoined {
                channel: self.display_name(name),
                member: self.member(join.source, join.flags),
            }),
            JoinChange::Flags => out.notice(ClientNotice::ChannelFlags {
                channel: self.display_name(name),
                member: self.member(join.source, join.flags),
                by: join.by.map(|by| self.host_ref(by)),
            }),
        }
    }

    fn on_channel_part(&mut self, part: ChannelPart<'_>, out: &mut Out) {
        let (name, own) = (part.channel.as_str(), part.source == self.id());
        if let Some(channel) = self.channels.on_part(name, part.source, own) {
            out.notice(ClientNotice::ChannelLeft {
                channel: channel.into(),
                client: self.host_ref(part.source),
                by: part.by.map(|by| self.host_ref(by)),
                text: part.text.into_string(),
            });
        }
    }

    fn on_channel_chat(&mut self, chat: ChannelChat<'_>, out: &mut Out) {
        out.notice(ClientNotice::ChannelChat {
            channel: self.display_name(chat.channel.as_str()),
            from: self.host_ref(chat.source),
            kind: chat.kind,
            text: chat.text.into_string(),
        });
    }

    fn on_channel_setting(&mut self, now: Timestamp, setting: ChannelSetting<'_>, out: &mut Out) {
        let (name, value) = (setting.channel.as_str(), setting.value.as_str());
        let change = self.channels.on_setting(name, setting.field, value);
        if self.close_if_channels_full(now, out) {
            return;
        }
        match change {
            SettingChange::None => {}
            SettingChange::TooMany => out.notice(ClientNotice::FrameDropped {
                why: BadFrame::TooManyChannels,
            }),
            SettingChange::Changed(channel) => out.notice(ClientNotice::ChannelSet {
                channel: channel.into(),
                field: setting.field,
                by: setting.source.map(|by| self.host_ref(by)),
                value: setting.value.into_string(),
            }),
        }
    }

    fn on_channel_refused(&mut self, status: Status<'_>, out: &mut Out) {
        let text = status.text.as_str();
        let (channel, text) = match text.split_once(": ") {
            Some((name, why)) if is_channel_name(name) => (Some(name), why),
            _ => (None, text),
        };
        let is_join = channel.is_some_and(|name| self.channels.on_refused(name));
        out.notice(ClientNotice::ChannelRefused {
            channel: channel.map(|name| self.display_name(name)),
            is_join,
            text: text.to_owned(),
        });
    }

    /// Closes the session when the server lists more of channels than the client may
    /// keep.
    fn close_if_channels_full(&mut self, now: Timestamp, out: &mut Out) -> bool {
        let full = self.channels.bytes() > self.config.limits.channels_bytes_max;
        if full {
            self.close(now, DisconnectReason::ChannelsFull, out);
        }
        full
    }

    /// Reports that this client is in a channel, if it is.
    pub(super) fn notify_entered(&self, name: &str, rejoined: bool, out: &mut Out) {
        if let Some(channel) = self.channels.find(name) {
            let members = channel.members();
            out.notice(ClientNotice::ChannelEntered {
                channel: channel.name().to_owned(),
                members: members.map(|(id, flags)| self.member(id, flags)).collect(),
                topic: channel.topic().to_owned(),
                rejoined,
            });
        }
    }

    /// The name of a channel as it is displayed.
    fn display_name(&self, name: &str) -> String {
        let known = self.channels.find(name);
        known.map_or(name, |channel| channel.name()).to_owned()
    }

    fn member(&self, id: HostId, flags: MemberFlags) -> ChannelMember {
        let client = self.host_ref(id);
        ChannelMember { client, flags }
    }
}

fn on_channel_names(status: &Status<'_>, out: &mut Out) {
    let text = status.text.as_str();
    let (channel, names) = text.split_once(' ').unwrap_or((text, ""));
    out.notice(ClientNotice::ChannelNames {
        channel: channel.to_owned(),
        names: names.to_owned(),
    });
}

fn on_channel_list(status: &Status<'_>, out: &mut Out) {
    let text = status.text.as_str();
    let rest = match text.lines().next_back() {
        Some("end") => ListRest::End,
        Some("more") => ListRest::LeftOut,
        _ => ListRest::Follows,
    };
    out.notice(ClientNotice::ChannelList {
        channels: text.lines().filter_map(ListedChannel::parse).collect(),
        rest,
    });
}

/// A request whose word is not known here is a status like any other.
fn on_request_refused(status: Status<'_>, out: &mut Out) {
    let parts = status.text.as_str().split_once(": ");
    let known = parts.and_then(|(word, why)| Some((UserRequest::of_word(word)?, why)));
    out.notice(match known {
        Some((request, why)) => {
            let text = why.to_owned();
            ClientNotice::RequestRefused { request, text }
        }
        None => status_notice(status),
    });
}

fn status_notice(status: Status<'_>) -> ClientNotice {
    ClientNotice::Status {
        source: status.source,
        code: status.code,
        text: status.text.into_string(),
    }
}
