//! What waits to be sent: chats and wishes that may not go out yet, in order,
//! within a bound. When they may is decided elsewhere.

use std::collections::VecDeque;

use crc_wire::{ChannelName, HostId};

/// What one more entry costs beside its texts, roughly.
const ENTRY_BYTES: usize = 64;

/// Something to be said or asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Saying {
    /// Say something to a client.
    To { to: HostId, text: String },
    /// Something about a channel.
    Channel {
        channel: ChannelName<'static>,
        wish: Wish,
    },
}

/// What somebody wants of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    Join { key: String },
    Part { text: String },
    Say { text: String },
    SetTopic { topic: String },
    Names,
}

impl Saying {
    pub(super) fn text(&self) -> &str {
        match self {
            Saying::To { text, .. } => text,
            Saying::Channel { wish, .. } => match wish {
                Wish::Join { key: text }
                | Wish::Part { text }
                | Wish::Say { text }
                | Wish::SetTopic { topic: text } => text,
                Wish::Names => "",
            },
        }
    }
}

/// What waits, next first.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: VecDeque<Saying>,
    bytes: usize,
    bytes_max: usize,
}

impl Queue {
    pub(super) const fn new(bytes_max: usize) -> Self {
        Queue {
            waiting: VecDeque::new(),
            bytes: 0,
            bytes_max,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Puts one at the end; hands it back if there is no room.
    pub(super) fn push(&mut self, saying: Saying) -> Result<(), Saying> {
        if self.bytes + cost(&saying) > self.bytes_max {
            return Err(saying);
        }
        self.bytes += cost(&saying);
        self.waiting.push_back(saying);
        Ok(())
    }

    /// Puts those that have been taken out, but not been sent, to the front
    /// again. Hands back those at the end for which there is no room.
    pub(super) fn put_back(&mut self, mut sayings: Vec<Saying>) -> Vec<Saying> {
        let room = self.bytes_max.saturating_sub(self.bytes);
        let fitting = sayings.iter().scan(0, |sum, saying| {
            *sum += cost(saying);
            Some(*sum)
        });
        let fitting = fitting.take_while(|&sum| sum <= room).count();
        let left_over = sayings.split_off(fitting);
        for saying in sayings.into_iter().rev() {
            self.bytes += cost(&saying);
            self.waiting.push_front(saying);
        }
        left_over
    }

    pub(super) fn pop(&mut self) -> Option<Saying> {
        let saying = self.waiting.pop_front()?;
        self.bytes -= cost(&saying);
        Some(saying)
    }
}

fn cost(saying: &Saying) -> usize {
    let channel = match saying {
        Saying::To { .. } => 0,
        Saying::Channel { channel, .. } => channel.as_str().len(),
    };
    ENTRY_BYTES + channel + saying.text().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saying(text: &str) -> Saying {
        Saying::To {
            to: HostId::new(1).unwrap(),
            text: text.to_owned(),
        }
    }

    fn texts(queue: &mut Queue) -> Vec<String> {
        core::iter::from_fn(|| queue.pop().map(|saying| saying.text().to_owned())).collect()
    }

    #[test]
    fn holds_so_much_and_no_more() {
        let mut queue = Queue::new(2 * ENTRY_BYTES + 3);
        assert_eq!(queue.push(saying("a")), Ok(()));
        assert_eq!(queue.push(saying("bb")), Ok(()));
        assert_eq!(queue.push(saying("")), Err(saying("")));
        assert_eq!(queue.len(), 2);
        assert_eq!(texts(&mut queue), ["a", "bb"]);
        assert_eq!(queue.bytes, 0);
    }

    #[test]
    fn what_is_wanted_of_channels_has_its_price() {
        let channel = ChannelName::new("#reef").unwrap();
        for (wish, bytes) in [
            (Wish::Names, 0),
            (Wish::Join { key: "k".into() }, 1),
            (Wish::Part { text: "ab".into() }, 2),
            (Wish::Say { text: "abc".into() }, 3),
            (
                Wish::SetTopic {
                    topic: "abcd".into(),
                },
                4,
            ),
        ] {
            let channel = channel.clone();
            let saying = Saying::Channel { channel, wish };
            let mut queue = Queue::new(ENTRY_BYTES + "#reef".len() + bytes - 1);
            assert_eq!(queue.push(saying.clone()), Err(saying.clone()));
            queue.bytes_max += 1;
            assert_eq!(queue.push(saying.clone()), Ok(()));
            assert_eq!(queue.pop(), Some(saying));
            assert_eq!(queue.bytes, 0);
        }
    }

    #[test]
    fn what_is_put_back_comes_first() {
        let mut queue = Queue::new(3 * ENTRY_BYTES + 3);
        queue.push(saying("c")).unwrap();
        let again = vec![saying("a"), saying("b"), saying("x")];
        assert_eq!(queue.put_back(again), [saying("x")]);
        assert_eq!(texts(&mut queue), ["a", "b", "c"]);
    }
}
