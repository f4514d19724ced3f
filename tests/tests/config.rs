//! The configuration file with the real server: what it sets, who wins, its mistakes, and
//! SIGHUP, which reads it again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crc_e2e::fixture::irc::LinePeer;
use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{ANN, BOB, Binaries, Fixture, Peer, Process, Server, assert_chatting, wire};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A folder with a configuration file.
struct Config {
    folder: TempDir,
    file: PathBuf,
}

impl Config {
    fn new(text: &str) -> Config {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("server.toml");
        fs::write(&file, text).unwrap();
        Config { folder, file }
    }

    fn path(&self) -> &str {
        self.file.to_str().unwrap()
    }

    /// Changes the file, and has the server read it again: the lines that it logs about that.
    fn reload(&self, server: &Server, text: &str) -> Vec<String> {
        // The log is written a moment later. This is the first line about the file.
        let is_read = || !server.log_lines_with("configuration read").is_empty();
        assert!(wait::holds(LONG, is_read), "{}", server.process().log());
        fs::write(&self.file, text).unwrap();
        reload(server)
    }
}

/// The lines about the configuration that follow a SIGHUP.
fn reload(server: &Server) -> Vec<String> {
    let reloads = |server: &Server| server.log_lines_with("configuration").len();
    let before = reloads(server);
    let id = i32::try_from(server.process().id()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), Signal::HUP).unwrap();
    assert!(
        wait::holds(LONG, || reloads(server) > before),
        "{}",
        server.process().log()
    );
    // What needs a restart is the last line; an answer after it is the proof that it is there.
    server.state().unwrap();
    server.log_lines_with("configuration").split_off(before)
}

fn run(args: &[&str], home: &Path) -> Output {
    let mut command = Command::new(Binaries::find().unwrap().server);
    command.env("XDG_CONFIG_HOME", home).args(args);
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_file_sets_the_options_and_flags_win() {
    let config = Config::new(
        "id = 7\nname = \"from-file\"\nlisten = [\"127.0.0.1:0\", \"127.0.0.1:0\"]\n\
         admin = \"127.0.0.1:0\"\n[limits]\nhosts-max = 1\n",
    );
    let fixture = Fixture::new().unwrap();
    // The fixture sets name, info, listen and admin on the command line.
    let server = fixture
        .server_without_id("from-flag")
        .arg("--config")
        .arg(config.path());
    let server = server.start().unwrap();
    let state = server.state().unwrap();
    assert_eq!((state.id, &*state.name), (7, "from-flag"));
    let listening = server
        .process()
        .lines()
        .iter()
        .filter(|line| line.starts_with("listening on "))
        .count();
    assert_eq!(listening, 1, "a list is replaced as a whole");
    let _ann = Peer::v2_client(server.address(), ANN, "ann").unwrap();
    server.wait_hosts(&[ANN]).unwrap();
    let mut bob = Peer::connect(server.address()).unwrap();
    bob.send(&wire::registration(
        wire::CLIENT_REGISTRATION,
        BOB,
        0,
        "bob",
        "",
    ))
    .unwrap();
    bob.expect_end();
}

#[test]
fn check_config_names_file_line_and_what_to_write() {
    let config = Config::new(
        "name = \"reef\"\nlinks-maxx = 5\n[network]\nserver-peers = [\"10.0.0.1/8\"]\n",
    );
    let home = config.folder.path();
    let output = run(&["check-config", "--config", config.path()], home);
    let errors = text(&output.stderr);
    let path = config.path();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert_eq!(
        errors,
        format!(
            "crc-server: {path}:2:1: unknown key links-maxx; did you mean links-max?\n\
             crc-server: {path}:4:17: server-peers: 10.0.0.1 is an address in the network 10.0.0.0/8: \
             write 10.0.0.0/8, or 10.0.0.1/32 for this address alone\n"
        )
    );
    // The server does not start with it either, and says the same.
    let output = run(&["--config", path], home);
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(2), errors)
    );
    assert_eq!(output.stdout, b"");

    fs::write(&config.file, "name = \"reef\"\n").unwrap();
    let output = run(&["check-config", "--config", path], home);
    assert!(output.status.success());
    assert_eq!(text(&output.stdout), format!("{path}: no errors\n"));
    fs::write(&config.file, "listen = [\"0.0.0.0:0\"]\n").unwrap();
    let output = run(&["check-config", "--config", path], home);
    assert!(output.status.success());
    let warned = format!("{path}: no errors\nwarning: listening on all addresses without TLS");
    assert!(text(&output.stdout).starts_with(&warned), "{output:?}");

    // A file that is named there and cannot be used has a place too.
    for (key, error) in [
        ("motd", "cannot read the message of the day"),
        ("ban-file", "cannot read the bans from"),
    ] {
        let named = home.join("none/file");
        fs::write(&config.file, format!("\n{key} = {named:?}\n")).unwrap();
        let column = key.len() + 4;
        for args in [&["check-config", "--config", path][..], &["--config", path]] {
            let output = run(args, home);
            let errors = text(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{errors}");
            let begin = format!("crc-server: {path}:2:{column}: {key}: {error}");
            assert!(errors.starts_with(&begin), "{errors}");
        }
    }

    let nowhere = config.folder.path().join("nowhere.toml");
    let output = run(
        &["check-config", "--config", nowhere.to_str().unwrap()],
        home,
    );
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("nowhere.toml: cannot read the configuration file"));
}

