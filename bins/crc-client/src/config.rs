//! The configuration file: the options of the command line in TOML (see [`crc_cli::config`]).

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser};
use crc_cli::config::{self, ConfigError, ConfigFile, MergeError};

use crate::args::{Args, is_readable_by_all};

/// The options that have no key.
const EXCLUDE: [&str; 3] = ["config", "generate", "json"];

/// The head of the annotated file.
const HEAD: &str = "\
Configuration of crc-client. The options of the command line are here, with their defaults.
A line that begins with # and a letter is an option that is not set: remove the # to set it.
Options on the command line win over those in this file.

false means that an option is not set; a list has [ and ] around it, such as
  server = [\"tls://a.example.org\", \"tls://b.example.org\"]
  join = [\"#reef\", \"#cave KEY\"]
An option stands in its section, or above the first one. A path may begin with ~/.

Check this file with: crc-client check-config --config FILE
If others can read this file or one that it names, do not write secrets into it.";

/// What command line and file say.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) args: Args,
    /// The file, if there is one.
    pub(crate) path: Option<PathBuf>,
}

/// Why the configuration cannot be used.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// The command line is wrong, or asks for help.
    CommandLine(clap::Error),
    /// The file is wrong. There is at least one error.
    File(Vec<ConfigError>),
}

impl From<MergeError> for LoadError {
    fn from(error: MergeError) -> Self {
        match error {
            MergeError::CommandLine(error) => LoadError::CommandLine(error),
            MergeError::File(errors) => LoadError::File(errors),
        }
    }
}

impl From<ConfigError> for LoadError {
    fn from(error: ConfigError) -> Self {
        LoadError::File(vec![error])
    }
}

/// The configuration file with all options.
pub(crate) fn annotated() -> String {
    config::annotated(&Args::command(), &EXCLUDE, HEAD)
}

/// The places at which a file is looked for without `--config`: the first that exists is read.
pub(crate) fn usual_places() -> Vec<PathBuf> {
    config::usual_places("crc/client.toml")
}

/// What the command line alone says.
pub(crate) fn command_line_only(arguments: &[OsString]) -> Result<Args, LoadError> {
    let given = config::parse_command_line(&Args::command(), arguments);
    let args = given.and_then(|given| Args::from_arg_matches(&given));
    // No file can have what a subcommand lacks: the plain error says so better.
    args.map_err(|error| {
        LoadError::CommandLine(Args::try_parse_from(arguments).err().unwrap_or(error))
    })
}

/// Reads the file that the command line names, or one in the usual places, and parses both.
pub(crate) fn load(arguments: &[OsString]) -> Result<Loaded, LoadError> {
    let named = command_line_only(arguments)?.config;
    let file = ConfigFile::find(named, usual_places())?;
    load_from(arguments, file)
}

fn load_from(arguments: &[OsString], file: Option<ConfigFile>) -> Result<Loaded, LoadError> {
    let command = Args::command();
    let empty = || ConfigFile::from_bytes(Path::new(""), Vec::new());
    let path = file.as_ref().map(|file| file.path().to_owned());
    let file = file.map_or_else(empty, Ok)?;
    let options = file.options(&command, &EXCLUDE, &[]);
    let options = options.map_err(LoadError::File)?;
    let matches = config::merge(&command, arguments, &options)?;
    let args = Args::from_arg_matches(&matches).map_err(LoadError::CommandLine)?;
    if let Some((option, text)) = args.problem() {
        let in_file = options.error_of(option, None, &text);
        return Err(in_file.map_or_else(
            || LoadError::CommandLine(Args::command().error(ErrorKind::ArgumentConflict, &text)),
            LoadError::from,
        ));
    }
    Ok(Loaded { args, path })
}

impl Loaded {
    /// What is allowed, and hardly meant.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let secrets = self.args.readable_secrets().into_iter();
        let mut warnings: Vec<String> = secrets.map(|path| readable(path, "it")).collect();
        let has_key = self.args.join.iter().any(|join| !join.key.is_empty());
        if let Some(path) = self.path.as_deref()
            && has_key
            && is_readable_by_all(path)
        {
            warnings.push(readable(path, "the keys of channels in it"));
        }
        warnings
    }
}

