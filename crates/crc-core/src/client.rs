//! The client: for programs that are in a network, and run no server.
//!
//! Everything that such a program needs is in this module. A bot needs less: the crate `crc-bot`
//! has this client, its sockets and its thread behind a few methods.
//!
//! [`Client`] is a [`Machine`]: it decides, and has no socket, thread or clock. Something drives it.
//! The crate `crc-net` does so with sockets (`Driver::new(client, DriverConfig::default())`); a
//! program with an event loop of its own does what [`Effect`] says, and reports by [`Event`].
//!
//! ```
//! use crc_core::client::{
//!     Client, ClientCommand, ClientConfig, ClientNotice, DialId, Effect, Endpoints, Event, LinkId,
//!     Machine, Origin, Outbox, Timestamp,
//! };
//! use crc_wire::{HostId, Message, Status, StatusCode, Text};
//!
//! let config = ClientConfig::new("localhost:33300".parse()?, "bob", "the builder", 7);
//! let mut client = Client::new(config)?;
//! let mut out = Outbox::new();
//! client.handle(Timestamp::START, Event::Command(ClientCommand::Start), &mut out);
//! assert!(matches!(out.effects(), [Effect::Dial { .. }]));
//! out.reset();
//!
//! // The driver has connected: the client registers.
//! let (link, origin) = (LinkId::new(0, 0), Origin::Dialed { dial: DialId(0) });
//! let endpoints = Endpoints { peer: "[::1]:33300".parse()?, local: "[::1]:4000".parse()? };
//! let up = Event::LinkUp { link, origin, endpoints, security: None };
//! client.handle(Timestamp::START, up, &mut out);
//! assert!(out.effects().iter().any(|effect| matches!(effect, Effect::Send { .. })));
//! out.reset();
//!
//! // The server accepts it.
//! let welcome = Message::Status(Status {
//!     source: HostId::new(1),
//!     destination: Some(client.id()),
//!     code: StatusCode::WELCOME,
//!     text: Text::truncated("Welcome"),
//! });
//! let bytes = &welcome.to_vec();
//! client.handle(Timestamp::START, Event::Bytes { link, bytes }, &mut out);
//! let is_welcome = |effect: &Effect<_>| {
//!     matches!(effect, Effect::Notice(ClientNotice::Welcome { id, .. }) if *id == client.id())
//! };
//! assert!(out.effects().iter().any(is_welcome));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The life of a client
//!
//! | the client | [`is_welcomed`](Client::is_welcomed) | [`is_settled`](Client::is_settled) | it tells |
//! |---|---|---|---|
//! | gets [`Start`](ClientCommand::Start), and dials | no | no | [`Unreachable`](ClientNotice::Unreachable) for each dial that fails |
//! | is connected, and has registered | no | no | [`Connected`](ClientNotice::Connected) |
//! | is accepted | yes | no | [`Welcome`](ClientNotice::Welcome), then [`Joined`](ClientNotice::Joined) for each other client |
//! | knows what the server supports | yes | yes | what happens |
//! | has lost its connection, and dials again | no | no | [`Disconnected`](ClientNotice::Disconnected), with the pause |
//! | has quit, or cannot go on | no | no | [`Failed`](ClientNotice::Failed) if it cannot; then [`Effect::Stop`] |
//!
//! A server that says nothing for [15 s](ClientLimits::server_timeout) is pinged; one that has not
//! answered 15 s later is lost ([`Silent`](DisconnectReason::Silent)). So the client notices a server
//! that is frozen, if that is of this version and answers pings.
//!
//! The client connects again by itself, with growing pauses, and joins its channels again. With
//! [several servers](ClientConfig::servers) it goes to the next one at once, with the same id:
//! [`Moved`](ClientNotice::Moved). It stops only when it is told to ([`Quit`](ClientCommand::Quit)),
//! or when every further attempt would end in the same way ([`ClientFailure`]).
//!
//! # Commands
//!
//! A [`ClientCommand`] never fails at once. Commands that come before the client is settled wait, in
//! order and in [bounded memory](ClientLimits::queue_bytes_max). What will not be sent is told by
//! [`NotSent`](ClientNotice::NotSent) or [`ChannelNotSent`](ClientNotice::ChannelNotSent), with
//! a [`ClientSendError`]. What the server refuses comes as a
//! [`ChannelRefused`](ClientNotice::ChannelRefused) or a [`Status`](ClientNotice::Status). Frames that
//! a lost connection has not written are sent on the next one. A frame that the connection has
//! taken and the server has not read is lost: the protocol has no receipts.
//!
//! `Quit` sends what waits, quits, and waits for the server to close the connection. A second one
//! closes it at once.
//!
//! # Names and ids
//!
//! Commands name clients by their ids, which are unique. Names are not: [`Client::resolve`] finds
//! the id of a name, or says that there are several. [`Client::clients`] lists all clients, and
//! [`Client::channels`] the channels that this one is in, each with its members and settings. Both
//! are empty without a connection.
//!
//! # Messages and notices
//!
//! A program answers a message ([`Chat`](ClientNotice::Chat), or
//! [`ChannelChat`](ClientNotice::ChannelChat) of kind [`ChatKind::Message`]) by a notice
//! ([`SendNotice`](ClientCommand::SendNotice),
//! [`SendChannelNotice`](ClientCommand::SendChannelNotice)), and never answers a notice. Otherwise two
//! programs answer each other for ever. A server of version 1 has no notices, and makes a chat of
//! one: [`Client::server_features`] is `None` there.
//!
//! # Limits
//!
//! [`ClientLimits`] bounds the memory for texts, queues, the list of clients and the channels. A server
//! that exceeds them is closed, and [`DisconnectReason`] says why. A faulty frame is dropped
//! ([`FrameDropped`](ClientNotice::FrameDropped)), or closes the connection if it is none at all. No
//! input panics.

