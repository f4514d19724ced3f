//! The server: receives events, and calls the owner of the state that each concerns.
//!
//! | owner | its state |
//! |---|---|
//! | [`Network`](crate::network::Network) | hosts, neighbours, channels, nicks, and the rules about them |
//! | [`Tree`](crate::tree::Tree) | rank, candidates, dials, remembered loops |
//! | `crc`, `irc`, `legacy` | the sessions of their links |
//! | [`Context`] | what handlers may change, and the operations that protocols share |
//!
//! The server itself knows the life cycle only: links come up and go down, timers
//! expire, the server starts and leaves. It decides everything and does nothing:
//! sockets are the driver's.

mod memory;
mod snapshot;

use core::time::Duration;
use std::net::SocketAddr;

use crc_machine::{
    CloseWhen, Endpoints, Event, LinkDown, LinkId, Machine, Origin, PeerAddress, Security, Timers,
    Timestamp, Unsent,
};
pub use memory::Memory;
pub use snapshot::{LinkView, Snapshot};

use crate::config::{Config, Reconfiguration};
use crate::context::{Context, LinkTimer, Out, Stage, Timer};
use crate::crc::pacing::CHUNK_PAUSE;
use crate::first_bytes::Ports;
use crate::link::{Link, Phase};
use crate::notice::ServerNotice;
use crate::password::Purpose;
use crate::violation::Violation;
use crate::{crc, irc, legacy};

/// How long v1 nodes have to read the goodbyes when this server leaves.
const LEAVING_TIME_MAX: Duration = Duration::from_secs(2);

/// A command of the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerCommand {
    /// Begin: the driver listens on these addresses.
    Start {
        /// The addresses, with real ports.
        listening: Vec<SocketAddr>,
    },
    /// These are the ports that peers can use, for those who come to the wrong one.
    Ports(Ports),
    /// Clients reach this server at these addresses, as it says to the other servers: at most
    /// [`CLIENT_ADDRESSES_MAX`](crate::CLIENT_ADDRESSES_MAX) of them. Their clients move here
    /// when their own server is gone.
    ClientAddresses(Vec<PeerAddress>),
    /// Use these discovered servers instead of those discovered before; an empty list
    /// means that there is no server to link to. They are dialled in this order, after
    /// those of [`Config::connect`]; the rules of rank hold for them as for all others.
    /// At most 1024 are used.
    Candidates(Vec<PeerAddress>),
    /// The clock on the wall shows this time: it has been set, or the computer has slept.
    /// The server shows it to users; the order of the network's own times does not
    /// depend on it.
    WallClock {
        /// The time, in milliseconds of Unix time.
        unix_ms: u64,
    },
    /// Use other settings from now on.
    Reconfigure(Box<Reconfiguration>),
    /// The password of a [`ServerNotice::CheckPassword`] was compared with its hash.
    PasswordChecked {
        /// The number of the request.
        number: u64,
        /// Whether it is the right one.
        is_right: bool,
    },
    /// Tell all operators of the network something that this server has done.
    TellOperators {
        /// What it is.
        text: Box<str>,
    },
    /// Leave the network: a graceful shutdown.
    Leave {
        /// The reason that the others are sent.
        reason: Box<str>,
    },
}

/// A server of the network.
///
/// ```
/// use crc_core::{Config, Event, Machine, Outbox, Server, ServerCommand, Timestamp};
/// use crc_wire::{HostId, Name};
///
/// let config = Config::new(HostId::new(1).unwrap(), Name::new("anchor").unwrap());
/// let mut server = Server::new(config);
/// let mut out = Outbox::new();
/// let start = ServerCommand::Start { listening: vec![] };
/// server.handle(Timestamp::START, Event::Command(start), &mut out);
/// assert!(out.effects().is_empty(), "a root waits to be dialled");
/// assert_eq!(server.deadline(), None);
/// ```
#[derive(Debug)]
pub struct Server {
    cx: Context,
}

