//! A replay reaches the state of the recorded server.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::net::SocketAddr;
use std::time::Duration;

use crc_core::{
    Config, DialError, DialId, Endpoints, Event, LinkConfig, LinkDirection, LinkDown, LinkId,
    ListenerId, Machine, Origin, Outbox, Secret, Server, ServerCommand, TextProtocol, Timestamp,
    UNRANKED, Unsent,
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

/// Gives events to a server, and records them.
fn record(file: &TempFile, bytes_max: u64, events: &[(u64, Recorded)]) -> Server {
    record_with(file, &config(), bytes_max, events)
}

fn record_with(
    file: &TempFile,
    config: &Config,
    bytes_max: u64,
    events: &[(u64, Recorded)],
) -> Server {
    let mut recorder = Recorder::create(&file.0, config, bytes_max).unwrap();
    let mut server = Server::new(config.clone());
    let mut out = Outbox::new();
    for (millis, event) in events {
        let now = Timestamp::START + Duration::from_millis(*millis);
        recorder.event(now, &event.event());
        server.handle(now, event.event(), &mut out);
        out.reset();
    }
    recorder.close(digest(&server)).unwrap();
    server
}

#[derive(Debug, Clone)]
enum Recorded {
    Start,
    Up(u32, bool),
    Bytes(u32, Vec<u8>),
    Down(u32, bool),
    DialFailed(u64),
    Found(u16),
    Tick,
    Reconfigure(u16),
    Leave,
    TellOperators,
}

impl Recorded {
    fn event(&self) -> Event<'_, ServerCommand> {
        let link = |link: &u32| LinkId::new(*link, 0);
        match self {
            Recorded::Start => Event::Command(ServerCommand::Start {
                listening: vec![address(7), "[::1]:8".parse().unwrap()],
            }),
            Recorded::Up(up, dialed) => Event::LinkUp {
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
                security: None,
            },
            Recorded::Bytes(on, bytes) => Event::Bytes {
                link: link(on),
                bytes,
            },
            Recorded::Down(down, failed) => Event::LinkDown {
                link: link(down),
                why: match failed {
                    true => LinkDown::Failed(std::io::ErrorKind::ConnectionReset),
                    false => LinkDown::PeerClosed,
                },
                unsent: Unsent::default(),
            },
            Recorded::DialFailed(dial) => Event::DialFailed {
                dial: DialId(*dial),
                why: DialError::Failed(std::io::ErrorKind::ConnectionRefused),
            },
            Recorded::Found(count) => {
                let found = (0..*count).map(|port| address(port + 1).into());
                Event::Command(ServerCommand::Candidates(found.collect()))
            }
            Recorded::Tick => Event::Tick,
            Recorded::Reconfigure(hosts_max) => {
                let mut settings = config().reconfiguration();
                settings.server_peers = vec!["192.0.2.0/24".parse().unwrap()];
                settings.motd = vec![String::new(), "hi".to_owned()];
                settings.limits.hosts_max = usize::from(*hosts_max);
                settings.limits.irc_lines_per_second = 3;
                Event::Command(ServerCommand::Reconfigure(Box::new(settings)))
            }
            Recorded::TellOperators => Event::Command(ServerCommand::TellOperators {
                text: "reloaded".into(),
            }),
            Recorded::Leave => Event::Command(ServerCommand::Leave {
                reason: "so".into(),
            }),
        }
    }
}

fn some_events() -> Vec<(u64, Recorded)> {
    vec![
        (0, Recorded::Start),
        (5, Recorded::DialFailed(1)),
        (10, Recorded::Up(0, false)),
        (11, Recorded::Bytes(0, registration(101))),
        (12, Recorded::Up(1, false)),
        (13, Recorded::Bytes(1, registration(102))),
        (900, Recorded::Tick),
        (1000, Recorded::Up(2, false)),
        (1001, Recorded::Bytes(2, registration(101))),
        (2000, Recorded::Down(1, true)),
    ]
}

