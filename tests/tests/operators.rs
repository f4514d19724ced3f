//! Network operators, with real hashes and configuration files.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use crc_e2e::fixture::irc::LinePeer;
use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{Binaries, Fixture, Process, Server, hash_password};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const PASSWORD: &str = "correct horse battery staple";

fn write_config(folder: &TempDir, class: &str, more: &str) {
    let hash = hash_password(PASSWORD).unwrap();
    let text = format!(
        "{more}\n[[operator]]\nname = \"chief\"\npassword = \"{hash}\"\nclass = \"{class}\"\n"
    );
    fs::write(folder.path().join("server.toml"), text).unwrap();
}

fn start(fixture: &Fixture, id: u32, folder: &TempDir, uplink: Option<&Server>) -> Server {
    let file = folder.path().join("server.toml");
    let server = fixture.server(id, &format!("server{id}")).irc();
    let server = server.arg("--config").arg(file.to_str().unwrap());
    let server = match uplink {
        Some(uplink) => server.uplink(uplink.address()),
        None => server,
    };
    server.start().unwrap()
}

fn user(server: &Server, nick: &str) -> LinePeer {
    LinePeer::irc_user(server.irc().unwrap(), nick).unwrap()
}

fn oper(peer: &mut LinePeer, password: &str) -> String {
    peer.send_line(&format!("OPER chief :{password}")).unwrap();
    let number = if password == PASSWORD {
        " 381 "
    } else {
        " 464 "
    };
    peer.expect(number)
}

#[test]
fn an_operator_kills_a_user_of_another_server() {
    let fixture = Fixture::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    write_config(&folder, "moderator", "");
    let root = start(&fixture, 1, &folder, None);
    let leaf = start(&fixture, 2, &folder, Some(&root));
    leaf.wait_hosts(&[1]).unwrap();
    let mut ann = user(&root, "ann");
    let mut bob = user(&leaf, "bob");
    root.wait_state(|state| state.host_ids().len() == 3)
        .unwrap();
    assert!(oper(&mut ann, "wrong").contains(" 464 ann :Password incorrect"));
    let answer = oper(&mut ann, PASSWORD);
    assert!(answer.ends_with("may: kill,ban,wallops"), "{answer}");
    ann.send_line("KILL bob :enough").unwrap();
    let last = bob.expect_end().pop().unwrap();
    assert_eq!(last, "ERROR :Closing Link: bob (Killed (ann (enough)))");
    for (server, text) in [
        (&root, "OPER \"chief\" refused: Password incorrect"),
        (&root, "operator \"chief\" \"is now an operator\""),
        (&root, "operator \"chief\" \"used KILL bob: enough\""),
        (&leaf, "killed by"),
    ] {
        assert!(
            wait::holds(LONG, || !server.log_lines_with(text).is_empty()),
            "{text}"
        );
    }
    // No password is in any log.
    for server in [&root, &leaf] {
        assert_eq!(server.log_lines_with(PASSWORD), Vec::<String>::new());
        assert_eq!(server.log_lines_with("$argon2"), Vec::<String>::new());
    }
}

#[test]
fn an_operator_reads_what_came_of_a_rehash() {
    let fixture = Fixture::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    write_config(&folder, "admin", "");
    let server = start(&fixture, 1, &folder, None);
    let mut ann = user(&server, "ann");
    oper(&mut ann, PASSWORD);
    ann.send_line("REHASH").unwrap();
    ann.expect("NOTICE ann :*** Notice -- server1: configuration reloaded: ");
    let file = folder.path().join("server.toml");
    let good = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("linksmax = 3\n{good}")).unwrap();
    ann.send_line("REHASH").unwrap();
    let refused = "NOTICE ann :*** Notice -- server1: configuration not reloaded, nothing has \
                   changed: ";
    let line = ann.expect(refused);
    assert!(
        line.ends_with("unknown key linksmax; did you mean links-max?"),
        "{line}"
    );
    fs::write(&file, format!("[limits]\nhosts-max = 77\n{good}")).unwrap();
    ann.send_line("REHASH").unwrap();
    let line = ann.expect("configuration reloaded: ");
    assert!(line.contains(" changed: hosts-max "), "{line}");
}

#[test]
fn a_ban_survives_restarts_and_reaches_other_servers() {
    let fixture = Fixture::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bans = folder.path().join("bans");
    write_config(&folder, "moderator", &format!("ban-file = {bans:?}"));
    let mut server = start(&fixture, 1, &folder, None);
    let mut ann = user(&server, "ann");
    oper(&mut ann, PASSWORD);
    ann.send_line("KLINE bob :enough").unwrap();
    ann.expect("used KLINE bob!*@*: enough");
    assert!(server.stop());
    let server = start(&fixture, 1, &folder, None);
    // Without a file of its own: it learns of the ban.
    let leaf = fixture.server(2, "leaf").irc().uplink(server.address());
    let leaf = leaf.start().unwrap();
    leaf.wait_hosts(&[1]).unwrap();
    let learned = || !leaf.log_lines_with("ban: \"k ").is_empty();
    assert!(wait::holds(LONG, learned), "{}", leaf.process().log());
    for server in [&server, &leaf] {
        let mut bob = LinePeer::connect(server.irc().unwrap()).unwrap();
        bob.send_line("NICK bob\r\nUSER bob 0 * :Bob").unwrap();
        let lines = bob.expect_end();
        let refused = " 465 * :You are banned from this network: enough";
        assert!(lines.iter().any(|line| line.contains(refused)), "{lines:?}");
    }
}

