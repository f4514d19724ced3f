//! A peer: registers with a directory, and has one connection with every other
//! peer on its list.
//!
//! The earlier peer of the list dials the later one and says who it is, by the
//! address that it listens on. Since both ends know by that whom a connection is
//! with, a peer that is connected already is not dialled again, whatever order a
//! later list has. If two peers dial each other at the same moment all the same,
//! because one of them has heard of a new order and the other has not, the
//! connection stays that was dialled by the peer with the lower address. Both ends
//! come to that without a word, and whatever is lost on the way is dialled again by
//! whoever comes first in the list.

mod words;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use crc_machine::{
    Backoff, CloseWhen, DialError, DialId, Effect, Endpoints, Event, LinkDown, LinkId, LinkTable,
    Machine, Origin, Outbox, PeerAddress, Random, Timers, Timestamp,
};

use crate::codec::{ChatDecoder, PAUSE, Said, write_hello, write_text};
use crate::member::{Member, MemberCommand, MemberConfig, MemberNotice};

pub use words::{Lost, NotSaid, PeerCommand, PeerNotice, Rejection, When};

/// How long a command waits for everybody on the list.
const COMPLETE_WITHIN: Duration = Duration::from_secs(2);

/// How a peer is to be.
#[derive(Debug, Clone)]
pub struct PeerConfig {
    /// The directory to register with.
    pub directory: PeerAddress,
    /// Whether to stay when the directory goes away, and to come back to it.
    /// Otherwise that is the end.
    pub persist: bool,
    /// Whether other peers may say that they are at another host than the one that
    /// their connection comes from.
    pub trust_addresses: bool,
    /// What pauses follow from.
    pub seed: u64,
    /// The bounds to keep to.
    pub limits: PeerLimits,
}

/// The bounds that a peer keeps to.
#[derive(Debug, Clone)]
pub struct PeerLimits {
    /// How many addresses the directory's list may have. 4096.
    pub peers_max: usize,
    /// How many bytes a line may have, ours or another's. 8 KiB.
    pub text_bytes_max: usize,
    /// How many bytes may come before somebody has said who it is. 256.
    pub hello_bytes_max: usize,
    /// How long somebody may take to say who it is. 10 s.
    pub hello_time_max: Duration,
    /// How many bytes may wait for a peer that reads slowly. 4 MiB.
    pub queue_bytes_max: usize,
    /// How many commands may wait until everybody is connected. 1024.
    pub waiting_max: usize,
}

impl Default for PeerLimits {
    fn default() -> Self {
        PeerLimits {
            peers_max: 4096,
            text_bytes_max: 8 * 1024,
            hello_bytes_max: 256,
            hello_time_max: Duration::from_secs(10),
            queue_bytes_max: 4 * 1024 * 1024,
            waiting_max: 1024,
        }
    }
}

impl PeerConfig {
    /// A peer of `directory` with the usual limits that ends when the directory does.
    #[must_use]
    pub fn new(directory: PeerAddress, seed: u64) -> Self {
        PeerConfig {
            directory,
            persist: false,
            trust_addresses: false,
            seed,
            limits: PeerLimits::default(),
        }
    }
}

/// A peer of a mesh. See the module's comment.
///
/// ```
/// use crc_machine::{Effect, Event, Machine, Outbox, Timestamp};
/// use crc_rendezvous::{Peer, PeerCommand, PeerConfig};
///
/// let mut peer = Peer::new(PeerConfig::new("localhost:33400".parse()?, 7));
/// let mut out = Outbox::new();
/// let start = PeerCommand::Start { address: "127.0.0.1:9000".parse()? };
/// peer.handle(Timestamp::START, Event::Command(start), &mut out);
/// assert!(matches!(out.effects(), [Effect::Dial { .. }]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Peer {
    config: PeerConfig,
    member: Member,
    own: Option<SocketAddr>,
    /// The directory's last list.
    list: Vec<SocketAddr>,
    /// Those behind us in it, whom we have to dial.
    after: BTreeSet<SocketAddr>,
    /// Whoever we are connected with, or try to be.
    others: BTreeMap<SocketAddr, Other>,
    links: LinkTable<Row>,
    /// Whom our dials are for.
    dials: BTreeMap<DialId, SocketAddr>,
    dials_made: u64,
    timers: Timers<Due>,
    waiting: VecDeque<Waiting>,
    random: Random,
    done: bool,
    scratch: Vec<Effect<MemberNotice>>,
}

