//! Whether the server is where it is meant to be: linked, or a root by intention.
//!
//! `/readyz`, the metrics and the service manager are told the same.

use core::fmt;

use crc_core::{Server, Snapshot};
use crc_wire::HostId;

/// What is observed: the relay server and, if it has one, its rendezvous member.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Observed<'a> {
    pub(crate) server: &'a Server,
    /// Whether the rendezvous directory has told which servers come before this one; `None`
    /// without a directory.
    pub(crate) has_place: Option<bool>,
}

/// The server's place in the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Linked to a server: its id and its name.
    Linked(HostId, String),
    /// A root, as it was configured.
    Root,
    /// A root because no other server comes before it in the rendezvous directory.
    FirstInDirectory,
    /// It is to be linked, and is not.
    Unlinked(Unlinked),
    /// It is leaving the network.
    Leaving,
}

/// Why a server is not linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unlinked {
    /// None of the servers to link to has accepted it.
    NotAccepted,
    /// None of the legacy servers to link to has accepted it.
    NotAcceptedByLegacy,
    /// The rendezvous directory has not answered yet.
    NoDirectory,
}

impl Readiness {
    pub(crate) fn of(observed: Observed<'_>) -> Readiness {
        let snapshot = observed.server.snapshot();
        if !snapshot.is_running() {
            return Readiness::Leaving;
        }
        let legacy = snapshot.legacy_uplink();
        if snapshot.has_configured_legacy_uplinks() && legacy.is_none() {
            return Readiness::Unlinked(Unlinked::NotAcceptedByLegacy);
        }
        if let Some((id, _)) = snapshot.uplink() {
            return Readiness::Linked(id, name_of(&snapshot, id));
        }
        if snapshot.has_configured_uplinks() {
            return Readiness::Unlinked(Unlinked::NotAccepted);
        }
        match (observed.has_place, legacy) {
            (None, None) => Readiness::Root,
            (None, Some(id)) => Readiness::Linked(id, name_of(&snapshot, id)),
            (Some(false), _) => Readiness::Unlinked(Unlinked::NoDirectory),
            (Some(true), _) if snapshot.candidates().is_empty() => Readiness::FirstInDirectory,
            (Some(true), _) => Readiness::Unlinked(Unlinked::NotAccepted),
        }
    }

    /// Whether the server is where it is meant to be.
    pub(crate) fn is_ready(&self) -> bool {
        match self {
            Readiness::Linked(..) | Readiness::Root | Readiness::FirstInDirectory => true,
            Readiness::Unlinked(_) | Readiness::Leaving => false,
        }
    }
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Readiness::Linked(id, name) => write!(f, "linked to server {id} {name:?}"),
            Readiness::Root => f.write_str("root"),
            Readiness::FirstInDirectory => f.write_str("root: first in the rendezvous directory"),
            Readiness::Unlinked(why) => write!(f, "not linked: {why}"),
            Readiness::Leaving => f.write_str("leaving the network"),
        }
    }
}

impl fmt::Display for Unlinked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unlinked::NotAccepted => "no server to link to has accepted this one",
            Unlinked::NotAcceptedByLegacy => "no legacy server to link to has accepted this one",
            Unlinked::NoDirectory => "the rendezvous directory has not answered",
        })
    }
}

/// The name of a host; empty if it is gone.
pub(crate) fn name_of(snapshot: &Snapshot<'_>, id: HostId) -> String {
    let host = snapshot.directory().find(id);
    host.map(|host| host.name().to_owned()).unwrap_or_default()
}
