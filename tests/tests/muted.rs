//! Servers of the original's connection tests: they accept, note every read, and
//! never answer. A server of ours sends them its registration, and waits.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::time::Duration;

use crc_e2e::fixture::Tap;
use crc_e2e::fixture::{Fixture, wait, wire};
use crc_e2e::scenario::{Scenario, Settings, run};

#[test]
fn a_link_to_one_that_never_answers_is_kept() {
    let fixture = Fixture::new().unwrap();
    let mute = Tap::start(0, None).unwrap();
    let server = fixture.server(2, "quay").info("\"Ropes, and tar\"");
    let server = server.uplink(mute.address()).start().unwrap();
    assert!(wait::holds(wait::LONG, || mute.record().reads.len() == 1));
    // The protocol asks for 15 s; what is closed too early mostly is so at once.
    assert!(wait::stays(Duration::from_secs(3), || {
        let record = mute.record();
        record.closed.is_empty() && record.reads.len() == 1 && record.connections == 1
    }));
    let expected = wire::server_registration(2, 0, "quay", "\"Ropes, and tar\"");
    assert_eq!(wire::hex(&mute.record().reads[0]), wire::hex(&expected));
    assert!(server.state().unwrap().hosts.is_empty());
}

#[track_caller]
fn check(file: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let scenario = Scenario::read(&folder.join(file)).unwrap();
    let settings = Settings {
        muted: true,
        ..Settings::default()
    };
    let report = run(&scenario, &Fixture::new().unwrap(), &settings, |_, _| {}).unwrap();
    assert!(report.passed(), "{file}: {:#?}", report.problems);
}

#[test]
fn connections_as_the_original_tests_them() {
    check("connections-two.json");
    check("connections-four.json");
    check("connections-eight.json");
    check("legacy/links-two-servers.json");
    check("legacy/links-four-servers.json");
}
