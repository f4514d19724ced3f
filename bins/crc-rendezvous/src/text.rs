//! Notices of a peer as lines for people. Foreign text is escaped here, so that no peer
//! can send terminal control sequences.

use std::net::SocketAddr;
use std::time::Duration;

use crc_cli::print_line;
use crc_machine::Escaped;
use crc_rendezvous::PeerNotice;

/// Prints the first line of output: the address of a listener.
pub(crate) fn print_listening(address: SocketAddr) {
    // A closed standard output does not stop the program.
    let _ = print_line(&format!("listening on {address}"));
}

/// The line of a notice, if it has one.
pub(crate) fn line(notice: &PeerNotice) -> Option<String> {
    Some(match notice {
        PeerNotice::Registered { own } => format!("* registered as {own}"),
        PeerNotice::Directory { peers } => match peers.len() {
            1 => "* 1 peer is on the list".to_owned(),
            count => format!("* {count} peers are on the list"),
        },
        PeerNotice::Connected { peer } => format!("* connected to {peer}"),
        PeerNotice::Hello { peer } => format!("* connected from {peer}"),
        PeerNotice::Lost { peer, why } => format!("* disconnected from {peer}: {why}"),
        PeerNotice::Unreachable {
            peer,
            why,
            retry_in: Some(pause),
        } => format!("* cannot connect to {peer}: {why}; {}", retry(*pause)),
        PeerNotice::Text { peer, text } => format!("<{peer}> {}", Escaped(text)),
        PeerNotice::DirectoryLost {
            why,
            retry_in: None,
        } => format!("* {why}"),
        PeerNotice::DirectoryLost {
            why,
            retry_in: Some(pause),
        } => format!("* {why}; {}", retry(*pause)),
        _ => return None,
    })
}

/// The line of an error, if the notice is one.
pub(crate) fn error_line(notice: &PeerNotice) -> Option<String> {
    match notice {
        PeerNotice::NotSent { why } => Some(format!("! {why}")),
        _ => None,
    }
}

fn retry(pause: Duration) -> String {
    format!("retrying in {:.1} s", pause.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_escaped() {
        let notice = PeerNotice::Text {
            peer: "127.0.0.1:80".parse().unwrap(),
            text: "\u{1b}[2J\rroot# \u{202e}".to_owned(),
        };
        let line = line(&notice).unwrap();
        assert_eq!(line, "<127.0.0.1:80> ␛[2J␍root# <U+202E>");
    }
}
