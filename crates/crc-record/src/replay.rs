//! Replays a recording to a new server with the same configuration.

use core::time::Duration;

use crc_core::{Machine, Outbox, Server, Timestamp};

use crate::format::{Entry, Reader, RecordingError};

/// The result of a replay.
#[derive(Debug)]
pub struct Replayed {
    /// The server in the state in which the recording ends.
    pub server: Server,
    /// How many events there were.
    pub events: u64,
    /// The time between the first and the last event.
    pub span: Duration,
    /// A hash of all effects: the same in every replay.
    pub effects_hash: u64,
    /// The digest of the recorded server's last state, if it shut down gracefully.
    pub digest_recorded: Option<u64>,
    /// Whether the recording ended before the server did.
    pub full: bool,
}

/// Replays a recording.
///
/// # Errors
///
/// [`RecordingError`] when the bytes are not a valid recording.
pub fn replay(recording: &[u8]) -> Result<Replayed, RecordingError> {
    let (config, mut reader) = Reader::new(recording)?;
    let mut replayed = Replayed {
        server: Server::new(config),
        events: 0,
        span: Duration::ZERO,
        effects_hash: 0,
        digest_recorded: None,
        full: false,
    };
    let mut out = Outbox::new();
    while let Some(entry) = reader.next()? {
        match entry {
            Entry::Event(now, event) => {
                replayed.events += 1;
                replayed.span = now.since(Timestamp::START);
                replayed.server.handle(now, event, &mut out);
                let mut hash = Hash(replayed.effects_hash);
                for effect in out.take_effects() {
                    match effect {
                        crc_core::Effect::Send { link, range, .. } => {
                            hash.number(link.as_u64());
                            hash.bytes(out.bytes(range));
                        }
                        other => hash.bytes(format!("{other:?}").as_bytes()),
                    }
                }
                replayed.effects_hash = hash.0;
                out.reset();
            }
            Entry::End(digest) => replayed.digest_recorded = Some(digest),
            Entry::Full => replayed.full = true,
        }
    }
    Ok(replayed)
}

/// A hash of a server's state: its hosts and the routes to them, its channels, its rank,
/// its status log and its counters.
#[must_use]
pub fn digest(server: &Server) -> u64 {
    let snapshot = server.snapshot();
    let mut hosts: Vec<_> = snapshot.directory().iter().collect();
    hosts.sort_unstable_by_key(|host| host.id());
    let mut hash = Hash(0);
    hash.number(snapshot.id().get().into());
    hash.number(snapshot.rank().into());
    for host in hosts {
        hash.number(host.id().get().into());
        hash.number(host.kind() as u64);
        hash.number(host.first_link().as_u64());
        for text in [host.name(), host.info(), host.machine().unwrap_or_default()] {
            hash.bytes(text.as_bytes());
        }
    }
    for (id, operator) in snapshot.operators().iter() {
        hash.number(id.get().into());
        hash.number(operator.powers.bits().into());
        hash.bytes(operator.name.as_bytes());
    }
    for ban in snapshot.bans().iter() {
        hash.bytes(ban.to_string().as_bytes());
    }
    for channel in snapshot.channels().iter() {
        hash.bytes(channel.name().as_bytes());
        hash.number(channel.founded().ms);
        hash.number(channel.founded().tag.into());
        for (id, flags) in channel.members() {
            hash.number(id.get().into());
            hash.number(u64::from(flags.operator) << 1 | u64::from(flags.voice));
        }
        for (field, setting) in channel.settings().set() {
            hash.number(field.0.into());
            hash.number(setting.version);
            hash.bytes(setting.setter.as_bytes());
            hash.bytes(setting.value.as_bytes());
        }
    }
    for text in snapshot.status_log() {
        hash.bytes(text.as_bytes());
    }
    hash.number(snapshot.unregistered_links() as u64);
    hash.bytes(format!("{:?}", snapshot.counters()).as_bytes());
    hash.0
}

/// FNV-1a, which is good enough to compare states.
struct Hash(u64);

impl Hash {
    fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.number(bytes.len() as u64);
    }

    fn number(&mut self, number: u64) {
        for byte in number.to_le_bytes() {
            self.0 = (self.0 ^ u64::from(byte) ^ 0x55).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
