//! The options of a file, and how they join those of a command line.

use core::ops::Range;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::suggestion::did_you_mean;
use super::{ConfigError, ConfigFile, ERRORS_MAX};

/// The options that a file sets.
#[derive(Debug, Clone)]
pub struct FileOptions {
    file: ConfigFile,
    options: Vec<FileOption>,
}

/// An option that a file sets.
#[derive(Debug, Clone)]
pub struct FileOption {
    /// Its id in the clap definition.
    id: clap::Id,
    /// Its key.
    long: String,
    /// Where the key stands.
    key: Range<usize>,
    /// Each value, and where it stands. A flag has values without text.
    values: Vec<(Option<String>, Range<usize>)>,
}

/// Why a command line and a file cannot be used together.
#[derive(Debug)]
pub enum MergeError {
    /// The command line is wrong, or asks for help.
    CommandLine(clap::Error),
    /// The file is wrong. There is at least one error.
    File(Vec<ConfigError>),
}

impl From<clap::Error> for MergeError {
    fn from(error: clap::Error) -> Self {
        MergeError::CommandLine(error)
    }
}

/// The section that an option stands in; `None`: before the first section.
pub(super) fn section_of(arg: &Arg) -> Option<String> {
    let heading = arg.get_help_heading()?;
    Some(heading.to_lowercase().replace(' ', "-"))
}

/// The options of `command` that a file may set: those with a long name, without `exclude`.
pub(super) fn options_of<'a>(
    command: &'a Command,
    exclude: &'a [&str],
) -> impl Iterator<Item = (&'a str, &'a Arg)> {
    let args = command.get_arguments();
    let named = args.filter_map(|arg| Some((arg.get_long()?, arg)));
    named.filter(|(long, _)| !["help", "version"].contains(long) && !exclude.contains(long))
}

/// Whether an option can be given several times, or with several values.
pub(super) fn is_list(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append) || arg.get_value_delimiter().is_some()
}

impl ConfigFile {
    /// The options of `command` that the file sets. `exclude` are those that have no key;
    /// `tables` are the program's own tables, which are left alone.
    ///
    /// # Errors
    ///
    /// What is wrong in the file, in its order: it is not TOML, a key is unknown or in the
    /// wrong section, a value has the wrong type. Values are judged by [`merge`].
    pub fn options(
        &self,
        command: &Command,
        exclude: &[&str],
        tables: &[&str],
    ) -> Result<FileOptions, Vec<ConfigError>> {
        let table = match DeTable::parse(&self.text) {
            Ok(table) => table,
            Err(error) => return Err(vec![self.syntax_error(&error)]),
        };
        let mut reader = Reader {
            file: self,
            command,
            exclude,
            tables,
            options: Vec::new(),
            errors: Vec::new(),
        };
        reader.read(table.get_ref());
        let Reader {
            mut options,
            mut errors,
            ..
        } = reader;
        options.sort_by_key(|option| option.key.start);
        let file = self.clone();
        let found = FileOptions { file, options };
        if errors.is_empty() {
            return Ok(found);
        }
        errors.extend(found.value_errors(command));
        errors.sort_by_key(|error| error.position);
        errors.truncate(ERRORS_MAX);
        Err(errors)
    }
}

struct Reader<'a> {
    file: &'a ConfigFile,
    command: &'a Command,
    exclude: &'a [&'a str],
    tables: &'a [&'a str],
    options: Vec<FileOption>,
    errors: Vec<ConfigError>,
}

type Key<'i> = Spanned<DeString<'i>>;
type Value<'i> = Spanned<DeValue<'i>>;

