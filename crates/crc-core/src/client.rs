//! A client: registers with a server, knows the other clients, says and hears, is
//! in channels, and comes back by itself when the connection is lost.
//!
//! Answers for the protocol's client side, original servers included, and for
//! when to dial again. Knows nothing of users' commands as they are typed, nor
//! of sockets and clocks; the seed of its ids and pauses comes with the
//! configuration.
//!
//! A connection goes through three stages: *registering* until the server's
//! first status, *welcomed* until it is known what the server is, *settled*
//! until the end. Chats go out on a settled connection only: an original server
//! must not be sent two frames in one go, nor a long one, nor other text than
//! ASCII (see [`OriginalServer`]). Channels are for servers that have said that
//! they take them.
//!
//! ```
//! use crc_core::{Client, ClientConfig, ClientCommand, Effect, Event, Machine, Outbox, Timestamp};
//!
//! let config = ClientConfig::new("localhost:33300".parse()?, "bob", "the builder", 7);
//! let mut client = Client::new(config)?;
//! let mut out = Outbox::new();
//! client.handle(Timestamp::START, Event::Command(ClientCommand::Start), &mut out);
//! assert!(matches!(out.effects(), [Effect::Dial { .. }]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod api;
mod channels;
mod queue;
mod roster;

use core::time::Duration;

use crc_wire::{
    ChannelChat, ChannelField, ChannelJoin, ChannelName, ChannelPart, ChannelRequest,
    ChannelSetting, ChatKind, ClientChat, ClientQuit, Decoder, Frame, FrameLimits, HostId, Info,
    Kind, Message, Name, Registration, RequestKind, Status, StatusCode, Text, truncate_utf8,
};

use crate::admission::{AdmissionError, check_info, check_name, is_channel_name};
use crate::announcement::{Announcement, Features, parse_features_text};
use crate::id::random_host_id;
use crate::planted::planted;
use crc_machine::Backoff;
use crc_machine::Outbox;
use crc_machine::Random;
use crc_machine::Timestamp;
use crc_machine::Unsent;
use crc_machine::{CloseWhen, Event, Machine};
use crc_machine::{DialError, DialId, LinkDown, LinkId, Origin, PeerAddress};

use channels::{Asked, Member, Memberships, Set};
use queue::{Queue, Saying, Wish};
use roster::Roster;

pub use api::{
    BadFrame, ChannelMember, ClientCommand, ClientFailure, ClientNotice, ClientSendError,
    DisconnectReason, HostRef,
};
pub use channels::ClientChannel;
pub use roster::{RemoteClient, ResolveError};

/// What we take beyond version 1.
const FEATURES: Features = Features {
    server_quit: false,
    channels: true,
};

/// How long a server may take for its answer to our announcement, before it
/// is taken for an original one.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// How long a client that was welcomed once tries to get its id back.
const RECLAIM_FOR: Duration = Duration::from_secs(45);

/// How long the server may take to close the connection after our quit.
const LEAVE_WITHIN: Duration = Duration::from_secs(2);

/// What an original server can bear. It reads a little at a time, parses what
/// came as if it were whole frames, and ends when it is not; and it cuts text
/// that is not ASCII, which ends the node behind it.
struct OriginalServer;

impl OriginalServer {
    /// The longest frame.
    const FRAME_BYTES_MAX: usize = 1_024;
    /// The least time between two frames, so that each is read alone.
    const PAUSE: Duration = Duration::from_millis(10);

    fn chat_text(text: &str) -> Result<String, ClientSendError> {
        let text = Self::ascii(text);
        let (len, max) = (text.len(), Self::text_bytes_max(Kind::ClientChat));
        if len > max {
            return Err(ClientSendError::TooLongForServer { len, max });
        }
        Ok(text)
    }

    fn quit_text(text: &str) -> String {
        let mut text = Self::ascii(text);
        text.truncate(Self::text_bytes_max(Kind::ClientQuit));
        text
    }

    const fn text_bytes_max(kind: Kind) -> usize {
        Self::FRAME_BYTES_MAX - kind.fixed_len()
    }

    fn ascii(text: &str) -> String {
        let ascii = |c: char| if c.is_ascii() { c } else { '?' };
        text.chars().map(ascii).collect()
    }
}

/// How a client is to be.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// The server to register with.
    pub server: PeerAddress,
    /// The name to register with.
    pub name: String,
    /// What to say about oneself.
    pub info: String,
    /// The id to register with, and no other; `None` for any.
    pub id: Option<HostId>,
    /// What random ids and pauses follow from.
    pub seed: u64,
    /// The bounds to keep to.
    pub limits: ClientLimits,
}

/// The bounds that a client keeps to.
#[derive(Debug, Clone)]
pub struct ClientLimits {
    /// The most bytes of one text, ours or another's.
    pub text_bytes_max: u32,
    /// The most bytes of chats and wishes that wait for the server's welcome.
    pub queue_bytes_max: usize,
    /// The most bytes that may wait for the server to read them.
    pub send_queue_bytes_max: usize,
    /// The most bytes that the other clients may take.
    pub roster_bytes_max: usize,
    /// The most bytes that the channels may take.
    pub channels_bytes_max: usize,
    /// How long a server may take for its welcome.
    pub welcome_timeout: Duration,
}

