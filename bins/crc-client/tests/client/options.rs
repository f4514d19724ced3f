//! The command line.

use crate::fixture::command;

#[track_caller]
fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let output = command(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn an_invalid_command_line_exits_with_2() {
    for (args, sentence) in [
        (
            &["--server", "localhost"][..],
            "an address looks like HOST:PORT",
        ),
        (&["--id", "0"], "an id is a number from 1 to 4294967295"),
        (&["--name", " bob"], "the name begins or ends with a blank"),
        (&["--info", "a\tb"], "characters that can't be printed"),
        (&["--nonsense"], "--nonsense"),
        (&["more"], "more"),
    ] {
        let (code, output, errors) = run(args);
        assert_eq!((code, &*output), (Some(2), ""), "{args:?}");
        assert!(errors.contains(sentence), "{errors}");
    }
}

#[test]
fn help_is_complete() {
    let (code, page, _) = run(&["--help"]);
    assert_eq!(code, Some(0));
    for part in [
        "/msg WHO TEXT",
        "Examples:",
        "Exit status:",
        "127.0.0.1:33300",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.lines().all(|line| line.chars().count() <= 100));
    let (code, version, _) = run(&["--version"]);
    assert_eq!(code, Some(0));
    assert_eq!(version, format!("crc-client {}\n", crc_cli::VERSION));
}

#[test]
fn man_page_and_completions_are_generated() {
    for (what, part) in [
        ("man", ".TH crc-client"),
        ("bash", "complete -F"),
        ("zsh", "#compdef crc-client"),
        ("fish", "complete -c crc-client"),
    ] {
        let (code, text, _) = run(&["--generate", what]);
        assert_eq!(code, Some(0));
        assert!(text.contains(part), "{what}: {text}");
    }
}
