//! Uplinks that accept and never answer, as the servers of the original connection
//! tests: a server sends its registration and waits.

use std::path::Path;
use std::time::Duration;

use crc_e2e::fixture::{Fixture, Tap, wait, wire};
use crc_e2e::scenario::{Scenario, Settings, run};

#[test]
fn a_server_waits_for_an_uplink_that_never_answers() {
    let fixture = Fixture::new().unwrap();
    let muted = Tap::start(0, None).unwrap();
    let server = fixture.server(2, "quay").info("\"Ropes, and tar\"");
    let server = server.uplink(muted.address()).start().unwrap();
    assert!(wait::holds(wait::LONG, || muted.record().reads.len() == 1));
    // The protocol requires 15 s. A server that closes too early mostly does so at once.
    assert!(wait::stays(Duration::from_secs(3), || {
        let record = muted.record();
        record.closed.is_empty() && record.reads.len() == 1 && record.connections == 1
    }));
    let expected = wire::server_registration(2, 0, "quay", "\"Ropes, and tar\"");
    assert_eq!(wire::hex(&muted.record().reads[0]), wire::hex(&expected));
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
fn connection_scenarios_pass_with_muted_taps() {
    check("connections-two.json");
    check("connections-four.json");
    check("connections-eight.json");
    check("legacy/links-two-servers.json");
    check("legacy/links-four-servers.json");
}
