//! One machine made of three: the relay server, the admin page that shows its state,
//! and the rendezvous member that finds candidates for it.
//!
//! Each event goes to one of them. The listener of an accepted link, or the owner of a
//! dial, decides which.

use std::io;
use std::sync::Arc;

use crc_core::{
    Event, ListenerId, Machine, Origin, Outbox, Server, ServerCommand, ServerNotice, Timestamp,
};
use crc_net::Stats;
use crc_record::Recorder;
use crc_rendezvous::MemberCommand;

use crate::admin::Admin;
use crate::rendezvous::Rendezvous;

/// The listener of the admin page.
pub(crate) const ADMIN_LISTENER: ListenerId = ListenerId(u32::MAX);

/// A relay server with an admin page and, optionally, a rendezvous member and a
/// recorder.
#[derive(Debug)]
pub(crate) struct Node {
    server: Server,
    admin: Admin,
    rendezvous: Option<Rendezvous>,
    recorder: Option<Recorder>,
}

impl Node {
    pub(crate) fn new(server: Server) -> Self {
        Node {
            server,
            admin: Admin::default(),
            rendezvous: None,
            recorder: None,
        }
    }

    /// Records the events of the relay server from now on.
    pub(crate) fn set_recorder(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    /// Completes the recording, if there is one.
    pub(crate) fn finish_recording(&mut self) -> io::Result<()> {
        let digest = crc_record::digest(&self.server);
        self.recorder
            .take()
            .map_or(Ok(()), |recorder| recorder.close(digest))
    }

    /// Takes candidates for the relay server from `rendezvous`.
    pub(crate) fn set_rendezvous(&mut self, rendezvous: Rendezvous) {
        self.rendezvous = Some(rendezvous);
    }

    /// Shows the driver's counters on the admin page.
    pub(crate) fn set_driver_stats(&mut self, stats: Arc<Stats>) {
        self.admin.set_driver_stats(stats);
    }

    fn handle_server_event(
        &mut self,
        now: Timestamp,
        event: Event<'_, ServerCommand>,
        out: &mut Outbox<ServerNotice>,
    ) {
        if let Some(recorder) = &mut self.recorder {
            recorder.event(now, &event);
        }
        self.server.handle(now, event, out);
    }

    /// Hands the event to the rendezvous member, and the candidates that it reports to
    /// the relay server.
    fn handle_rendezvous_event(
        &mut self,
        now: Timestamp,
        event: Event<'_, MemberCommand>,
        out: &mut Outbox<ServerNotice>,
    ) {
        if let Some(rendezvous) = &mut self.rendezvous
            && let Some(candidates) = rendezvous.handle(now, event, out)
        {
            let candidates = Event::Command(ServerCommand::Candidates(candidates));
            self.handle_server_event(now, candidates, out);
        }
    }
}

/// Converts an event about the member's connection. Any other event comes back as
/// `Err`.
fn to_rendezvous_event<'a>(
    rendezvous: &Rendezvous,
    event: Event<'a, ServerCommand>,
) -> Result<Event<'a, MemberCommand>, Event<'a, ServerCommand>> {
    match event {
        Event::LinkUp {
            link,
            origin: origin @ Origin::Dialed { dial },
            endpoints,
        } if rendezvous.owns_dial(dial) => Ok(Event::LinkUp {
            link,
            origin,
            endpoints,
        }),
        Event::DialFailed { dial, why } if rendezvous.owns_dial(dial) => {
            Ok(Event::DialFailed { dial, why })
        }
        Event::Bytes { link, bytes } if rendezvous.owns_link(link) => {
            Ok(Event::Bytes { link, bytes })
        }
        Event::LinkDown { link, why, unsent } if rendezvous.owns_link(link) => {
            Ok(Event::LinkDown { link, why, unsent })
        }
        other => Err(other),
    }
}

impl Machine for Node {
    type Command = ServerCommand;
    type Notice = ServerNotice;

    fn handle(
        &mut self,
        now: Timestamp,
        event: Event<'_, ServerCommand>,
        out: &mut Outbox<ServerNotice>,
    ) {
        match event {
            Event::LinkUp {
                link,
                origin: Origin::Accepted { listener },
                ..
            } if listener == ADMIN_LISTENER => self.admin.on_link_up(now, link),
            Event::Bytes { link, bytes } if self.admin.owns_link(link) => {
                self.admin.on_bytes(now, link, bytes, &self.server, out);
            }
            Event::LinkDown { link, .. } if self.admin.owns_link(link) => {
                self.admin.on_link_down(link);
            }
            Event::Tick => {
                self.admin.on_tick(now, &self.server, out);
                self.handle_rendezvous_event(now, Event::Tick, out);
                self.handle_server_event(now, Event::Tick, out);
            }
            Event::Command(ServerCommand::Start { listening }) => {
                if let Some(rendezvous) = &mut self.rendezvous {
                    rendezvous.start(now, &listening, out);
                }
                let start = Event::Command(ServerCommand::Start { listening });
                self.handle_server_event(now, start, out);
            }
            event => {
                let event = match &self.rendezvous {
                    Some(rendezvous) => to_rendezvous_event(rendezvous, event),
                    None => Err(event),
                };
                match event {
                    Ok(event) => self.handle_rendezvous_event(now, event, out),
                    Err(event) => self.handle_server_event(now, event, out),
                }
            }
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        let rendezvous = self.rendezvous.as_ref().and_then(Rendezvous::deadline);
        let deadlines = [self.server.deadline(), self.admin.deadline(), rendezvous];
        deadlines.into_iter().flatten().min()
    }
}