impl Server {
    /// A server that has not started yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Server {
            cx: Context::new(config),
        }
    }

    /// A view of the server's state.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot<'_> {
        Snapshot::new(&self.cx)
    }

    /// Checks the invariants that hold between two events; for tests and simulations.
    ///
    /// # Panics
    ///
    /// When it does not hold: the program has a bug then.
    pub fn check(&self) {
        self.cx.check();
    }

    // Links.

    fn on_link_up(
        &mut self,
        link: LinkId,
        origin: Origin,
        (endpoints, security): (Endpoints, Option<Box<Security>>),
        out: &mut Out,
    ) {
        let cx = &mut self.cx;
        if cx.stage != Stage::Running {
            // The link is not remembered, so its LinkDown is ignored.
            return out.close(link, CloseWhen::Now);
        }
        if !self.cx.ended.is_empty() {
            self.cx.finish_shift();
        }
        self.finish_ended(out);
        let cx = &mut self.cx;
        let protocol = cx.protocol_for(origin);
        let mut found = Link::new(cx.now, origin, endpoints, protocol);
        found.security = security;
        let is_crc = found.is_crc();
        cx.add_link(link, found);
        let limits = &cx.config.limits;
        let accepted = matches!(origin, Origin::Accepted { .. });
        if !is_crc
            && accepted
            && let Some(text) = cx.address_ban(endpoints.peer.ip())
        {
            log::info!("{}: refused: {text}", endpoints.peer);
            return cx.close_text_link(link, &text, "refused", out);
        }
        if !is_crc {
            // A server gets a larger bound with its burst.
            out.bound(link, limits.client_queue_bytes_max);
        }
        let time_max = match origin {
            Origin::Accepted { .. } => limits.registration_time_max,
            Origin::Dialed { .. } => limits.introduction_time_max,
        };
        cx.set_link_timer(link, LinkTimer::Registration, cx.now + time_max);
        match origin {
            Origin::Accepted { .. } => {}
            Origin::Dialed { dial } if is_crc => {
                let alias = crc::uplink::on_dialed(cx, dial, link);
                let id = alias.as_ref().map(|alias| alias.id);
                let introduction = crc::introduction::introduction(cx, id);
                out.send(link, &introduction);
                if let Some(session) = cx.crc_session_mut(link) {
                    session.alias = alias;
                }
            }
            Origin::Dialed { dial } => legacy::uplink::on_dialed(cx, link, dial, out),
        }
    }

    fn on_link_down(&mut self, link: LinkId, why: LinkDown, unsent: Unsent<'_>, out: &mut Out) {
        if !self.cx.defer_link_down(link, why, unsent) {
            self.remove_link(link, why, unsent, out);
        }
    }

    /// Handles all that waits of links that have ended. A new link may be that of a peer that
    /// comes back and wants its id, and it may get the name of a link that has ended.
    fn finish_ended(&mut self, out: &mut Out) {
        for link in core::mem::take(&mut self.cx.ended) {
            let waits = |cx: &Context| cx.links.find(link).is_some_and(|it| it.unread.is_some());
            while waits(&self.cx) {
                self.on_unread(link, out);
            }
        }
    }

    fn on_unread(&mut self, link: LinkId, out: &mut Out) {
        if let Some(ended) = self.cx.on_unread(link, out) {
            let unsent = Unsent {
                bytes: &ended.unsent,
                written: ended.written,
            };
            self.remove_link(link, ended.why, unsent, out);
        }
    }

    fn remove_link(&mut self, link: LinkId, why: LinkDown, unsent: Unsent<'_>, out: &mut Out) {
        let cx = &mut self.cx;
        let peer = cx.describe_peer(link);
        let Some(found) = cx.links.find_mut(link) else {
            return;
        };
        let mut unsent = unsent;
        let mut all = Vec::new();
        let waiting = found.outlet.waiting();
        if !waiting.is_empty() {
            // What the driver holds comes first, then what this server holds.
            all.extend_from_slice(unsent.bytes);
            all.extend_from_slice(waiting);
            unsent.bytes = &all;
        }
        // A proxy or monitor looks whether this server runs.
        let is_probe = found.phase == Phase::Unregistered && found.heard_at == found.up_at;
        let expected = found.phase == Phase::Closing || is_probe;
        let is_crc = found.is_crc();
        let is_challenged = found.phase == Phase::Challenged && found.claimed().is_some();
        if why == LinkDown::SlowConsumer {
            cx.counters.slow_consumers += 1;
        }
        cx.remove_all_behind(link, &why.to_string(), out);
        cx.end_congestion(link, out);
        cx.remove_link(link);
        cx.ended.retain(|ended| *ended != link);
        if is_crc {
            cx.bounce_unsent(unsent, out);
        }
        match why {
            _ if expected => log::debug!("{peer}: link ended: {why}"),
            LinkDown::SlowConsumer => log::warn!("{peer}: closed: {why}"),
            _ if is_challenged => log::warn!(
                "{peer}: link lost before it has proved the secret of the link; it may have none \
                 for this server: {why}"
            ),
            _ => log::info!("{peer}: link lost: {why}"),
        }
        crc::uplink::on_link_down(cx, link, out);
        legacy::uplink::on_link_down(cx, link);
    }

    /// A password was compared with a hash.
    fn on_password_checked(&mut self, number: u64, is_right: bool, out: &mut Out) {
        let cx = &mut self.cx;
        for check in cx.passwords.end(number, is_right, cx.now) {
            match check.purpose {
                Purpose::Oper { .. } => cx.on_oper_checked(&check, is_right, out),
                Purpose::Webirc => irc::on_webirc_checked(cx, check.link, is_right, out),
                Purpose::Register if cx.is_crc(check.link) => {
                    crc::handshake::on_password_checked(cx, check.link, is_right, out);
                }
                Purpose::Register => {
                    irc::on_password_checked(cx, check.link, is_right, out);
                }
            }
        }
    }

    // Timers.

    fn on_tick(&mut self, out: &mut Out) {
        if !self.cx.continue_shift() {
            return;
        }
        while let Some(timer) = self.cx.timers.pop_due(self.cx.now) {
            let cx = &mut self.cx;
            match timer {
                Timer::Link(timer, link) => self.on_link_timer(link, timer, out),
                Timer::Dial => crc::uplink::dial(cx, out),
                Timer::LegacyDial => legacy::uplink::dial(cx, out),
                Timer::Candidates => crc::uplink::take_root_rank(cx, out),
                Timer::Settling => crc::uplink::on_settled(cx, out),
                Timer::StoreBans => cx.store_changed_bans(out),
                Timer::Surveys => cx.end_surveys(out),
                Timer::Losses => cx.continue_losses(out),
                Timer::Shift => {}
                Timer::Voided => cx.continue_voided(out),
                Timer::Ranks => cx.continue_ranks(out),
                Timer::ServerList => crc::server_list::on_timer(cx, out),
                Timer::Goodbyes => crc::leave::continue_goodbyes(cx, out),
                Timer::ShutdownDeadline => self.stop(out),
            }
            // The other timers expire in a later event: the deadline stays.
            if self.cx.work.is_spent() {
                return;
            }
        }
    }

    fn on_link_timer(&mut self, link: LinkId, timer: LinkTimer, out: &mut Out) {
        let cx = &mut self.cx;
        match timer {
            LinkTimer::Registration => {
                cx.tree.on_silent(link);
                cx.on_violation(link, Violation::NotRegistered, out);
            }
            LinkTimer::Announcement => crc::introduction::announce(cx, link, out),
            LinkTimer::Classification => {
                crc::handshake::on_silent_server(cx, link, out);
            }
            LinkTimer::PacePause => {
                cx.set_link_timer(link, LinkTimer::PacedSend, cx.now + CHUNK_PAUSE);
            }
            LinkTimer::PacedSend => cx.mark_dirty(link),
            LinkTimer::Keepalive => crc::keepalive::check_keepalive(cx, link, out),
            LinkTimer::RankCheck => crc::uplink::leave_misordered(cx, link, out),
            LinkTimer::Refusal => crc::uplink::on_permanent_refusal(cx, link, out),
            LinkTimer::Irc => irc::on_timer(cx, link, out),
            LinkTimer::Congestion => cx.close_stalled(link, out),
            LinkTimer::Burst => cx.send_slice(link, out),
            LinkTimer::Slowed => cx.end_slowing(link, out),
            LinkTimer::Unread => self.on_unread(link, out),
            LinkTimer::LegacyLoop => legacy::server::on_loop(cx, link, out),
            LinkTimer::Questions => crc::questions::go_on(cx, link, out),
        }
    }

    // Starting and leaving.

    fn start(&mut self, listening: Vec<SocketAddr>, out: &mut Out) {
        self.cx.listening = listening;
        crc::uplink::start(&mut self.cx, out);
        legacy::uplink::dial(&mut self.cx, out);
    }

    /// Sends every neighbour that this server leaves; it stops when that has been sent.
    fn leave(&mut self, reason: &str, out: &mut Out) {
        let cx = &mut self.cx;
        if cx.stage != Stage::Running {
            return;
        }
        log::info!("leaving: {reason}");
        cx.stage = Stage::Leaving;
        cx.store_changed_bans(out);
        cx.timers.cancel(Timer::Dial);
        cx.timers.cancel(Timer::LegacyDial);
        cx.timers.cancel(Timer::Candidates);
        let replacement = crc::uplink::replacement(cx);
        crc::leave::begin_goodbyes(cx, reason, replacement, out);
        cx.timers
            .set(Timer::ShutdownDeadline, cx.now + LEAVING_TIME_MAX);
    }

    fn stop(&mut self, out: &mut Out) {
        let cx = &mut self.cx;
        if cx.stage != Stage::Gone {
            cx.stage = Stage::Gone;
            cx.timers = Timers::new();
            cx.dirty_links.clear();
            out.stop();
        }
    }
}

