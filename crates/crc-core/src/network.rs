//! The network as a server knows it: hosts and routes, neighbours, channels, nicks, and
//! the rules about them.
//!
//! [`Network`] owns these tables. It knows no bytes, frames and clocks, knows links by
//! their ids only, and sends nothing. A question about a rule changes nothing. The
//! operations of [`Context`](crate::context::Context) ask, and carry out the answer.

mod absences;
mod bans;
mod change;
mod channels;
mod directory;
mod former;
mod host_info;
mod invitations;
mod look_alikes;
pub(crate) mod lookup;
mod masks;
mod messages;
pub(crate) mod metadata;
mod nicks;
mod operators;
mod policy;
mod server_ids;

use core::num::NonZeroU64;
use std::collections::BTreeMap;

use crc_wire::{ChannelField, HostId, MemberFlags, TaggedChat};

pub(crate) use absences::AWAY_BYTES_MAX;
pub use absences::{Absence, Absences};
pub use bans::{Ban, BanKind, Bans, NotABan};
pub(crate) use bans::{LIFTED_FOR_MS, normal_mask};
pub(crate) use change::{ChannelEvent, ChannelEventKind, FormerNicks, HostChange, Scope};
use channels::REMEMBERED_FOR;
pub(crate) use channels::{Age, Applied, Entered, Renamed, Voided};
pub use channels::{Channel, Channels, Founding, Setting, Settings};
pub(crate) use channels::{MODES_UNSET, fold, shift_version, split_rename};
pub(crate) use directory::Place;
pub use directory::{Directory, Host, HostKind};
pub(crate) use former::{FormerUser, FormerUsers};
pub(crate) use host_info::{HostInfo, is_machine_kept};
use invitations::Invitations;
use look_alikes::LookAlikes;
pub(crate) use masks::{
    MASK_BYTES_MAX, MASK_LISTS, MASKS_MAX, MaskList, MaskOrigin, is_for_servers,
    normal_channel_mask, parse_origins, write_origins,
};
use messages::Messages;
pub(crate) use messages::{ID_TAG, MessageId, Recipient, SentMessage, each_tag};
pub use metadata::Metadata;
use metadata::NoRoom;
pub use nicks::Nicks;
pub use operators::{Operator, Operators};
pub(crate) use policy::{
    EnterRefusal, InviteRefusal, KEY_BYTES_MAX, MODES, NEW_CHANNEL_MODES, RENAME_REASON_BYTES_MAX,
    RedactRefusal, RenameRefusal, SetRefusal, SpeakRefusal, TOPIC_BYTES_MAX, is_value,
    is_value_from_server,
};
use server_ids::ServerIds;

use crc_machine::LinkId;
use crc_machine::LinkTable;
use crc_machine::Timestamp;

use crate::announcement::ClientDetails;
use crate::work::{self, WorkMeter};

/// The version of the node at the other end of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerVersion {
    /// Not known yet.
    Unknown,
    /// A v1 node: version 1 of the protocol and nothing else.
    V1,
    /// A node of this project: version 2.
    V2,
}

/// An adjacent host that has registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    /// The host's id.
    pub host: HostId,
    /// The kind of host.
    pub kind: HostKind,
    /// Its version.
    pub version: PeerVersion,
    /// Whether it is this server's uplink, its parent in the tree.
    pub uplink: bool,
    /// Whether its burst has begun: it gets every change of what it has been sent.
    pub synced: bool,
}

