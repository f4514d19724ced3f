//! A host as a registration describes it, and the bounds of what is kept of that.

use core::num::NonZeroU64;

use crc_wire::{HostId, Registration, truncate_utf8};

use super::HostKind;
use crate::announcement::{ClientDetails, strip_machine_parts};

/// The most bytes that are kept of an info, also of one that a server reports: twice what a
/// host of this version may have.
const INFO_BYTES_MAX: usize = 1024;

/// The most bytes of a machine part that is kept; a longer one is ignored.
const MACHINE_BYTES_MAX: usize = 1024;

/// Whether a machine part is kept.
pub(crate) const fn is_machine_kept(machine: &str) -> bool {
    machine.len() <= MACHINE_BYTES_MAX
}

/// A host as a registration describes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HostInfo<'a> {
    pub(crate) id: HostId,
    pub(crate) kind: HostKind,
    pub(crate) name: &'a str,
    /// The part of the info for people. The constructors strip machine parts from it, and
    /// cut it.
    info: &'a str,
    /// The machine part, if it is a server.
    pub(crate) machine: Option<&'a str>,
    /// When it registered, if it is a client of which that is known.
    pub(crate) registered_ms: Option<NonZeroU64>,
    /// What its server says of it, if it is a client.
    pub(crate) details: ClientDetails<'a>,
}

impl<'a> HostInfo<'a> {
    /// A host without a machine part.
    pub(crate) fn for_people(id: HostId, kind: HostKind, name: &'a str, info: &'a str) -> Self {
        HostInfo {
            id,
            kind,
            name,
            info: truncate_utf8(strip_machine_parts(info), INFO_BYTES_MAX),
            machine: None,
            registered_ms: None,
            details: ClientDetails::default(),
        }
    }

    /// The same with a machine part, as a version 2 server announces it.
    pub(crate) fn with_machine(self, machine: Option<&'a str>) -> Self {
        let machine = machine.filter(|machine| is_machine_kept(machine));
        HostInfo { machine, ..self }
    }

    /// The same client, which has registered at that time.
    pub(crate) const fn registered_at(self, registered_ms: Option<NonZeroU64>) -> Self {
        HostInfo {
            registered_ms,
            ..self
        }
    }

    /// The same client with what its server says of it.
    pub(crate) const fn with_details(self, details: ClientDetails<'a>) -> Self {
        HostInfo { details, ..self }
    }

    /// The part of its info for people.
    pub(crate) const fn info(&self) -> &'a str {
        self.info
    }

    /// The registration of a peer itself; it has no machine part yet.
    pub(crate) fn of_itself(kind: HostKind, registration: &'a Registration<'_>) -> Self {
        let (name, info) = (registration.name.as_str(), registration.info.as_str());
        HostInfo::for_people(registration.source, kind, name, info)
    }
}
