//! A scenario file, read and understood as a whole before anything is started.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;

use super::command::{Command, CommandError};
use super::legacy;

/// A scenario, ready to be run.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The name of its file, without the ending.
    pub name: String,
    /// What is watched.
    pub kind: Kind,
    /// What is done, and what must hold then.
    pub script: Script,
}

/// What is done, by the network that the scenario is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Script {
    /// A network of CRC.
    Crc(Plot<Command, Expectation>),
    /// A network of the legacy IRC.
    Legacy(Plot<legacy::Command, legacy::Expectation>),
}

/// What is done, and what must hold then.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot<C, E> {
    /// What is done, in order.
    pub steps: Vec<Step<C>>,
    /// What must hold in the end, by the name of the server or client.
    pub final_state: BTreeMap<String, E>,
}

/// One step of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Step<C> {
    /// As the file has it.
    pub line: String,
    /// As it is understood.
    pub command: C,
}

/// What the files of one network can say.
pub(super) trait Language {
    /// What is done in one step.
    type Command: FromStr<Err = CommandError>;
    /// What must hold of one server or client.
    type Expectation;

    /// The type of scenarios that a file names, if it is known.
    fn kind(name: Option<&str>) -> Option<Kind>;

    /// Understands what a file expects of one name. The error is the property
    /// and what it must be.
    fn expectation(
        properties: BTreeMap<String, Value>,
    ) -> Result<Self::Expectation, (String, &'static str)>;

    /// The client that a command launches, and the one that it speaks to.
    fn clients(command: &Self::Command) -> Clients<'_>;
}

/// What is done and must hold in the files of one network.
type PlotOf<L> = Plot<<L as Language>::Command, <L as Language>::Expectation>;

/// Which client a command is about.
pub(super) enum Clients<'a> {
    /// It launches this one, which may be spoken to by each of these names.
    Launches(Vec<String>),
    /// It speaks to this one.
    SpeaksTo(&'a str),
    /// It is about none.
    None,
}

/// What a scenario watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What servers and clients know in the end (`CRC_functionality`).
    Functionality,
    /// The first bytes that servers get (`network_connectivity`).
    Connectivity,
}

/// What must hold of one server or client; `None` where the file says nothing.
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
    /// The texts of the statuses that it got.
    pub status_updates_log: Option<Vec<String>>,
    /// The texts of the chats that a client got.
    pub chat_messages_log: Option<Vec<String>>,
    /// The registrations that a server got, in small hex.
    pub received: Option<Vec<String>>,
    /// What the file says beyond that; nothing looks at it.
    pub unknown: Vec<String>,
}

/// Why a file is no scenario.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// It can't be read.
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
    /// Its type is none that runs here.
    #[error("{}: the type {kind:?} is not known; known are \"CRC_functionality\" and \"network_connectivity\", for IRC also \"basic_connectivity\" and none", file.display())]
    Kind {
        /// The file.
        file: PathBuf,
        /// The type.
        kind: String,
    },
    /// One of its commands can't be understood.
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
    /// A command speaks to a client that has not been launched.
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
    /// An expectation is not of the right form.
    #[error("{}: final_state of {name}: {property} must be {wanted}", file.display())]
    Expectation {
        /// The file.
        file: PathBuf,
        /// Of whom it is said.
        name: String,
        /// What is said.
        property: String,
        /// What it should be.
        wanted: &'static str,
    },
}

/// The file as it is written.
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
    /// [`ScenarioError`] when it can't be read or understood; nothing is
    /// started then.
    pub fn read(file: &Path) -> Result<Scenario, ScenarioError> {
        let text = fs::read_to_string(file).map_err(|source| ScenarioError::Read {
            file: file.to_owned(),
            source,
        })?;
        Scenario::parse(file, &text)
    }

    /// Understands `text` as the scenario that stands in `file`.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`] when it can't be understood.
    pub fn parse(file: &Path, text: &str) -> Result<Scenario, ScenarioError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let raw: Raw = serde_json::from_str(text).map_err(|source| ScenarioError::Json {
            file: file.to_owned(),
            source,
        })?;
        let (kind, script) = if legacy::is_spoken(&raw.commands) {
            let (kind, plot) = raw.plot::<legacy::Legacy>(file)?;
            (kind, Script::Legacy(plot))
        } else {
            let (kind, plot) = raw.plot::<Crc>(file)?;
            (kind, Script::Crc(plot))
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
    fn plot<L: Language>(self, file: &Path) -> Result<(Kind, PlotOf<L>), ScenarioError> {
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
        Ok((kind, Plot { steps, final_state }))
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
        match L::clients(&command) {
            Clients::Launches(names) => launched.extend(names),
            Clients::SpeaksTo(name) if !launched.contains(name) => {
                return Err(ScenarioError::NoSuchClient {
                    file: file.to_owned(),
                    number: index + 1,
                    name: name.to_owned(),
                    line,
                });
            }
            Clients::SpeaksTo(_) | Clients::None => {}
        }
        steps.push(Step { line, command });
    }
    Ok(steps)
}

/// The files about networks of CRC.
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

    fn clients(command: &Command) -> Clients<'_> {
        match command {
            Command::LaunchClient(client) => Clients::Launches(vec![client.name.clone()]),
            Command::ClientCommand { name, .. } => Clients::SpeaksTo(name),
            _ => Clients::None,
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
                // Always empty in the original, whose servers are muted.
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
    fn check_error(text: &str, sentence: &str) {
        assert_eq!(parse(text).unwrap_err().to_string(), sentence);
    }

    #[test]
    fn a_whole_file() {
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
                \"nobody\": {\"recvd_messages_asdqw\": [\"00AB\"], \"sent_messages_asdqw\": []}
            } }",
        )
        .unwrap();
        assert_eq!(scenario.name, "fog");
        assert_eq!(scenario.kind, Kind::Functionality);
        let Script::Crc(plot) = scenario.script else {
            panic!("it has ids");
        };
        assert_eq!(plot.steps.len(), 3);
        assert_eq!(plot.steps[2].line, "KILL ALL");
        let wren = &plot.final_state["wren"];
        assert_eq!(wren.connected_user_ids, Some(BTreeSet::from([2, 3])));
        assert_eq!(
            wren.chat_messages_log.as_deref(),
            Some(&["\"a\"".to_owned(), "\"a\"".to_owned()][..])
        );
        assert_eq!(wren.hosts_db, None);
        assert_eq!(wren.unknown, ["adjacent_users"]);
        let nobody = &plot.final_state["nobody"];
        assert_eq!(nobody.received, Some(vec!["00ab".to_owned()]));
        assert!(nobody.unknown.is_empty());
    }

    #[test]
    fn errors_name_the_file_and_the_place() {
        check_error(
            "{",
            "some/where/fog.json: EOF while parsing an object at line 1 column 1",
        );
        check_error(
            r#"{"type": "message_parsing", "commands": [], "final_state": {}}"#,
            r#"some/where/fog.json: the type "message_parsing" is not known; known are "CRC_functionality" and "network_connectivity", for IRC also "basic_connectivity" and none"#,
        );
        check_error(
            r#"{"type": "CRC_functionality", "commands": ["WAIT 1", "WALK"], "final_state": {}}"#,
            "some/where/fog.json: command 2, `WALK`: there is no command WALK; known are LAUNCHSERVER, LAUNCHCLIENT, CLIENTCOMMAND, WAIT and KILL",
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