/// Another peer.
#[derive(Debug, Default)]
struct Other {
    /// The one connection with it.
    link: Option<LinkId>,
    /// Our attempt to make one.
    dial: Option<DialId>,
    backoff: Backoff,
}

/// A connection of the mesh.
#[derive(Debug)]
struct Row {
    /// The other end, as the system knows it.
    source: SocketAddr,
    /// Who is there; known from the beginning if we have dialled.
    peer: Option<SocketAddr>,
    dialed: bool,
    since: Timestamp,
    decoder: ChatDecoder,
    /// How many bytes came before it was known who is there.
    bytes: usize,
}

/// A command that waits for everybody to be connected.
#[derive(Debug)]
struct Waiting {
    /// What to say; `None` for leaving.
    text: Option<String>,
    until: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// Somebody has taken too long to say who it is.
    Hello(LinkId),
    /// Somebody has said nothing more for a while.
    Pause(LinkId),
    /// A peer is to be dialled again.
    Dial(SocketAddr),
}

type Out = Outbox<PeerNotice>;

impl Peer {
    /// A peer that does nothing yet.
    #[must_use]
    pub fn new(config: PeerConfig) -> Self {
        let mut random = Random::new(config.seed);
        let member = MemberConfig {
            persist: config.persist,
            peers_max: config.limits.peers_max,
            ..MemberConfig::new(config.directory.clone(), random.next_u64())
        };
        Peer {
            member: Member::new(member),
            config,
            own: None,
            list: Vec::new(),
            after: BTreeSet::new(),
            others: BTreeMap::new(),
            links: LinkTable::default(),
            dials: BTreeMap::new(),
            dials_made: 0,
            timers: Timers::new(),
            waiting: VecDeque::new(),
            random,
            done: false,
            scratch: Vec::new(),
        }
    }

    /// Our address, as we registered it; `None` before.
    #[must_use]
    pub fn own(&self) -> Option<SocketAddr> {
        self.own
    }

    /// The directory's last list.
    #[must_use]
    pub fn list(&self) -> &[SocketAddr] {
        &self.list
    }

    /// The peers that we are connected with, and over which link.
    pub fn connected(&self) -> impl Iterator<Item = (SocketAddr, LinkId)> {
        let others = self.others.iter();
        others.filter_map(|(peer, other)| other.link.map(|link| (*peer, link)))
    }

    /// Whether we are connected with everybody on the directory's list.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let is_there = |peer: &SocketAddr| {
            let other = self.others.get(peer);
            Some(*peer) == self.own || other.is_some_and(|other| other.link.is_some())
        };
        !self.list.is_empty() && self.list.iter().all(is_there)
    }
}

/// The directory.
impl Peer {
    fn tell_member(&mut self, now: Timestamp, event: Event<'_, MemberCommand>, out: &mut Out) {
        let mut news = Vec::new();
        let (member, scratch) = (&mut self.member, &mut self.scratch);
        out.nested(
            scratch,
            |out| member.handle(now, event, out),
            |notice| {
                news.push(notice);
                None
            },
        );
        for notice in news {
            if self.done {
                return;
            }
            match notice {
                MemberNotice::Registered { own } => {
                    self.own = Some(own);
                    out.notice(PeerNotice::Registered { own });
                }
                MemberNotice::List(list) => self.take_list(now, list, out),
                MemberNotice::Away { why, retry_in } => {
                    out.notice(PeerNotice::Away { why, retry_in });
                    if retry_in.is_none() {
                        self.stop(out);
                    }
                }
            }
        }
    }

    fn take_list(&mut self, now: Timestamp, list: Vec<SocketAddr>, out: &mut Out) {
        let own = self.own;
        let behind = list.iter().skip_while(|peer| Some(**peer) != own).skip(1);
        let reachable = behind.filter(|peer| Some(**peer) != own && !peer.ip().is_unspecified());
        let after: BTreeSet<SocketAddr> = reachable.copied().collect();
        for peer in self.after.symmetric_difference(&after) {
            // Who has just come is tried at once; who has gone, no more.
            self.timers.cancel(Due::Dial(*peer));
        }
        self.after = after;
        self.others
            .retain(|peer, other| self.after.contains(peer) || other.is_needed());
        out.notice(PeerNotice::Directory {
            peers: list.clone(),
        });
        for peer in &list {
            if self.after.contains(peer) && !self.timers.is_set(Due::Dial(*peer)) {
                self.dial(*peer, out);
            }
        }
        self.list = list;
        self.work(now, out);
    }

