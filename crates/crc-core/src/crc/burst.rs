//! What neighbours that speak the binary protocol are sent in a burst; and the list of a
//! channel, which a client gets that enters it.

use crc_machine::LinkId;
use crc_wire::{
    ChannelField, ChannelJoin, ChannelSetting, Frame, FrameLimits, HostId, Message, RequestKind,
    Status, StatusCode, Text,
};

use super::announce::quit_message;
use super::channel::{channel_name, knows_channels, write_join, write_settings};
use super::encoding::Encoding;
use super::leave::Quits;
use super::session::Session;
use crate::context::{BurstWriter, Context, Out, server_request};
use crate::link::Outlet;
use crate::names::utf8_name;
use crate::network::{Host, HostKind, Neighbour, PeerVersion, Place, Setting, is_for_servers};
use crate::walk::{ChannelList, Due, Walk};
use crate::work::{LINE, LINK};

/// Begins the burst to a neighbour. From now on it gets every change of what it is told.
pub(super) fn begin_burst(cx: &mut Context, link: LinkId, out: &mut Out) {
    let Some(neighbour) = cx.network.neighbours().find(link).copied() else {
        return;
    };
    let Some(found) = cx.links.find_mut(link) else {
        return;
    };
    let mut held = Vec::new();
    if let Outlet::Held(frames) = &mut found.outlet {
        held = core::mem::take(frames);
        found.outlet = match neighbour.version {
            PeerVersion::V2 => Outlet::Direct,
            _ => Outlet::Paced(Box::default()),
        };
    }
    cx.bound_queue(link, out);
    cx.network.set_synced(link, true);
    let walk = Walk::from(match neighbour.kind {
        HostKind::Server => Place::START,
        HostKind::Client => Place::FIRST_CLIENT,
    });
    cx.begin_burst(link, walk, out);
    send_held(cx, link, &held, out);
}

/// A server that counted as a v1 server, and has been sent the burst or a part of it, has
/// turned out to be a v2 server: sends it what it lacks.
pub(crate) fn resume_burst(cx: &mut Context, link: LinkId, out: &mut Out) {
    let Some(found) = cx.links.find_mut(link) else {
        return;
    };
    match found.told.walk_mut() {
        Some(walk) => walk.restart(),
        None => found.told.begin(Walk::of_machine_parts()),
    }
    cx.resume_burst(link, out);
}

/// A client has entered a channel: lists it, the members first, then the settings, and at
/// last the client itself.
pub(crate) fn list_channel(cx: &mut Context, link: LinkId, name: &str, out: &mut Out) {
    let Some(found) = cx.links.find_mut(link) else {
        return;
    };
    if let Some(walk) = found.told.walk_mut() {
        return walk.list_channel(name);
    }
    let mut walk = Walk::of_listings();
    walk.list_channel(name);
    cx.begin_burst(link, walk, out);
}

/// A client asks for the channels of the network. Whether it has no such list under way.
pub(super) fn list_all_channels(
    cx: &mut Context,
    link: LinkId,
    list: ChannelList,
    out: &mut Out,
) -> bool {
    let Some(found) = cx.links.find_mut(link) else {
        return true;
    };
    if let Some(walk) = found.told.walk_mut() {
        return walk.list_channels(list);
    }
    let mut walk = Walk::of_listings();
    walk.list_channels(list);
    cx.begin_burst(link, walk, out);
    true
}