#[test]
fn a_replay_reaches_the_recorded_state() {
    let file = TempFile::new("state");
    let server = record(&file, 1 << 20, &some_events());
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
fn changed_settings_are_replayed() {
    let file = TempFile::new("settings");
    let events = |hosts_max| {
        vec![
            (0, Recorded::Start),
            (1, Recorded::Reconfigure(hosts_max)),
            (2, Recorded::Up(0, false)),
            (3, Recorded::Bytes(0, registration(101))),
        ]
    };
    for (hosts_max, hosts) in [(0, 0), (1, 1)] {
        let server = record(&file, 1 << 20, &events(hosts_max));
        let replayed = replay(&std::fs::read(&file.0).unwrap()).unwrap();
        assert_eq!(replayed.events, 4);
        assert_eq!(replayed.digest_recorded, Some(digest(&server)));
        assert_eq!(replayed.server.snapshot().directory().len(), hosts);
    }
}

#[test]
fn a_recording_is_bounded_and_what_fits_can_be_replayed() {
    let file = TempFile::new("bounded");
    let many = (0..1000).map(|n| (n, Recorded::Bytes(0, vec![0; 100])));
    let many = many.collect::<Vec<_>>();
    // Limits at any place within an event.
    for bytes_max in 2_000..2_120 {
        record(&file, bytes_max, &many);
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
    record(&file, 1 << 20, &some_events());
    let recording = std::fs::read(&file.0).unwrap();
    let last = recording.len() - 20;
    let replayed = replay(&recording[..last]).unwrap();
    assert!(replayed.events >= 8);
    assert_eq!(replayed.digest_recorded, None);
}

#[test]
fn other_files_are_refused() {
    assert_eq!(replay(b"").unwrap_err(), RecordingError::NotARecording);
    assert_eq!(
        replay(b"something").unwrap_err(),
        RecordingError::NotARecording
    );
    for version in [0, 8] {
        let other = [b"crc-rec", &[version][..], b"and more"].concat();
        let error = RecordingError::OtherVersion(version);
        assert_eq!(replay(&other).unwrap_err(), error);
    }
}

#[test]
fn a_recording_of_version_1_can_be_read() {
    let file = TempFile::new("version-1");
    let server = record(&file, 1 << 20, &some_events());
    let mut recording = std::fs::read(&file.0).unwrap();
    // It lacks the time to wait for candidates, which comes after the configured peers.
    let connect = b"localhost\x01\x03::1\x02\0";
    let place = recording
        .windows(connect.len())
        .position(|it| it == connect);
    recording.remove(place.unwrap() + connect.len() - 1);
    // It lacks what comes last: the text protocols, the start time in six bytes, the limit of
    // lines in one, and what is about secrets, operators, bans and gateways in 63.
    let protocols = b"\x02\x07\0\x08\x01\x01\x09localhost\x09\x01\x0eMind the step.";
    let place = recording
        .windows(protocols.len())
        .position(|it| it == protocols);
    let place = place.unwrap();
    recording.drain(place..place + protocols.len() + 7 + 63);
    recording[7] = 1;
    let replayed = replay(&recording).unwrap();
    assert_eq!(digest(&replayed.server), digest(&server));
    assert_eq!(replayed.digest_recorded, Some(digest(&server)));
}

#[test]
fn secrets_are_recorded() {
    let link = |name: Option<&str>, secret: Option<&str>, direction| LinkConfig {
        name: name.map(|name| Name::new(name.to_owned()).unwrap()),
        address: name.map(|_| "atoll.example:3".parse().unwrap()),
        secret: secret.map(|secret| Secret::new(secret).unwrap()),
        direction,
    };
    let mut config = config();
    config.v1_peers = vec!["10.0.0.0/8".parse().unwrap()];
    config.nonce_key = [7; 32];
    config.links = vec![
        link(Some("old"), None, LinkDirection::Dial),
        link(
            Some("reef"),
            Some("sixteen bytes or more"),
            LinkDirection::Both,
        ),
        link(
            None,
            Some("the secret of all others"),
            LinkDirection::Accept,
        ),
    ];
    let file = TempFile::new("secrets");
    let reef = Message::ServerRegistration(Registration {
        source: HostId::new(11).unwrap(),
        last_hop: None,
        name: Name::new("reef").unwrap(),
        info: Info::default(),
    });
    let events = [
        (1, Recorded::Start),
        (2, Recorded::Up(1, false)),
        (3, Recorded::Bytes(1, reef.to_vec())),
    ];
    let server = record_with(&file, &config, 1 << 20, &events);
    let replayed = replay(&std::fs::read(&file.0).unwrap()).unwrap();
    assert_eq!(digest(&replayed.server), digest(&server));
    for server in [&server, &replayed.server] {
        assert_eq!(server.snapshot().directory().len(), 0, "it is challenged");
    }
}

#[test]
fn candidates_and_the_time_to_wait_for_them_are_replayed() {
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
        let mut handle = |millis, event: &dyn Fn() -> Event<'static, ServerCommand>| {
            let now = Timestamp::START + Duration::from_millis(millis);
            recorder.event(now, &event());
            server.handle(now, event(), &mut Outbox::new());
        };
        handle(0, &|| {
            let listening = vec![address(7)];
            Event::Command(ServerCommand::Start { listening })
        });
        if let Some(found) = found {
            handle(1, &|| {
                Event::Command(ServerCommand::Candidates(found.clone()))
            });
        }
        handle(4_500, &|| Event::Tick);
        assert_eq!(server.snapshot().rank(), rank);
        recorder.close(digest(&server)).unwrap();
        let replayed = replay(&std::fs::read(&file.0).unwrap()).unwrap();
        assert_eq!(replayed.digest_recorded, Some(digest(&replayed.server)));
        assert_eq!(replayed.server.snapshot().rank(), rank);
        let (recorded, again) = (server.snapshot(), replayed.server.snapshot());
        assert_eq!(recorded.candidates(), again.candidates());
    }
}

