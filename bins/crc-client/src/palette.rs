//! The colours of text for people.

use std::fmt;

use crc_wire::HostId;

/// The colours of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Palette {
    Plain,
    Colours,
}

/// The kind of a text, which decides its colour.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Style {
    /// An event of the network.
    Event,
    /// An error.
    Error,
    /// The name of a client.
    Name(HostId),
    /// The name of the channel of a chat.
    Channel,
    /// The prompt.
    Prompt,
}

impl Palette {
    /// The palette for the environment: `NO_COLOR` and `TERM=dumb` ask for none.
    pub(crate) fn from_environment() -> Palette {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        if no_color || dumb {
            Palette::Plain
        } else {
            Palette::Colours
        }
    }

    /// `text` in the colour of its style.
    pub(crate) fn paint(self, style: Style, text: impl fmt::Display) -> String {
        let code = match (self, style) {
            (Palette::Plain, _) => return text.to_string(),
            (Palette::Colours, Style::Event) => 2,
            (Palette::Colours, Style::Error) => 31,
            (Palette::Colours, Style::Prompt | Style::Channel) => 1,
            // One client keeps one colour. Red is for errors.
            (Palette::Colours, Style::Name(id)) => 32 + id.get() % 5,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}
