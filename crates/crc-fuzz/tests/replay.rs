//! Replays the corpus and some mutations of it. See `docs/FUZZING.md` for longer runs.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use crc_core::Random;
use crc_fuzz::{TARGETS, Target, corpus, seeds};

/// Runs a body; a failure shows the input.
fn run(target: Target, name: &str, input: &[u8]) {
    let caught = std::panic::catch_unwind(|| (target.body)(input));
    assert!(caught.is_ok(), "{} with {name}: {input:?}", target.name);
}

fn check(name: &str, mutations: u32) {
    let target = TARGETS.into_iter().find(|target| target.name == name);
    let target = target.unwrap();
    let kept = corpus::read(target).unwrap();
    for seed in seeds::seeds(name) {
        let written = kept.iter().find(|(name, _)| name == seed.name);
        let written = written.map(|(_, bytes)| bytes);
        assert_eq!(written, Some(&seed.bytes), "run `cargo run -p crc-fuzz`");
    }
    for (name, input) in &kept {
        assert!(input.len() <= target.input_bytes_max, "{name} is too long");
        run(target, name, input);
    }
    let inputs: Vec<_> = kept.into_iter().map(|(_, input)| input).collect();
    let mut random = Random::new(20_260_701);
    for _ in 0..mutations {
        let input = corpus::mutated(&inputs, target, &mut random);
        run(target, "a mutation", &input);
    }
}

macro_rules! replay {
    ($($target:ident: $mutations:expr),* $(,)?) => {
        $(
            #[test]
            fn $target() {
                check(stringify!($target), $mutations);
            }
        )*

        #[test]
        fn every_target_is_replayed() {
            let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(names, [$(stringify!($target)),*]);
        }
    };
}

replay! {
    decoder: 5_000,
    round_trip: 5_000,
    irc_decoder: 5_000,
    irc_message: 20_000,
    config: 3_000,
    proxy_header: 20_000,
    ban: 1_000,
    server: 1_500,
    lines: 800,
    client: 1_500,
    network: 300,
    hostile_unregistered: 200,
    hostile_client: 200,
    hostile_v2_server: 200,
    hostile_v1_server: 200,
    hostile_liar: 200,
    hostile_uplink: 200,
}
