//! The connection: dials, the pauses between them, the session, the end.

use core::time::Duration;

use crc_machine::{Backoff, DialId, LinkId, PeerAddress, Random, Timestamp};

use super::Out;
use super::outgoing::OutgoingQueue;
use super::session::Session;

/// How long a client that has lost its server waits at most before it dials another one: just
/// so long that not all clients of the lost one arrive at once.
const MOVE_PAUSE_MAX: Duration = Duration::from_millis(200);

/// The longest pause before a client asks another server again for an id that the network has
/// not forgotten yet. It doubles each time.
const RECLAIM_PAUSE_FIRST: Duration = Duration::from_millis(200);

/// The longest of those pauses.
const RECLAIM_PAUSE_MAX: Duration = Duration::from_secs(4);

/// What the next dial is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The first one after a session, to another server.
    Moving,
    /// One within a round.
    InRound,
    /// The first one of a round, after one that has failed.
    NewRound,
    /// Another one to a server that has refused the id.
    Refused,
    /// The same, to a server that may not know yet that the client has lost another one. It
    /// has refused the id so many times.
    Reclaim { refusals: u32 },
}

/// The connection to the server, in whatever phase.
#[derive(Debug)]
pub(super) struct Connection {
    phase: Phase,
    backoff: Backoff,
    dials: u64,
}

#[derive(Debug)]
enum Phase {
    /// Not started.
    Idle,
    /// Waiting for the time of the next dial.
    Pausing { until: Timestamp },
    /// Waiting for the answer to a dial.
    Dialing { dial: DialId },
    /// Connected.
    Linked(Session),
    /// The last session is closed; the client stops when its link is down.
    Ending { link: LinkId },
    /// Stopped.
    Done,
}

impl Connection {
    pub(super) fn new() -> Self {
        Connection {
            phase: Phase::Idle,
            backoff: Backoff::default(),
            dials: 0,
        }
    }

    /// The session, while there is one.
    pub(super) fn session(&self) -> Option<&Session> {
        match &self.phase {
            Phase::Linked(session) => Some(session),
            _ => None,
        }
    }

    /// The session, while there is one.
    pub(super) fn session_mut(&mut self) -> Option<&mut Session> {
        match &mut self.phase {
            Phase::Linked(session) => Some(session),
            _ => None,
        }
    }

    /// The session on this link.
    pub(super) fn session_on(&mut self, link: LinkId) -> Option<&mut Session> {
        self.session_mut().filter(|session| session.link() == link)
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle)
    }

    /// Whether there is no link yet, or no link any more with another to come.
    pub(super) fn is_unlinked(&self) -> bool {
        matches!(
            self.phase,
            Phase::Idle | Phase::Pausing { .. } | Phase::Dialing { .. }
        )
    }

    /// Whether no session follows.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ending { .. } | Phase::Done)
    }

    /// Whether this dial is the one whose answer is awaited.
    pub(super) fn is_dialing(&self, dial: DialId) -> bool {
        matches!(self.phase, Phase::Dialing { dial: awaited } if awaited == dial)
    }

    /// Whether the end waits for this link to go down.
    pub(super) fn is_ending(&self, link: LinkId) -> bool {
        matches!(self.phase, Phase::Ending { link: awaited } if awaited == link)
    }

    pub(super) fn dial(&mut self, server: &PeerAddress, out: &mut Out) {
        let dial = DialId(self.dials);
        self.dials += 1;
        self.phase = Phase::Dialing { dial };
        out.dial(dial, server.clone());
    }

    pub(super) fn start_session(&mut self, session: Session) {
        self.phase = Phase::Linked(session);
    }

    /// Schedules the next dial; returns the pause until then.
    pub(super) fn schedule_dial(
        &mut self,
        now: Timestamp,
        random: &mut Random,
        attempt: Attempt,
    ) -> Duration {
        let pause = match attempt {
            Attempt::Moving => random.duration_up_to(MOVE_PAUSE_MAX),
            Attempt::InRound => self.backoff.pause_within_round(random),
            Attempt::NewRound => self.backoff.pause(random, false),
            Attempt::Refused => self.backoff.pause(random, true),
            Attempt::Reclaim { refusals } => {
                let max = RECLAIM_PAUSE_FIRST.saturating_mul(2_u32.saturating_pow(refusals));
                let max = max.min(RECLAIM_PAUSE_MAX);
                max / 2 + random.duration_up_to(max / 2)
            }
        };
        self.phase = Phase::Pausing { until: now + pause };
        pause
    }

    /// Whether the pause before the next dial is over.
    pub(super) fn is_dial_due(&self, now: Timestamp) -> bool {
        matches!(self.phase, Phase::Pausing { until } if until <= now)
    }

    /// A session has ended after the server had accepted the registration for `held`.
    pub(super) fn session_held(&mut self, held: Duration) {
        self.backoff.link_held(held);
    }

    /// The last session is closed, and its link is not down yet.
    pub(super) fn end(&mut self, link: LinkId) {
        self.phase = Phase::Ending { link };
    }

    /// Stops the client.
    pub(super) fn stop(&mut self, out: &mut Out) {
        self.phase = Phase::Done;
        out.stop();
    }

    pub(super) fn deadline(&self, queue: &OutgoingQueue) -> Option<Timestamp> {
        match &self.phase {
            Phase::Pausing { until } => Some(*until),
            Phase::Linked(session) => session.deadline(queue),
            Phase::Idle | Phase::Dialing { .. } | Phase::Ending { .. } | Phase::Done => None,
        }
    }
}
