//! The corpus, and a few inputs more: what the fuzzer has once looked at holds
//! still. Longer runs are the fuzzer's; see `docs/FUZZING.md`.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use crc_core::Random;
use crc_fuzz::{TARGETS, Target, corpus, seeds};

/// Runs the body; a failure says with which input.
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
        assert_eq!(written, Some(&seed.bytes), "`cargo run -p crc-fuzz` is due");
    }
    for (name, input) in &kept {
        assert!(input.len() <= target.input_bytes_max, "{name} is long");
        run(target, name, input);
    }
    let inputs: Vec<_> = kept.into_iter().map(|(_, input)| input).collect();
    let mut random = Random::new(20_260_701);
    for _ in 0..mutations {
        let input = corpus::mutated(&inputs, target, &mut random);
        run(target, "a mutation", &input);
    }
}

macro_rules! replayed {
    ($($target:ident: $mutations:expr),* $(,)?) => {
        $(
            #[test]
            fn $target() {
                check(stringify!($target), $mutations);
            }
        )*

        #[test]
        fn all_targets_are_replayed() {
            let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(names, [$(stringify!($target)),*]);
        }
    };
}

replayed! {
    decoder: 5_000,
    round_trip: 5_000,
    irc_decoder: 5_000,
    irc_message: 20_000,
    server: 1_500,
    lines: 800,
    client: 1_500,
    network: 300,
    hostile_stranger: 200,
    hostile_client: 200,
    hostile_server_of_ours: 200,
    hostile_original_server: 200,
    hostile_uplink: 200,
}
