//! Plain words for what is wrong in a file, and what may have been meant.

/// From this similarity on, a name is suggested.
const SIMILARITY_MIN: f64 = 0.75;

/// `; did you mean ...?` with the most similar of `known`, or nothing.
#[must_use]
pub fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let name = name.replace('_', "-").to_lowercase();
    let similar = known.map(|known| (strsim::jaro_winkler(&name, known), known));
    let similar = similar.filter(|(similarity, _)| *similarity >= SIMILARITY_MIN);
    let best = similar.max_by(|one, other| one.0.total_cmp(&other.0));
    best.map_or_else(String::new, |(_, known)| format!("; did you mean {known}?"))
}

/// An error of the TOML parser at a place, on one line. The usual mistake is to leave out the
/// quotes of a text.
pub(super) fn plain_syntax_error(text: &str, message: &str, at: usize) -> String {
    let message = message
        .lines()
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(", ");
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    let before = before.rsplit('\n').next().unwrap_or_default();
    let after = after.lines().next().unwrap_or_default();
    let line = format!("{before}{after}");
    let in_value = before.contains('=');
    let value = line.split_once('=').map_or("", |(_, value)| value);
    let first = value.trim_start_matches([' ', '\t', '[']).chars().next();
    let unquoted = first.is_some_and(|first| first.is_alphanumeric() || "/.:-+~".contains(first));
    match in_value && unquoted {
        true => format!("not a value ({message}): a text stands in quotes: key = \"text\""),
        false => message,
    }
}

/// An error about a program's own table, in plain words: what serde says of a type or a key.
pub(super) fn plain_table_error(text: &str, message: &str, at: usize) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    if message.starts_with("unknown field") {
        let name = quoted.next().unwrap_or_default();
        let known: Vec<_> = quoted.collect();
        let meant = did_you_mean(name, known.iter().copied());
        let keys = known.join(", ");
        return match meant.is_empty() {
            true => format!("unknown key {name}: the keys here are {keys}"),
            false => format!("unknown key {name}{meant} The keys here are {keys}"),
        };
    }
    if message.starts_with("missing field") {
        return format!("the key {} is missing", quoted.next().unwrap_or_default());
    }
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    let before = before.rsplit('\n').next().unwrap_or_default();
    let key = before.split_once('=').map_or("", |(key, _)| key.trim());
    let what = match message.rsplit_once(", expected ") {
        Some((_, "a sequence")) if key.is_empty() => {
            let table = after.lines().next().unwrap_or_default();
            let name = table.trim_start_matches('[').split(']').next();
            return format!(
                "write it as a list of tables: [[{}]]",
                name.unwrap_or_default()
            );
        }
        Some((_, "a sequence")) => "write a list, such as [\"a\", \"b\"]",
        Some((_, "a string" | "path string")) => "write a text in quotes",
        _ => return message.to_owned(),
    };
    match key {
        "" => what.to_owned(),
        key => format!("{key}: {what}"),
    }
}
