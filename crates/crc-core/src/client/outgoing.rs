//! The outgoing queue: chats and channel commands that may not be sent yet, in order
//! and within a limit, and the quit that ends them.
//!
//! The queue also recovers the messages that a lost connection has not sent. When a
//! message may be sent is not decided here.

use std::collections::VecDeque;

use crc_machine::Unsent;
use crc_wire::{
    ChannelChat, ChannelField, ChannelName, ChannelPart, ChannelRequest, ChannelSetting, ChatKind,
    ClientChat, Frame, FrameLimits, HostId, Message, RequestKind, Text,
};

use super::UserRequest;

/// The memory of one entry besides its texts, roughly.
const ENTRY_BYTES: usize = 64;

/// One queued message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outgoing {
    /// A chat to a client.
    Chat { to: HostId, text: String },
    /// A notice to a client.
    Notice { to: HostId, text: String },
    /// A command about a channel.
    Channel {
        channel: ChannelName<'static>,
        command: ChannelCommand,
    },
    /// A request about this client, or about another one.
    Request {
        request: UserRequest,
        about: Option<HostId>,
        text: String,
    },
}

/// A command about a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ChannelCommand {
    Join {
        key: String,
    },
    Part {
        text: String,
    },
    Chat {
        kind: ChatKind,
        text: String,
    },
    Set {
        field: ChannelField,
        value: String,
    },
    /// Something about another client.
    Request {
        kind: RequestKind,
        client: HostId,
        text: String,
    },
    Names,
}

impl Outgoing {
    pub(super) fn text(&self) -> &str {
        match self {
            Outgoing::Chat { text, .. }
            | Outgoing::Notice { text, .. }
            | Outgoing::Request { text, .. } => text,
            Outgoing::Channel { command, .. } => match command {
                ChannelCommand::Join { key: text }
                | ChannelCommand::Part { text }
                | ChannelCommand::Chat { text, .. }
                | ChannelCommand::Set { value: text, .. }
                | ChannelCommand::Request { text, .. } => text,
                ChannelCommand::Names => "",
            },
        }
    }

    fn bytes(&self) -> usize {
        let channel = match self {
            Outgoing::Chat { .. } | Outgoing::Notice { .. } | Outgoing::Request { .. } => 0,
            Outgoing::Channel { channel, .. } => channel.as_str().len(),
        };
        ENTRY_BYTES + channel + self.text().len()
    }

    /// The queued message that a sent frame came from; `None` for registrations and
    /// quits.
    fn from_message(message: Message<'_>) -> Option<Self> {
        let (channel, command) = match message {
            Message::ClientChat(ClientChat {
                destination, text, ..
            }) => {
                let (to, text) = (destination?, text.into_string());
                return Some(Outgoing::Chat { to, text });
            }
            Message::ChannelPart(part) => {
                let text = part.text.into_string();
                (part.channel, ChannelCommand::Part { text })
            }
            Message::ChannelChat(chat) => {
                let (kind, text) = (chat.kind, chat.text.into_string());
                (chat.channel, ChannelCommand::Chat { kind, text })
            }
            Message::ChannelSetting(setting) => {
                let (field, value) = (setting.field, setting.value.into_string());
                (setting.channel, ChannelCommand::Set { field, value })
            }
            Message::ChannelRequest(request) => {
                let (kind, text) = (request.kind, request.text.into_string());
                if let Some(known) = UserRequest::of_kind(kind) {
                    return Some(Outgoing::Request {
                        request: known,
                        about: request.destination,
                        text,
                    });
                }
                let command = match (kind, request.destination) {
                    (RequestKind::NOTICE, Some(to)) => return Some(Outgoing::Notice { to, text }),
                    (_, Some(client)) => ChannelCommand::Request { kind, client, text },
                    (RequestKind::JOIN, None) => ChannelCommand::Join { key: text },
                    (RequestKind::NAMES, None) => ChannelCommand::Names,
                    (_, None) => return None,
                };
                (request.channel?, command)
            }
            _ => return None,
        };
        let channel = channel.into_owned();
        Some(Outgoing::Channel { channel, command })
    }
}

