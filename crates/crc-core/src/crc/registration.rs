//! Registrations of hosts that are behind a server: new, known, moved, or in
//! conflict with another host (PROTOCOL section 5).

use crate::announcement::split_info;
use crate::context::{Context, Out};
use crate::network::{Claim, Host, HostKind, Meaning, Standing};
use crate::planted::planted;
use crate::violation::Violation;
use crc_machine::{CloseWhen, LinkId};
use crc_wire::{HostId, Registration, Text};

impl Context {
    /// A server tells of a host: itself, or one behind it.
    pub(crate) fn told_of(
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
                Some(machine) => self.announced(link, id, machine, out),
                // An original that introduces itself again.
                None => log::debug!("{} introduces itself again", self.who(link)),
            };
        }
        let (info, machine) = match (kind, neighbour.standing) {
            (HostKind::Server, Standing::Ours) => split_info(info),
            _ => (info, None),
        };
        let name = registration.name.as_str();
        let claim = Claim {
            id,
            kind,
            name,
            info,
            machine,
        };
        let mut meaning = self.network.judge(link, &claim);
        if planted!(self, ParentLoses) && meaning == Meaning::ParentWins {
            meaning = Meaning::ChildGivesWay;
        }
        if meaning == Meaning::Moved && self.is_named_by_us(id) {
            // Where those are whom we have named, nobody knows better.
            meaning = match kind {
                HostKind::Client if neighbour.uplink => Meaning::ParentWins,
                HostKind::Client => Meaning::ChildGivesWay,
                HostKind::Server => Meaning::Loop,
            };
        }
        match meaning {
            Meaning::New => {}
            Meaning::Old => return self.note_ghost(link, &claim, out),
            Meaning::NewMachine => {
                let machine = machine.unwrap_or_default();
                self.network.directory_mut().set_machine(id, machine);
                self.learn(id, machine);
                return self.tell_machine_part(id, link, out);
            }
            Meaning::Changed if planted!(self, ChangedUntold) => {
                self.network.directory_mut().remove(id);
            }
            Meaning::Changed if self.keeps_channels(link, &claim) => {
                return self.rename(link, &claim, out);
            }
            Meaning::Changed => {
                self.remove(id, &Text::truncated("registered anew"), Some(link), out)
            }
            Meaning::Moved if kind == HostKind::Server => {
                // For the others the way to it is through us, as before. But who
                // tells of it must not think that it is behind us any more.
                self.network.directory_mut().remove(id);
                self.network.directory_mut().insert(Host::new(link, &claim));
                self.retract(link, id, out);
                if let Some(machine) = machine {
                    self.learn(id, machine);
                    self.tell_machine_part(id, link, out);
                }
                return;
            }
            Meaning::Moved => self.remove(id, &Text::truncated("moved"), None, out),
            Meaning::Loop if planted!(self, LoopStays) => return,
            Meaning::Loop => {
                log::warn!(
                    "{}: closed: it tells of server {id}: a loop",
                    self.who(link)
                );
                self.uplink_loops(link, neighbour.host, id);
                // If it has dialled us, it knows now why it need not do so again.
                let refusal = self.id_taken(kind, id);
                out.send(link, &refusal);
                return self.end(link, CloseWhen::Flushed, "loop", out);
            }
            Meaning::ParentWins => self.evict(id, link, out),
            Meaning::ChildGivesWay => {
                self.counters.refused += 1;
                let refusal = self.id_taken(kind, id);
                return out.send(link, &refusal);
            }
        }
        if self.network.directory().len() >= self.config.limits.hosts_max {
            return self.violation(link, Violation::DirectoryFull, out);
        }
        self.enter(link, &claim, out);
    }

    /// Enters a host that is behind a server, and tells the others.
    pub(crate) fn enter(&mut self, link: LinkId, claim: &Claim<'_>, out: &mut Out) {
        self.network.directory_mut().insert(Host::new(link, claim));
        if let Some(machine) = claim.machine {
            self.learn(claim.id, machine);
        }
        self.tell_join(claim.id, link, out);
    }

    /// Our client gives way to one of the same id on our parent's side.
    pub(crate) fn evict(&mut self, id: HostId, parent: LinkId, out: &mut Out) {
        if self.is_named_by_us(id) {
            return self.renumber(id, out);
        }
        let text = Text::truncated("replaced by another client with its id");
        let home = self.network.directory().find(id).map(Host::first_link);
        let local = home.filter(|home| {
            let neighbour = self.network.neighbours().find(*home);
            neighbour.is_some_and(|n| n.host == id)
        });
        if let Some(local) = local {
            log::warn!("{}: closed: its id is taken elsewhere", self.who(local));
            let refusal = self.id_taken(HostKind::Client, id);
            out.send(local, &refusal);
            self.network.neighbours_mut().remove(local);
            self.end(local, CloseWhen::Flushed, "id taken", out);
        }
        if planted!(self, EvictedUntold) {
            self.network.directory_mut().remove(id);
        }
        self.remove(id, &text, None, out);
        log::debug!(
            "client {id} gives way to the one behind {}",
            self.who(parent)
        );
    }
}