impl Reader<'_> {
    fn read(&mut self, table: &DeTable<'_>) {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let name = key.get_ref().as_ref();
            if self.tables.contains(&name) {
                continue;
            }
            let section = options_of(self.command, self.exclude)
                .any(|(_, arg)| section_of(arg).as_deref() == Some(name));
            match value.get_ref() {
                // An option may have the name of its section.
                DeValue::Table(inner) if section => {
                    for (key, value) in inner {
                        self.read_option(Some(name), key, value);
                    }
                }
                DeValue::Table(_) if self.find(name).is_none() => self.unknown_section(key),
                DeValue::Array(array)
                    if self.find(name).is_none()
                        && array.iter().any(|value| value.get_ref().is_table()) =>
                {
                    self.unknown_section(key);
                }
                _ => self.read_option(None, key, value),
            }
        }
    }

    fn find(&self, name: &str) -> Option<&Arg> {
        let mut options = options_of(self.command, self.exclude);
        options.find(|(long, _)| *long == name).map(|(_, arg)| arg)
    }

    fn error(&mut self, span: Range<usize>, text: impl Into<String>) {
        self.errors.push(self.file.error_at(span, text));
    }

    fn unknown_section(&mut self, key: &Key<'_>) {
        let name = key.get_ref();
        let mut options = options_of(self.command, self.exclude);
        if options.any(|(_, arg)| section_of(arg).as_deref() == Some(name)) {
            let text = format!("{name} is one section: write [{name}]");
            return self.error(key.span(), text);
        }
        let options = options_of(self.command, self.exclude);
        let sections: Vec<String> = options.filter_map(|(_, arg)| section_of(arg)).collect();
        let known = sections.iter().map(String::as_str);
        let known = known.chain(self.tables.iter().copied());
        let meant = did_you_mean(name, known);
        self.error(key.span(), format!("unknown section [{name}]{meant}"));
    }

    fn unknown_key(&mut self, key: &Key<'_>) {
        let name = key.get_ref().as_ref();
        if self
            .command
            .get_arguments()
            .any(|arg| arg.get_long() == Some(name))
        {
            let text = format!("--{name} belongs on the command line, not into the file");
            return self.error(key.span(), text);
        }
        let known: Vec<&str> = options_of(self.command, self.exclude)
            .map(|(long, _)| long)
            .collect();
        let known = known.into_iter().chain(self.tables.iter().copied());
        let meant = did_you_mean(name, known);
        self.error(key.span(), format!("unknown key {name}{meant}"));
    }

    fn read_option(&mut self, section: Option<&str>, key: &Key<'_>, value: &Value<'_>) {
        let name = key.get_ref().as_ref();
        let Some(arg) = self.find(name) else {
            return match section {
                Some(section) if self.tables.contains(&name) => {
                    let text = format!(
                        "{name} is no key of [{section}]: it belongs above the first section"
                    );
                    self.error(key.span(), text);
                }
                _ => self.unknown_key(key),
            };
        };
        let (id, is_list, action) = (arg.get_id().clone(), is_list(arg), arg.get_action().clone());
        let own = section_of(arg);
        if section.is_some() && section != own.as_deref() {
            let place = match &own {
                Some(own) => format!("it belongs below [{own}]"),
                None => "it belongs above the first section".to_owned(),
            };
            let section = section.unwrap_or_default();
            return self.error(
                key.span(),
                format!("{name} is no key of [{section}]: {place}"),
            );
        }
        if self.options.iter().any(|option| option.long == name) {
            return self.error(key.span(), format!("{name} is set twice: keep one of them"));
        }
        let values = match self.values(name, &action, is_list, value) {
            Ok(values) => values,
            Err((span, text)) => return self.error(span, format!("{name}: {text}")),
        };
        // `false` is as if the key were not there.
        if let Some(values) = values {
            let long = name.to_owned();
            let key = key.span();
            self.options.push(FileOption {
                id,
                long,
                key,
                values,
            });
        }
    }

    #[allow(clippy::type_complexity, reason = "values, or nothing, or an error")]
    fn values(
        &self,
        name: &str,
        action: &ArgAction,
        is_list: bool,
        value: &Value<'_>,
    ) -> Result<Option<Vec<(Option<String>, Range<usize>)>>, (Range<usize>, String)> {
        let span = value.span();
        let wrong = |text: &str| Err((span.clone(), text.to_owned()));
        match (action, value.get_ref()) {
            (_, DeValue::Boolean(false)) => Ok(None),
            (ArgAction::SetTrue, DeValue::Boolean(true)) => Ok(Some(vec![(None, span)])),
            (ArgAction::SetTrue, _) => wrong("write true or false"),
            (ArgAction::Count, DeValue::Integer(number)) => match number.as_str().parse() {
                Ok(0) => Ok(None),
                Ok(count @ 1..=9_usize) => Ok(Some(vec![(None, span); count])),
                _ => wrong("write a number from 0 to 9"),
            },
            (ArgAction::Count, _) => wrong("write a number from 0 to 9"),
            (_, DeValue::Array(array)) if is_list => {
                let texts = array.iter().map(|value| match text_of(value.get_ref()) {
                    Ok(text) => Ok((Some(text), value.span())),
                    Err(error) => Err((value.span(), error.to_owned())),
                });
                let texts: Vec<_> = texts.collect::<Result<_, _>>()?;
                let default = self
                    .find(name)
                    .is_some_and(|arg| !arg.get_default_values().is_empty());
                match texts.is_empty() {
                    true if default => {
                        wrong("the list is empty: leave the key out for the default")
                    }
                    true => Ok(None),
                    false => Ok(Some(texts)),
                }
            }
            (_, DeValue::Array(_)) => wrong("write one value, not a list"),
            (_, value) => match text_of(value) {
                Ok(text) => Ok(Some(vec![(Some(text), span)])),
                Err(error) => wrong(error),
            },
        }
    }
}

