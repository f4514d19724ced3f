//! News as lines for people. What others say is made visible here: nobody may
//! paint on another's terminal.

use crc_core::Escaped;
use crc_rendezvous::PeerNotice;

/// The line that tells of `notice`, if there is one.
pub(crate) fn line(notice: &PeerNotice) -> Option<String> {
    Some(match notice {
        PeerNotice::Registered { own } => format!("* joined as {own}"),
        PeerNotice::Directory { peers } => match peers.len() {
            1 => "* 1 peer is on the list".to_owned(),
            count => format!("* {count} peers are on the list"),
        },
        PeerNotice::Connected { peer } => format!("* connected to {peer}"),
        PeerNotice::Hello { peer } => format!("* hello from {peer}"),
        PeerNotice::Lost { peer, why } => format!("* lost {peer}: {why}"),
        PeerNotice::Unreachable {
            peer,
            why,
            retry_in: Some(pause),
        } => format!(
            "* can't reach {peer}: {why}; trying again in {:.1} s",
            pause.as_secs_f64()
        ),
        PeerNotice::Text { peer, text } => format!("<{peer}> {}", Escaped(text)),
        PeerNotice::DirectoryLost { why, retry_in } => {
            format!("* {}", crate::join::away(*why, *retry_in))
        }
        PeerNotice::Unreachable { retry_in: None, .. }
        | PeerNotice::Refused { .. }
        | PeerNotice::NotSent { .. } => return None,
    })
}

/// The sentence about something that the user wants and can't have.
pub(crate) fn trouble(notice: &PeerNotice) -> Option<String> {
    match notice {
        PeerNotice::NotSent { why } => Some(format!("! {why}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_say_is_made_visible() {
        let notice = PeerNotice::Text {
            peer: "127.0.0.1:80".parse().unwrap(),
            text: "\u{1b}[2J\rroot# \u{202e}".to_owned(),
        };
        let line = line(&notice).unwrap();
        assert_eq!(line, "<127.0.0.1:80> ␛[2J␍root# <U+202E>");
    }
}
