//! What the machines do: each event is handed to one of them, and its effects are
//! checked and carried out.
//!
//! A machine sends and closes only on links that stand; what it sends is what the peer
//! can read; what one event makes it write is bounded.

use crc_core::{
    ClientCommand, ClientNotice, CloseWhen, Effect, Event, LinkId, Machine, Outbox, ServerCommand,
    ServerNotice, TextProtocol,
};
use crc_netem::{Phase, Side};

use super::bounds::Read;
use super::{Net, Who};
use crate::promises::{Theirs, check_client, check_lines, neighbour};

/// Mixes one effect, and the bytes that it sends, into `digest`.
fn digest<N>(digest: u64, effect: &Effect<N>, out: &Outbox<N>) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let (what, text) = match effect {
        Effect::Send { link, range } => {
            let hash = out.bytes(*range).iter().copied().fold(digest, mix);
            return format!("send {link}").bytes().fold(hash, mix);
        }
        Effect::Bound { link, bytes_max } => ("bound", format!("{link} {bytes_max}")),
        Effect::Close { link, when } => ("close", format!("{link} {when:?}")),
        Effect::Dial { dial, to } => ("dial", format!("{} {to}", dial.0)),
        Effect::Notice(_) => return digest,
        Effect::Stop => ("stop", String::new()),
    };
    what.bytes().chain(text.bytes()).fold(digest, mix)
}

impl Net {
    /// Hands an event to a server, and carries out what it asks for.
    pub(crate) fn handle_server(&mut self, server: usize, event: Event<'_, ServerCommand>) {
        let node = &mut self.servers[server];
        if !node.alive || node.stopped {
            return;
        }
        let (bytes, of_lines) = match &event {
            Event::Bytes { link, bytes } => (bytes.len(), self.speaks_lines(server, *link)),
            _ => (0, self.speaks_lines_anywhere(server)),
        };
        let now = self.now();
        let node = &mut self.servers[server];
        let before = node.machine.snapshot();
        let hosts = before.directory().len();
        let frames = before.counters().frames_received;
        let mut out = std::mem::take(&mut self.server_out);
        node.machine.handle(now, event, &mut out);
        node.machine.check();
        let frames = node.machine.snapshot().counters().frames_received - frames;
        let read = Read {
            bytes,
            frames: usize::try_from(frames).expect("they were few"),
            hosts,
            of_lines,
        };
        self.is_bounded(server, read, out.arena_len());
        let who = Who::Server(server);
        let effects = out.take_effects();
        for effect in &effects {
            self.digest = digest(self.digest, effect, &out);
            match effect {
                Effect::Send { link, range, .. } => {
                    let bytes = out.bytes(*range);
                    let at = self.sends(who, *link);
                    self.check_sent(server, *link, at, bytes);
                    self.send(at, bytes);
                }
                Effect::Bound { link, bytes_max } => self.wires.bound(who, *link, *bytes_max),
                Effect::Close { link, when } => self.close(who, *link, *when),
                Effect::Dial { dial, to } => self.wires.dial(who, *dial, to.clone()),
                Effect::Notice(ServerNotice::Unlinked) => self.servers[server].unlinked += 1,
                Effect::Notice(_) => {}
                Effect::Stop => {
                    self.servers[server].stopped = true;
                    self.wires.stop(who);
                }
            }
        }
        out.clear(effects, usize::MAX);
        self.server_out = out;
    }

    /// What a server sends is what the other end can read.
    fn check_sent(&mut self, server: usize, link: LinkId, at: (usize, Side), bytes: &[u8]) {
        let to = neighbour(&self.servers[server].machine, link);
        let [near, far] = self.wires.near_and_far(at.0, at.1);
        let theirs = match far.host() {
            Who::Raw(_) => Theirs::Unknown,
            // What is on its way has not been heard yet.
            _ if far.queued() > 0 => Theirs::Ever(&far.data.sent),
            _ => Theirs::Still(&far.data.sent),
        };
        match near.data.dialect {
            Some(dialect) => check_lines(dialect, bytes),
            None => near.data.sent.check_server(to, theirs, bytes),
        }
    }

    pub(super) fn handle_client(&mut self, client: usize, event: Event<'_, ClientCommand>) {
        if self.clients[client].stopped {
            return;
        }
        let now = self.now();
        let mut out = std::mem::take(&mut self.client_out);
        self.clients[client].machine.handle(now, event, &mut out);
        let who = Who::Client(client);
        let mut effects = out.take_effects();
        for effect in effects.drain(..) {
            self.digest = digest(self.digest, &effect, &out);
            match effect {
                Effect::Send { link, range, .. } => {
                    let at = self.sends(who, link);
                    check_client(self.clients[client].machine.id(), out.bytes(range));
                    self.send(at, out.bytes(range));
                }
                Effect::Bound { link, bytes_max } => self.wires.bound(who, link, bytes_max),
                Effect::Close { link, when } => self.close(who, link, when),
                Effect::Dial { dial, to } => self.wires.dial(who, dial, to),
                Effect::Notice(notice) => self.noticed(client, notice),
                Effect::Stop => {
                    self.clients[client].stopped = true;
                    self.wires.stop(who);
                }
            }
        }
        out.clear(effects, usize::MAX);
        self.client_out = out;
    }

    fn noticed(&mut self, client: usize, notice: ClientNotice) {
        let node = &mut self.clients[client];
        match notice {
            ClientNotice::Chat { from, text, .. } => node.heard.push((from, text)),
            ClientNotice::Disconnected { .. } => {
                let channels = node.machine.channels().count();
                assert_eq!(channels, 0, "it is in a channel without a server");
                node.disconnected += 1;
            }
            _ => {}
        }
    }

    /// The end from which a machine sends, which must be open.
    fn sends(&self, who: Who, link: LinkId) -> (usize, Side) {
        let found = self.wires.find(who, link);
        let (wire, side) =
            found.unwrap_or_else(|| panic!("{who:?} sends on {link}, which is down"));
        let phase = self.wires.connections()[wire].end(side).phase();
        assert_eq!(
            phase,
            Phase::Live,
            "{who:?} sends on {link}, which it has closed"
        );
        (wire, side)
    }

    fn send(&mut self, (wire, side): (usize, Side), bytes: &[u8]) {
        // The link of a slow consumer ends, which its machine learns in another step.
        let _ = self.wires.send(wire, side, bytes);
    }

    fn close(&mut self, who: Who, link: LinkId, when: CloseWhen) {
        let Some((wire, side)) = self.wires.find(who, link) else {
            panic!("{who:?} closes {link}, which is down");
        };
        let phase = self.wires.connections()[wire].end(side).phase();
        assert_eq!(phase, Phase::Live, "{who:?} closes {link} twice");
        self.wires.close(wire, side, when);
    }

    fn speaks_lines(&self, server: usize, link: LinkId) -> bool {
        let found = self.wires.find(Who::Server(server), link);
        found.is_some_and(|(wire, side)| {
            let end = self.wires.connections()[wire].end(side);
            end.data.dialect.is_some()
        })
    }

    /// Whether lines may have waited at a server that are read later.
    fn speaks_lines_anywhere(&self, server: usize) -> bool {
        let ends = self.wires.connections().iter();
        let mut ends = ends.flat_map(crc_netem::Connection::ends);
        ends.any(|end| {
            end.host() == Who::Server(server) && end.data.dialect == Some(TextProtocol::Irc)
        })
    }
}