impl Default for ClientLimits {
    fn default() -> Self {
        ClientLimits {
            text_bytes_max: FrameLimits::RELAY.text_bytes_max,
            queue_bytes_max: 1024 * 1024,
            send_queue_bytes_max: 64 * 1024 * 1024,
            roster_bytes_max: 256 * 1024 * 1024,
            channels_bytes_max: 128 * 1024 * 1024,
            welcome_timeout: Duration::from_secs(15),
        }
    }
}

impl ClientConfig {
    /// A client with any id and the usual limits.
    #[must_use]
    pub fn new(server: PeerAddress, name: &str, info: &str, seed: u64) -> Self {
        ClientConfig {
            server,
            name: name.to_owned(),
            info: info.to_owned(),
            id: None,
            seed,
            limits: ClientLimits::default(),
        }
    }
}

/// A client of a network. See the module's comment.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    random: Random,
    backoff: Backoff,
    dials: u64,
    id: HostId,
    /// Whether a server has ever taken us.
    ever_welcomed: bool,
    /// When our id was refused first since it was last accepted.
    refused_since: Option<Timestamp>,
    /// The refused id that was last reported, so that it is reported once.
    reported: Option<HostId>,
    phase: Phase,
    roster: Roster,
    channels: Memberships,
    queue: Queue,
    /// The last words, from when it was decided to leave until they are sent.
    quit: Option<String>,
    #[cfg(feature = "planted")]
    planted: Option<crate::planted::Planted>,
}

#[derive(Debug)]
enum Phase {
    /// Not started.
    Idle,
    /// Waiting until it is time to dial.
    Pausing { until: Timestamp },
    /// Waiting for a connection.
    Dialing { dial: DialId },
    /// A connection stands.
    Linked(Linked),
    /// The last connection has been let go; the end comes when it is down.
    Ending { link: LinkId },
    /// Over.
    Done,
}

/// A connection that stands.
#[derive(Debug)]
struct Linked {
    link: LinkId,
    decoder: Decoder,
    stage: Stage,
    /// Whether our announcement has been answered.
    answered: bool,
    /// The server has refused our id, or taken it away.
    refused: bool,
    /// What has become of the channels that we were in before.
    channels: Again,
    /// When the next frame may go out, unless the server is one of ours.
    next_frame_at: Timestamp,
}

/// What has become of the channels that we were in before a connection was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    /// It is not known yet whether the server takes channels.
    Unknown,
    /// It does not, and that has been said.
    NotTaken,
    /// We have asked for them.
    Asked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The server has said nothing yet.
    Registering { until: Timestamp },
    /// It has taken us, and is being asked what it is.
    Welcomed { since: Timestamp },
    /// It is known what it is.
    Settled { since: Timestamp, server: Server },
    /// We have quit, and wait for it to close.
    Quitting { until: Timestamp },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    Ours(Features),
    Original,
}

impl Stage {
    /// What the server is known to take beyond version 1.
    fn features(self) -> Features {
        match self {
            Stage::Settled {
                server: Server::Ours(features),
                ..
            } => features,
            _ => Features::default(),
        }
    }

    /// Whether the server is known to be one of ours.
    fn is_with_ours(self) -> bool {
        matches!(
            self,
            Stage::Settled {
                server: Server::Ours(_),
                ..
            }
        )
    }
}

type Out = Outbox<ClientNotice>;

impl Client {
    /// A client that does nothing yet.
    ///
    /// # Errors
    ///
    /// [`AdmissionError`] when our own servers would not admit the name or the info.
    pub fn new(config: ClientConfig) -> Result<Self, AdmissionError> {
        check_name(&config.name)?;
        check_info(&config.info)?;
        let mut random = Random::new(config.seed);
        let id = config.id.unwrap_or_else(|| random_host_id(&mut random));
        Ok(Client {
            queue: Queue::new(config.limits.queue_bytes_max),
            config,
            random,
            backoff: Backoff::default(),
            dials: 0,
            id,
            ever_welcomed: false,
            refused_since: None,
            reported: None,
            phase: Phase::Idle,
            roster: Roster::default(),
            channels: Memberships::default(),
            quit: None,
            #[cfg(feature = "planted")]
            planted: None,
        })
    }

    /// Has the client forget a rule.
    #[cfg(feature = "planted")]
    pub fn plant(&mut self, bug: Option<crate::planted::Planted>) {
        self.planted = bug;
    }

    /// The id that we are, or will next be, registered with.
    #[must_use]
    pub fn id(&self) -> HostId {
        self.id
    }

    /// The server that we register with.
    #[must_use]
    pub fn server(&self) -> &PeerAddress {
        &self.config.server
    }

    /// The name that we register with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Whether a server has taken us, on a connection that stands.
    #[must_use]
    pub fn is_welcomed(&self) -> bool {
        self.stage()
            .is_some_and(|stage| matches!(stage, Stage::Welcomed { .. } | Stage::Settled { .. }))
    }

