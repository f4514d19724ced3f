//! How far the burst to one neighbour has come.
//!
//! A burst is not built at once: a cursor walks over the hosts, servers first, and then
//! over the channels, as fast as the neighbour reads. Behind the cursor the neighbour is
//! *told*: it gets every change. Ahead of it, it gets no change, since the cursor will
//! find things as they are by then. A host that speaks before the cursor has come to it
//! is announced early.
//!
//! A client gets no list of channels, but of each channel that it enters the members, in
//! the same way. This module knows no protocol.

use std::collections::{BTreeMap, VecDeque};

use crc_wire::HostId;
use irc_wire::mask::PreparedMask;

use crate::network::{BanKind, Channel, Channels, Place, fold};

/// What a neighbour was told: all that it is to know, unless its burst is under way.
#[derive(Debug, Default)]
pub(crate) struct Told {
    walk: Option<Box<Walk>>,
}

impl Told {
    /// The burst begins, or goes on in another way.
    pub(crate) fn begin(&mut self, walk: Walk) {
        self.walk = Some(Box::new(walk));
    }

    /// The burst is over, or nothing more is told.
    pub(crate) fn end(&mut self) {
        self.walk = None;
    }

    /// Whether the burst is over.
    pub(crate) const fn is_all(&self) -> bool {
        self.walk.is_none()
    }

    /// Takes out how far the burst has come, to go on with it.
    pub(crate) const fn take(&mut self) -> Option<Box<Walk>> {
        self.walk.take()
    }

    /// How far the burst has come is this now.
    pub(crate) fn put_back(&mut self, walk: Box<Walk>) {
        self.walk = Some(walk);
    }

    /// How far the burst has come.
    pub(crate) fn walk_mut(&mut self) -> Option<&mut Walk> {
        self.walk.as_deref_mut()
    }

    /// Whether the neighbour gets the changes of a host.
    #[inline]
    pub(crate) fn has_host(&self, id: HostId, place: Place) -> bool {
        let walk = self.walk.as_ref();
        walk.is_none_or(|walk| walk.has_told(id, place))
    }

    /// Notes that a host is announced now, as it is.
    #[inline]
    pub(crate) fn on_announced(&mut self, id: HostId, place: Place) {
        if let Some(walk) = &mut self.walk {
            walk.on_announced(id, place);
        }
    }

    /// Whether the neighbour gets the changes of a channel.
    pub(crate) fn has_channel(&self, name: &str) -> bool {
        let walk = self.walk.as_ref();
        walk.is_none_or(|walk| walk.has_told_channel(name))
    }

    /// Whether the neighbour knows of a member of a channel.
    pub(crate) fn has_member(&self, name: &str, id: HostId) -> bool {
        let walk = self.walk.as_ref();
        walk.is_none_or(|walk| walk.has_told_member(name, id))
    }

    /// Notes that a member of a channel is announced now.
    pub(crate) fn on_member_announced(&mut self, name: &str, id: HostId) {
        if let Some(walk) = &mut self.walk {
            walk.on_member_announced(name, id);
        }
    }

    /// Whether the peer is a client that has entered a channel, and has not been sent all
    /// of it.
    pub(crate) fn is_listing(&self, name: &str) -> bool {
        self.walk.as_ref().is_some_and(|walk| walk.is_listing(name))
    }
}

/// A list of channels for a client.
#[derive(Debug)]
pub(crate) struct ChannelList {
    /// The names that are wanted; all, if there is none.
    pub(crate) mask: Option<PreparedMask>,
    /// The last channel that was visited, in lower case.
    pub(crate) after: Option<Box<str>>,
    /// How many bytes may still be sent.
    pub(crate) bytes_left: usize,
}

