//! What a [`SteppedNet`] does with bytes and with the ends of links.

use core::time::Duration;
use std::io::ErrorKind;

use crc_machine::{CloseWhen, DialId, LinkDown, Random, Timestamp};
use crc_netem::{LinkEvent, Possible, StepEvent, SteppedNet};

/// One connection, from host 0 to host 1.
fn connected() -> SteppedNet<u8> {
    let mut net = SteppedNet::new();
    net.connect(0, 1);
    net
}

fn bytes(event: Option<StepEvent<u8>>) -> (u8, Vec<u8>) {
    match event {
        Some(StepEvent::Link {
            host,
            event: LinkEvent::Bytes { bytes, .. },
        }) => (host, bytes),
        other => panic!("{other:?}"),
    }
}

fn down(event: Option<StepEvent<u8>>) -> (u8, LinkDown, Vec<u8>) {
    match event {
        Some(StepEvent::Link {
            host,
            event: LinkEvent::Down { why, queue, .. },
        }) => (host, why, queue.unsent().bytes.to_vec()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_caller_chooses_what_happens_and_how_much_is_read() {
    let mut net = connected();
    net.send(0, 0, b"hello").unwrap();
    net.send(0, 1, b"welcome").unwrap();
    let possible = [Possible::End(0, 0), Possible::End(0, 1)];
    assert_eq!(net.possible().collect::<Vec<_>>(), possible);
    assert_eq!(bytes(net.step(1, 2)), (1, b"he".to_vec()));
    assert_eq!(bytes(net.step(2, usize::MAX)), (0, b"welcome".to_vec()));
    assert_eq!(bytes(net.step(0, usize::MAX)), (1, b"llo".to_vec()));
    assert!(net.step(0, 1).is_none());
}

#[test]
fn a_closed_link_flushes_and_drops_what_still_comes() {
    let mut net = connected();
    net.send(0, 0, b"bye").unwrap();
    net.close(0, 0, CloseWhen::Flushed);
    net.send(0, 1, b"what?").unwrap();
    assert!(matches!(net.step(0, usize::MAX), Some(StepEvent::Dropped)));
    assert_eq!(bytes(net.step(0, usize::MAX)), (1, b"bye".to_vec()));
    assert_eq!(down(net.step(0, 1)), (1, LinkDown::PeerClosed, Vec::new()));
    assert_eq!(down(net.step(0, 1)), (0, LinkDown::Ended, Vec::new()));
    assert!(net.connections().is_empty());
}

#[test]
fn a_link_that_closes_at_once_loses_what_is_in_flight() {
    let mut net = connected();
    net.send(0, 0, b"bye").unwrap();
    net.send(0, 1, b"hello").unwrap();
    net.close(0, 0, CloseWhen::Now);
    let reset = LinkDown::Failed(ErrorKind::ConnectionReset);
    assert_eq!(down(net.step(1, 1)), (1, reset, b"hello".to_vec()));
    let ended = (0, LinkDown::Ended, b"bye".to_vec());
    assert_eq!(down(net.step(0, 1)), ended);
    assert!(net.step(0, 1).is_none());
}

#[test]
fn a_queue_beyond_its_bound_ends_the_link() {
    let mut net = connected();
    let link = net.connections()[0].end(0).link();
    net.bound(0, link, 4);
    net.send(0, 0, b"1234").unwrap();
    assert!(net.send(0, 0, b"5").is_err());
    let unsent = b"12345".to_vec();
    assert_eq!(down(net.step(0, 1)), (0, LinkDown::SlowConsumer, unsent));
    let reset = LinkDown::Failed(ErrorKind::ConnectionReset);
    assert_eq!(down(net.step(0, 1)), (1, reset, Vec::new()));
}

#[test]
fn a_host_that_does_not_read_holds_its_peer_up_until_the_link_has_lingered() {
    let mut net = connected();
    net.toggle_reading(0, 1);
    net.send(0, 0, b"hello").unwrap();
    assert!(net.step(0, 1).is_none());
    net.close(0, 0, CloseWhen::Flushed);
    let until = Timestamp::START + Duration::from_secs(2);
    assert_eq!(net.deadline(), Some(until));
    net.advance_to(until);
    net.end_lingering();
    assert_eq!(net.deadline(), None);
    let ended = (0, LinkDown::Ended, b"hello".to_vec());
    assert_eq!(down(net.step(0, 1)), ended);
    let reset = LinkDown::Failed(ErrorKind::ConnectionReset);
    assert_eq!(down(net.step(0, 1)), (1, reset, Vec::new()));
}

#[test]
fn a_killed_host_learns_of_nothing_and_its_peer_of_a_reset() {
    let mut net = connected();
    net.send(0, 0, b"hello").unwrap();
    net.dial(0, DialId(1), "10.0.0.1:1".parse().unwrap());
    net.kill(0);
    let reset = LinkDown::Failed(ErrorKind::ConnectionReset);
    assert_eq!(down(net.step(0, 1)), (1, reset, Vec::new()));
    assert!(net.step(0, 1).is_none(), "its dial is gone, too");
}

#[test]
fn slots_are_used_again_and_links_are_not() {
    let mut net = connected();
    let [first, _] = net.connect(0, 2);
    assert_eq!(first.slot(), 1);
    net.close(0, 0, CloseWhen::Now);
    let (host, ..) = down(net.step(0, 1));
    assert_eq!(host, 0);
    let [second, _] = net.connect(0, 3);
    assert_eq!(second.slot(), 0);
    assert_eq!(net.find(0, second), Some((2, 0)));
    assert_ne!(second, first);
}

#[test]
fn random_steps_deliver_everything_in_order() {
    for seed in 0..100 {
        let (mut net, mut random) = (connected(), Random::new(seed));
        let sent: Vec<u8> = (0..200).collect();
        net.send(0, 0, &sent).unwrap();
        net.send(0, 1, &sent).unwrap();
        let mut read = [Vec::new(), Vec::new()];
        while let Some(event) = net.random_step(&mut random) {
            let (host, bytes) = bytes(Some(event));
            read[usize::from(host)].extend(bytes);
        }
        assert_eq!(read, [sent.clone(), sent]);
    }
}
