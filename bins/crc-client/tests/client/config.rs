//! The configuration file.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::channels::{chat, join, request, welcome};
use crate::fixture::{QUIT, Server, bob, chat as private, command, sent_chat};

#[track_caller]
fn run(args: &[&str], home: &str) -> (Option<i32>, String, String) {
    let mut command = command(args);
    let output = command.env("XDG_CONFIG_HOME", home).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn the_printed_file_is_right_and_mistakes_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_str().unwrap();
    let (code, printed, _) = run(&["print-config"], home);
    assert_eq!(code, Some(0));
    assert!(printed.contains("\n#server = [\"127.0.0.1:33300\"]\n"));
    let (code, text, _) = run(&["check-config"], home);
    assert_eq!(code, Some(0));
    assert!(
        text.starts_with("no configuration file: looked for "),
        "{text}"
    );

    // The usual place.
    let path = folder.path().join("crc/client.toml");
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::write(&path, &printed).unwrap();
    let (code, text, _) = run(&["check-config"], home);
    assert_eq!(
        (code, text),
        (Some(0), format!("{}: no errors\n", path.display()))
    );
    fs::write(&path, "name = \"ann\"\nchanels = []\n").unwrap();
    for args in [&["check-config"][..], &["tail", "#reef"], &[]] {
        let (code, text, errors) = run(args, home);
        assert_eq!((code, &*text), (Some(2), ""), "{args:?}");
        let place = format!("crc-client: {}:2:1: unknown key chanels", path.display());
        assert!(errors.starts_with(&place), "{errors}");
    }
    // What needs no configuration works with a broken one.
    assert_eq!(run(&["print-config"], home).0, Some(0));
    let missing = "--config=/nonexistent/client.toml";
    let (code, _, errors) = run(&["check-config", missing], home);
    assert_eq!(code, Some(2));
    assert!(
        errors.contains("cannot read the configuration file"),
        "{errors}"
    );
}

#[test]
fn secrets_that_others_can_read_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("client.toml");
    let password = folder.path().join("password");
    fs::write(&password, "kelp\n").unwrap();
    let text = format!("password-file = {password:?}\njoin = [\"#reef kelp\"]\n");
    fs::write(&path, text).unwrap();
    let config = format!("--config={}", path.display());
    for (mode, warnings) in [(0o644, 2), (0o600, 0)] {
        for file in [&path, &password] {
            fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
        }
        let (code, text, _) = run(&["check-config", &config], "/nonexistent");
        assert_eq!(code, Some(0));
        let warned = text
            .lines()
            .filter(|it| it.starts_with("warning: every user"));
        assert_eq!(warned.count(), warnings, "{text}");
    }
}

#[test]
fn the_channels_of_the_configuration_are_joined() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("client.toml");
    fs::write(
        &path,
        "join = [\"#reef kelp\", \"#cave\"]\nname = \"carol\"\n",
    )
    .unwrap();
    let server = Server::start();
    let config = format!("--config={}", path.display());
    // The name of the command line wins.
    let client = bob(&server, &[&config]);
    let mut link = welcome(&server);
    link.expect(&request(101, 0, 7, "#reef", "kelp"));
    link.expect(&request(101, 0, 7, "#cave", ""));
    // It ends before its connection does, or it would connect again in place of the next.
    drop(client);
    drop(link);

    // A one-shot joins its channel only, with the key of the configuration.
    let _client = bob(&server, &[&config, "tail", "#reef"]);
    let mut link = welcome(&server);
    link.expect(&request(101, 0, 7, "#reef", "kelp"));
    link.expect_nothing_yet();
}

#[test]
fn conversations_are_written_into_files() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("deep/logs");
    let path = folder.path().join("client.toml");
    fs::write(&path, format!("log-dir = {logs:?}\nignore = [\"9\"]\n")).unwrap();
    let server = Server::start();
    let mut client = bob(&server, &[&format!("--config={}", path.display())]);
    client.write("/join #Reef/..\n/msg #reef/.. hello\n/msg 7 \u{1b}[2J\n");
    let mut link = welcome(&server);
    link.expect(&request(101, 0, 7, "#Reef/..", ""));
    link.expect(&chat(101, 0, "#reef/..", "hello"));
    link.expect(&sent_chat(7, "\u{1b}[2J"));
    let frames = [
        join(101, 0, 0, "#Reef/.."),
        chat(7, 0, "#Reef/..", "\u{1}ACTION waves\u{1}"),
        chat(9, 0, "#Reef/..", "spam"),
        private(7, 101, "psst"),
        private(8, 101, "who?"),
    ];
    link.send(&frames.concat());
    client.end_input();
    link.expect(QUIT);
    drop(link);
    assert_eq!(client.finish().0, Some(0));
    assert_eq!(
        fs::metadata(&logs).unwrap().permissions().mode() & 0o777,
        0o700
    );
    // The day may change during the test.
    let text_of = |begin: &str| {
        let mut paths: Vec<_> = fs::read_dir(&logs)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                path.file_name()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .starts_with(begin)
            })
            .collect();
        paths.sort();
        let texts = paths.iter().map(|path| fs::read_to_string(path).unwrap());
        let text: String = texts.collect();
        text.lines()
            .map(|line| line[9..].to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        text_of("#reef%2F%2E%2E.2"),
        ["<bob> hello", "* you are in #Reef/..", "* alice waves"]
    );
    assert_eq!(text_of("alice.2"), ["<bob> ␛[2J", "<alice> psst"]);
    assert_eq!(text_of("id 8.2"), ["<8> who?"]);
}
