//! The burst, with which a new neighbour gets the whole network, in slices; and the list of
//! a channel, which a client gets that enters it, in the same way.
//!
//! A slice takes a bounded part of one event, and of the neighbour's queue. The next one
//! follows in a later event, and waits while the queue is long. See [`walk`](super::walk)
//! for what the neighbour gets meanwhile.

use crc_machine::{LinkId, QueueReport};
use crc_wire::{
    ChannelField, ChannelJoin, ChannelSetting, Frame, FrameLimits, HostId, Message, Status,
    StatusCode, Text,
};

use super::announce::quit_message;
use super::channel::{channel_name, knows_channels, write_join, write_settings};
use super::encoding::Encoding;
use super::session::Session;
use super::walk::{Due, Walk};
use crate::congestion::step;
use crate::context::{Context, LinkTimer, NEXT_EVENT, Out};
use crate::link::{Link, Outlet};
use crate::network::{Host, HostKind, Neighbour, PeerVersion, Place, Setting};
use crate::work::{HOST, LINE, LINK, units_of};

/// About how many bytes of a burst wait at a neighbour before the next slice, at most.
const STEP_MAX: usize = 32 << 10;

/// The same at a v1 node, which reads slowly.
pub(super) const PACED_STEP: usize = 4 << 10;

/// The longest announcement of a host, roughly: a slice may exceed its bound by one.
const LONGEST: usize = 2 << 10;

/// How many bytes of a burst wait in a queue with this bound before the next slice, which
/// is about as long.
const fn slice_bytes(bytes_max: usize) -> usize {
    match step(bytes_max) {
        step if step > STEP_MAX => STEP_MAX,
        step => step,
    }
}

/// How many bytes of a burst can wait in the queue with this bound, at most: what waits
/// when a slice is due, and the slice.
pub(crate) const fn burst_bytes_max(bytes_max: usize) -> usize {
    2 * slice_bytes(bytes_max) + 2 * LONGEST
}

/// The bound of the queue of a neighbour.
fn queue_bytes_max(cx: &Context, kind: HostKind) -> usize {
    match kind {
        HostKind::Server => cx.config.limits.server_queue_bytes_max,
        HostKind::Client => cx.config.limits.client_queue_bytes_max,
    }
}

/// Bounds the queue of a neighbour.
fn bound_queue(cx: &Context, link: LinkId, kind: HostKind, out: &mut Out) {
    let bytes_max = queue_bytes_max(cx, kind);
    out.bound(link, bytes_max + burst_bytes_max(bytes_max));
}

/// Watches the queue of a neighbour while the burst is under way.
fn watch_queue(cx: &Context, link: LinkId, kind: HostKind, out: &mut Out) {
    out.watch(link, slice_bytes(queue_bytes_max(cx, kind)));
}

/// The burst is over.
fn end_burst(cx: &mut Context, link: LinkId, kind: HostKind, out: &mut Out) {
    cx.set_bursting(link, false);
    cx.cancel_link_timer(link, LinkTimer::Burst);
    // What else was sent with the burst, to a server that is no v1 server, is gone soon.
    bound_queue(cx, link, kind, out);
    // The queue of a server is watched for good.
    out.watch(
        link,
        match kind {
            HostKind::Server => step(queue_bytes_max(cx, kind)),
            HostKind::Client => 0,
        },
    );
}

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
    let Some(session) = found.crc_mut() else {
        return;
    };
    session.walk = Some(Box::new(Walk::from(match neighbour.kind {
        HostKind::Server => Place::START,
        HostKind::Client => Place::FIRST_CLIENT,
    })));
    bound_queue(cx, link, neighbour.kind, out);
    watch_queue(cx, link, neighbour.kind, out);
    cx.network.set_synced(link, true);
    cx.set_bursting(link, true);
    send_slice(cx, link, out);
    send_held(cx, link, &held, out);
}

pub(super) fn is_bursting(cx: &Context, link: LinkId) -> bool {
    cx.crc_session(link)
        .is_some_and(|session| session.walk.is_some())
}

/// A server that counted as a v1 server, and has been sent the burst or a part of it, has
/// turned out to be a v2 server: sends it what it lacks.
pub(crate) fn resume_burst(cx: &mut Context, link: LinkId, out: &mut Out) {
    let Some(session) = cx.crc_session_mut(link) else {
        return;
    };
    match &mut session.walk {
        Some(walk) => walk.restart(),
        None => session.walk = Some(Box::new(Walk::of_machine_parts())),
    }
    cx.set_bursting(link, true);
    watch_queue(cx, link, HostKind::Server, out);
    send_slice(cx, link, out);
}

/// A client has entered a channel: lists it, the members first, then the settings, and at
/// last the client itself.
pub(crate) fn list_channel(cx: &mut Context, link: LinkId, name: &str, out: &mut Out) {
    let Some(session) = cx.crc_session_mut(link) else {
        return;
    };
    let is_new = session.walk.is_none();
    let walk = session
        .walk
        .get_or_insert_with(|| Box::new(Walk::of_listings()));
    walk.list_channel(name);
    if is_new {
        cx.set_bursting(link, true);
        watch_queue(cx, link, HostKind::Client, out);
        send_slice(cx, link, out);
    }
}

