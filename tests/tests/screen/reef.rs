//! What most tests begin with: ann at a terminal and bob at an IRC client, both in #reef.

use crc_e2e::fixture::irc::LinePeer;
use crc_e2e::fixture::{Fixture, Screen, Server};

/// The sizes at which the screen has to be usable.
pub(crate) const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];

/// The key that leaves a mode.
pub(crate) const ESC: &str = "\u{1b}";
pub(crate) const PAGE_UP: &str = "\u{1b}[5~";
pub(crate) const PAGE_DOWN: &str = "\u{1b}[6~";
pub(crate) const UP: &str = "\u{1b}[A";
pub(crate) const DOWN: &str = "\u{1b}[B";
pub(crate) const F1: &str = "\u{1b}OP";

/// A control key.
pub(crate) fn ctrl(key: char) -> String {
    char::from(key as u8 & 0x1f).to_string()
}

/// A key with Alt.
pub(crate) fn alt(key: char) -> String {
    format!("{ESC}{key}")
}

pub(crate) struct Reef {
    pub(crate) ann: Screen,
    pub(crate) bob: LinePeer,
    pub(crate) server: Server,
    pub(crate) fixture: Fixture,
    pub(crate) size: (u16, u16),
}

impl Reef {
    pub(crate) fn start(size: (u16, u16)) -> Reef {
        Reef::start_in(size, &[])
    }

    /// With further variables in the environment of ann's client.
    pub(crate) fn start_in(size: (u16, u16), environment: &[(&str, &str)]) -> Reef {
        let fixture = Fixture::new().unwrap();
        // Some tests start it again there.
        let address = fixture.reserve().unwrap();
        let server = fixture.server(1, "reef").listen(address).irc();
        let server = server.start().unwrap();
        let bob = user(&server, "bob");
        let ann = Screen::start_in(&fixture, server.address(), "ann", &[], size, environment);
        ann.sees("1 other client is here");
        ann.enters("/join #reef");
        ann.sees("you are in #reef");
        prompts(&ann, "#reef>");
        Reef {
            ann,
            bob,
            server,
            fixture,
            size,
        }
    }

    /// The terminal loses the focus: the user looks elsewhere.
    pub(crate) fn look_away(&self) {
        self.ann.types("\u{1b}[O");
        // The next keys are handled after that.
        self.ann.types("seen");
        prompts(&self.ann, "#reef> seen");
        self.ann.types(&ctrl('u'));
    }

    /// Bob sends a text to the channel.
    pub(crate) fn bob_says(&mut self, text: &str) {
        let line = format!("PRIVMSG #reef :{text}");
        self.bob.send_line(&line).unwrap();
    }
}

/// A user of IRC who is in #reef.
pub(crate) fn user(server: &Server, name: &str) -> LinePeer {
    let mut user = LinePeer::irc_user(server.irc().unwrap(), name).unwrap();
    user.send_line("JOIN #reef").unwrap();
    user.expect(" 366 ");
    user
}

/// Waits until the last row, in which the user types, begins with this.
#[track_caller]
pub(crate) fn prompts(screen: &Screen, text: &str) {
    screen.wait(&format!("the last row {text:?}"), |rows| {
        rows.last()
            .is_some_and(|row| row.starts_with(text.trim_end()))
    });
}

pub(crate) fn at_each_size(test: impl Fn(Reef)) {
    for size in SIZES {
        test(Reef::start(size));
    }
}
