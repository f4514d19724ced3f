//! Changes of modes: `+ov-b ann bob *!*@host`.
//!
//! Which letters there are, and which of them take a parameter, is a network's
//! matter and comes in a [`ModeTable`]. What a mode means, and who may change
//! it, is not known here.

use alloc::vec::Vec;

/// The mode letters of channels, or of users, and which of them take a parameter.
///
/// For channels the first four are the parts of
/// [`CHANMODES=`](crate::Numeric::RPL_ISUPPORT), in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModeTable<'a> {
    /// Lists of masks: a parameter adds to the list or takes from it; without one
    /// the list is asked for.
    pub lists: &'a [u8],
    /// With a parameter when set and when unset, as a key.
    pub always: &'a [u8],
    /// With a parameter when set only, as a limit.
    pub when_set: &'a [u8],
    /// Without a parameter.
    pub flags: &'a [u8],
    /// Ranks of members, as operator or voice: with a nick.
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
    /// `+`, and where no sign stands.
    Plus,
    /// `-`.
    Minus,
}

/// One change, or one question: see [`ModeTable::lists`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ModeChange<'a> {
    /// Set or unset.
    pub sign: Sign,
    /// The mode's letter.
    pub letter: u8,
    /// Its parameter, if it takes one.
    pub param: Option<&'a [u8]>,
}

/// A change can't be read. Those behind it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModeError {
    /// There is no such mode; whether it would take a parameter is not known, and
    /// it gets none.
    #[error("there is no mode {:?}", char::from(*.0))]
    Unknown(u8),
    /// The parameters don't suffice.
    #[error("the mode {:?} lacks its parameter", char::from(*.letter))]
    NoParam {
        /// Set or unset.
        sign: Sign,
        /// The mode's letter.
        letter: u8,
    },
}

impl ModeTable<'_> {
    /// Takes changes apart: `modes` has signs and letters, `params` what follows it
    /// in the message.
    ///
    /// Parameters that no letter takes are left over.
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

    /// Whether a mode may have a parameter, and whether it must.
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

/// Writes changes: the letters with as few signs as may be, and the parameters that
/// follow them.
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
    fn each_kind_takes_what_it_takes() {
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
    fn a_list_without_a_mask_is_a_question() {
        assert_eq!(parsed(b"b", &[]), [Ok((Sign::Plus, 'b', None))]);
        assert_eq!(parsed(b"-e", &[]), [Ok((Sign::Minus, 'e', None))]);
    }

    #[test]
    fn what_is_unknown_takes_nothing() {
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
    fn what_is_joined_is_parsed_alike() {
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
