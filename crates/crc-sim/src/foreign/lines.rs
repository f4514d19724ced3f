//! Lines of text, as nodes that speak a text protocol read them.

/// The lines of a stream. An incomplete one waits for its end.
#[derive(Debug, Clone, Default)]
pub(super) struct LineReader {
    tail: Vec<u8>,
}

/// A line, cut into its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its tags, as they are written.
    pub(crate) tags: String,
    /// The prefix; empty if there is none.
    pub(crate) source: String,
    /// The name in front of the prefix's `!`.
    pub(crate) who: String,
    pub(crate) command: String,
    pub(crate) params: Vec<String>,
}

impl Line {
    /// A parameter; empty if there is none.
    pub(crate) fn param(&self, at: usize) -> &str {
        self.params.get(at).map_or("", |param| param)
    }

    /// Parses a line without its end.
    pub(crate) fn parse(line: &str) -> Line {
        let (tags, line) = match line.strip_prefix('@') {
            Some(line) => line.split_once(' ').unwrap_or((line, "")),
            None => ("", line),
        };
        let (prefix, rest) = match line.strip_prefix(':') {
            Some(line) => line.split_once(' ').unwrap_or((line, "")),
            None => ("", line),
        };
        let (middle, trailing) = match rest.split_once(" :") {
            Some((middle, trailing)) => (middle, Some(trailing)),
            None => (rest, None),
        };
        let mut words = middle.split(' ').filter(|word| !word.is_empty());
        let command = words.next().unwrap_or_default().to_owned();
        let params = words.chain(trailing).map(str::to_owned).collect();
        let who = prefix.split('!').next().unwrap_or_default().to_owned();
        Line {
            tags: tags.to_owned(),
            source: prefix.to_owned(),
            who,
            command,
            params,
        }
    }

    /// The line with the first names of channels in place of those that they were renamed to.
    pub(super) fn with_first_names(&self) -> Line {
        let mut line = self.clone();
        for param in &mut line.params {
            *param = first_name(param).to_owned();
        }
        line
    }
}

/// The first name of a channel: people rename `#reef` to `#reef-1` and the like only.
pub(crate) fn first_name(param: &str) -> &str {
    let is_channel = param.trim_start_matches(['@', '+']).starts_with('#');
    match param.split_once('-').filter(|_| is_channel) {
        Some((name, _)) => name,
        None => param,
    }
}

impl LineReader {
    /// The lines that are complete with these bytes.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Vec<Line> {
        self.tail.extend_from_slice(bytes);
        let Some(end) = self.tail.iter().rposition(|byte| *byte == b'\n') else {
            return Vec::new();
        };
        let rest = self.tail.split_off(end + 1);
        let whole = core::mem::replace(&mut self.tail, rest);
        lines(&whole)
    }
}

/// The lines in some bytes.
pub(crate) fn lines(bytes: &[u8]) -> Vec<Line> {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.split('\n').map(|line| line.trim_end_matches('\r'));
    let lines = lines.filter(|line| !line.is_empty());
    lines.map(Line::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_and_in_parts() {
        let mut reader = LineReader::default();
        assert_eq!(reader.read(b":ann!a@1.crc PRIV"), []);
        let lines = reader.read(b"MSG #reef :Hi  all :)\r\nPING x\r\nQ");
        assert_eq!(lines[0].who, "ann");
        assert_eq!(lines[0].command, "PRIVMSG");
        assert_eq!(lines[0].params, ["#reef", "Hi  all :)"]);
        assert_eq!(lines[1], Line::parse("PING x"));
        assert_eq!(lines.len(), 2);
        let tagged = Line::parse("@+a=b;time=1 :ann TAGMSG #reef");
        assert_eq!(tagged.tags, "+a=b;time=1");
        assert_eq!((&*tagged.who, tagged.param(0)), ("ann", "#reef"));
    }
}
