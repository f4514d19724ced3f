//! The target `config`: any bytes as a configuration file of a program that has an option of
//! each kind.

use std::ffi::OsString;
use std::path::Path;

use clap::{Arg, ArgAction, Command, value_parser};
use crc_cli::Size;
use crc_cli::config::{ConfigError, ConfigFile, ERRORS_MAX, MergeError, merge};

/// A program with an option of each kind.
fn program() -> Command {
    let long = |long: &'static str| Arg::new(long).long(long);
    let list = |name| long(name).action(ArgAction::Append);
    Command::new("program")
        .arg(long("id").value_parser(value_parser!(u32).range(1..)))
        .arg(
            long("verbose")
                .action(ArgAction::Count)
                .conflicts_with("quiet"),
        )
        .arg(long("quiet").action(ArgAction::Count))
        .arg(long("config"))
        .arg(list("listen").default_value("a:1"))
        .arg(long("record"))
        .arg(long("record-max").requires("record"))
        .next_help_heading("Limits")
        .arg(
            long("text-max")
                .value_parser(value_parser!(Size))
                .default_value("64K"),
        )
        .arg(list("peers").value_delimiter(','))
        .arg(long("fast").action(ArgAction::SetTrue))
        .arg(long("colour").value_parser(["red", "blue"]))
}

/// Whatever the bytes are, the file is accepted, or each of its errors has a place in it and a
/// text of one line. The command line wins.
///
/// # Panics
///
/// When that does not hold.
pub fn config(input: &[u8]) {
    let path = Path::new("f");
    let file = match ConfigFile::from_bytes(path, input.to_vec()) {
        Ok(file) => file,
        Err(error) => return check(input, &[error]),
    };
    let command = program();
    let options = match file.options(&command, &["config"], &["link"]) {
        Ok(options) => options,
        Err(errors) => return check(input, &errors),
    };
    for arguments in [
        &["program"][..],
        &["program", "--id=7", "--listen=b:2", "--quiet"],
    ] {
        let arguments: Vec<OsString> = arguments.iter().map(Into::into).collect();
        match merge(&command, &arguments, &options) {
            Ok(matches) if arguments.len() > 1 => {
                assert_eq!(matches.get_one::<u32>("id"), Some(&7));
                let listen = matches.get_many::<String>("listen").into_iter().flatten();
                assert_eq!(listen.collect::<Vec<_>>(), ["b:2"]);
                assert_eq!(
                    (matches.get_count("verbose"), matches.get_count("quiet")),
                    (0, 1)
                );
            }
            Ok(matches) => assert_ne!(matches.get_one::<u32>("id"), Some(&0)),
            Err(MergeError::File(errors)) => check(input, &errors),
            Err(MergeError::CommandLine(error)) => panic!("the command line is right: {error}"),
        }
    }
}

fn check(input: &[u8], errors: &[ConfigError]) {
    assert!((1..=ERRORS_MAX).contains(&errors.len()));
    let lines = input.iter().filter(|byte| **byte == b'\n').count() + 1;
    for error in errors {
        let position = error.position.expect("an error has a place");
        assert!((1..=lines).contains(&position.line), "{error}");
        assert!((1..=input.len() + 1).contains(&position.column), "{error}");
        assert!(
            !error.text.is_empty() && !error.text.contains('\n'),
            "{error}"
        );
    }
}