// The parts, and their state:
//
// connection  the phase of the connection: dialling, a session, the end
// session     one established connection: stage of the registration, version of the server
// identity    the id, and what to do when a server refuses it
// servers     the servers, and which of them is tried next
// outgoing    the messages that may not be sent yet, and the quit
// roster      the other clients
// channels    the channels
//
// `Client` receives the events and calls these; `receive` handles the messages of the server, `send`
// sends those of the client. Chats are sent once it is known which version the server speaks: a v1
// server must not be sent two frames at once, nor a long one, nor text that is not ASCII. Channels are
// for servers that have announced them.

mod api;
mod channels;
mod config;
mod connection;
mod identity;
mod outgoing;
mod receive;
mod roster;
mod send;
mod servers;
mod session;
mod users;
mod v1_server;

use core::time::Duration;

use crc_machine::{CloseWhen, Random, Unsent};
use crc_wire::{ChannelName, RequestKind, truncate_utf8};

use crate::admission::{check_info, is_channel_name};
use crate::names::prepare_name;

use channels::Memberships;
use connection::{Attempt, Connection};
use identity::Identity;
use outgoing::{ChannelCommand, Outgoing, OutgoingQueue, unsent_messages};
use roster::Roster;
use servers::{Next, Servers};
use session::{Session, TimedOut};

pub use api::{
    BadFrame, ChannelMember, ChannelRank, ClientCommand, ClientFailure, ClientNotice,
    ClientSendError, DisconnectReason, HostRef,
};
pub use channels::ClientChannel;
pub use config::{ClientConfig, ClientLimits};
pub use roster::{RemoteClient, ResolveError};
pub use servers::CLIENT_SERVERS_MAX;
pub use users::{ListRest, ListedChannel, UserInfo, UserRequest};

// What the interface of the client names.
pub use crate::admission::AdmissionError;
pub use crate::announcement::Features;
pub use crate::operator::Password;
pub use crc_machine::{
    DialError, DialId, Effect, Endpoints, Event, LinkDown, LinkId, Machine, Origin, Outbox,
    PeerAddress, Security, Timestamp, TlsFailure,
};
pub use crc_wire::{
    ChannelField, ChatKind, FrameError, HostId, Kind, MemberFlags, MessageError, StatusCode,
};

