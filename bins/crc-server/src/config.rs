//! The configuration file: the options of the command line in TOML, and tables of its own.
//!
//! [`load`] is the one way from command line and file to [`Args`], at the start and on every
//! reload. Options are taken from their clap definitions (see [`crc_cli::config`]), so a new
//! flag has a key without code here. What is no option, such as a `[[link]]` with several
//! values, is a field of [`Tables`].

mod gateways;
mod links;
mod operators;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use crc_cli::config::{self, ConfigError, ConfigFile, FileOptions, MergeError, Spanned};

use self::gateways::GatewayTable;
use self::links::LinkTable;
use self::operators::{ClassTable, OperatorTable};
use crate::args::{Args, Problem};

/// The options that have no key.
pub(crate) const EXCLUDE: [&str; 2] = ["config", "generate"];

/// The head of the annotated file.
const HEAD: &str = "\
Configuration of crc-server. Every option of the command line is here, with its default.
A line that begins with # and a letter is an option that is not set: remove the # to set it.
Options on the command line win over those in this file.

A size may end in K, M or G; false means that an option is not set; a list has [ and ] around
it. An option stands in its section, or above the first one.

A server with which this one proves a secret is a table at the end of the file, such as
  [[link]]
  name = \"reef\"                   # the other server's name, or \"*\" for all others
  address = \"reef.example:33300\"  # where it is dialled; left out: it dials this server
  secret-file = \"reef.secret\"     # left out: it is a server of version 1
  direction = \"both\"              # who dials: \"dial\" (this server), \"accept\", or \"both\"
A secret has 16 to 1024 bytes: head -c 32 /dev/urandom | base64 > reef.secret

Network operators are tables too. A password is written as its hash, which this prints:
crc-server hash-password
  [[operator]]
  name = \"ann\"                    # for OPER, or /oper of crc-client
  password = \"$argon2id$...\"      # or certificate = \"sha256:...\", or both
  class = \"admin\"                 # \"admin\" may do everything, \"moderator\" kill, ban, wallops
  [[operator-class]]
  name = \"desk\"
  powers = [\"kill\", \"stats\"]      # of kill, ban, wallops, rehash, connect, squit, die, stats
With password = \"$argon2id$...\" above the first section every client needs a password.

A gateway that connects for users of IRC, and says by WEBIRC for whom, is a table as well:
  [[webirc]]
  name = \"kiwi\"                   # for the log
  from = [\"192.0.2.80\"]           # addresses and networks from which it connects
  password = \"$argon2id$...\"      # or certificate = \"sha256:...\", or both

Check this file with: crc-server check-config --config FILE
A running server reads it again on SIGHUP, and its log says what has changed.";

/// The tables of the file that are no options.
///
/// To add one: a field with `#[serde(default)]`, of a struct with
/// `#[serde(deny_unknown_fields)]`, and its name in [`Tables::NAMES`]. A `Spanned` value keeps
/// its place for [`ConfigFile::error_at`]; rules that serde does not know belong into
/// the function that reads it for [`Loaded`].
#[derive(Debug, Default, serde::Deserialize)]
pub(crate) struct Tables {
    #[serde(default)]
    link: Vec<LinkTable>,
    /// The hash of the password that every client needs.
    password: Option<Spanned<String>>,
    #[serde(default)]
    operator: Vec<OperatorTable>,
    #[serde(default, rename = "operator-class")]
    operator_class: Vec<ClassTable>,
    #[serde(default)]
    webirc: Vec<GatewayTable>,
}

impl Tables {
    /// Their names in the file.
    const NAMES: [&str; 5] = ["link", "password", "operator", "operator-class", "webirc"];
}

/// Adds an error for each entry whose name another one has already.
fn refuse_repeated<'a>(
    what: &str,
    names: impl Iterator<Item = &'a Spanned<String>>,
    file: &ConfigFile,
    errors: &mut Vec<ConfigError>,
) {
    let mut seen = BTreeSet::new();
    for name in names.filter(|name| !seen.insert(name.get_ref())) {
        let name_text = name.get_ref();
        let text = format!("there are two {what} {name_text:?}: write one entry for each name");
        errors.push(file.error_at(name.span(), text));
    }
}

/// Everything that command line and file say.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) args: Args,
    /// The parsed options that `args` was made of, to compare them.
    pub(crate) matches: ArgMatches,
    /// The file, if there is one.
    pub(crate) path: Option<PathBuf>,
    /// The options that the file sets.
    pub(crate) options: FileOptions,
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
    config::usual_places("crc/server.toml")
}