#[test]
fn a_server_with_a_password_admits_those_who_know_it() {
    let fixture = Fixture::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let password = format!("password = \"{}\"", hash_password(PASSWORD).unwrap());
    write_config(&folder, "moderator", &password);
    let server = start(&fixture, 1, &folder, None);
    let address = server.irc().unwrap();
    let register = |pass: &str| {
        let mut ann = LinePeer::connect(address).unwrap();
        let lines = format!("PASS :{pass}\r\nNICK ann\r\nUSER ann 0 * :Ann");
        ann.send_line(&lines).unwrap();
        ann
    };
    register("wrong").expect(" 464 ");
    let mut ann = register(PASSWORD);
    ann.expect(" 001 ");
    // The client of this project.
    let file = folder.path().join("password");
    for (text, is_admitted) in [("wrong\n", false), (PASSWORD, true)] {
        fs::write(&file, text).unwrap();
        let output = Command::new(Binaries::find().unwrap().client)
            .arg(format!("--server={}", server.address()))
            .args(["--name=bob", "--password-file"])
            .arg(&file)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.success(), is_admitted, "{output:?}");
        let refused = "Your password is not that of this network";
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(text.contains(refused), !is_admitted, "{output:?}");
    }
    assert_eq!(server.log_lines_with(PASSWORD), Vec::<String>::new());
}

#[test]
fn a_reload_changes_operators() {
    let fixture = Fixture::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    write_config(&folder, "moderator", "");
    let server = start(&fixture, 1, &folder, None);
    let mut ann = user(&server, "ann");
    oper(&mut ann, PASSWORD);
    let text = "[[operator]]\nname = \"other\"\ncertificate = \"sha256:";
    let text = format!("{text}{}\"\nclass = \"admin\"\n", "ab".repeat(32));
    fs::write(folder.path().join("server.toml"), text).unwrap();
    let id = i32::try_from(server.process().id()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), Signal::HUP).unwrap();
    ann.expect("MODE ann -o");
    let changed = "changed: operator \"chief\"; operator \"other\"";
    let is_logged = || !server.log_lines_with(changed).is_empty();
    assert!(wait::holds(LONG, is_logged), "{}", server.process().log());
}

#[test]
fn an_operator_uses_the_client_of_this_project() {
    let fixture = Fixture::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    write_config(&folder, "moderator", "");
    let server = start(&fixture, 1, &folder, None);
    let mut bob = user(&server, "bob");
    let mut client = Command::new(Binaries::find().unwrap().client)
        .arg(format!("--server={}", server.address()))
        .arg("--name=ann")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = client.stdin.take().unwrap();
    writeln!(input, "/oper chief {PASSWORD}").unwrap();
    let is_operator = || !server.log_lines_with("is now an operator").is_empty();
    assert!(wait::holds(LONG, is_operator), "{}", server.process().log());
    writeln!(input, "/command KILL bob :enough").unwrap();
    bob.expect("Killed (ann (enough))");
    drop(input);
    let output = client.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("You are now a network operator, and may: kill,ban,wallops"),
        "{text}"
    );
}

#[test]
fn an_option_of_the_client_makes_an_operator_or_says_why_not() {
    let fixture = Fixture::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    write_config(&folder, "moderator", "");
    let server = start(&fixture, 1, &folder, None);
    let mut bob = user(&server, "bob");
    let client = |password: &str, log: &str| {
        let file = folder.path().join("password");
        fs::write(&file, password).unwrap();
        let mut command = Command::new(&fixture.binaries().client);
        command.arg(format!("--server={}", server.address()));
        command.args(["--name=ann", "--oper=chief", "--oper-password-file"]);
        command.arg(&file);
        Process::start("ann", command, fixture.logs().file(log)).unwrap()
    };
    // The client waits five seconds for the answer to the password, which can be too short on a
    // busy machine. So ann writes the next line, and ends, when she has read the answer.
    let expect = |ann: &Process, text: &str| {
        let has = || ann.lines().join("\n").contains(text);
        assert!(wait::holds(LONG, has), "{text}\n{:#?}", ann.lines());
    };
    let kill = "/command KILL bob :enough";
    let mut ann = client("not it", "refused.log");
    let refused = "make you the operator chief\n* Password incorrect";
    expect(&ann, refused);
    ann.write_line(kill).unwrap();
    expect(&ann, &format!("{refused}\n* Permission denied"));
    ann.close_input();
    ann.wait_end(LONG).expect("the client ends");

    let mut ann = client(PASSWORD, "accepted.log");
    expect(
        &ann,
        "You are now a network operator, and may: kill,ban,wallops",
    );
    ann.write_line(kill).unwrap();
    bob.expect("Killed (ann (enough))");
    ann.close_input();
    ann.wait_end(LONG).expect("the client ends");
}