type Out = Outbox<ClientNotice>;

/// A session that a server has accepted for so long is no failed attempt: when it ends, all
/// other servers are tried anew.
const HELD_MIN: Duration = Duration::from_secs(5);

/// How many connections may end in the middle of one message.
const INTERRUPTED_MAX: u32 = 3;

/// A client of a network. See the module's comment.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    random: Random,
    servers: Servers,
    identity: Identity,
    connection: Connection,
    outgoing: OutgoingQueue,
    /// The last message that a connection has ended in the middle of, and how many did.
    interrupted: Option<(Outgoing, u32)>,
    roster: Roster,
    channels: Memberships,
    /// Why it is away, as the server has confirmed it; empty if it is not.
    away: String,
}

impl Client {
    /// A client that waits for [`ClientCommand::Start`].
    ///
    /// # Errors
    ///
    /// [`AdmissionError`] when this project's servers would not admit the name or the
    /// info, and when there is no server or there are too many.
    pub fn new(mut config: ClientConfig) -> Result<Self, AdmissionError> {
        config.name = prepare_name(&config.name)?.into_owned();
        check_info(&config.info)?;
        let count = config.servers.len();
        let named = (count <= CLIENT_SERVERS_MAX).then(|| config.servers.clone());
        let servers = named.and_then(Servers::new);
        let servers = servers.ok_or(AdmissionError::ServerCount(count))?;
        let mut random = Random::new(config.seed);
        Ok(Client {
            servers,
            identity: Identity::new(config.id, &mut random),
            connection: Connection::new(),
            outgoing: OutgoingQueue::new(config.limits.queue_bytes_max),
            interrupted: None,
            roster: Roster::default(),
            channels: Memberships::default(),
            away: String::new(),
            config,
            random,
        })
    }

    /// The id of the present registration, or of the next one. A displaced client takes its
    /// next id when it is connected again.
    #[must_use]
    pub fn id(&self) -> HostId {
        self.identity.id()
    }

    /// The server that this client is registered with, or that it tries.
    #[must_use]
    pub fn server(&self) -> &PeerAddress {
        self.servers.current()
    }

    /// The servers that this client may move to: those of the configuration, then those that
    /// its servers have told it of.
    pub fn servers(&self) -> impl Iterator<Item = &PeerAddress> {
        self.servers.iter()
    }

    /// The name to register with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Whether a server has accepted the registration, on an established connection.
    #[must_use]
    pub fn is_welcomed(&self) -> bool {
        self.connection.session().is_some_and(Session::is_welcomed)
    }

    /// Whether the version of the server is known, so that chats are sent. The
    /// server's answer follows its list of clients, so that the list is complete too.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.connection.session().is_some_and(Session::is_settled)
    }

    /// The features of the server; `None` for a v1 server, and while it is not known.
    #[must_use]
    pub fn server_features(&self) -> Option<Features> {
        self.connection.session()?.features()
    }

    /// The channels that this client is in, in the order of their names.
    pub fn channels(&self) -> impl Iterator<Item = &ClientChannel> {
        self.channels.iter()
    }

    /// A channel that this client is in. ASCII letters match in either case.
    #[must_use]
    pub fn channel(&self, name: &str) -> Option<&ClientChannel> {
        self.channels.find(name)
    }

    /// Whether a request to join a channel waits for the server's answer.
    #[must_use]
    pub fn is_joining(&self, channel: &str) -> bool {
        self.channels.is_requested(channel)
    }

    /// The number of chats and channel commands that are not sent yet.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.outgoing.len()
    }

    /// The other clients of the network, in the order of their ids.
    pub fn clients(&self) -> impl Iterator<Item = (HostId, &RemoteClient)> {
        self.roster.iter()
    }

    /// Another client of the network.
    #[must_use]
    pub fn client(&self, id: HostId) -> Option<&RemoteClient> {
        self.roster.find(id)
    }

    /// The client that `text` names: any id, known or not, or the exact name of one
    /// client. A client whose name is a number is found by its id only.
    ///
    /// # Errors
    ///
    /// [`ResolveError`] when no client has the name, or more than one.
    pub fn resolve(&self, text: &str) -> Result<HostId, ResolveError> {
        self.roster.resolve(text)
    }

    /// The id and the name of a host, which may be this client.
    #[must_use]
    pub fn host_ref(&self, id: HostId) -> HostRef {
        let name = match self.roster.find(id) {
            _ if id == self.id() => Some(self.config.name.clone()),
            known => known.map(|client| client.name.to_string()),
        };
        HostRef { id, name }
    }
}

