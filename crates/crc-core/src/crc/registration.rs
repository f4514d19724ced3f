//! Registrations of hosts that are behind a server: new, known, moved, or in
//! conflict with another host (PROTOCOL section 5).

use crate::announcement::split_info;
use crate::context::{Context, Out};
use crate::network::{Host, HostInfo, HostKind, PeerVersion, RegistrationOutcome};
use crate::planted::planted;
use crate::violation::Violation;
use crc_machine::{CloseWhen, LinkId};
use crc_wire::{HostId, Registration, Text};

impl Context {
    /// A server tells of a host: itself, or one behind it.
    pub(crate) fn on_remote_registration(
        &mut self,
        link: LinkId,
        kind: HostKind,
        registration: &Registration<'_>,
        out: &mut Out,
    ) {
        let Some(neighbour) = self.network.neighbours().find(link).copied() else {
            return;
        };
        let id = registration.source;
        let info = registration.info.as_str();
        if id == neighbour.host {
            return match split_info(info).1 {
                Some(machine) => self.on_announcement(link, id, machine, out),
                // An original that introduces itself again.
                None => log::debug!("{} introduces itself again", self.describe_peer(link)),
            };
        }
        let (info, machine) = match (kind, neighbour.version) {
            (HostKind::Server, PeerVersion::V2) => split_info(info),
            _ => (info, None),
        };
        let name = registration.name.as_str();
        let claim = HostInfo {
            id,
            kind,
            name,
            info,
            machine,
        };
        let mut meaning = self.network.classify(link, &claim);
        if planted!(self, ParentLoses) && meaning == RegistrationOutcome::ParentWins {
            meaning = RegistrationOutcome::ChildYields;
        }
        if meaning == RegistrationOutcome::Moved && self.has_local_id(id) {
            // Where those are whom we have named, nobody knows better.
            meaning = match kind {
                HostKind::Client if neighbour.uplink => RegistrationOutcome::ParentWins,
                HostKind::Client => RegistrationOutcome::ChildYields,
                HostKind::Server => RegistrationOutcome::Loop,
            };
        }
        match meaning {
            RegistrationOutcome::New => {}
            RegistrationOutcome::Known => return self.note_ghost(link, &claim, out),
            RegistrationOutcome::MachinePartChanged => {
                let machine = machine.unwrap_or_default();
                self.network.directory_mut().set_machine(id, machine);
                self.learn_address(id, machine);
                return self.announce_machine_part(id, link, out);
            }
            RegistrationOutcome::Changed if planted!(self, ChangedUntold) => {
                self.network.directory_mut().remove(id);
            }
            RegistrationOutcome::Changed if self.keeps_channels(link, &claim) => {
                return self.rename(link, &claim, out);
            }
            RegistrationOutcome::Changed => {
                self.remove(id, &Text::truncated("registered anew"), Some(link), out)
            }
            RegistrationOutcome::Moved if kind == HostKind::Server => {
                // For the others the way to it is through us, as before. But who
                // tells of it must not think that it is behind us any more.
                self.network.directory_mut().remove(id);
                self.network.directory_mut().insert(Host::new(link, &claim));
                self.retract(link, id, out);
                if let Some(machine) = machine {
                    self.learn_address(id, machine);
                    self.announce_machine_part(id, link, out);
                }
                return;
            }
            RegistrationOutcome::Moved => self.remove(id, &Text::truncated("moved"), None, out),
            RegistrationOutcome::Loop if planted!(self, LoopStays) => return,
            RegistrationOutcome::Loop => {
                log::warn!(
                    "{}: closed: it tells of server {id}: a loop",
                    self.describe_peer(link)
                );
                self.on_loop(link, neighbour.host, id);
                // If it has dialled us, it knows now why it need not do so again.
                let refusal = self.id_taken(kind, id);
                out.send(link, &refusal);
                return self.close(link, CloseWhen::Flushed, "loop", out);
            }
            RegistrationOutcome::ParentWins => self.evict_client(id, link, out),
            RegistrationOutcome::ChildYields => {
                self.counters.refused += 1;
                let refusal = self.id_taken(kind, id);
                return out.send(link, &refusal);
            }
        }
        if self.network.directory().len() >= self.config.limits.hosts_max {
            return self.violation(link, Violation::DirectoryFull, out);
        }
        self.add_remote_host(link, &claim, out);
    }

    /// Enters a host that is behind a server, and tells the others.
    pub(crate) fn add_remote_host(&mut self, link: LinkId, claim: &HostInfo<'_>, out: &mut Out) {
        self.network.directory_mut().insert(Host::new(link, claim));
        if let Some(machine) = claim.machine {
            self.learn_address(claim.id, machine);
        }
        self.announce_host(claim.id, link, out);
    }

    /// Our client gives way to one of the same id on our parent's side.
    pub(crate) fn evict_client(&mut self, id: HostId, parent: LinkId, out: &mut Out) {
        if self.has_local_id(id) {
            return self.renumber(id, out);
        }
        let text = Text::truncated("replaced by another client with its id");
        let home = self.network.directory().find(id).map(Host::first_link);
        let local = home.filter(|home| {
            let neighbour = self.network.neighbours().find(*home);
            neighbour.is_some_and(|n| n.host == id)
        });
        if let Some(local) = local {
            log::warn!(
                "{}: closed: its id is taken elsewhere",
                self.describe_peer(local)
            );
            let refusal = self.id_taken(HostKind::Client, id);
            out.send(local, &refusal);
            self.network.neighbours_mut().remove(local);
            self.close(local, CloseWhen::Flushed, "id taken", out);
        }
        if planted!(self, EvictedUntold) {
            self.network.directory_mut().remove(id);
        }
        self.remove(id, &text, None, out);
        log::debug!(
            "client {id} gives way to the one behind {}",
            self.describe_peer(parent)
        );
    }
}
