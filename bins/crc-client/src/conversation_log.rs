//! Conversations in files: one file for each conversation and day, below one folder.
//!
//! A thread writes them, so that a slow disk does not slow the client down. Only the user can read
//! the files. Their names are safe, whatever names channels and clients have.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use crc_cli::{Date, UtcTime};
use crc_core::{Client, ClientNotice, Escaped};
use crc_wire::{ChatKind, HostId};

use crate::event::OutputEvent;
use crate::text::{self, Wording};

/// How many lines may wait to be written. Further ones are left out.
const WAITING_MAX: usize = 4096;

/// How many files are open.
const OPEN_MAX: usize = 64;

/// The longest name of a conversation in a file's name, in bytes.
const NAME_BYTES_MAX: usize = 120;

/// A line of a conversation.
#[derive(Debug)]
struct Entry {
    /// The name of the conversation's files, without the day.
    name: String,
    time: UtcTime,
    line: String,
}

/// The log. Dropping it without [`ConversationLog::finish`] loses lines.
#[derive(Debug)]
pub(crate) struct ConversationLog {
    entries: SyncSender<Entry>,
    writer: JoinHandle<()>,
    /// Whether it was said that lines are left out.
    is_behind: bool,
}

impl ConversationLog {
    /// Creates the folder, if it is not there, and starts the thread.
    pub(crate) fn start(folder: &Path) -> io::Result<ConversationLog> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let (entries, waiting) = sync_channel(WAITING_MAX);
        let mut files = Files::new(folder);
        let write = move || files.write_all(&waiting);
        let writer = thread::Builder::new()
            .name("conversations".to_owned())
            .spawn(write)?;
        Ok(ConversationLog {
            entries,
            writer,
            is_behind: false,
        })
    }

    /// Notes what an event says in a conversation.
    pub(crate) fn note(&mut self, event: &OutputEvent, client: &Client) {
        let Some((name, line)) = line_of(event, client) else {
            return;
        };
        let time = UtcTime::from(SystemTime::now());
        let entry = Entry { name, time, line };
        match self.entries.try_send(entry) {
            Ok(()) => self.is_behind = false,
            Err(TrySendError::Full(_)) if !self.is_behind => {
                self.is_behind = true;
                log::warn!(
                    "the log of conversations cannot be written fast enough: lines are left out"
                );
            }
            // The thread has said why it ended.
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }

    /// Waits until all is written.
    pub(crate) fn finish(self) {
        drop(self.entries);
        // A thread that panicked has printed the reason.
        drop(self.writer.join());
    }
}

/// The conversation that an event belongs to, and its line.
fn line_of(event: &OutputEvent, client: &Client) -> Option<(String, String)> {
    let own = || client.name();
    let (conversation, line) = match event {
        OutputEvent::Said {
            to: Ok(channel),
            kind,
            text,
        } => (channel_file(channel), said(own(), *kind, text)),
        OutputEvent::Said {
            to: Err(id),
            kind,
            text,
        } => {
            let with = client.host_ref(*id);
            let file = client_file(with.id, with.name.as_deref());
            (file, said(own(), *kind, text))
        }
        OutputEvent::Client(notice) => match notice {
            ClientNotice::Chat {
                from,
                from_name,
                text,
                ..
            } => {
                let name = from_name.as_deref();
                let line = said(&shown(*from, name), ChatKind::Message, text);
                (client_file(*from, name), line)
            }
            ClientNotice::Notice { from, text } => {
                let name = from.name.as_deref();
                let line = said(&shown(from.id, name), ChatKind::Notice, text);
                (client_file(from.id, name), line)
            }
            ClientNotice::ChannelChat {
                channel,
                from,
                kind,
                text,
            } => {
                let name = shown(from.id, from.name.as_deref());
                (channel_file(channel), said(&name, *kind, text))
            }
            ClientNotice::ChannelEntered { channel, .. } => (
                channel_file(channel),
                format!("* you are in {}", Escaped(channel)),
            ),
            ClientNotice::ChannelJoined { channel, .. }
            | ClientNotice::ChannelLeft { channel, .. }
            | ClientNotice::ChannelSet { channel, .. } => (
                channel_file(channel),
                text::lines(event, Wording::PROGRAMS)?,
            ),
            _ => return None,
        },
        _ => return None,
    };
    Some((conversation, line))
}

fn shown(id: HostId, name: Option<&str>) -> String {
    name.map_or_else(|| id.to_string(), str::to_owned)
}

fn said(name: &str, kind: ChatKind, text: &str) -> String {
    text::said_by(name, kind, text)
}

fn channel_file(name: &str) -> String {
    // Letters of a channel match in either case.
    let name = name.to_ascii_lowercase();
    format!("#{}", file_name(name.strip_prefix('#').unwrap_or(&name)))
}

