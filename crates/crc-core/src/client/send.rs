//! What the client sends: registrations, the queued messages, the quit.

use crc_machine::{LinkId, Timestamp};
use crc_wire::{
    ChannelName, ChannelRequest, ClientChat, ClientQuit, HostId, Info, Message, Name, Registration,
    RequestKind, StatusCode, Text,
};

use super::channels::{JoinRequest, Rejoin};
use super::outgoing::{ChannelCommand, Outgoing, join_request};
use super::{Client, ClientNotice, ClientSendError, Out, UserRequest, notify_not_sent, v1_server};
use crate::names::ascii_name;

impl Client {
    /// Sends the queued messages that the server may be sent by now, and the quit
    /// behind them.
    pub(super) fn flush_queue(&mut self, now: Timestamp, out: &mut Out) {
        self.rejoin_channels(out);
        let mut already_joined = Vec::new();
        while let Some(session) = self.connection.session()
            && session.is_settled()
            && session.may_send(now)
            && let Some(message) = self.outgoing.pop()
        {
            match message {
                Outgoing::Chat { to, text } => self.send_chat(now, to, text, out),
                Outgoing::Notice { to, text } => self.send_notice(now, to, text, out),
                Outgoing::Request {
                    request,
                    about,
                    text,
                } => self.send_request(request, about, &text, out),
                Outgoing::Channel { channel, command } => {
                    already_joined.extend(self.send_channel_command(channel, command, out));
                }
            }
        }
        self.send_quit(now, out);
        for channel in already_joined {
            self.notify_entered(channel.as_str(), false, out);
        }
    }

    fn send_chat(&mut self, now: Timestamp, to: HostId, text: String, out: &mut Out) {
        let source = self.id();
        let Some(session) = self.connection.session_mut() else {
            return;
        };
        let text = if session.is_v2() {
            text
        } else {
            match v1_server::chat_text(&text) {
                Ok(text) => text,
                Err(why) => {
                    out.notice(ClientNotice::NotSent { to, why });
                    return;
                }
            }
        };
        let chat = Message::ClientChat(ClientChat {
            source,
            destination: Some(to),
            text: Text::truncated(&text),
        });
        send(session.link(), &chat, out);
        session.on_frame_sent(now);
    }

    /// Sends a notice. A server that does not know notices gets a chat.
    fn send_notice(&mut self, now: Timestamp, to: HostId, text: String, out: &mut Out) {
        let Some(session) = self.connection.session() else {
            return;
        };
        if !session.has_channels() {
            return self.send_chat(now, to, text, out);
        }
        let notice = Message::ChannelRequest(ChannelRequest {
            source: self.id(),
            destination: Some(to),
            kind: RequestKind::NOTICE,
            channel: None,
            text: Text::truncated(&text),
        });
        send(session.link(), &notice, out);
    }

    /// Sends a request about this client or another one, or reports why not.
    fn send_request(&self, request: UserRequest, about: Option<HostId>, text: &str, out: &mut Out) {
        let session = self.connection.session();
        let Some(session) = session.filter(|session| session.has_people()) else {
            let why = ClientSendError::Unsupported;
            return out.notice(ClientNotice::RequestNotSent { request, why });
        };
        let message = Message::ChannelRequest(ChannelRequest {
            source: self.id(),
            destination: about,
            kind: request.kind(),
            channel: None,
            text: Text::truncated(text),
        });
        send(session.link(), &message, out);
    }

