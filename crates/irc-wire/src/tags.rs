//! Message tags (IRCv3): keys with values, in front of a message.
//!
//! Parsed tags stay escaped and unchecked, because a relay passes them on unchanged.
//! [`Tags::iter`] and [`Tags::get`] parse them on demand.

use alloc::borrow::Cow;
use alloc::vec::Vec;

/// The tags of a message. Empty if it has none.
///
/// Two are equal if their bytes are, which includes their order.
///
/// ```
/// use irc_wire::Message;
///
/// let message = Message::parse(br"@time=12:00;+note=a\sb;seen PING x")?;
/// assert_eq!(message.tags.get(b"+note").as_deref(), Some(&b"a b"[..]));
/// assert_eq!(message.tags.get(b"seen").as_deref(), Some(&b""[..]));
/// assert_eq!(message.tags.get(b"nonsense"), None);
/// # Ok::<(), irc_wire::MessageError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Tags<'a>(&'a [u8]);

impl<'a> Tags<'a> {
    /// No tags.
    pub const NONE: Tags<'static> = Tags(b"");

    /// Takes the bytes between the `@` and the first space of a line.
    pub(crate) const fn from_wire(bytes: &'a [u8]) -> Self {
        Tags(bytes)
    }

    /// Returns the encoded tags, without the `@` and the space.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Returns whether there are no bytes.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Returns the tags in order. Skips tags without a key. If a key comes more than
    /// once, the last one counts.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Tag<'a>> + Clone {
        let tags = self.0.split(|&byte| byte == b';');
        tags.map(Tag::from_wire).filter(|tag| !tag.key.is_empty())
    }

    /// Returns the unescaped value of the last tag with this key; empty if the tag has
    /// no value.
    #[must_use]
    pub fn get(self, key: &[u8]) -> Option<Cow<'a, [u8]>> {
        let tag = self.iter().rfind(|tag| tag.key == key)?;
        Some(tag.value())
    }
}

/// One tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag<'a> {
    key: &'a [u8],
    escaped: &'a [u8],
}

impl<'a> Tag<'a> {
    fn from_wire(bytes: &'a [u8]) -> Self {
        let mut parts = bytes.splitn(2, |&byte| byte == b'=');
        Tag {
            key: parts.next().unwrap_or_default(),
            escaped: parts.next().unwrap_or_default(),
        }
    }

    /// Returns the key, with the `+` of a client-only tag and with the vendor.
    #[must_use]
    pub const fn key(self) -> &'a [u8] {
        self.key
    }

    /// Returns whether the tag is client-only: its key begins with `+`, and servers
    /// pass it on without knowing it.
    #[must_use]
    pub fn is_client_only(self) -> bool {
        self.key.first() == Some(&b'+')
    }

    /// Returns the escaped value. A missing value is empty.
    #[must_use]
    pub const fn escaped_value(self) -> &'a [u8] {
        self.escaped
    }

    /// Returns the value. Drops a backslash at the end, and one in front of a character
    /// that needs no escaping.
    #[must_use]
    pub fn value(self) -> Cow<'a, [u8]> {
        if memchr::memchr(b'\\', self.escaped).is_none() {
            return Cow::Borrowed(self.escaped);
        }
        let mut value = Vec::with_capacity(self.escaped.len());
        let mut bytes = self.escaped.iter().copied();
        while let Some(byte) = bytes.next() {
            let unescaped = match byte {
                b'\\' => bytes.next().map(|byte| match byte {
                    b':' => b';',
                    b's' => b' ',
                    b'r' => b'\r',
                    b'n' => b'\n',
                    other => other,
                }),
                _ => Some(byte),
            };
            value.extend(unescaped);
        }
        Cow::Owned(value)
    }
}

/// A tag cannot be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TagError {
    /// The key is empty, or holds `;`, `=`, a space, NUL, CR or LF.
    #[error("malformed tag key")]
    Key,
    /// The value holds NUL, which has no escape.
    #[error("tag value holds NUL")]
    Value,
}

