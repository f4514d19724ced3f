//! One-shots: `crc-client send WHO TEXT` and `crc-client tail CHANNEL`. They give the queue the
//! commands that a script would, so they wait and fail as a script does.

use std::io::{self, BufReader};

use crc_cli::Backpressure;
use crc_net::{CommandSender, DriverError, LineEvent, SendError, read_lines};

use crate::args::{Action, Args};
use crate::command::{Command, ParseError, Target};
use crate::output::{Output, Tail};
use crate::queue::Input;
use crate::{LINE_BYTES_MAX, LINES_MAX};

/// Gives the first commands, before the driver runs.
pub(crate) fn begin(
    action: &Action,
    args: &Args,
    sender: &CommandSender<Input>,
    lines: &Backpressure,
) -> Result<Output, DriverError> {
    let join = |channel: &str, key: &Option<String>| Command::Join {
        channel: channel.to_owned(),
        key: key.clone().unwrap_or_else(|| args.key_of(channel)),
    };
    match action {
        Action::Send { who, text, key } => {
            if let Target::Channel(channel) = who {
                give(join(channel, key), sender);
            }
            match &text.join(" ")[..] {
                "" | "-" => send_lines(who.clone(), sender.clone(), lines.clone())?,
                text => {
                    let (to, text) = (who.clone(), text.to_owned());
                    give(Command::Msg { to, text }, sender);
                    let _ = sender.try_send(Input::End);
                }
            }
            Ok(if args.json {
                Output::Json
            } else {
                Output::Errors
            })
        }
        Action::Tail {
            channel,
            lines,
            key,
        } => {
            give(join(channel, key), sender);
            Ok(Output::Tail(Tail {
                channel: channel.clone(),
                left: *lines,
                is_json: args.json,
            }))
        }
        Action::CheckConfig | Action::PrintConfig => Ok(Output::Errors),
    }
}

/// Gives a command. The queue of the driver has room for a few before it runs.
fn give(command: Command, sender: &CommandSender<Input>) {
    if let Err(SendError::Full) = sender.try_send(Input::Line(Ok(command))) {
        log::error!("too many commands are waiting");
    }
}

/// Sends each line of standard input, read on a thread of its own. Empty lines are left out.
fn send_lines(
    to: Target,
    sender: CommandSender<Input>,
    lines: Backpressure,
) -> Result<(), DriverError> {
    let stdin = BufReader::new(io::stdin());
    read_lines(stdin, LINE_BYTES_MAX, sender, move |line| {
        let line = match line {
            LineEvent::Line(text) if text.trim().is_empty() => return None,
            LineEvent::Line(text) => Ok(Command::Msg {
                to: to.clone(),
                text,
            }),
            LineEvent::TooLong => Err(ParseError::TooLong),
            LineEvent::NotUtf8 => Err(ParseError::NotUtf8),
            LineEvent::End | LineEvent::Failed(_) => {
                if let LineEvent::Failed(kind) = line {
                    log::error!("cannot read standard input: {kind}");
                }
                lines.acquire(LINES_MAX);
                return Some(Input::End);
            }
        };
        lines.acquire(LINES_MAX);
        Some(Input::Line(line))
    })
}