/// What a neighbour that speaks the binary protocol is sent in a burst.
pub(crate) struct Writer<'a> {
    cx: &'a Context,
    link: LinkId,
    neighbour: &'a Neighbour,
    session: &'a Session,
    encoding: Encoding,
    takes_channels: bool,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(cx: &'a Context, link: LinkId, session: &'a Session) -> Option<Self> {
        let neighbour = cx.network.neighbours().find(link)?;
        Some(Writer {
            cx,
            link,
            neighbour,
            session,
            encoding: Encoding::of_hosts(neighbour, session),
            takes_channels: knows_channels(cx, link),
        })
    }
    /// Writes the quit of a client that a v1 server was told of: this server leaves.
    fn write_quit(&self, host: &Host, quits: &Quits, arena: &mut Vec<u8>) {
        let place = self.cx.network.directory().place(host.id());
        let is_told = place.is_some_and(|place| quits.told.has_host(host.id(), place));
        if is_told && host.first_link() != self.link {
            let quit = quit_message(host.id(), &quits.reason);
            self.encoding.encode(&quit, arena);
        }
    }

    /// Writes a member of a channel, or at the end of a channel its settings. Whether the
    /// burst is over.
    fn write_next_of_channels(&self, walk: &mut Walk, arena: &mut Vec<u8>) -> bool {
        let dated = self.session.features.channel_age;
        let network = &self.cx.network;
        let Some((channel, passed)) = walk.next_channel(network.channels()) else {
            if self.write_next_operator(walk, arena)
                || self.write_next_absence(walk, arena)
                || self.write_next_metadata(walk, arena)
                || self.write_next_ban(walk, arena)
            {
                return false;
            }
            if dated {
                Message::Status(self.end()).encode(arena);
            }
            return true;
        };
        let directory = network.directory();
        let work = &self.cx.work;
        let founded = channel.founded();
        let is_elsewhere = |(id, _): &(HostId, _)| {
            work.charge_answer(LINK);
            let route = directory.route(*id);
            route.is_some_and(|(_, first_link)| first_link != self.link)
        };
        match channel.members_after(passed).next() {
            Some(member) => {
                walk.pass_member(Some(member.0));
                if is_elsewhere(&member) {
                    let (source, flags) = member;
                    let join = ChannelJoin {
                        source,
                        by: None,
                        flags,
                        channel: channel_name(channel.name()),
                    };
                    write_join(&join, founded, dated, arena);
                }
            }
            None => {
                work.charge_answer(LINE);
                walk.pass_member(None);
                let settings = channel.settings();
                write_settings(channel.name(), settings, founded, dated, arena);
            }
        }
        false
    }

    /// Writes an operator, if there is another one.
    fn write_next_operator(&self, walk: &mut Walk, arena: &mut Vec<u8>) -> bool {
        if !self.session.features.oper {
            return false;
        }
        let next = self.cx.network.operators().after(walk.operator);
        let Some((id, _)) = next else {
            return false;
        };
        walk.operator = Some(id);
        self.cx.work.charge_answer(LINE);
        let route = self.cx.network.directory().route(id);
        if route.is_some_and(|(_, first_link)| first_link != self.link) {
            let statement = self.cx.operator_statement(id);
            Message::ChannelRequest(statement).encode(arena);
        }
        true
    }

    /// Writes that a user is away, if there is another one.
    fn write_next_absence(&self, walk: &mut Walk, arena: &mut Vec<u8>) -> bool {
        if !self.session.features.people {
            return false;
        }
        let Some(id) = self.cx.network.absences().after(walk.absence) else {
            return false;
        };
        walk.absence = Some(id);
        self.cx.work.charge_answer(LINE);
        let route = self.cx.network.directory().route(id);
        if route.is_some_and(|(_, first_link)| first_link != self.link) {
            Message::ChannelRequest(self.cx.away_statement(id)).encode(arena);
        }
        true
    }

    /// Writes what a user says of itself, if there is another one.
    fn write_next_metadata(&self, walk: &mut Walk, arena: &mut Vec<u8>) -> bool {
        if !self.session.features.metadata {
            return false;
        }
        let Some(id) = self.cx.network.metadata().after(walk.metadata) else {
            return false;
        };
        walk.metadata = Some(id);
        let route = self.cx.network.directory().route(id);
        if route.is_some_and(|(_, first_link)| first_link != self.link) {
            for statement in self.cx.metadata_statements(id) {
                self.cx.work.charge_answer(LINE);
                Message::ChannelRequest(statement).encode(arena);
            }
        }
        true
    }

    /// Writes a statement about a ban, if there is another one.
    fn write_next_ban(&self, walk: &mut Walk, arena: &mut Vec<u8>) -> bool {
        if !self.session.features.oper {
            return false;
        }
        let Some(ban) = self.cx.network.bans().after(walk.ban.clone()) else {
            return false;
        };
        walk.ban = Some((ban.kind, ban.mask.clone()));
        self.cx.work.charge_answer(LINE);
        let own = self.cx.config.id;
        let statement = server_request(own, None, RequestKind::BAN, &ban.to_string());
        Message::ChannelRequest(statement).encode(arena);
        true
    }

    /// Writes a member of a channel that the client has entered, or at the end the
    /// settings, and the client itself. Whether all such channels are listed.
    fn list_next(&self, walk: &mut Walk, arena: &mut Vec<u8>) -> bool {
        let Some((name, after)) = walk.next_listing() else {
            self.write_list(walk, arena);
            return walk.is_all_listed();
        };
        let host = self.neighbour.host;
        let channel = self.cx.network.channels().find(name);
        // It may have left again.
        let Some((channel, own)) = channel.and_then(|it| Some((it, it.member(host)?))) else {
            walk.pass_listed(None);
            return walk.is_all_listed();
        };
        let member = |source, flags| {
            Message::ChannelJoin(ChannelJoin {
                source,
                by: None,
                flags,
                channel: channel_name(channel.name()),
            })
        };
        self.cx.work.charge_answer(LINK);
        if let Some((source, flags)) = channel.members_after(after).next() {
            walk.pass_listed(Some(source));
            if source != host {
                member(source, flags).encode(arena);
            }
            return false;
        }
        self.cx.work.charge_answer(LINE);
        walk.pass_listed(None);
        let settings = channel.settings().set();
        for (field, setting) in settings.filter(|(field, _)| !is_for_servers(*field)) {
            setting_for_client(channel.name(), field, setting).encode(arena);
        }
        member(host, own).encode(arena);
        walk.is_all_listed()
    }

    /// Writes the next channels of the list that the client has asked for.
    fn write_list(&self, walk: &mut Walk, arena: &mut Vec<u8>) {
        let Some(mut list) = walk.take_list() else {
            return;
        };
        let lines = self.cx.next_of_list(self.neighbour.host, &mut list);
        if !lines.text.is_empty() {
            Message::Status(Status {
                source: Some(self.cx.config.id),
                destination: Some(self.neighbour.host),
                code: StatusCode::CHANNEL_LIST,
                text: Text::truncated(&lines.text),
            })
            .encode(arena);
        }
        if !lines.is_end {
            walk.list_channels(list);
        }
    }

    fn end(&self) -> Status<'static> {
        Status {
            source: Some(self.cx.config.id),
            destination: None,
            code: StatusCode::BURST_END,
            text: Text::truncated("End of burst"),
        }
    }
}

