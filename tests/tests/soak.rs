//! A short slice of each run of `crc-soak`. docs/RELIABILITY.md has the results of the
//! long runs.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{Fixture, Process};
use crc_e2e::soak::abuse::{self, Abuse};
use crc_e2e::soak::healing::{self, Loss, Place};
use crc_e2e::soak::{Control, flood, footprint, hostile, moves, tree};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

#[test]
fn ten_thousand_hostile_connections_do_no_harm() {
    let settings = hostile::Settings {
        connections: 10_000,
        workers: 4,
        // The warm-up of so short a run is incomplete.
        growth_max: 16 << 20,
        ..hostile::Settings::default()
    };
    let fixture = Fixture::new().unwrap();
    let report = hostile::run(&fixture, &settings, &Control::default()).unwrap();
    assert!(report.passed(), "{:#?}\n{report}", report.problems);
    assert!(report.connections.values().all(|&count| count > 0));
    assert!(report.served.chats > 0);
}

#[test]
fn an_unregistered_connection_uses_at_most_eight_kibibytes() {
    let report = footprint::run(&Fixture::new().unwrap(), 2000, &Control::default()).unwrap();
    assert!(report.passed(), "{report}");
    assert!(
        report.whole > report.silent,
        "the measurement shows a difference"
    );
}

fn check_tree(seed: u64, kind: tree::Kind) {
    let settings = tree::Settings {
        lasts: Duration::from_millis(1),
        servers: 5,
        clients: 4,
        seed,
        ..tree::Settings::default()
    };
    let report = tree::run(&Fixture::new().unwrap(), &settings, &Control::default()).unwrap();
    assert!(report.passed(), "{:#?}\n{report}", report.problems);
    assert_eq!(report.episodes.get(&kind), Some(&1), "{report}");
    assert!(report.at_rest.received > 0);
}

#[test]
fn a_tree_survives_freezes() {
    check_tree(0, tree::Kind::Freezes);
}

#[test]
fn a_tree_survives_crashes() {
    check_tree(1, tree::Kind::Crashes);
}

#[test]
fn a_tree_survives_stalls() {
    check_tree(4, tree::Kind::Stalls);
}

#[test]
fn a_tree_survives_all_faults_at_once() {
    check_tree(5, tree::Kind::Chaos);
}

#[test]
fn a_small_tree_heals() {
    let settings = healing::Settings {
        trials: 1,
        servers: 5,
        clients: 4,
        loss: Loss::Killed,
        ..healing::Settings::default()
    };
    let report = healing::run(&Fixture::new().unwrap(), &settings, &Control::default()).unwrap();
    assert!(report.passed(), "{:#?}", report.problems);
    assert_eq!(report.of(Place::Inner).len(), 1);
    assert_eq!(report.of(Place::Root).len(), 1);
}

#[test]
fn clients_of_a_lost_server_move() {
    use moves::Kind::{KilledNamed, Leaves};
    let settings = moves::Settings {
        trials: 2,
        clients: 3,
        kinds: vec![KilledNamed, Leaves],
        median_max: None,
        ..moves::Settings::default()
    };
    let report = moves::run(&Fixture::new().unwrap(), &settings, &Control::default()).unwrap();
    assert!(report.passed(), "{:#?}\n{report}", report.problems);
    assert_eq!(report.of(KilledNamed).len(), 6);
    assert_eq!(report.of(Leaves).len(), 6);
}

#[test]
fn what_is_typed_during_a_flood_arrives() {
    let settings = flood::Settings {
        members: 200,
        lines: 1_000,
        rate: 1_000,
        span: Duration::from_secs(1),
        echo_max: None,
    };
    let report = flood::run(&Fixture::new().unwrap(), &settings, &Control::default()).unwrap();
    assert!(report.passed(), "{:#?}\n{report}", report.problems);
    assert!(report.typed > 0 && report.messages > 0, "{report}");
}

#[test]
fn an_interrupted_run_stops_its_processes() {
    let fixture = Fixture::new().unwrap();
    let folder = fixture.binaries().server.parent().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_crc-soak"));
    command
        .args(["tree", "--minutes", "5", "--servers", "3", "--clients", "2"])
        .arg("--bin-dir")
        .arg(folder)
        .stdin(Stdio::null());
    let log = fixture.logs().path().join("soak.log");
    let mut soak = Process::start("soak", command, log).unwrap();
    let own = soak.id();
    let children = || -> Vec<Pid> {
        let tasks = fs::read_dir(format!("/proc/{own}/task")).unwrap();
        let lists = tasks.filter_map(|task| {
            let path = task.ok()?.path().join("children");
            fs::read_to_string(path).ok()
        });
        let ids: Vec<i32> = lists
            .flat_map(|list| {
                let ids = list.split_whitespace().filter_map(|id| id.parse().ok());
                ids.collect::<Vec<_>>()
            })
            .collect();
        ids.into_iter().filter_map(Pid::from_raw).collect()
    };
    assert!(wait::holds(LONG, || children().len() == 5));
    let started = children();
    let raw = i32::try_from(own).unwrap();
    kill_process(Pid::from_raw(raw).unwrap(), Signal::INT).unwrap();
    assert_eq!(soak.wait_end(LONG).unwrap().code(), Some(130));
    for child in started {
        assert!(
            test_kill_process(child).is_err(),
            "{child:?} is still running"
        );
    }
}

/// Without a judgement of times, which depend on the machine.
fn check_abuse(attacks: &[Abuse]) {
    let settings = abuse::Settings {
        attacks: attacks.to_vec(),
        lasts: Duration::from_millis(500),
        worst_max: None,
    };
    let report = abuse::run(&Fixture::new().unwrap(), &settings, &Control::default()).unwrap();
    assert!(report.passed(), "{:#?}\n{report}", report.problems);
    for outcome in &report.outcomes {
        let [near, far] = [&outcome.near, &outcome.far].map(abuse::Timed::count);
        assert!(near > 0 && far > 0, "{outcome:#?}");
    }
}

#[test]
fn users_of_irc_who_ask_for_much_do_no_harm() {
    let (attacks, _) = Abuse::ALL.split_at(7);
    assert_eq!(attacks.last(), Some(&Abuse::ManyLines));
    check_abuse(attacks);
}

#[test]
fn clients_that_change_much_do_no_harm() {
    check_abuse(&[
        Abuse::Registrations,
        Abuse::Joins,
        Abuse::Settings,
        Abuse::FullChannels,
        Abuse::Places,
    ]);
}

#[test]
fn clients_that_say_much_do_no_harm() {
    check_abuse(&[
        Abuse::Notices,
        Abuse::ChannelChats,
        Abuse::SlowNeighbour,
        Abuse::LongTexts,
    ]);
}

#[test]
fn servers_that_report_much_do_no_harm() {
    check_abuse(&[
        Abuse::LargeHosts,
        Abuse::ManyChannels,
        Abuse::BanDiffs,
        Abuse::Ghosts,
    ]);
}

#[test]
fn a_server_whose_id_is_wanted_links_again() {
    check_abuse(&[Abuse::IdThieves]);
}
