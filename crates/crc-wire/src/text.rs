//! Names and texts, each of which keeps within its length field.
//!
//! Lengths count bytes of UTF-8, as the wire does.

use alloc::borrow::{Cow, ToOwned};
use alloc::string::String;
use core::borrow::Borrow;
use core::fmt;
use core::ops::Deref;
use core::str::FromStr;

/// A string has more bytes than its length field can count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("text too long: {len} bytes, limit {max}")]
pub struct TooLong {
    /// How many bytes there are.
    pub len: usize,
    /// How many bytes fit.
    pub max: usize,
}

/// What all names and texts have, however each is checked.
macro_rules! text_common {
    ($name:ident, $error:ty) => {
        impl $name<'_> {
            /// Returns the text as a string slice.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Returns the same text, borrowed from `self`.
            #[must_use]
            pub fn borrowed(&self) -> $name<'_> {
                $name(Cow::Borrowed(&self.0))
            }

            /// Returns the same text with its own copy of the bytes.
            #[must_use]
            pub fn into_owned(self) -> $name<'static> {
                $name(Cow::Owned(self.0.into_owned()))
            }

            /// Returns the text as a `String`. Copies the bytes only if they are
            /// borrowed.
            #[must_use]
            pub fn into_string(self) -> String {
                self.0.into_owned()
            }
        }

        impl Deref for $name<'_> {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $name<'_> {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<[u8]> for $name<'_> {
            fn as_ref(&self) -> &[u8] {
                self.0.as_bytes()
            }
        }

        impl Borrow<str> for $name<'_> {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name<'_> {
            fn eq(&self, other: &str) -> bool {
                *self.0 == *other
            }
        }

        impl PartialEq<&str> for $name<'_> {
            fn eq(&self, other: &&str) -> bool {
                *self.0 == **other
            }
        }

        impl PartialEq<$name<'_>> for str {
            fn eq(&self, other: &$name<'_>) -> bool {
                *self == *other.0
            }
        }

        impl PartialEq<$name<'_>> for &str {
            fn eq(&self, other: &$name<'_>) -> bool {
                **self == *other.0
            }
        }

        impl<'a> TryFrom<&'a str> for $name<'a> {
            type Error = $error;

            fn try_from(text: &'a str) -> Result<Self, $error> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name<'static> {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, $error> {
                Self::new(text)
            }
        }

        impl<'a> TryFrom<Cow<'a, str>> for $name<'a> {
            type Error = $error;

            fn try_from(text: Cow<'a, str>) -> Result<Self, $error> {
                Self::new(text)
            }
        }

        /// Copies the bytes.
        impl FromStr for $name<'static> {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                Self::new(text.to_owned())
            }
        }

        impl From<$name<'_>> for String {
            fn from(text: $name<'_>) -> String {
                text.into_string()
            }
        }

        impl<'a> From<$name<'a>> for Cow<'a, str> {
            fn from(text: $name<'a>) -> Cow<'a, str> {
                text.0
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $name<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        /// Always owned: a reader, or a string with escapes, has nothing to borrow.
        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $name<'_> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $max:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name<'a>(Cow<'a, str>);

        impl<'a> $name<'a> {
            /// The most bytes that the length field can count.
            pub const BYTES_MAX: usize = $max;

            /// Takes `text`, borrowed or owned.
            ///
            /// # Errors
            ///
            /// Returns [`TooLong`] if it has more than [`Self::BYTES_MAX`] bytes.
            pub fn new(text: impl Into<Cow<'a, str>>) -> Result<Self, TooLong> {
                let text = text.into();
                if text.len() > Self::BYTES_MAX {
                    return Err(TooLong { len: text.len(), max: Self::BYTES_MAX });
                }
                Ok($name(text))
            }

            /// Takes a text that the parser has measured with a length field.
            #[inline]
            pub(crate) const fn from_wire(text: &'a str) -> Self {
                $name(Cow::Borrowed(text))
            }

            /// Takes as much of the beginning of `text` as fits. Cuts between two
            /// characters.
            #[must_use]
            pub fn truncated(text: &'a str) -> Self {
                $name(Cow::Borrowed(truncate_utf8(text, Self::BYTES_MAX)))
            }
        }

        #[cfg(feature = "arbitrary")]
        impl<'u: 'a, 'a> arbitrary::Arbitrary<'u> for $name<'a> {
            fn arbitrary(input: &mut arbitrary::Unstructured<'u>) -> arbitrary::Result<Self> {
                input.arbitrary().map(Self::truncated)
            }

            fn size_hint(depth: usize) -> (usize, Option<usize>) {
                <&str as arbitrary::Arbitrary<'u>>::size_hint(depth)
            }
        }

        text_common! { $name, TooLong }
    };
}

text_type! {
    /// The name of a host: UTF-8, at most 255 bytes.
    ///
    /// The wire sets no other limit. Servers accept fewer names from hosts that
    /// register.
    ///
    /// ```
    /// use crc_wire::Name;
    ///
    /// let name = Name::new("rivendale")?;
    /// assert_eq!(name, "rivendale");
    /// assert_eq!(name.len(), 9);
    /// assert!(Name::new("x".repeat(256)).is_err());
    /// assert_eq!(Name::truncated(&"é".repeat(200)).len(), 254);
    /// # Ok::<(), crc_wire::TooLong>(())
    /// ```
    Name, u8::MAX as usize
}
text_type! {
    /// The description in a host's registration: UTF-8, at most 65,535 bytes.
    Info, u16::MAX as usize
}
text_type! {
    /// The text of a chat, a status, a quit or a channel setting: UTF-8, at most
    /// 4,294,967,295 bytes.
    Text, u32::MAX as usize
}

