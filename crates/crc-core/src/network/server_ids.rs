//! The ids of the servers of the network, and of those that were there within the last
//! hour: a client must not get one. It would keep the server out that comes back.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use crc_machine::Timestamp;
use crc_wire::HostId;

/// How long the id of a server that has left is kept for it.
const KEPT_FOR: Duration = Duration::from_secs(60 * 60);
/// How many ids are known. Of those that have left, the one that was there for the
/// shortest time is forgotten first: servers that never existed come and go quickly.
const IDS_MAX: usize = 4096;

/// A server that is in the network, or was.
#[derive(Debug, Clone, Copy)]
struct Server {
    joined_at: Timestamp,
    left_at: Option<Timestamp>,
}

/// The ids of servers.
#[derive(Debug, Default)]
pub(super) struct ServerIds {
    servers: BTreeMap<HostId, Server>,
    /// Those that have left, by how long they were there.
    by_duration: BTreeSet<(Duration, HostId)>,
    /// Those that have left, by when they did.
    by_time: BTreeSet<(Timestamp, HostId)>,
}

impl ServerIds {
    /// A server has joined.
    pub(super) fn on_joined(&mut self, id: HostId, now: Timestamp) {
        let before = self.forget(id);
        if self.make_room(now) {
            // One that comes back has been there since its first time.
            let joined_at = before.map_or(now, |server| server.joined_at);
            let left_at = None;
            self.servers.insert(id, Server { joined_at, left_at });
        }
    }

    /// A server has left.
    pub(super) fn on_left(&mut self, id: HostId, now: Timestamp) {
        let known = self.forget(id);
        if known.is_some() || self.make_room(now) {
            let joined_at = known.map_or(now, |server| server.joined_at);
            let left_at = Some(now);
            self.servers.insert(id, Server { joined_at, left_at });
            self.by_duration.insert((now.since(joined_at), id));
            self.by_time.insert((now, id));
        }
    }

    /// How many are known.
    pub(super) fn len(&self) -> usize {
        self.servers.len()
    }

    /// Whether a server with this id has left less than an hour ago.
    pub(super) fn is_kept(&self, id: HostId, now: Timestamp) -> bool {
        let left_at = self.servers.get(&id).and_then(|server| server.left_at);
        left_at.is_some_and(|left_at| now < left_at + KEPT_FOR)
    }

    /// Whether there is room for one more, or one can be forgotten.
    fn make_room(&mut self, now: Timestamp) -> bool {
        while let Some(&(left_at, id)) = self.by_time.first()
            && left_at + KEPT_FOR <= now
        {
            self.forget(id);
        }
        if self.servers.len() >= IDS_MAX
            && let Some(&(_, id)) = self.by_duration.first()
        {
            self.forget(id);
        }
        self.servers.len() < IDS_MAX
    }

    fn forget(&mut self, id: HostId) -> Option<Server> {
        let server = self.servers.remove(&id)?;
        if let Some(left_at) = server.left_at {
            let duration = left_at.since(server.joined_at);
            self.by_duration.remove(&(duration, id));
            self.by_time.remove(&(left_at, id));
        }
        Some(server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: u32) -> HostId {
        HostId::new(id).unwrap()
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::START + Duration::from_secs(seconds)
    }

    #[test]
    fn an_id_is_kept_for_an_hour() {
        let mut ids = ServerIds::default();
        ids.on_joined(id(1), at(0));
        assert!(!ids.is_kept(id(1), at(9)), "it is there");
        ids.on_left(id(1), at(10));
        assert!(ids.is_kept(id(1), at(10)));
        assert!(ids.is_kept(id(1), at(3_609)));
        assert!(!ids.is_kept(id(1), at(3_610)));
        assert!(!ids.is_kept(id(2), at(10)));
        ids.on_joined(id(1), at(20));
        assert!(!ids.is_kept(id(1), at(21)));
    }

    #[test]
    fn ghosts_do_not_push_out_a_server() {
        let mut ids = ServerIds::default();
        ids.on_joined(id(1), at(0));
        ids.on_left(id(1), at(100));
        for ghost in 0..10_000 {
            ids.on_joined(id(10 + ghost), at(100));
            ids.on_left(id(10 + ghost), at(101));
        }
        assert_eq!(ids.servers.len(), IDS_MAX);
        assert!(ids.is_kept(id(1), at(102)));
        // All have left long ago.
        ids.on_joined(id(2), at(10_000));
        assert_eq!((ids.servers.len(), ids.by_duration.len()), (1, 0));
        assert_eq!(ids.by_time.len(), 0);
    }

    #[test]
    fn the_number_is_bounded_when_nobody_leaves() {
        let mut ids = ServerIds::default();
        for server in 1..10_000 {
            ids.on_joined(id(server), at(0));
        }
        assert_eq!(ids.servers.len(), IDS_MAX);
    }
}
