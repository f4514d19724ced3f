//! How much one event may make a server write.

use super::Net;

/// What of a line may be kept to be read later.
const LINES_KEPT_BYTES_MAX: usize = 4608;

/// What a server has read in one event, and how many hosts it knew before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Read {
    pub(super) bytes: usize,
    pub(super) frames: usize,
    pub(super) hosts: usize,
    /// Whether they were lines, or lines may have waited.
    pub(super) of_lines: bool,
}

impl Net {
    /// What one event makes a server write is in proportion to what it has read
    /// and to what there is to tell, whoever asks for it: each frame is answered
    /// or sent on, in each of four dresses; each host that was known may be lost.
    pub(super) fn is_bounded(&self, server: usize, read: Read, written: usize) {
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
        let told = 4 * read.bytes + 512 * read.frames + 256 * read.hosts;
        // Chats that were kept for a peer may go out, or be answered, at once.
        let mut bound = BASE + told + links * (listing + 512) + 4 * self.said;
        if snapshot.nicks().is_some() {
            bound += self.bound_of_lines(server, read);
        }
        assert!(
            written <= bound,
            "{written} bytes written where {bound} would do for {read:?}"
        );
    }

    /// What lines may make a server write beyond what frames may. Each byte of a line
    /// may be a command, a channel or a recipient, which is answered and told in each
    /// wording; each line may be a question, with all that there is as its answer. A
    /// host that comes, goes or is told something is told of in each wording.
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
            true => 512 * (read.bytes + LINES_KEPT_BYTES_MAX.min(self.said)),
            false => 0,
        };
        let questions = match (read.of_lines, read.bytes) {
            (false, _) => 1,
            (true, 0) => 64,
            (true, bytes) => 1 + bytes / "NAMES\n".len(),
        };
        let told = 16 * read.bytes + 2048 * read.frames;
        told + lines + questions * (hosts + 4 * channels)
    }
}
