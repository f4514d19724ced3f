//! The commands of a scenario file of CRC.
//!
//! Each line parses into one [`Command`] or one [`CommandError`]. The file checks
//! that a command's client has been launched before.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use super::tokenizer::{ArgumentError, OptionSpec, parse_arguments, split_words};

/// One step of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// `LAUNCHSERVER`
    LaunchServer(LaunchServer),
    /// `LAUNCHCLIENT`
    LaunchClient(LaunchClient),
    /// `CLIENTCOMMAND`
    ClientCommand {
        /// The name of the client.
        name: String,
        /// What the client must do.
        command: ClientCommand,
    },
    /// `WAIT SECONDS`
    Wait(Duration),
    /// `KILL NAME`
    Kill(String),
    /// `KILL ALL`
    KillAll,
}

/// The options of LAUNCHSERVER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchServer {
    /// Its id.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// The port of the scenario that it listens on.
    pub port: u16,
    /// Its info text, with the quotes.
    pub info: String,
    /// The port of the scenario that it dials, if it dials one.
    pub connect_to: Option<u16>,
    /// Its log file.
    pub log_file: Option<String>,
}

/// The options of LAUNCHCLIENT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchClient {
    /// Its id.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// The port of the scenario that it connects to.
    pub port: u16,
    /// Its info text, with the quotes.
    pub info: String,
    /// Its log file.
    pub log_file: Option<String>,
}

/// What a client must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientCommand {
    /// Send a chat.
    Message {
        /// The destination.
        to: u32,
        /// The text, with the quotes.
        text: String,
    },
    /// Quit.
    Quit {
        /// The message, with the quotes.
        text: String,
    },
}

/// Why a line is no command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The first word is no command.
    #[error("unknown command {0}; use LAUNCHSERVER, LAUNCHCLIENT, CLIENTCOMMAND, WAIT or KILL")]
    Unknown(String),
    /// The original harness has it for the legacy IRC only.
    #[error("SEND is not supported in scenarios of CRC")]
    Send,
    /// Its options are invalid.
    #[error("{0}")]
    Arguments(String),
    /// An option is missing.
    #[error("the option --{0} is missing")]
    Missing(&'static str),
    /// A value is invalid.
    #[error("{what} must be {wanted}, not {value:?}")]
    Value {
        /// The option or argument.
        what: &'static str,
        /// The valid values.
        wanted: &'static str,
        /// The value.
        value: String,
    },
    /// The client command is unknown.
    #[error("unknown client command {command}; use {known}")]
    UnknownClientCommand {
        /// The unknown command.
        command: String,
        /// The known commands.
        known: &'static str,
    },
    /// `MESSAGE` without an id or a text.
    #[error("MESSAGE needs an id and a text")]
    Message,
    /// A text with a line break, which a client cannot read as one line.
    #[error("a client's text cannot contain a line break")]
    LineBreak,
    /// `KILL` without a name.
    #[error("KILL needs a name, or ALL")]
    Kill,
}

impl From<ArgumentError> for CommandError {
    fn from(error: ArgumentError) -> Self {
        CommandError::Arguments(error.to_string())
    }
}

const SERVER_OPTIONS: [OptionSpec; 7] = [
    OptionSpec::value("id"),
    OptionSpec::value("servername"),
    OptionSpec::value("port"),
    OptionSpec::value("info"),
    OptionSpec::value("connect_to_host"),
    OptionSpec::value("connect_to_port"),
    OptionSpec::value("log-file"),
];

const CLIENT_OPTIONS: [OptionSpec; 9] = [
    OptionSpec::value("id"),
    OptionSpec::short_value("serverhost", 'S'),
    OptionSpec::short_value("serverport", 'P'),
    OptionSpec::short_value("username", 'U'),
    OptionSpec::short_value("info", 'I'),
    OptionSpec::flag("simulate"),
    OptionSpec::flag("verbose"),
    OptionSpec::flag("debug"),
    OptionSpec::value("log-file"),
];

const CLIENT_COMMAND_OPTIONS: [OptionSpec; 2] =
    [OptionSpec::value("username"), OptionSpec::value("command")];

impl FromStr for Command {
    type Err = CommandError;

