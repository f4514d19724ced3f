//! One machine made of three: the relay server, the admin page that shows its state,
//! and the rendezvous member that finds candidates for it.
//!
//! Each event goes to one of them. The listener of an accepted link, or the owner of a
//! dial, decides which.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crc_core::{
    Event, ListenerId, Machine, Origin, Outbox, Server, ServerCommand, ServerNotice, Timestamp,
};
use crc_net::Stats;
use crc_record::Recorder;
use crc_rendezvous::MemberCommand;

use crate::admin::Admin;
use crate::readiness::Observed;
use crate::rendezvous::Rendezvous;
use crate::systemd::Service;

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
    service: Service,
    wall_clock: WallClock,
}

/// How often the clock on the wall is read, at most.
const CLOCK_PERIOD: Duration = Duration::from_secs(1);

/// From this difference on, the relay server learns that the clock was set.
const CLOCK_STEP_MS: u64 = 100;

/// The clock on the wall beside the one that never steps.
#[derive(Debug)]
struct WallClock {
    /// What it showed when the process started, as far as the relay server knows.
    started_at_ms: u64,
    /// When it is read next.
    next: Timestamp,
}

impl WallClock {
    /// The time, in milliseconds of Unix time, if the clock was set since it was read last.
    fn step(&mut self, now: Timestamp) -> Option<u64> {
        if now < self.next {
            return None;
        }
        self.next = now + CLOCK_PERIOD;
        let unix_ms = unix_time_ms();
        let started_at_ms = unix_ms.saturating_sub(now.as_micros() / 1000);
        if started_at_ms.abs_diff(self.started_at_ms) < CLOCK_STEP_MS {
            return None;
        }
        self.started_at_ms = started_at_ms;
        Some(unix_ms)
    }
}

/// What the clock on the wall shows, in milliseconds since 1970; 0 if that is earlier.
pub(crate) fn unix_time_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |time| {
        u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
    })
}

impl Node {
    /// A relay server that was configured when the clock on the wall showed
    /// `started_at_ms`.
    pub(crate) fn new(server: Server, started_at_ms: u64, service: Service) -> Self {
        Node {
            wall_clock: WallClock {
                started_at_ms,
                next: Timestamp::START,
            },
            server,
            admin: Admin::new(started_at_ms),
            rendezvous: None,
            recorder: None,
            service,
        }
    }

    /// The relay server.
    pub(crate) fn server(&self) -> &Server {
        &self.server
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

    /// Hands an event to its machine.
    fn dispatch(
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
                let observed = observed(&self.server, self.rendezvous.as_ref());
                self.admin.on_bytes(now, link, bytes, observed, out);
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

    fn handle_server_event(
        &mut self,
        now: Timestamp,
        event: Event<'_, ServerCommand>,
        out: &mut Outbox<ServerNotice>,
    ) {
        if let Some(unix_ms) = self.wall_clock.step(now) {
            let set = Event::Command(ServerCommand::WallClock { unix_ms });
            self.record_and_handle(now, set, out);
        }
        self.record_and_handle(now, event, out);
    }

    fn record_and_handle(
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

fn observed<'a>(server: &'a Server, rendezvous: Option<&Rendezvous>) -> Observed<'a> {
    Observed {
        server,
        has_place: rendezvous.map(Rendezvous::has_place),
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
            ..
        } if rendezvous.owns_dial(dial) => Ok(Event::LinkUp {
            link,
            origin,
            endpoints,
            security: None,
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
        let is_start = matches!(event, Event::Command(ServerCommand::Start { .. }));
        self.dispatch(now, event, out);
        let observed = observed(&self.server, self.rendezvous.as_ref());
        match is_start {
            true => self.service.on_started(now, observed),
            false => self.service.on_event(now, observed),
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        let rendezvous = self.rendezvous.as_ref().and_then(Rendezvous::deadline);
        let deadlines = [
            self.server.deadline(),
            self.admin.deadline(),
            rendezvous,
            self.service.deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }
}
