//! One client's messages to one other: numbered when they are sent, checked
//! when they come. Knows no sockets and no time.

use crc_wire::{ClientChat, HostId, Kind, Message, Text, truncate_utf8};

/// How many digits a message's number has; the least size of a message.
pub(crate) const DIGITS: usize = 16;
/// The longest message: what a server takes unless told otherwise.
pub(crate) const SIZE_MAX: usize = 64 * 1024;
/// Where the number stands in a frame.
const NUMBER: core::ops::Range<usize> =
    Kind::ClientChat.fixed_len()..Kind::ClientChat.fixed_len() + DIGITS;

/// What a network must not do to messages.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Breach {
    #[error(
        "from client {source_id} to client {destination} message {came} came where {due} was due: \
         what is between was lost or overtaken"
    )]
    Skipped {
        source_id: HostId,
        destination: HostId,
        due: u64,
        came: u64,
    },
    #[error(
        "from client {source_id} to client {destination} message {came} came where {due} was due: \
         it was doubled or overtaken"
    )]
    Again {
        source_id: HostId,
        destination: HostId,
        due: u64,
        came: u64,
    },
    #[error(
        "from client {source_id} to client {destination} something came where message {due} was \
         due that was never said: {text:?}"
    )]
    Damaged {
        source_id: HostId,
        destination: HostId,
        due: u64,
        text: String,
    },
    #[error("client {at} got a message from client {source_id} that was not for it")]
    Stray { source_id: HostId, at: HostId },
    #[error(
        "{count} messages have not arrived, the first is message {due} from client {source_id} to \
         client {destination}"
    )]
    Missing {
        source_id: HostId,
        destination: HostId,
        due: u64,
        count: u64,
    },
    #[error("what client {source_id} said was answered: {text:?}")]
    Answered { source_id: HostId, text: String },
    #[error("client {listener} was told twice that client {of} has joined")]
    ToldTwice { listener: HostId, of: HostId },
    #[error("client {listener} was told that client {of} has left, who was not there")]
    LeftUnknown { listener: HostId, of: HostId },
    #[error(
        "{count} announcements have not arrived; client {listener} has not heard of client {of}"
    )]
    Untold {
        listener: HostId,
        of: HostId,
        count: u64,
    },
}

/// The messages from one client to another.
#[derive(Debug)]
pub(crate) struct Flow {
    source: HostId,
    destination: HostId,
    /// How many were sent; the number of the next.
    sent: u64,
    /// How many have come; the number of the one that is due.
    received: u64,
    /// The frame that is sent next.
    next: Box<[u8]>,
    /// The frame that is due.
    due: Box<[u8]>,
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
            due: frame,
        }
    }

    /// Who speaks.
    #[inline]
    pub(crate) fn source(&self) -> HostId {
        self.source
    }

    /// Who listens.
    #[inline]
    pub(crate) fn destination(&self) -> HostId {
        self.destination
    }

    /// How many bytes each frame has.
    pub(crate) fn frame_len(&self) -> usize {
        self.next.len()
    }

    /// How many messages are on their way.
    pub(crate) fn under_way(&self) -> u64 {
        self.sent.saturating_sub(self.received)
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Says the next message.
    #[inline]
    pub(crate) fn say(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.next);
        self.sent += 1;
        count_up(&mut self.next);
    }

    /// Takes a frame from the source that has come to the destination.
    #[inline]
    pub(crate) fn hear(&mut self, frame: &[u8]) -> Result<(), Breach> {
        if frame != &*self.due {
            return Err(self.breach(frame));
        }
        self.received += 1;
        count_up(&mut self.due);
        Ok(())
    }

    /// That something is missing, at the end.
    pub(crate) fn missing(&self, count: u64) -> Breach {
        Breach::Missing {
            source_id: self.source,
            destination: self.destination,
            due: self.received,
            count,
        }
    }

    #[cold]
    fn breach(&self, frame: &[u8]) -> Breach {
        let (source_id, destination, due) = (self.source, self.destination, self.received);
        // What is right but for its number was said once, or will be.
        let mut numbered = self.due.clone();
        let number = frame.get(NUMBER).unwrap_or_default();
        if let Some(place) = numbered.get_mut(NUMBER)
            && place.len() == number.len()
        {
            place.copy_from_slice(number);
        }
        let came = core::str::from_utf8(number)
            .ok()
            .and_then(|number| number.parse().ok());
        match came {
            Some(came) if *numbered == *frame && came < self.sent => {
                if came > due {
                    Breach::Skipped {
                        source_id,
                        destination,
                        due,
                        came,
                    }
                } else {
                    Breach::Again {
                        source_id,
                        destination,
                        due,
                        came,
                    }
                }
            }
            _ => {
                let text = frame
                    .get(Kind::ClientChat.fixed_len()..)
                    .unwrap_or_default();
                let text = String::from_utf8_lossy(text);
                Breach::Damaged {
                    source_id,
                    destination,
                    due,
                    text: truncate_utf8(&text, 80).to_owned(),
                }
            }
        }
    }
}