/// A value as it would stand on a command line.
fn text_of(value: &DeValue<'_>) -> Result<String, &'static str> {
    match value {
        DeValue::String(text) => Ok(text.clone().into_owned()),
        DeValue::Integer(number) => match i128::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Ok(number.to_string()),
            Err(_) => Err("the number is too large"),
        },
        DeValue::Float(_) => Err("write a whole number, or a text in quotes"),
        DeValue::Datetime(_) => Err("write a text in quotes"),
        DeValue::Boolean(_) => Err("write a number or a text in quotes; false means not set"),
        DeValue::Array(_) | DeValue::Table(_) => Err("write a number or a text in quotes"),
    }
}

impl FileOption {
    /// Its arguments for a command line.
    fn arguments(&self) -> impl Iterator<Item = String> {
        self.values
            .iter()
            .map(|(value, _)| self.argument(value.as_deref()))
    }

    fn argument(&self, value: Option<&str>) -> String {
        let long = &self.long;
        value.map_or_else(|| format!("--{long}"), |value| format!("--{long}={value}"))
    }
}

impl FileOptions {
    /// The file.
    #[must_use]
    pub const fn file(&self) -> &ConfigFile {
        &self.file
    }

    /// An error about an option that the file sets, at `value` if it is one of its values;
    /// `None` if the file does not set the option.
    #[must_use]
    pub fn error_of(&self, long: &str, value: Option<&str>, text: &str) -> Option<ConfigError> {
        let option = self.options.iter().find(|option| option.long == long)?;
        let mut values = option.values.iter();
        let of_value = values.find(|(text, _)| value.is_some() && text.as_deref() == value);
        let span = of_value.map_or(&option.key, |(_, span)| span);
        Some(self.file.error_at(span.clone(), format!("{long}: {text}")))
    }

    /// An error about the first option of the file with this value; `None` if no option has it.
    #[must_use]
    pub fn error_of_value(&self, value: &str, text: &str) -> Option<ConfigError> {
        let mut options = self.options.iter();
        let option = options.find(|option| {
            let mut values = option.values.iter();
            values.any(|(text, _)| text.as_deref() == Some(value))
        })?;
        self.error_of(&option.long, Some(value), text)
    }

    /// What is wrong in the values of options, as the command's own parsers say.
    fn value_errors(&self, command: &Command) -> Vec<ConfigError> {
        let mut command = command.clone();
        let mut errors = Vec::new();
        for option in &self.options {
            for (value, span) in &option.values {
                if errors.len() >= ERRORS_MAX {
                    return errors;
                }
                let argument = option.argument(value.as_deref());
                let parsed = command.try_get_matches_from_mut(["", &argument]);
                let Err(error) = parsed else { continue };
                if let Some(text) = value_error(&error) {
                    let text = format!("{}: {text}", option.long);
                    errors.push(self.file.error_at(span.clone(), text));
                }
            }
        }
        errors
    }