/// What the command line alone says.
///
/// # Errors
///
/// When it is wrong, or asks for help.
pub(crate) fn command_line_only(arguments: &[OsString]) -> Result<Args, LoadError> {
    let given = config::parse_command_line(&Args::command(), arguments);
    given
        .and_then(|given| Args::from_arg_matches(&given))
        .map_err(LoadError::CommandLine)
}

/// Reads the file that the command line names, or one in the usual places, and parses both.
///
/// # Errors
///
/// [`LoadError`] says which of them is wrong.
pub(crate) fn load(arguments: &[OsString]) -> Result<Loaded, LoadError> {
    let command = Args::command();
    let given = config::parse_command_line(&command, arguments).map_err(LoadError::CommandLine)?;
    let named = given.get_one::<PathBuf>("config").cloned();
    let file = ConfigFile::find(named, usual_places())?;
    load_from(arguments, file)
}

/// Parses a command line and a file that was read.
///
/// # Errors
///
/// [`LoadError`] says which of them is wrong.
pub(crate) fn load_from(
    arguments: &[OsString],
    file: Option<ConfigFile>,
) -> Result<Loaded, LoadError> {
    let command = Args::command();
    let empty = || ConfigFile::from_bytes(Path::new(""), Vec::new());
    let path = file.as_ref().map(|file| file.path().to_owned());
    let file = file.map_or_else(empty, Ok)?;
    let options = file.options(&command, &EXCLUDE, &Tables::NAMES);
    let options = options.map_err(LoadError::File)?;
    let tables: Tables = file.tables()?;
    let matches = config::merge(&command, arguments, &options)?;
    let mut args = Args::from_arg_matches(&matches).map_err(LoadError::CommandLine)?;
    let mut errors = Vec::new();
    args.links = links::read(&tables.link, &file, &mut args.readable_secrets, &mut errors);
    let keys: Vec<_> = readable_keys(&args).collect();
    args.readable_secrets.extend(keys);
    args.password = operators::read_password(tables.password.as_ref(), &file, &mut errors);
    let (operators, classes) = (&tables.operator, &tables.operator_class);
    args.operators = operators::read(operators, classes, &file, &mut errors);
    args.gateways = gateways::read(&tables.webirc, &file, &mut errors);
    for table in &tables.link {
        errors.extend(table.own_address(&file, |peer| args.own_listener(peer, &matches)));
    }
    for problem in args.problems(&matches) {
        errors.push(error_of(problem, &options)?);
    }
    if !errors.is_empty() {
        return Err(LoadError::File(errors));
    }
    Ok(Loaded {
        args,
        matches,
        path,
        options,
    })
}

/// The private keys that every user of this machine can read.
fn readable_keys(args: &Args) -> impl Iterator<Item = PathBuf> {
    let is_readable = |path: &&PathBuf| {
        fs::metadata(path).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o004 != 0)
    };
    args.tls.tls_key.iter().filter(is_readable).cloned()
}

/// The error of a problem, where the file has the option; otherwise one of the command line.
fn error_of(problem: Problem, options: &FileOptions) -> Result<ConfigError, LoadError> {
    let Problem {
        option,
        value,
        text,
        other,
    } = problem;
    options
        .error_of(&option, value.as_deref(), &text)
        .or_else(|| options.error_of(other?, None, &text))
        .ok_or_else(|| {
            let error =
                Args::command().error(ErrorKind::ValueValidation, format!("--{option}: {text}"));
            LoadError::CommandLine(error)
        })
}

#[cfg(test)]
mod tests {
    use clap::parser::ValueSource;

    use super::*;

