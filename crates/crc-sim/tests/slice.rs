//! A slice of all seeds, small enough to be run with every change, and the
//! seeds that found something once.

use crc_sim::{Invariant, Settings, campaign, options, run_seed, shrink};

fn no_words_about_panics() {
    std::panic::set_hook(Box::new(|_| {}));
}

#[test]
fn a_few_hundred_seeds_keep_every_promise() {
    no_words_about_panics();
    let settings = Settings {
        servers: 3..=8,
        ..Settings::default()
    };
    let report = campaign(0..300, 2, &settings, |_| true);
    assert_eq!(report.seeds, 300);
    assert!(report.violations.is_empty(), "{report}");
}

#[test]
fn networks_that_find_themselves_by_a_rendezvous_keep_every_promise() {
    no_words_about_panics();
    let settings = Settings {
        servers: 3..=8,
        rendezvous: true,
        ..Settings::default()
    };
    let report = campaign(0..300, 2, &settings, |_| true);
    assert_eq!(report.seeds, 300);
    assert!(report.violations.is_empty(), "{report}");
}

#[test]
fn clients_in_channels_keep_every_promise() {
    no_words_about_panics();
    let settings = Settings {
        servers: 3..=8,
        channels: true,
        ..Settings::default()
    };
    let report = campaign(0..300, 2, &settings, |_| true);
    assert_eq!(report.seeds, 300);
    assert!(report.violations.is_empty(), "{report}");
    assert!(report.counts.channel_chats > 1000, "they do talk: {report}");
}

#[test]
fn a_seed_is_the_same_run_every_time() {
    let settings = Settings::default();
    for seed in 0..40 {
        let one = run_seed(seed, &settings);
        let other = run_seed(seed, &settings);
        assert_eq!(one.trace_hash, other.trace_hash, "seed {seed}");
        assert_eq!(one.counts, other.counts, "seed {seed}");
    }
}

#[test]
fn a_line_is_written_for_all_that_happens_and_changes_nothing() {
    let quiet = run_seed(3, &Settings::default());
    let settings = Settings {
        lines: true,
        ..Settings::default()
    };
    let told = run_seed(3, &settings);
    assert_eq!(told.trace_hash, quiet.trace_hash);
    assert!(told.lines.len() as u64 > told.counts.events);
    assert!(quiet.lines.is_empty());
}

#[test]
fn runs_differ_in_kind() {
    let settings = Settings::default();
    let drawn: Vec<_> = (0..500).map(|seed| options(seed, &settings)).collect();
    assert!(drawn.iter().any(|options| options.servers == 3));
    assert!(drawn.iter().any(|options| options.servers > 20));
    assert!(drawn.iter().any(|options| options.original_servers > 0));
    assert!(drawn.iter().any(|options| options.hostiles > 0));
    assert!(drawn.iter().any(|options| options.server_ids_collide));
    assert!(drawn.iter().any(crc_sim::Options::all_ours));
}

#[test]
fn the_canary_is_heard_and_needs_no_step_at_all() {
    let settings = Settings {
        canary: true,
        ..Settings::default()
    };
    let report = campaign(0..8, 1, &settings, |_| true);
    assert_eq!(report.broken(Invariant::S1), 8);
    let (steps, outcome) = shrink(1, &settings).expect("the canary sings");
    assert!(steps.is_empty());
    assert_eq!(outcome.violations.len(), 1);
}

/// Seeds in which a campaign found something that has been mended since.
#[test]
fn seeds_that_found_something_find_nothing_any_more() {
    no_words_about_panics();
    // Who hung up for the order was never heard of: two parts stayed apart.
    // Servers whose uplinks had not been there yet would not link to each other.
    for seed in [41, 53, 73, 82, 92, 99, 101, 119, 131, 132, 180, 187, 274] {
        let outcome = run_seed(seed, &Settings::default());
        assert_eq!(outcome.violations, [], "seed {seed}");
    }
}

/// Seeds that campaigns have found, and what was wrong then.
#[test]
fn seeds_that_were_found_and_mended() {
    no_words_about_panics();
    for (seed, _what_was_wrong) in [
        (
            959,
            "an announcement came late, and quits had been held back",
        ),
        (30_769, "an announcement came late"),
        (48_605, "an alias was kept for a server of ours"),
        (23_323, "a server was left before it was heard"),
        (
            1_050,
            "a loop through an original was cut again every few seconds",
        ),
        (
            1_820,
            "an original's memory kept a server of ours out for ever",
        ),
        (2_588, "a server dialled its own address"),
        (
            3_596,
            "below an original root nobody found a place for its rank",
        ),
        (
            6_941,
            "an original neighbour was dialled again and again, each time under a new alias",
        ),
        (
            13_305,
            "every candidate of one loop was tried in a row of its own",
        ),
        (
            21_460,
            "an original forgot a client because another server had lost it",
        ),
        (
            23_872,
            "who was taken for an original was never asked whether it was there",
        ),
        (
            36_590,
            "of two servers with one id the other was never dialled again",
        ),
        (57_451, "a server that moved was told of again without news"),
        (182_003, "a server that moved could come from both sides"),
        (226_755, "a server that was gone went on to write"),
        (286_097, "an original was told twice who had gone"),
        (400_727, "who had left and come again was said to have left"),
        (
            915_016,
            "a server came itself while its old place was being forgotten",
        ),
    ] {
        let outcome = run_seed(seed, &Settings::default());
        assert_eq!(outcome.violations, [], "seed {seed}");
    }
}
