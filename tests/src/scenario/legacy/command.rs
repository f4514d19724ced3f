//! The commands of a scenario file of the legacy IRC.

use std::str::FromStr;
use std::time::Duration;

use crate::fixture::legacy_user::{UserCommand, Verb};
use crate::scenario::command::{
    CommandError, first_word, kill, one_line, port_number, required, uplink, wait,
};
use crate::scenario::tokenizer::{OptionSpec, parse_arguments, split_words};

/// One step of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// `LAUNCHSERVER`
    LaunchServer(LaunchServer),
    /// `LAUNCHCLIENT`
    LaunchClient(LaunchClient),
    /// `CLIENTCOMMAND`
    ClientCommand {
        /// The nick or the full name of the client.
        name: String,
        /// The command to type.
        command: UserCommand,
    },
    /// `SEND`
    Send {
        /// The server that seems to send it.
        source: String,
        /// The server that receives it.
        destination: String,
        /// The text, with the quotes.
        text: String,
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
    /// The nick that it registers with.
    pub nick: String,
    /// The server name that it registers with.
    pub server: String,
    /// The port of the scenario that it connects to.
    pub port: u16,
    /// The host name that it registers with.
    pub host: String,
    /// The real name that it registers with, with the quotes.
    pub real_name: String,
    /// Its log file.
    pub log_file: Option<String>,
}

impl LaunchClient {
    /// Its nick and server, which name one of two clients with the same nick.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}@{}", self.nick, self.server)
    }
}

const SERVER_OPTIONS: [OptionSpec; 8] = [
    OptionSpec::value("servername"),
    OptionSpec::value("port"),
    OptionSpec::value("info"),
    OptionSpec::value("connect_to_host"),
    OptionSpec::value("connect_to_port"),
    OptionSpec::flag("debug"),
    OptionSpec::flag("verbose"),
    OptionSpec::value("log-file"),
];

const CLIENT_OPTIONS: [OptionSpec; 9] = [
    OptionSpec::short_value("serverhost", 'S'),
    OptionSpec::short_value("serverport", 'P'),
    OptionSpec::short_value("nick", 'N'),
    OptionSpec::value("hostname"),
    OptionSpec::value("realname"),
    OptionSpec::flag("simulate"),
    OptionSpec::flag("verbose"),
    OptionSpec::flag("debug"),
    OptionSpec::value("log-file"),
];

const CLIENT_COMMAND_OPTIONS: [OptionSpec; 2] =
    [OptionSpec::value("nick"), OptionSpec::value("command")];

const SEND_OPTIONS: [OptionSpec; 3] = [
    OptionSpec::value("source"),
    OptionSpec::value("destination"),
    OptionSpec::value("message"),
];

impl FromStr for Command {
    type Err = CommandError;

    fn from_str(line: &str) -> Result<Self, CommandError> {
        let (word, rest) = first_word(line);
        match word {
            "LAUNCHSERVER" => launch_server(rest).map(Command::LaunchServer),
            "LAUNCHCLIENT" => launch_client(rest).map(Command::LaunchClient),
            "CLIENTCOMMAND" => client_command(rest),
            "SEND" => send(rest),
            "WAIT" => wait(rest).map(Command::Wait),
            "KILL" => kill(rest).map(|name| name.map_or(Command::KillAll, Command::Kill)),
            other => Err(CommandError::Unknown(other.to_owned())),
        }
    }
}

/// Ignores words without an option: in connectivity files these name the servers
/// that will link.
fn launch_server(rest: &str) -> Result<LaunchServer, CommandError> {
    let mut options = parse_arguments(split_words(rest), &SERVER_OPTIONS)?.options;
    let connect_to = uplink(&mut options)?;
    Ok(LaunchServer {
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
        nick: one_line(required(&mut options, "nick")?)?,
        server: one_line(required(&mut options, "serverhost")?)?,
        port: port_number("--serverport", required(&mut options, "serverport")?)?,
        host: one_line(required(&mut options, "hostname")?)?,
        real_name: one_line(required(&mut options, "realname")?)?,
        log_file: options.remove("log-file"),
    })
}

fn client_command(rest: &str) -> Result<Command, CommandError> {
    let mut arguments = parse_arguments(split_words(rest), &CLIENT_COMMAND_OPTIONS)?;
    let name = required(&mut arguments.options, "nick")?;
    let command = required(&mut arguments.options, "command")?;
    let Some(verb) = Verb::named(&command) else {
        return Err(CommandError::UnknownClientCommand {
            command,
            known: "JOIN, PART, TOPIC, NAMES, PRIVMSG or QUIT",
        });
    };
    let words = arguments.positional.into_iter().map(one_line);
    let words = words.collect::<Result<_, _>>()?;
    Ok(Command::ClientCommand {
        name,
        command: UserCommand { verb, words },
    })
}