    fn stop(&mut self, out: &mut Out) {
        self.done = true;
        self.timers = Timers::new();
        self.waiting.clear();
        out.stop();
    }
}

impl Other {
    /// Whether there is a connection, or will be.
    const fn is_needed(&self) -> bool {
        self.link.is_some() || self.dial.is_some()
    }
}

/// The mesh.
impl Peer {
    /// Dials a peer, unless there is a connection or will be.
    fn dial(&mut self, peer: SocketAddr, out: &mut Out) {
        let other = self.others.entry(peer).or_default();
        if other.is_needed() {
            return;
        }
        let dial = DialId(self.dials_made);
        self.dials_made += 1;
        other.dial = Some(dial);
        self.dials.insert(dial, peer);
        out.dial(dial, PeerAddress::from(peer));
    }

    /// Dials a peer after a while, if that is for us to do; returns after how long.
    fn dial_later(&mut self, now: Timestamp, peer: SocketAddr) -> Option<Duration> {
        if !self.after.contains(&peer) {
            self.others.remove(&peer);
            return None;
        }
        let other = self.others.entry(peer).or_default();
        let pause = other.backoff.pause(&mut self.random, false);
        self.timers.set(Due::Dial(peer), now + pause);
        Some(pause)
    }

    fn handle_link_up(
        &mut self,
        now: Timestamp,
        link: LinkId,
        origin: Origin,
        endpoints: Endpoints,
        out: &mut Out,
    ) {
        let peer = match origin {
            Origin::Accepted { .. } => None,
            Origin::Dialed { dial } => {
                let peer = self.dials.remove(&dial);
                let other = peer.and_then(|peer| self.others.get_mut(&peer));
                if let Some(other) = other {
                    other.dial = None;
                    if other.link.is_none() {
                        other.link = Some(link);
                    }
                    // Otherwise it was faster than us. It never hears of this one.
                }
                let wanted = |peer: &SocketAddr| {
                    let other = self.others.get(peer);
                    other.is_some_and(|other| other.link == Some(link))
                };
                let Some(peer) = peer.filter(wanted) else {
                    out.close(link, CloseWhen::Flushed);
                    return;
                };
                Some(peer)
            }
        };
        let dialed = peer.is_some();
        let row = Row {
            source: endpoints.peer,
            peer,
            dialed,
            since: now,
            decoder: if dialed {
                ChatDecoder::without_hello()
            } else {
                ChatDecoder::with_hello()
            },
            bytes: 0,
        };
        self.links.insert(link, row);
        out.bound(link, self.config.limits.queue_bytes_max);
        let (Some(peer), Some(own)) = (peer, self.own) else {
            let until = now + self.config.limits.hello_time_max;
            self.timers.set(Due::Hello(link), until);
            return;
        };
        let hello = out.store(|arena| write_hello(own, arena));
        out.send_stored(link, hello);
        out.notice(PeerNotice::Connected { peer });
    }

    fn handle_dial_failed(&mut self, now: Timestamp, dial: DialId, why: DialError, out: &mut Out) {
        let Some(peer) = self.dials.remove(&dial) else {
            return;
        };
        let Some(other) = self.others.get_mut(&peer) else {
            return;
        };
        other.dial = None;
        if other.link.is_none() {
            let retry_in = self.dial_later(now, peer);
            out.notice(PeerNotice::Unreachable {
                peer,
                why,
                retry_in,
            });
        }
    }

    fn handle_bytes(&mut self, now: Timestamp, link: LinkId, bytes: &[u8], out: &mut Out) {
        let limits = &self.config.limits;
        let (hello_max, text_max) = (limits.hello_bytes_max, limits.text_bytes_max);
        let mut input = bytes;
        // What is heard may end the connection.
        while let Some(row) = self.links.find_mut(link) {
            let before = input.len();
            let heard = row.decoder.next(&mut input, text_max);
            if row.peer.is_none() {
                row.bytes += before - input.len();
                if row.bytes > hello_max {
                    let why = Rejection::TooManyBytes { max: hello_max };
                    self.reject(now, link, why, out);
                    return;
                }
            }
            match heard {
                Ok(Some(said)) => self.hear(now, link, said, out),
                Ok(None) => {
                    if row.decoder.waits() {
                        self.timers.set(Due::Pause(link), now + PAUSE);
                    } else {
                        self.timers.cancel(Due::Pause(link));
                    }
                    return;
                }
                Err(error) => {
                    self.reject(now, link, Rejection::Codec(error), out);
                    return;
                }
            }
        }
    }

