//! One machine out of three: the relay server, the admin page that looks at it,
//! and the member of a rendezvous directory that finds others for it. Links are
//! told apart by the listener that they came in at, or by who dialled.

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

/// The door of the admin page.
pub(crate) const ADMIN_LISTENER: ListenerId = ListenerId(u32::MAX);

/// A relay server with an admin page, and maybe with a rendezvous.
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

    /// Writes down what the relay server is told.
    pub(crate) fn record(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    /// Endpoints the recording, if there is one.
    pub(crate) fn end_record(&mut self) -> io::Result<()> {
        let digest = crc_record::digest(&self.server);
        self.recorder
            .take()
            .map_or(Ok(()), |recorder| recorder.close(digest))
    }

    /// Has others found for the relay server.
    pub(crate) fn find_by(&mut self, rendezvous: Rendezvous) {
        self.rendezvous = Some(rendezvous);
    }

    /// Shows the driver's counters as well.
    pub(crate) fn watch(&mut self, stats: Arc<Stats>) {
        self.admin.watch(stats);
    }
}

impl Node {
    fn tell(
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

    /// Tells the member of the directory, and the relay server of whom it has
    /// found.
    fn tell_rendezvous(
        &mut self,
        now: Timestamp,
        event: Event<'_, MemberCommand>,
        out: &mut Outbox<ServerNotice>,
    ) {
        if let Some(rendezvous) = &mut self.rendezvous
            && let Some(found) = rendezvous.handle(now, event, out)
        {
            self.tell(now, Event::Command(ServerCommand::Candidates(found)), out);
        }
    }
}

/// The event as the member of the directory takes it, if it is about its
/// connection.
fn for_rendezvous<'a>(
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
            } if listener == ADMIN_LISTENER => self.admin.link_up(now, link),
            Event::Bytes { link, bytes } if self.admin.has(link) => {
                self.admin.bytes(now, link, bytes, &self.server, out);
            }
            Event::LinkDown { link, .. } if self.admin.has(link) => self.admin.link_down(link),
            Event::Tick => {
                self.admin.tick(now, &self.server, out);
                self.tell_rendezvous(now, Event::Tick, out);
                self.tell(now, Event::Tick, out);
            }
            Event::Command(ServerCommand::Start { listening }) => {
                if let Some(rendezvous) = &mut self.rendezvous {
                    rendezvous.start(now, &listening, out);
                }
                let start = ServerCommand::Start { listening };
                self.tell(now, Event::Command(start), out);
            }
            event => {
                let event = match &self.rendezvous {
                    Some(rendezvous) => for_rendezvous(rendezvous, event),
                    None => Err(event),
                };
                match event {
                    Ok(event) => self.tell_rendezvous(now, event, out),
                    Err(event) => self.tell(now, event, out),
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