/// The name of a channel: UTF-8, 1 to 255 bytes.
///
/// The wire sets no other limit. Servers decide which names they accept, and
/// which names mean the same channel.
///
/// ```
/// use crc_wire::{ChannelName, ChannelNameError};
///
/// assert_eq!(ChannelName::new("#reef")?, "#reef");
/// assert_eq!(ChannelName::new(""), Err(ChannelNameError::Empty));
/// assert!(ChannelName::new("x".repeat(256)).is_err());
/// # Ok::<(), ChannelNameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelName<'a>(Cow<'a, str>);

/// A string is no [`ChannelName`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelNameError {
    /// The name has no bytes.
    #[error("channel name is empty")]
    Empty,
    /// The name has more bytes than its length field can count.
    #[error(transparent)]
    TooLong(#[from] TooLong),
}

impl<'a> ChannelName<'a> {
    /// The most bytes that the length field can count.
    pub const BYTES_MAX: usize = u8::MAX as usize;

    /// Takes `name`, borrowed or owned.
    ///
    /// # Errors
    ///
    /// Returns [`ChannelNameError`] if it is empty or has more than
    /// [`Self::BYTES_MAX`] bytes.
    pub fn new(name: impl Into<Cow<'a, str>>) -> Result<Self, ChannelNameError> {
        let name = name.into();
        if name.is_empty() {
            return Err(ChannelNameError::Empty);
        }
        if name.len() > Self::BYTES_MAX {
            let (len, max) = (name.len(), Self::BYTES_MAX);
            return Err(TooLong { len, max }.into());
        }
        Ok(ChannelName(name))
    }

    /// Takes a name that the parser has measured with a length field. Returns
    /// `None` if it is empty.
    pub(crate) const fn from_wire(name: &'a str) -> Option<Self> {
        match name.is_empty() {
            true => None,
            false => Some(ChannelName(Cow::Borrowed(name))),
        }
    }
}

text_common! { ChannelName, ChannelNameError }

#[cfg(feature = "arbitrary")]
impl<'u: 'a, 'a> arbitrary::Arbitrary<'u> for ChannelName<'a> {
    fn arbitrary(input: &mut arbitrary::Unstructured<'u>) -> arbitrary::Result<Self> {
        let name = truncate_utf8(input.arbitrary()?, Self::BYTES_MAX);
        // An empty input makes a name as well: no input is refused.
        Ok(ChannelName::from_wire(name).unwrap_or(ChannelName(Cow::Borrowed("#"))))
    }

    fn size_hint(depth: usize) -> (usize, Option<usize>) {
        <&str as arbitrary::Arbitrary<'u>>::size_hint(depth)
    }
}

/// The tags of a chat, as IRC writes them: `+key=escaped;+key2`. UTF-8, at most 4,352 bytes,
/// without blanks, NUL, CR and LF; may be empty.
///
/// 4,094 bytes are what a client may send, and the others are for what servers add.
///
/// ```
/// use crc_wire::{Tags, TagsError};
///
/// assert_eq!(Tags::new("+reply=a1;msgid=b2")?, "+reply=a1;msgid=b2");
/// assert_eq!(Tags::new("+a b"), Err(TagsError::Character));
/// assert!(Tags::new("x".repeat(4_353)).is_err());
/// # Ok::<(), TagsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Tags<'a>(Cow<'a, str>);

/// A string is no [`Tags`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TagsError {
    /// There is a blank, NUL, CR or LF in it.
    #[error("tags hold a blank or a control character")]
    Character,
    /// There are more bytes than tags may have.
    #[error(transparent)]
    TooLong(#[from] TooLong),
}

impl<'a> Tags<'a> {
    /// The most bytes.
    pub const BYTES_MAX: usize = 4_352;

    /// Takes `tags`, borrowed or owned.
    ///
    /// # Errors
    ///
    /// Returns [`TagsError`] if there is a character that tags cannot hold, or if there are more
    /// than [`Self::BYTES_MAX`] bytes.
    pub fn new(tags: impl Into<Cow<'a, str>>) -> Result<Self, TagsError> {
        let tags = tags.into();
        if tags.len() > Self::BYTES_MAX {
            let (len, max) = (tags.len(), Self::BYTES_MAX);
            return Err(TooLong { len, max }.into());
        }
        match tags.bytes().any(is_no_tag_byte) {
            true => Err(TagsError::Character),
            false => Ok(Tags(tags)),
        }
    }
}

/// Whether no tag may hold a byte.
const fn is_no_tag_byte(byte: u8) -> bool {
    matches!(byte, 0 | b' ' | b'\r' | b'\n')
}

text_common! { Tags, TagsError }

#[cfg(feature = "arbitrary")]
impl<'u: 'a, 'a> arbitrary::Arbitrary<'u> for Tags<'a> {
    fn arbitrary(input: &mut arbitrary::Unstructured<'u>) -> arbitrary::Result<Self> {
        let tags = truncate_utf8(input.arbitrary()?, Self::BYTES_MAX);
        let end = tags.bytes().position(is_no_tag_byte);
        Ok(Tags(Cow::Borrowed(&tags[..end.unwrap_or(tags.len())])))
    }

    fn size_hint(depth: usize) -> (usize, Option<usize>) {
        <&str as arbitrary::Arbitrary<'u>>::size_hint(depth)
    }
}

/// Returns the longest beginning of `text` that has at most `bytes_max` bytes and
/// ends between two characters.
///
/// ```
/// assert_eq!(crc_wire::truncate_utf8("naïve", 3), "na");
/// assert_eq!(crc_wire::truncate_utf8("naïve", 4), "naï");
/// ```
#[must_use]
pub fn truncate_utf8(text: &str, bytes_max: usize) -> &str {
    // A character has at most four bytes: at most three steps back.
    let mut end = bytes_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
