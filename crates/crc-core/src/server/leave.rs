//! Graceful shutdown: last words to every neighbour, then the end.

use crate::context::{Context, Out, Stage, Timer};
use crate::crc::announce::quit;
use crate::crc::encoding::Encoding;
use crate::crc::pacing::Pacer;
use crate::crc::session::{Outlet, Phase};
use crate::network::{Host, HostKind, Neighbour};
use core::time::Duration;
use crc_machine::{LinkId, PeerAddress, Timers};
use crc_wire::{HostId, Message, ServerQuit, Text};

/// How long original nodes have to read our last words when we leave.
const LEAVING_TIME_MAX: Duration = Duration::from_secs(2);

impl Context {
    /// Leaves in good order: last words to everybody, then the end.
    pub(crate) fn leave(&mut self, reason: &str, out: &mut Out) {
        if self.stage != Stage::Running {
            return;
        }
        log::info!("leaving: {reason}");
        self.stage = Stage::Leaving;
        self.timers.cancel(Timer::Dial);
        self.timers.cancel(Timer::LegacyDial);
        self.timers.cancel(Timer::Candidates);
        let replacement = self.replacement();
        let neighbours: Vec<_> = self
            .network
            .neighbours()
            .iter()
            .map(|(l, n)| (l, *n))
            .collect();
        for (link, neighbour) in neighbours {
            let by = replacement.as_ref().filter(|(id, _)| *id != neighbour.host);
            self.send_goodbye(link, neighbour, reason, by, out);
            self.mark_dirty(link);
        }
        let until = self.now + LEAVING_TIME_MAX;
        self.timers.set(Timer::ShutdownDeadline, until);
    }

    pub(crate) fn send_goodbye(
        &mut self,
        link: LinkId,
        to: Neighbour,
        reason: &str,
        by: Option<&(HostId, PeerAddress)>,
        out: &mut Out,
    ) {
        let Some(session) = self.sessions.find_mut(link) else {
            return;
        };
        match to.kind {
            HostKind::Client => self.send_leaving(link, to.host, reason, out),
            HostKind::Server if session.features.server_quit => {
                let text = match by {
                    Some((_, address)) => format!("{address} {reason}"),
                    None => reason.to_owned(),
                };
                let quit = Message::ServerQuit(ServerQuit {
                    source: self.config.id,
                    replacement: by.map(|(id, _)| *id),
                    text: Text::truncated(&text),
                });
                let quit = out.store(|arena| quit.encode(arena));
                session.deliver(link, quit, out);
            }
            HostKind::Server if to.synced => {
                let elsewhere = |host: &&Host| host.first_link() != link;
                let clients: Vec<_> = self
                    .network
                    .directory()
                    .clients()
                    .filter(elsewhere)
                    .collect();
                let encoding = Encoding::of(to.kind, to.version);
                let quits = out.store(|arena| {
                    for client in clients {
                        encoding.encode(&quit(client.id(), reason), arena);
                    }
                });
                if let Outlet::Paced(pacer) = &mut session.outlet {
                    pacer.grant(quits.len());
                }
                session.deliver(link, quits, out);
                // It has heard the end of everybody.
                if let Some(neighbour) = self.network.neighbours_mut().find_mut(link) {
                    neighbour.synced = false;
                }
            }
            HostKind::Server => {}
        }
    }

    /// Whether an original node still has words of ours to read.
    pub(crate) fn has_unread_goodbyes(&self) -> bool {
        self.sessions.iter().any(|(_, session)| {
            let waits = |pacer: &Pacer| !pacer.waiting().is_empty();
            matches!(&session.outlet, Outlet::Paced(pacer) if waits(pacer))
                && session.phase != Phase::Closing
        })
    }

    pub(crate) fn stop(&mut self, out: &mut Out) {
        if self.stage != Stage::Gone {
            self.stage = Stage::Gone;
            self.timers = Timers::new();
            self.dirty_links.clear();
            out.stop();
        }
    }
}