/// What a neighbour is told while its burst is under way.
#[derive(Debug)]
pub(crate) struct Walk {
    /// The neighbour is told of the hosts before this place.
    told: Place,
    /// The next host to visit. It is one that the neighbour is told of if the neighbour
    /// has turned out to be a version 2 server since, and lacks the machine parts.
    next: Place,
    /// The hosts ahead of the cursor that were announced meanwhile; `true` if the
    /// neighbour lacks nothing of them.
    early: BTreeMap<HostId, bool>,
    /// The members of channels that were announced ahead of the cursor, each with the
    /// names of the channels in lower case.
    early_members: BTreeMap<HostId, Vec<Box<str>>>,
    /// The place among the channels, once the hosts are over.
    channel: Option<ChannelCursor>,
    /// The channels that a client has entered and that are not listed to the end.
    listings: VecDeque<Listing>,
    /// The list of channels that a client has asked for, as far as it is not sent.
    list: Option<ChannelList>,
    /// The last operator that was sent, behind the channels.
    pub(crate) operator: Option<HostId>,
    /// The last user that is away that was sent, behind the operators.
    pub(crate) absence: Option<HostId>,
    /// The last user of whom was sent what it says of itself, behind those that are away.
    pub(crate) metadata: Option<HostId>,
    /// The last ban that was sent, behind the operators.
    pub(crate) ban: Option<(BanKind, Box<str>)>,
    /// How many bytes waited on the link when this was last reported.
    pub(crate) waiting: usize,
}

/// A place among the channels.
#[derive(Debug, Default)]
struct ChannelCursor {
    /// The last channel that was visited, in lower case; `None` at the start.
    name: Option<Box<str>>,
    /// Where in that channel: the last member that was sent. `None` if it is done.
    member: Option<HostId>,
    /// Whether anything was sent of it.
    is_begun: bool,
}

/// A channel that is listed for a client.
#[derive(Debug)]
struct Listing {
    /// In lower case.
    name: Box<str>,
    /// The last member that was sent.
    after: Option<HostId>,
}

/// What a neighbour needs to know of a host that the cursor finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// All of it.
    Announcement,
    /// What a version 1 server was not sent.
    MachinePart,
    /// Nothing: it was announced meanwhile.
    Nothing,
}

impl Walk {
    /// A walk that visits the hosts from this place on, and then the channels.
    pub(crate) fn from(place: Place) -> Walk {
        Walk {
            told: place,
            next: place,
            early: BTreeMap::new(),
            early_members: BTreeMap::new(),
            channel: None,
            listings: VecDeque::new(),
            list: None,
            operator: None,
            absence: None,
            metadata: None,
            ban: None,
            waiting: 0,
        }
    }

    /// A walk for a neighbour that is told of all hosts, but not of their machine parts,
    /// nor of channels.
    pub(crate) fn of_machine_parts() -> Walk {
        Walk {
            next: Place::START,
            ..Walk::from(Place::END)
        }
    }

    /// A walk for a client that is told of all hosts: over channels that it enters.
    pub(crate) fn of_listings() -> Walk {
        Walk {
            channel: Some(ChannelCursor::default()),
            ..Walk::from(Place::END)
        }
    }

    /// The neighbour has turned out to be a version 2 server: it lacks the machine parts
    /// of the hosts that it is told of.
    pub(crate) fn restart(&mut self) {
        self.next = Place::START;
        self.channel = None;
        self.operator = None;
        self.absence = None;
        self.metadata = None;
        self.ban = None;
        self.early.values_mut().for_each(|whole| *whole = false);
    }

    /// Whether the neighbour gets the changes of a host.
    fn has_told(&self, id: HostId, place: Place) -> bool {
        place < self.told || self.early.contains_key(&id)
    }

    /// Whether the neighbour gets the changes of a channel.
    fn has_told_channel(&self, name: &str) -> bool {
        let last = self.channel.as_ref().and_then(|at| at.name.as_deref());
        last.is_some_and(|last| *fold(name) <= *last)
    }

    /// Whether the neighbour knows of a member of a channel.
    fn has_told_member(&self, name: &str, id: HostId) -> bool {
        let name = &*fold(name);
        let told = match &self.channel {
            Some(ChannelCursor {
                name: Some(last),
                member,
                ..
            }) => name < &**last || *name == **last && member.is_none_or(|last| id <= last),
            _ => false,
        };
        let mut early = self.early_members.get(&id).into_iter().flatten();
        told || early.any(|early| **early == *name)
    }

    /// Notes that a member of a channel is announced now.
    fn on_member_announced(&mut self, name: &str, id: HostId) {
        if !self.has_told_member(name, id) {
            let early = self.early_members.entry(id).or_default();
            early.push(fold(name).into());
        }
    }

    /// A member of a channel leaves it.
    pub(crate) fn forget_member(&mut self, name: &str, id: HostId) {
        if let Some(early) = self.early_members.get_mut(&id) {
            early.retain(|early| **early != *fold(name));
            if early.is_empty() {
                self.early_members.remove(&id);
            }
        }
    }

