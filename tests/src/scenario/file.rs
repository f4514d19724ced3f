//! A scenario file, parsed and checked as a whole before anything starts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;

use super::command::{Command, CommandError};
use super::legacy;

/// A scenario, ready to run.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The name of its file, without the ending.
    pub name: String,
    /// What it compares.
    pub kind: Kind,
    /// Its steps and expectations.
    pub script: Script,
}

/// The steps and expectations, by the kind of network.
#[derive(Debug, Clone, PartialEq)]
pub enum Script {
    /// A network of CRC.
    Crc(Plan<Command, Expectation>),
    /// A network of the legacy IRC.
    Legacy(Plan<legacy::Command, legacy::Expectation>),
}

/// The steps and expectations of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan<C, E> {
    /// The steps, in order.
    pub steps: Vec<Step<C>>,
    /// The expectations, by the name of the server or client.
    pub final_state: BTreeMap<String, E>,
}

/// One step of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Step<C> {
    /// The line in the file.
    pub line: String,
    /// The parsed command.
    pub command: C,
}

/// The syntax of the files of one kind of network.
pub(super) trait Language {
    /// A step.
    type Command: FromStr<Err = CommandError>;
    /// What a file expects of one server or client.
    type Expectation;

    /// The kind for the type in a file, if the type is known.
    fn kind(name: Option<&str>) -> Option<Kind>;

    /// Parses what a file expects of one name. The error is the property and its valid
    /// values.
    fn expectation(
        properties: BTreeMap<String, Value>,
    ) -> Result<Self::Expectation, (String, &'static str)>;

    /// The client that a command launches or commands.
    fn client_use(command: &Self::Command) -> ClientUse<'_>;
}

/// The plan in the files of one kind of network.
type PlanOf<L> = Plan<<L as Language>::Command, <L as Language>::Expectation>;

/// How a command uses a client.
pub(super) enum ClientUse<'a> {
    /// It launches a client with these names.
    Launches(Vec<String>),
    /// It commands the client with this name.
    Commands(&'a str),
    /// It uses no client.
    None,
}

/// What a scenario compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What servers and clients know in the end (`CRC_functionality`).
    Functionality,
    /// The first bytes that servers receive (`network_connectivity`).
    Connectivity,
}

/// What a file expects of one server or client; `None` where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectation {
    /// The clients of a server.
    pub adjacent_user_ids: Option<BTreeSet<u32>>,
    /// The servers linked to a server.
    pub adjacent_server_ids: Option<BTreeSet<u32>>,
    /// All hosts that a server knows.
    pub hosts_db: Option<BTreeSet<u32>>,
    /// All clients that a client knows.
    pub connected_user_ids: Option<BTreeSet<u32>>,
    /// The texts of the statuses it received.
    pub status_updates_log: Option<Vec<String>>,
    /// The texts of the chats that a client received.
    pub chat_messages_log: Option<Vec<String>>,
    /// The registrations that a server received, in lower-case hex.
    pub received: Option<Vec<String>>,
    /// Other properties, which no check uses.
    pub unknown: Vec<String>,
}

/// Why a file is no scenario.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// It cannot be read.
    #[error("{}: cannot be read: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not JSON, or not of the right form.
    #[error("{}: {source}", file.display())]
    Json {
        /// The file.
        file: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// Its type is not supported.
    #[error("{}: unknown type {kind:?}; use \"CRC_functionality\" or \"network_connectivity\", for IRC also \"basic_connectivity\" or none", file.display())]
    Kind {
        /// The file.
        file: PathBuf,
        /// The type.
        kind: String,
    },
    /// One of its commands is invalid.
    #[error("{}: command {number}, `{line}`: {source}", file.display())]
    Command {
        /// The file.
        file: PathBuf,
        /// Which one, counted from 1.
        number: usize,
        /// The command.
        line: String,
        /// Why.
        source: CommandError,
    },
    /// A command names a client that has not been launched.
    #[error("{}: command {number}, `{line}`: no client named {name} has been launched before", file.display())]
    NoSuchClient {
        /// The file.
        file: PathBuf,
        /// Which one, counted from 1.
        number: usize,
        /// The command.
        line: String,
        /// The client.
        name: String,
    },
    /// An expectation has the wrong form.
    #[error("{}: final_state of {name}: {property} must be {wanted}", file.display())]
    Expectation {
        /// The file.
        file: PathBuf,
        /// The server or client.
        name: String,
        /// The property.
        property: String,
        /// Its valid values.
        wanted: &'static str,
    },
}