/// The meaning of a registration from a server, given the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RegistrationOutcome {
    /// The host is new.
    New,
    /// The host is known with the same name and info; or the neighbour is a v1 server,
    /// whose registration does not replace a known one.
    Known,
    /// The host is known with the same name and info, and another machine part: of a
    /// client, another time of its registration.
    MachinePartChanged,
    /// The host has another name or info: it leaves and joins.
    Changed,
    /// The host has moved: its entry came from a v1 node and was out of date.
    Moved,
    /// There are two routes to the same server, or to this one: the links form a loop,
    /// and this link is closed.
    Loop,
    /// The server has linked elsewhere as a version 2 server, and has a link to this server
    /// from its time as a v1 server: that link is closed.
    Relinked,
    /// A client has the id of this server: it gives way.
    Displaces,
    /// A server, or this one, has the id of this client: the neighbour learns of it when it
    /// gets the server's registration, and lets the client give way.
    Displaced,
    /// Two clients have one id; the one announced here stays.
    TheirsStays,
    /// Two clients have one id; the known one stays. The neighbour that announced the
    /// other one gives it up when it gets this server's registration.
    OursStays,
}

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// To the host itself, or to the next hop.
    To(LinkId),
    /// Nowhere: no host that may get the message has this id.
    Unknown,
}

/// The names of hosts where names are nicks that no other host has.
#[derive(Debug, Default)]
pub(crate) struct NickTables {
    /// The nicks of clients.
    pub(crate) nicks: Nicks,
    /// The names of servers, this one included.
    pub(crate) servers: Nicks,
}

impl NickTables {
    fn of_kind(&mut self, kind: HostKind) -> &mut Nicks {
        match kind {
            HostKind::Client => &mut self.nicks,
            HostKind::Server => &mut self.servers,
        }
    }
}

/// How many servers are remembered that were lost.
const LOST_SERVERS_MAX: usize = 1024;

/// How far a shift of the times has come at which clients registered: they are shifted
/// behind those of channels.
#[derive(Debug)]
struct ClientShift {
    by_ms: i64,
    /// The next row in the table of clients.
    row: usize,
}

/// The hosts, the neighbours, the channels, and the rules about them.
///
/// Owns all that a server knows of the network. Every module that has it may read it.
/// Only the methods below change it, and each leaves its tables consistent.
#[derive(Debug)]
pub(crate) struct Network {
    id: HostId,
    directory: Directory,
    neighbours: LinkTable<Neighbour>,
    /// The ids of servers, also of those that have left not long ago.
    server_ids: ServerIds,
    channels: Channels,
    invitations: Invitations,
    operators: Operators,
    absences: Absences,
    metadata: Metadata,
    bans: Bans,
    /// When each server was lost that is not back yet. As long as there is one, channels
    /// may live on out of reach.
    lost_servers: BTreeMap<HostId, Timestamp>,
    /// None of them was lost before that.
    first_lost_at: Timestamp,
    /// The shift of all times that is under way.
    shift: Option<ClientShift>,
    /// `None` where no text protocol is spoken: no host needs a nick.
    names: Option<NickTables>,
    /// The name of this server.
    own_name: Box<str>,
    seed: u64,
    /// `None` until there is a name that is not ASCII.
    look_alikes: Option<LookAlikes>,
    /// How many clients are linked to this server; the most that were, and the most in the
    /// whole network.
    own_clients: usize,
    own_clients_max: usize,
    clients_max: usize,
    former_users: FormerUsers,
    messages: Messages,
}

impl Network {
    /// The network of a server with this id that has just started: no other host. Ids
    /// are hashed with `seed`.
    pub(crate) fn new(id: HostId, name: &str, seed: u64, names: Option<NickTables>) -> Self {
        Network {
            id,
            directory: Directory::new(seed),
            neighbours: LinkTable::default(),
            server_ids: ServerIds::default(),
            channels: Channels::default(),
            invitations: Invitations::default(),
            operators: Operators::default(),
            absences: Absences::default(),
            metadata: Metadata::default(),
            bans: Bans::default(),
            lost_servers: BTreeMap::new(),
            first_lost_at: Timestamp::START,
            shift: None,
            names,
            own_name: name.into(),
            seed,
            look_alikes: None,
            own_clients: 0,
            own_clients_max: 0,
            clients_max: 0,
            former_users: FormerUsers::default(),
            messages: Messages::new(seed),
        }
    }

