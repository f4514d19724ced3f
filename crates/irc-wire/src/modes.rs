//! Mode changes: `+ov-b ann bob *!*@host`.
//!
//! A [`ModeTable`] lists the modes of a network, and those of them that take a
//! parameter. This module does not know what a mode means or who may change it.

use alloc::vec::Vec;

/// The mode letters of channels, or of users.
///
/// For channels, the first four fields are the parts of
/// [`CHANMODES=`](crate::Numeric::RPL_ISUPPORT) in order, and the last one is
/// `PREFIX=`. The fields are all that IRC has, so no later version adds one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModeTable<'a> {
    /// Lists of masks: the parameter is added to or removed from the list; without a
    /// parameter the client asks for the list.
    pub lists: &'a [u8],
    /// Modes with a parameter when set and when unset, such as a key.
    pub always: &'a [u8],
    /// Modes with a parameter only when set, such as a limit.
    pub when_set: &'a [u8],
    /// Modes without a parameter.
    pub flags: &'a [u8],
    /// Modes of members, such as operator or voice, with a nick as parameter.
    pub member_modes: &'a [u8],
}

impl ModeTable<'static> {
    /// The channel modes of RFC 2811 that most servers know: `b`, `e`, `I`, `k`,
    /// `l`, `i`, `m`, `n`, `p`, `s`, `t`, `o` and `v`.
    pub const CHANNEL: ModeTable<'static> = ModeTable {
        lists: b"beI",
        always: b"k",
        when_set: b"l",
        flags: b"imnpst",
        member_modes: b"ov",
    };
    /// The user modes of RFC 2812: `a`, `i`, `o`, `r`, `s`, `w` and `O`.
    pub const USER: ModeTable<'static> = ModeTable {
        lists: b"",
        always: b"",
        when_set: b"",
        flags: b"aiorswO",
        member_modes: b"",
    };
}

/// Whether a mode is set or unset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sign {
    /// Set: `+`, or no sign.
    Plus,
    /// Unset: `-`.
    Minus,
}

/// One change of a mode, or a query for a list: see [`ModeTable::lists`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ModeChange<'a> {
    /// Set or unset.
    pub sign: Sign,
    /// The mode's letter.
    pub letter: u8,
    /// The parameter, if the mode takes one.
    pub param: Option<&'a [u8]>,
}

/// A mode change is malformed. The changes behind it can still be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModeError {
    /// The table has no such mode. The parser takes no parameter for it.
    #[error("unknown mode {:?}", char::from(*.0))]
    Unknown(u8),
    /// The parameter is missing.
    #[error("missing parameter of mode {:?}", char::from(*.letter))]
    NoParam {
        /// Set or unset.
        sign: Sign,
        /// The mode's letter.
        letter: u8,
    },
}

impl ModeTable<'_> {
    /// Parses changes. `modes` holds signs and letters, `params` the parameters behind
    /// it in the message.
    ///
    /// Ignores parameters that no letter takes.
    ///
    /// ```
    /// use irc_wire::{Message, ModeTable, Sign};
    ///
    /// let message = Message::parse(b"MODE #reef +ob-l ann *!*@host")?;
    /// let params = message.params.as_slice();
    /// let changes: Result<Vec<_>, _> = ModeTable::CHANNEL.parse(params[1], &params[2..]).collect();
    /// let changes = changes?;
    /// assert_eq!(changes[0].param, Some(&b"ann"[..]));
    /// assert_eq!(changes[1].letter, b'b');
    /// assert_eq!((changes[2].sign, changes[2].param), (Sign::Minus, None));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn parse<'m>(
        &self,
        modes: &'m [u8],
        params: &'m [&'m [u8]],
    ) -> impl Iterator<Item = Result<ModeChange<'m>, ModeError>> {
        let mut sign = Sign::Plus;
        let mut params = params.iter().copied();
        modes.iter().filter_map(move |&letter| {
            match letter {
                b'+' => sign = Sign::Plus,
                b'-' => sign = Sign::Minus,
                _ => return Some(self.change(sign, letter, &mut params)),
            }
            None
        })
    }

    fn change<'m>(
        &self,
        sign: Sign,
        letter: u8,
        params: &mut impl Iterator<Item = &'m [u8]>,
    ) -> Result<ModeChange<'m>, ModeError> {
        let (takes, must) = self.takes_param(sign, letter)?;
        let param = if takes { params.next() } else { None };
        match param {
            None if must => Err(ModeError::NoParam { sign, letter }),
            _ => Ok(ModeChange {
                sign,
                letter,
                param,
            }),
        }
    }

    /// Returns whether a mode may have a parameter, and whether it must.
    fn takes_param(&self, sign: Sign, letter: u8) -> Result<(bool, bool), ModeError> {
        let is_in = |letters: &[u8]| letters.contains(&letter);
        match sign {
            _ if is_in(self.lists) => Ok((true, false)),
            _ if is_in(self.always) || is_in(self.member_modes) => Ok((true, true)),
            Sign::Plus if is_in(self.when_set) => Ok((true, true)),
            _ if is_in(self.when_set) || is_in(self.flags) => Ok((false, false)),
            _ => Err(ModeError::Unknown(letter)),
        }
    }
}

