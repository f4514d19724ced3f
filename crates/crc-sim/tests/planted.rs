//! The tester is tested: bugs that are planted are found. All of them, each in
//! up to 10,000 seeds, by the command `crc-sim planted`; here the quick ones.

#![cfg(feature = "planted")]

use crc_sim::{Bug, Settings, campaign};

#[test]
fn there_are_bugs_enough() {
    assert!(Bug::ALL.len() >= 20);
}

#[test]
fn what_breaks_much_is_found_at_once() {
    std::panic::set_hook(Box::new(|_| {}));
    for bug in [
        Bug::NobodyRemembered,
        Bug::QuitsUntold,
        Bug::ClientsStay,
        Bug::NeighbourStays,
        Bug::ServersUntold,
        Bug::QuitBack,
        Bug::JoinBack,
        Bug::ListedBehind,
        Bug::ClientsToldOfServers,
        Bug::NoAnswer,
        Bug::TwoAnswers,
        Bug::RefusalChanges,
        Bug::NoBound,
    ] {
        let settings = Settings {
            servers: 3..=6,
            planted: Some(bug),
            ..Settings::default()
        };
        let report = campaign(0..64, 2, &settings, |outcome| outcome.violations.is_empty());
        assert!(!report.violations.is_empty(), "{bug:?}");
    }
}
