//! What a user may choose about the screen.

use crate::palette::Palette;

/// The choices, as the command line and the configuration make them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScreenOptions {
    /// The colours.
    pub(crate) palette: Palette,
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
            palette: Palette::from_environment(),
            time_format: "%H:%M".to_owned(),
            highlights: Vec::new(),
            bell: true,
            notify: true,
            mouse: false,
        }
    }
}