impl Machine for Client {
    type Command = ClientCommand;
    type Notice = ClientNotice;

    fn handle(&mut self, now: Timestamp, event: Event<'_, ClientCommand>, out: &mut Out) {
        match event {
            Event::Command(command) => self.handle_command(now, command, out),
            Event::LinkUp { link, origin, .. } => self.handle_link_up(now, link, origin, out),
            Event::Bytes { link, bytes } => self.handle_bytes(now, link, bytes, out),
            Event::LinkDown { link, why, unsent } => {
                self.handle_link_down(now, link, why, unsent, out);
            }
            Event::DialFailed { dial, why } => self.handle_dial_failed(now, dial, why, out),
            Event::Queue { .. } | Event::Crowded { .. } => {}
            Event::Tick => self.handle_tick(now, out),
        }
        self.flush_queue(now, out);
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.connection.deadline(&self.outgoing)
    }
}

/// Commands.
impl Client {
    fn handle_command(&mut self, now: Timestamp, command: ClientCommand, out: &mut Out) {
        let (channel, command) = match command {
            ClientCommand::Start => {
                if self.connection.is_idle() {
                    self.connection.dial(self.servers.current(), out);
                }
                return;
            }
            ClientCommand::SendChat { to, text } => {
                self.enqueue(Outgoing::Chat { to, text }, out);
                return;
            }
            ClientCommand::SendNotice { to, text } => {
                self.enqueue(Outgoing::Notice { to, text }, out);
                return;
            }
            ClientCommand::SetAway { text } => {
                self.ask(UserRequest::SetAway, None, text, out);
                return;
            }
            ClientCommand::Whois { client } => {
                self.ask(UserRequest::Whois, None, client.to_string(), out);
                return;
            }
            ClientCommand::ListChannels { mask } => {
                self.ask(UserRequest::List, None, mask, out);
                return;
            }
            ClientCommand::SetName { name } => {
                self.set_name(name, out);
                return;
            }
            ClientCommand::Quit { text } => {
                self.handle_quit(now, &text, out);
                return;
            }
            ClientCommand::Command { line } => {
                self.send_command(&line, out);
                return;
            }
            ClientCommand::Join { channel, key } => (channel, ChannelCommand::Join { key }),
            ClientCommand::Part { channel, text } => (channel, ChannelCommand::Part { text }),
            ClientCommand::SendChannelChat { channel, text } => {
                let kind = ChatKind::Message;
                (channel, ChannelCommand::Chat { kind, text })
            }
            ClientCommand::SendChannelNotice { channel, text } => {
                let kind = ChatKind::Notice;
                (channel, ChannelCommand::Chat { kind, text })
            }
            ClientCommand::SetTopic { channel, topic } => {
                let (field, value) = (ChannelField::TOPIC, topic);
                (channel, ChannelCommand::Set { field, value })
            }
            ClientCommand::SetChannel {
                channel,
                field,
                value,
            } => (channel, ChannelCommand::Set { field, value }),
            ClientCommand::SetRank {
                channel,
                client,
                rank,
                is_given,
            } => {
                let kind = match (rank, is_given) {
                    (ChannelRank::Operator, true) => RequestKind::OP,
                    (ChannelRank::Operator, false) => RequestKind::DEOP,
                    (ChannelRank::Voice, true) => RequestKind::VOICE,
                    (ChannelRank::Voice, false) => RequestKind::DEVOICE,
                };
                let text = String::new();
                (channel, ChannelCommand::Request { kind, client, text })
            }
            ClientCommand::Kick {
                channel,
                client,
                reason: text,
            } => {
                let kind = RequestKind::KICK;
                (channel, ChannelCommand::Request { kind, client, text })
            }
            ClientCommand::Invite { channel, client } => {
                let (kind, text) = (RequestKind::INVITE, String::new());
                (channel, ChannelCommand::Request { kind, client, text })
            }
            ClientCommand::Names { channel } => (channel, ChannelCommand::Names),
        };
        if is_channel_name(&channel)
            && let Ok(channel) = ChannelName::new(channel.as_str())
        {
            let channel = channel.into_owned();
            self.enqueue(Outgoing::Channel { channel, command }, out);
        } else {
            let why = ClientSendError::InvalidChannelName;
            out.notice(ClientNotice::ChannelNotSent { channel, why });
        }
    }

