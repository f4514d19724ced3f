//! Links come up, carry bytes both ways, and go down.

mod rig;

use std::net::Shutdown;

use crc_core::LinkDown;
use rig::{Rig, Seen, Unsent, echo, read_all, read_exact, write};

#[test]
fn says_everything_back() {
    let rig = Rig::start(echo());
    let (stream, link) = rig.connect_up();
    write(&stream, b"hello");
    assert_eq!(read_exact(&stream, 5), b"hello");
    assert_eq!(rig.next(), Seen::Bytes(link, b"hello".to_vec()));
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(
        rig.next(),
        Seen::Down(link, LinkDown::PeerClosed, Unsent::default())
    );
    assert_eq!(read_all(&stream), b"");
    assert_eq!(rig.stop(), [Seen::Command]);
}
