//! Hands events to the machines, checks their effects, and carries them out.
//!
//! A machine sends on open links only and closes each once; the peer can read what it
//! sends; one event makes it write a bounded number of bytes.

use crc_core::{
    ClientCommand, ClientNotice, CloseWhen, DisconnectReason, Effect, Event, LinkId, Machine,
    Outbox, ServerCommand, ServerNotice, TextProtocol,
};
use crc_netem::{Phase, Side};

use super::bounds::Read;
use super::{Host, Net};
use crate::invariants::{Announced, check_client, check_lines, is_answer_at_wrong_port, neighbour};

/// Mixes one effect, and the bytes that it sends, into `digest`.
fn digest<N>(digest: u64, effect: &Effect<N>, out: &Outbox<N>) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let (what, text) = match effect {
        Effect::Send { link, range } => {
            let hash = out.bytes(*range).iter().copied().fold(digest, mix);
            return format!("send {link}").bytes().fold(hash, mix);
        }
        Effect::Bound { link, bytes_max } => ("bound", format!("{link} {bytes_max}")),
        Effect::Watch { link, step } => ("watch", format!("{link} {step}")),
        Effect::Pause { link, paused } => ("pause", format!("{link} {paused}")),
        Effect::Readdress { link, peer } => ("readdress", format!("{link} {peer}")),
        Effect::Close { link, when } => ("close", format!("{link} {when:?}")),
        Effect::Dial { dial, to, .. } => ("dial", format!("{} {to}", dial.0)),
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
        self.check_bytes_written(server, read, out.arena_len());
        let host = Host::Server(server);
        let effects = out.take_effects();
        for effect in &effects {
            self.digest = digest(self.digest, effect, &out);
            match effect {
                Effect::Send { link, range, .. } => {
                    let bytes = out.bytes(*range);
                    let at = self.open_end(host, *link);
                    self.check_sent(server, *link, at, bytes);
                    self.send(at, bytes);
                }
                Effect::Bound { link, bytes_max } => self.stepped.bound(host, *link, *bytes_max),
                Effect::Watch { link, step } => self.stepped.watch(host, *link, *step),
                Effect::Pause { link, paused } => self.stepped.pause(host, *link, *paused),
                Effect::Close { link, when } => self.close_link(host, *link, *when),
                Effect::Dial { dial, to, .. } => self.stepped.dial(host, *dial, to.clone()),
                Effect::Readdress { .. } => {}
                Effect::Notice(ServerNotice::Unlinked) => self.servers[server].unlinked += 1,
                Effect::Notice(_) => {}
                Effect::Stop => {
                    self.servers[server].stopped = true;
                    self.stepped.stop(host);
                }
            }
        }
        out.clear(effects, usize::MAX);
        self.server_out = out;
    }

    /// The peer can read what a server sends.
    fn check_sent(&mut self, server: usize, link: LinkId, at: (usize, Side), bytes: &[u8]) {
        let to = neighbour(&self.servers[server].machine, link);
        if to.is_none() && is_answer_at_wrong_port(bytes) {
            return;
        }
        let [near, far] = self.stepped.near_and_far(at.0, at.1);
        let announced = match far.host() {
            Host::Peer(_) => Announced::Unknown,
            // The server has not read what is in flight.
            _ if far.queued() > 0 => Announced::Ever(&far.data.sent),
            _ => Announced::Still(&far.data.sent),
        };
        match near.data.dialect {
            Some(dialect) => check_lines(dialect, bytes),
            None => near.data.sent.check_server(to, announced, bytes),
        }
    }

    pub(super) fn handle_client(&mut self, client: usize, event: Event<'_, ClientCommand>) {
        if self.clients[client].stopped {
            return;
        }
        let now = self.now();
        let mut out = std::mem::take(&mut self.client_out);
        self.clients[client].machine.handle(now, event, &mut out);
        let host = Host::Client(client);
        let mut effects = out.take_effects();
        for effect in effects.drain(..) {
            self.digest = digest(self.digest, &effect, &out);
            match effect {
                Effect::Send { link, range, .. } => {
                    let at = self.open_end(host, link);
                    check_client(self.clients[client].machine.id(), out.bytes(range));
                    self.send(at, out.bytes(range));
                }
                Effect::Bound { link, bytes_max } => self.stepped.bound(host, link, bytes_max),
                Effect::Watch { link, step } => self.stepped.watch(host, link, step),
                Effect::Pause { link, paused } => self.stepped.pause(host, link, paused),
                Effect::Close { link, when } => self.close_link(host, link, when),
                Effect::Dial { dial, to, .. } => self.stepped.dial(host, dial, to),
                Effect::Readdress { .. } => {}
                Effect::Notice(notice) => self.on_client_notice(client, notice),
                Effect::Stop => {
                    self.clients[client].stopped = true;
                    self.stepped.stop(host);
                }
            }
        }
        out.clear(effects, usize::MAX);
        self.client_out = out;
    }

    fn on_client_notice(&mut self, client: usize, notice: ClientNotice) {
        let node = &mut self.clients[client];
        match notice {
            ClientNotice::Chat { from, text, .. } => node.received.push((from, text)),
            ClientNotice::Disconnected { reason, .. } => {
                let channels = node.machine.channels().count();
                assert_eq!(channels, 0, "a disconnected client is in a channel");
                node.disconnected += 1;
                node.displaced |= matches!(reason, DisconnectReason::Displaced { .. });
            }
            _ => {}
        }
    }

    /// The end from which a machine sends, which must be open.
    fn open_end(&self, host: Host, link: LinkId) -> (usize, Side) {
        let found = self.stepped.find(host, link);
        let (connection, side) =
            found.unwrap_or_else(|| panic!("{host:?} sends on {link}, which is down"));
        let phase = self.stepped.connections()[connection].end(side).phase();
        assert_eq!(
            phase,
            Phase::Live,
            "{host:?} sends on {link}, which it has closed"
        );
        (connection, side)
    }

    fn send(&mut self, (connection, side): (usize, Side), bytes: &[u8]) {
        // The link of a slow consumer ends; its machine learns of it in another step.
        let _ = self.stepped.send(connection, side, bytes);
    }

    fn close_link(&mut self, host: Host, link: LinkId, when: CloseWhen) {
        let Some((connection, side)) = self.stepped.find(host, link) else {
            panic!("{host:?} closes {link}, which is down");
        };
        let phase = self.stepped.connections()[connection].end(side).phase();
        assert_eq!(phase, Phase::Live, "{host:?} closes {link} twice");
        self.stepped.close(connection, side, when);
    }

    fn speaks_lines(&self, server: usize, link: LinkId) -> bool {
        let found = self.stepped.find(Host::Server(server), link);
        found.is_some_and(|(connection, side)| {
            let end = self.stepped.connections()[connection].end(side);
            end.data.dialect.is_some()
        })
    }

    /// Whether a server may have lines waiting.
    fn speaks_lines_anywhere(&self, server: usize) -> bool {
        let ends = self.stepped.connections().iter();
        let mut ends = ends.flat_map(crc_netem::Connection::ends);
        ends.any(|end| {
            end.host() == Host::Server(server) && end.data.dialect == Some(TextProtocol::Irc)
        })
    }
}
