//! The simulator finds planted bugs: the ones that show in few seeds. `crc-sim planted`
//! looks for all of them.

#![cfg(feature = "planted")]

use crc_sim::{Bug, Settings, campaign};

#[test]
fn there_are_at_least_twenty_bugs() {
    assert!(Bug::ALL.len() >= 20);
}

#[test]
fn bugs_that_show_often_are_found() {
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
