//! A peer: reads lines from the user and prints the notices.

use std::io::{self, BufReader, ErrorKind, IsTerminal};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;

use crc_cli::terminal::{InputEnd, LineHandler, LogWriter, Prompt, Terminal};
use crc_cli::{print_error, print_line};
use crc_machine::ListenerId;
use crc_net::{CommandSender, Driver, DriverConfig, LineEvent, read_lines};
use crc_rendezvous::{Peer, PeerCommand, PeerNotice, When};

use crate::args::JoinArgs;
use crate::failure::Failure;
use crate::{json, text};

/// How many bytes may wait for the peers before a batch is slowed down.
const PAUSE_BYTES: usize = 1024 * 1024;

/// The text before a line.
const PROMPT: &str = "> ";

/// Where notices go.
enum Output {
    /// To standard output as JSON.
    Json,
    /// To standard output as text, errors to standard error.
    Text,
    /// To a terminal.
    Terminal(Terminal),
}

pub(crate) fn run(args: &JoinArgs, log: LogWriter) -> Result<(), Failure> {
    let at_terminal = !args.json && io::stdin().is_terminal() && io::stdout().is_terminal();
    let config = args.config(getrandom::u64()?);
    let line_bytes_max = config.limits.text_bytes_max;
    let driver_config = DriverConfig {
        links_max: config.limits.peers_max.saturating_mul(2),
        commands_pause_bytes: PAUSE_BYTES,
        ..DriverConfig::default()
    };
    let mut driver = Driver::new(Peer::new(config), driver_config)?;
    driver.on_signals(|| LEAVE)?;
    let address = driver.listen(args.listen, ListenerId(0))?;
    text::print_listening(address);
    let sender = driver.command_sender();
    let hangup = sender.clone();
    crc_cli::on_terminal_hangup(move || {
        // The driver may have ended before.
        let _ = hangup.send(LEAVE);
    })
    .map_err(Failure::Hangup)?;
    let output = if at_terminal {
        let terminal = Terminal::start(TypedLines(sender.clone()), log);
        Output::Terminal(terminal.map_err(Failure::Terminal)?)
    } else {
        if has_input() {
            read_batch(sender.clone(), line_bytes_max)?;
        }
        if args.json {
            Output::Json
        } else {
            Output::Text
        }
    };
    let mut renderer = Renderer {
        output,
        at_terminal,
        closed: false,
        outcome: Ok(()),
    };
    driver.command(PeerCommand::Start { address });
    let mut leaving = false;
    let stopped = driver.run(|_, notice| {
        renderer.render(&notice);
        if renderer.closed && !leaving {
            // When the queue is full, the next notice tries again.
            leaving = sender.try_send(LEAVE).is_ok();
        }
    });
    let outcome = renderer.finish();
    stopped?;
    outcome
}

const LEAVE: PeerCommand = PeerCommand::Leave { when: When::Now };

/// Prints notices, and keeps what decides the exit status.
struct Renderer {
    output: Output,
    at_terminal: bool,
    /// Whether standard output is closed.
    closed: bool,
    outcome: Result<(), Failure>,
}

impl Renderer {
    fn render(&mut self, notice: &PeerNotice) {
        match notice {
            PeerNotice::Refused { source, why } => {
                log::warn!("connection from {source} closed: {why}");
            }
            PeerNotice::DirectoryLost {
                why,
                retry_in: None,
            } if !why.was_registered() => {
                self.outcome = Err(Failure::Directory(*why));
                return;
            }
            PeerNotice::NotSent { .. } if !self.at_terminal && self.outcome.is_ok() => {
                self.outcome = Err(Failure::Incomplete);
            }
            _ => {}
        }
        if self.closed {
            return;
        }
        if let Err(error) = self.print(notice) {
            self.closed = true;
            if error.kind() != ErrorKind::BrokenPipe {
                self.outcome = Err(Failure::Output(error));
            }
        }
    }

    fn print(&self, notice: &PeerNotice) -> io::Result<()> {
        match &self.output {
            Output::Json => json::line(notice).map_or(Ok(()), |line| print_line(&line)),
            Output::Terminal(terminal) => {
                let line = text::line(notice).or_else(|| text::error_line(notice));
                line.into_iter().for_each(|line| terminal.print(line));
                Ok(())
            }
            Output::Text => {
                if let Some(line) = text::error_line(notice) {
                    print_error(&line);
                }
                text::line(notice).map_or(Ok(()), |line| print_line(&line))
            }
        }
    }

    /// Restores the terminal.
    fn finish(self) -> Result<(), Failure> {
        if let Output::Terminal(terminal) = self.output {
            terminal.finish();
        }
        self.outcome
    }
}

/// Sends the lines that a user types.
struct TypedLines(CommandSender<PeerCommand>);

impl LineHandler for TypedLines {
    fn prompt(&self) -> Prompt {
        Prompt {
            plain: PROMPT.to_owned(),
            styled: PROMPT.to_owned(),
        }
    }

    fn on_line(&self, line: &str) -> ControlFlow<()> {
        let command = PeerCommand::SendText {
            text: line.to_owned(),
            when: When::Now,
        };
        match self.0.send(command) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }

    fn on_end(&self, _: InputEnd) -> ControlFlow<()> {
        // The driver may have ended before.
        let _ = self.0.send(LEAVE);
        ControlFlow::Break(())
    }
}

/// Whether standard input is read. A peer whose standard input is `/dev/null` runs until
/// a signal; the end of that input means nothing.
fn has_input() -> bool {
    if io::stdin().is_terminal() {
        return true;
    }
    let file = io::stdin().as_fd().try_clone_to_owned();
    let kind = file.and_then(|file| std::fs::File::from(file).metadata());
    kind.is_ok_and(|metadata| !metadata.file_type().is_char_device())
}

/// Reads lines from standard input, on a thread of its own.
fn read_batch(sender: CommandSender<PeerCommand>, line_bytes_max: usize) -> Result<(), Failure> {
    let when = When::MeshComplete;
    let stdin = BufReader::new(io::stdin());
    read_lines(stdin, line_bytes_max, sender, move |line| match line {
        LineEvent::Line(text) => Some(PeerCommand::SendText { text, when }),
        LineEvent::TooLong => {
            log::error!("a line exceeds {line_bytes_max} bytes; it was not sent");
            None
        }
        LineEvent::NotUtf8 => {
            log::error!("a line is not UTF-8; it was not sent");
            None
        }
        LineEvent::End => Some(PeerCommand::Leave { when }),
        LineEvent::Failed(kind) => {
            log::error!("cannot read standard input: {kind}");
            Some(PeerCommand::Leave { when })
        }
    })?;
    Ok(())
}
