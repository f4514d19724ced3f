//! Some seeds, few enough to run with every change and unoptimised, and the seeds that found bugs.
//! The gate runs thousands with the optimised simulator.

use crc_sim::{Invariant, Settings, campaign, options, run_seed, shrink};

fn silence_panics() {
    std::panic::set_hook(Box::new(|_| {}));
}

#[test]
fn some_hundred_seeds_violate_no_invariant() {
    silence_panics();
    let settings = Settings {
        servers: 3..=8,
        ..Settings::default()
    };
    let report = campaign(0..300, 2, &settings, |_| true);
    assert_eq!(report.seeds, 300);
    assert!(report.violations.is_empty(), "{report}");
    assert!(report.counts.moves > 10, "clients move: {report}");
}

#[test]
fn networks_with_a_rendezvous_directory_violate_no_invariant() {
    silence_panics();
    let settings = Settings {
        servers: 3..=8,
        rendezvous: true,
        ..Settings::default()
    };
    let report = campaign(0..150, 2, &settings, |_| true);
    assert_eq!(report.seeds, 150);
    assert!(report.violations.is_empty(), "{report}");
}

#[test]
fn networks_with_channels_violate_no_invariant() {
    silence_panics();
    let settings = Settings {
        servers: 3..=8,
        channels: true,
        ..Settings::default()
    };
    let report = campaign(0..150, 2, &settings, |_| true);
    assert_eq!(report.seeds, 150);
    assert!(report.violations.is_empty(), "{report}");
    assert!(
        report.counts.channel_chats > 1000,
        "clients chat in channels: {report}"
    );
}

#[test]
fn networks_with_people_violate_no_invariant() {
    silence_panics();
    let settings = Settings {
        servers: 3..=8,
        people: true,
        ..Settings::default()
    };
    let report = campaign(0..100, 2, &settings, |_| true);
    assert_eq!(report.seeds, 100);
    assert!(report.violations.is_empty(), "{report}");
    assert!(
        report.counts.lines > 10_000,
        "users of text protocols take part: {report}"
    );
    assert!(report.counts.renames > 10, "clients take names: {report}");
}

#[test]
fn networks_with_operators_violate_no_invariant() {
    silence_panics();
    let settings = Settings {
        servers: 3..=8,
        operators: true,
        ..Settings::default()
    };
    let report = campaign(0..60, 2, &settings, |_| true);
    assert_eq!(report.seeds, 60);
    assert!(report.violations.is_empty(), "{report}");
}

#[test]
fn a_seed_gives_the_same_run_every_time() {
    let settings = Settings::default();
    for seed in 0..40 {
        let one = run_seed(seed, &settings);
        let other = run_seed(seed, &settings);
        assert_eq!(one.trace_hash, other.trace_hash, "seed {seed}");
        assert_eq!(one.counts, other.counts, "seed {seed}");
    }
}

#[test]
fn every_event_has_a_line_and_lines_change_nothing() {
    let quiet = run_seed(3, &Settings::default());
    let settings = Settings {
        lines: true,
        ..Settings::default()
    };
    let traced = run_seed(3, &settings);
    assert_eq!(traced.trace_hash, quiet.trace_hash);
    assert!(traced.lines.len() as u64 > traced.counts.events);
    assert!(quiet.lines.is_empty());
}

#[test]
fn runs_differ_in_kind() {
    let settings = Settings::default();
    let drawn: Vec<_> = (0..500).map(|seed| options(seed, &settings)).collect();
    assert!(drawn.iter().any(|options| options.servers == 3));
    assert!(drawn.iter().any(|options| options.servers > 20));
    assert!(drawn.iter().any(|options| options.v1_servers > 0));
    assert!(drawn.iter().any(|options| options.hostiles > 0));
    assert!(drawn.iter().any(|options| options.server_ids_collide));
    assert!(drawn.iter().any(|options| options.moves));
    assert!(drawn.iter().any(crc_sim::Options::is_all_v2));
}

#[test]
fn the_canary_is_reported_and_needs_no_step() {
    let settings = Settings {
        canary: true,
        ..Settings::default()
    };
    let report = campaign(0..8, 1, &settings, |_| true);
    assert_eq!(report.violations_of(Invariant::S1), 8);
    let (steps, outcome) = shrink(1, &settings).expect("a violation");
    assert!(steps.is_empty());
    assert_eq!(outcome.violations.len(), 1);
}

/// Seeds in which a campaign found a bug that is fixed.
#[test]
fn seeds_of_fixed_bugs_violate_no_invariant() {
    silence_panics();
    // A server that closed a link because of the order was never announced: two parts
    // stayed apart. Servers whose uplinks were down at first did not link to each other.
    for seed in [41, 53, 73, 82, 92, 99, 101, 119, 131, 132, 180, 187, 274] {
        let outcome = run_seed(seed, &Settings::default());
        assert_eq!(outcome.violations, [], "seed {seed}");
    }
}