    fn load_text(text: &str, arguments: &[&str]) -> Result<Loaded, Vec<String>> {
        let file = ConfigFile::from_bytes(Path::new("f.toml"), text.into()).unwrap();
        let arguments = [&["crc-server"], arguments].concat();
        let arguments: Vec<OsString> = arguments.iter().map(Into::into).collect();
        load_from(&arguments, Some(file)).map_err(|error| match error {
            LoadError::CommandLine(error) => vec![error.to_string()],
            LoadError::File(errors) => errors.iter().map(ToString::to_string).collect(),
        })
    }

    /// The annotated file with all options set.
    fn uncommented() -> String {
        let annotated = annotated();
        let lines = annotated.lines().map(|line| match line.strip_prefix('#') {
            Some(option) if !option.is_empty() && !option.starts_with(' ') => option,
            _ => line,
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_annotated_file_is_accepted_and_sets_the_defaults() {
        for text in [annotated(), uncommented()] {
            let set = load_text(&text, &[]).unwrap_or_else(|errors| panic!("{errors:?}\n{text}"));
            let defaults = load_text("", &[]).unwrap();
            assert_eq!(format!("{:?}", set.args), format!("{:?}", defaults.args));
        }
    }

    #[test]
    fn every_option_has_a_key() {
        let command = Args::command();
        let (annotated, uncommented) = (annotated(), uncommented());
        for arg in command.get_arguments() {
            let long = arg.get_long().expect("an option has a long name");
            let is_excluded = EXCLUDE.contains(&long);
            let key = format!("\n#{long} = ");
            assert_eq!(annotated.contains(&key), !is_excluded, "--{long}");
            let help = arg
                .get_help()
                .expect("an option has a help text")
                .to_string();
            let first = help
                .split_whitespace()
                .take(5)
                .collect::<Vec<_>>()
                .join(" ");
            assert!(
                is_excluded || annotated.contains(&first),
                "--{long}: {first}"
            );
        }
        // An option of the file is set as one of the command line is.
        let text = uncommented.replace("text-max = \"64K\"", "text-max = \"1K\"");
        let loaded = load_text(&text, &[]).unwrap();
        let source = loaded.matches.value_source("text_max");
        assert_eq!(source, Some(ValueSource::CommandLine));
    }

    #[test]
    fn a_mistake_is_an_error_with_its_place() {
        for (text, errors) in [
            (
                "[limits]\nlinks-max = 0",
                &["f.toml:2:13: links-max: write a number from 1 to 4294967295"][..],
            ),
            (
                "[limits]\ntext-max = 0",
                &["f.toml:2:12: text-max: write at least 1"],
            ),
            (
                "[network]\nserver-peers = [\"10.0.0.1/8\"]",
                &[
                    "f.toml:2:17: server-peers: 10.0.0.1 is an address in the network 10.0.0.0/8: write 10.0.0.0/8, or 10.0.0.1/32 for this address alone",
                ],
            ),
            ("name = \"\"", &["f.toml:1:8: name: the name is empty"]),
            (
                "connect = [\"a:1\",\n  \"127.0.0.1:33300\"]",
                &[
                    "f.toml:2:3: connect: 127.0.0.1:33300 is this server itself (--listen 127.0.0.1:33300): an uplink is another server",
                ],
            ),
            (
                "[limits]\ntext-max = \"1G\"",
                &[
                    "f.toml:2:1: text-max: a text of --text-max 1G does not fit into a queue of 1M: write more for client-queue, or less for text-max",
                    "f.toml:2:1: text-max: a text of --text-max 1G does not fit into a queue of 64M: write more for server-queue, or less for text-max",
                ],
            ),
            (
                "[limits]\nchats-per-second = -1",
                &["f.toml:2:20: chats-per-second: write a number from 0 to 4294967295"],
            ),
            (
                "[[limits]]\nlinks-max = 1",
                &["f.toml:1:3: limits is one section: write [limits]"],
            ),
            (
                "[limits]\npassword = \"x\"",
                &["f.toml:2:1: password is no key of [limits]: it belongs above the first section"],
            ),
            (
                "password = 1",
                &["f.toml:1:12: password: write a text in quotes"],
            ),
            (
                "[link]\nname = \"reef\"",
                &["f.toml:1:1: write it as a list of tables: [[link]]"],
            ),
            ("[[link]]", &["f.toml:1:1: the key name is missing"]),
            (
                "[[link]]\nname = 1",
                &["f.toml:2:8: name: write a text in quotes"],
            ),
            (
                "[[link]]\nname = \"a\"\nsecret_file = \"x\"",
                &[
                    "f.toml:3:1: unknown key secret_file; did you mean secret-file? The keys here are name, address, secret-file, direction",
                ],
            ),
            (
                "[[operator-class]]\nname = \"desk\"\npowers = \"kill\"",
                &["f.toml:3:10: powers: write a list, such as [\"a\", \"b\"]"],
            ),
            (
                "[[link]]\nname = \"a\"\naddress = \"127.0.0.1:33300\"",
                &[
                    "f.toml:3:11: address: 127.0.0.1:33300 is this server itself (--listen 127.0.0.1:33300): write the address of the other server",
                ],
            ),
            (
                "[[link]]\nname = \"a\"\naddress = \"x:1\"\n[[link]]\nname = \"b\"\naddress = \"x:1\"",
                &["f.toml:6:11: address: the link to \"a\" has this address already"],
            ),
            (
                "[limit]\nlinks-max = 1",
                &["f.toml:1:2: unknown section [limit]; did you mean limits?"],
            ),
            (
                "[limits]\nlinks_max = 1",
                &["f.toml:2:1: unknown key links_max; did you mean links-max?"],
            ),
            (
                "log_file = 'x'",
                &["f.toml:1:1: unknown key log_file; did you mean log-file?"],
            ),
            (
                "record-max = 1024",
                &["f.toml:1:1: record-max: there is no recording without --record"],
            ),
            (
                "verbose = 1\nquiet = 1",
                &["f.toml:1:1: the argument '--verbose...' cannot be used with '--quiet...'"],
            ),
        ] {
            assert_eq!(load_text(text, &[]).unwrap_err(), errors, "{text:?}");
        }
        // What the command line does is not the file's mistake.
        let errors = load_text("id = 1", &["--admin=127.0.0.1:33300"]).unwrap_err();
        assert!(
            errors[0].starts_with("error: --admin: --listen 127.0.0.1:33300 listens there"),
            "{errors:?}"
        );
        assert!(load_text("[limits]\nlinks-max = 0", &["--links-max=1"]).is_err());
    }

    #[test]
    fn any_value_of_any_option_is_accepted_or_an_error_with_its_place() {
        let values = [
            "0",
            "-1",
            "1",
            "0xff",
            "99999999999999999999",
            "1.5",
            "true",
            "false",
            "\"\"",
            "\"x\"",
            "\"0\"",
            "\"64K\"",
            "\"::/0\"",
            "\"--x=,\\u0000\"",
            "[]",
            "[1, \"y\"]",
            "[[]]",
            "{}",
            "1979-05-27",
        ];
        let options = Args::command();
        let options = options.get_arguments().filter_map(clap::Arg::get_long);
        for option in options.filter(|option| !EXCLUDE.contains(option)) {
            for value in values {
                let text = format!("\n{option} = {value}\n");
                if let Err(errors) = load_text(&text, &[]) {
                    let here = |error: &String| error.starts_with("f.toml:2:");
                    assert!(errors.iter().all(here), "{text}: {errors:?}");
                }
            }
        }
    }

    #[test]
    fn flags_win() {
        let text = "id = 7\nlisten = [\"127.0.0.1:1\", \"127.0.0.1:2\"]\nverbose = 2\n[limits]\ntext-max = \"1K\"";
        let args = load_text(text, &["--listen=127.0.0.1:3", "-q"])
            .unwrap()
            .args;
        assert_eq!(args.listen(), ["127.0.0.1:3".parse().unwrap()]);
        let config = args.config(1);
        assert_eq!((config.id.get(), config.limits.text_bytes_max), (7, 1024));
        assert_eq!(args.log_level(), log::LevelFilter::Warn);
    }
}
