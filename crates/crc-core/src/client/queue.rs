//! What waits to be said: chats that may not go out yet, in order, within a
//! bound. When they may is decided elsewhere.

use std::collections::VecDeque;

use crc_wire::HostId;

/// What one more chat costs beside its text, roughly.
const ENTRY_BYTES: usize = 48;

/// Something to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Saying {
    pub(super) to: HostId,
    pub(super) text: String,
}

/// The chats that wait, next first.
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

    /// Puts a chat at the end; hands it back if there is no room.
    pub(super) fn push(&mut self, saying: Saying) -> Result<(), Saying> {
        if self.bytes + cost(&saying) > self.bytes_max {
            return Err(saying);
        }
        self.bytes += cost(&saying);
        self.waiting.push_back(saying);
        Ok(())
    }

    /// Puts chats that have been taken out, but not been sent, to the front
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
    ENTRY_BYTES + saying.text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saying(text: &str) -> Saying {
        Saying {
            to: HostId::new(1).unwrap(),
            text: text.to_owned(),
        }
    }

    fn texts(queue: &mut Queue) -> Vec<String> {
        core::iter::from_fn(|| queue.pop().map(|saying| saying.text)).collect()
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
    fn what_is_put_back_comes_first() {
        let mut queue = Queue::new(3 * ENTRY_BYTES + 3);
        queue.push(saying("c")).unwrap();
        let again = vec![saying("a"), saying("b"), saying("x")];
        assert_eq!(queue.put_back(again), [saying("x")]);
        assert_eq!(texts(&mut queue), ["a", "b", "c"]);
    }
}
