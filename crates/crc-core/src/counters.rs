//! The counters of a server.

/// Counts since the server's start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames received on all links.
    pub frames_received: u64,
    /// Chats relayed to a client or to the next server.
    pub chats_relayed: u64,
    /// Chats that were not delivered: unknown id, too long, or too many for a server on their
    /// route. Their sources get a status.
    pub chats_bounced: u64,
    /// Chats in channels, delivered or relayed. Each counts once, however many members
    /// get it.
    pub channel_chats: u64,
    /// Statuses relayed.
    pub statuses_relayed: u64,
    /// Peers that have become neighbours: clients and servers that registered on a link,
    /// and servers that this one has dialled.
    pub registrations: u64,
    /// Hosts added to the directory, neighbours included.
    pub hosts_joined: u64,
    /// Hosts removed from the directory.
    pub hosts_left: u64,
    /// Registrations that were refused because the id was taken.
    pub refused: u64,
    /// Frames of servers that were dropped: echoes, races, bad text.
    pub dropped: u64,
    /// Links that were closed because the peer broke a rule.
    pub violations: u64,
    /// Links that were closed because the peer read too slowly.
    pub slow_consumers: u64,
    /// Clients that were paused because they sent faster than a server reads. Each pause counts.
    pub clients_paused: u64,
    /// Chats that were neither sent nor answered, because the queues both ways were full.
    pub chats_dropped: u64,
    /// Dials that failed.
    pub dials_failed: u64,
}