    /// Whether it is known what the server is, so that chats go out. The
    /// server's answer comes behind its list of clients: that one is complete too.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.stage()
            .is_some_and(|stage| matches!(stage, Stage::Settled { .. }))
    }

    /// What the server takes beyond version 1; `None` while that is not known,
    /// and when it is an original server.
    #[must_use]
    pub fn server_features(&self) -> Option<Features> {
        match self.stage()? {
            Stage::Settled {
                server: Server::Ours(features),
                ..
            } => Some(features),
            _ => None,
        }
    }

    /// The channels that we are in, in the order of their names.
    pub fn channels(&self) -> impl Iterator<Item = &ClientChannel> {
        self.channels.iter()
    }

    /// A channel that we are in. Capitals of ASCII and small letters are the same.
    #[must_use]
    pub fn channel(&self, name: &str) -> Option<&ClientChannel> {
        self.channels.find(name)
    }

    /// Whether the server has been asked to let us into a channel and has not
    /// answered yet.
    #[must_use]
    pub fn is_joining(&self, channel: &str) -> bool {
        self.channels.is_asked(channel)
    }

    /// How many chats and wishes wait to be sent.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.len()
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

    /// Whom `word` means: any id, whether known or not, or the exact name of
    /// one client. A client whose name is a number can be reached by its id only.
    ///
    /// # Errors
    ///
    /// [`ResolveError`] when no client has the name, or more than one.
    pub fn resolve(&self, word: &str) -> Result<HostId, ResolveError> {
        self.roster.resolve(word)
    }

    /// Somebody, and what it is called, ourselves included.
    #[must_use]
    pub fn host_ref(&self, id: HostId) -> HostRef {
        let name = match self.roster.find(id) {
            _ if id == self.id => Some(self.config.name.clone()),
            known => known.map(|client| client.name.to_string()),
        };
        HostRef { id, name }
    }

    fn stage(&self) -> Option<Stage> {
        match &self.phase {
            Phase::Linked(linked) => Some(linked.stage),
            _ => None,
        }
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
            Event::Tick => self.handle_tick(now, out),
        }
        self.speak(now, out);
    }

    fn deadline(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Pausing { until } => Some(*until),
            Phase::Linked(linked) => match linked.stage {
                Stage::Welcomed { .. } if self.has_last_word() => Some(linked.next_frame_at),
                Stage::Registering { until } | Stage::Quitting { until } => Some(until),
                Stage::Welcomed { since } => Some(since + ANSWER_WITHIN),
                Stage::Settled { .. } => {
                    let waits = !self.queue.is_empty() || self.quit.is_some();
                    waits.then_some(linked.next_frame_at)
                }
            },
            Phase::Idle | Phase::Dialing { .. } | Phase::Ending { .. } | Phase::Done => None,
        }
    }
}

/// Getting a connection, and losing it.
impl Client {
    fn handle_command(&mut self, now: Timestamp, command: ClientCommand, out: &mut Out) {
        match command {
            ClientCommand::Start => self.handle_start(out),
            ClientCommand::SendChat { to, text } => self.handle_say(Saying::To { to, text }, out),
            ClientCommand::Join { channel, key } => {
                self.handle_wish(channel, Wish::Join { key }, out);
            }
            ClientCommand::Part { channel, text } => {
                self.handle_wish(channel, Wish::Part { text }, out);
            }
            ClientCommand::SendChannelChat { channel, text } => {
                self.handle_wish(channel, Wish::Say { text }, out);
            }
            ClientCommand::SetTopic { channel, topic } => {
                self.handle_wish(channel, Wish::SetTopic { topic }, out);
            }
            ClientCommand::Names { channel } => self.handle_wish(channel, Wish::Names, out),
            ClientCommand::Quit { text } => self.handle_quit(now, text, out),
        }
    }

    fn handle_start(&mut self, out: &mut Out) {
        if matches!(self.phase, Phase::Idle) {
            self.dial(out);
        }
    }

    fn dial(&mut self, out: &mut Out) {
        let dial = DialId(self.dials);
        self.dials += 1;
        self.phase = Phase::Dialing { dial };
        out.dial(dial, self.config.server.clone());
    }

    fn handle_link_up(&mut self, now: Timestamp, link: LinkId, origin: Origin, out: &mut Out) {
        match (&self.phase, origin) {
            (Phase::Dialing { dial: awaited }, Origin::Dialed { dial }) if *awaited == dial => {}
            _ => {
                // Somebody else's, or from before we gave up.
                out.close(link, CloseWhen::Flushed);
                return;
            }
        }
        out.bound(link, self.config.limits.send_queue_bytes_max);
        out.notice(ClientNotice::Connected {
            server: self.config.server.clone(),
        });
        self.phase = Phase::Linked(Linked {
            link,
            decoder: Decoder::new(),
            stage: Stage::Registering {
                until: now + self.config.limits.welcome_timeout,
            },
            answered: false,
            refused: false,
            channels: Again::Unknown,
            next_frame_at: now + OriginalServer::PAUSE,
        });
        self.register(link, &self.config.info, out);
    }

    /// Sends our registration; or repeats it, with more in the info.
    fn register(&self, link: LinkId, info: &str, out: &mut Out) {
        let registration = Message::ClientRegistration(Registration {
            source: self.id,
            last_hop: None,
            name: Name::truncated(&self.config.name),
            info: Info::truncated(info),
        });
        send(link, &registration, out);
    }

