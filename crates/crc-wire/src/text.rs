//! Names and texts, each of which holds the limit of its length field.
//!
//! Lengths are counted in encoded bytes, as the wire counts them.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

/// A text has more bytes than its length field can count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{len} bytes where at most {max} fit")]
pub struct TooLong {
    /// How many bytes there are.
    pub len: usize,
    /// How many the field can hold.
    pub max: usize,
}

/// What all texts of the wire have, however each is checked.
macro_rules! text_common {
    ($name:ident, $error:ty) => {
        impl $name<'_> {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The same text without a copy, living as long as `self` is borrowed.
            #[must_use]
            pub fn borrowed(&self) -> $name<'_> {
                $name(Cow::Borrowed(&self.0))
            }

            /// The same text, owning its bytes.
            #[must_use]
            pub fn into_owned(self) -> $name<'static> {
                $name(Cow::Owned(self.0.into_owned()))
            }

            /// The text as a `String`; copies only what was borrowed.
            #[must_use]
            pub fn into_string(self) -> String {
                self.0.into_owned()
            }
        }

        impl fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name<'_> {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $name<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        /// Always owned, so that input of every kind will do: a reader, too,
        /// and a string with escapes.
        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $name<'_> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
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
    };
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $max:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name<'a>(Cow<'a, str>);

        impl<'a> $name<'a> {
            /// The most bytes that the wire's length field can count.
            pub const BYTES_MAX: usize = $max;

            /// Takes `text`, borrowed or owned, if its encoding fits.
            ///
            /// # Errors
            ///
            /// [`TooLong`] when it has more than [`Self::BYTES_MAX`] bytes.
            pub fn new(text: impl Into<Cow<'a, str>>) -> Result<Self, TooLong> {
                let text = text.into();
                if text.len() > Self::BYTES_MAX {
                    return Err(TooLong { len: text.len(), max: Self::BYTES_MAX });
                }
                Ok($name(text))
            }

            /// A text that a length field of the wire has already counted.
            #[inline]
            pub(crate) const fn from_wire(text: &'a str) -> Self {
                $name(Cow::Borrowed(text))
            }

            /// The longest beginning of `text` that fits, cut between characters.
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
    /// The wire sets no other limit. What a server accepts from the peers that
    /// register with it is the server's own, narrower rule.
    ///
    /// ```
    /// use crc_wire::Name;
    ///
    /// assert!(Name::new("rivendale").is_ok());
    /// assert!(Name::new("x".repeat(256)).is_err());
    /// assert_eq!(Name::truncated(&"é".repeat(200)).as_str().len(), 254);
    /// ```
    Name, u8::MAX as usize
}
text_type! {
    /// What a host says about itself: UTF-8, at most 65,535 bytes.
    Info, u16::MAX as usize
}
text_type! {
    /// The text of a chat, a status, a quit or a channel's setting: UTF-8, at most 4,294,967,295 bytes.
    Text, u32::MAX as usize
}

/// The name of a channel: UTF-8, at least 1 byte and at most 255.
///
/// The wire sets no other limit. What a channel may be called, and which names
/// are one, is for servers to say.
///
/// ```
/// use crc_wire::{ChannelName, ChannelNameError};
///
/// assert_eq!(ChannelName::new("#reef")?.as_str(), "#reef");
/// assert_eq!(ChannelName::new(""), Err(ChannelNameError::Empty));
/// assert!(ChannelName::new("x".repeat(256)).is_err());
/// # Ok::<(), ChannelNameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelName<'a>(Cow<'a, str>);

/// A text is not the name of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelNameError {
    /// It has no bytes.
    #[error("a channel's name has at least one byte")]
    Empty,
    /// It has more bytes than its length field can count.
    #[error(transparent)]
    TooLong(#[from] TooLong),
}

impl<'a> ChannelName<'a> {
    /// The most bytes that the wire's length field can count.
    pub const BYTES_MAX: usize = u8::MAX as usize;

    /// Takes `name`, borrowed or owned, if it is one and its encoding fits.
    ///
    /// # Errors
    ///
    /// [`ChannelNameError`] when it is empty or has more than
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

    /// A name that a length field of the wire has already counted; `None` when
    /// it is empty.
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
        // Nothing is a name as well, for input is not to be refused.
        Ok(ChannelName::from_wire(name).unwrap_or(ChannelName(Cow::Borrowed("#"))))
    }

    fn size_hint(depth: usize) -> (usize, Option<usize>) {
        <&str as arbitrary::Arbitrary<'u>>::size_hint(depth)
    }
}

/// The longest beginning of `text` with at most `max` bytes that ends between
/// two characters.
///
/// ```
/// assert_eq!(crc_wire::truncate_utf8("naïve", 3), "na");
/// assert_eq!(crc_wire::truncate_utf8("naïve", 4), "naï");
/// ```
#[must_use]
pub fn truncate_utf8(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}
