//! Lines that came, and patterns of lines.

use std::collections::BTreeMap;
use std::fmt;

/// A line that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) source: Option<String>,
    pub(crate) command: String,
    pub(crate) params: Vec<String>,
}

impl Line {
    /// Splits a line into its parts. It must be one that a server may send.
    pub(crate) fn parse(text: &str) -> Line {
        let (tags, rest) = match text.strip_prefix('@') {
            Some(tagged) => tagged.split_once(' ').expect("a command behind the tags"),
            None => ("", text),
        };
        let (tag_bytes, rest_bytes) = (text.len() - rest.len(), rest.len());
        assert!(tag_bytes <= 8191 && rest_bytes <= 510, "{text:?}");
        assert!(!text.contains(['\0', '\r', '\n']), "{text:?}");
        let mut line = Line::split(tags, rest);
        line.text = text.to_owned();
        line
    }

    fn split(tags: &str, rest: &str) -> Line {
        let tags = tags.split(';').filter(|tag| !tag.is_empty());
        let tags = tags.map(|tag| tag.split_once('=').unwrap_or((tag, "")));
        let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let (source, rest) = match rest.strip_prefix(':') {
            Some(rest) => {
                let (source, rest) = rest.split_once(' ').expect("a command behind the source");
                (Some(source.to_owned()), rest)
            }
            None => (None, rest),
        };
        let (words, last) = match rest.split_once(" :") {
            Some((words, last)) => (words, Some(last)),
            None => (rest, None),
        };
        let mut words = words.split(' ').filter(|word| !word.is_empty());
        let command = words.next().expect("a command").to_owned();
        let params = words.chain(last).map(str::to_owned).collect();
        Line {
            text: String::new(),
            tags: tags.collect(),
            source,
            command,
            params,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Compares a line with a pattern. `own` is the name of the server at which the reader is:
/// the source of a pattern without one.
///
/// A pattern is a line. In it:
///
/// - `:ann` as source is that nick, with or without user and host; `:ann!~ann@*` all of it;
/// - tags must be there with their values, `!key` must not be there, others may be there;
/// - `*` in a word or text stands for any characters; `{number}` and `{word}` for one of these;
/// - `{name=word}` stands for a word that later lines refer to by `{=name}`;
/// - `{set: a b}` as last parameter stands for these words in any order;
/// - `...` as last parameter stands for any further ones.
pub(crate) fn matches(
    pattern: &str,
    line: &Line,
    own: &str,
    captured: &mut BTreeMap<String, String>,
) -> bool {
    let (tags, rest) = match pattern.strip_prefix('@') {
        Some(tagged) => tagged.split_once(' ').expect("a command behind the tags"),
        None => ("", pattern),
    };
    let mut found = captured.clone();
    // A set has blanks in it, so it stands alone.
    let (rest, set) = match rest.split_once("{set:") {
        Some((rest, set)) => (
            rest.trim_end_matches(':').trim_end(),
            Some(set.trim_end_matches('}')),
        ),
        None => (rest, None),
    };
    let wanted = Line::split(tags, rest);
    let tags_match =
        wanted.tags.iter().all(
            |(key, value)| match (key.strip_prefix('!'), line.tags.get(key)) {
                (Some(absent), _) => !line.tags.contains_key(absent),
                (None, Some(there)) => text_matches(value, there, &mut found),
                (None, None) => false,
            },
        );
    let source_matches = match (&wanted.source, &line.source) {
        (None, there) => there.as_deref().is_none_or(|there| there == own),
        (Some(wanted), Some(there)) if wanted.contains(['!', '.']) => {
            text_matches(wanted, there, &mut found)
        }
        (Some(wanted), Some(there)) => {
            let nick = there.split('!').next().unwrap_or_default();
            text_matches(wanted, nick, &mut found)
        }
        (Some(_), None) => false,
    };
    let is_open = wanted.params.last().is_some_and(|last| last == "...");
    let mut params = wanted.params;
    if is_open {
        params.pop();
    }
    let (fixed, rest) = match line.params.split_at_checked(params.len()) {
        Some(parts) => parts,
        None => return false,
    };
    let rest_matches = match (set, rest) {
        (Some(set), [words]) => sorted(set) == sorted(words),
        (Some(_), _) => false,
        (None, rest) => is_open || rest.is_empty(),
    };
    let mut pairs = params.iter().zip(fixed);
    let is_match = tags_match
        && source_matches
        && text_matches(&wanted.command, &line.command, &mut found)
        && pairs.all(|(wanted, there)| text_matches(wanted, there, &mut found))
        && rest_matches;
    if is_match {
        *captured = found;
    }
    is_match
}

fn sorted(words: &str) -> Vec<&str> {
    let mut words: Vec<_> = words.split_ascii_whitespace().collect();
    words.sort_unstable();
    words
}

/// Replaces each `{=name}` by what was captured.
pub(crate) fn fill(text: &str, captured: &BTreeMap<String, String>) -> String {
    let mut filled = text.to_owned();
    for (name, value) in captured {
        filled = filled.replace(&format!("{{={name}}}"), value);
    }
    filled
}

fn text_matches(pattern: &str, text: &str, captured: &mut BTreeMap<String, String>) -> bool {
    let Some(at) = pattern.find(['*', '{']) else {
        return pattern == text;
    };
    let (before, rest) = pattern.split_at(at);
    let Some(text) = text.strip_prefix(before) else {
        return false;
    };
    let (hole, rest) = match rest.strip_prefix('*') {
        Some(rest) => ("any", rest),
        None => {
            let (hole, rest) = rest[1..].split_once('}').expect("a closing brace");
            (hole, rest)
        }
    };
    let (name, kind) = match hole.split_once('=') {
        Some((name, kind)) => (Some(name), kind),
        None => (None, hole),
    };
    let is_kind = |part: &str| match kind {
        "any" => true,
        "word" => !part.is_empty() && !part.contains(' '),
        "number" => !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()),
        other => panic!("{{{other}}} is not known"),
    };
    let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    ends.any(|end| {
        let (part, behind) = text.split_at(end);
        let mut found = captured.clone();
        let is_match = is_kind(part) && text_matches(rest, behind, &mut found);
        if is_match {
            *captured = found;
            if let Some(name) = name {
                captured.insert(name.to_owned(), part.to_owned());
            }
        }
        is_match
    })
}

#[test]
fn patterns_match_lines() {
    let mut captured = BTreeMap::new();
    let mut is_match =
        |pattern: &str, line: &str| matches(pattern, &Line::parse(line), "s", &mut captured);
    assert!(is_match("001 ann :Welcome *", ":s 001 ann :Welcome to all"));
    assert!(!is_match(
        "001 ann :Welcome *",
        ":other 001 ann :Welcome to all"
    ));
    assert!(!is_match("001 ann", ":s 001 ann :Welcome"));
    assert!(is_match("001 ann ...", ":s 001 ann x :Welcome"));
    assert!(is_match(":ann PRIVMSG #c Hi", ":ann!u@h PRIVMSG #c :Hi"));
    assert!(!is_match(":ann PRIVMSG #c Hi", ":annie!u@h PRIVMSG #c :Hi"));
    assert!(is_match("353 a = #c :{set: @a b}", ":s 353 a = #c :b @a"));
    assert!(!is_match("353 a = #c :{set: @a b}", ":s 353 a = #c :b a"));
    assert!(is_match("317 a {number} {number} *", ":s 317 a 0 17 :idle"));
    assert!(!is_match("317 a {number} {number} *", ":s 317 a 0 x :idle"));
    assert!(is_match("@x=1;!y PING s", "@x=1;z :s PING s"));
    assert!(!is_match("@x=1;!z PING s", "@x=1;z :s PING s"));
    assert!(is_match("@msgid={id=word} PING", "@msgid=abc :s PING"));
    assert_eq!(captured["id"], "abc");
    assert_eq!(fill("DELETE {=id}", &captured), "DELETE abc");
}