impl Machine for Server {
    type Command = ServerCommand;
    type Notice = ServerNotice;

    fn handle(&mut self, now: Timestamp, event: Event<'_, ServerCommand>, out: &mut Out) {
        self.cx.now = self.cx.now.max(now);
        self.cx.work.start_event();
        if self.cx.stage == Stage::Gone {
            return;
        }
        match event {
            Event::LinkUp {
                link,
                origin,
                endpoints,
                security,
            } => self.on_link_up(link, origin, (endpoints, security), out),
            Event::Bytes { link, bytes } => self.cx.on_bytes(link, bytes, out),
            Event::Queue { link, report } => self.cx.on_queue(link, report, out),
            Event::Crowded { link } => irc::on_crowded(&mut self.cx, link, out),
            Event::LinkDown { link, why, unsent } => self.on_link_down(link, why, unsent, out),
            Event::DialFailed { dial, why } => {
                if !legacy::uplink::on_dial_failed(&mut self.cx, dial, why) {
                    crc::uplink::on_dial_failed(&mut self.cx, dial, why, out);
                }
            }
            Event::Command(ServerCommand::Start { listening }) => self.start(listening, out),
            Event::Command(ServerCommand::Ports(ports)) => self.cx.ports = ports,
            Event::Command(ServerCommand::ClientAddresses(addresses)) => {
                crc::server_list::set_own(&mut self.cx, addresses, out);
            }
            Event::Command(ServerCommand::Candidates(discovered)) => {
                crc::uplink::set_discovered(&mut self.cx, discovered, out);
            }
            Event::Command(ServerCommand::WallClock { unix_ms }) => {
                self.cx.set_wall_clock(unix_ms);
            }
            Event::Command(ServerCommand::Reconfigure(changed)) => {
                self.cx.reconfigure(*changed, out);
            }
            Event::Command(ServerCommand::PasswordChecked { number, is_right }) => {
                self.on_password_checked(number, is_right, out);
            }
            Event::Command(ServerCommand::TellOperators { text }) => {
                let text = format!("{}: {text}", self.cx.config.name);
                self.cx.note_operators(&text, out);
            }
            Event::Command(ServerCommand::Leave { reason }) => self.leave(&reason, out),
            Event::Tick => self.on_tick(out),
        }
        if let Some(reason) = self.cx.leaves_for.take() {
            self.leave(&reason, out);
        }
        self.cx.tell_renames(out);
        if !self.cx.dirty_links.is_empty() && !self.cx.network.is_shifting() {
            crc::flush::flush_pending(&mut self.cx, out);
        }
        if self.cx.stage == Stage::Leaving && !crc::leave::has_unsent_goodbyes(&mut self.cx) {
            self.stop(out);
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.cx.timers.next()
    }
}
