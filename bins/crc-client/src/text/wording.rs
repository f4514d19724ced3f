//! How lines are worded, and for whom.

use crc_core::{Escaped, HostRef};
use crc_wire::HostId;

use crate::command::Target;
use crate::names::Names;
use crate::palette::Palette;
use crate::shown::shown;

/// How lines are worded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wording<'n> {
    pub(crate) palette: Palette,
    /// For people: a client has an id behind its name only where two share it, and codes for colours
    /// and the like are left out of texts. Otherwise a line is what programs have always read.
    names: Option<&'n Names>,
    /// Whether it is about the user.
    pub(super) is_mention: bool,
}

impl<'n> Wording<'n> {
    /// For pipes and files.
    pub(crate) const PROGRAMS: Wording<'static> = Wording {
        palette: Palette::Plain,
        names: None,
        is_mention: false,
    };

    /// For lines without names and texts of others.
    pub(crate) const fn plain(palette: Palette) -> Wording<'static> {
        Wording {
            palette,
            ..Wording::PROGRAMS
        }
    }

    /// For people at a terminal.
    pub(crate) const fn for_people(palette: Palette, names: &'n Names) -> Wording<'n> {
        Wording {
            palette,
            names: Some(names),
            is_mention: false,
        }
    }

    /// The same for a line that mentions the user, or does not.
    pub(crate) const fn mentioning(self, is_mention: bool) -> Wording<'n> {
        Wording { is_mention, ..self }
    }

    pub(super) const fn is_for_people(self) -> bool {
        self.names.is_some()
    }

    /// A client, with its name if it is known.
    pub(super) fn client(self, id: HostId, name: Option<&str>) -> String {
        match (self.names, name) {
            (Some(names), name) => names.shown(id, name),
            (None, Some(name)) => format!("{} ({id})", Escaped(name)),
            (None, None) => id.to_string(),
        }
    }

    pub(super) fn host(self, host: &HostRef) -> String {
        self.client(host.id, host.name.as_deref())
    }

    pub(super) fn target(self, target: &Target) -> String {
        match self.names {
            Some(names) => names.shown_target(target),
            None => Escaped(&target.to_string()).to_string(),
        }
    }

    /// A text of a peer.
    pub(super) fn foreign(self, text: &str) -> String {
        match self.names {
            Some(_) => shown(text),
            None => Escaped(text).to_string(),
        }
    }
}