/// A buffer of encoded tags for [`Message::tags`](crate::Message::tags).
///
/// ```
/// use irc_wire::{Message, TagsBuf, Verb};
///
/// let mut tags = TagsBuf::new();
/// tags.push(b"msgid", b"17")?;
/// tags.push(b"+note", b"a b; c")?;
/// let mut message = Message::new(Verb::Tagmsg);
/// message.tags = tags.as_tags();
/// assert_eq!(message.to_vec(), b"@msgid=17;+note=a\\sb\\:\\sc TAGMSG\r\n");
/// # Ok::<(), irc_wire::TagError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TagsBuf(Vec<u8>);

impl TagsBuf {
    /// Returns a buffer without tags.
    #[must_use]
    pub const fn new() -> Self {
        TagsBuf(Vec::new())
    }

    /// Adds a tag and escapes its value. For an empty value it writes the key alone.
    ///
    /// # Errors
    ///
    /// Returns [`TagError`], and adds nothing, if the tag cannot be encoded.
    pub fn push(&mut self, key: &[u8], value: &[u8]) -> Result<(), TagError> {
        let in_key = |byte: &u8| !matches!(byte, b';' | b'=' | b' ' | 0 | b'\r' | b'\n');
        if key.is_empty() || !key.iter().all(in_key) {
            return Err(TagError::Key);
        }
        if value.contains(&0) {
            return Err(TagError::Value);
        }
        self.begin(key, value.is_empty());
        for &byte in value {
            match byte {
                b';' => self.0.extend(b"\\:"),
                b' ' => self.0.extend(b"\\s"),
                b'\\' => self.0.extend(b"\\\\"),
                b'\r' => self.0.extend(b"\\r"),
                b'\n' => self.0.extend(b"\\n"),
                _ => self.0.push(byte),
            }
        }
        Ok(())
    }

    /// Adds a tag of another message unchanged.
    pub fn push_tag(&mut self, tag: Tag<'_>) {
        self.begin(tag.key, tag.escaped.is_empty());
        self.0.extend(tag.escaped);
    }

    fn begin(&mut self, key: &[u8], alone: bool) {
        if !self.0.is_empty() {
            self.0.push(b';');
        }
        self.0.extend(key);
        if !alone {
            self.0.push(b'=');
        }
    }

    /// Returns the tags in the buffer.
    #[must_use]
    pub fn as_tags(&self) -> Tags<'_> {
        Tags(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(tags: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let tags = Tags::from_wire(tags).iter();
        tags.map(|tag| (tag.key().to_vec(), tag.value().into_owned()))
            .collect()
    }

    #[test]
    fn values_are_unescaped() {
        for (escaped, value) in [
            (&br"a\\b"[..], &br"a\b"[..]),
            (br"\:\s\r\n", b"; \r\n"),
            (br"\b\1", b"b1"),
            (br"end\", b"end"),
            (br"\\s", br"\s"),
            (b"x=y=z", b"x=y=z"),
        ] {
            let tags = [b"key=", escaped].concat();
            assert_eq!(values(&tags), [(b"key".to_vec(), value.to_vec())]);
        }
    }

    #[test]
    fn the_last_value_of_a_key_counts_and_tags_without_a_key_do_not() {
        let tags = Tags::from_wire(b"a=1;;=x;b;a=2;v.org/a=3");
        assert_eq!(tags.get(b"a").as_deref(), Some(&b"2"[..]));
        assert_eq!(tags.iter().count(), 4);
        assert!(Tags::NONE.iter().next().is_none());
    }

    #[test]
    fn refused_tags_leave_the_buffer_unchanged() {
        let mut tags = TagsBuf::new();
        for key in [&b""[..], b"a b", b"a;", b"a=b", b"\0", b"a\r", b"a\n"] {
            assert_eq!(tags.push(key, b"x"), Err(TagError::Key));
        }
        assert_eq!(tags.push(b"a", b"\0"), Err(TagError::Value));
        assert!(tags.as_tags().is_empty());
    }

    #[test]
    fn copied_tags_stay_unchanged() {
        let mut tags = TagsBuf::new();
        for tag in Tags::from_wire(br"a=\b;+c;d=").iter() {
            assert_eq!(tag.is_client_only(), tag.key() == b"+c");
            tags.push_tag(tag);
        }
        assert_eq!(tags.as_tags().as_bytes(), br"a=\b;+c;d");
    }
}
