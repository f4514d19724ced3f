//! Requests about a host in a channel: the host's own server executes or drops them.

use crc_machine::LinkId;
use crc_wire::{ChannelRequest, Message, RequestKind};

use super::{Context, Out};
use crate::crc;
use crate::network::HostKind;
use crate::order::Order;

impl Context {
    /// Passes a request on towards its destination, or executes it.
    pub(crate) fn channel_request(&mut self, request: &ChannelRequest<'_>, out: &mut Out) {
        let is_question = request.kind == RequestKind::QUESTION;
        if is_question && request.destination == Some(self.config.id) {
            return self.on_question(request, out);
        }
        let Some(host) = request
            .destination
            .and_then(|id| self.network.directory().find(id))
        else {
            self.counters.dropped += 1;
            return;
        };
        // A server answers questions itself, also to the one that it is linked to.
        let is_for_server = is_question && host.kind() == HostKind::Server;
        if self.is_home_of(host) && !is_for_server {
            return self.execute_request(request, out);
        }
        let link = host.first_link();
        self.pass_request(request, link, out);
    }

    /// Passes a request on over the link that leads to its destination.
    pub(super) fn pass_request(
        &mut self,
        request: &ChannelRequest<'_>,
        link: LinkId,
        out: &mut Out,
    ) {
        let Some(id) = request.destination else {
            return;
        };
        if is_for_operators(request.kind) && !crc::channel::takes_operators(self, link) {
            return self.on_unknown_operators(request, out);
        }
        let (to, bytes) = (format!("ID {id}"), request.text.as_str().len());
        if !self.admit_chat(link, request.source, &to, bytes, out) {
            return;
        }
        let found = self.links.find(link);
        if found.is_some_and(|found| !found.takes_text(bytes)) {
            return self.bounce_long(request.source, &to, out);
        }
        if self.bursting.contains(&link) {
            crc::announce::announce_speaker(self, link, request.source, out);
        }
        if crc::channel::takes_channels(self, link) {
            let frame = out.store(|arena| Message::ChannelRequest(request.clone()).encode(arena));
            self.deliver(link, frame, out);
        } else if request.kind == RequestKind::NOTICE {
            // A server that knows no notices gets a chat.
            self.relay_chat_text(request.source, id, request.text.as_str(), out);
        } else {
            self.counters.dropped += 1;
        }
    }

    /// A request of an operator leads to a server that does not know operators.
    fn on_unknown_operators(&mut self, request: &ChannelRequest<'_>, out: &mut Out) {
        self.counters.dropped += 1;
        let Some(id) = request.destination else {
            return;
        };
        let (nick, why) = (self.nick_of(id), "a server on the way knows no operators");
        let text = match (request.kind, Order::parse(request.text.as_str())) {
            (RequestKind::KILL, _) => format!("{nick} can't be killed: {why}"),
            (RequestKind::ORDER, Some(Order::Squit { .. })) => {
                format!("{nick} can't be unlinked: {why}")
            }
            (RequestKind::ORDER, Some(Order::Connect { to })) => {
                format!("{nick} can't be told to CONNECT {to}: {why}")
            }
            _ => return,
        };
        self.note_operator(request.source, &text, out);
    }

    /// Executes a request that concerns a host of this server.
    fn execute_request(&mut self, request: &ChannelRequest<'_>, out: &mut Out) {
        let Some(host) = request.destination else {
            return;
        };
        let source = request.source;
        let name = request.channel.as_ref().map_or("", |name| name.as_str());
        let text = request.text.as_str();
        match request.kind {
            RequestKind::NOTICE => return self.deliver_notice(source, host, text, out),
            RequestKind::KILL => return self.execute_kill(source, host, text, out),
            RequestKind::ANSWER => return self.on_order_answer(source, host, text, out),
            RequestKind::QUESTION => return self.on_question(request, out),
            RequestKind::REPLY => return self.on_question_answered(source, host, text, out),
            RequestKind::NOTE => {
                if let Some(link) = self.operator_link(host) {
                    self.note(link, &format!("*** Notice -- {text}"), out);
                }
                return;
            }
            RequestKind::INVITE => {
                let Ok(flags) = self.network.may_invite(source, host, name) else {
                    self.counters.dropped += 1;
                    return;
                };
                self.network.add_invitation(host, name, flags, self.now);
                let known = self.network.channels().find(name);
                let name = known.map_or(name, |channel| channel.name()).to_owned();
                return self.deliver_invitation(source, host, &name, out);
            }
            _ => {}
        }
        let may = self.network.may_kick(source, name).is_ok();
        let known = self.network.channels().find(name);
        let flags = known.and_then(|channel| channel.member(host));
        let changed = flags.filter(|_| may).and_then(|mut flags| {
            match request.kind {
                RequestKind::OP => flags.operator = true,
                RequestKind::DEOP => flags.operator = false,
                RequestKind::VOICE => flags.voice = true,
                RequestKind::DEVOICE => flags.voice = false,
                _ => return None,
            }
            Some(flags)
        });
        match (request.kind, changed) {
            // A host behind a text server would stay in its channel there, and speak.
            (RequestKind::KICK, _) if may && !self.is_behind_text_server(host) => {
                let name = name.to_owned();
                self.leave_channel(host, Some(source), &name, text, None, out);
            }
            (_, Some(flags)) => {
                self.enter_channel(host, Some(source), flags, name, None, out);
            }
            (_, None) => self.counters.dropped += 1,
        }
    }
}

/// Whether a request is of use only where operators are known.
const fn is_for_operators(kind: RequestKind) -> bool {
    matches!(
        kind,
        RequestKind::KILL | RequestKind::NOTE | RequestKind::ORDER | RequestKind::ANSWER
    )
}
