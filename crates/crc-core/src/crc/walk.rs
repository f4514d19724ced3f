//! How far the burst to one neighbour has come.
//!
//! A burst is not built at once: a cursor walks over the hosts, servers first, and then
//! over the channels, as fast as the neighbour reads. Behind the cursor the neighbour is
//! *told*: it gets every change. Ahead of it, it gets no change, since the cursor will
//! find things as they are by then. A host that speaks before the cursor has come to it
//! is announced early.
//!
//! A client gets no list of channels, but of each channel that it enters the members, in
//! the same way.

use std::collections::{BTreeMap, VecDeque};

use crc_wire::HostId;

use crate::network::{Channel, Channels, Place, fold};

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
    /// The place among the channels, once the hosts are over.
    channel: Option<ChannelCursor>,
    /// The channels that a client has entered and that are not listed to the end.
    listings: VecDeque<Listing>,
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
            channel: None,
            listings: VecDeque::new(),
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
        self.early.values_mut().for_each(|whole| *whole = false);
    }

    /// Whether the neighbour gets the changes of a host.
    pub(crate) fn has_told(&self, id: HostId, place: Place) -> bool {
        place < self.told || self.early.contains_key(&id)
    }

    /// Whether the neighbour gets the changes of a channel.
    pub(crate) fn has_told_channel(&self, name: &str) -> bool {
        let last = self.channel.as_ref().and_then(|at| at.name.as_deref());
        last.is_some_and(|last| *fold(name) <= *last)
    }

    /// Notes that a host is announced now, as it is.
    pub(crate) fn on_announced(&mut self, id: HostId, place: Place) {
        if place >= self.next {
            self.early.insert(id, true);
        }
    }

    /// A host that the neighbour is told of leaves.
    pub(crate) fn forget(&mut self, id: HostId) {
        self.early.remove(&id);
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
        Some((channel, None))
    }

    /// A client has entered a channel, which is to be listed.
    pub(crate) fn list_channel(&mut self, name: &str) {
        let name = fold(name).into();
        self.listings.retain(|listing| listing.name != name);
        self.listings.push_back(Listing { name, after: None });
    }

    /// Whether a channel is not listed to the end.
    pub(crate) fn is_listing(&self, name: &str) -> bool {
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

    /// The cursor passes a member of the channel that is visited now; or the rest of the
    /// channel, if `None`.
    pub(crate) fn pass_member(&mut self, member: Option<HostId>) {
        if let Some(at) = &mut self.channel {
            at.member = member;
        }
    }
}
