//! What operators are told: each act of an operator, and WALLOPS.

use crc_machine::LinkId;
use crc_wire::{ChannelRequest, HostId, RequestKind};

use super::{Commander, server_request};
use crate::context::{Context, Out};
use crate::operator::Powers;
use crate::{crc, irc, work};

impl Context {
    /// An operator has done something: the log and all operators are told.
    pub(in crate::context) fn report_act(&mut self, by: Commander, act: &str, out: &mut Out) {
        let operator = self.network.operators().find(by.id);
        let name = operator.map_or_else(String::new, |known| known.name.to_string());
        log::info!("{}: operator {name:?} {act:?}", self.describe_peer(by.link));
        let nick = self.nick_of(by.id);
        self.note_operators(&format!("{nick} ({name}) {act}"), out);
    }

    /// Tells all operators of the network something.
    pub(crate) fn note_operators(&mut self, text: &str, out: &mut Out) {
        let note = server_request(self.config.id, None, RequestKind::NOTE, text);
        self.on_note(&note, None, out);
    }

    /// A server, this one or one behind `from`, tells all operators something.
    pub(crate) fn on_note(
        &mut self,
        note: &ChannelRequest<'_>,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        let text = format!("*** Notice -- {}", note.text.as_str());
        let operators = self.network.operators().iter();
        let own: Vec<_> = operators
            .filter_map(|(id, _)| self.operator_link(id))
            .collect();
        self.work.charge(work::LINK * own.len() as u64);
        for link in own {
            self.note(link, &text, out);
        }
        crc::channel::flood_request(self, note, from, out);
    }

    /// An operator, of this server or behind `from`, speaks to all operators.
    pub(crate) fn on_wallops(
        &mut self,
        said: &ChannelRequest<'_>,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        if !self.network.operators().may(said.source, Powers::WALLOPS) {
            self.counters.dropped += 1;
            return;
        }
        let text = said.text.as_str();
        let who = self.nick_of(said.source);
        self.work
            .charge(work::LINK * self.network.neighbours().len() as u64);
        let links: Vec<_> = self.network.neighbours().iter().collect();
        let links: Vec<_> = links
            .into_iter()
            .map(|(link, it)| (link, it.host))
            .collect();
        for (link, host) in links {
            let is_operator = self.network.operators().find(host).is_some();
            let is_user = irc::on_wallops(self, link, is_operator, said.source, text, out);
            if is_operator && !is_user {
                crc::send::note(self, link, &format!("WALLOPS from {who}: {text}"), out);
            }
        }
        crc::channel::flood_request(self, said, from, out);
    }

    /// The link of a host that is an operator of this server.
    pub(in crate::context) fn operator_link(&self, id: HostId) -> Option<LinkId> {
        self.network.operators().find(id)?;
        let host = self.network.directory().find(id)?;
        self.is_home_of(host).then_some(host.first_link())
    }

    /// Tells an operator, wherever it is, something.
    pub(crate) fn note_operator(&mut self, id: HostId, text: &str, out: &mut Out) {
        let note = server_request(self.config.id, Some(id), RequestKind::NOTE, text);
        self.channel_request(&note, out);
    }
}
