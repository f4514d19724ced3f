//! The encoder, which is infallible because the parts are checked when they are made.

use alloc::vec::Vec;

use bytes::BufMut;

use crate::message::Message;

impl Message<'_> {
    /// Returns the length of the line, tags and CR LF included.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let tags = match self.tags.as_bytes().len() {
            0 => 0,
            len => len + 2,
        };
        let prefix = self.prefix.map_or(0, |prefix| {
            let user = prefix.user().map_or(0, |user| user.len() + 1);
            let host = prefix.host().map_or(0, |host| host.len() + 1);
            prefix.name().len() + user + host + 2
        });
        let params: usize = self.params.iter().map(|param| param.len() + 1).sum();
        let colon = usize::from(self.params.has_colon());
        tags + prefix + self.command.as_str().len() + params + colon + 2
    }

    /// Appends the line to `out`, CR LF included. Writes single spaces, a
    /// [`Verb`](crate::Verb) in capitals, and the colon of [`Params`](crate::Params).
    ///
    /// The encoder sets no limit to the length of the line.
    /// [`LineLimits::truncated_last_param`](crate::LineLimits::truncated_last_param)
    /// returns how much fits.
    ///
    /// # Panics
    ///
    /// Panics, as every [`BufMut`] does, if `out` has a fixed size and less than
    /// [`encoded_len`](Self::encoded_len) bytes left.
    #[inline]
    pub fn encode(&self, out: &mut impl BufMut) {
        if !self.tags.is_empty() {
            out.put_u8(b'@');
            out.put_slice(self.tags.as_bytes());
            out.put_u8(b' ');
        }
        if let Some(prefix) = self.prefix {
            out.put_u8(b':');
            out.put_slice(prefix.name());
            if let Some(user) = prefix.user() {
                out.put_u8(b'!');
                out.put_slice(user);
            }
            if let Some(host) = prefix.host() {
                out.put_u8(b'@');
                out.put_slice(host);
            }
            out.put_u8(b' ');
        }
        out.put_slice(self.command.as_str().as_bytes());
        if let Some((last, middles)) = self.params.as_slice().split_last() {
            for middle in middles {
                out.put_u8(b' ');
                out.put_slice(middle);
            }
            out.put_slice(if self.params.has_colon() { b" :" } else { b" " });
            out.put_slice(last);
        }
        out.put_slice(b"\r\n");
    }

    /// Returns the line in a new vector, CR LF included.
    ///
    /// ```
    /// use irc_wire::{Message, Numeric, Prefix, Verb};
    ///
    /// let message = Message::new(Verb::Privmsg).param("#reef")?.param("Hi all")?;
    /// assert_eq!(message.to_vec(), b"PRIVMSG #reef :Hi all\r\n");
    /// let message = Message::new(Verb::Privmsg).param("#reef")?.param("Hi!")?;
    /// assert_eq!(message.to_vec(), b"PRIVMSG #reef Hi!\r\n");
    /// let message = Message::new(Numeric::RPL_TOPIC)
    ///     .with_prefix(Prefix::new("reef.example")?)
    ///     .param("#reef")?
    ///     .trailing("Tides")?;
    /// assert_eq!(message.to_vec(), b":reef.example 332 #reef :Tides\r\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut line = Vec::with_capacity(self.encoded_len());
        self.encode(&mut line);
        line
    }
}
