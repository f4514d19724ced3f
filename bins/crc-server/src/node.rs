//! One machine out of two: the relay server, and the admin page that looks at
//! it. Links are told apart by the listener that they came in at.

use std::io;
use std::sync::Arc;

use crc_core::{
    Event, ListenerId, Machine, Origin, Outbox, Server, ServerCommand, ServerNotice, Timestamp,
};
use crc_net::Stats;
use crc_record::Recorder;

use crate::admin::Admin;

/// The door of the admin page.
pub(crate) const ADMIN_LISTENER: ListenerId = ListenerId(u32::MAX);

/// A relay server with an admin page.
#[derive(Debug)]
pub(crate) struct Node {
    server: Server,
    admin: Admin,
    recorder: Option<Recorder>,
}

impl Node {
    pub(crate) fn new(server: Server) -> Self {
        Node {
            server,
            admin: Admin::default(),
            recorder: None,
        }
    }

    /// Writes down what the relay server is told.
    pub(crate) fn record(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    /// Ends the recording, if there is one.
    pub(crate) fn end_record(&mut self) -> io::Result<()> {
        let digest = crc_record::digest(&self.server);
        self.recorder
            .take()
            .map_or(Ok(()), |recorder| recorder.close(digest))
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
                self.tell(now, Event::Tick, out);
            }
            event => self.tell(now, event, out),
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        let deadlines = [self.server.deadline(), self.admin.deadline()];
        deadlines.into_iter().flatten().min()
    }
}