    /// Asks for another name, if it is valid.
    fn set_name(&mut self, name: String, out: &mut Out) {
        let request = UserRequest::SetName;
        match prepare_name(&name) {
            Ok(name) => self.ask(request, None, name.into_owned(), out),
            Err(why) => {
                let text = why.to_string();
                out.notice(ClientNotice::RequestRefused { request, text });
            }
        }
    }

    /// Queues a request about this client or another one.
    fn ask(&mut self, request: UserRequest, about: Option<HostId>, text: String, out: &mut Out) {
        let message = Outgoing::Request {
            request,
            about,
            text,
        };
        self.enqueue(message, out);
    }

    /// Queues a message, or reports why not.
    fn enqueue(&mut self, message: Outgoing, out: &mut Out) {
        let max = self.config.limits.text_bytes_max as usize;
        let len = message.text().len();
        let refused = if self.is_leaving() {
            (message, ClientSendError::Quit)
        } else if len > max {
            (message, ClientSendError::TooLong { len, max })
        } else if let Err(message) = self.outgoing.push(message) {
            (message, ClientSendError::QueueFull)
        } else {
            return;
        };
        let (message, why) = refused;
        notify_not_sent([message], why, out);
    }

    /// Whether the user has quit, or the client has ended by itself.
    fn is_leaving(&self) -> bool {
        let quitting = self.connection.session().is_some_and(Session::is_quitting);
        self.outgoing.is_quitting() || quitting || self.connection.is_over()
    }

    fn handle_quit(&mut self, now: Timestamp, text: &str, out: &mut Out) {
        if self.connection.is_unlinked() {
            self.fail_queue(out);
            self.connection.stop(out);
            return;
        }
        let Some(session) = self.connection.session_mut() else {
            return;
        };
        if self.outgoing.is_quitting() || session.is_quitting() {
            let link = session.link();
            self.abort(link, out);
            return;
        }
        let max = self.config.limits.text_bytes_max as usize;
        self.outgoing.set_quit(truncate_utf8(text, max).to_owned());
        if session.is_registering() {
            // The quit waits for the welcome: the id may belong to another host, and
            // a v1 server would let that host quit.
            session.shorten_registration(now);
            self.fail_queue(out);
        } else if session.is_id_refused() {
            self.close(now, DisconnectReason::Quit, out);
        }
    }

    /// The second quit: closes the link without waiting for the server.
    fn abort(&mut self, link: LinkId, out: &mut Out) {
        self.fail_queue(out);
        self.channels.clear();
        self.outgoing.clear_quit();
        self.connection.end(link);
        out.close(link, CloseWhen::Now);
        out.notice(ClientNotice::Disconnected {
            reason: DisconnectReason::Quit,
            retry_in: None,
        });
    }