#[test]
fn the_file_in_the_usual_place_is_read() {
    let home = tempfile::tempdir().unwrap();
    let output = run(&["check-config"], home.path());
    assert!(output.status.success(), "it need not exist: {output:?}");
    fs::create_dir(home.path().join("crc")).unwrap();
    fs::write(home.path().join("crc/server.toml"), "id = 0\n").unwrap();
    let output = run(&["check-config"], home.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("crc/server.toml:1:6: id: "),
        "{output:?}"
    );
    // What reads no configuration works with a broken one.
    for args in [&["print-config"][..], &["--generate", "man"], &["--help"]] {
        assert!(run(args, home.path()).status.success(), "{args:?}");
    }
}

#[test]
fn the_printed_file_is_accepted_as_it_is_and_with_all_options_set() {
    let home = tempfile::tempdir().unwrap();
    let printed = text(&run(&["print-config"], home.path()).stdout);
    let uncommented = printed.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => rest,
        _ => line,
    });
    let uncommented = uncommented.collect::<Vec<_>>().join("\n");
    assert!(
        uncommented.contains("\nlisten = [\"127.0.0.1:33300\"]\n"),
        "{uncommented}"
    );
    for file in [&printed, &uncommented] {
        let config = Config::new(file);
        let output = run(&["check-config", "--config", config.path()], home.path());
        assert!(output.status.success(), "{output:?}");
    }
}

#[test]
fn values_that_cannot_be_meant_are_refused_in_plain_words() {
    let home = tempfile::tempdir().unwrap();
    for (args, words) in [
        (&["--links-max", "0"][..], "write a number from 1 to"),
        (&["--text-max", "0"], "write at least 1"),
        (&["--server-peers", "10.0.0.1/8"], "write 10.0.0.0/8"),
        (&["--server-peers", "10.0.0.0/33"], "from 0 to 32"),
        (&["--connect", "127.0.0.1:33300"], "is this server itself"),
        (
            &["--connect", "localhost:0"],
            "port 0 is no port to connect to",
        ),
        (&["--name", ""], "the name is empty"),
        (&["--id", "0"], "an id is a number from 1"),
        (
            &["--listen", "127.0.0.1:7", "--irc", "127.0.0.1:7"],
            "listens there",
        ),
        (&["--record", "x", "--log-file", "x"], "is the same file"),
    ] {
        // With nothing to do but to check: it does not start in any case.
        let args = [args, &["check-config"]].concat();
        let output = run(&args, home.path());
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {errors}");
        assert!(errors.contains(words), "{args:?}: {errors}");
    }
    for args in [["--server-queue", "1G"], ["--record-max", "64M"]] {
        let output = run(
            &[&args[..], &["--record=x", "check-config"]].concat(),
            home.path(),
        );
        assert!(output.status.success(), "{output:?}");
    }
}

