//! What a server has done so far, in numbers.

/// Counts since the server's start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames received on all links.
    pub frames_received: u64,
    /// Chats sent on, to a client or the next server.
    pub chats_relayed: u64,
    /// Chats answered with Unknown ID, or as too long.
    pub chats_bounced: u64,
    /// What was said in channels and told on.
    pub channel_chats: u64,
    /// Statuses sent on.
    pub statuses_relayed: u64,
    /// Hosts that registered with us, or that we linked to.
    pub registrations: u64,
    /// Hosts that we have heard of, adjacent ones included.
    pub hosts_joined: u64,
    /// Hosts that have left.
    pub hosts_left: u64,
    /// Registrations that were refused because the id was taken.
    pub refused: u64,
    /// Frames of servers that were dropped: echoes, races, bad text.
    pub dropped: u64,
    /// Links that were closed because the peer broke a rule.
    pub violations: u64,
    /// Links that were closed because the peer read too slowly.
    pub slow_consumers: u64,
    /// Dials that came to nothing.
    pub dials_failed: u64,
}
