//! The part of a server that finds others for it: a member of a rendezvous
//! directory, which makes candidates out of the directory's lists.
//!
//! Decides nothing but who stands before us on a list. What becomes of the
//! candidates is the relay server's business.

use std::mem;
use std::net::SocketAddr;

use crc_core::{DialId, Effect, Event, LinkId, Machine, Outbox, PeerAddress, Timestamp};
use crc_rendezvous::{Away, Member, MemberCommand, MemberConfig, MemberNotice};

/// A member of a directory.
#[derive(Debug)]
pub(crate) struct Rendezvous {
    member: Member,
    directory: PeerAddress,
    /// What we register instead of the address that we listen on.
    advertised: Option<SocketAddr>,
    /// What we have registered.
    own: Option<SocketAddr>,
    /// Whether a list has come on this connection.
    registered: bool,
    /// Why the directory was away when that was told last.
    away: Option<Away>,
    scratch: Vec<Effect<MemberNotice>>,
}

impl Rendezvous {
    /// A member of `directory` that comes back whenever the directory does.
    pub(crate) fn new(directory: PeerAddress, advertised: Option<SocketAddr>, seed: u64) -> Self {
        let config = MemberConfig {
            persist: true,
            ..MemberConfig::new(directory.clone(), seed)
        };
        Rendezvous {
            member: Member::new(config),
            directory,
            advertised,
            own: None,
            registered: false,
            away: None,
            scratch: Vec::new(),
        }
    }

    /// Whether the link leads to the directory.
    pub(crate) fn owns_link(&self, link: LinkId) -> bool {
        self.member.owns_link(link)
    }

    /// Whether the dial is one to the directory.
    pub(crate) fn owns_dial(&self, dial: DialId) -> bool {
        self.member.owns_dial(dial)
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.member.deadline()
    }

    /// Begins to register, once it is known where we listen.
    pub(crate) fn start<N>(
        &mut self,
        now: Timestamp,
        listening: &[SocketAddr],
        out: &mut Outbox<N>,
    ) {
        if let Some(address) = self.advertised.or_else(|| listening.first().copied()) {
            let start = MemberCommand::Start { address };
            // There is no list yet.
            let _ = self.handle(now, Event::Command(start), out);
        }
    }

    /// Takes an event of the member's. Returns the new candidates, if it brings
    /// some.
    pub(crate) fn handle<N>(
        &mut self,
        now: Timestamp,
        event: Event<'_, MemberCommand>,
        out: &mut Outbox<N>,
    ) -> Option<Vec<PeerAddress>> {
        let mut scratch = mem::take(&mut self.scratch);
        let mut news = Vec::new();
        out.nested(
            &mut scratch,
            |out| self.member.handle(now, event, out),
            |notice| {
                news.push(notice);
                None
            },
        );
        self.scratch = scratch;
        let mut candidates = None;
        for notice in news {
            match notice {
                MemberNotice::Registered { own } => self.own = Some(own),
                MemberNotice::List(list) => candidates = self.take_list(&list).or(candidates),
                MemberNotice::Away { why, .. } => self.go_away(why),
            }
        }
        candidates
    }

    fn take_list(&mut self, list: &[SocketAddr]) -> Option<Vec<PeerAddress>> {
        let own = self.own?;
        let Some(before) = before(own, list) else {
            log::warn!(
                "the rendezvous {} sends a list without us, {own}",
                self.directory
            );
            return None;
        };
        if !mem::replace(&mut self.registered, true) {
            log::info!("registered with the rendezvous {} as {own}", self.directory);
        }
        self.away = None;
        log::debug!("{} servers before us on the list", before.len());
        Some(before)
    }

    fn go_away(&mut self, why: Away) {
        self.registered = false;
        // Said again and again it would be noise.
        if self.away.replace(why) == Some(why) {
            log::debug!("the rendezvous {}: {why}", self.directory);
        } else {
            log::warn!(
                "the rendezvous {}: {why}; we go on without it, and try it again",
                self.directory
            );
        }
    }
}

