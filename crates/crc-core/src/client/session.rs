//! One established connection: how far the registration has come, which version the
//! server speaks, and when the next frame may be sent.
//!
//! A session is *registering* until the server's first status, *welcomed* until it
//! is known which version the server speaks, *settled* until the end. Chats are sent
//! on a settled session only.
//!
//! TCP does not notice that a server is frozen: its system goes on to take what is sent. So a
//! server that says nothing is pinged, and given up if it does not answer.

use core::time::Duration;

use crc_machine::{LinkId, Timestamp};
use crc_wire::Decoder;

use super::config::ClientLimits;
use super::outgoing::OutgoingQueue;
use super::v1_server;
use crate::announcement::Features;

/// How long a server may take to answer the announcement. A server that does not
/// answer is a v1 server. The servers that are known to be v1 answer at once, so a long time costs
/// nothing there, and a busy v2 server is not taken for one of them.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a server may take to close the connection after the quit.
const QUIT_TIMEOUT: Duration = Duration::from_secs(2);

/// An established connection.
#[derive(Debug)]
pub(super) struct Session {
    link: LinkId,
    decoder: Decoder,
    stage: Stage,
    /// Whether the server has answered the announcement.
    answered: bool,
    /// Whether the server has refused the id, or given it to another host.
    id_refused: bool,
    /// When a v1 server may be sent the next frame.
    next_frame_at: Timestamp,
    /// When the server was heard last.
    heard_at: Timestamp,
    /// When it was pinged, if it was not heard since.
    pinged_at: Option<Timestamp>,
    /// How long it may be silent before it is pinged, and how long it may take to answer.
    patience: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The server has not answered the registration.
    Registering { until: Timestamp },
    /// The server has accepted the registration, and has not answered the
    /// announcement.
    Welcomed { since: Timestamp },
    /// The server's version is known.
    Settled { since: Timestamp, server: Server },
    /// The server has not answered a ping, and the connection is about to end.
    Silent { since: Timestamp },
    /// The quit is sent, and the server is to close the connection.
    Quitting { until: Timestamp },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    V1,
    V2(Features),
}

/// A wait of a session that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimedOut {
    /// The server has not answered the registration.
    Welcome,
    /// The server has not answered a ping.
    Ping,
    /// The server has not closed the connection after the quit.
    Quit,
}

impl Session {
    pub(super) fn new(link: LinkId, now: Timestamp, limits: &ClientLimits) -> Self {
        Session {
            link,
            decoder: Decoder::new(),
            stage: Stage::Registering {
                until: now + limits.welcome_timeout,
            },
            answered: false,
            id_refused: false,
            next_frame_at: now + v1_server::FRAME_PAUSE,
            heard_at: now,
            pinged_at: None,
            patience: limits.server_timeout / 2,
        }
    }

    pub(super) fn link(&self) -> LinkId {
        self.link
    }

    pub(super) fn is_registering(&self) -> bool {
        matches!(self.stage, Stage::Registering { .. })
    }

    /// Whether the server has accepted the registration, and the quit is not sent.
    pub(super) fn is_welcomed(&self) -> bool {
        matches!(self.stage, Stage::Welcomed { .. } | Stage::Settled { .. })
    }

    pub(super) fn is_settled(&self) -> bool {
        matches!(self.stage, Stage::Settled { .. })
    }

    /// Whether the server has not answered a ping.
    pub(super) fn is_silent(&self) -> bool {
        matches!(self.stage, Stage::Silent { .. })
    }

    pub(super) fn is_quitting(&self) -> bool {
        matches!(self.stage, Stage::Quitting { .. })
    }

    /// Since when the server has accepted the registration; `None` when it has not,
    /// or when the quit is sent.
    pub(super) fn welcomed_since(&self) -> Option<Timestamp> {
        match self.stage {
            Stage::Welcomed { since } | Stage::Settled { since, .. } | Stage::Silent { since } => {
                Some(since)
            }
            Stage::Registering { .. } | Stage::Quitting { .. } => None,
        }
    }

    /// The features of a v2 server; `None` for a v1 server, and while it is not known.
    pub(super) fn features(&self) -> Option<Features> {
        match self.stage {
            Stage::Settled {
                server: Server::V2(features),
                ..
            } => Some(features),
            _ => None,
        }
    }

    /// Whether the server is known to be a v2 server.
    pub(super) fn is_v2(&self) -> bool {
        self.features().is_some()
    }

    /// Whether the server is known to support channels.
    pub(super) fn has_channels(&self) -> bool {
        self.features().is_some_and(|features| features.channels)
    }

    /// Whether the server takes requests about names and users.
    pub(super) fn has_people(&self) -> bool {
        self.features().is_some_and(|features| features.people)
    }

