//! What a name is: the form that people's names have, the ASCII that stands for it on the
//! wire, and when two names are the same or look alike (PROTOCOL section 12).
//!
//! A name of a person is prepared by the PRECIS profile for nicknames (RFC 8266), with a few
//! more characters refused that no reader sees. The tables are those of the current Unicode
//! version; the ones that RFC 8264 was published with know no character of the last ten years.
//! Names of servers, and all names on the wire, are printable ASCII.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark, is_nfkc};
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};

use unicode_security::skeleton;

use crate::admission::{AdmissionError, NAME_BYTES_MAX};

/// The most bytes of a name that is prepared: the prepared form may be shorter.
const RAW_BYTES_MAX: usize = 4 * NAME_BYTES_MAX;

/// The most combining marks in a row. No language writes more; more of them cover the lines
/// above and below.
const MARKS_MAX: usize = 4;

/// How often the rules are applied to a name at most, until it stays the same (RFC 8264,
/// section 7).
const ROUNDS_MAX: usize = 4;

/// Checks a name of a person: 1 to 64 bytes of printable characters without blanks at the
/// ends, in the form that [`prepare_name`] gives it.
///
/// ```
/// use crc_core::check_name;
///
/// assert!(check_name("Zoë").is_ok());
/// assert!(check_name("Zoë\u{202e}").is_err());
/// ```
///
/// # Errors
///
/// The rule that it breaks.
pub fn check_name(name: &str) -> Result<(), AdmissionError> {
    match &*prepare_name(name)? == name {
        true => Ok(()),
        false => Err(AdmissionError::NameUnprepared),
    }
}

/// The form in which a person has a name: ASCII as it is, other names as the PRECIS profile
/// for nicknames has it (RFC 8266), without blanks at the ends, one blank for several, and
/// each character in one spelling.
///
/// ```
/// use crc_core::prepare_name;
///
/// assert_eq!(prepare_name(" Zoe\u{308} ").unwrap(), "Zoë");
/// ```
///
/// # Errors
///
/// The rule that it breaks.
pub fn prepare_name(name: &str) -> Result<Cow<'_, str>, AdmissionError> {
    if name.is_ascii() {
        return check_ascii(name, AdmissionError::NameUnprintable).map(|()| Cow::Borrowed(name));
    }
    if name.len() > RAW_BYTES_MAX {
        return Err(AdmissionError::NameTooLong { len: name.len() });
    }
    let mut prepared = Cow::Borrowed(name);
    for _ in 0..ROUNDS_MAX {
        check_characters(&prepared)?;
        let next: String = one_blank_each(&prepared).nfkc().collect();
        if next == *prepared {
            break;
        }
        prepared = Cow::Owned(next);
    }
    if prepared.is_ascii() {
        check_ascii(&prepared, AdmissionError::NameUnprintable)?;
        return Ok(prepared);
    }
    check_len(&prepared)?;
    check_characters(&prepared)?;
    check_marks(&prepared)?;
    let is_stable = is_nfkc(&prepared) && one_blank_each(&prepared) == *prepared;
    is_stable
        .then_some(prepared)
        .ok_or(AdmissionError::NameUnprepared)
}

/// Checks a name on the wire, or of a server: 1 to 64 bytes of printable ASCII, without
/// blanks at its ends.
///
/// # Errors
///
/// The rule that it breaks.
pub fn check_ascii_name(name: &str) -> Result<(), AdmissionError> {
    check_ascii(name, AdmissionError::NameNotAscii)
}

fn check_ascii(name: &str, unprintable: AdmissionError) -> Result<(), AdmissionError> {
    check_len(name)?;
    if !name.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(unprintable);
    }
    if name.starts_with(' ') || name.ends_with(' ') {
        return Err(AdmissionError::NameBlankAtEnd);
    }
    Ok(())
}

fn check_len(name: &str) -> Result<(), AdmissionError> {
    match name.len() {
        0 => Err(AdmissionError::NameEmpty),
        1..=NAME_BYTES_MAX => Ok(()),
        len => Err(AdmissionError::NameTooLong { len }),
    }
}