/// Those who stand before `own` on a list; `None` if it is not there itself.
///
/// Somebody may be at the directory's machine and call it by an address that is
/// everybody's own. That would lead us to ourselves.
fn before(own: SocketAddr, list: &[SocketAddr]) -> Option<Vec<PeerAddress>> {
    let place = list.iter().position(|address| *address == own)?;
    let reachable = |address: &&SocketAddr| own.ip().is_loopback() || !address.ip().is_loopback();
    let before = list.iter().take(place).filter(reachable);
    Some(before.map(|address| (*address).into()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(words: &[&str]) -> Vec<SocketAddr> {
        words.iter().map(|word| word.parse().unwrap()).collect()
    }

    fn before_on(own: &str, list: &[&str]) -> Option<Vec<String>> {
        let found = before(own.parse().unwrap(), &addresses(list))?;
        Some(found.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn who_stands_before_us_is_a_candidate() {
        let list = [
            "192.0.2.1:1",
            "[2001:db8::2]:2",
            "192.0.2.3:3",
            "192.0.2.4:4",
        ];
        let found = before_on("192.0.2.3:3", &list).unwrap();
        assert_eq!(found, ["192.0.2.1:1", "[2001:db8::2]:2"]);
        assert_eq!(before_on("192.0.2.1:1", &list), Some(vec![]));
        assert_eq!(before_on("192.0.2.3:4", &list), None, "we are not there");
    }

    #[test]
    fn nobody_follows_a_loopback_address_of_another_machine() {
        let list = ["127.0.0.1:1", "192.0.2.1:1", "[::1]:1", "192.0.2.2:1"];
        let found = before_on("192.0.2.2:1", &list).unwrap();
        assert_eq!(found, ["192.0.2.1:1"]);
        let list = ["127.0.0.1:1", "127.0.0.1:2"];
        assert_eq!(before_on("127.0.0.1:2", &list).unwrap(), ["127.0.0.1:1"]);
    }

    #[test]
    fn an_address_that_is_said_to_be_ours_is_registered_in_place_of_where_we_listen() {
        use crc_core::{Endpoints, Origin};

        let directory: PeerAddress = "127.0.0.1:33400".parse().unwrap();
        for (advertised, listening, registered) in [
            (None, "127.0.0.1:7", "127.0.0.1:7\n"),
            (None, "0.0.0.0:7", "127.0.0.9:7\n"),
            (Some("127.0.0.2:8"), "0.0.0.0:7", "127.0.0.2:8\n"),
        ] {
            let advertised = advertised.map(|address| address.parse().unwrap());
            let mut member = Rendezvous::new(directory.clone(), advertised, 1);
            let mut out = Outbox::<()>::new();
            member.start(Timestamp::START, &addresses(&[listening]), &mut out);
            let Some(Effect::Dial { dial, to }) = out.take_effects().pop() else {
                panic!("it dials");
            };
            assert!(to == directory && member.owns_dial(dial));
            let link = LinkId::new(0, 0);
            let endpoints = Endpoints {
                peer: "127.0.0.1:33400".parse().unwrap(),
                local: "127.0.0.9:50000".parse().unwrap(),
            };
            let origin = Origin::Dialed { dial };
            let up = Event::LinkUp {
                link,
                origin,
                endpoints,
            };
            assert_eq!(member.handle(Timestamp::START, up, &mut out), None);
            let Some(Effect::Send { range, .. }) = out.take_effects().pop() else {
                panic!("it registers");
            };
            assert_eq!(out.bytes(range), registered.as_bytes());

            let own = registered.trim_end();
            let list = format!("list:\n127.0.0.1:1\n{own}\n127.0.0.1:9\nlist:\n{own}\nlist:");
            let bytes = list.as_bytes();
            let candidates =
                member.handle(Timestamp::START, Event::Bytes { link, bytes }, &mut out);
            assert_eq!(candidates, Some(vec![]), "the last list counts");
            let before = format!("127.0.0.1:1\n{own}\nlist:");
            let bytes = before.as_bytes();
            let candidates =
                member.handle(Timestamp::START, Event::Bytes { link, bytes }, &mut out);
            assert_eq!(candidates, Some(vec!["127.0.0.1:1".parse().unwrap()]));
        }
    }
}