/// Joins changes into letters, with as few signs as possible, and the parameters
/// behind them.
///
/// ```
/// use irc_wire::{ModeChange, Sign, modes};
///
/// let change = |sign, letter, param| ModeChange { sign, letter, param };
/// let (letters, params) = modes::join([
///     change(Sign::Plus, b'o', Some(&b"ann"[..])),
///     change(Sign::Plus, b't', None),
///     change(Sign::Minus, b'k', Some(b"key")),
/// ]);
/// assert_eq!(letters, b"+ot-k");
/// assert_eq!(params, [b"ann", b"key"]);
/// ```
pub fn join<'m>(changes: impl IntoIterator<Item = ModeChange<'m>>) -> (Vec<u8>, Vec<&'m [u8]>) {
    let mut letters = Vec::new();
    let mut params = Vec::new();
    let mut last_sign = None;
    for change in changes {
        if last_sign != Some(change.sign) {
            letters.push(match change.sign {
                Sign::Plus => b'+',
                Sign::Minus => b'-',
            });
            last_sign = Some(change.sign);
        }
        letters.push(change.letter);
        params.extend(change.param);
    }
    (letters, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parts<'m> = (Sign, char, Option<&'m [u8]>);

    fn parsed<'m>(modes: &'m [u8], params: &'m [&'m [u8]]) -> Vec<Result<Parts<'m>, ModeError>> {
        let changes = ModeTable::CHANNEL.parse(modes, params);
        changes
            .map(|change| change.map(|c| (c.sign, char::from(c.letter), c.param)))
            .collect()
    }

    #[test]
    fn each_field_takes_its_parameters() {
        use Sign::{Minus, Plus};
        let params = [&b"1"[..], b"2", b"3", b"4", b"5", b"6"];
        assert_eq!(
            parsed(b"bk+l-lkb-o+vt", &params),
            [
                Ok((Plus, 'b', Some(params[0]))),
                Ok((Plus, 'k', Some(params[1]))),
                Ok((Plus, 'l', Some(params[2]))),
                Ok((Minus, 'l', None)),
                Ok((Minus, 'k', Some(params[3]))),
                Ok((Minus, 'b', Some(params[4]))),
                Ok((Minus, 'o', Some(params[5]))),
                Err(ModeError::NoParam {
                    sign: Plus,
                    letter: b'v'
                }),
                Ok((Plus, 't', None)),
            ]
        );
    }

    #[test]
    fn a_list_without_a_mask_is_a_query() {
        assert_eq!(parsed(b"b", &[]), [Ok((Sign::Plus, 'b', None))]);
        assert_eq!(parsed(b"-e", &[]), [Ok((Sign::Minus, 'e', None))]);
    }

    #[test]
    fn unknown_modes_take_no_parameter() {
        assert_eq!(
            parsed(b"+xo\xff", &[b"ann"]),
            [
                Err(ModeError::Unknown(b'x')),
                Ok((Sign::Plus, 'o', Some(&b"ann"[..]))),
                Err(ModeError::Unknown(0xff)),
            ]
        );
        assert_eq!(parsed(b"+-+-", &[b"ann"]), []);
    }

    #[test]
    fn joined_changes_parse_to_the_same_changes() {
        let params = [&b"1"[..], b"2", b"3"];
        for modes in [&b"+b-k+l"[..], b"+imt", b"-o+o-t", b"+v-v"] {
            let changes: Vec<_> = ModeTable::CHANNEL.parse(modes, &params).flatten().collect();
            let (letters, left) = join(changes.iter().copied());
            assert_eq!(letters, modes);
            let again: Vec<_> = ModeTable::CHANNEL
                .parse(&letters, &left)
                .flatten()
                .collect();
            assert_eq!(again, changes);
        }
    }
}
