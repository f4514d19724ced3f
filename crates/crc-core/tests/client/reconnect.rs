//! Reconnects and the pauses before them.

use super::*;

#[test]
fn an_unreachable_server_is_dialled_with_backoff() {
    let mut longest = [Duration::ZERO; 9];
    for seed in 0..200 {
        let mut config = config();
        config.seed = seed;
        let mut fixture = Fixture::started(config);
        for longest in &mut longest {
            let dial = fixture.dial.take().unwrap();
            let why = DialError::TimedOut;
            fixture.handle(Event::DialFailed { dial, why });
            let notices = fixture.notices();
            let [
                ClientNotice::Unreachable {
                    server: to,
                    why: reported,
                    retry_in,
                },
            ] = &notices[..]
            else {
                panic!("{notices:?}");
            };
            assert_eq!((to, *reported), (&server(), why));
            assert_eq!(fixture.wait(), *retry_in);
            *longest = (*longest).max(*retry_in);
        }
    }
    let max = [
        500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000,
    ];
    for (longest, max) in longest.into_iter().zip(max) {
        assert!(
            (ms(max * 9 / 10)..=ms(max)).contains(&longest),
            "{longest:?} of {max}"
        );
    }
}

#[test]
fn the_backoff_resets_after_a_stable_minute() {
    let lose = |held: Duration| {
        let pauses = (0..100).map(|seed| {
            let mut config = config();
            config.seed = seed;
            let mut fixture = Fixture::started(config);
            for _ in 0..4 {
                let dial = fixture.dial.take().unwrap();
                let why = DialError::TimedOut;
                fixture.handle(Event::DialFailed { dial, why });
                fixture.wait();
            }
            let link = fixture.link_up();
            fixture.receive(link, &welcome(ME));
            fixture.notices();
            fixture.now = fixture.now + held;
            fixture.link_down(link);
            disconnected(&fixture.notices()).1
        });
        pauses.max().unwrap()
    };
    assert!(lose(ms(59_999)) > ms(500));
    assert!(lose(ms(60_000)) <= ms(500));
}

#[test]
fn reconnects_with_the_same_id_and_a_new_stream() {
    let (mut fixture, link) = Fixture::with_v2_server(any_id());
    let me = fixture.client.id();
    fixture.receive(link, &chat(103, me.get(), "cut in two")[..7]);
    fixture.link_down(link);
    let (reason, _) = disconnected(&fixture.notices());
    assert_eq!(reason, DisconnectReason::Lost(LinkDown::PeerClosed));
    assert!(!fixture.client.is_welcomed());
    fixture.wait();
    let link = fixture.link_up();
    fixture.receive(link, &welcome(me.get()));
    assert!(fixture.client.is_welcomed());
    assert_eq!(fixture.client.id(), me);
}

#[test]
fn the_same_seed_gives_the_same_effects() {
    let ids: Vec<HostId> = (0..3)
        .map(|seed| {
            let config = |seed| ClientConfig::new(server(), "bob", "", seed);
            let id = Client::new(config(seed)).unwrap().id();
            assert_eq!(id, Client::new(config(seed)).unwrap().id());
            id
        })
        .collect();
    assert!(ids[0] != ids[1] && ids[1] != ids[2]);
}
