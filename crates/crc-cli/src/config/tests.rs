use std::ffi::OsString;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::*;
use crate::Size;

/// A program with an option of each kind.
fn program() -> Command {
    let long = |long: &'static str| Arg::new(long).long(long);
    Command::new("program")
        .arg(
            long("id")
                .value_parser(value_parser!(u32).range(1..))
                .help("Its id"),
        )
        .arg(
            long("verbose")
                .short('v')
                .action(ArgAction::Count)
                .conflicts_with("quiet"),
        )
        .arg(long("quiet").short('q').action(ArgAction::Count))
        .arg(long("config").help("The file"))
        .arg(
            long("listen")
                .action(ArgAction::Append)
                .default_value("a:1"),
        )
        .arg(long("record"))
        .arg(long("record-max").requires("record"))
        .next_help_heading("Big Limits")
        .arg(
            long("text-max")
                .value_parser(value_parser!(Size))
                .default_value("64K"),
        )
        .arg(long("peers").value_delimiter(',').action(ArgAction::Append))
        .arg(long("fast").action(ArgAction::SetTrue))
        .arg(long("colour").value_parser(["red", "blue"]))
}

const EXCLUDE: [&str; 1] = ["config"];

fn file(text: &str) -> ConfigFile {
    ConfigFile::from_bytes(Path::new("f.toml"), text.into()).unwrap()
}

fn merged(text: &str, arguments: &[&str]) -> Result<ArgMatches, Vec<String>> {
    let command = program();
    let shown = |errors: Vec<ConfigError>| errors.iter().map(ToString::to_string).collect();
    let options = file(text)
        .options(&command, &EXCLUDE, &["link"])
        .map_err(shown)?;
    let arguments: Vec<OsString> = [&["program"], arguments]
        .concat()
        .iter()
        .map(Into::into)
        .collect();
    match merge(&command, &arguments, &options) {
        Ok(matches) => Ok(matches),
        Err(MergeError::File(errors)) => Err(shown(errors)),
        Err(MergeError::CommandLine(error)) => Err(vec![error.to_string()]),
    }
}

/// The values of an option, as texts.
fn raw(matches: &ArgMatches, id: &str) -> Vec<String> {
    let raw = matches.get_raw(id).into_iter().flatten();
    raw.map(|value| value.to_string_lossy().into_owned())
        .collect()
}

#[test]
fn a_file_sets_every_kind_of_option() {
    let text = "\u{feff}id = 0x10\nlisten = ['b:1', \"c:2\"]\r\nverbose = 2\n[big-limits]\n\
        text-max = \"1G\"\npeers = [\"x\", \"-y\"]\nfast = true\ncolour = 'red' # so\n[[link]]\nname = 1\n";
    let matches = merged(text, &[]).unwrap();
    assert_eq!(matches.get_one::<u32>("id"), Some(&16));
    assert_eq!(raw(&matches, "listen"), ["b:1", "c:2"]);
    assert_eq!(matches.get_count("verbose"), 2);
    assert_eq!(matches.get_one("text-max"), Some(&Size(1 << 30)));
    assert_eq!(raw(&matches, "peers"), ["x", "-y"]);
    assert!(matches.get_flag("fast"));
    // Sections group; an option may also stand before the first one.
    let matches = merged("text-max = 7", &[]).unwrap();
    assert_eq!(matches.get_one("text-max"), Some(&Size(7)));
    let unset = "id = false\nverbose = 0\nrecord = false\n[big-limits]\nfast = false\npeers = []";
    let matches = merged(unset, &[]).unwrap();
    assert_eq!(matches.get_one::<u32>("id"), None);
    assert_eq!(raw(&matches, "listen"), ["a:1"]);
    assert!(!matches.get_flag("fast"));
}

#[test]
fn the_command_line_wins() {
    let text = "id = 1\nverbose = 1\nlisten = [\"b:1\", \"c:1\"]\nrecord = \"r\"\n[big-limits]\npeers = [\"x\"]";
    let matches = merged(text, &["--id=2", "--listen=d:1", "-q", "--record-max=3"]).unwrap();
    assert_eq!(matches.get_one::<u32>("id"), Some(&2));
    assert_eq!(
        raw(&matches, "listen"),
        ["d:1"],
        "a list is replaced as a whole"
    );
    assert_eq!(raw(&matches, "peers"), ["x"]);
    // -v in the file excludes -q in the file only.
    assert_eq!(
        (matches.get_count("verbose"), matches.get_count("quiet")),
        (0, 1)
    );
    assert_eq!(
        raw(&matches, "record-max"),
        ["3"],
        "the file has the option that it needs"
    );
    let error = merged("id = 1", &["--record-max=3"]).unwrap_err();
    assert!(
        error[0].starts_with("error: the following required arguments"),
        "{error:?}"
    );
    let error = merged(text, &["--id=0"]).unwrap_err();
    assert!(
        error[0].starts_with("error: invalid value '0' for '--id <id>'"),
        "{error:?}"
    );
}