    fn from_str(line: &str) -> Result<Self, CommandError> {
        let (word, rest) = first_word(line);
        match word {
            "LAUNCHSERVER" => launch_server(rest).map(Command::LaunchServer),
            "LAUNCHCLIENT" => launch_client(rest).map(Command::LaunchClient),
            "CLIENTCOMMAND" => client_command(rest),
            "WAIT" => wait(rest).map(Command::Wait),
            "KILL" => kill(rest).map(|name| name.map_or(Command::KillAll, Command::Kill)),
            "SEND" => Err(CommandError::Send),
            other => Err(CommandError::Unknown(other.to_owned())),
        }
    }
}

/// The first word of a line, and the rest.
pub(super) fn first_word(line: &str) -> (&str, &str) {
    let line = line.trim();
    line.split_once(char::is_whitespace)
        .map_or((line, ""), |(word, rest)| (word, rest.trim()))
}

fn launch_server(rest: &str) -> Result<LaunchServer, CommandError> {
    let mut options = parse_arguments(split_words(rest), &SERVER_OPTIONS)?.options;
    let connect_to = uplink(&mut options)?;
    Ok(LaunchServer {
        id: host_id("--id", required(&mut options, "id")?)?,
        name: required(&mut options, "servername")?,
        port: port_number("--port", required(&mut options, "port")?)?,
        info: required(&mut options, "info")?,
        connect_to,
        log_file: options.remove("log-file"),
    })
}

fn launch_client(rest: &str) -> Result<LaunchClient, CommandError> {
    let mut options = parse_arguments(split_words(rest), &CLIENT_OPTIONS)?.options;
    Ok(LaunchClient {
        id: host_id("--id", required(&mut options, "id")?)?,
        name: required(&mut options, "username")?,
        port: port_number("--serverport", required(&mut options, "serverport")?)?,
        info: required(&mut options, "info")?,
        log_file: options.remove("log-file"),
    })
}

fn client_command(rest: &str) -> Result<Command, CommandError> {
    let mut arguments = parse_arguments(split_words(rest), &CLIENT_COMMAND_OPTIONS)?;
    let name = required(&mut arguments.options, "username")?;
    let command = required(&mut arguments.options, "command")?;
    let mut words = arguments.positional.into_iter();
    let command = match command.as_str() {
        "MESSAGE" => match (words.next(), words.next()) {
            (Some(to), Some(text)) => ClientCommand::Message {
                to: host_id("the destination", to)?,
                text: one_line(text)?,
            },
            _ => return Err(CommandError::Message),
        },
        "QUIT" => ClientCommand::Quit {
            text: one_line(words.next().unwrap_or_default())?,
        },
        _ => {
            return Err(CommandError::UnknownClientCommand {
                command,
                known: "MESSAGE or QUIT",
            });
        }
    };
    Ok(Command::ClientCommand { name, command })
}

/// The name to kill; `None` for all.
pub(super) fn kill(rest: &str) -> Result<Option<String>, CommandError> {
    match rest {
        "" => Err(CommandError::Kill),
        "ALL" => Ok(None),
        name => Ok(Some(name.to_owned())),
    }
}

pub(super) fn wait(rest: &str) -> Result<Duration, CommandError> {
    rest.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| CommandError::Value {
            what: "WAIT",
            wanted: "a number of seconds",
            value: rest.to_owned(),
        })
}

/// The port of the scenario that a server dials, if it dials one.
pub(super) fn uplink(
    options: &mut BTreeMap<&'static str, String>,
) -> Result<Option<u16>, CommandError> {
    match options.remove("connect_to_port") {
        Some(port) => port_number("--connect_to_port", port).map(Some),
        None if options.contains_key("connect_to_host") => {
            Err(CommandError::Missing("connect_to_port"))
        }
        None => Ok(None),
    }
}

pub(super) fn required(
    options: &mut BTreeMap<&'static str, String>,
    name: &'static str,
) -> Result<String, CommandError> {
    options.remove(name).ok_or(CommandError::Missing(name))
}

/// An id, 0 included: a scenario may send to an id that no host has.
fn host_id(what: &'static str, value: String) -> Result<u32, CommandError> {
    value.parse().map_err(|_| CommandError::Value {
        what,
        wanted: "a number from 0 to 4294967295",
        value,
    })
}

pub(super) fn port_number(what: &'static str, value: String) -> Result<u16, CommandError> {
    value.parse().map_err(|_| CommandError::Value {
        what,
        wanted: "a port number",
        value,
    })
}

