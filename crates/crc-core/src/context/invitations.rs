//! Invitations to channels, in every protocol: the members may learn of them.

use crc_machine::LinkId;
use crc_wire::{ChannelRequest, HostId, Message, RequestKind, Text};

use super::{Context, Out};
use crate::crc::channel::channel_name;
use crate::{crc, irc, work};

impl Context {
    /// A host of this server invites another one to a channel, as it may: tells the members,
    /// and then the server of the host that is invited, so that no server learns of a member
    /// before it learns of the invitation.
    pub(crate) fn invite(&mut self, request: &ChannelRequest<'_>, out: &mut Out) {
        if let (Some(invited), Some(name)) = (request.destination, &request.channel) {
            self.publish_invitation((request.source, invited), name.as_str(), None, out);
        }
        self.channel_request(request, out);
    }

    /// Another server says that a host behind it has invited a client to a channel.
    pub(crate) fn on_invitation(
        &mut self,
        request: &ChannelRequest<'_>,
        from: LinkId,
        out: &mut Out,
    ) {
        let invited = request.text.as_str().parse().ok().and_then(HostId::new);
        let invited = invited.filter(|id| self.network.is_client(*id));
        let (Some(invited), Some(name)) = (invited, &request.channel) else {
            self.counters.dropped += 1;
            return;
        };
        let (source, name) = (request.source, name.as_str());
        if self.network.may_invite(source, invited, name).is_err() {
            self.counters.dropped += 1;
            return;
        }
        self.publish_invitation((source, invited), name, Some(from), out);
    }

    /// Tells users of this server and the servers behind which members are that one host has
    /// invited another one, but not `from`.
    fn publish_invitation(
        &mut self,
        (source, invited): (HostId, HostId),
        name: &str,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        let Some(channel) = self.network.channels().find(name) else {
            return;
        };
        self.work.charge(work::LINK * channel.links_len() as u64);
        irc::on_others_invited(self, source, invited, channel, out);
        let name = channel.name().to_owned();
        let links = channel.links().filter(|link| Some(*link) != from);
        let links: Vec<_> = links
            .filter(|link| self.learns_invitations(*link))
            .collect();
        let id = invited.to_string();
        let statement = ChannelRequest {
            source,
            destination: None,
            kind: RequestKind::INVITED,
            channel: Some(channel_name(&name)),
            text: Text::truncated(&id),
        };
        let mut frame = None;
        for link in links {
            if self.admit_chat(link, source, &name, statement.text.as_str().len(), out) {
                let frame = *frame.get_or_insert_with(|| {
                    out.store(|arena| Message::ChannelRequest(statement.clone()).encode(arena))
                });
                self.deliver(link, frame, out);
            }
        }
    }

    /// Whether the peer of a link is a server that learns of invitations. While its burst is
    /// under way, it may not know who they are about.
    fn learns_invitations(&self, link: LinkId) -> bool {
        !self.bursting.contains(&link) && crc::channel::takes_people(self, link)
    }
}
