//! The beginning of a message whose end has not come.

use super::grammar::{Found, Input, TOKEN_BYTES_MAX, leading_spaces};

/// What is kept of a stream between two pieces: never more than one message's
/// beginning.
#[derive(Debug, Default)]
pub(crate) struct PartialMessage {
    bytes: Vec<u8>,
}

/// What comes next can't become a message.
pub(crate) struct Invalid;

impl PartialMessage {
    /// Takes the next message of the stream, advancing `input` over the bytes used.
    /// `Ok(None)` says that more bytes are needed; all of `input` is used then.
    pub(crate) fn next<T>(
        &mut self,
        input: &mut &[u8],
        rule: impl Fn(&[u8], Input) -> Found<T>,
    ) -> Result<Option<T>, Invalid> {
        let kept = self.bytes.len();
        if kept == 0 {
            *input = input.get(leading_spaces(input)..).unwrap_or_default();
            if input.is_empty() {
                return Ok(None);
            }
        }
        let room = TOKEN_BYTES_MAX - kept;
        let (near, far) = input.split_at(room.min(input.len()));
        self.bytes.extend_from_slice(near);
        match rule(&self.bytes, Input::Open) {
            Found::Complete(message, len) => {
                self.bytes.clear();
                let used = len.saturating_sub(kept);
                *input = input.get(used..).unwrap_or_default();
                Ok(Some(message))
            }
            Found::Incomplete if far.is_empty() => {
                *input = &[];
                Ok(None)
            }
            Found::Incomplete | Found::Invalid => Err(Invalid),
        }
    }

    /// What is kept, if it is a message by itself.
    pub(crate) fn guess<T>(&self, rule: impl Fn(&[u8], Input) -> Found<T>) -> Option<T> {
        match rule(&self.bytes, Input::Ended) {
            Found::Complete(message, len) if len == self.bytes.len() => Some(message),
            _ => None,
        }
    }

    /// How many bytes are kept.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}