    fn handle_dial_failed(&mut self, now: Timestamp, dial: DialId, why: DialError, out: &mut Out) {
        if !matches!(self.phase, Phase::Dialing { dial: awaited } if awaited == dial) {
            return;
        }
        let retry_in = self.pause(now, false);
        out.notice(ClientNotice::Unreachable {
            server: self.config.server.clone(),
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
        match &self.phase {
            Phase::Ending { link: awaited } if *awaited == link => {
                self.phase = Phase::Done;
                out.stop();
            }
            Phase::Linked(linked) if linked.link == link => {
                let quitting = matches!(linked.stage, Stage::Quitting { .. });
                let mut again = sayings_in(unsent, planted!(self, SaidTwice));
                for saying in &again {
                    if let Saying::Channel {
                        channel,
                        wish: Wish::Part { .. },
                    } = saying
                    {
                        self.channels.stay(channel.as_str());
                    }
                }
                if planted!(self, LastFirst) {
                    again.reverse();
                }
                let too_much = self.queue.put_back(again);
                not_sent(too_much, ClientSendError::QueueFull, out);
                let reason = if quitting {
                    DisconnectReason::Quit
                } else {
                    DisconnectReason::Lost(why)
                };
                if self.let_go(now, reason, out).is_some() {
                    self.phase = Phase::Done;
                    out.stop();
                }
            }
            _ => {}
        }
    }

    /// Closes the connection.
    fn hang_up(&mut self, now: Timestamp, reason: DisconnectReason, out: &mut Out) {
        if let Phase::Linked(linked) = &self.phase {
            out.close(linked.link, CloseWhen::Flushed);
        }
        if let Some(link) = self.let_go(now, reason, out) {
            self.phase = Phase::Ending { link };
        }
    }

    /// Forgets the connection and what came from it, and decides what is next.
    /// Returns the connection when nothing is, since we are leaving.
    fn let_go(
        &mut self,
        now: Timestamp,
        reason: DisconnectReason,
        out: &mut Out,
    ) -> Option<LinkId> {
        let Phase::Linked(linked) = &self.phase else {
            return None;
        };
        let (link, refused) = (linked.link, linked.refused);
        let leaving = self.quit.is_some() || matches!(linked.stage, Stage::Quitting { .. });
        if let Stage::Welcomed { since } | Stage::Settled { since, .. } = linked.stage {
            self.backoff.link_held(now.since(since));
        }
        if !planted!(self, RosterKept) {
            self.roster.clear();
        }
        self.channels.lose();
        let retry_in = (!leaving).then(|| self.pause(now, refused));
        out.notice(ClientNotice::Disconnected { reason, retry_in });
        if leaving {
            self.give_up_queue(out);
            self.channels.clear();
            self.quit = None;
        }
        leaving.then_some(link)
    }

    /// Waits until it is time to dial again; returns how long that is.
    fn pause(&mut self, now: Timestamp, refused: bool) -> Duration {
        let pause = self.backoff.pause(&mut self.random, refused);
        self.phase = Phase::Pausing { until: now + pause };
        pause
    }

    fn handle_tick(&mut self, now: Timestamp, out: &mut Out) {
        match &mut self.phase {
            Phase::Pausing { until } if *until <= now => self.dial(out),
            Phase::Linked(linked) => match linked.stage {
                Stage::Registering { until } if until <= now => {
                    let leaving = self.quit.is_some();
                    let reason = if leaving {
                        DisconnectReason::Quit
                    } else {
                        DisconnectReason::WelcomeTimeout
                    };
                    self.hang_up(now, reason, out);
                }
                Stage::Welcomed { since } if since + ANSWER_WITHIN <= now => {
                    let server = Server::Original;
                    linked.stage = Stage::Settled { since, server };
                }
                Stage::Quitting { until } if until <= now => {
                    self.hang_up(now, DisconnectReason::Quit, out);
                }
                _ => {}
            },
            _ => {}
        }
    }
}

/// Saying.
impl Client {
    fn handle_wish(&mut self, channel: String, wish: Wish, out: &mut Out) {
        if is_channel_name(&channel)
            && let Ok(channel) = ChannelName::new(channel.as_str())
        {
            let channel = channel.into_owned();
            self.handle_say(Saying::Channel { channel, wish }, out);
        } else {
            let why = ClientSendError::InvalidChannelName;
            out.notice(ClientNotice::ChannelNotSent { channel, why });
        }
    }

    fn handle_say(&mut self, saying: Saying, out: &mut Out) {
        let max = self.config.limits.text_bytes_max as usize;
        let leaving = self.quit.is_some()
            || matches!(self.phase, Phase::Ending { .. } | Phase::Done)
            || matches!(self.stage(), Some(Stage::Quitting { .. }));
        let len = saying.text().len();
        let refused = if leaving {
            (saying, ClientSendError::Quit)
        } else if len > max {
            (saying, ClientSendError::TooLong { len, max })
        } else if let Err(saying) = self.queue.push(saying) {
            (saying, ClientSendError::QueueFull)
        } else {
            return;
        };
        let (saying, why) = refused;
        not_sent([saying], why, out);
    }

    fn handle_quit(&mut self, now: Timestamp, text: String, out: &mut Out) {
        let again = self.quit.is_some();
        match &mut self.phase {
            Phase::Idle | Phase::Pausing { .. } | Phase::Dialing { .. } => {
                self.give_up_queue(out);
                self.phase = Phase::Done;
                out.stop();
            }
            Phase::Linked(linked) if again || matches!(linked.stage, Stage::Quitting { .. }) => {
                // Asked twice: the end comes with the connection's, at once.
                let link = linked.link;
                self.give_up_queue(out);
                self.channels.clear();
                self.quit = None;
                self.phase = Phase::Ending { link };
                out.close(link, CloseWhen::Now);
                out.notice(ClientNotice::Disconnected {
                    reason: DisconnectReason::Quit,
                    retry_in: None,
                });
            }
            Phase::Linked(linked) => {
                let max = self.config.limits.text_bytes_max as usize;
                self.quit = Some(truncate_utf8(&text, max).to_owned());
                if let Stage::Registering { until } = &mut linked.stage {
                    // Not before the welcome: the id may be another's, whom
                    // an original server would let quit.
                    *until = (*until).min(now + LEAVE_WITHIN);
                    self.give_up_queue(out);
                } else if linked.refused {
                    self.hang_up(now, DisconnectReason::Quit, out);
                }
            }
            Phase::Ending { .. } | Phase::Done => {}
        }
    }

    fn give_up_queue(&mut self, out: &mut Out) {
        let sayings = core::iter::from_fn(|| self.queue.pop());
        not_sent(sayings, ClientSendError::Quit, out);
    }

    /// Whether nothing is to be said any more but that we quit.
    fn has_last_word(&self) -> bool {
        self.quit.is_some() && self.queue.is_empty()
    }

    /// Sends what waits to be said, as far as it may be sent by now.
    fn speak(&mut self, now: Timestamp, out: &mut Out) {
        self.come_back(out);
        let Phase::Linked(linked) = &mut self.phase else {
            return;
        };
        let ours = linked.stage.is_with_ours();
        let free = |linked: &Linked| ours || linked.next_frame_at <= now;
        let takes_channels = linked.stage.features().channels;
        let mut shown = Vec::new();
        if let Stage::Settled { .. } = linked.stage {
            while free(linked)
                && let Some(saying) = self.queue.pop()
            {
                match saying {
                    Saying::To { to, text } => {
                        let text = if ours {
                            text
                        } else {
                            match OriginalServer::chat_text(&text) {
                                Ok(text) => text,
                                Err(why) => {
                                    out.notice(ClientNotice::NotSent { to, why });
                                    continue;
                                }
                            }
                        };
                        let chat = Message::ClientChat(ClientChat {
                            source: self.id,
                            destination: Some(to),
                            text: Text::truncated(&text),
                        });
                        send(linked.link, &chat, out);
                    }
                    Saying::Channel { .. } if !takes_channels => {
                        not_sent([saying], ClientSendError::ChannelsUnsupported, out);
                        continue;
                    }
                    Saying::Channel { channel, wish } => {
                        match wish_frame(self.id, &mut self.channels, &channel, &wish) {
                            Ok(Some(frame)) => send(linked.link, &frame, out),
                            Ok(None) => shown.push(channel),
                            Err(why) => {
                                let channel = channel.into_string();
                                out.notice(ClientNotice::ChannelNotSent { channel, why });
                            }
                        }
                    }
                }
                linked.next_frame_at = now + OriginalServer::PAUSE;
            }
        }
        let taken = matches!(linked.stage, Stage::Welcomed { .. } | Stage::Settled { .. });
        if taken
            && self.queue.is_empty()
            && free(linked)
            && let Some(text) = self.quit.take()
        {
            let text = if ours {
                text
            } else {
                OriginalServer::quit_text(&text)
            };
            let quit = Message::ClientQuit(ClientQuit {
                source: self.id,
                text: Text::truncated(&text),
            });
            send(linked.link, &quit, out);
            linked.stage = Stage::Quitting {
                until: now + LEAVE_WITHIN,
            };
        }
        for channel in shown {
            self.tell_entered(channel.as_str(), false, out);
        }
    }

    /// Asks for the channels again that we were in before the connection was
    /// made, as soon as it is known that the server takes channels.
    fn come_back(&mut self, out: &mut Out) {
        if self.has_last_word() {
            return;
        }
        let Phase::Linked(linked) = &mut self.phase else {
            return;
        };
        let Stage::Settled { .. } = linked.stage else {
            return;
        };
        let takes_channels = linked.stage.features().channels;
        match linked.channels {
            Again::Unknown | Again::NotTaken if takes_channels => {
                linked.channels = Again::Asked;
                for (name, key) in self.channels.ask_again() {
                    if let Ok(channel) = ChannelName::new(&*name) {
                        send(linked.link, &join_request(self.id, channel, &key), out);
                    }
                }
            }
            Again::Unknown => {
                linked.channels = Again::NotTaken;
                for name in self.channels.missing() {
                    out.notice(ClientNotice::ChannelNotSent {
                        channel: name.to_owned(),
                        why: ClientSendError::ChannelsUnsupported,
                    });
                }
            }
            Again::NotTaken | Again::Asked => {}
        }
    }
}

/// Hearing.
impl Client {
    fn handle_bytes(&mut self, now: Timestamp, link: LinkId, bytes: &[u8], out: &mut Out) {
        let mut decoder = match &mut self.phase {
            Phase::Linked(linked) if linked.link == link => core::mem::take(&mut linked.decoder),
            _ => return,
        };
        let limits = FrameLimits::RELAY.with_text_bytes_max(self.config.limits.text_bytes_max);
        let mut input = bytes;
        loop {
            match decoder.next_frame(&mut input, limits) {
                Ok(Some(frame)) => match frame.message() {
                    Ok(message) => self.handle_message(now, message, out),
                    Err(error) => {
                        let why = BadFrame::Message(error);
                        out.notice(ClientNotice::FrameDropped { why });
                    }
                },
                Ok(None) => break,
                Err(error) => {
                    self.hang_up(now, DisconnectReason::InvalidFrame(error), out);
                    return;
                }
            }
            // What was just heard may have ended the connection.
            if !matches!(self.phase, Phase::Linked(_)) {
                return;
            }
        }
        if let Phase::Linked(linked) = &mut self.phase {
            linked.decoder = decoder;
        }
    }

    fn handle_message(&mut self, now: Timestamp, message: Message<'_>, out: &mut Out) {
        match message {
            Message::Status(status) => {
                self.handle_status(now, status, out);
                self.come_back(out);
            }
            Message::ClientRegistration(registration) => {
                self.handle_registration(now, registration, out);
            }
            Message::ClientChat(chat) => {
                let from_name = self.roster.find(chat.source);
                out.notice(ClientNotice::Chat {
                    from: chat.source,
                    from_name: from_name.map(|client| client.name.to_string()),
                    to: chat.destination,
                    text: chat.text.into_string(),
                });
            }
            Message::ClientQuit(quit) => {
                if quit.source != self.id {
                    self.channels.quit(quit.source);
                }
                if let Some(gone) = self.roster.remove(quit.source) {
                    out.notice(ClientNotice::Left {
                        id: quit.source,
                        name: gone.name.into(),
                        text: quit.text.into_string(),
                    });
                }
            }
            Message::ChannelJoin(join) => self.handle_channel_join(now, &join, out),
            Message::ChannelPart(part) => self.handle_channel_part(part, out),
            Message::ChannelChat(chat) => {
                let from = self.host_ref(chat.source);
                let channel = chat.channel.into_string();
                let known = self.channels.find(&channel);
                out.notice(ClientNotice::ChannelChat {
                    channel: known.map_or(channel, |known| known.name().to_owned()),
                    from,
                    kind: chat.kind,
                    text: chat.text.into_string(),
                });
            }
            Message::ChannelSetting(setting) => self.handle_channel_setting(now, setting, out),
            Message::ChannelRequest(ChannelRequest {
                source,
                kind: RequestKind::INVITE,
                channel: Some(channel),
                ..
            }) => out.notice(ClientNotice::Invited {
                channel: channel.into_string(),
                by: self.host_ref(source),
            }),
            other => out.notice(ClientNotice::FrameDropped {
                why: BadFrame::NotForClients(other.kind()),
            }),
        }
    }

    fn handle_channel_join(&mut self, now: Timestamp, join: &ChannelJoin<'_>, out: &mut Out) {
        let (name, own) = (join.channel.as_str(), join.source == self.id);
        let member = self.channels.join(name, join.source, join.flags, own);
        if self.channels_are_too_much(now, out) {
            return;
        }
        match member {
            Member::Noted => {}
            Member::TooMany => out.notice(ClientNotice::FrameDropped {
                why: BadFrame::TooManyChannels,
            }),
            Member::Entered { rejoined } => self.tell_entered(name, rejoined, out),
            Member::Joined => out.notice(ClientNotice::ChannelJoined {
                channel: self.shown(name),
                member: self.member(join.source, join.flags),
            }),
            Member::Flags => out.notice(ClientNotice::ChannelFlags {
                channel: self.shown(name),
                member: self.member(join.source, join.flags),
                by: join.by.map(|by| self.host_ref(by)),
            }),
        }
    }

    fn handle_channel_part(&mut self, part: ChannelPart<'_>, out: &mut Out) {
        let (name, own) = (part.channel.as_str(), part.source == self.id);
        if let Some(channel) = self.channels.part(name, part.source, own) {
            out.notice(ClientNotice::ChannelLeft {
                channel: channel.into(),
                who: self.host_ref(part.source),
                by: part.by.map(|by| self.host_ref(by)),
                text: part.text.into_string(),
            });
        }
    }

    fn handle_channel_setting(
        &mut self,
        now: Timestamp,
        setting: ChannelSetting<'_>,
        out: &mut Out,
    ) {
        let (name, value) = (setting.channel.as_str(), setting.value.as_str());
        let set = self.channels.set(name, setting.field, value);
        if self.channels_are_too_much(now, out) {
            return;
        }
        match set {
            Set::Noted => {}
            Set::TooMany => out.notice(ClientNotice::FrameDropped {
                why: BadFrame::TooManyChannels,
            }),
            Set::Changed(channel) => out.notice(ClientNotice::ChannelSet {
                channel: channel.into(),
                field: setting.field,
                by: setting.source.map(|by| self.host_ref(by)),
                value: setting.value.into_string(),
            }),
        }
    }

    /// Hangs up on a server that tells more of channels than we can remember.
    fn channels_are_too_much(&mut self, now: Timestamp, out: &mut Out) -> bool {
        let too_much = self.channels.bytes() > self.config.limits.channels_bytes_max;
        if too_much {
            self.hang_up(now, DisconnectReason::ChannelsFull, out);
        }
        too_much
    }

    fn tell_entered(&self, name: &str, rejoined: bool, out: &mut Out) {
        if let Some(channel) = self.channels.find(name) {
            let members = channel.members();
            out.notice(ClientNotice::ChannelEntered {
                channel: channel.name().to_owned(),
                members: members.map(|(id, flags)| self.member(id, flags)).collect(),
                topic: channel.topic().to_owned(),
                rejoined,
            });
        }
    }

    /// How the name of a channel is to be shown.
    fn shown(&self, name: &str) -> String {
        let known = self.channels.find(name);
        known.map_or(name, |channel| channel.name()).to_owned()
    }

    fn member(&self, id: HostId, flags: crc_wire::MemberFlags) -> ChannelMember {
        let who = self.host_ref(id);
        ChannelMember { who, flags }
    }

    fn handle_channel_refused(&mut self, status: Status<'_>, out: &mut Out) {
        let text = status.text.as_str();
        let (channel, text) = match text.split_once(": ") {
            Some((name, why)) if is_channel_name(name) => (Some(name), why),
            _ => (None, text),
        };
        if let Some(name) = channel {
            self.channels.refused(name);
        }
        out.notice(ClientNotice::ChannelRefused {
            channel: channel.map(|name| self.shown(name)),
            text: text.to_owned(),
        });
    }

    fn handle_registration(
        &mut self,
        now: Timestamp,
        registration: Registration<'_>,
        out: &mut Out,
    ) {
        let id = registration.source;
        if id == self.id {
            return;
        }
        let client = RemoteClient {
            name: registration.name.as_str().into(),
            info: registration.info.as_str().into(),
        };
        let before = self.roster.insert(id, client);
        if self.roster.bytes() > self.config.limits.roster_bytes_max {
            self.hang_up(now, DisconnectReason::RosterFull, out);
            return;
        }
        let (name, info) = (registration.name, registration.info);
        if let Some(before) = &before
            && (&*before.name, &*before.info) == (name.as_str(), info.as_str())
        {
            return;
        }
        out.notice(ClientNotice::Joined {
            id,
            name: name.into_string(),
            info: info.into_string(),
            previous_name: before.map(|before| before.name.into()),
        });
    }

    fn handle_status(&mut self, now: Timestamp, status: Status<'_>, out: &mut Out) {
        let Phase::Linked(linked) = &mut self.phase else {
            return;
        };
        let registering = matches!(linked.stage, Stage::Registering { .. });
        match status.code {
            StatusCode::FEATURES if registering => {}
            StatusCode::FEATURES => {
                linked.answered = true;
                if let Stage::Welcomed { since } | Stage::Settled { since, .. } = linked.stage {
                    let features = parse_features_text(status.text.as_str()).unwrap_or_default();
                    let server = Server::Ours(features);
                    linked.stage = Stage::Settled { since, server };
                }
            }
            StatusCode::ID_TAKEN if registering => self.handle_refusal(now, status, out),
            // On a connection that has registered, the first of them answers our
            // announcement, whatever it says.
            StatusCode::ID_TAKEN if !linked.answered => {
                linked.answered = true;
                if let Stage::Welcomed { since } = linked.stage {
                    let server = Server::Original;
                    linked.stage = Stage::Settled { since, server };
                }
            }
            // A later one is no answer: somebody else has our id now.
            StatusCode::ID_TAKEN => {
                linked.refused = true;
                out.notice(news(status));
                if self.quit.is_some() {
                    self.hang_up(now, DisconnectReason::Quit, out);
                }
            }
            StatusCode::CHANNEL_REFUSED => self.handle_channel_refused(status, out),
            StatusCode::CHANNEL_NAMES => {
                let text = status.text.as_str();
                let (channel, names) = text.split_once(' ').unwrap_or((text, ""));
                out.notice(ClientNotice::ChannelNames {
                    channel: channel.to_owned(),
                    names: names.to_owned(),
                });
            }
            // Some original servers say another code of version 1 here.
            code if registering && code.is_v1() => self.handle_welcome(now, status, out),
            _ => out.notice(news(status)),
        }
    }

    fn handle_welcome(&mut self, now: Timestamp, status: Status<'_>, out: &mut Out) {
        let Phase::Linked(linked) = &mut self.phase else {
            return;
        };
        linked.stage = Stage::Welcomed { since: now };
        linked.next_frame_at = now + OriginalServer::PAUSE;
        let link = linked.link;
        self.ever_welcomed = true;
        self.refused_since = None;
        self.reported = None;
        out.notice(ClientNotice::Welcome {
            id: self.id,
            text: status.text.into_string(),
        });
        // Only now: earlier, the answer could not be told from a refusal.
        if self.quit.is_none() {
            let announcement = Announcement {
                features: FEATURES,
                ..Announcement::default()
            };
            let info = format!("{}{announcement}", self.config.info);
            self.register(link, &info, out);
        }
    }

    fn handle_refusal(&mut self, now: Timestamp, status: Status<'_>, out: &mut Out) {
        let taken = self.id;
        if let Phase::Linked(linked) = &mut self.phase {
            linked.refused = true;
        }
        if self.reported.replace(taken) != Some(taken) {
            out.notice(news(status));
        }
        let since = *self.refused_since.get_or_insert(now);
        let given = self.config.id.is_some();
        let reclaim = self.ever_welcomed && (given || now.since(since) < RECLAIM_FOR);
        if given && !reclaim {
            out.notice(ClientNotice::Failed {
                why: ClientFailure::IdTaken(taken),
            });
            // There is nothing to stay for.
            self.quit.get_or_insert_default();
        } else if !reclaim {
            self.refused_since = None;
            while self.id == taken && !planted!(self, NoFreshId) {
                self.id = random_host_id(&mut self.random);
            }
        }
        self.hang_up(now, DisconnectReason::IdTaken(taken), out);
    }
}

fn send(link: LinkId, message: &Message<'_>, out: &mut Out) {
    let frame = out.store(|arena| message.encode(arena));
    out.send_stored(link, frame);
}

fn news(status: Status<'_>) -> ClientNotice {
    ClientNotice::Status {
        source: status.source,
        code: status.code,
        text: status.text.into_string(),
    }
}

fn join_request<'a>(source: HostId, channel: ChannelName<'a>, key: &'a str) -> Message<'a> {
    Message::ChannelRequest(ChannelRequest {
        source,
        destination: None,
        kind: RequestKind::JOIN,
        channel: Some(channel),
        text: Text::truncated(key),
    })
}

/// The frame that asks for what somebody wants of a channel; `None` for one that
/// need not be asked for, since we are in or about to be.
fn wish_frame<'a>(
    source: HostId,
    channels: &mut Memberships,
    channel: &'a ChannelName<'_>,
    wish: &'a Wish,
) -> Result<Option<Message<'a>>, ClientSendError> {
    let name = channel.as_str();
    let channel = channel.borrowed();
    Ok(Some(match wish {
        Wish::Join { key } => match channels.ask(name, key) {
            Asked::Send => join_request(source, channel, key),
            Asked::Waits | Asked::Entered => return Ok(None),
            Asked::TooMany => return Err(ClientSendError::TooManyChannels),
        },
        Wish::Part { text } => {
            channels.leave(name);
            Message::ChannelPart(ChannelPart {
                source,
                by: None,
                channel,
                text: Text::truncated(text),
            })
        }
        Wish::Say { text } => Message::ChannelChat(ChannelChat {
            source,
            kind: ChatKind::Message,
            channel,
            text: Text::truncated(text),
        }),
        Wish::SetTopic { topic } => Message::ChannelSetting(ChannelSetting {
            source: Some(source),
            version: 0,
            field: ChannelField::TOPIC,
            channel,
            value: Text::truncated(topic),
        }),
        Wish::Names => Message::ChannelRequest(ChannelRequest {
            source,
            destination: None,
            kind: RequestKind::NAMES,
            channel: Some(channel),
            text: Text::default(),
        }),
    }))
}