    /// Notes that a host is announced now, as it is.
    fn on_announced(&mut self, id: HostId, place: Place) {
        if place >= self.next {
            self.early.insert(id, true);
        }
    }

    /// A host that the neighbour is told of leaves.
    pub(crate) fn forget(&mut self, id: HostId) {
        self.early.remove(&id);
        self.early_members.remove(&id);
    }

    /// The next host to visit; `None` when the hosts are over.
    pub(crate) fn next_host(&self) -> Option<Place> {
        self.channel.is_none().then_some(self.next)
    }

    /// The cursor passes a host. What the neighbour is to be sent of it.
    pub(crate) fn pass_host(&mut self, id: HostId, place: Place) -> Due {
        self.next = place.next();
        let told = place < self.told;
        self.told = self.told.max(self.next);
        match self.early.remove(&id) {
            Some(true) => Due::Nothing,
            Some(false) => Due::MachinePart,
            None if told => Due::MachinePart,
            None => Due::Announcement,
        }
    }

    /// The cursor passes a place where no host is.
    pub(crate) fn pass_free(&mut self, place: Place) {
        self.next = place.next();
        self.told = self.told.max(self.next);
    }

    /// The cursor has passed all hosts.
    pub(crate) fn end_hosts(&mut self) {
        self.told = Place::END;
        self.early = BTreeMap::new();
        self.channel = Some(ChannelCursor::default());
    }

    /// The channel that is visited now, and the last member of it that was passed; `None`
    /// when the channels are over.
    pub(crate) fn next_channel<'c>(
        &mut self,
        channels: &'c Channels,
    ) -> Option<(&'c Channel, Option<HostId>)> {
        let at = self.channel.get_or_insert_default();
        if let (Some(name), Some(member)) = (&at.name, at.member)
            && let Some(channel) = channels.find(name)
        {
            return Some((channel, Some(member)));
        }
        let channel = channels.after(at.name.as_deref()).next()?;
        at.name = Some(fold(channel.name()).into());
        at.member = None;
        at.is_begun = false;
        Some((channel, None))
    }

    /// Something is sent of the channel that is visited now. Whether it is the first.
    pub(crate) fn begin_channel(&mut self) -> bool {
        let at = self.channel.as_mut();
        at.is_some_and(|at| !core::mem::replace(&mut at.is_begun, true))
    }

    /// A client has entered a channel, which is to be listed.
    pub(crate) fn list_channel(&mut self, name: &str) {
        let name = fold(name).into();
        self.listings.retain(|listing| listing.name != name);
        self.listings.push_back(Listing { name, after: None });
    }

    /// Whether a channel is not listed to the end.
    fn is_listing(&self, name: &str) -> bool {
        let name = &*fold(name);
        self.listings.iter().any(|listing| *listing.name == *name)
    }

    /// The channel that is listed now, and the last member that was sent; `None` when all
    /// are listed.
    pub(crate) fn next_listing(&self) -> Option<(&str, Option<HostId>)> {
        let listing = self.listings.front()?;
        Some((&listing.name, listing.after))
    }

    /// A member was sent of the channel that is listed now; `None` if the channel is over.
    pub(crate) fn pass_listed(&mut self, member: Option<HostId>) {
        match (member, self.listings.front_mut()) {
            (Some(_), Some(listing)) => listing.after = member,
            _ => {
                self.listings.pop_front();
            }
        }
    }

    /// A client asks for a list of channels. Whether there was none under way.
    pub(crate) fn list_channels(&mut self, list: ChannelList) -> bool {
        let is_free = self.list.is_none();
        if is_free {
            self.list = Some(list);
        }
        is_free
    }

    /// The list that a client has asked for, to go on with it.
    pub(crate) fn take_list(&mut self) -> Option<ChannelList> {
        self.list.take()
    }

    /// Whether nothing is left of the channels that a client has entered, and of the list that it
    /// has asked for.
    pub(crate) fn is_all_listed(&self) -> bool {
        self.listings.is_empty() && self.list.is_none()
    }

    /// The cursor passes a member of the channel that is visited now; or the rest of the
    /// channel, if `None`.
    pub(crate) fn pass_member(&mut self, member: Option<HostId>) {
        if let Some(at) = &mut self.channel {
            at.member = member;
        }
    }
}
