//! How many bytes one event may make a server write.

use super::Net;

/// How many bytes of lines a server keeps for later.
const LINES_KEPT_BYTES_MAX: usize = 4608;

/// What a server has read in one event, and how many hosts it knew before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Read {
    pub(super) bytes: usize,
    pub(super) frames: usize,
    pub(super) hosts: usize,
    /// Whether it has read lines, or may have had lines waiting.
    pub(super) of_lines: bool,
}

impl Net {
    /// The output of one event is bounded by what the server has read and by what it
    /// knows: each frame is answered or relayed in each of four encodings, and each known
    /// host may be lost.
    pub(super) fn check_bytes_written(&self, server: usize, read: Read, written: usize) {
        const BASE: usize = 4 * 1024;
        if written <= BASE {
            return;
        }
        let snapshot = self.servers[server].machine.snapshot();
        let listed = |host: &crc_core::Host| {
            let machine = host.machine().map_or(0, str::len);
            64 + host.name().len() + host.info().len() + machine
        };
        let listing: usize = snapshot.directory().iter().map(listed).sum();
        let links = snapshot.links().count() + 1;
        let relayed = 4 * read.bytes + 512 * read.frames + 256 * read.hosts;
        // Chats that were held back for a peer may be sent or answered at once.
        let mut bound = BASE + relayed + links * (listing + 512) + 4 * self.peer_bytes;
        if snapshot.nicks().is_some() {
            bound += self.bound_of_lines(server, read);
        }
        assert!(
            written <= bound,
            "{written} bytes written where {bound} would do for {read:?}"
        );
    }

    /// What lines may make a server write beyond what frames may. Each byte of a line may
    /// be a command, a channel or a recipient, which is answered and relayed in each
    /// encoding; each line may be a query for everything that the server knows. A host that
    /// joins or leaves is announced in each encoding.
    fn bound_of_lines(&self, server: usize, read: Read) -> usize {
        let snapshot = self.servers[server].machine.snapshot();
        let known = |channel: &crc_core::Channel| {
            let settings = channel.settings().set();
            let settings: usize = settings.map(|(_, setting)| 64 + setting.value.len()).sum();
            channel.name().len() + settings + 128 * channel.members_len()
        };
        let channels: usize = snapshot.channels().iter().map(known).sum();
        let hosts = 1024 * (read.hosts + 1);
        let lines = match read.of_lines {
            true => 512 * (read.bytes + LINES_KEPT_BYTES_MAX.min(self.peer_bytes)),
            false => 0,
        };
        let queries = match (read.of_lines, read.bytes) {
            (false, _) => 1,
            (true, 0) => 64,
            (true, bytes) => 1 + bytes / "NAMES\n".len(),
        };
        let relayed = 16 * read.bytes + 2048 * read.frames;
        relayed + lines + queries * (hosts + 4 * channels)
    }
}
