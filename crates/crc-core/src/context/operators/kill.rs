//! KILL: an operator removes a user from the network.

use crc_machine::LinkId;
use crc_wire::{HostId, RequestKind};
use irc_wire::Numeric;

use super::{Commander, REASON_BYTES_MAX, server_request};
use crate::context::{Context, Out};
use crate::network::HostKind;
use crate::operator::Powers;
use crate::text_protocol::first_piece;
use crate::{crc, irc, work};

impl Context {
    /// The client that a command names: by its nick, its id, or its name if that is unique.
    pub(super) fn find_client(&self, wanted: &str) -> Option<HostId> {
        let names = self.network.names();
        if let Some(id) = names.and_then(|names| names.nicks.find(wanted)) {
            return Some(id);
        }
        let id = wanted.parse().ok().and_then(HostId::new);
        if let Some(id) = id.filter(|id| self.network.is_client(*id)) {
            return Some(id);
        }
        let directory = self.network.directory();
        self.work.charge(work::LOOKUP * directory.len() as u64);
        let mut named = directory.clients().filter(|host| host.name() == wanted);
        let first = named.next()?.id();
        named.next().is_none().then_some(first)
    }

    /// KILL (RFC 2812, 3.7.1): the victim's own server carries it out.
    pub(super) fn kill(&mut self, by: Commander, wanted: &str, reason: &str, out: &mut Out) {
        let Some(victim) = self.find_client(wanted) else {
            let names = self.network.names();
            let is_server = names.is_some_and(|names| names.servers.find(wanted).is_some());
            let (numeric, text) = match is_server {
                true => (Numeric::ERR_CANTKILLSERVER, "You can't kill a server"),
                false => (Numeric::ERR_NOSUCHNICK, "No such nick/channel"),
            };
            return self.reply(by.link, numeric, &[wanted], text, out);
        };
        let reason = first_piece(reason, REASON_BYTES_MAX);
        let nick = self.nick_of(victim);
        self.report_act(by, &format!("used KILL {nick}: {reason}"), out);
        let kill = server_request(by.id, Some(victim), RequestKind::KILL, reason);
        self.channel_request(&kill, out);
    }

    /// Carries out a KILL of a host of this server: the authority is checked here too.
    pub(in crate::context) fn execute_kill(
        &mut self,
        by: HostId,
        victim: HostId,
        reason: &str,
        out: &mut Out,
    ) {
        let Some(host) = self.network.directory().find(victim) else {
            return;
        };
        let link = host.first_link();
        if host.kind() != HostKind::Client || !self.network.operators().may(by, Powers::KILL) {
            self.counters.dropped += 1;
            log::warn!("KILL of {victim} by {by}: dropped: it may not");
            return;
        }
        let nick = self.nick_of(victim);
        if self.is_behind_text_server(victim) {
            let text = format!("{nick} can't be killed: its network has no word for it");
            return self.note_operator(by, &text, out);
        }
        let killer = self.nick_of(by);
        log::info!(
            "{}: killed by {by} {killer:?}: {reason:?}",
            self.describe_peer(link)
        );
        irc::on_killed(self, link, by, reason, out);
        let text = match reason {
            "" => format!("Killed ({killer})"),
            reason => format!("Killed ({killer} ({reason}))"),
        };
        self.remove_user(link, &text, out);
    }

    /// Closes the link of a client, which is told why, and so are all others.
    pub(crate) fn remove_user(&mut self, link: LinkId, text: &str, out: &mut Out) {
        crc::send::not_permitted(self, link, text, out);
        self.close_text_link(link, text, text, out);
    }
}