#[test]
fn an_error_names_file_line_column_and_what_to_write() {
    for (text, errors) in [
        (
            "\n id = 0",
            &["f.toml:2:7: id: 0 is not in 1..=4294967295"][..],
        ),
        (
            "idd = 1",
            &["f.toml:1:1: unknown key idd; did you mean id?"],
        ),
        // All mistakes of a file are reported, in its order.
        (
            "id = 0\nidd = 1",
            &[
                "f.toml:1:6: id: 0 is not in 1..=4294967295",
                "f.toml:2:1: unknown key idd; did you mean id?",
            ],
        ),
        ("zzz = 1", &["f.toml:1:1: unknown key zzz"]),
        (
            "Text_Max = 1",
            &["f.toml:1:1: unknown key Text_Max; did you mean text-max?"],
        ),
        (
            "[big-limit]\nx = 1",
            &["f.toml:1:2: unknown section [big-limit]; did you mean big-limits?"],
        ),
        (
            "[[links]]\nx = 1",
            &["f.toml:1:3: unknown section [links]; did you mean link?"],
        ),
        (
            "[big-limits]\nid = 1",
            &["f.toml:2:1: id is no key of [big-limits]: it belongs above the first section"],
        ),
        (
            "fast = true\n[big-limits]\nfast = true",
            &["f.toml:3:1: fast is set twice: keep one of them"],
        ),
        (
            "config = 'x'",
            &["f.toml:1:1: --config belongs on the command line, not into the file"],
        ),
        ("id = [1]", &["f.toml:1:6: id: write one value, not a list"]),
        (
            "id = true",
            &["f.toml:1:6: id: write a number or a text in quotes; false means not set"],
        ),
        (
            "id = 1.5",
            &["f.toml:1:6: id: write a whole number, or a text in quotes"],
        ),
        (
            "listen = []",
            &["f.toml:1:10: listen: the list is empty: leave the key out for the default"],
        ),
        (
            "listen = ['ü', 1979-05-27]",
            &["f.toml:1:16: listen: write a text in quotes"],
        ),
        ("fast = 1", &["f.toml:1:8: fast: write true or false"]),
        (
            "verbose = 'x'",
            &["f.toml:1:11: verbose: write a number from 0 to 9"],
        ),
        (
            "colour = 'green'",
            &["f.toml:1:10: colour: write one of: red, blue"],
        ),
        (
            "text-max = '64X'\nid = 0",
            &[
                "f.toml:1:12: text-max: a size is a whole number of bytes, or of K, M, G or T, for example 64K",
                "f.toml:2:6: id: 0 is not in 1..=4294967295",
            ],
        ),
        (
            "quiet = 1\nverbose = 1",
            &["f.toml:1:1: the argument '--quiet...' cannot be used with '--verbose...'"],
        ),
    ] {
        assert_eq!(merged(text, &[]).unwrap_err(), errors, "{text:?}");
    }
    for (text, begin, end) in [
        ("id = 1\nid = 2", "f.toml:2:1: duplicate key", ""),
        (
            "id = 1\n\nlisten = a:1",
            "f.toml:3:10: ",
            "a text stands in quotes: key = \"text\"",
        ),
        (
            "listen = [a:1]",
            "f.toml:1:11: ",
            "a text stands in quotes: key = \"text\"",
        ),
        ("id", "f.toml:1:", ""),
    ] {
        let errors = merged(text, &[]).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(
            errors[0].starts_with(begin) && errors[0].ends_with(end),
            "{text:?}: {errors:?}"
        );
    }
    let many: String = (0..100).map(|key| format!("a{key} = 1\n")).collect();
    assert_eq!(merged(&many, &[]).unwrap_err().len(), ERRORS_MAX);
    let error = ConfigFile::from_bytes(Path::new("f"), b"id = 1\n\xff".into()).unwrap_err();
    assert_eq!(error.to_string(), "f:2:1: the file must be UTF-8 text");
    let error = ConfigFile::read(Path::new("/nowhere/f"))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("/nowhere/f: cannot read the configuration file: "),
        "{error}"
    );
}

#[test]
fn the_annotated_file_has_all_options_and_sets_their_defaults() {
    let command = program();
    let text = annotated(&command, &EXCLUDE, "The head.");
    assert!(
        text.starts_with("# The head.\n\n# Its id\n#id = false\n"),
        "{text}"
    );
    assert!(
        text.contains("\n[big-limits]\n\n#\u{20}\n")
            || text.contains("\n[big-limits]\n\n#text-max = \"64K\"\n"),
        "{text}"
    );
    let options = command.get_arguments().filter_map(Arg::get_long);
    for option in options.filter(|option| *option != "config") {
        assert!(text.contains(&format!("\n#{option} = ")), "{option}");
    }
    // An option without "# " is a line that can be uncommented.
    let uncomment = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') => rest.to_owned(),
        _ => line.to_owned(),
    };
    let uncommented: Vec<String> = text.lines().map(uncomment).collect();
    let matches = merged(&uncommented.join("\n"), &[]).unwrap();
    let defaults = merged("", &[]).unwrap();
    for id in ["id", "listen", "record", "text-max", "peers", "colour"] {
        assert_eq!(raw(&matches, id), raw(&defaults, id), "{id}");
    }
}

#[test]
fn tables_keep_the_places_of_their_values() {
    #[derive(serde::Deserialize)]
    struct Tables {
        link: Vec<Link>,
    }
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Link {
        name: Spanned<String>,
    }
    let good = file("id = 1\n[[link]]\nname = \"a\"\n");
    let tables: Tables = good.tables().unwrap();
    let error = good.error_at(tables.link[0].name.span(), "no").to_string();
    assert_eq!(error, "f.toml:3:8: no");
    let error = file("[[link]]\nname = 'a'\nnmae = 1")
        .tables::<Tables>()
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "f.toml:3:1: unknown key nmae; did you mean name? The keys here are name"
    );
}
