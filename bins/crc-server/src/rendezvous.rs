//! The rendezvous member of a server: registers the server with a directory and turns
//! the directory's lists into candidates for an uplink.
//!
//! It decides only which entries of a list are candidates. The relay server decides
//! whom to dial.

use std::mem;
use std::net::SocketAddr;

use crc_core::{DialId, Effect, Event, LinkId, Machine, Outbox, PeerAddress, Timestamp};
use crc_rendezvous::{DirectoryError, Member, MemberCommand, MemberConfig, MemberNotice};

/// A member of a directory.
#[derive(Debug)]
pub(crate) struct Rendezvous {
    member: Member,
    directory: PeerAddress,
    /// The address to register instead of the one that the server listens on.
    advertised: Option<SocketAddr>,
    /// The address under which the server is registered.
    own: Option<SocketAddr>,
    /// Whether a list has arrived on this connection.
    registered: bool,
    /// Whether a list has ever arrived: the server knows its place.
    has_place: bool,
    /// The last error that was logged as a warning; `None` after a list.
    last_error: Option<DirectoryError>,
    scratch: Vec<Effect<MemberNotice>>,
}

impl Rendezvous {
    /// A member of `directory` that reconnects whenever the connection is lost.
    pub(crate) fn new(directory: PeerAddress, advertised: Option<SocketAddr>, seed: u64) -> Self {
        let mut config = MemberConfig::new(directory.clone(), seed);
        config.persist = true;
        Rendezvous {
            member: Member::new(config),
            directory,
            advertised,
            own: None,
            registered: false,
            has_place: false,
            last_error: None,
            scratch: Vec::new(),
        }
    }

    /// Whether the directory has told which servers come before this one. It stays so when the
    /// directory is lost.
    pub(crate) fn has_place(&self) -> bool {
        self.has_place
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

    /// Dials the directory. `listening` are the addresses of the relay's listeners.
    pub(crate) fn start<N>(
        &mut self,
        now: Timestamp,
        listening: &[SocketAddr],
        out: &mut Outbox<N>,
    ) {
        if let Some(address) = self.advertised.or_else(|| listening.first().copied()) {
            let start = MemberCommand::Start { address };
            // A list cannot have arrived yet.
            let _ = self.handle(now, Event::Command(start), out);
        }
    }

    /// Handles an event of the member. Returns new candidates, if a list has arrived.
    pub(crate) fn handle<N>(
        &mut self,
        now: Timestamp,
        event: Event<'_, MemberCommand>,
        out: &mut Outbox<N>,
    ) -> Option<Vec<PeerAddress>> {
        let mut scratch = mem::take(&mut self.scratch);
        let mut notices = Vec::new();
        out.nested(
            &mut scratch,
            |out| self.member.handle(now, event, out),
            |notice| {
                notices.push(notice);
                None
            },
        );
        self.scratch = scratch;
        let mut candidates = None;
        for notice in notices {
            match notice {
                MemberNotice::Registered { own } => self.own = Some(own),
                MemberNotice::List(list) => candidates = self.on_list(&list).or(candidates),
                MemberNotice::DirectoryLost { why, .. } => self.on_error(why),
            }
        }
        candidates
    }

    fn on_list(&mut self, list: &[SocketAddr]) -> Option<Vec<PeerAddress>> {
        let own = self.own?;
        let directory = &self.directory;
        let Some(candidates) = candidates(own, list) else {
            log::warn!("rendezvous {directory}: the list does not contain this server, own={own}");
            return None;
        };
        if !mem::replace(&mut self.registered, true) {
            log::info!("rendezvous {directory}: registered as {own}");
        }
        self.has_place = true;
        self.last_error = None;
        let count = candidates.len();
        log::debug!("rendezvous {directory}: new list, candidates={count}");
        Some(candidates)
    }

    /// Logs an error: as a warning unless it repeats the last one.
    fn on_error(&mut self, error: DirectoryError) {
        self.registered = false;
        let directory = &self.directory;
        if self.last_error.replace(error) == Some(error) {
            log::debug!("rendezvous {directory}: {error}");
        } else {
            log::warn!("rendezvous {directory}: {error}; retrying");
        }
    }
}

/// The entries before `own` on a list; `None` if `own` is not on it.
///
/// An entry with a loopback address comes from the directory's own machine. On another
/// machine that address leads to the wrong host, so it is left out.
fn candidates(own: SocketAddr, list: &[SocketAddr]) -> Option<Vec<PeerAddress>> {
    let place = list.iter().position(|address| *address == own)?;
    let reachable = |address: &&SocketAddr| own.ip().is_loopback() || !address.ip().is_loopback();
    let before = list.iter().take(place).filter(reachable);
    Some(before.map(|address| (*address).into()).collect())
}

#[cfg(test)]
mod tests {
    use crc_core::{Endpoints, Origin};

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn candidates_of(own: &str, list: &[&str]) -> Option<Vec<String>> {
        let found = candidates(own.parse().unwrap(), &addresses(list))?;
        Some(found.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn entries_before_our_own_are_candidates() {
        let list = [
            "192.0.2.1:1",
            "[2001:db8::2]:2",
            "192.0.2.3:3",
            "192.0.2.4:4",
        ];
        let found = candidates_of("192.0.2.3:3", &list).unwrap();
        assert_eq!(found, ["192.0.2.1:1", "[2001:db8::2]:2"]);
        assert_eq!(candidates_of("192.0.2.1:1", &list), Some(vec![]));
        assert_eq!(candidates_of("192.0.2.3:4", &list), None, "not on the list");
    }

    #[test]
    fn loopback_addresses_of_another_machine_are_no_candidates() {
        let list = ["127.0.0.1:1", "192.0.2.1:1", "[::1]:1", "192.0.2.2:1"];
        let found = candidates_of("192.0.2.2:1", &list).unwrap();
        assert_eq!(found, ["192.0.2.1:1"]);
        let list = ["127.0.0.1:1", "127.0.0.1:2"];
        let found = candidates_of("127.0.0.1:2", &list).unwrap();
        assert_eq!(found, ["127.0.0.1:1"]);
    }

    #[test]
    fn an_advertised_address_is_registered_instead_of_the_listener() {
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
            let Some(Effect::Dial { dial, to, .. }) = out.take_effects().pop() else {
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
                security: None,
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
