//! The server as a process: what it prints, how it ends, and its admin page.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crc-server"));
    command.args(args).env_remove("RUST_LOG");
    command
}

fn run(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

/// A running server that ends with the test.
struct Server {
    child: Child,
    listening: SocketAddr,
    admin: SocketAddr,
    log: Receiver<String>,
}

impl Server {
    fn start(args: &[&str]) -> Server {
        let mut child = command(&["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = |words: &str| {
            let line = lines.next().unwrap().unwrap();
            line.strip_prefix(words).unwrap().parse().unwrap()
        };
        let (listening, admin) = (address("listening on "), address("admin on "));
        let (sender, log) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Server {
            child,
            listening,
            admin,
            log,
        }
    }

    /// The next line of the log with these words in it.
    fn logs(&self, words: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.log.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("no line with {words:?} in the log"));
            if line.contains(words) {
                return line;
            }
        }
    }

    fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.admin).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn state(&self) -> Value {
        let answer = self.ask("GET /state HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
        assert!(head.contains("application/json"), "{head}");
        serde_json::from_str(body).unwrap()
    }

    /// Waits until the state is as wanted.
    fn wait_for(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let state = self.state();
            if holds(&state) {
                return state;
            }
            assert!(Instant::now() < end, "no {what}: {state}");
        }
    }

    fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        kill.args([name, &self.child.id().to_string()]);
        assert!(kill.status().unwrap().success());
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.listening).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// A connection on which a client has registered and been welcomed.
    fn client(&self, id: u32) -> TcpStream {
        let mut stream = self.connect();
        stream.write_all(&registration(0x80, id)).unwrap();
        let mut welcome = vec![0; 15 + "Welcome to the Clemson Relay Chat network ann".len()];
        stream.read_exact(&mut welcome).unwrap();
        assert!(welcome.ends_with(b"network ann"));
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn registration(kind: u8, id: u32) -> Vec<u8> {
    let mut frame = vec![kind];
    frame.extend(id.to_be_bytes());
    frame.extend([0, 0, 0, 0, 3, 0, 0]);
    frame.extend(b"ann");
    frame
}

fn ids(numbers: &[u32]) -> Value {
    json!(numbers)
}

#[test]
fn what_makes_no_sense_ends_with_2_and_a_sentence() {
    let name = "n".repeat(65);
    for (args, sentence) in [
        (["--id", "0"], "an id is a number from 1 to 4294967295"),
        (
            ["--name", &name],
            "the name has 65 bytes where at most 64 are allowed",
        ),
        (["--connect", "nowhere"], "an address looks like HOST:PORT"),
        (["--listen", "x"], "an address looks like ADDRESS:PORT"),
        (["--server-peers", "x"], "invalid IP address syntax"),
    ] {
        let output = run(&args);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(sentence), "{error}");
    }
}

#[test]
fn help_and_manual_name_every_option() {
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    let manual = String::from_utf8(run(&["--generate", "man"]).stdout).unwrap();
    let completions = String::from_utf8(run(&["--generate", "bash"]).stdout).unwrap();
    for option in ["listen", "connect", "admin", "log-file", "server-peers"] {
        assert!(help.contains(&format!("--{option}")), "{option}");
        assert!(manual.replace("\\-", "-").contains(&format!("--{option}")));
        assert!(completions.contains(&format!("--{option}")));
    }
    assert!(help.contains("Examples:"), "{help}");
}

#[test]
fn a_taken_port_is_one_plain_sentence() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for door in ["--listen", "--admin"] {
        let mut args = vec!["-q", door, &address];
        if door == "--admin" {
            args.extend(["--listen", "127.0.0.1:0"]);
        }
        let output = run(&args);
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8(output.stderr).unwrap();
        let advice = "is taken: stop what listens there, or choose another port";
        assert_eq!(
            error,
            format!("crc-server: cannot listen: {address} {advice}\n")
        );
        assert_eq!(output.stdout, b"", "it does not claim to listen");
    }
}

#[test]
fn an_uplink_that_is_not_there_is_one_plain_sentence_and_tried_again() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let server = Server::start(&["--id", "2", "--connect", &address.to_string()]);
    let sentence = format!("cannot link to {address}: connection refused; trying again in ");
    server.logs(&sentence);
    // It serves its clients all the same, and finds the uplink when it is there.
    server.client(101);
    let uplink = TcpListener::bind(address).unwrap();
    let (mut stream, _) = uplink.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).unwrap();
    assert_eq!(frame, *b"\x00\x00\x00\x00\x02\x00\x00\x00\x00");
}

