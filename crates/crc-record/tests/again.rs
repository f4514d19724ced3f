//! What is written down is told again as it was.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::net::SocketAddr;
use std::time::Duration;

use crc_core::{
    Config, DialError, DialId, Endpoints, Event, LinkDown, LinkId, ListenerId, Machine, Origin,
    Outbox, Server, ServerCommand, TextProtocol, Timestamp, UNRANKED, Unsent,
};
use crc_record::{Recorder, RecordingError, digest, replay};
use crc_wire::{HostId, Info, Message, Name, Registration};
use proptest::prelude::*;

struct TempFile(std::path::PathBuf);

impl TempFile {
    fn new(name: &str) -> TempFile {
        let name = format!("crc-record-{}-{name}", std::process::id());
        TempFile(std::env::temp_dir().join(name))
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn config() -> Config {
    let mut config = Config::new(HostId::new(9).unwrap(), Name::new("atoll").unwrap());
    config.info = Info::new("Île").unwrap();
    config.connect = vec!["localhost:1".parse().unwrap(), "[::1]:2".parse().unwrap()];
    config.advertise = Some("atoll.example:3".parse().unwrap());
    config.rank = Some(4);
    config.text_listeners = vec![
        (ListenerId(7), TextProtocol::Irc),
        (ListenerId(8), TextProtocol::Legacy),
    ];
    config.legacy_connect = vec!["localhost:9".parse().unwrap()];
    config.motd = vec!["Mind the step.".to_owned()];
    config.started_at_unix_ms = 1_700_000_000_000;
    config.seed = u64::MAX;
    config
}

fn address(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn registration(id: u32) -> Vec<u8> {
    Message::ClientRegistration(Registration {
        source: HostId::new(id).unwrap(),
        last_hop: None,
        name: Name::new("ann").unwrap(),
        info: Info::default(),
    })
    .to_vec()
}

/// Tells a server the events, and records them.
fn live(file: &TempFile, bytes_max: u64, events: &[(u64, Told)]) -> Server {
    let mut recorder = Recorder::create(&file.0, &config(), bytes_max).unwrap();
    let mut server = Server::new(config());
    let mut out = Outbox::new();
    for (millis, told) in events {
        let now = Timestamp::START + Duration::from_millis(*millis);
        recorder.event(now, &told.event());
        server.handle(now, told.event(), &mut out);
        out.reset();
    }
    recorder.close(digest(&server)).unwrap();
    server
}

#[derive(Debug, Clone)]
enum Told {
    Start,
    Up(u32, bool),
    Bytes(u32, Vec<u8>),
    Down(u32, bool),
    DialFailed(u64),
    Found(u16),
    Tick,
    Leave,
}

impl Told {
    fn event(&self) -> Event<'_, ServerCommand> {
        let link = |link: &u32| LinkId::new(*link, 0);
        match self {
            Told::Start => Event::Command(ServerCommand::Start {
                listening: vec![address(7), "[::1]:8".parse().unwrap()],
            }),
            Told::Up(up, dialed) => Event::LinkUp {
                link: link(up),
                origin: match dialed {
                    true => Origin::Dialed { dial: DialId(1) },
                    false => Origin::Accepted {
                        listener: ListenerId(3),
                    },
                },
                endpoints: Endpoints {
                    peer: address(1000),
                    local: address(7),
                },
            },
            Told::Bytes(on, bytes) => Event::Bytes {
                link: link(on),
                bytes,
            },
            Told::Down(down, failed) => Event::LinkDown {
                link: link(down),
                why: match failed {
                    true => LinkDown::Failed(std::io::ErrorKind::ConnectionReset),
                    false => LinkDown::PeerClosed,
                },
                unsent: Unsent::default(),
            },
            Told::DialFailed(dial) => Event::DialFailed {
                dial: DialId(*dial),
                why: DialError::Failed(std::io::ErrorKind::ConnectionRefused),
            },
            Told::Found(count) => {
                let found = (0..*count).map(|port| address(port + 1).into());
                Event::Command(ServerCommand::Candidates(found.collect()))
            }
            Told::Tick => Event::Tick,
            Told::Leave => Event::Command(ServerCommand::Leave {
                reason: "so".into(),
            }),
        }
    }
}

fn day() -> Vec<(u64, Told)> {
    vec![
        (0, Told::Start),
        (5, Told::DialFailed(1)),
        (10, Told::Up(0, false)),
        (11, Told::Bytes(0, registration(101))),
        (12, Told::Up(1, false)),
        (13, Told::Bytes(1, registration(102))),
        (900, Told::Tick),
        (1000, Told::Up(2, false)),
        (1001, Told::Bytes(2, registration(101))),
        (2000, Told::Down(1, true)),
    ]
}

#[test]
fn a_day_is_told_again() {
    let file = TempFile::new("day");
    let server = live(&file, 1 << 20, &day());
    let recording = std::fs::read(&file.0).unwrap();
    let replayed = replay(&recording).unwrap();
    assert_eq!(replayed.events, 10);
    assert_eq!(replayed.span, Duration::from_secs(2));
    assert_eq!(replayed.digest_recorded, Some(digest(&server)));
    assert_eq!(digest(&replayed.server), digest(&server));
    assert!(!replayed.full);
    assert_eq!(replayed.server.snapshot().directory().len(), 1);
    assert_eq!(
        replay(&recording).unwrap().effects_hash,
        replayed.effects_hash
    );
}

#[test]
fn a_recording_is_bounded_and_what_fits_can_be_replayed() {
    let file = TempFile::new("bounded");
    let chatter = (0..1000).map(|n| (n, Told::Bytes(0, vec![0; 100])));
    let chatter = chatter.collect::<Vec<_>>();
    // Whatever part of the next event there would be room for.
    for bytes_max in 2_000..2_120 {
        live(&file, bytes_max, &chatter);
        let recording = std::fs::read(&file.0).unwrap();
        let len = recording.len() as u64;
        assert!((bytes_max - 130..=bytes_max).contains(&len), "{len}");
        let replayed = replay(&recording).unwrap();
        assert!(replayed.full);
        assert!((10..30).contains(&replayed.events), "{}", replayed.events);
        assert_eq!(replayed.digest_recorded, None);
    }
}

#[test]
fn a_recording_that_was_cut_is_replayed_up_to_there() {
    let file = TempFile::new("cut");
    live(&file, 1 << 20, &day());
    let recording = std::fs::read(&file.0).unwrap();
    let last = recording.len() - 20;
    let replayed = replay(&recording[..last]).unwrap();
    assert!(replayed.events >= 8);
    assert_eq!(replayed.digest_recorded, None);
}

#[test]
fn other_files_are_told_apart() {
    assert_eq!(replay(b"").unwrap_err(), RecordingError::NoRecording);
    assert_eq!(
        replay(b"something").unwrap_err(),
        RecordingError::NoRecording
    );
    for version in [0, 4] {
        let other = [b"crc-rec", &[version][..], b"and more"].concat();
        let error = RecordingError::OtherVersion(version);
        assert_eq!(replay(&other).unwrap_err(), error);
    }
}

#[test]
fn a_recording_of_version_1_can_be_read() {
    let file = TempFile::new("version-1");
    let server = live(&file, 1 << 20, &day());
    let mut recording = std::fs::read(&file.0).unwrap();
    // It does not tell how long the server waits to be told of others, which
    // stands behind those that it links to.
    let connect = b"localhost\x01\x03::1\x02\0";
    let place = recording
        .windows(connect.len())
        .position(|it| it == connect);
    recording.remove(place.unwrap() + connect.len() - 1);
    // Nor does it know of dialects, which stand behind all else: the time in six bytes, and
    // how many lines are read in a second in one.
    let dialects = b"\x02\x07\0\x08\x01\x01\x09localhost\x09\x01\x0eMind the step.";
    let place = recording
        .windows(dialects.len())
        .position(|it| it == dialects);
    let place = place.unwrap();
    recording.drain(place..place + dialects.len() + 7);
    recording[7] = 1;
    let replayed = replay(&recording).unwrap();
    assert_eq!(digest(&replayed.server), digest(&server));
    assert_eq!(replayed.digest_recorded, Some(digest(&server)));
}

#[test]
fn candidates_and_the_time_to_wait_for_them_are_told_again() {
    let file = TempFile::new("candidates");
    let mut config = config();
    config.connect.clear();
    config.rank = None;
    for (waits, found, rank) in [
        (None, None, 0),
        (Some(5_000), None, UNRANKED),
        (Some(4_000), None, 0),
        (Some(0), None, 0),
        (Some(5_000), Some(vec![]), 0),
        (Some(5_000), Some(vec![address(1).into()]), UNRANKED),
    ] {
        config.candidates_within = waits.map(Duration::from_millis);
        let mut recorder = Recorder::create(&file.0, &config, 1 << 20).unwrap();
        let mut server = Server::new(config.clone());
        let mut tell = |millis, event: &dyn Fn() -> Event<'static, ServerCommand>| {
            let now = Timestamp::START + Duration::from_millis(millis);
            recorder.event(now, &event());
            server.handle(now, event(), &mut Outbox::new());
        };
        tell(0, &|| {
            let listening = vec![address(7)];
            Event::Command(ServerCommand::Start { listening })
        });
        if let Some(found) = found {
            tell(1, &|| {
                Event::Command(ServerCommand::Candidates(found.clone()))
            });
        }
        tell(4_500, &|| Event::Tick);
        assert_eq!(server.snapshot().rank(), rank);
        recorder.close(digest(&server)).unwrap();
        let replayed = replay(&std::fs::read(&file.0).unwrap()).unwrap();
        assert_eq!(replayed.digest_recorded, Some(digest(&replayed.server)));
        assert_eq!(replayed.server.snapshot().rank(), rank);
        let (told, again) = (server.snapshot(), replayed.server.snapshot());
        assert_eq!(told.candidates(), again.candidates());
    }
}

fn told() -> impl Strategy<Value = Told> {
    let link = 0u32..4;
    prop_oneof![
        Just(Told::Start),
        Just(Told::Tick),
        Just(Told::Leave),
        (0u64..3).prop_map(Told::DialFailed),
        (0u16..4).prop_map(Told::Found),
        (link.clone(), any::<bool>()).prop_map(|(link, how)| Told::Down(link, how)),
        (link.clone(), 100u32..104).prop_map(|(link, id)| Told::Bytes(link, registration(id))),
        (link, prop::collection::vec(any::<u8>(), 1..300))
            .prop_map(|(link, bytes)| Told::Bytes(link, bytes)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_life_is_told_again(
        lives in prop::collection::vec((0u64..100_000, told()), 0..60),
        case in any::<u64>(),
    ) {
        let mut lives = lives;
        lives.sort_by_key(|(millis, _)| *millis);
        for link in 0..4 {
            lives.insert(0, (0, Told::Up(link, false)));
        }
        let file = TempFile::new(&format!("any-{case}"));
        let server = live(&file, 1 << 20, &lives);
        let replayed = replay(&std::fs::read(&file.0).unwrap()).unwrap();
        prop_assert_eq!(replayed.events, lives.len() as u64);
        prop_assert_eq!(replayed.digest_recorded, Some(digest(&server)));
        prop_assert_eq!(digest(&replayed.server), digest(&server));
    }

    #[test]
    fn no_bytes_make_it_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = replay(&bytes);
        let file = TempFile::new("beginning");
        live(&file, 1 << 20, &[]);
        let mut behind = std::fs::read(&file.0).unwrap();
        behind.extend(bytes);
        let _ = replay(&behind);
    }
}