    pub(super) fn is_id_refused(&self) -> bool {
        self.id_refused
    }

    pub(super) fn set_id_refused(&mut self) {
        self.id_refused = true;
    }

    /// Whether the pause after the last frame is over.
    pub(super) fn may_send(&self, now: Timestamp) -> bool {
        self.is_v2() || self.next_frame_at <= now
    }

    /// A frame is sent: a v1 server needs a pause before the next one.
    pub(super) fn on_frame_sent(&mut self, now: Timestamp) {
        self.next_frame_at = now + v1_server::FRAME_PAUSE;
    }

    /// The server accepts the registration.
    pub(super) fn on_welcome(&mut self, now: Timestamp) {
        self.stage = Stage::Welcomed { since: now };
        self.on_frame_sent(now);
    }

    /// The server answers the announcement with its features, or changes them.
    pub(super) fn on_features(&mut self, features: Features) {
        self.answered = true;
        if let Some(since) = self.welcomed_since() {
            let server = Server::V2(features);
            self.stage = Stage::Settled { since, server };
        }
    }

    /// The server says that the id is taken. Returns whether that is a v1 server's
    /// answer to the announcement; a later one says that another host has the id.
    pub(super) fn on_id_taken(&mut self) -> bool {
        if self.answered {
            self.id_refused = true;
            return false;
        }
        self.answered = true;
        if let Stage::Welcomed { since } = self.stage {
            let server = Server::V1;
            self.stage = Stage::Settled { since, server };
        }
        true
    }

    /// Something has come from the server.
    pub(super) fn on_heard(&mut self, now: Timestamp) {
        self.heard_at = now;
        self.pinged_at = None;
    }

    /// Whether the server is to be pinged now. Asking notes it.
    pub(super) fn take_ping(&mut self, now: Timestamp) -> bool {
        let is_over = self.patience_ends_at().is_some_and(|end| end <= now);
        let is_due = is_over && self.pinged_at.is_none();
        if is_due {
            self.pinged_at = Some(now);
        }
        is_due
    }

    fn answers_pings(&self) -> bool {
        self.features().is_some_and(|features| features.ping)
    }

    /// When the server is to be pinged, or has not answered a ping in time.
    fn patience_ends_at(&self) -> Option<Timestamp> {
        let since = self.pinged_at.unwrap_or(self.heard_at);
        self.answers_pings().then(|| since + self.patience)
    }

    /// The quit is sent.
    pub(super) fn on_quit_sent(&mut self, now: Timestamp) {
        let until = now + QUIT_TIMEOUT;
        self.stage = Stage::Quitting { until };
    }

    /// The user quits before the welcome: the server has less time for it.
    pub(super) fn shorten_registration(&mut self, now: Timestamp) {
        if let Stage::Registering { until } = &mut self.stage {
            *until = (*until).min(now + QUIT_TIMEOUT);
        }
    }

    /// Ends the waits that are over.
    pub(super) fn on_tick(&mut self, now: Timestamp) -> Option<TimedOut> {
        match self.stage {
            Stage::Registering { until } if until <= now => Some(TimedOut::Welcome),
            Stage::Quitting { until } if until <= now => Some(TimedOut::Quit),
            Stage::Welcomed { since } if since + ANSWER_TIMEOUT <= now => {
                let server = Server::V1;
                self.stage = Stage::Settled { since, server };
                None
            }
            Stage::Settled { since, .. }
                if self.pinged_at.is_some()
                    && self.patience_ends_at().is_some_and(|end| end <= now) =>
            {
                self.stage = Stage::Silent { since };
                Some(TimedOut::Ping)
            }
            _ => None,
        }
    }

    /// When the next wait ends, or the next frame of `queue` may be sent.
    pub(super) fn deadline(&self, queue: &OutgoingQueue) -> Option<Timestamp> {
        match self.stage {
            Stage::Registering { until } | Stage::Quitting { until } => Some(until),
            Stage::Welcomed { .. } if queue.has_only_quit() => Some(self.next_frame_at),
            Stage::Welcomed { since } => Some(since + ANSWER_TIMEOUT),
            Stage::Settled { .. } => {
                let frame = (!queue.is_empty()).then_some(self.next_frame_at);
                frame.into_iter().chain(self.patience_ends_at()).min()
            }
            Stage::Silent { .. } => None,
        }
    }

    /// Takes the decoder out while its frames are handled.
    pub(super) fn take_decoder(&mut self) -> Decoder {
        core::mem::take(&mut self.decoder)
    }

    pub(super) fn put_decoder(&mut self, decoder: Decoder) {
        self.decoder = decoder;
    }
}