#[test]
fn the_admin_page_shows_what_is_so() {
    let root = Server::start(&["--id", "1", "--name", "root", "--info", "\"the root\""]);
    let connect = root.listening.to_string();
    let leaf = Server::start(&["--id", "2", "--name", "leaf", "--connect", &connect]);
    let client = leaf.client(101);
    let state = root.wait_for("client", |state| {
        state["hosts"].as_array().unwrap().len() == 2
    });
    assert_eq!(state["id"], 1);
    assert_eq!(state["name"], "root");
    assert_eq!(state["info"], "\"the root\"");
    assert_eq!(state["adjacent_servers"], ids(&[2]));
    assert_eq!(state["adjacent_clients"], ids(&[]));
    assert_eq!(
        state["hosts"],
        json!([
            {"id": 2, "kind": "server", "name": "leaf", "info": "", "first_link": 2},
            {"id": 101, "kind": "client", "name": "ann", "info": "", "first_link": 2},
        ])
    );
    assert_eq!(state["status_log"], json!([]));
    assert_eq!(
        (&state["rank"], &state["uplink"]),
        (&json!(0), &Value::Null)
    );
    let state = leaf.wait_for("uplink", |state| state["uplink"] == 1);
    assert_eq!(state["adjacent_servers"], ids(&[1]));
    assert_eq!(state["adjacent_clients"], ids(&[101]));
    drop(client);
    root.wait_for("quit", |state| {
        state["hosts"].as_array().unwrap().len() == 1
    });

    assert!(
        root.ask("GET /healthz HTTP/1.0\r\n\r\n")
            .ends_with("\r\n\r\nok\n")
    );
    let metrics = root.ask("GET /metrics HTTP/1.1\r\n\r\n");
    assert!(
        metrics.contains("\ncrc_hosts{kind=\"server\"} 1\n"),
        "{metrics}"
    );
    assert!(
        metrics.contains("\n# TYPE crc_chats_relayed_total counter\n"),
        "{metrics}"
    );
    assert!(
        root.ask("GET / HTTP/1.1\r\n\r\n")
            .starts_with("HTTP/1.1 404 ")
    );
    assert!(
        root.ask("DELETE /state HTTP/1.1\r\n\r\n")
            .starts_with("HTTP/1.1 405 ")
    );
    assert!(root.ask("nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
}

#[test]
fn a_signal_makes_it_leave_in_good_order() {
    for signal in ["-TERM", "-INT"] {
        let root = Server::start(&["--id", "1"]);
        let connect = root.listening.to_string();
        let mut leaf = Server::start(&["--id", "2", "--connect", &connect]);
        let mut client = leaf.client(101);
        root.wait_for("client", |state| {
            state["hosts"].as_array().unwrap().len() == 2
        });
        leaf.signal(signal);
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"", "an original client hears nothing but the end");
        // It is gone for the root before its connection could have timed out.
        root.wait_for("leaf to leave", |state| state["hosts"] == json!([]));
        root.logs("leaves: \"shutting down\"");
        assert_eq!(leaf.child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn a_bad_peer_costs_one_line_and_nobody_else_anything() {
    let server = Server::start(&["--id", "1"]);
    let mut good = server.client(101);
    let mut bad = server.connect();
    let peer = bad.local_addr().unwrap();
    bad.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut rest = Vec::new();
    bad.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"");
    server.logs(&format!("{peer}: closed: unknown frame type 0x47"));
    let mut chat = vec![0x81, 0, 0, 0, 101, 0, 0, 0, 101, 0, 0, 0, 2];
    chat.extend(b"me");
    good.write_all(&chat).unwrap();
    let mut heard = vec![0; chat.len()];
    good.read_exact(&mut heard).unwrap();
    assert_eq!(heard, chat);
}

#[test]
fn the_log_goes_where_it_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.log");
    let server = Server::start(&["--id", "7", "--log-file", file.to_str().unwrap()]);
    server.client(101);
    server.wait_for("client", |state| state["counters"]["registrations"] == 1);
    // Another thread writes it.
    let end = Instant::now() + PATIENCE;
    loop {
        let log = std::fs::read_to_string(&file).unwrap();
        if log.contains("client 101 \"ann\"") {
            break;
        }
        assert!(Instant::now() < end, "{log}");
        std::thread::yield_now();
    }
    assert!(server.log.try_recv().is_err(), "nothing on standard error");
    let nowhere = folder.path().join("missing/server.log");
    let output = run(&["--log-file", nowhere.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        output
            .stderr
            .starts_with(b"crc-server: cannot write to the log file")
    );
}