pub(super) fn one_line(text: String) -> Result<String, CommandError> {
    if text.contains(['\n', '\r']) {
        return Err(CommandError::LineBreak);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Command) {
        assert_eq!(line.parse(), Ok(expected), "{line}");
    }

    #[track_caller]
    fn check_error(line: &str, message: &str) {
        let error = line.parse::<Command>().unwrap_err();
        assert_eq!(error.to_string(), message, "{line}");
    }

    #[test]
    fn launchserver_takes_the_options_of_a_server() {
        check(
            r#"LAUNCHSERVER --id 3 --servername quay --port 4003 --info "Ropes, and tar" --log-file quay.log --connect_to_host nowhere --connect_to_port 4001"#,
            Command::LaunchServer(LaunchServer {
                id: 3,
                name: "quay".into(),
                port: 4003,
                info: r#""Ropes, and tar""#.into(),
                connect_to: Some(4001),
                log_file: Some("quay.log".into()),
            }),
        );
        check_error(
            "LAUNCHSERVER --id 3 --servername quay --port 4003",
            "the option --info is missing",
        );
        check_error(
            "LAUNCHSERVER --id 3 --servername quay --port 4003 --info x --connect_to_host y",
            "the option --connect_to_port is missing",
        );
        check_error(
            "LAUNCHSERVER --id 3 --servername quay --port 70000 --info x",
            r#"--port must be a port number, not "70000""#,
        );
        check_error(
            "LAUNCHSERVER --id three --servername quay --port 4003 --info x",
            r#"--id must be a number from 0 to 4294967295, not "three""#,
        );
        check_error(
            "LAUNCHSERVER --connect 1",
            "the option --connect could be --connect_to_host or --connect_to_port",
        );
    }

    #[test]
    fn launchclient_takes_the_options_of_a_client() {
        let wren = Command::LaunchClient(LaunchClient {
            id: 101,
            name: "wren".into(),
            port: 4001,
            info: "x".into(),
            log_file: None,
        });
        check(
            "LAUNCHCLIENT --id 101 --serverhost a --serverport 4001 --username wren --info x",
            wren.clone(),
        );
        check(
            "LAUNCHCLIENT --simulate -S a -P4001 -U wren -I x --verbose --debug --id=101",
            wren,
        );
    }

    #[test]
    fn clientcommand_takes_message_and_quit() {
        let message = |text: &str| Command::ClientCommand {
            name: "wren".into(),
            command: ClientCommand::Message {
                to: 102,
                text: text.into(),
            },
        };
        check(
            r#"CLIENTCOMMAND --username wren --command MESSAGE 102 "Hi, you""#,
            message(r#""Hi, you""#),
        );
        check("CLIENTCOMMAND 102 --u wren Hi --c MESSAGE", message("Hi"));
        let quit = |text: &str| Command::ClientCommand {
            name: "wren".into(),
            command: ClientCommand::Quit { text: text.into() },
        };
        check(
            r#"CLIENTCOMMAND --username wren --command QUIT "Bye""#,
            quit(r#""Bye""#),
        );
        check("CLIENTCOMMAND --username wren --command QUIT", quit(""));
        check_error(
            "CLIENTCOMMAND --username wren --command MESSAGE 102",
            "MESSAGE needs an id and a text",
        );
        check_error(
            "CLIENTCOMMAND --username wren --command SHOUT 102 x",
            "unknown client command SHOUT; use MESSAGE or QUIT",
        );
        check_error(
            "CLIENTCOMMAND --username wren --command QUIT \"a\nb\"",
            "a client's text cannot contain a line break",
        );
    }

    #[test]
    fn wait_takes_seconds_and_kill_takes_a_name() {
        check("WAIT 0.25", Command::Wait(Duration::from_millis(250)));
        check("  WAIT  1 ", Command::Wait(Duration::from_secs(1)));
        for line in ["WAIT", "WAIT soon", "WAIT -1", "WAIT nan", "WAIT inf"] {
            assert!(
                matches!(line.parse::<Command>(), Err(CommandError::Value { .. })),
                "{line}"
            );
        }
        check("KILL ALL", Command::KillAll);
        check("KILL wren", Command::Kill("wren".into()));
        check_error("KILL", "KILL needs a name, or ALL");
    }

    #[test]
    fn unknown_commands_are_errors() {
        check_error(
            "JUMP high",
            "unknown command JUMP; use LAUNCHSERVER, LAUNCHCLIENT, CLIENTCOMMAND, WAIT or KILL",
        );
        check_error(
            "SEND --source a --destination b --message c",
            "SEND is not supported in scenarios of CRC",
        );
    }
}