/// Seeds in which people found a bug that is fixed, and the bug.
#[test]
fn seeds_of_fixed_bugs_with_people_violate_no_invariant() {
    silence_panics();
    let settings = Settings {
        people: true,
        ..Settings::default()
    };
    for (seed, _bug) in [
        (
            31_390,
            "ranks were unknown where a channel's age was corrected",
        ),
        (
            79_387,
            "an age was never told, since its founder's id was taken",
        ),
        (9_572, "what was said of an ended channel erased a lost one"),
        (
            107_820,
            "a member of an older channel came and went, and a lost one was founded anew",
        ),
    ] {
        let outcome = run_seed(seed, &settings);
        assert_eq!(outcome.violations, [], "seed {seed}");
    }
}

/// Seeds in which hostile people found a bug that is fixed, and the bug.
#[test]
fn seeds_of_fixed_bugs_with_hostile_people_violate_no_invariant() {
    silence_panics();
    let settings = Settings {
        people: true,
        hostile: true,
        ..Settings::default()
    };
    for (seed, _bug) in [
        (858, "an evicted v1 client got a refusal before its pause"),
        (1_727, "a version close to 0 was shifted to none"),
        (3_962, "a dial to a legacy server counted as activity"),
        (
            13_252,
            "a client sent a text for ever that was too long for its server",
        ),
    ] {
        let outcome = run_seed(seed, &settings);
        assert_eq!(outcome.violations, [], "seed {seed}");
    }
}

#[test]
fn seeds_of_fixed_bugs_of_other_runs_violate_no_invariant() {
    silence_panics();
    let plain = Settings::default();
    let channels = Settings {
        channels: true,
        ..Settings::default()
    };
    let hostile = Settings {
        hostile: true,
        ..Settings::default()
    };
    let auth = Settings {
        auth: true,
        ..Settings::default()
    };
    let auth_hostile = Settings {
        auth: true,
        hostile: true,
        ..Settings::default()
    };
    let hostile_rendezvous = Settings {
        hostile: true,
        rendezvous: true,
        ..Settings::default()
    };
    for (seed, settings, _bug) in [
        (
            493_370,
            plain,
            "the judge blamed a refusal for hosts that were leaving before",
        ),
        (
            13_305,
            channels,
            "a loop was tried every minute, since each time another server showed it",
        ),
        (
            4_018,
            hostile_rendezvous.clone(),
            "the directory sent no list to a server that was busy for a moment",
        ),
        (
            4_170,
            hostile_rendezvous,
            "below a new root a tall tree found its ranks one level after another",
        ),
        (
            43_527,
            hostile.clone(),
            "the answers to the chats of a lost client filled the queue of a server",
        ),
        (
            22_690,
            hostile,
            "an announcement with a clock and a shift began two shifts at once",
        ),
        (
            301_099,
            auth,
            "a server kept a client that gave way to one that left at once",
        ),
        (
            303_742,
            auth_hostile,
            "a server whose channel counted as older kept a rank that had become void elsewhere",
        ),
    ] {
        let outcome = run_seed(seed, &settings);
        assert_eq!(outcome.violations, [], "seed {seed}");
    }
}

/// Seeds in which long campaigns found a bug that is fixed, and the bug.
#[test]
fn seeds_of_fixed_rare_bugs_violate_no_invariant() {
    silence_panics();
    for (seed, _bug) in [
        (959, "an announcement came late, and quits were held back"),
        (30_769, "an announcement came late"),
        (48_605, "an alias was kept on a link to a v2 server"),
        (
            23_323,
            "a server closed a link before it read the announcement",
        ),
        (
            1_050,
            "a loop through a v1 server was cut again every few seconds",
        ),
        (
            1_820,
            "a v1 server refused a v2 server that it remembered, without end",
        ),
        (2_588, "a server dialled its own address"),
        (
            3_596,
            "below a v1 root no server found a place for its rank",
        ),
        (
            6_941,
            "a v1 neighbour was dialled again and again, each time under a new alias",
        ),
        (13_305, "each candidate of one loop was tried for itself"),
        (
            21_460,
            "a v1 server forgot a client because another server had lost it",
        ),
        (23_872, "a node that was taken for v1 got no keepalives"),
        (
            36_590,
            "of two servers with one id the other was never dialled again",
        ),
        (
            57_451,
            "a server that moved was announced again without a change",
        ),
        (
            182_003,
            "a server that moved could be announced from both sides",
        ),
        (226_755, "a stopped server went on to write"),
        (286_097, "a v1 server got a quit twice"),
        (
            375_039,
            "a client was refused because of one that the peer never heard of",
        ),
        (400_727, "a quit was sent for a host that had come back"),
        (
            915_016,
            "a server linked while its old place was being forgotten",
        ),
    ] {
        let outcome = run_seed(seed, &Settings::default());
        assert_eq!(outcome.violations, [], "seed {seed}");
    }
}
