//! The colours of text for people.

use std::fmt;

/// How many colours there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Palette {
    /// None: bold, dim, underlined and reversed text only, and in lines not even those.
    Plain,
    /// The eight basic ones, as the terminal defines them.
    Basic,
    /// 256.
    Rich,
}

/// The colours of names. Red is for errors and mentions.
const BASIC_NAMES: [u8; 5] = [2, 3, 4, 5, 6];
const RICH_NAMES: [u8; 16] = [
    33, 37, 39, 41, 65, 69, 71, 75, 99, 108, 134, 139, 172, 173, 178, 180,
];

/// The kind of a text in a line, which decides its colour.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Style<'n> {
    /// An event of the network, the time, a new day.
    Event,
    /// An error.
    Error,
    /// The name of a client.
    Name(&'n str),
    /// The name of a client who mentions the user.
    Mention,
    /// The name of the channel of a chat.
    Channel,
    /// The prompt.
    Prompt,
}

impl Palette {
    /// The palette for the environment: `NO_COLOR` and `TERM=dumb` ask for none, and `TERM` or
    /// `COLORTERM` tell of 256 colours.
    pub(crate) fn from_environment() -> Palette {
        let of = |name| std::env::var_os(name).unwrap_or_default();
        let term = of("TERM");
        if !of("NO_COLOR").is_empty() || term == "dumb" {
            Palette::Plain
        } else if term.to_string_lossy().contains("256") || !of("COLORTERM").is_empty() {
            Palette::Rich
        } else {
            Palette::Basic
        }
    }

    /// The colour of a name among 256, if there are colours: one name keeps one colour.
    pub(crate) fn of_name(self, name: &str) -> Option<u8> {
        let hash = name.bytes().fold(5_381_usize, |hash, byte| {
            hash.wrapping_mul(33) ^ usize::from(byte)
        });
        match self {
            Palette::Plain => None,
            Palette::Basic => Some(BASIC_NAMES[hash % BASIC_NAMES.len()]),
            Palette::Rich => Some(RICH_NAMES[hash % RICH_NAMES.len()]),
        }
    }

    /// `text` in the colour of its style, as a terminal shows it.
    pub(crate) fn paint(self, style: Style<'_>, text: impl fmt::Display) -> String {
        let code = match (self, style) {
            (Palette::Plain, _) => return text.to_string(),
            (_, Style::Event) => "2".to_owned(),
            (_, Style::Error) => "31".to_owned(),
            (_, Style::Mention) => "1;7;31".to_owned(),
            (_, Style::Prompt | Style::Channel) => "1".to_owned(),
            (_, Style::Name(name)) => match self.of_name(name) {
                Some(basic @ 0..8) => format!("{}", 30 + basic),
                rich => format!("38;5;{}", rich.unwrap_or_default()),
            },
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}