#[test]
fn a_reload_changes_what_it_says_and_nothing_else() {
    let config = Config::new("[limits]\nlinks-max = 100\n");
    let motd = config.folder.path().join("motd.txt");
    fs::write(&motd, "Mind the step.\n").unwrap();
    let fixture = Fixture::new().unwrap();
    let server = fixture
        .server(1, "reef")
        .irc()
        .arg("--config")
        .arg(config.path());
    let server = server.start().unwrap();
    let mut ann = Peer::v2_client(server.address(), ANN, "ann").unwrap();
    let mut bob = Peer::v2_client(server.address(), BOB, "bob").unwrap();
    assert_chatting(&mut ann, &mut bob);

    let lines = config.reload(&server, "[limits]\nlinks-max = 100\n");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].ends_with(&format!(
            "configuration reloaded: file={:?} nothing has changed",
            config.path()
        )),
        "{lines:?}"
    );

    let new = format!(
        "rank = 3\nverbose = 1\n[irc]\nmotd = {:?}\n[limits]\nhosts-max = 2\n",
        motd.to_str().unwrap()
    );
    let lines = config.reload(&server, &new);
    assert!(
        lines[0].contains(" changed: motd (not set) -> "),
        "{lines:?}"
    );
    assert!(
        lines[0].contains("verbose 0 -> 1; links-max 100 -> (not set); hosts-max 1000000 -> 2"),
        "{lines:?}"
    );
    assert!(wait::holds(LONG, || !server
        .log_lines_with("needs a restart: rank (not set) -> 3")
        .is_empty()));
    // Those who are there stay, and the directory takes no more.
    assert_chatting(&mut ann, &mut bob);
    let mut late = Peer::connect(server.address()).unwrap();
    late.send(&wire::registration(
        wire::CLIENT_REGISTRATION,
        300,
        0,
        "late",
        "",
    ))
    .unwrap();
    late.expect_end();
    drop(bob);
    server.wait_hosts(&[ANN]).unwrap();
    let mut user = LinePeer::irc_user(server.irc().unwrap(), "dan").unwrap();
    user.send_line("MOTD").unwrap();
    let mut motd_lines = std::iter::from_fn(|| user.next_line(LONG).unwrap());
    assert!(motd_lines.any(|line| line.contains("Mind the step.")));
    assert!(
        wait::holds(LONG, || !server.log_lines_with(" DEBUG ").is_empty()),
        "the log has changed"
    );

    // A changed text in the same file counts.
    fs::write(&motd, "Mind the gap.\n").unwrap();
    let lines = reload(&server);
    assert!(lines[0].ends_with(" changed: motd"), "{lines:?}");
}

#[test]
fn a_reload_changes_the_limits_of_connections_and_who_may_link() {
    let config = Config::new("");
    let fixture = Fixture::new().unwrap();
    let server = fixture
        .server(1, "reef")
        .arg("--config")
        .arg(config.path())
        .start()
        .unwrap();
    let mut ann = Peer::v2_client(server.address(), ANN, "ann").unwrap();
    let mut bob = Peer::v2_client(server.address(), BOB, "bob").unwrap();
    config.reload(
        &server,
        "[limits]\nlinks-per-address = 2\n[network]\nserver-peers = [\"192.0.2.0/24\"]\n",
    );
    let mut third = Peer::connect(server.address()).unwrap();
    third.expect_end();
    assert_chatting(&mut ann, &mut bob);
    config.reload(&server, "[network]\nserver-peers = [\"192.0.2.0/24\"]\n");
    let link = |id: u32| {
        let mut peer = Peer::connect(server.address()).unwrap();
        peer.send(&wire::registration(
            wire::SERVER_REGISTRATION,
            id,
            0,
            "atoll",
            "",
        ))
        .unwrap();
        peer
    };
    link(2).expect_end();
    config.reload(&server, "");
    let _linked = link(2);
    server
        .wait_state(|state| state.host_ids().contains(&2))
        .unwrap();
}

#[test]
fn a_broken_file_changes_nothing_and_says_why_in_one_line() {
    let good = "[limits]\nhosts-max = 1\n";
    let config = Config::new(good);
    let fixture = Fixture::new().unwrap();
    let server = fixture
        .server(1, "reef")
        .arg("--config")
        .arg(config.path())
        .start()
        .unwrap();
    let _ann = Peer::v2_client(server.address(), ANN, "ann").unwrap();
    let motd = format!(
        "[irc]\nmotd = {:?}\n",
        config.folder.path().join("none").to_str().unwrap()
    );
    let path = config.path();
    for (broken, why) in [
        (
            "[limits]\nhosts-max = 0\nlinks-max = 0\n",
            format!(
                "{path}:2:13: hosts-max: write a number from 1 to 4294967295 (and 1 more: crc-server check-config lists them)"
            ),
        ),
        (
            "[limits]\nhosts-max = 9\nfoo = 1\n",
            format!("{path}:3:1: unknown key foo"),
        ),
        ("[limits\n", format!("{path}:1:")),
        (&*motd, "cannot read the message of the day".to_owned()),
    ] {
        let lines = config.reload(&server, broken);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(
            lines[0].contains("ERROR")
                && lines[0].contains(&format!(
                    "configuration not reloaded, nothing has changed: {why}"
                )),
            "{lines:?}"
        );
        let mut late = Peer::connect(server.address()).unwrap();
        late.send(&wire::registration(
            wire::CLIENT_REGISTRATION,
            BOB,
            0,
            "bob",
            "",
        ))
        .unwrap();
        late.expect_end();
    }
    fs::remove_file(&config.file).unwrap();
    let lines = reload(&server);
    assert!(
        lines[0].contains("cannot read the configuration file"),
        "{lines:?}"
    );
    // The server was not changed by any of these, and reads the next good file.
    let lines = config.reload(&server, "[limits]\nhosts-max = 2\n");
    assert!(lines[0].contains("changed: hosts-max 1 -> 2"), "{lines:?}");
    let _bob = Peer::v2_client(server.address(), BOB, "bob").unwrap();
    server.wait_hosts(&[ANN, BOB]).unwrap();
}

