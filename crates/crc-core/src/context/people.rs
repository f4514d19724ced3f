//! What a user may know of another one, and of the channels of the network: WHOIS and LIST, in
//! every protocol.

use core::net::IpAddr;

use crc_machine::LinkId;
use crc_wire::{ChannelRequest, HostId, RequestKind};
use irc_wire::mask::PreparedMask;

use super::{Context, Out, server_request};
use crate::network::{Channel, Host, HostKind, Network, fold};
use crate::operator::Powers;
use crate::walk::ChannelList;
use crate::{crc, irc, work};

/// The most bytes of one piece of a list of channels.
const LIST_BYTES_MAX: usize = 16 * 1024;

/// A piece of a list of channels: a line for each channel, and behind the last one `end`, or
/// `more` if others are left out.
#[derive(Debug, Default)]
pub(crate) struct ListLines {
    pub(crate) text: String,
    pub(crate) is_end: bool,
}

/// What a user may know of another one.
#[derive(Debug)]
pub(crate) struct UserFacts<'a> {
    pub(crate) host: &'a Host,
    /// The server that it is linked to, as far as that is known; otherwise the one on the way there.
    pub(crate) server: HostId,
    pub(crate) is_operator: bool,
    /// Why it is away, if it is.
    pub(crate) away: Option<&'a str>,
    /// Its connection to this server, if it has one.
    pub(crate) connection: Option<UserConnection<'a>>,
    /// For how many seconds it has said nothing: of a user of IRC of this server.
    pub(crate) idle: Option<u64>,
    /// When it registered, as Unix time in milliseconds.
    pub(crate) signed_on_unix_ms: Option<u64>,
}

/// How a user is connected to this server.
#[derive(Debug)]
pub(crate) struct UserConnection<'a> {
    pub(crate) is_secure: bool,
    /// Its address, if the one that asks may know it.
    pub(crate) address: Option<IpAddr>,
    /// The gateway that has connected for it, if the one that asks may know it.
    pub(crate) gateway: Option<&'a str>,
}

impl Context {
    /// A user is away, or is back if the text is empty: tells all servers but that of `from`, and
    /// the users that want to know.
    pub(crate) fn set_away(
        &mut self,
        host: HostId,
        text: &str,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        if self.network.set_away(host, text) {
            let statement = self.away_statement(host);
            crc::channel::flood_to_people(self, &statement, from, out);
            irc::on_absence_changed(self, host, out);
        }
    }

    /// What servers say to each other of a user that is away, or is back.
    pub(crate) fn away_statement(&self, host: HostId) -> ChannelRequest<'static> {
        let absence = self.network.absences().find(host);
        let text = absence.map_or("", |absence| &absence.text);
        server_request(host, None, RequestKind::AWAY, text)
    }

    /// What `asks` may know of a user.
    pub(crate) fn user_facts(&self, asks: Option<HostId>, id: HostId) -> Option<UserFacts<'_>> {
        let host = self.network.directory().find(id)?;
        if host.kind() != HostKind::Client {
            return None;
        }
        let session = irc::session_facts(self, id);
        Some(UserFacts {
            host,
            server: self.server_of_user(host),
            is_operator: self.network.operators().find(id).is_some(),
            away: self
                .network
                .absences()
                .find(id)
                .map(|absence| &*absence.text),
            connection: self.user_connection(asks, host),
            idle: session.map(|session| session.idle_seconds),
            signed_on_unix_ms: session
                .map(|session| session.registered_at_unix_ms)
                .or_else(|| self.signed_on_unix_ms(host)),
        })
    }

    /// When a user registered at its server, as Unix time in milliseconds, if servers have said so.
    pub(crate) fn signed_on_unix_ms(&self, host: &Host) -> Option<u64> {
        host.registered_ms().map(|ms| self.wall_ms_of(ms.get()))
    }

    fn user_connection(&self, asks: Option<HostId>, host: &Host) -> Option<UserConnection<'_>> {
        let (id, link) = (host.id(), host.first_link());
        let neighbour = self.network.neighbours().find(link);
        let found = self.links.find(link)?;
        if neighbour.is_none_or(|neighbour| neighbour.host != id) {
            return None;
        }
        let operators = self.network.operators();
        // The address is for the user itself, and for operators that may need it.
        let may_know = asks.is_some_and(|asks| {
            asks == id || operators.may(asks, Powers::STATS) || operators.may(asks, Powers::BAN)
        });
        let gateway = found.gateway.as_ref().filter(|_| may_know);
        Some(UserConnection {
            is_secure: found.security.is_some(),
            address: may_know.then(|| found.endpoints.peer.ip()),
            gateway: gateway.map(|gateway| &*gateway.name),
        })
    }

    /// The channels of a user that `asks` may see.
    pub(crate) fn channels_shown(
        &self,
        asks: Option<HostId>,
        id: HostId,
    ) -> impl Iterator<Item = &Channel> {
        let channels = self.network.channels().of(id);
        let channels = channels.inspect(|_| self.work.charge_answer(work::LOOKUP));
        channels.filter(move |channel| asks.is_some_and(|asks| Network::may_see(asks, channel)))
    }

    /// A channel as a list for `asks` shows it: its name, the number of its members, its topic.
    pub(crate) fn list_entry<'a>(
        &self,
        asks: HostId,
        channel: &'a Channel,
    ) -> Option<(&'a str, usize, &'a str)> {
        self.work.charge_answer(work::LOOKUP);
        let is_seen = Network::may_see(asks, channel);
        is_seen.then(|| (channel.name(), channel.members_len(), channel.topic()))
    }

    /// The next lines of a list of channels for a client.
    pub(crate) fn next_of_list(&self, asks: HostId, list: &mut ChannelList) -> ListLines {
        let room = LIST_BYTES_MAX.min(self.config.limits.text_bytes_max as usize);
        let mut lines = ListLines::default();
        for channel in self.network.channels().after(list.after.clone().as_deref()) {
            if self.work.is_spent() {
                return lines;
            }
            let folded = fold(channel.name());
            let is_wanted = |mask: &PreparedMask| {
                self.work.charge_answer_bytes(folded.len() * 4);
                mask.matches(folded.as_bytes())
            };
            if list.mask.as_ref().is_none_or(is_wanted)
                && let Some((name, members, topic)) = self.list_entry(asks, channel)
            {
                let topic = topic.replace(|c: char| c.is_control(), " ");
                let line = format!("{name} {members} {topic}\n");
                if line.len() > list.bytes_left {
                    lines.text += "more";
                    lines.is_end = true;
                    return lines;
                }
                if !lines.text.is_empty() && lines.text.len() + line.len() + 4 > room {
                    return lines;
                }
                list.bytes_left -= line.len();
                lines.text += &line;
            }
            list.after = Some(folded.into());
        }
        lines.text += "end";
        lines.is_end = true;
        lines
    }

    /// The server that a user is linked to; where that is not known, the one on the way there.
    pub(crate) fn server_of_user(&self, host: &Host) -> HostId {
        let directory = self.network.directory();
        let is_server = |id: &HostId| {
            *id == self.config.id
                || directory
                    .route(*id)
                    .is_some_and(|(kind, _)| kind == HostKind::Server)
        };
        let neighbour = self.network.neighbours().find(host.first_link());
        let home = host.details().home.filter(is_server);
        let towards = neighbour.map(|neighbour| neighbour.host).filter(is_server);
        home.or(towards).unwrap_or(self.config.id)
    }
}