impl ChannelCommand {
    /// The message that asks the server for this.
    pub(super) fn to_message<'a>(
        &'a self,
        source: HostId,
        channel: &'a ChannelName<'_>,
    ) -> Message<'a> {
        let channel = channel.borrowed();
        match self {
            ChannelCommand::Join { key } => join_request(source, channel, key),
            ChannelCommand::Part { text } => Message::ChannelPart(ChannelPart {
                source,
                by: None,
                channel,
                text: Text::truncated(text),
            }),
            ChannelCommand::Chat { kind, text } => Message::ChannelChat(ChannelChat {
                source,
                kind: *kind,
                channel,
                text: Text::truncated(text),
            }),
            ChannelCommand::Set { field, value } => Message::ChannelSetting(ChannelSetting {
                source: Some(source),
                version: 0,
                field: *field,
                channel,
                value: Text::truncated(value),
            }),
            ChannelCommand::Request { kind, client, text } => {
                Message::ChannelRequest(ChannelRequest {
                    source,
                    destination: Some(*client),
                    kind: *kind,
                    channel: Some(channel),
                    text: Text::truncated(text),
                })
            }
            ChannelCommand::Names => Message::ChannelRequest(ChannelRequest {
                source,
                destination: None,
                kind: RequestKind::NAMES,
                channel: Some(channel),
                text: Text::default(),
            }),
        }
    }
}

/// The message that asks the server to let `source` join a channel.
pub(super) fn join_request<'a>(
    source: HostId,
    channel: ChannelName<'a>,
    key: &'a str,
) -> Message<'a> {
    Message::ChannelRequest(ChannelRequest {
        source,
        destination: None,
        kind: RequestKind::JOIN,
        channel: Some(channel),
        text: Text::truncated(key),
    })
}

/// The messages in the frames that a lost connection has not written completely, and
/// that the server therefore has not received; and whether the first one was written in
/// part.
pub(super) fn unsent_messages(unsent: Unsent<'_>) -> (Vec<Outgoing>, bool) {
    let mut messages = Vec::new();
    let mut is_begun = false;
    let mut rest = unsent.bytes;
    let position = |rest: &[u8]| unsent.bytes.len() - rest.len();
    loop {
        let start = position(rest);
        let Ok(Some(frame)) = Frame::take(&mut rest, FrameLimits::WIRE) else {
            return (messages, is_begun);
        };
        if position(rest) <= unsent.written {
            continue;
        }
        let message = frame.message().ok().and_then(Outgoing::from_message);
        is_begun |= message.is_some() && start < unsent.written;
        messages.extend(message);
    }
}

/// The messages that wait, next first, and the quit behind them.
#[derive(Debug)]
pub(super) struct OutgoingQueue {
    waiting: VecDeque<Outgoing>,
    bytes: usize,
    bytes_max: usize,
    /// The quit message, from the user's command until it is sent.
    quit: Option<String>,
}