#[test]
fn a_server_that_is_open_to_all_warns_once() {
    let config = Config::new(
        "listen = [\"0.0.0.0:0\", \"[::]:0\"]\nadmin = \"127.0.0.1:0\"\n[irc]\nirc = [\"0.0.0.0:0\"]\n",
    );
    let fixture = Fixture::new().unwrap();
    let mut command = Command::new(&fixture.binaries().server);
    command.args(["--config", config.path()]);
    let mut process =
        Process::start("open", command, config.folder.path().join("open.log")).unwrap();
    process
        .wait_lines("its admin page", |lines| {
            lines
                .iter()
                .any(|line| line.starts_with("admin on "))
                .then_some(())
        })
        .unwrap();
    assert!(process.stop().unwrap().success());
    let log = process.log();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains(" WARN ")).collect();
    assert_eq!(warnings.len(), 1, "{log}");
    assert!(
        warnings[0].contains("listening on all addresses without TLS or secrets"),
        "{log}"
    );
    let server = fixture.server(1, "closed").start().unwrap();
    assert!(server.log_lines_with(" WARN ").is_empty());
}

#[test]
fn a_descriptor_limit_without_room_is_refused_and_a_low_one_is_a_warning() {
    let fixture = Fixture::new().unwrap();
    let mut none = fixture.server(1, "none").descriptors(64).spawn().unwrap();
    assert_eq!(none.wait_end(LONG).unwrap().code(), Some(1));
    assert!(
        none.log()
            .contains("the descriptor limit (ulimit -n) of 64 leaves no room for connections"),
        "{}",
        none.log()
    );
    let low = fixture
        .server(2, "low")
        .descriptors(100)
        .arg("--links-max=50")
        .start()
        .unwrap();
    let warned = || {
        !low.log_lines_with("--links-max 50 is more than the descriptor limit")
            .is_empty()
    };
    assert!(wait::holds(LONG, warned), "{}", low.process().log());
}

#[test]
fn a_server_that_has_become_the_root_says_so_once() {
    let fixture = Fixture::new().unwrap();
    let address = fixture.reserve().unwrap();
    let root = fixture.server(1, "reef").listen(address).start().unwrap();
    let child = fixture
        .server(2, "atoll")
        .uplink(address)
        .arg("-v")
        .start()
        .unwrap();
    child.wait_hosts(&[1]).unwrap();
    drop(root);
    let failures = || child.log_lines_with(&format!("cannot link to {address}"));
    assert!(
        wait::holds(LONG, || failures().len() >= 3),
        "{}",
        child.process().log()
    );
    let warnings = || child.log_lines_with(" WARN ");
    assert_eq!(
        failures()
            .iter()
            .filter(|line| line.contains(" WARN "))
            .count(),
        1
    );
    assert_eq!(
        child.log_lines_with("this server is the root now").len(),
        1,
        "{:?}",
        warnings()
    );
    // It links when the other one is back, and starts anew when that is gone.
    let root = fixture
        .server(1, "reef")
        .listen(address)
        .log_file("again")
        .start()
        .unwrap();
    child.wait_hosts(&[1]).unwrap();
    assert!(wait::holds(LONG, || child
        .log_lines_with("uplink established")
        .len()
        == 2));
    drop(root);
    assert!(wait::holds(LONG, || child
        .log_lines_with("this server is the root now")
        .len()
        == 2));
}