fn client_file(id: HostId, name: Option<&str>) -> String {
    match name {
        Some(name) => file_name(name),
        None => format!("id {id}"),
    }
}

/// A name as a part of a file's name: letters, digits, `-` and `_` stand for themselves, all other
/// bytes are written as `%2F`. A long name ends with a number that tells it from other long ones.
fn file_name(name: &str) -> String {
    let mut safe = String::new();
    for c in name.chars() {
        if c.is_alphanumeric() || matches!(c, '-' | '_') {
            safe.push(c);
            continue;
        }
        for byte in c.encode_utf8(&mut [0; 4]).bytes() {
            write!(safe, "%{byte:02X}").expect("a string takes all");
        }
    }
    if safe.len() <= NAME_BYTES_MAX {
        return safe;
    }
    // FNV-1a, 64 bits.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut end = NAME_BYTES_MAX - 17;
    while !safe.is_char_boundary(end) {
        end -= 1;
    }
    safe.truncate(end);
    format!("{safe}~{hash:016x}")
}

/// The open files.
#[derive(Debug)]
struct Files {
    folder: PathBuf,
    open: HashMap<String, (Date, File)>,
    /// Whether an error was told since a line was last written.
    is_failing: bool,
}

impl Files {
    fn new(folder: &Path) -> Files {
        Files {
            folder: folder.to_owned(),
            open: HashMap::new(),
            is_failing: false,
        }
    }

    fn write_all(&mut self, entries: &Receiver<Entry>) {
        for entry in entries {
            match self.write(&entry) {
                Ok(()) => self.is_failing = false,
                Err(error) => {
                    self.open.remove(&entry.name);
                    if !self.is_failing {
                        let folder = &self.folder;
                        log::error!("cannot write the log of conversations in {folder:?}: {error}");
                    }
                    self.is_failing = true;
                }
            }
        }
    }

    fn write(&mut self, entry: &Entry) -> io::Result<()> {
        let day = entry.time.date();
        let is_open = self.open.get(&entry.name).is_some_and(|(of, _)| *of == day);
        if !is_open {
            if self.open.len() >= OPEN_MAX {
                self.open.clear();
            }
            let path = self.folder.join(format!("{}.{day}.log", entry.name));
            let mut options = OpenOptions::new();
            let file = options.create(true).append(true).mode(0o600).open(path)?;
            self.open.insert(entry.name.clone(), (day, file));
        }
        let (hour, minute, second) = entry.time.clock();
        let mut text = String::new();
        for line in entry.line.lines() {
            writeln!(text, "{hour:02}:{minute:02}:{second:02} {line}").map_err(io::Error::other)?;
        }
        match self.open.get_mut(&entry.name) {
            Some((_, file)) => file.write_all(text.as_bytes()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_files_are_safe_and_differ() {
        for (name, file) in [
            ("bob", "bob"),
            ("Bob B", "Bob%20B"),
            ("..", "%2E%2E"),
            (".", "%2E"),
            ("../../etc/passwd", "%2E%2E%2F%2E%2E%2Fetc%2Fpasswd"),
            ("#reef", "%23reef"),
            ("a\n\0b", "a%0A%00b"),
            ("~", "%7E"),
            ("Ünü", "Ünü"),
            ("\u{202e}x", "%E2%80%AEx"),
        ] {
            assert_eq!(file_name(name), file);
        }
        assert_eq!(channel_file("#Reef/.."), "#reef%2F%2E%2E");
        let long = |last| file_name(&("ü".repeat(1000) + last));
        assert!(long("a").len() <= NAME_BYTES_MAX && long("a") != long("b"));
    }

    proptest! {
        #[test]
        fn any_name_is_one_file_below_the_folder(name in any::<String>(), other in any::<String>()) {
            let file = channel_file(&format!("#{name}"));
            prop_assert!(file.len() <= NAME_BYTES_MAX + 1);
            prop_assert!(!file.contains(['/', '.', '\0', '\n']));
            prop_assert_eq!(file_name(&name) == file_name(&other), name == other);
        }
    }

    #[test]
    fn a_day_has_a_file_that_only_the_user_can_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Files::new(folder.path());
        let mut write = |seconds, line: &str| {
            let entry = Entry {
                name: "#reef".to_owned(),
                time: UtcTime::from(UNIX_EPOCH + Duration::from_secs(seconds)),
                line: line.to_owned(),
            };
            files.write(&entry).unwrap();
        };
        write(86_399, "a");
        write(86_400, "b\nc");
        write(86_401, "d");
        let path = |day| folder.path().join(format!("#reef.1970-01-0{day}.log"));
        let text = |day| fs::read_to_string(path(day)).unwrap();
        assert_eq!(text(1), "23:59:59 a\n");
        assert_eq!(text(2), "00:00:00 b\n00:00:00 c\n00:00:01 d\n");
        let mode = fs::metadata(path(2)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
