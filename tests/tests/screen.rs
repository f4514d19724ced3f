//! The client of a user at a terminal: what the screen shows.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crc_e2e::fixture::{Fixture, Screen};

/// The sizes at which the screen has to be usable.
const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];

#[test]
fn two_users_at_terminals_talk_to_each_other() {
    for size in SIZES {
        let fixture = Fixture::new().unwrap();
        let server = fixture.server(1, "reef").start().unwrap();
        let [ann, bob] =
            ["ann", "bob"].map(|name| Screen::start(&fixture, server.address(), name, &[], size));
        ann.sees("here");
        bob.sees("here");
        ann.enters("/join #reef");
        ann.sees("#reef");
        bob.enters("/join #reef");
        bob.sees("#reef");
        ann.enters("/msg #reef hello bob");
        bob.sees("hello bob");
        bob.enters("/msg ann hello ann");
        ann.enters("/to bob");
        ann.sees("hello ann");
        for mut user in [ann, bob] {
            user.enters("/quit");
            assert!(user.wait_end().success());
        }
    }
}
