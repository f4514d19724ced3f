//! The messages from one client to another: numbered when they are sent, and checked when they
//! arrive.

use crc_wire::{ClientChat, HostId, Kind, Message, Text, truncate_utf8};

/// The number of digits of a message's number, and the minimum size of a message.
pub(crate) const DIGITS: usize = 16;
/// The maximum size of a message: a server's default limit.
pub(crate) const SIZE_MAX: usize = 64 * 1024;
/// The position of the number in a frame.
const NUMBER: core::ops::Range<usize> =
    Kind::ClientChat.fixed_len()..Kind::ClientChat.fixed_len() + DIGITS;

/// A violation of what a network guarantees.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    #[error(
        "client {source_id} to client {destination}: message {arrived} arrived instead of message \
         {expected}: the messages between them are lost or reordered"
    )]
    Skipped {
        source_id: HostId,
        destination: HostId,
        expected: u64,
        arrived: u64,
    },
    #[error(
        "client {source_id} to client {destination}: message {arrived} arrived instead of message \
         {expected}: it is duplicated or reordered"
    )]
    Repeated {
        source_id: HostId,
        destination: HostId,
        expected: u64,
        arrived: u64,
    },
    #[error(
        "client {source_id} to client {destination}: an altered message arrived instead of message \
         {expected}: {text:?}"
    )]
    Altered {
        source_id: HostId,
        destination: HostId,
        expected: u64,
        text: String,
    },
    #[error("client {receiver} received a message from client {source_id} to another client")]
    Misdelivered { source_id: HostId, receiver: HostId },
    #[error(
        "{count} messages did not arrive; the first is message {expected} from client {source_id} \
         to client {destination}"
    )]
    Missing {
        source_id: HostId,
        destination: HostId,
        expected: u64,
        count: u64,
    },
    #[error("the server rejected a message from client {source_id}: {text:?}")]
    Rejected { source_id: HostId, text: String },
    #[error("client {receiver} received two announcements of client {of}")]
    AnnouncedTwice { receiver: HostId, of: HostId },
    #[error("client {receiver} received a quit of client {of}, which it did not know")]
    UnknownQuit { receiver: HostId, of: HostId },
    #[error("{count} announcements did not arrive; client {receiver} does not know client {of}")]
    NotAnnounced {
        receiver: HostId,
        of: HostId,
        count: u64,
    },
}

/// The messages from one client to another.
#[derive(Debug)]
pub(crate) struct Flow {
    source: HostId,
    destination: HostId,
    /// How many messages have been sent. The next one has this number.
    sent: u64,
    /// How many messages have arrived. The expected one has this number.
    received: u64,
    /// The next frame to send.
    next: Box<[u8]>,
    /// The frame that is expected.
    expected: Box<[u8]>,
}

impl Flow {
    /// A flow of messages with `size` bytes of text, at least [`DIGITS`].
    pub(crate) fn new(source: HostId, destination: HostId, size: usize) -> Flow {
        let size = size.clamp(DIGITS, SIZE_MAX);
        let filling = "abcdefghijklmnopqrstuvwxyz".chars().cycle();
        let text: String = core::iter::repeat_n('0', DIGITS)
            .chain(filling)
            .take(size)
            .collect();
        let chat = Message::ClientChat(ClientChat {
            source,
            destination: Some(destination),
            text: Text::truncated(&text),
        });
        let frame = chat.to_vec().into_boxed_slice();
        Flow {
            source,
            destination,
            sent: 0,
            received: 0,
            next: frame.clone(),
            expected: frame,
        }
    }

    /// The sender.
    #[inline]
    pub(crate) fn source(&self) -> HostId {
        self.source
    }

    /// The receiver.
    #[inline]
    pub(crate) fn destination(&self) -> HostId {
        self.destination
    }

    /// The length of each frame.
    pub(crate) fn frame_len(&self) -> usize {
        self.next.len()
    }

    /// How many messages are in flight.
    pub(crate) fn in_flight(&self) -> u64 {
        self.sent.saturating_sub(self.received)
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Appends the next frame to `out`.
    #[inline]
    pub(crate) fn push_next(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.next);
        self.sent += 1;
        count_up(&mut self.next);
    }

    /// Checks a frame that arrived.
    #[inline]
    pub(crate) fn check_arrival(&mut self, frame: &[u8]) -> Result<(), Violation> {
        if frame != &*self.expected {
            return Err(self.violation(frame));
        }
        self.received += 1;
        count_up(&mut self.expected);
        Ok(())
    }

    /// The violation that `count` messages of all flows, this flow's first, did not arrive.
    pub(crate) fn missing(&self, count: u64) -> Violation {
        Violation::Missing {
            source_id: self.source,
            destination: self.destination,
            expected: self.received,
            count,
        }
    }