/// The additional mapping rule of RFC 8266: every blank is a space, none at the ends, one for
/// several.
fn one_blank_each(name: &str) -> String {
    let words = name.split(is_blank).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

fn is_blank(c: char) -> bool {
    c.general_category() == GeneralCategory::SpaceSeparator
}

fn check_characters(name: &str) -> Result<(), AdmissionError> {
    let mut before = None;
    let mut rest = name.chars();
    while let Some(c) = rest.next() {
        if !is_name_char(c) || !is_in_context(c, before, rest.clone().next(), name) {
            return Err(AdmissionError::NameCharacter { character: c });
        }
        before = Some(c);
    }
    Ok(())
}

/// A mark has a character that it belongs to: it would go to the text before the name
/// otherwise.
fn check_marks(name: &str) -> Result<(), AdmissionError> {
    // As many as there may be, so that the first one is too many.
    let mut marks = MARKS_MAX;
    for c in name.chars() {
        marks = match is_combining_mark(c) {
            true => marks + 1,
            false if is_blank(c) => MARKS_MAX,
            false => 0,
        };
        if marks > MARKS_MAX {
            return Err(AdmissionError::NameMarks);
        }
    }
    Ok(())
}

/// Whether a name may hold this character: the `FreeformClass` of RFC 8264, section 8,
/// without the joiners that it permits between some letters: readers can't see them.
pub(crate) fn is_name_char(c: char) -> bool {
    use GeneralCategory as Category;
    match c {
        ' '..='~' => return true,
        // Exceptions that are valid.
        '\u{df}' | '\u{3c2}' | '\u{6fd}' | '\u{6fe}' | '\u{f0b}' | '\u{3007}' => return true,
        // Exceptions that are not.
        '\u{640}' | '\u{7fa}' | '\u{302e}' | '\u{302f}' | '\u{3031}'..='\u{3035}' | '\u{303b}' => {
            return false;
        }
        // Old Hangul jamo.
        '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97c}' | '\u{d7b0}'..='\u{d7fb}' => {
            return false;
        }
        // What is shown as nothing, and has a category that is valid.
        '\u{34f}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{2800}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}'
        | '\u{fffc}'
        | '\u{fffd}'
        | '\u{1d159}'
        | '\u{e0000}'..='\u{e0fff}' => return false,
        _ => {}
    }
    !matches!(
        c.general_category(),
        Category::Unassigned
            | Category::Control
            | Category::Format
            | Category::LineSeparator
            | Category::ParagraphSeparator
            | Category::PrivateUse
            | Category::Surrogate
    )
}

/// The rules for characters that are valid in some places only (RFC 5892, appendix A.3 to
/// A.9).
fn is_in_context(c: char, before: Option<char>, after: Option<char>, name: &str) -> bool {
    let has = |range: core::ops::RangeInclusive<char>| name.chars().any(|c| range.contains(&c));
    match c {
        '\u{b7}' => [before, after] == [Some('l'); 2],
        '\u{375}' => after.is_some_and(|c| c.script() == Script::Greek),
        '\u{5f3}' | '\u{5f4}' => before.is_some_and(|c| c.script() == Script::Hebrew),
        '\u{30fb}' => name.chars().any(|c| {
            matches!(
                c.script(),
                Script::Hiragana | Script::Katakana | Script::Han
            )
        }),
        '\u{660}'..='\u{669}' => !has('\u{6f0}'..='\u{6f9}'),
        '\u{6f0}'..='\u{6f9}' => !has('\u{660}'..='\u{669}'),
        _ => true,
    }
}

/// The name in ASCII, for the wire and for those who take no other: printable, 1 to 64 bytes,
/// no blanks at the ends. A name that is so already stays as it is.
///
/// ```
/// use crc_core::ascii_name;
///
/// assert_eq!(ascii_name("Zoë"), "Zoe");
/// ```
#[must_use]
pub fn ascii_name(name: &str) -> Cow<'_, str> {
    if check_ascii_name(name).is_ok() {
        return Cow::Borrowed(name);
    }
    let mut ascii = String::with_capacity(NAME_BYTES_MAX);
    'name: for c in name.chars() {
        // Nothing stands for a mark, nor for a character that has no name in ASCII.
        let text = any_ascii::any_ascii_char(c).chars();
        for c in text.filter(|c| matches!(c, ' '..='~')) {
            match ascii.len() {
                NAME_BYTES_MAX => break 'name,
                // None at the beginning.
                0 if c == ' ' => {}
                _ => ascii.push(c),
            }
        }
    }
    ascii.truncate(ascii.trim_end_matches(' ').len());
    match ascii.is_empty() {
        true => Cow::Borrowed("_"),
        false => Cow::Owned(ascii),
    }
}

/// The name that stands on the wire for a name: itself, if it is ASCII. Names that other
/// servers report may break the other rules for names.
pub(crate) fn wire_name(name: &str) -> Cow<'_, str> {
    match name.is_ascii() {
        true => Cow::Borrowed(name),
        false => ascii_name(name),
    }
}

/// The name that goes along with the one on the wire, if that is not the whole name.
pub(crate) fn utf8_name(name: &str) -> Option<&str> {
    Some(name).filter(|name| !name.is_ascii() && check_name(name).is_ok())
}