    /// Reports that the queued messages are not sent, since the client quits.
    fn fail_queue(&mut self, out: &mut Out) {
        notify_not_sent(self.outgoing.drain(), ClientSendError::Quit, out);
    }
}

/// The connection.
impl Client {
    fn handle_link_up(&mut self, now: Timestamp, link: LinkId, origin: Origin, out: &mut Out) {
        let awaited = matches!(origin, Origin::Dialed { dial } if self.connection.is_dialing(dial));
        if !awaited {
            out.close(link, CloseWhen::Flushed);
            return;
        }
        let limits = &self.config.limits;
        out.bound(link, limits.send_queue_bytes_max);
        out.notice(ClientNotice::Connected {
            server: self.servers.current().clone(),
        });
        let session = Session::new(link, now, limits);
        self.connection.start_session(session);
        self.identity.on_register();
        let password = self.config.password.as_ref();
        let machine = password.map_or_else(String::new, Password::machine_part);
        let info = format!("{}{machine}", self.config.info);
        self.register(link, &info, out);
    }

    fn handle_dial_failed(&mut self, now: Timestamp, dial: DialId, why: DialError, out: &mut Out) {
        if !self.connection.is_dialing(dial) {
            return;
        }
        let failure = match why {
            DialError::Tls(why) if why.is_certificate() => Some(ClientFailure::Untrusted(why)),
            _ => None,
        };
        let server = self.servers.current().clone();
        let attempt = match self.servers.on_failed(failure) {
            Next::InRound => Attempt::InRound,
            Next::NewRound => Attempt::NewRound,
            Next::GiveUp(why) => {
                out.notice(ClientNotice::Failed { why });
                return self.connection.stop(out);
            }
        };
        let random = &mut self.random;
        let retry_in = self.connection.schedule_dial(now, random, attempt);
        out.notice(ClientNotice::Unreachable {
            server,
            why,
            retry_in,
        });
    }

    fn handle_link_down(
        &mut self,
        now: Timestamp,
        link: LinkId,
        why: LinkDown,
        unsent: Unsent<'_>,
        out: &mut Out,
    ) {
        if self.connection.is_ending(link) {
            self.connection.stop(out);
            return;
        }
        let Some(session) = self.connection.session_on(link) else {
            return;
        };
        let reason = if session.is_quitting() {
            DisconnectReason::Quit
        } else if session.is_silent() {
            DisconnectReason::Silent
        } else {
            DisconnectReason::Lost(why)
        };
        let (mut messages, is_begun) = unsent_messages(unsent);
        if is_begun && self.is_interrupted_again(&messages[0]) {
            notify_not_sent([messages.remove(0)], ClientSendError::Interrupted, out);
        }
        self.requeue(messages, out);
        if self.reset_connection(now, reason, out).is_some() {
            self.connection.stop(out);
        }
    }

    /// A connection has ended in the middle of a message. Whether so many have that the
    /// server seems to close them because of it: a text may be too long for it.
    fn is_interrupted_again(&mut self, message: &Outgoing) -> bool {
        let known = self.interrupted.take().filter(|(it, _)| it == message);
        let (message, times) = known.unwrap_or_else(|| (message.clone(), 0));
        if times + 1 >= INTERRUPTED_MAX {
            return true;
        }
        self.interrupted = Some((message, times + 1));
        false
    }

    /// Queues the messages that the server has not received again, before all others.
    fn requeue(&mut self, messages: Vec<Outgoing>, out: &mut Out) {
        for message in &messages {
            if let Outgoing::Channel {
                channel,
                command: ChannelCommand::Part { .. },
            } = message
            {
                self.channels.unset_leaving(channel.as_str());
            }
        }
        let left_over = self.outgoing.put_back(messages);
        notify_not_sent(left_over, ClientSendError::QueueFull, out);
    }

    /// Closes the connection.
    fn close(&mut self, now: Timestamp, reason: DisconnectReason, out: &mut Out) {
        if let Some(session) = self.connection.session() {
            out.close(session.link(), CloseWhen::Flushed);
        }
        if let Some(link) = self.reset_connection(now, reason, out) {
            self.connection.end(link);
        }
    }

