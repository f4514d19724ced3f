//! A peer: what its user says, and what is shown to its user.

use std::io::{self, BufReader, ErrorKind, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;

use crc_core::{Escaped, ListenerId};
use crc_net::{Driver, DriverConfig, LineEvent, read_lines};
use crc_rendezvous::{DirectoryError, Peer, PeerCommand, PeerNotice, When};

use crate::args::JoinArgs;
use crate::terminal::{LogLines, Terminal};
use crate::{Failure, announce, json, text, write_error, write_line};

/// How many bytes may wait for the peers before a script is slowed down.
const PAUSE_BYTES: usize = 1024 * 1024;

/// Where news go.
enum Face {
    /// To standard output as JSON.
    Json,
    /// To standard output as text; errors to standard error.
    Text,
    /// To somebody at a terminal.
    Terminal(Terminal),
}

pub(crate) fn run(args: &JoinArgs, log: &LogLines) -> Result<(), Failure> {
    let at_terminal = !args.json && io::stdin().is_terminal() && io::stdout().is_terminal();
    let config = args.config(getrandom::u64()?);
    let line_bytes_max = config.limits.text_bytes_max;
    let settings = DriverConfig {
        links_max: config.limits.peers_max.saturating_mul(2),
        commands_pause_bytes: PAUSE_BYTES,
        ..DriverConfig::default()
    };
    let mut driver = Driver::new(Peer::new(config), settings)?;
    driver.on_signals(|| PeerCommand::Leave { when: When::Now })?;
    let address = driver.listen(args.listen, ListenerId(0))?;
    announce(address);
    let commander = driver.command_sender();
    let mut face = if at_terminal {
        Face::Terminal(Terminal::start(commander.clone(), log))
    } else {
        if is_somebody_there() {
            let input = BufReader::new(io::stdin());
            read_lines(input, line_bytes_max, commander.clone(), move |input| {
                command(input, line_bytes_max)
            })?;
        }
        if args.json { Face::Json } else { Face::Text }
    };
    driver.command(PeerCommand::Start { address });
    let mut outcome = Ok(());
    let mut unread = false;
    let mut leaving = false;
    let stopped = driver.run(|_, notice| {
        if let PeerNotice::Refused { source, why } = &notice {
            log::warn!("the connection from {source} is closed: {why}");
        }
        if let PeerNotice::DirectoryLost {
            why,
            retry_in: None,
        } = &notice
            && !why.was_registered()
        {
            outcome = Err(Failure::Directory(*why));
            return;
        }
        if matches!(notice, PeerNotice::NotSent { .. }) && !at_terminal && outcome.is_ok() {
            outcome = Err(Failure::Incomplete);
        }
        if !unread && let Err(error) = show(&mut face, &notice) {
            unread = true;
            if error.kind() != ErrorKind::BrokenPipe {
                outcome = Err(Failure::Output(error));
            }
        }
        if unread && !leaving {
            // When there is no room for it, the next news will find some.
            let leave = PeerCommand::Leave { when: When::Now };
            leaving = commander.try_send(leave).is_ok();
        }
    });
    if let Face::Terminal(terminal) = face {
        terminal.finish(log);
    }
    stopped?;
    outcome
}

fn show(face: &mut Face, notice: &PeerNotice) -> io::Result<()> {
    match face {
        Face::Json => json::line(notice).map_or(Ok(()), |line| write_line(&line)),
        Face::Terminal(terminal) => {
            let line = text::line(notice).or_else(|| text::trouble(notice));
            line.into_iter().for_each(|line| terminal.print(line));
            Ok(())
        }
        Face::Text => {
            if let Some(sentence) = text::trouble(notice) {
                write_error(&sentence);
            }
            text::line(notice).map_or(Ok(()), |line| write_line(&line))
        }
    }
}

/// Whether standard input may give lines. At `/dev/null` there is nobody who could
/// end it, and so its end means nothing: such a peer stays until a signal.
fn is_somebody_there() -> bool {
    if io::stdin().is_terminal() {
        return true;
    }
    let file = io::stdin().as_fd().try_clone_to_owned();
    let kind = file.and_then(|file| std::fs::File::from(file).metadata());
    kind.is_ok_and(|metadata| !metadata.file_type().is_char_device())
}

/// What is to be made of what a script says.
fn command(input: LineEvent, line_bytes_max: usize) -> Option<PeerCommand> {
    let when = When::MeshComplete;
    match input {
        LineEvent::Line(text) => Some(PeerCommand::SendText { text, when }),
        LineEvent::TooLong => {
            log::error!("a line may have {line_bytes_max} bytes; nothing was said");
            None
        }
        LineEvent::NotUtf8 => {
            log::error!("a line is not UTF-8; nothing was said");
            None
        }
        LineEvent::End => Some(PeerCommand::Leave { when }),
        LineEvent::Failed(kind) => {
            log::error!(
                "standard input can't be read: {}",
                Escaped(&kind.to_string())
            );
            Some(PeerCommand::Leave { when })
        }
    }
}

/// Why the directory is away, as far as it is worth a word.
pub(crate) fn away(why: DirectoryError, retry_in: Option<std::time::Duration>) -> String {
    match retry_in {
        None => why.to_string(),
        Some(pause) => format!("{why}; trying again in {:.1} s", pause.as_secs_f64()),
    }
}
