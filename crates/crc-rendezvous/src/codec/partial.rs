//! The buffer of an incomplete message.

use super::grammar::{Found, Input, TOKEN_BYTES_MAX, leading_spaces};

/// The beginning of one message, whose end has not arrived yet.
#[derive(Debug, Default)]
pub(crate) struct PartialMessage {
    bytes: Vec<u8>,
}

/// The next bytes cannot begin a message.
pub(crate) struct Invalid;

impl PartialMessage {
    /// Decodes the next message and advances `input` behind it. `Ok(None)` means that
    /// more bytes are needed; all of `input` is consumed then.
    pub(crate) fn next<T>(
        &mut self,
        input: &mut &[u8],
        rule: impl Fn(&[u8], Input) -> Found<T>,
    ) -> Result<Option<T>, Invalid> {
        let buffered = self.bytes.len();
        if buffered == 0 {
            *input = input.get(leading_spaces(input)..).unwrap_or_default();
            if input.is_empty() {
                return Ok(None);
            }
        }
        let room = TOKEN_BYTES_MAX - buffered;
        let (near, far) = input.split_at(room.min(input.len()));
        self.bytes.extend_from_slice(near);
        match rule(&self.bytes, Input::Open) {
            Found::Complete(message, len) => {
                self.bytes.clear();
                let used = len.saturating_sub(buffered);
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

    /// The buffered bytes, if they are a complete message when no more come.
    pub(crate) fn guess<T>(&self, rule: impl Fn(&[u8], Input) -> Found<T>) -> Option<T> {
        match rule(&self.bytes, Input::Ended) {
            Found::Complete(message, len) if len == self.bytes.len() => Some(message),
            _ => None,
        }
    }

    /// The number of buffered bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}