fn send(rest: &str) -> Result<Command, CommandError> {
    let mut options = parse_arguments(split_words(rest), &SEND_OPTIONS)?.options;
    Ok(Command::Send {
        source: required(&mut options, "source")?,
        destination: required(&mut options, "destination")?,
        text: one_line(required(&mut options, "message")?)?,
    })
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

    fn quay(info: &str) -> LaunchServer {
        LaunchServer {
            name: "quay".into(),
            port: 4003,
            info: info.into(),
            connect_to: None,
            log_file: None,
        }
    }

    #[test]
    fn launchserver_takes_the_options_of_a_server() {
        check(
            r#"LAUNCHSERVER --servername quay --port 4003 --info "Ropes, and tar" --debug --verbose --log-file quay.log --connect_to_host reef --connect_to_port 4001"#,
            Command::LaunchServer(LaunchServer {
                connect_to: Some(4001),
                log_file: Some("quay.log".into()),
                ..quay(r#""Ropes, and tar""#)
            }),
        );
        // Names of servers that will link, single quotes, an unclosed quote.
        check(
            "LAUNCHSERVER --servername quay --port 4003 --info x reef shoal",
            Command::LaunchServer(quay("x")),
        );
        check(
            "LAUNCHSERVER --servername quay --port 4003 --info 'Ropes and tar'",
            Command::LaunchServer(quay("'Ropes")),
        );
        check(
            r#"LAUNCHSERVER --servername quay --info "Ropes and tar' --verbose --port 4003"#,
            Command::LaunchServer(quay("Ropes")),
        );
        check_error(
            "LAUNCHSERVER --servername quay --port 4003",
            "the option --info is missing",
        );
    }

    #[test]
    fn launchclient_takes_the_options_of_a_client() {
        let wren = Command::LaunchClient(LaunchClient {
            nick: "wren".into(),
            server: "quay".into(),
            port: 4001,
            host: "pier".into(),
            real_name: "'Wren".into(),
            log_file: None,
        });
        check(
            "LAUNCHCLIENT --serverhost quay --serverport 4001 --nick wren --hostname pier --realname 'Wren Sandpiper' --debug --verbose",
            wren.clone(),
        );
        check(
            "LAUNCHCLIENT -S quay -P4001 -N wren --hostname pier --realname 'Wren --simulate",
            wren,
        );
        check_error(
            "LAUNCHCLIENT --serverhost quay --serverport 4001 --hostname pier --realname W",
            "the option --nick is missing",
        );
    }

    #[test]
    fn clientcommand_takes_the_commands_of_a_user() {
        let wren = |verb, words: &[&str]| Command::ClientCommand {
            name: "wren".into(),
            command: UserCommand::new(verb, words),
        };
        check(
            r##"CLIENTCOMMAND --nick wren --command TOPIC #reef "Tides, and wind""##,
            wren(Verb::Topic, &["#reef", "\"Tides, and wind\""]),
        );
        check(
            "CLIENTCOMMAND --nick wren --command JOIN #reef key",
            wren(Verb::Join, &["#reef", "key"]),
        );
        check(
            "CLIENTCOMMAND --nick wren --command NAMES #reef ",
            wren(Verb::Names, &["#reef"]),
        );
        check(
            "CLIENTCOMMAND --nick wren --command QUIT",
            wren(Verb::Quit, &[]),
        );
        check_error(
            "CLIENTCOMMAND --nick wren --command MESSAGE 102 x",
            "unknown client command MESSAGE; use JOIN, PART, TOPIC, NAMES, PRIVMSG or QUIT",
        );
        check_error(
            "CLIENTCOMMAND --nick wren --command QUIT \"a\nQUIT\"",
            "a client's text cannot contain a line break",
        );
    }

    #[test]
    fn send_wait_and_kill_are_parsed() {
        check(
            r#"SEND --source quay --destination reef --message "Ahoy there""#,
            Command::Send {
                source: "quay".into(),
                destination: "reef".into(),
                text: "\"Ahoy there\"".into(),
            },
        );
        check("WAIT 0.5", Command::Wait(Duration::from_millis(500)));
        check("KILL wren@quay", Command::Kill("wren@quay".into()));
        check("KILL ALL", Command::KillAll);
        check_error("KILL", "KILL needs a name, or ALL");
        check_error(
            "JUMP high",
            "unknown command JUMP; use LAUNCHSERVER, LAUNCHCLIENT, CLIENTCOMMAND, WAIT or KILL",
        );
    }
}