/// The JSON of a file.
#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "type")]
    kind: Option<String>,
    commands: Vec<String>,
    final_state: BTreeMap<String, BTreeMap<String, Value>>,
}

impl Scenario {
    /// Reads the scenario in `file`.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`] when it cannot be read or is invalid.
    pub fn read(file: &Path) -> Result<Scenario, ScenarioError> {
        let text = fs::read_to_string(file).map_err(|source| ScenarioError::Read {
            file: file.to_owned(),
            source,
        })?;
        Scenario::parse(file, &text)
    }

    /// Parses `text`, the content of `file`.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`] when it is invalid.
    pub fn parse(file: &Path, text: &str) -> Result<Scenario, ScenarioError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let raw: Raw = serde_json::from_str(text).map_err(|source| ScenarioError::Json {
            file: file.to_owned(),
            source,
        })?;
        let (kind, script) = if legacy::is_legacy(&raw.commands) {
            let (kind, plan) = raw.plan::<legacy::Legacy>(file)?;
            (kind, Script::Legacy(plan))
        } else {
            let (kind, plan) = raw.plan::<Crc>(file)?;
            (kind, Script::Crc(plan))
        };
        Ok(Scenario {
            name: file
                .file_stem()
                .unwrap_or(file.as_os_str())
                .to_string_lossy()
                .into_owned(),
            kind,
            script,
        })
    }
}

impl Raw {
    fn plan<L: Language>(self, file: &Path) -> Result<(Kind, PlanOf<L>), ScenarioError> {
        let kind = L::kind(self.kind.as_deref()).ok_or_else(|| ScenarioError::Kind {
            file: file.to_owned(),
            kind: self.kind.clone().unwrap_or_default(),
        })?;
        let mut final_state = BTreeMap::new();
        for (name, properties) in self.final_state {
            match L::expectation(properties) {
                Ok(expectation) => final_state.insert(name, expectation),
                Err((property, wanted)) => {
                    return Err(ScenarioError::Expectation {
                        file: file.to_owned(),
                        name,
                        property,
                        wanted,
                    });
                }
            };
        }
        let steps = parse_steps::<L>(file, self.commands)?;
        Ok((kind, Plan { steps, final_state }))
    }
}

fn parse_steps<L: Language>(
    file: &Path,
    lines: Vec<String>,
) -> Result<Vec<Step<L::Command>>, ScenarioError> {
    let mut launched = BTreeSet::new();
    let mut steps = Vec::with_capacity(lines.len());
    for (index, line) in lines.into_iter().enumerate() {
        let command = line.parse().map_err(|source| ScenarioError::Command {
            file: file.to_owned(),
            number: index + 1,
            line: line.clone(),
            source,
        })?;
        match L::client_use(&command) {
            ClientUse::Launches(names) => launched.extend(names),
            ClientUse::Commands(name) if !launched.contains(name) => {
                return Err(ScenarioError::NoSuchClient {
                    file: file.to_owned(),
                    number: index + 1,
                    name: name.to_owned(),
                    line,
                });
            }
            ClientUse::Commands(_) | ClientUse::None => {}
        }
        steps.push(Step { line, command });
    }
    Ok(steps)
}

/// The syntax of CRC scenarios.
struct Crc;

impl Language for Crc {
    type Command = Command;
    type Expectation = Expectation;

    fn kind(name: Option<&str>) -> Option<Kind> {
        match name? {
            "CRC_functionality" => Some(Kind::Functionality),
            "network_connectivity" => Some(Kind::Connectivity),
            _ => None,
        }
    }

    fn expectation(
        properties: BTreeMap<String, Value>,
    ) -> Result<Expectation, (String, &'static str)> {
        Expectation::parse(properties)
    }

    fn client_use(command: &Command) -> ClientUse<'_> {
        match command {
            Command::LaunchClient(client) => ClientUse::Launches(vec![client.name.clone()]),
            Command::ClientCommand { name, .. } => ClientUse::Commands(name),
            _ => ClientUse::None,
        }
    }
}