    /// An error about several options together: at the one that it names, or the one that
    /// needs another.
    fn joint_error(&self, command: &Command, error: &clap::Error) -> ConfigError {
        let text = error.render().to_string();
        let lines = text.lines().map(str::trim);
        let lines: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
        let text = lines.join(" ");
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let mut options = self.options.iter();
        let named = options.find(|option| {
            let long = format!("--{}", option.long);
            text.split(['\'', ' ', '=']).any(|word| word == long)
        });
        let needs_another = || {
            self.options.iter().find(|option| {
                let arguments = ["".to_owned()].into_iter().chain(option.arguments());
                let parsed = command.clone().try_get_matches_from(arguments);
                parsed.is_err_and(|alone| alone.kind() == error.kind())
            })
        };
        let span = named
            .or_else(needs_another)
            .map_or(0..0, |option| option.key.clone());
        self.file.error_at(span, text)
    }
}

/// What is wrong with the value of the one argument of a command line; `None` if the error is
/// about other arguments.
fn value_error(error: &clap::Error) -> Option<String> {
    match error.kind() {
        ErrorKind::ValueValidation => core::error::Error::source(error).map(ToString::to_string),
        ErrorKind::InvalidValue => match error.get(ContextKind::ValidValue) {
            Some(ContextValue::Strings(valid)) if !valid.is_empty() => {
                Some(format!("write one of: {}", valid.join(", ")))
            }
            _ => Some("the value is empty".to_owned()),
        },
        ErrorKind::InvalidUtf8 | ErrorKind::TooManyValues | ErrorKind::WrongNumberOfValues => {
            Some("the value is not accepted".to_owned())
        }
        _ => None,
    }
}

/// The options of a command line, as far as they are needed to find the file.
///
/// # Errors
///
/// When the command line is wrong, or asks for help.
pub fn parse_command_line(
    command: &Command,
    arguments: &[OsString],
) -> Result<ArgMatches, clap::Error> {
    match command.clone().try_get_matches_from(arguments) {
        // The file may have what is missing.
        Err(error) if error.kind() == ErrorKind::MissingRequiredArgument => {
            let command = command.clone().ignore_errors(true);
            command.try_get_matches_from(arguments)
        }
        parsed => parsed,
    }
}

/// Parses the options of a file together with a command line, which wins.
///
/// # Errors
///
/// [`MergeError`] says which of the two is wrong.
pub fn merge(
    command: &Command,
    arguments: &[OsString],
    file: &FileOptions,
) -> Result<ArgMatches, MergeError> {
    let given = parse_command_line(command, arguments)?;
    let is_given = |id: &str| given.value_source(id) == Some(ValueSource::CommandLine);
    // An option of the file also gives way to one that excludes it.
    let gives_way = |option: &&FileOption| {
        let arg = command
            .get_arguments()
            .find(|arg| *arg.get_id() == option.id);
        let arg = arg.expect("an option of the file is one of the command");
        let excluded = command
            .get_arg_conflicts_with(arg)
            .into_iter()
            .any(|other| is_given(other.get_id().as_str()));
        let excludes = command
            .get_arguments()
            .filter(|other| is_given(other.get_id().as_str()));
        let excludes = excludes.flat_map(|other| command.get_arg_conflicts_with(other));
        is_given(option.id.as_str())
            || excluded
            || excludes
                .into_iter()
                .any(|other| other.get_id() == arg.get_id())
    };
    let kept = file.options.iter().filter(|option| !gives_way(option));
    let mut all: Vec<OsString> = arguments.iter().take(1).cloned().collect();
    all.extend(kept.flat_map(FileOption::arguments).map(OsString::from));
    all.extend(arguments.iter().skip(1).cloned());
    // A value that the command line replaces must be right all the same.
    let errors = file.value_errors(command);
    if !errors.is_empty() {
        return Err(MergeError::File(errors));
    }
    let merged = command.clone().try_get_matches_from(all);
    merged.map_err(|error| {
        let alone = command.clone().try_get_matches_from(arguments);
        match alone {
            // The file does not have what is missing either.
            Err(alone) => MergeError::CommandLine(alone),
            Ok(_) => MergeError::File(vec![file.joint_error(command, &error)]),
        }
    })
}
