//! The rules of the network: who is where, who may say what, and where it goes.
//!
//! The relay speaks of hosts and links; it knows no bytes, no frames and no
//! time, and sends nothing itself. Each rule is a question that is answered
//! without changing anything; what follows from the answer is carried out by
//! the server.

mod channels;
mod directory;
pub(crate) mod lookup;
mod nicks;

use crc_wire::{HostId, Registration};

pub(crate) use channels::fold;
pub(crate) use channels::{Applied, Entered};
pub use channels::{Channel, Channels, Setting, Settings};
pub use directory::{Directory, Host, HostKind};
pub use nicks::Nicks;

use crc_machine::LinkId;
use crc_machine::LinkTable;

/// What we know of the node at the other end of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerVersion {
    /// Not known yet.
    Unknown,
    /// A v1 node: version 1 of the protocol and nothing else.
    V1,
    /// A node of this project.
    V2,
}

/// An adjacent host that has registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    /// Who it is.
    pub host: HostId,
    /// What it is.
    pub kind: HostKind,
    /// What it can take.
    pub version: PeerVersion,
    /// Whether it is the server that we linked to, our parent in the tree.
    pub uplink: bool,
    /// Whether it has been sent its listing of the network, so that it is told
    /// of every change from now on.
    pub synced: bool,
}

/// What a registration says of a host, behind the link it came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HostInfo<'a> {
    pub(crate) id: HostId,
    pub(crate) kind: HostKind,
    pub(crate) name: &'a str,
    /// What the host says to people.
    pub(crate) info: &'a str,
    /// What it says to machines.
    pub(crate) machine: Option<&'a str>,
}

impl<'a> HostInfo<'a> {
    /// What is said of a host, all of it for people.
    pub(crate) const fn for_people(
        id: HostId,
        kind: HostKind,
        name: &'a str,
        info: &'a str,
    ) -> Self {
        HostInfo {
            id,
            kind,
            name,
            info,
            machine: None,
        }
    }

    /// What somebody who registers says of itself; all of it is for people.
    pub(crate) fn of_itself(kind: HostKind, registration: &'a Registration<'_>) -> Self {
        let (name, info) = (registration.name.as_str(), registration.info.as_str());
        HostInfo::for_people(registration.source, kind, name, info)
    }
}

/// What a registration from a server means, given what is known already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RegistrationOutcome {
    /// Nobody knew of this host.
    New,
    /// Known just so; or the word of a link that does not count against what
    /// we know.
    Known,
    /// Known just so, but for what it says to machines.
    MachinePartChanged,
    /// The host says something else about itself now: it leaves and joins.
    Changed,
    /// It has moved: what an original node told of it was a ghost.
    Moved,
    /// The same server is reached two ways, or we are told of ourselves: the
    /// links form a loop, and this link has to go.
    Loop,
    /// Two clients have one id, and the one told of here, by our parent, stays.
    ParentWins,
    /// Two clients have one id, and ours stays: the child that told of the
    /// other one gives way when it hears of ours.
    ChildYields,
}

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// To the host itself, or the next server on the way to it.
    To(LinkId),
    /// Nowhere: nobody to speak to has this id.
    Unknown,
}

/// The hosts, the neighbours, and the rules.
#[derive(Debug)]
pub(crate) struct Network {
    id: HostId,
    directory: Directory,
    neighbours: LinkTable<Neighbour>,
    channels: Channels,
}

impl Network {
    pub(crate) fn new(id: HostId, seed: u64) -> Self {
        Network {
            id,
            directory: Directory::new(seed),
            neighbours: LinkTable::default(),
            channels: Channels::default(),
        }
    }

    pub(crate) fn channels(&self) -> &Channels {
        &self.channels
    }