fn recorded_event() -> impl Strategy<Value = Recorded> {
    let link = 0u32..4;
    prop_oneof![
        Just(Recorded::Start),
        Just(Recorded::Tick),
        Just(Recorded::Leave),
        Just(Recorded::TellOperators),
        (0u64..3).prop_map(Recorded::DialFailed),
        (0u16..4).prop_map(Recorded::Found),
        (0u16..3).prop_map(Recorded::Reconfigure),
        (link.clone(), any::<bool>()).prop_map(|(link, how)| Recorded::Down(link, how)),
        (link.clone(), 100u32..104).prop_map(|(link, id)| Recorded::Bytes(link, registration(id))),
        (link, prop::collection::vec(any::<u8>(), 1..300))
            .prop_map(|(link, bytes)| Recorded::Bytes(link, bytes)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_events_are_replayed(
        events in prop::collection::vec((0u64..100_000, recorded_event()), 0..60),
        case in any::<u64>(),
    ) {
        let mut events = events;
        events.sort_by_key(|(millis, _)| *millis);
        for link in 0..4 {
            events.insert(0, (0, Recorded::Up(link, false)));
        }
        let file = TempFile::new(&format!("any-{case}"));
        let server = record(&file, 1 << 20, &events);
        let replayed = replay(&std::fs::read(&file.0).unwrap()).unwrap();
        prop_assert_eq!(replayed.events, events.len() as u64);
        prop_assert_eq!(replayed.digest_recorded, Some(digest(&server)));
        prop_assert_eq!(digest(&replayed.server), digest(&server));
    }

    #[test]
    fn no_bytes_make_a_replay_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = replay(&bytes);
        let file = TempFile::new("header");
        record(&file, 1 << 20, &[]);
        let mut recording = std::fs::read(&file.0).unwrap();
        recording.extend(bytes);
        let _ = replay(&recording);
    }
}
