//! Which texts mention the user.

/// Whether a text has the user's name, or one of the other words, in it.
pub(crate) fn mentions(text: &str, name: &str, highlights: &[String]) -> bool {
    let highlights = highlights.iter().map(String::as_str);
    let mut words = highlights.chain([name]);
    words.any(|word| has_word(text, word))
}

/// Whether a word is in a text, in either case, and not as a part of another word.
fn has_word(text: &str, word: &str) -> bool {
    let (text, word) = (text.to_lowercase(), word.to_lowercase());
    if word.is_empty() {
        return false;
    }
    let mut start = 0;
    while let Some(at) = text[start..].find(&word) {
        let (begin, end) = (start + at, start + at + word.len());
        let before = text[..begin].chars().next_back();
        let after = text[end..].chars().next();
        let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        if !is_part(before) && !is_part(after) {
            return true;
        }
        start = end;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mention_is_a_whole_word() {
        for (text, found) in [
            ("hello ann", true),
            ("ANN: hi", true),
            ("@ann, (ann)", true),
            ("anna banann", false),
            ("annannann", false),
            ("ann_", false),
            ("", false),
        ] {
            assert_eq!(has_word(text, "Ann"), found, "{text:?}");
        }
        assert!(has_word("grüße Zoë!", "zoë"));
        assert!(!has_word("anything", ""));
    }
}