/// The time for the next slice has come.
pub(crate) fn on_timer(cx: &mut Context, link: LinkId, out: &mut Out) {
    if is_bursting(cx, link) {
        send_slice(cx, link, out);
    }
}

/// The queue of a link has changed.
pub(crate) fn on_queue(cx: &mut Context, link: LinkId, report: QueueReport) {
    let Some(found) = cx.links.find_mut(link) else {
        return;
    };
    if let Some(walk) = found.crc_mut().and_then(|session| session.walk.as_mut()) {
        walk.waiting = report.waiting;
        // Others may fill the queue again and again: the burst has its part of what is
        // written.
        if report.written > 0 {
            cx.set_link_timer(link, LinkTimer::Burst, cx.now + NEXT_EVENT);
        }
    }
}

fn find(cx: &Context, link: LinkId) -> Option<(&Link, &Session)> {
    let found = cx.links.find(link)?;
    Some((found, found.crc()?))
}

/// Sends the next slice of a burst.
fn send_slice(cx: &mut Context, link: LinkId, out: &mut Out) {
    let takes_channels = knows_channels(cx, link);
    let Some(neighbour) = cx.network.neighbours().find(link).copied() else {
        return;
    };
    let Some(found) = cx.links.find_mut(link) else {
        return;
    };
    let Some(session) = found.crc_mut() else {
        return;
    };
    let Some(mut walk) = session.walk.take() else {
        return;
    };
    let Some((found, session)) = find(cx, link) else {
        return;
    };
    let bytes_max = match found.outlet {
        Outlet::Paced(_) => PACED_STEP,
        _ => slice_bytes(queue_bytes_max(cx, neighbour.kind)),
    };
    let burst = Burst {
        cx,
        link,
        neighbour: &neighbour,
        session,
        encoding: Encoding::of_hosts(&neighbour, session),
        takes_channels,
    };
    let mut is_over = false;
    let slice = out.store(|arena| {
        let start = arena.len();
        while !is_over && !cx.work.is_spent() && arena.len() - start < bytes_max {
            is_over = burst.send_next(&mut walk, arena);
        }
    });
    let Some(found) = cx.links.find_mut(link) else {
        return;
    };
    let mut waiting = walk.waiting;
    if let Outlet::Paced(pacer) = &mut found.outlet {
        pacer.grant(slice.len());
        waiting = pacer.waiting().len() + slice.len();
    }
    if let Some(session) = found.crc_mut()
        && !is_over
    {
        session.walk = Some(walk);
    }
    cx.deliver(link, slice, out);
    if is_over {
        end_burst(cx, link, neighbour.kind, out);
    } else if waiting < bytes_max {
        cx.set_link_timer(link, LinkTimer::Burst, cx.now + NEXT_EVENT);
    }
}

/// One burst, and what it needs to know.
struct Burst<'a> {
    cx: &'a Context,
    link: LinkId,
    neighbour: &'a Neighbour,
    session: &'a Session,
    encoding: Encoding,
    takes_channels: bool,
}

impl Burst<'_> {
    /// Writes what comes next. Whether that was the last.
    fn send_next(&self, walk: &mut Walk, arena: &mut Vec<u8>) -> bool {
        let start = arena.len();
        let work = &self.cx.work;
        let is_over = match walk.next_host() {
            Some(place) => match self.cx.network.directory().iter_from(place).next() {
                Some((place, host)) => {
                    work.charge_answer(HOST);
                    self.write_host(host, walk.pass_host(host.id(), place), arena);
                    false
                }
                None => {
                    walk.end_hosts();
                    !self.takes_channels && walk.next_listing().is_none()
                }
            },
            None if self.neighbour.kind == HostKind::Client => self.list_next(walk, arena),
            None => self.send_next_of_channels(walk, arena),
        };
        work.charge_answer(units_of(arena.len() - start));
        is_over
    }

    fn write_host(&self, host: &Host, due: Due, arena: &mut Vec<u8>) {
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
                host.machine().is_some() || takes_times && host.registered_ms().is_some()
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

    /// Writes a member of a channel, or at the end of a channel its settings. Whether the
    /// burst is over.
    fn send_next_of_channels(&self, walk: &mut Walk, arena: &mut Vec<u8>) -> bool {
        let dated = self.session.features.channel_age;
        let network = &self.cx.network;
        let Some((channel, passed)) = walk.next_channel(network.channels()) else {
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

    /// Writes a member of a channel that the client has entered, or at the end the
    /// settings, and the client itself. Whether all such channels are listed.
    fn list_next(&self, walk: &mut Walk, arena: &mut Vec<u8>) -> bool {
        let Some((name, after)) = walk.next_listing() else {
            return true;
        };
        let host = self.neighbour.host;
        let channel = self.cx.network.channels().find(name);
        // It may have left again.
        let Some((channel, own)) = channel.and_then(|it| Some((it, it.member(host)?))) else {
            walk.pass_listed(None);
            return walk.next_listing().is_none();
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
        for (field, setting) in channel.settings().set() {
            setting_for_client(channel.name(), field, setting).encode(arena);
        }
        member(host, own).encode(arena);
        walk.next_listing().is_none()
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