impl OutgoingQueue {
    pub(super) const fn new(bytes_max: usize) -> Self {
        OutgoingQueue {
            waiting: VecDeque::new(),
            bytes: 0,
            bytes_max,
            quit: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether neither a message nor the quit waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.quit.is_none()
    }

    /// Appends a message, or returns it if it exceeds the limit.
    pub(super) fn push(&mut self, message: Outgoing) -> Result<(), Outgoing> {
        let bytes = message.bytes();
        if self.bytes + bytes > self.bytes_max {
            return Err(message);
        }
        self.bytes += bytes;
        self.waiting.push_back(message);
        Ok(())
    }

    /// Puts messages that were taken out and not sent to the front again. Returns the
    /// last ones, if they exceed the limit.
    pub(super) fn put_back(&mut self, mut messages: Vec<Outgoing>) -> Vec<Outgoing> {
        let room = self.bytes_max.saturating_sub(self.bytes);
        let sums = messages.iter().scan(0, |sum, message| {
            *sum += message.bytes();
            Some(*sum)
        });
        let fitting = sums.take_while(|&sum| sum <= room).count();
        let left_over = messages.split_off(fitting);
        for message in messages.into_iter().rev() {
            self.bytes += message.bytes();
            self.waiting.push_front(message);
        }
        left_over
    }

    /// Takes the next message out.
    pub(super) fn pop(&mut self) -> Option<Outgoing> {
        let message = self.waiting.pop_front()?;
        self.bytes -= message.bytes();
        Some(message)
    }

    /// Takes all messages out, but not the quit.
    pub(super) fn drain(&mut self) -> Vec<Outgoing> {
        self.bytes = 0;
        self.waiting.drain(..).collect()
    }

    /// The user quits.
    pub(super) fn set_quit(&mut self, text: String) {
        self.quit = Some(text);
    }

    /// Whether the user has quit and the quit is not sent yet.
    pub(super) fn is_quitting(&self) -> bool {
        self.quit.is_some()
    }

    /// Whether only the quit waits.
    pub(super) fn has_only_quit(&self) -> bool {
        self.quit.is_some() && self.waiting.is_empty()
    }

    /// Takes the quit message out, if no other message waits.
    pub(super) fn pop_quit(&mut self) -> Option<String> {
        if self.waiting.is_empty() {
            self.quit.take()
        } else {
            None
        }
    }

    /// Forgets the quit.
    pub(super) fn clear_quit(&mut self) {
        self.quit = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(text: &str) -> Outgoing {
        Outgoing::Chat {
            to: HostId::new(1).unwrap(),
            text: text.to_owned(),
        }
    }

    fn texts(queue: &mut OutgoingQueue) -> Vec<String> {
        core::iter::from_fn(|| queue.pop().map(|message| message.text().to_owned())).collect()
    }

    #[test]
    fn push_refuses_a_message_beyond_the_limit() {
        let mut queue = OutgoingQueue::new(2 * ENTRY_BYTES + 3);
        assert_eq!(queue.push(chat("a")), Ok(()));
        assert_eq!(queue.push(chat("bb")), Ok(()));
        assert_eq!(queue.push(chat("")), Err(chat("")));
        assert_eq!(queue.len(), 2);
        assert_eq!(texts(&mut queue), ["a", "bb"]);
        assert_eq!(queue.bytes, 0);
    }

    #[test]
    fn channel_commands_count_their_texts() {
        let channel = ChannelName::new("#reef").unwrap();
        for (command, bytes) in [
            (ChannelCommand::Names, 0),
            (ChannelCommand::Join { key: "k".into() }, 1),
            (ChannelCommand::Part { text: "ab".into() }, 2),
            (
                ChannelCommand::Chat {
                    kind: ChatKind::Notice,
                    text: "abc".into(),
                },
                3,
            ),
            (
                ChannelCommand::Set {
                    field: ChannelField::TOPIC,
                    value: "abcd".into(),
                },
                4,
            ),
        ] {
            let channel = channel.clone();
            let message = Outgoing::Channel { channel, command };
            let mut queue = OutgoingQueue::new(ENTRY_BYTES + "#reef".len() + bytes - 1);
            assert_eq!(queue.push(message.clone()), Err(message.clone()));
            queue.bytes_max += 1;
            assert_eq!(queue.push(message.clone()), Ok(()));
            assert_eq!(queue.pop(), Some(message));
            assert_eq!(queue.bytes, 0);
        }
    }

    #[test]
    fn put_back_messages_come_first() {
        let mut queue = OutgoingQueue::new(3 * ENTRY_BYTES + 3);
        queue.push(chat("c")).unwrap();
        let unsent = vec![chat("a"), chat("b"), chat("x")];
        assert_eq!(queue.put_back(unsent), [chat("x")]);
        assert_eq!(texts(&mut queue), ["a", "b", "c"]);
    }

    #[test]
    fn the_quit_waits_for_the_messages() {
        let mut queue = OutgoingQueue::new(1024);
        queue.push(chat("a")).unwrap();
        queue.set_quit("bye".to_owned());
        assert!(queue.is_quitting() && !queue.has_only_quit());
        assert_eq!(queue.pop_quit(), None);
        assert_eq!(queue.drain(), [chat("a")]);
        assert!(queue.has_only_quit() && !queue.is_empty());
        assert_eq!(queue.pop_quit().as_deref(), Some("bye"));
        assert!(queue.is_empty() && !queue.is_quitting());
    }
}