fn not_sent(sayings: impl IntoIterator<Item = Saying>, why: ClientSendError, out: &mut Out) {
    for saying in sayings {
        out.notice(match saying {
            Saying::To { to, .. } => ClientNotice::NotSent { to, why },
            Saying::Channel { channel, .. } => ClientNotice::ChannelNotSent {
                channel: channel.into_string(),
                why,
            },
        });
    }
}

/// What has not wholly left this process, and so never arrived; but for our
/// registration and our quit.
fn sayings_in(unsent: Unsent<'_>, all: bool) -> Vec<Saying> {
    let mut sayings = Vec::new();
    let mut rest = unsent.bytes;
    while let Ok(Some(frame)) = Frame::take(&mut rest, FrameLimits::WIRE) {
        let end = unsent.bytes.len() - rest.len();
        if end <= unsent.written && !all {
            continue;
        }
        sayings.extend(frame.message().ok().and_then(saying_of));
    }
    sayings
}

/// What a frame of ours was to say.
fn saying_of(message: Message<'_>) -> Option<Saying> {
    let (channel, wish) = match message {
        Message::ClientChat(ClientChat {
            destination, text, ..
        }) => {
            let (to, text) = (destination?, text.into_string());
            return Some(Saying::To { to, text });
        }
        Message::ChannelPart(part) => {
            let text = part.text.into_string();
            (part.channel, Wish::Part { text })
        }
        Message::ChannelChat(chat) => {
            let text = chat.text.into_string();
            (chat.channel, Wish::Say { text })
        }
        Message::ChannelSetting(setting) => {
            let topic = setting.value.into_string();
            (setting.channel, Wish::SetTopic { topic })
        }
        Message::ChannelRequest(request) => {
            let wish = match request.kind {
                RequestKind::JOIN => Wish::Join {
                    key: request.text.into_string(),
                },
                _ => Wish::Names,
            };
            (request.channel?, wish)
        }
        _ => return None,
    };
    let channel = channel.into_owned();
    Some(Saying::Channel { channel, wish })
}
