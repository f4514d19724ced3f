//! Records the events of a running server in a file, and replays them offline to another
//! server. A machine's state depends on its configuration and its events only, so both end
//! in the same state.
//!
//! ```
//! use crc_core::{Config, Event, Server, ServerCommand, Machine, Outbox, Timestamp};
//! use crc_record::{Recorder, digest, replay};
//! use crc_wire::{HostId, Name};
//!
//! let config = Config::new(HostId::new(7).unwrap(), Name::new("anchor")?);
//! let file = std::env::temp_dir().join(format!("crc-record-{}", std::process::id()));
//! let mut recorder = Recorder::create(&file, &config, 1 << 20)?;
//! let mut server = Server::new(config);
//! let event = Event::Command(ServerCommand::Start { listening: vec![] });
//! recorder.event(Timestamp::START, &event);
//! server.handle(Timestamp::START, event, &mut Outbox::new());
//! recorder.close(digest(&server))?;
//!
//! let replayed = replay(&std::fs::read(&file)?)?;
//! assert_eq!(replayed.events, 1);
//! assert_eq!(replayed.digest_recorded, Some(digest(&replayed.server)));
//! # std::fs::remove_file(&file)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A recording holds everything that the server has read from the network, chats included.
//! Only the owner of the file can read it, and recording is off by default.

#![forbid(unsafe_code)]

mod format;
mod recorder;
mod replay;

pub use format::RecordingError;
pub use recorder::Recorder;
pub use replay::{Replayed, digest, replay};
