//! What a user may choose about the screen.

use crate::palette::Palette;

/// The choices, as the command line and the configuration make them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScreenOptions {
    /// The colours.
    pub(crate) theme: Theme,
    /// The time of a line, as `strftime` writes it.
    pub(crate) time_format: String,
    /// Words that count as a mention, besides the user's name.
    pub(crate) highlights: Vec<String>,
    /// Whether a mention rings the bell of the terminal.
    pub(crate) bell: bool,
    /// Whether a mention becomes a notification of the desktop (OSC 9).
    pub(crate) notify: bool,
    /// Whether the wheel of the mouse scrolls. The terminal's own selection then needs the shift
    /// key.
    pub(crate) mouse: bool,
}

impl Default for ScreenOptions {
    fn default() -> Self {
        ScreenOptions {
            theme: Theme::from_environment(),
            time_format: "%H:%M".to_owned(),
            highlights: Vec::new(),
            bell: true,
            notify: true,
            mouse: false,
        }
    }
}

/// How many colours there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Theme {
    /// None: bold, dim, underlined and reversed text only.
    Plain,
    /// The eight basic ones, as the terminal defines them.
    Basic,
    /// 256.
    Rich,
}

impl Theme {
    /// The theme for the environment: `NO_COLOR` asks for none, and `TERM` or `COLORTERM` tell
    /// of 256 colours.
    pub(crate) fn from_environment() -> Theme {
        let of = |name| std::env::var(name).unwrap_or_default();
        match Palette::from_environment() {
            Palette::Plain => Theme::Plain,
            Palette::Colours if of("TERM").contains("256") || !of("COLORTERM").is_empty() => {
                Theme::Rich
            }
            Palette::Colours => Theme::Basic,
        }
    }
}