    fn hear(&mut self, now: Timestamp, link: LinkId, said: Said, out: &mut Out) {
        let Some(row) = self.links.find(link) else {
            return;
        };
        match said {
            Said::Hello(peer) => {
                let foreign = peer.ip() != row.source.ip().to_canonical();
                if foreign && !self.config.trust_addresses {
                    self.reject(now, link, Rejection::NotItsOwn(peer), out);
                } else if Some(peer) == self.own {
                    self.reject(now, link, Rejection::OurOwn(peer), out);
                } else {
                    self.greet(now, link, peer, out);
                }
            }
            Said::Text(text) => {
                if let Some(peer) = row.peer {
                    out.notice(PeerNotice::Text { peer, text });
                }
            }
        }
    }

    /// Somebody has said that it is `peer`.
    fn greet(&mut self, now: Timestamp, link: LinkId, peer: SocketAddr, out: &mut Out) {
        let Some(row) = self.links.find_mut(link) else {
            return;
        };
        self.timers.cancel(Due::Hello(link));
        if let Some(guess) = row.peer.replace(peer) {
            self.forget(now, guess, link, Lost::Renamed(peer), out);
        }
        self.timers.cancel(Due::Dial(peer));
        let other = self.others.entry(peer).or_default();
        let Some(old) = other.link.replace(link) else {
            out.notice(PeerNotice::Hello { peer });
            return;
        };
        // Two connections with one peer. If it has dialled both, it has lost the
        // older one and we have not noticed. If one is ours, both ends have to
        // drop the same.
        let ours = self.links.find(old).is_some_and(|row| row.dialed);
        let stays = ours && self.own.is_some_and(|own| own < peer);
        let dropped = if stays { link } else { old };
        if stays {
            other.link = Some(old);
        }
        self.drop_link(dropped, out);
    }

    /// Closes a connection that nothing follows from.
    fn drop_link(&mut self, link: LinkId, out: &mut Out) -> Option<Row> {
        let row = self.links.remove(link)?;
        self.timers.cancel(Due::Hello(link));
        self.timers.cancel(Due::Pause(link));
        out.close(link, CloseWhen::Flushed);
        Some(row)
    }

    /// Closes a connection because of what its other end did.
    fn reject(&mut self, now: Timestamp, link: LinkId, why: Rejection, out: &mut Out) {
        let Some(row) = self.drop_link(link, out) else {
            return;
        };
        let source = row.source;
        out.notice(PeerNotice::Refused { source, why });
        self.lose(now, link, &row, Lost::Rejected(why), out);
    }

    fn handle_link_down(&mut self, now: Timestamp, link: LinkId, why: LinkDown, out: &mut Out) {
        let Some(row) = self.links.find_mut(link) else {
            return;
        };
        // What it said last may have no newline. Who it is, and what makes no sense,
        // is no matter any more.
        let rest = row.decoder.end(self.config.limits.text_bytes_max);
        if let Ok(Some(said @ Said::Text(_))) = rest {
            self.hear(now, link, said, out);
        }
        if let Some(row) = self.links.remove(link) {
            self.timers.cancel(Due::Hello(link));
            self.timers.cancel(Due::Pause(link));
            self.lose(now, link, &row, Lost::Link(why), out);
        }
    }

    fn lose(&mut self, now: Timestamp, link: LinkId, row: &Row, why: Lost, out: &mut Out) {
        let Some(peer) = row.peer else {
            return;
        };
        if let Some(other) = self.others.get_mut(&peer) {
            other.backoff.link_held(now.since(row.since));
        }
        self.forget(now, peer, link, why, out);
    }

    /// `link` is not the connection with `peer` any more, if it was.
    fn forget(&mut self, now: Timestamp, peer: SocketAddr, link: LinkId, why: Lost, out: &mut Out) {
        let Some(other) = self.others.get_mut(&peer) else {
            return;
        };
        if other.link != Some(link) {
            return;
        }
        other.link = None;
        let dialing = other.dial.is_some();
        out.notice(PeerNotice::Lost { peer, why });
        if !dialing {
            self.dial_later(now, peer);
        }
    }
}