    /// Forgets the session and what the server has listed, and schedules the next
    /// dial. Returns the link instead when no session follows, since the user quits.
    fn reset_connection(
        &mut self,
        now: Timestamp,
        reason: DisconnectReason,
        out: &mut Out,
    ) -> Option<LinkId> {
        let session = self.connection.session()?;
        let (link, id_refused) = (session.link(), session.is_id_refused());
        let leaving = self.outgoing.is_quitting() || session.is_quitting();
        let held = session.welcomed_since().map(|since| now.since(since));
        if let Some(held) = held {
            self.connection.session_held(held);
        }
        self.roster.clear();
        self.channels.on_disconnect();
        let retry_in = (!leaving).then(|| {
            let attempt = match id_refused {
                true => self.attempt_after_refusal(now),
                false => self.attempt_after_session(held, reason),
            };
            self.connection
                .schedule_dial(now, &mut self.random, attempt)
        });
        out.notice(ClientNotice::Disconnected { reason, retry_in });
        if !leaving {
            return None;
        }
        self.fail_queue(out);
        self.channels.clear();
        self.outgoing.clear_quit();
        Some(link)
    }

    /// The server has refused the id: it is asked again, since other servers know as much.
    fn attempt_after_refusal(&self, now: Timestamp) -> Attempt {
        let reclaims = self.identity.reclaims(now);
        match reclaims.filter(|_| self.servers.has_others()) {
            Some(refusals) => Attempt::Reclaim { refusals },
            None => Attempt::Refused,
        }
    }

    /// A session has ended that the server had accepted for so long: the next server is tried.
    fn attempt_after_session(
        &mut self,
        held: Option<Duration>,
        reason: DisconnectReason,
    ) -> Attempt {
        let is_leaving = reason == DisconnectReason::ServerLeaving;
        let is_held = held.is_some_and(|held| held >= HELD_MIN);
        if self.servers.has_others() && (is_leaving || is_held) {
            self.servers.begin_round();
            self.servers.on_failed(None);
            return Attempt::Moving;
        }
        let failure = match reason {
            DisconnectReason::NotPermitted => Some(ClientFailure::NotPermitted),
            _ => None,
        };
        match self.servers.on_failed(failure) {
            Next::InRound => return Attempt::InRound,
            Next::NewRound => {}
            // One that the user has not named has let the client down.
            Next::GiveUp(_) => {
                self.servers.begin_round();
                self.servers.on_failed(None);
            }
        }
        Attempt::NewRound
    }

    fn handle_tick(&mut self, now: Timestamp, out: &mut Out) {
        if self.connection.is_dial_due(now) {
            self.connection.dial(self.servers.current(), out);
        } else if let Some(session) = self.connection.session_mut() {
            let link = session.link();
            match session.on_tick(now) {
                Some(TimedOut::Welcome) if !self.outgoing.is_quitting() => {
                    self.close(now, DisconnectReason::WelcomeTimeout, out);
                }
                Some(TimedOut::Welcome | TimedOut::Quit) => {
                    self.close(now, DisconnectReason::Quit, out);
                }
                // What is not written yet comes back with the end of the link.
                Some(TimedOut::Ping) => out.close(link, CloseWhen::Now),
                None if session.take_ping(now) => self.ping(link, out),
                None => {}
            }
        }
    }
}

fn notify_not_sent(
    messages: impl IntoIterator<Item = Outgoing>,
    why: ClientSendError,
    out: &mut Out,
) {
    for message in messages {
        out.notice(match message {
            Outgoing::Chat { to, .. } | Outgoing::Notice { to, .. } => {
                ClientNotice::NotSent { to, why }
            }
            Outgoing::Request { request, .. } => ClientNotice::RequestNotSent { request, why },
            Outgoing::Channel { channel, .. } => ClientNotice::ChannelNotSent {
                channel: channel.into_string(),
                why,
            },
        });
    }
}