    pub(crate) fn channels_mut(&mut self) -> &mut Channels {
        &mut self.channels
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    pub(crate) fn directory_mut(&mut self) -> &mut Directory {
        &mut self.directory
    }

    pub(crate) fn neighbours(&self) -> &LinkTable<Neighbour> {
        &self.neighbours
    }

    pub(crate) fn neighbours_mut(&mut self) -> &mut LinkTable<Neighbour> {
        &mut self.neighbours
    }

    /// Whether `id` can't be given to another host.
    pub(crate) fn is_taken(&self, id: HostId) -> bool {
        id == self.id || self.directory.route(id).is_some()
    }

    /// Whether `source` is reached over `link`, so that its word may come from
    /// there.
    #[inline]
    pub(crate) fn is_behind(&self, source: HostId, link: LinkId) -> bool {
        let way = self.directory.route(source);
        way.is_some_and(|(_, first_link)| first_link == link)
    }

    /// Where a chat to `destination` goes that came from `from`. Only clients
    /// are spoken to, and nothing goes back to a server that sent it.
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

    /// Where a status for `destination` goes that came from `from`, or from us.
    pub(crate) fn route_status(&self, from: Option<LinkId>, destination: HostId) -> Route {
        match self.directory.route(destination) {
            Some((_, to)) if from != Some(to) => Route::To(to),
            _ => Route::Unknown,
        }
    }

    /// Whether all that is known of a server that now speaks for itself was told
    /// across an original node, which may know no better; and by which link.
    ///
    /// Between servers of ours every server of ours is known with what it says
    /// to machines, which originals leave out.
    pub(crate) fn indirect_route(&self, claim: &HostInfo<'_>) -> Option<LinkId> {
        let known = self.directory.find(claim.id)?;
        let teller = self.neighbours.find(known.first_link())?;
        let same =
            known.kind() == claim.kind && known.name() == claim.name && known.info() == claim.info;
        let told = known.kind() == HostKind::Server
            && known.machine().is_none()
            && teller.host != claim.id;
        (told && same).then_some(known.first_link())
    }

    /// What a registration means that a server sent on `from`. The server's own
    /// registration is not asked about here.
    pub(crate) fn classify(&self, from: LinkId, claim: &HostInfo<'_>) -> RegistrationOutcome {
        let neighbour = self.neighbours.find(from);
        let ours = neighbour.is_some_and(|n| n.version == PeerVersion::V2);
        let Some(known) = self.directory.find(claim.id) else {
            return match claim.id == self.id {
                false => RegistrationOutcome::New,
                // Originals tell us of ourselves; they know no better.
                true if !ours => RegistrationOutcome::Known,
                true => RegistrationOutcome::Loop,
            };
        };
        let same =
            known.kind() == claim.kind && known.name() == claim.name && known.info() == claim.info;
        if known.first_link() == from {
            return match claim.machine {
                _ if !same => RegistrationOutcome::Changed,
                Some(machine) if known.machine() != Some(machine) => {
                    RegistrationOutcome::MachinePartChanged
                }
                _ => RegistrationOutcome::Known,
            };
        }
        // An original repeats what it was told, and never forgets.
        if !ours {
            return RegistrationOutcome::Known;
        }
        let teller = self.neighbours.find(known.first_link());
        let ghost = teller.is_some_and(|n| {
            n.version == PeerVersion::V1 && n.kind == HostKind::Server && n.host != claim.id
        });
        let indirect_route = claim.machine.is_some() && self.indirect_route(claim).is_some();
        if (ghost || indirect_route) && same {
            return RegistrationOutcome::Moved;
        }
        if known.kind() == HostKind::Server || claim.kind == HostKind::Server {
            return RegistrationOutcome::Loop;
        }
        if neighbour.is_some_and(|n| n.uplink) {
            RegistrationOutcome::ParentWins
        } else {
            RegistrationOutcome::ChildYields
        }
    }

    fn is_server_link(&self, link: LinkId) -> bool {
        let neighbour = self.neighbours.find(link);
        neighbour.is_some_and(|n| n.kind == HostKind::Server)
    }

    /// All that must hold between two events.
    ///
    /// # Panics
    ///
    /// When it does not, for the program has a bug then.
    pub(crate) fn check(&self) {
        let mut hosts = 0;
        for host in self.directory.iter() {
            hosts += 1;
            assert_ne!(host.id(), self.id, "a server does not list itself");
            let neighbour = self.neighbours.find(host.first_link());
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
        assert_eq!(hosts, self.directory.len(), "no id stands there twice");
        for (link, neighbour) in self.neighbours.iter() {
            let host = self.directory.find(neighbour.host);
            let host = host.unwrap_or_else(|| panic!("{} is not listed", neighbour.host));
            assert_eq!(host.kind(), neighbour.kind);
            assert_eq!(
                host.first_link(),
                link,
                "an adjacent host is its own first link"
            );
        }
        let link_of = |id| self.directory.find(id).map(Host::first_link);
        self.channels.check(link_of);
    }
}