/// Talking.
impl Peer {
    fn handle_command(&mut self, now: Timestamp, command: PeerCommand, out: &mut Out) {
        let (text, when) = match command {
            PeerCommand::Start { address } => {
                let start = MemberCommand::Start { address };
                self.tell_member(now, Event::Command(start), out);
                return;
            }
            PeerCommand::Say { text, when } => (Some(text), when),
            PeerCommand::Leave { when } => (None, when),
        };
        match when {
            When::Now => self.carry_out(text.as_deref(), out),
            When::Complete
                if text.is_some() && self.waiting.len() >= self.config.limits.waiting_max =>
            {
                let why = NotSaid::TooManyWait;
                out.notice(PeerNotice::NotSaid { why });
            }
            When::Complete => {
                let until = now + COMPLETE_WITHIN;
                self.waiting.push_back(Waiting { text, until });
            }
        }
    }

    /// Carries out the commands that need not wait any longer.
    fn work(&mut self, now: Timestamp, out: &mut Out) {
        while let Some(next) = self.waiting.front() {
            if next.until > now && !self.is_complete() {
                return;
            }
            if let Some(next) = self.waiting.pop_front() {
                self.carry_out(next.text.as_deref(), out);
            }
        }
    }

    fn carry_out(&mut self, text: Option<&str>, out: &mut Out) {
        match text {
            Some(text) => self.say(text, out),
            None => self.stop(out),
        }
    }

    fn say(&mut self, text: &str, out: &mut Out) {
        let text = text.lines().next().unwrap_or_default();
        if text.is_empty() {
            return;
        }
        let (len, max) = (text.len(), self.config.limits.text_bytes_max);
        let why = if len > max {
            Some(NotSaid::TooLong { len, max })
        } else if self.connected().next().is_none() {
            Some(NotSaid::NobodyHere)
        } else {
            None
        };
        if let Some(why) = why {
            out.notice(PeerNotice::NotSaid { why });
            return;
        }
        let line = out.store(|arena| write_text(text, arena));
        for (_, link) in self.connected() {
            out.send_stored(link, line);
        }
    }
}

impl Machine for Peer {
    type Command = PeerCommand;
    type Notice = PeerNotice;

    fn handle(&mut self, now: Timestamp, event: Event<'_, PeerCommand>, out: &mut Out) {
        if self.done {
            return;
        }
        match event {
            Event::Command(command) => self.handle_command(now, command, out),
            Event::LinkUp {
                link,
                origin,
                endpoints,
            } => match origin {
                Origin::Dialed { dial } if self.member.owns_dial(dial) => {
                    self.tell_member(
                        now,
                        Event::LinkUp {
                            link,
                            origin,
                            endpoints,
                        },
                        out,
                    );
                }
                _ => self.handle_link_up(now, link, origin, endpoints, out),
            },
            Event::Bytes { link, bytes } if self.member.owns_link(link) => {
                self.tell_member(now, Event::Bytes { link, bytes }, out);
            }
            Event::Bytes { link, bytes } => self.handle_bytes(now, link, bytes, out),
            Event::LinkDown { link, why, unsent } if self.member.owns_link(link) => {
                self.tell_member(now, Event::LinkDown { link, why, unsent }, out);
            }
            Event::LinkDown { link, why, .. } => self.handle_link_down(now, link, why, out),
            Event::DialFailed { dial, why } if self.member.owns_dial(dial) => {
                self.tell_member(now, Event::DialFailed { dial, why }, out);
            }
            Event::DialFailed { dial, why } => self.handle_dial_failed(now, dial, why, out),
            Event::Tick => {
                self.tell_member(now, Event::Tick, out);
                while let Some(due) = self.timers.pop_due(now) {
                    self.handle_due(now, due, out);
                }
            }
        }
        if !self.done {
            self.work(now, out);
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        if self.done {
            return None;
        }
        let waits = self.waiting.front().map(|next| next.until);
        [self.member.deadline(), self.timers.next(), waits]
            .into_iter()
            .flatten()
            .min()
    }
}

impl Peer {
    fn handle_due(&mut self, now: Timestamp, due: Due, out: &mut Out) {
        match due {
            Due::Hello(link) => {
                let within = self.config.limits.hello_time_max;
                self.reject(now, link, Rejection::TooSlow { within }, out);
            }
            Due::Pause(link) => {
                let row = self.links.find_mut(link);
                if let Some(said) = row.and_then(|row| row.decoder.pause()) {
                    self.hear(now, link, said, out);
                }
            }
            Due::Dial(peer) => self.dial(peer, out),
        }
    }
}