impl BurstWriter for Writer<'_> {
    fn write_host(&self, host: &Host, due: Due, arena: &mut Vec<u8>) {
        if let Some(quits) = &self.session.quits {
            return self.write_quit(host, quits, arena);
        }
        let to_server = self.neighbour.kind == HostKind::Server;
        let concerned = to_server || host.kind() == HostKind::Client;
        if !concerned || host.first_link() == self.link {
            return;
        }
        let is_due = match due {
            Due::Nothing => false,
            Due::Announcement => true,
            Due::MachinePart => {
                let takes_times = self.encoding == Encoding::DatedServer;
                let takes_names = self.encoding.has_utf8_names();
                host.machine().is_some()
                    || takes_times && host.registered_ms().is_some()
                    || takes_names && utf8_name(host.name()).is_some()
            }
        };
        if !is_due {
            return;
        }
        match (self.session.has_ghost(host.id()), host.kind()) {
            // Nothing removes a server from a v1 server's directory.
            (true, HostKind::Server) => return,
            (true, HostKind::Client) => {
                let moved = quit_message(host.id(), "moved");
                self.encoding.encode(&moved, arena);
            }
            (false, _) => {}
        }
        let last_hop = self.session.id_on_link(self.cx.config.id);
        self.encoding.encode_host(host, last_hop, arena);
    }

    fn write_next(&self, walk: &mut Walk, arena: &mut Vec<u8>) -> bool {
        match self.neighbour.kind {
            _ if self.session.quits.is_some() => true,
            HostKind::Client => self.list_next(walk, arena),
            HostKind::Server => !self.takes_channels || self.write_next_of_channels(walk, arena),
        }
    }
}

/// The message that tells a client of a setting that was made before.
fn setting_for_client<'a>(
    channel: &'a str,
    field: ChannelField,
    setting: &'a Setting,
) -> Message<'a> {
    Message::ChannelSetting(ChannelSetting {
        source: setting.source,
        version: setting.version,
        field,
        channel: channel_name(channel),
        value: Text::truncated(&setting.value),
    })
}

/// Sends the frames that were held for a server while its version was not known.
fn send_held(cx: &mut Context, link: LinkId, mut held: &[u8], out: &mut Out) {
    while let Ok(Some(frame)) = Frame::take(&mut held, FrameLimits::WIRE) {
        match frame.message() {
            // A source that has left meanwhile is unknown to the peer.
            Ok(Message::ClientChat(chat)) if cx.network.is_taken(chat.source) => {
                cx.send_chat(link, &chat, frame.bytes(), out);
            }
            Ok(Message::Status(status)) => cx.send_status(link, &status, out),
            _ => {}
        }
    }
}