impl Expectation {
    fn parse(properties: BTreeMap<String, Value>) -> Result<Expectation, (String, &'static str)> {
        let mut expectation = Expectation::default();
        for (property, value) in properties {
            let ids = || {
                serde_json::from_value::<BTreeSet<u32>>(value.clone())
                    .map(Some)
                    .map_err(|_| (property.clone(), "a list of ids"))
            };
            let texts = || {
                serde_json::from_value::<Vec<String>>(value.clone())
                    .map(Some)
                    .map_err(|_| (property.clone(), "a list of texts"))
            };
            match property.as_str() {
                "adjacent_user_ids" => expectation.adjacent_user_ids = ids()?,
                "adjacent_server_ids" => expectation.adjacent_server_ids = ids()?,
                "hosts_db" => expectation.hosts_db = ids()?,
                "connected_user_ids" => expectation.connected_user_ids = ids()?,
                "status_updates_log" => expectation.status_updates_log = texts()?,
                "chat_messages_log" => expectation.chat_messages_log = texts()?,
                "recvd_messages_asdqw" => {
                    expectation.received = texts()?.map(|hex| {
                        hex.into_iter()
                            .map(|hex| hex.to_ascii_lowercase())
                            .collect()
                    });
                }
                // Always empty: the servers of the original harness are muted.
                "sent_messages_asdqw" => {}
                _ => expectation.unknown.push(property),
            }
        }
        Ok(expectation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Scenario, ScenarioError> {
        Scenario::parse(Path::new("some/where/fog.json"), text)
    }

    #[track_caller]
    fn check_error(text: &str, message: &str) {
        assert_eq!(parse(text).unwrap_err().to_string(), message);
    }

    #[test]
    fn a_file_is_parsed_as_a_whole() {
        let scenario = parse(
            "{\t\"type\":\t\"CRC_functionality\",
            \"commands\": [
                \"LAUNCHCLIENT --id 101 --serverport 4 --username wren --info \\\"x y\\\"\",
                \"CLIENTCOMMAND --username wren --command QUIT\",
                \"KILL ALL\"
            ],
            \"final_state\": {
                \"wren\": {
                    \"connected_user_ids\": [3, 2, 3],
                    \"chat_messages_log\": [\"\\\"a\\\"\", \"\\\"a\\\"\"],
                    \"adjacent_users\": [1]
                },
                \"absent\": {\"recvd_messages_asdqw\": [\"00AB\"], \"sent_messages_asdqw\": []}
            } }",
        )
        .unwrap();
        assert_eq!(scenario.name, "fog");
        assert_eq!(scenario.kind, Kind::Functionality);
        let Script::Crc(plan) = scenario.script else {
            panic!("launches with ids are of CRC");
        };
        assert_eq!(plan.steps.len(), 3);
        assert_eq!(plan.steps[2].line, "KILL ALL");
        let wren = &plan.final_state["wren"];
        assert_eq!(wren.connected_user_ids, Some(BTreeSet::from([2, 3])));
        assert_eq!(
            wren.chat_messages_log.as_deref(),
            Some(&["\"a\"".to_owned(), "\"a\"".to_owned()][..])
        );
        assert_eq!(wren.hosts_db, None);
        assert_eq!(wren.unknown, ["adjacent_users"]);
        let absent = &plan.final_state["absent"];
        assert_eq!(absent.received, Some(vec!["00ab".to_owned()]));
        assert!(absent.unknown.is_empty());
    }

    #[test]
    fn errors_name_the_file_and_the_command() {
        check_error(
            "{",
            "some/where/fog.json: EOF while parsing an object at line 1 column 1",
        );
        check_error(
            r#"{"type": "message_parsing", "commands": [], "final_state": {}}"#,
            r#"some/where/fog.json: unknown type "message_parsing"; use "CRC_functionality" or "network_connectivity", for IRC also "basic_connectivity" or none"#,
        );
        check_error(
            r#"{"type": "CRC_functionality", "commands": ["WAIT 1", "WALK"], "final_state": {}}"#,
            "some/where/fog.json: command 2, `WALK`: unknown command WALK; use LAUNCHSERVER, LAUNCHCLIENT, CLIENTCOMMAND, WAIT or KILL",
        );
        check_error(
            r#"{"type": "CRC_functionality", "commands": ["CLIENTCOMMAND --username wren --command QUIT"], "final_state": {}}"#,
            "some/where/fog.json: command 1, `CLIENTCOMMAND --username wren --command QUIT`: no client named wren has been launched before",
        );
        check_error(
            r#"{"type": "CRC_functionality", "commands": [], "final_state": {"quay": {"hosts_db": "many"}}}"#,
            "some/where/fog.json: final_state of quay: hosts_db must be a list of ids",
        );
        let missing = Scenario::read(Path::new("no/such/file.json")).unwrap_err();
        assert!(
            missing
                .to_string()
                .starts_with("no/such/file.json: cannot be read: "),
            "{missing}"
        );
    }
}