/// A name as names are compared: in lower case, each character in one spelling (RFC 8266,
/// section 2.4).
pub(crate) fn fold_name(name: &str) -> Cow<'_, str> {
    if !name.is_ascii() {
        let lower = name.nfkc().flat_map(char::to_lowercase);
        return Cow::Owned(lower.nfkc().collect());
    }
    match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Borrowed(name),
    }
}

/// A mask of names, as they are compared: one of ASCII is compared in any case as it is.
pub(crate) fn fold_beyond_ascii(mask: &str) -> Cow<'_, str> {
    match mask.is_ascii() {
        true => Cow::Borrowed(mask),
        false => fold_name(mask),
    }
}

/// What two names have in common that look alike: one of their skeletons (UTS 39), in any
/// case. There are two, because a letter may look like another one in one case only.
pub(crate) fn skeletons(name: &str) -> [String; 2] {
    let as_written = skeleton_of(name);
    let in_lower_case = skeleton_of(&fold_name(name));
    [fold_name(&as_written).into_owned(), in_lower_case]
}

/// The skeleton of a name. Most names are ASCII, for which no tables are needed.
fn skeleton_of(name: &str) -> String {
    if !name.is_ascii() {
        return skeleton(name).collect();
    }
    let mut text = String::with_capacity(name.len() + 8);
    for c in name.chars() {
        match c {
            '"' => text.push_str("''"),
            '%' => text.push_str("\u{b0}/\u{2080}"),
            '0' => text.push('O'),
            '1' | 'I' | '|' => text.push('l'),
            '`' => text.push('\''),
            'm' => text.push_str("rn"),
            _ => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(name: &str) -> AdmissionError {
        prepare_name(name).unwrap_err()
    }

    #[test]
    fn names_of_ascii_stay_as_they_are() {
        let longest = "n".repeat(NAME_BYTES_MAX);
        for name in ["a", "bob", "Bob  the 2nd", "~!", &longest] {
            assert_eq!(check_name(name), Ok(()), "{name:?}");
            assert_eq!(check_ascii_name(name), Ok(()), "{name:?}");
            assert_eq!(prepare_name(name), Ok(name.into()));
            assert_eq!(ascii_name(name), name);
        }
        let longer = "n".repeat(NAME_BYTES_MAX + 1);
        for (name, error) in [
            ("", AdmissionError::NameEmpty),
            (&*longer, AdmissionError::NameTooLong { len: 65 }),
            ("b\tb", AdmissionError::NameUnprintable),
            ("b\x7f", AdmissionError::NameUnprintable),
            (" ", AdmissionError::NameBlankAtEnd),
            (" bob", AdmissionError::NameBlankAtEnd),
            ("bob ", AdmissionError::NameBlankAtEnd),
        ] {
            assert_eq!(check_name(name), Err(error), "{name:?}");
        }
        assert_eq!(check_ascii_name("bö"), Err(AdmissionError::NameNotAscii));
    }

    #[test]
    fn names_are_prepared_as_rfc_8266_has_it() {
        for (name, prepared) in [
            ("Zoë", "Zoë"),
            ("Zoe\u{308}", "Zoë"),
            ("\u{3a3}", "Σ"),
            ("ς", "ς"),
            ("♚", "♚"),
            ("Richard Ⅳ", "Richard IV"),
            ("  Zoë\u{2003} of\u{a0}\u{3000}Crete ", "Zoë of Crete"),
            ("ｆｕｌｌ", "full"),
            ("👋", "👋"),
            ("col·lega ñ", "col·lega ñ"),
            ("ゆき・はな", "ゆき・はな"),
            ("हिन्दी", "हिन्दी"),
            ("שלום", "שלום"),
            ("Straße", "Straße"),
        ] {
            assert_eq!(prepare_name(name).unwrap(), prepared, "{name:?}");
            assert_eq!(check_name(prepared), Ok(()));
            assert_eq!(check_name(name).is_ok(), name == prepared, "{name:?}");
        }
    }

    #[test]
    fn what_readers_cannot_see_is_refused() {
        for (character, name) in [
            ('\u{202e}', "bob\u{202e}é"),
            ('\u{2066}', "\u{2066}bob"),
            ('\u{200b}', "b\u{200b}ob"),
            ('\u{200d}', "b\u{200d}ob"),
            ('\u{feff}', "\u{feff}bob"),
            ('\u{ad}', "bo\u{ad}b"),
            ('\u{fe0f}', "☕\u{fe0f}"),
            ('\u{3164}', "\u{3164}"),
            ('\u{2800}', "a\u{2800}b"),
            ('\u{85}', "a\u{85}b"),
            ('\n', "é\n"),
            ('\u{2028}', "a\u{2028}b"),
            ('\u{e000}', "\u{e000}"),
            ('\u{ffff}', "\u{ffff}"),
            ('\u{378}', "\u{378}"),
            ('\u{1100}', "\u{1100}"),
            ('\u{b7}', "a·b"),
            ('\u{30fb}', "a\u{30fb}b"),
            ('\u{661}', "\u{661}\u{6f1}"),
        ] {
            assert_eq!(refused(name), AdmissionError::NameCharacter { character });
        }
        for name in [
            "\u{301}é",
            "é \u{301}",
            "e\u{315}\u{316}\u{317}\u{318}\u{319}",
        ] {
            assert_eq!(refused(name), AdmissionError::NameMarks, "{name:?}");
        }
        assert_eq!(refused("\u{2003}"), AdmissionError::NameEmpty);
        let long = "é".repeat(NAME_BYTES_MAX / 2);
        assert_eq!(check_name(&long), Ok(()));
        for longer in [long + "b", "é".repeat(NAME_BYTES_MAX), "é".repeat(9999)] {
            let len = longer.len();
            assert_eq!(refused(&longer), AdmissionError::NameTooLong { len });
        }
        // What gets longer.
        let error = refused(&"\u{fdfa}".repeat(20));
        assert!(matches!(error, AdmissionError::NameTooLong { .. }));
    }

    #[test]
    fn every_name_has_one_in_ascii() {
        for (name, ascii) in [
            ("Zoë", "Zoe"),
            ("Иван", "Ivan"),
            ("北京", "BeiJing"),
            ("Ελένη", "Eleni"),
            ("☕", ":coffee:"),
            ("Zoe\u{308}", "Zoe"),
            ("Игорь", "Igor'"),
            ("हिन्दी", "hindi"),
            ("\u{10ffff}", "_"),
            ("", "_"),
            (" ", "_"),
            (" é\n", "e"),
        ] {
            assert_eq!(ascii_name(name), ascii, "{name:?}");
        }
        let cut = ascii_name(&"🫰".repeat(3)).len();
        assert_eq!(cut, NAME_BYTES_MAX);
    }

    #[test]
    fn names_are_compared_in_any_case() {
        for (one, other) in [("ANN", "ann"), ("ZOË", "zoë"), ("Σ", "σ"), ("ЖЕНЯ", "женя")]
        {
            assert_eq!(fold_name(one), fold_name(other));
        }
        assert_ne!(fold_name("Σ"), fold_name("ς"));
    }

    #[test]
    fn skeletons_of_ascii_are_those_of_the_tables() {
        for c in '\0'..='\x7f' {
            let c = c.to_string();
            let wanted: String = skeleton(&c).collect();
            assert_eq!(skeleton_of(&c), wanted, "{c:?}");
        }
    }

    #[test]
    fn names_that_look_alike_have_a_skeleton_in_common() {
        let alike = |one: &str, other: &str| {
            let (one, other) = (skeletons(one), skeletons(other));
            one.iter().any(|skeleton| other.contains(skeleton))
        };
        for (one, other) in [
            ("ann", "аnn"),
            ("Ann", "Αnn"),
            ("ann", "ΑΝΝ"),
            ("ian", "Іan"),
            ("lan", "Іan"),
            ("bob", "b\u{585}b"),
            ("b0b", "b\u{585}b"),
            ("paypal", "раураl"),
        ] {
            assert!(alike(one, other), "{one} {other}");
            assert!(alike(other, one), "{other} {one}");
        }
        for (one, other) in [
            ("zoe", "Zoë"),
            ("ann", "Änn"),
            ("ivan", "Иван"),
            ("ann", "bob"),
        ] {
            assert!(!alike(one, other), "{one} {other}");
        }
    }

    proptest! {
        #[test]
        fn preparing_is_idempotent_and_bounded(name in "\\PC{0,40}|[a-z éͅßſKÅﬁ\u{300}\u{a0}\u{2003}-]{1,30}") {
            if let Ok(prepared) = prepare_name(&name) {
                prop_assert!((1..=NAME_BYTES_MAX).contains(&prepared.len()));
                prop_assert_eq!(prepare_name(&prepared), Ok(prepared.as_ref().into()));
                prop_assert_eq!(check_name(&prepared), Ok(()));
                prop_assert!(prepared.chars().all(crc_machine::is_printable), "{:?}", prepared);
            }
        }

        #[test]
        fn the_name_in_ascii_can_go_over_the_wire(name in any::<String>()) {
            let ascii = ascii_name(&name);
            prop_assert_eq!(check_ascii_name(&ascii), Ok(()));
            prop_assert_eq!(ascii_name(&ascii), ascii.as_ref());
        }

        #[test]
        fn folding_twice_changes_nothing(name in "\\PC{0,40}") {
            let folded = fold_name(&name);
            if check_name(&name).is_ok() {
                prop_assert_eq!(fold_name(&folded), folded.as_ref());
            }
        }
    }
}
