//! Notices of a peer as JSON, one object per line, for programs. The keys are an
//! interface: keys may be added, and never change their meaning.

use std::net::SocketAddr;

use crc_rendezvous::{DirectoryError, PeerNotice};
use serde::Serialize;

/// One line.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event<'a> {
    Directory {
        peers: &'a [SocketAddr],
    },
    Connected {
        peer: SocketAddr,
    },
    Hello {
        peer: SocketAddr,
    },
    Lost {
        peer: SocketAddr,
    },
    Text {
        peer: SocketAddr,
        text: &'a str,
    },
    Teardown,
    Away {
        reason: String,
        /// Null when the peer stops.
        retry_in_ms: Option<u128>,
    },
    Error {
        text: String,
    },
}

/// The line of a notice, if it has one.
pub(crate) fn line(notice: &PeerNotice) -> Option<String> {
    let event = match notice {
        PeerNotice::Directory { peers } => Event::Directory { peers },
        PeerNotice::Connected { peer } => Event::Connected { peer: *peer },
        PeerNotice::Hello { peer } => Event::Hello { peer: *peer },
        PeerNotice::Lost { peer, .. } => Event::Lost { peer: *peer },
        PeerNotice::Text { peer, text } => Event::Text { peer: *peer, text },
        PeerNotice::DirectoryLost {
            why: DirectoryError::Teardown,
            ..
        } => Event::Teardown,
        PeerNotice::DirectoryLost { why, retry_in } => Event::Away {
            reason: why.to_string(),
            retry_in_ms: retry_in.map(|pause| pause.as_millis()),
        },
        PeerNotice::NotSent { why } => Event::Error {
            text: why.to_string(),
        },
        _ => return None,
    };
    // Strings and addresses always serialize.
    serde_json::to_string(&event).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_notice_has_its_keys() {
        let peer = "127.0.0.1:80".parse().unwrap();
        let peers = vec![peer, "[::1]:81".parse().unwrap()];
        let text = "a\u{1b}\"".to_owned();
        let (why, retry_in) = (DirectoryError::Teardown, None);
        for (notice, meant) in [
            (
                PeerNotice::Directory { peers },
                r#"{"event":"directory","peers":["127.0.0.1:80","[::1]:81"]}"#,
            ),
            (
                PeerNotice::Connected { peer },
                r#"{"event":"connected","peer":"127.0.0.1:80"}"#,
            ),
            (
                PeerNotice::Hello { peer },
                r#"{"event":"hello","peer":"127.0.0.1:80"}"#,
            ),
            (
                PeerNotice::Text { peer, text },
                r#"{"event":"text","peer":"127.0.0.1:80","text":"a\u001b\""}"#,
            ),
            (
                PeerNotice::DirectoryLost { why, retry_in },
                r#"{"event":"teardown"}"#,
            ),
        ] {
            assert_eq!(line(&notice).as_deref(), Some(meant));
        }
    }
}