    #[cold]
    fn violation(&self, frame: &[u8]) -> Violation {
        let (source_id, destination, expected) = (self.source, self.destination, self.received);
        // A frame that is correct except for its number is another message of the flow.
        let mut numbered = self.expected.clone();
        let number = frame.get(NUMBER).unwrap_or_default();
        if let Some(place) = numbered.get_mut(NUMBER)
            && place.len() == number.len()
        {
            place.copy_from_slice(number);
        }
        let arrived = core::str::from_utf8(number)
            .ok()
            .and_then(|number| number.parse().ok());
        match arrived {
            Some(arrived) if *numbered == *frame && arrived < self.sent => {
                if arrived > expected {
                    Violation::Skipped {
                        source_id,
                        destination,
                        expected,
                        arrived,
                    }
                } else {
                    Violation::Repeated {
                        source_id,
                        destination,
                        expected,
                        arrived,
                    }
                }
            }
            _ => {
                let text = frame
                    .get(Kind::ClientChat.fixed_len()..)
                    .unwrap_or_default();
                let text = String::from_utf8_lossy(text);
                Violation::Altered {
                    source_id,
                    destination,
                    expected,
                    text: truncate_utf8(&text, 80).to_owned(),
                }
            }
        }
    }
}

/// Increments the number in a frame.
#[inline]
fn count_up(frame: &mut [u8]) {
    let digits = frame.get_mut(NUMBER).unwrap_or_default();
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(size: usize) -> Flow {
        Flow::new(HostId::new(7).unwrap(), HostId::new(8).unwrap(), size)
    }

    fn sent(flow: &mut Flow, count: usize) -> Vec<Vec<u8>> {
        let push = |_| {
            let mut frame = Vec::new();
            flow.push_next(&mut frame);
            frame
        };
        (0..count).map(push).collect()
    }

    #[test]
    fn unchanged_messages_are_accepted() {
        for size in [16, 17, 64, SIZE_MAX] {
            let mut flow = flow(size);
            for (number, frame) in (0_u64..).zip(sent(&mut flow, 1101)) {
                let message = Message::parse(&frame).unwrap();
                let Message::ClientChat(chat) = message else {
                    panic!("{message:?}");
                };
                assert_eq!(chat.text.as_str().len(), size);
                assert_eq!(chat.text.as_str()[..16], format!("{number:016}"));
                flow.check_arrival(&frame).unwrap();
            }
            assert_eq!(
                (flow.sent(), flow.received(), flow.in_flight()),
                (1101, 1101, 0)
            );
        }
    }

    #[test]
    fn a_lost_message_is_detected() {
        let mut flow = flow(64);
        let frames = sent(&mut flow, 3);
        flow.check_arrival(&frames[0]).unwrap();
        let violation = flow.check_arrival(&frames[2]).unwrap_err();
        assert!(
            matches!(
                violation,
                Violation::Skipped {
                    expected: 1,
                    arrived: 2,
                    ..
                }
            ),
            "{violation}"
        );
        // Also at the end of a run.
        assert_eq!(flow.in_flight(), 2);
        assert!(matches!(
            flow.missing(2),
            Violation::Missing {
                expected: 1,
                count: 2,
                ..
            }
        ));
    }

    #[test]
    fn a_duplicate_is_detected() {
        let mut flow = flow(64);
        let frames = sent(&mut flow, 3);
        flow.check_arrival(&frames[0]).unwrap();
        flow.check_arrival(&frames[1]).unwrap();
        let violation = flow.check_arrival(&frames[1]).unwrap_err();
        assert!(
            matches!(
                violation,
                Violation::Repeated {
                    expected: 2,
                    arrived: 1,
                    ..
                }
            ),
            "{violation}"
        );
        // Also when no message is in flight.
        flow.check_arrival(&frames[2]).unwrap();
        let violation = flow.check_arrival(&frames[2]).unwrap_err();
        assert!(
            matches!(
                violation,
                Violation::Repeated {
                    expected: 3,
                    arrived: 2,
                    ..
                }
            ),
            "{violation}"
        );
    }

    #[test]
    fn a_swap_is_detected() {
        let mut flow = flow(16);
        let frames = sent(&mut flow, 12);
        for frame in &frames[..9] {
            flow.check_arrival(frame).unwrap();
        }
        let violation = flow.check_arrival(&frames[10]).unwrap_err();
        assert!(
            matches!(
                violation,
                Violation::Skipped {
                    expected: 9,
                    arrived: 10,
                    ..
                }
            ),
            "{violation}"
        );
    }

    #[test]
    fn an_altered_message_is_detected() {
        let mut flow = flow(32);
        let frames = sent(&mut flow, 1);
        for at in 13..frames[0].len() {
            let mut frame = frames[0].clone();
            frame[at] ^= 1;
            let violation = flow.check_arrival(&frame).unwrap_err();
            // A number that was never sent is not another message.
            assert!(
                matches!(violation, Violation::Altered { expected: 0, .. }),
                "{at}: {violation}"
            );
        }
        let mut shorter = frames[0].clone();
        shorter.pop();
        assert!(flow.check_arrival(&shorter).is_err());
        assert!(flow.check_arrival(&[]).is_err());
        flow.check_arrival(&frames[0]).unwrap();
    }
}