    /// Sends a channel command, or reports why not. Returns the channel instead when
    /// the command is to join a channel that the client is in or is joining.
    fn send_channel_command(
        &mut self,
        channel: ChannelName<'static>,
        command: ChannelCommand,
        out: &mut Out,
    ) -> Option<ChannelName<'static>> {
        let session = self.connection.session()?;
        let (link, name) = (session.link(), channel.as_str());
        if !session.has_channels() {
            let why = ClientSendError::ChannelsUnsupported;
            notify_not_sent([Outgoing::Channel { channel, command }], why, out);
            return None;
        }
        match &command {
            ChannelCommand::Join { key } => match self.channels.request(name, key) {
                JoinRequest::Send => {}
                JoinRequest::Pending | JoinRequest::AlreadyJoined => return Some(channel),
                JoinRequest::TooMany => {
                    let why = ClientSendError::TooManyChannels;
                    notify_not_sent([Outgoing::Channel { channel, command }], why, out);
                    return None;
                }
            },
            ChannelCommand::Part { .. } => self.channels.set_leaving(name),
            _ => {}
        }
        send(link, &command.to_message(self.id(), &channel), out);
        None
    }

    /// Sends the quit, if the user has quit and no other message waits.
    fn send_quit(&mut self, now: Timestamp, out: &mut Out) {
        let source = self.id();
        let Some(session) = self.connection.session_mut() else {
            return;
        };
        if session.is_welcomed()
            && session.may_send(now)
            && let Some(text) = self.outgoing.pop_quit()
        {
            let text = if session.is_v2() {
                text
            } else {
                v1_server::quit_text(&text)
            };
            let quit = Message::ClientQuit(ClientQuit {
                source,
                text: Text::truncated(&text),
            });
            send(session.link(), &quit, out);
            session.on_quit_sent(now);
        }
    }

    /// Joins the channels of the last session again, as soon as it is known that the
    /// server supports channels.
    pub(super) fn rejoin_channels(&mut self, out: &mut Out) {
        if self.outgoing.has_only_quit() {
            return;
        }
        let Some(session) = self.connection.session() else {
            return;
        };
        if !session.is_settled() {
            return;
        }
        match self.channels.rejoin(session.has_channels()) {
            Rejoin::Done => {}
            Rejoin::Request(channels) => {
                if !self.away.is_empty() {
                    self.send_request(UserRequest::SetAway, None, &self.away.clone(), out);
                }
                for (name, key) in channels {
                    if let Ok(channel) = ChannelName::new(&*name) {
                        send(session.link(), &join_request(self.id(), channel, &key), out);
                    }
                }
            }
            Rejoin::Unsupported(channels) => {
                for channel in channels {
                    out.notice(ClientNotice::ChannelNotSent {
                        channel: channel.into(),
                        why: ClientSendError::ChannelsUnsupported,
                    });
                }
            }
        }
    }

    /// Sends a command for the server itself, if it takes such.
    pub(super) fn send_command(&self, line: &str, out: &mut Out) {
        let session = self.connection.session();
        let takes = session.filter(|it| it.features().is_some_and(|features| features.oper));
        match takes {
            Some(session) => {
                let request = Message::ChannelRequest(ChannelRequest {
                    source: self.id(),
                    destination: None,
                    kind: RequestKind::COMMAND,
                    channel: None,
                    text: Text::truncated(line),
                });
                send(session.link(), &request, out);
            }
            None => out.notice(ClientNotice::Status {
                source: None,
                code: StatusCode::NOTE,
                text: "this server takes no commands, or is not connected".to_owned(),
            }),
        }
    }

    /// Asks the server whether it is there.
    pub(super) fn ping(&self, link: LinkId, out: &mut Out) {
        let request = Message::ChannelRequest(ChannelRequest {
            source: self.id(),
            destination: None,
            kind: RequestKind::PING,
            channel: None,
            text: Text::default(),
        });
        send(link, &request, out);
    }

    /// Sends the registration, or the announcement, which is the same with a longer
    /// info.
    pub(super) fn register(&self, link: LinkId, info: &str, out: &mut Out) {
        let name = ascii_name(&self.config.name);
        let registration = Message::ClientRegistration(Registration {
            source: self.id(),
            last_hop: None,
            name: Name::truncated(&name),
            info: Info::truncated(info),
        });
        send(link, &registration, out);
    }
}

fn send(link: LinkId, message: &Message<'_>, out: &mut Out) {
    let frame = out.store(|arena| message.encode(arena));
    out.send_stored(link, frame);
}