fn readable(path: &Path, what: &str) -> String {
    let path = path.display();
    format!("every user of this machine can read {path}, and {what} is secret: chmod 600 {path}")
        .replace("in it is secret", "in it are secret")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_text(text: &str, arguments: &[&str]) -> Result<Loaded, Vec<String>> {
        let file = ConfigFile::from_bytes(Path::new("f.toml"), text.into()).unwrap();
        let arguments = [&["crc-client"], arguments].concat();
        let arguments: Vec<OsString> = arguments.iter().map(Into::into).collect();
        load_from(&arguments, Some(file)).map_err(|error| match error {
            LoadError::CommandLine(error) => vec![error.to_string()],
            LoadError::File(errors) => errors.iter().map(ToString::to_string).collect(),
        })
    }

    #[test]
    fn the_annotated_file_is_accepted_and_sets_the_defaults() {
        let annotated = annotated();
        let lines = annotated.lines().map(|line| match line.strip_prefix('#') {
            Some(option) if !option.is_empty() && !option.starts_with(' ') => option,
            _ => line,
        });
        let uncommented = lines.collect::<Vec<_>>().join("\n");
        for text in [annotated.clone(), uncommented] {
            let set = load_text(&text, &[]).unwrap_or_else(|errors| panic!("{errors:?}\n{text}"));
            let defaults = load_text("", &[]).unwrap();
            assert_eq!(format!("{:?}", set.args), format!("{:?}", defaults.args));
        }
        for arg in Args::command().get_arguments() {
            let long = arg.get_long().unwrap();
            let key = format!("\n#{long} = ");
            assert_eq!(annotated.contains(&key), !EXCLUDE.contains(&long), "{long}");
        }
    }

    #[test]
    fn a_mistake_is_an_error_with_its_place_and_what_to_write() {
        for (text, error) in [
            (
                "server = [\"a:1\",\n \"b\"]",
                "f.toml:2:2: server: an address looks like HOST:PORT",
            ),
            (
                "nmae = \"x\"",
                "f.toml:1:1: unknown key nmae; did you mean name?",
            ),
            (
                "json = true",
                "f.toml:1:1: --json belongs on the command line, not into the file",
            ),
            (
                "join = [\"reef\"]",
                "f.toml:1:9: join: a channel is # and up to 63 bytes",
            ),
            ("join = [\"#a b c\"]", "f.toml:1:9: join: a key is one word"),
            ("id = 0", "f.toml:1:6: id: an id is a number from 1"),
            (
                "[tls]\ntls-ca = [\"a\"]",
                "f.toml:2:1: tls-ca: --tls-ca is for TLS: write --server tls://127.0.0.1:33300",
            ),
            ("oper-password-file = \"x\"", "f.toml:1:1: "),
        ] {
            let errors = load_text(text, &[]).unwrap_err();
            assert!(errors[0].starts_with(error), "{text}: {errors:?}");
        }
    }

    #[test]
    fn flags_win_also_behind_a_subcommand() {
        let text = "name = \"ann\"\nserver = [\"a:1\", \"b:1\"]\njoin = [\"#reef kelp\"]";
        let name = |arguments: &[&str]| load_text(text, arguments).unwrap().args.name();
        assert_eq!(name(&[]), "ann");
        assert_eq!(name(&["--name=bob"]), "bob");
        assert_eq!(name(&["send", "carol", "hi", "--name=bob"]), "bob");
        assert_eq!(name(&["tail", "#reef"]), "ann");
        let args = load_text(text, &["tail", "#reef", "--server=c:1"])
            .unwrap()
            .args;
        assert_eq!(args.server.len(), 1);
        assert_eq!(args.server[0].to_string(), "c:1");
        assert_eq!(
            (&*args.key_of("#Reef"), &*args.key_of("#cave")),
            ("kelp", "")
        );
    }

    #[test]
    fn any_value_of_any_option_is_accepted_or_an_error_with_its_place() {
        let values = [
            "0",
            "-1",
            "1.5",
            "true",
            "\"\"",
            "\"x\"",
            "\"#x\"",
            "[]",
            "[1, \"y\"]",
            "{}",
        ];
        for arg in Args::command().get_arguments() {
            let long = arg.get_long().unwrap();
            for value in values {
                let text = format!("\n{long} = {value}\n");
                if let Err(errors) = load_text(&text, &[]) {
                    let here = |error: &String| error.starts_with("f.toml:2:");
                    assert!(errors.iter().all(here), "{text}: {errors:?}");
                }
            }
        }
    }
}