    pub(crate) fn channels(&self) -> &Channels {
        &self.channels
    }

    /// The bans of the network.
    pub(crate) fn bans(&self) -> &Bans {
        &self.bans
    }

    /// Takes a statement about a ban, if it is new. Returns whether it is.
    pub(crate) fn apply_ban(&mut self, ban: Ban, now_ms: u64) -> bool {
        self.bans.apply(ban, now_ms)
    }

    /// The hosts that are network operators.
    pub(crate) fn operators(&self) -> &Operators {
        &self.operators
    }

    /// The users that are away.
    pub(crate) fn absences(&self) -> &Absences {
        &self.absences
    }

    /// Notes that a user is away, or is back if the text is empty. Returns whether that is new.
    pub(crate) fn set_away(&mut self, host: HostId, text: &str) -> bool {
        self.is_client(host) && self.absences.set(host, text)
    }

    /// What users say of themselves.
    pub(crate) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Notes a value of a key of a user; none, if it is empty. Returns whether that is new.
    pub(crate) fn set_metadata(
        &mut self,
        host: HostId,
        key: &str,
        value: &str,
    ) -> Result<bool, NoRoom> {
        match self.is_client(host) {
            true => self.metadata.set(host, key, value),
            false => Ok(false),
        }
    }

    /// Notes what operator a host is, if it is one. Returns whether that is new.
    pub(crate) fn set_operator(&mut self, host: HostId, operator: Option<Operator>) -> bool {
        self.directory.find(host).is_some() && self.operators.set(host, operator)
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    pub(crate) fn neighbours(&self) -> &LinkTable<Neighbour> {
        &self.neighbours
    }

    /// The nicks, if a text protocol is spoken here.
    pub(crate) fn names(&self) -> Option<&NickTables> {
        self.names.as_ref()
    }

    // Neighbours.

    pub(crate) fn add_neighbour(&mut self, link: LinkId, neighbour: Neighbour) {
        if neighbour.kind == HostKind::Client {
            self.own_clients += 1;
            self.own_clients_max = self.own_clients_max.max(self.own_clients);
        }
        self.neighbours.insert(link, neighbour);
    }

    /// Forgets a neighbour. The host stays in the directory until it is removed.
    pub(crate) fn remove_neighbour(&mut self, link: LinkId) -> Option<Neighbour> {
        let removed = self.neighbours.remove(link);
        if removed.is_some_and(|neighbour| neighbour.kind == HostKind::Client) {
            self.own_clients -= 1;
        }
        removed
    }

    /// The users that have left, or have another nick now.
    pub(crate) const fn former_users(&self) -> &FormerUsers {
        &self.former_users
    }

    /// Remembers a user that leaves, or takes another nick.
    pub(crate) fn remember_user(&mut self, user: FormerUser, now: Timestamp) {
        self.former_users.add(user, now);
    }

    /// Remembers a message, if it has an id and text protocols are spoken here: no other client
    /// knows ids.
    pub(crate) fn remember_message(&mut self, chat: &TaggedChat<'_>) {
        if self.names.is_some() {
            self.messages.add(chat);
        }
    }

    /// Forgets a message, which is redacted.
    pub(crate) fn forget_message(&mut self, id: MessageId) {
        self.messages.forget(id);
    }

    /// How many clients are linked to this server, and the most that were at one time.
    pub(crate) const fn own_clients(&self) -> (usize, usize) {
        (self.own_clients, self.own_clients_max)
    }

    /// How many clients are in the network, and the most that were at one time.
    pub(crate) fn clients(&self) -> (usize, usize) {
        let now = self.directory.len() - self.directory.servers_len();
        (now, self.clients_max)
    }

    /// Notes the version of a neighbour. Returns the neighbour as it was before.
    pub(crate) fn set_version(&mut self, link: LinkId, version: PeerVersion) -> Option<Neighbour> {
        let neighbour = self.neighbours.find_mut(link)?;
        let before = *neighbour;
        neighbour.version = version;
        Some(before)
    }

    /// Notes whether the burst to a neighbour has begun, so that it is sent changes.
    pub(crate) fn set_synced(&mut self, link: LinkId, synced: bool) {
        if let Some(neighbour) = self.neighbours.find_mut(link) {
            neighbour.synced = synced;
        }
    }

    /// Notes that the neighbour with the id `before` has another id now.
    pub(crate) fn renumber_neighbour(&mut self, link: LinkId, before: HostId, after: HostId) {
        if let Some(neighbour) = self.neighbours.find_mut(link)
            && neighbour.host == before
        {
            neighbour.host = after;
        }
    }

    // Hosts.

    /// Adds a host, and assigns its nick if nicks are needed. A host that was known by an
    /// indirect route is replaced.
    pub(crate) fn add_host(&mut self, host: Host, now: Timestamp) {
        if self.directory.route(host.id()).is_some() {
            self.replace_host(host);
            return;
        }
        if host.kind() == HostKind::Server {
            self.server_ids.on_joined(host.id(), now);
        }
        if self.lost_servers.remove(&host.id()).is_some() && self.lost_servers.is_empty() {
            self.channels.end_losses(now);
        }
        if let Some(names) = &mut self.names {
            let names = names.of_kind(host.kind());
            if names.of(host.id()).is_none() {
                names.assign(host.id(), host.name());
            }
        }
        self.add_look_alike(host.id(), host.name());
        self.directory.insert(host);
        self.clients_max = self.clients_max.max(self.clients().0);
    }

    /// Notes that a host has this name now, for the search of names that look alike.
    fn add_look_alike(&mut self, id: HostId, name: &str) {
        if let Some(look_alikes) = &mut self.look_alikes {
            look_alikes.add(id, name);
        } else if !name.is_ascii() {
            self.index_look_alikes().add(id, name);
        }
    }

    fn remove_look_alike(&mut self, id: HostId, name: &str) {
        if let Some(look_alikes) = &mut self.look_alikes {
            look_alikes.remove(id, name);
        }
    }

    /// The index of names that look alike. It is built once: all hosts are visited.
    fn index_look_alikes(&mut self) -> &mut LookAlikes {
        let (directory, id, own_name) = (&self.directory, self.id, &*self.own_name);
        let seed = self.seed;
        self.look_alikes.get_or_insert_with(|| {
            let mut look_alikes = LookAlikes::new(seed);
            look_alikes.add(id, own_name);
            for host in directory.iter() {
                look_alikes.add(host.id(), host.name());
            }
            look_alikes
        })
    }

    /// Whether hosts have names that are not ASCII, or had.
    pub(crate) const fn has_utf8_names(&self) -> bool {
        self.look_alikes.is_some()
    }

    /// The present name that is in the way of a new one, because it is a different one and
    /// looks like it. `own`: the host that is to have the name, if it has one already.
    ///
    /// This is the rule for all protocols. It is asked where a host of this server registers
    /// or is renamed; names that other servers report are taken as they are.
    pub(crate) fn look_alike_of(&mut self, name: &str, own: Option<HostId>) -> Option<&str> {
        if name.is_ascii() && self.look_alikes.is_none() {
            return None;
        }
        let found = self.index_look_alikes().find(name, own)?;
        match self.directory.find(found) {
            Some(host) => Some(host.name()),
            None => Some(&self.own_name),
        }
    }

    /// Assigns a host its own name as nick, unchanged, before the host is added. `is_legacy`:
    /// it has the nick in the legacy protocol too.
    pub(crate) fn reserve_nick(&mut self, info: &HostInfo<'_>, is_legacy: bool) {
        if let Some(names) = &mut self.names {
            let nicks = names.of_kind(info.kind);
            nicks.assign_exact(info.id, info.name, !is_legacy);
        }
    }

    /// A host that has got another id keeps its alias.
    pub(crate) fn keep_alias(&mut self, id: HostId, alias: &str) {
        if let Some(names) = &mut self.names
            && names.nicks.alias_of(id) != Some(alias)
        {
            names.nicks.assign_alias(id, Some(alias));
        }
    }

    /// Replaces the entry of a host: another route, another name, or another machine
    /// part. The host keeps its channels, and the time of its registration if no other is
    /// known. Returns the former entry.
    pub(crate) fn replace_host(&mut self, host: Host) -> Option<Host> {
        let known = self.directory.find(host.id())?;
        let registered_ms = host.registered_ms().or(known.registered_ms());
        let host = host.registered_at(registered_ms).or_details_of(known);
        if known.name() != host.name()
            && let Some(names) = &mut self.names
        {
            names.of_kind(host.kind()).assign(host.id(), host.name());
        }
        let (id, name) = (host.id(), host.name().to_owned());
        let before = self.directory.replace(host);
        if let Some(before) = before.as_ref().filter(|before| before.name() != name) {
            self.remove_look_alike(id, before.name());
            self.add_look_alike(id, &name);
        }
        before
    }

    /// Notes the machine part that a server announces.
    pub(crate) fn set_machine(&mut self, id: HostId, machine: &str) {
        self.directory.set_machine(id, machine);
    }

    /// Notes when a client registered.
    pub(crate) fn set_registered(&mut self, id: HostId, registered_ms: Option<NonZeroU64>) {
        self.directory.set_registered(id, registered_ms);
    }

    /// Notes what its server says of a client.
    pub(crate) fn set_details(&mut self, id: HostId, details: ClientDetails<'_>) {
        self.directory.set_details(id, details);
    }

    /// Forgets a host, its nick and its memberships. `lost`: it went with a server.
    pub(crate) fn remove_host(&mut self, id: HostId, lost: bool, now: Timestamp) -> Option<Host> {
        let host = self.directory.remove(id)?;
        self.remove_look_alike(id, host.name());
        if host.kind() == HostKind::Server {
            self.server_ids.on_left(id, now);
        }
        self.channels.leave_all(id, host.first_link(), lost, now);
        if lost && host.kind() == HostKind::Server {
            self.forget_lost_servers(now);
            if self.lost_servers.len() < LOST_SERVERS_MAX {
                self.lost_servers.insert(id, now);
            }
        }
        self.invitations.forget(id);
        self.operators.set(id, None);
        self.absences.set(id, "");
        self.metadata.forget(id);
        if let Some(names) = &mut self.names {
            names.of_kind(host.kind()).release(id);
        }
        Some(host)
    }

    /// Forgets the servers that were lost long ago. Not all are visited each time: a thousand
    /// may be lost at once.
    fn forget_lost_servers(&mut self, now: Timestamp) {
        if now < self.first_lost_at + REMEMBERED_FOR {
            return;
        }
        self.lost_servers
            .retain(|_, lost_at| now < *lost_at + REMEMBERED_FOR);
        self.first_lost_at = self.lost_servers.values().copied().min().unwrap_or(now);
    }

    /// The nick of a host; its name where no nicks are needed.
    pub(crate) fn nick_of(&self, id: HostId) -> String {
        let name = match &self.names {
            // Servers too: some send chats as if they were clients.
            Some(names) => names.nicks.of(id).or_else(|| names.servers.of(id)),
            None => self.directory.find(id).map(Host::name),
        };
        name.map_or_else(|| id.to_string(), str::to_owned)
    }

    /// The nick of a host in the legacy protocol: in ASCII, unless it is of that protocol.
    pub(crate) fn legacy_nick_of(&self, id: HostId) -> String {
        let alias = self.names.as_ref().and_then(|it| it.nicks.alias_of(id));
        alias.map_or_else(|| self.nick_of(id), str::to_owned)
    }

    // Channels.

    /// Enters a member into a channel, or its new flags. A channel that does not exist
    /// is `founded` at that time.
    pub(crate) fn enter_channel(
        &mut self,
        name: &str,
        host: HostId,
        flags: MemberFlags,
        founded: Founding,
        now: Timestamp,
    ) -> Entered {
        match self.directory.find(host).map(Host::first_link) {
            Some(link) => {
                self.invitations.use_up(host, name);
                self.channels.enter(name, host, flags, founded, link, now)
            }
            None => Entered::Known,
        }
    }

    /// Takes a member out of a channel.
    pub(crate) fn leave_channel(&mut self, name: &str, host: HostId, now: Timestamp) {
        if let Some(link) = self.directory.find(host).map(Host::first_link) {
            self.channels.leave(name, host, link, now);
        }
    }

    /// Takes a setting of the channel that was `founded` at that time, if it is newer
    /// than the known one.
    pub(crate) fn set_channel(
        &mut self,
        name: &str,
        field: ChannelField,
        setting: Setting,
        founded: Founding,
        now: Timestamp,
    ) -> Applied {
        self.channels.set(name, field, setting, founded, now)
    }

    /// A host of this server has set the channel that it has founded.
    pub(crate) fn end_founding(&mut self, name: &str) {
        self.channels.end_founding(name);
    }

    /// Notes that a member with these flags has invited a host of this server to a channel.
    pub(crate) fn add_invitation(
        &mut self,
        host: HostId,
        name: &str,
        by: MemberFlags,
        now: Timestamp,
    ) {
        if let Some(channel) = self.channels.find(name) {
            let channel = (name, channel.founded());
            self.invitations.add(host, channel, by.operator, now);
        }
    }

    /// The channels that a host of this server is invited to.
    pub(crate) fn invitations_of(
        &self,
        host: HostId,
        now: Timestamp,
    ) -> impl Iterator<Item = &Channel> {
        let invitations = self.invitations.of(host, now);
        invitations.filter_map(|(name, founded)| {
            let channel = self.channels.find(name)?;
            (channel.founded().tag == founded.tag).then_some(channel)
        })
    }

    /// Begins to shift all times that are held, because the network's clock has been
    /// shifted.
    pub(crate) fn begin_shift(&mut self, by_ms: i64) {
        self.channels.begin_shift(by_ms);
        self.bans.shift(by_ms);
        self.shift = Some(ClientShift { by_ms, row: 0 });
    }

    /// Shifts the next of them, and counts that. `false` when all are shifted.
    pub(crate) fn shift_next(&mut self, work: &WorkMeter) -> bool {
        let Some(shift) = &mut self.shift else {
            return false;
        };
        if self.channels.shift_next() {
            work.charge(work::LOOKUP);
            return true;
        }
        work.charge(1);
        shift.row += 1;
        let is_row = self.directory.shift_time(shift.row - 1, shift.by_ms);
        if !is_row {
            self.shift = None;
        }
        is_row
    }

    /// Whether times are being shifted: some are, and others are not yet.
    #[inline]
    pub(crate) const fn is_shifting(&self) -> bool {
        self.shift.is_some()
    }

    /// Gives users of IRC the names of renamed channels that count now. Returns those that have
    /// changed.
    pub(crate) fn settle_names(&mut self) -> Vec<Renamed> {
        self.channels.settle_names()
    }

    /// Takes an earlier time for the founding of a channel, whose clocks had an error.
    /// Whether it is earlier.
    pub(crate) fn lower_age(&mut self, name: &str, founded: Founding) -> bool {
        self.channels.lower_age(name, founded)
    }

    /// An older channel of this name exists: takes its age. The ranks and settings
    /// that are void now.
    pub(crate) fn adopt_age(&mut self, name: &str, founded: Founding) -> Option<Voided> {
        self.channels.adopt_age(name, founded)
    }

    /// Whether a host has `id`.
    pub(crate) fn is_taken(&self, id: HostId) -> bool {
        id == self.id || self.directory.route(id).is_some()
    }

    /// Whether a client may get `id`: no host has it, nor had a server within the last hour.
    pub(crate) fn is_free_for_client(&self, id: HostId, now: Timestamp) -> bool {
        !self.is_taken(id) && !self.server_ids.is_kept(id, now)
    }

    /// Whether a client has `id`.
    pub(crate) fn is_client(&self, id: HostId) -> bool {
        let route = self.directory.route(id);
        route.is_some_and(|(kind, _)| kind == HostKind::Client)
    }

    /// Whether `source` is reached over `link`, so that the link's peer may speak for
    /// it.
    #[inline]
    pub(crate) fn is_behind(&self, source: HostId, link: LinkId) -> bool {
        let route = self.directory.route(source);
        route.is_some_and(|(_, first_link)| first_link == link)
    }

    /// The route of a chat to `destination` that came from `from`. Only clients get
    /// chats, and a chat never goes back to the server that it came from.
    #[inline]
    pub(crate) fn route_chat(&self, from: LinkId, destination: Option<HostId>) -> Route {
        let Some((kind, to)) = destination.and_then(|id| self.directory.route(id)) else {
            return Route::Unknown;
        };
        let back = to == from && self.is_server_link(from);
        if kind == HostKind::Client && !back {
            Route::To(to)
        } else {
            Route::Unknown
        }
    }

    /// The route of a status for `destination` that came from `from`, or from this
    /// server.
    pub(crate) fn route_status(&self, from: Option<LinkId>, destination: HostId) -> Route {
        match self.directory.route(destination) {
            Some((_, to)) if from != Some(to) => Route::To(to),
            _ => Route::Unknown,
        }
    }

    /// The link over which a server is known indirectly: it was announced across a v1
    /// node, whose entry may be out of date, and now it registers itself.
    ///
    /// Between version 2 servers every version 2 server is known with its machine part,
    /// which v1 nodes leave out.
    pub(crate) fn indirect_route(&self, info: &HostInfo<'_>) -> Option<LinkId> {
        let known = self.directory.find(info.id)?;
        let neighbour = self.neighbours.find(known.first_link())?;
        let same = known.is_like(info);
        let indirect = known.kind() == HostKind::Server
            && known.machine().is_none()
            && neighbour.host != info.id;
        (indirect && same).then_some(known.first_link())
    }

    /// How many ids of servers are kept from clients.
    pub(crate) fn server_ids_len(&self) -> usize {
        self.server_ids.len()
    }

    /// The meaning of a registration that a server has sent on `from` (PROTOCOL section
    /// 3). The server's own registration is handled elsewhere.
    pub(crate) fn classify(&self, from: LinkId, info: &HostInfo<'_>) -> RegistrationOutcome {
        let neighbour = self.neighbours.find(from);
        let is_v2 = neighbour.is_some_and(|n| n.version == PeerVersion::V2);
        let Some(known) = self.directory.find(info.id) else {
            return match info.id == self.id {
                false => RegistrationOutcome::New,
                // v1 servers announce this server to itself.
                true if !is_v2 => RegistrationOutcome::Known,
                true if info.kind == HostKind::Client => RegistrationOutcome::Displaced,
                true => RegistrationOutcome::Loop,
            };
        };
        let same = known.is_like(info);
        if known.first_link() == from {
            let same = same && known.name() == info.name;
            let new_machine = info.machine.is_some() && info.machine != known.machine();
            let ms = info.registered_ms;
            let new_time = ms.is_some() && ms != known.registered_ms();
            let details = info.details;
            let new_details = details != ClientDetails::default() && details != known.details();
            return match same {
                false => RegistrationOutcome::Changed,
                true if new_machine || new_time || new_details => {
                    RegistrationOutcome::MachinePartChanged
                }
                true => RegistrationOutcome::Known,
            };
        }
        // A v1 server repeats what it was sent, and never forgets a host.
        if !is_v2 {
            return RegistrationOutcome::Known;
        }
        let first = self.neighbours.find(known.first_link());
        let behind_v1 = first.is_some_and(|n| {
            n.version == PeerVersion::V1 && n.kind == HostKind::Server && n.host != info.id
        });
        let was_v1_here = first.is_some_and(|n| {
            n.version == PeerVersion::V1 && n.kind == HostKind::Server && n.host == info.id
        });
        if was_v1_here && same && info.machine.is_some() {
            return RegistrationOutcome::Relinked;
        }
        let indirect_route = info.machine.is_some() && self.indirect_route(info).is_some();
        if (behind_v1 || indirect_route) && same {
            return RegistrationOutcome::Moved;
        }
        match (known.kind(), info.kind) {
            (HostKind::Client, HostKind::Client) => {}
            (HostKind::Client, HostKind::Server) => return RegistrationOutcome::Displaces,
            (HostKind::Server, HostKind::Client) => return RegistrationOutcome::Displaced,
            (HostKind::Server, HostKind::Server) => return RegistrationOutcome::Loop,
        }
        let from_uplink = neighbour.is_some_and(|n| n.uplink);
        self.settle_clients(from_uplink, known.registered_ms(), info.registered_ms)
    }

    /// Which of two clients with one id stays: the one that registered earlier, or the
    /// parent's if that is not known. Both ends of the link come to the same result.
    pub(crate) fn settle_clients(
        &self,
        from_uplink: bool,
        ours: Option<NonZeroU64>,
        theirs: Option<NonZeroU64>,
    ) -> RegistrationOutcome {
        let theirs_stays = match (ours, theirs) {
            (Some(ours), Some(theirs)) if ours != theirs => theirs < ours,
            _ => from_uplink,
        };
        match theirs_stays {
            true => RegistrationOutcome::TheirsStays,
            false => RegistrationOutcome::OursStays,
        }
    }

    fn is_server_link(&self, link: LinkId) -> bool {
        let neighbour = self.neighbours.find(link);
        neighbour.is_some_and(|n| n.kind == HostKind::Server)
    }

    /// Checks the invariants that hold between two events.
    ///
    /// # Panics
    ///
    /// When it does not hold: the program has a bug then.
    pub(crate) fn check(&self, is_leaving: impl Fn(LinkId) -> bool) {
        let mut hosts = 0;
        for host in self.directory.iter() {
            hosts += 1;
            assert_ne!(host.id(), self.id, "a server does not list itself");
            let neighbour = self.neighbours.find(host.first_link());
            if neighbour.is_none() && is_leaving(host.first_link()) {
                continue;
            }
            let neighbour = neighbour.unwrap_or_else(|| {
                panic!("host {} outlives {}", host.id(), host.first_link());
            });
            assert!(
                neighbour.kind == HostKind::Server || neighbour.host == host.id(),
                "host {} is behind the client {}",
                host.id(),
                neighbour.host
            );
        }
        assert_eq!(hosts, self.directory.len(), "no id occurs twice");
        for (link, neighbour) in self.neighbours.iter() {
            let host = self.directory.find(neighbour.host);
            let host = host.unwrap_or_else(|| panic!("{} is not in the directory", neighbour.host));
            assert_eq!(host.kind(), neighbour.kind);
            assert_eq!(
                host.first_link(),
                link,
                "an adjacent host is its own first link"
            );
        }
        let link_of = |id| self.directory.find(id).map(Host::first_link);
        self.channels.check(link_of);
        if let Some(names) = &self.names {
            names.nicks.check(self.directory.clients().map(Host::id));
            let servers = self.directory.servers().map(Host::id);
            names.servers.check(servers.chain([self.id]));
        }
    }
}