/// Adds one to the number in a frame.
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

    fn said(flow: &mut Flow, count: usize) -> Vec<Vec<u8>> {
        let say = |_| {
            let mut frame = Vec::new();
            flow.say(&mut frame);
            frame
        };
        (0..count).map(say).collect()
    }

    #[test]
    fn what_arrives_as_it_was_said_is_right() {
        for size in [16, 17, 64, SIZE_MAX] {
            let mut flow = flow(size);
            for (number, frame) in (0_u64..).zip(said(&mut flow, 1101)) {
                let message = Message::parse(&frame).unwrap();
                let Message::ClientChat(chat) = message else {
                    panic!("{message:?}");
                };
                assert_eq!(chat.text.as_str().len(), size);
                assert_eq!(chat.text.as_str()[..16], format!("{number:016}"));
                flow.hear(&frame).unwrap();
            }
            assert_eq!(
                (flow.sent(), flow.received(), flow.under_way()),
                (1101, 1101, 0)
            );
        }
    }

    #[test]
    fn what_is_lost_is_noticed() {
        let mut flow = flow(64);
        let frames = said(&mut flow, 3);
        flow.hear(&frames[0]).unwrap();
        let breach = flow.hear(&frames[2]).unwrap_err();
        assert!(
            matches!(
                breach,
                Breach::Skipped {
                    due: 1,
                    came: 2,
                    ..
                }
            ),
            "{breach}"
        );
        // And at the end.
        assert_eq!(flow.under_way(), 2);
        assert!(matches!(
            flow.missing(2),
            Breach::Missing {
                due: 1,
                count: 2,
                ..
            }
        ));
    }

    #[test]
    fn what_is_doubled_is_noticed() {
        let mut flow = flow(64);
        let frames = said(&mut flow, 3);
        flow.hear(&frames[0]).unwrap();
        flow.hear(&frames[1]).unwrap();
        let breach = flow.hear(&frames[1]).unwrap_err();
        assert!(
            matches!(
                breach,
                Breach::Again {
                    due: 2,
                    came: 1,
                    ..
                }
            ),
            "{breach}"
        );
        // Also when nothing more was sent.
        flow.hear(&frames[2]).unwrap();
        let breach = flow.hear(&frames[2]).unwrap_err();
        assert!(
            matches!(
                breach,
                Breach::Again {
                    due: 3,
                    came: 2,
                    ..
                }
            ),
            "{breach}"
        );
    }

    #[test]
    fn what_is_swapped_is_noticed() {
        let mut flow = flow(16);
        let frames = said(&mut flow, 12);
        for frame in &frames[..9] {
            flow.hear(frame).unwrap();
        }
        let breach = flow.hear(&frames[10]).unwrap_err();
        assert!(
            matches!(
                breach,
                Breach::Skipped {
                    due: 9,
                    came: 10,
                    ..
                }
            ),
            "{breach}"
        );
    }

    #[test]
    fn what_is_damaged_is_noticed() {
        let mut flow = flow(32);
        let frames = said(&mut flow, 1);
        for at in 13..frames[0].len() {
            let mut frame = frames[0].clone();
            frame[at] ^= 1;
            let breach = flow.hear(&frame).unwrap_err();
            // A number that was never said is no other message.
            assert!(
                matches!(breach, Breach::Damaged { due: 0, .. }),
                "{at}: {breach}"
            );
        }
        let mut shorter = frames[0].clone();
        shorter.pop();
        assert!(flow.hear(&shorter).is_err());
        assert!(flow.hear(&[]).is_err());
        flow.hear(&frames[0]).unwrap();
    }
}
