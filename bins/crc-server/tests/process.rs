//! The server as a process: output, exit status, signals, admin page, log.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

const TIMEOUT: Duration = Duration::from_secs(20);
/// Between two looks at what the server may not have done yet, which leave it the processor.
const PAUSE: Duration = Duration::from_millis(10);

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
            .args(["--register-within", "600"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = |prefix: &str| {
            let line = lines.next().unwrap().unwrap();
            line.strip_prefix(prefix).unwrap().parse().unwrap()
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

    /// Waits for a log line that contains `text`.
    fn wait_for_log(&self, text: &str) -> String {
        let end = Instant::now() + TIMEOUT;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.log.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("no log line with {text:?}"));
            if line.contains(text) {
                return line;
            }
        }
    }

    fn request(&self, request: &str) -> String {
        loop {
            let mut stream = TcpStream::connect(self.admin).unwrap();
            stream.set_read_timeout(Some(TIMEOUT)).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut response = String::new();
            stream.read_to_string(&mut response).unwrap();
            // A test that gets no processor for 5 s is late with its request.
            if !response.starts_with("HTTP/1.1 408 ") {
                return response;
            }
        }
    }

    fn state(&self) -> Value {
        let response = self.request("GET /state HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
        assert!(head.contains("application/json"), "{head}");
        serde_json::from_str(body).unwrap()
    }

    /// Waits until `/state` satisfies the condition.
    fn wait_for_state(&self, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + TIMEOUT;
        loop {
            let state = self.state();
            if condition(&state) {
                return state;
            }
            assert!(Instant::now() < end, "no {what}: {state}");
            std::thread::sleep(PAUSE);
        }
    }

    fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        kill.args([name, &self.child.id().to_string()]);
        assert!(kill.status().unwrap().success());
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.listening).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream
    }

    /// A connection of a registered client.
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
fn an_invalid_command_line_exits_with_2_and_an_error() {
    let name = "n".repeat(65);
    for (args, message) in [
        (["--id", "0"], "an id is a number from 1 to 4294967295"),
        (
            ["--name", &name],
            "the name has 65 bytes where at most 64 are allowed",
        ),
        (["--connect", "nowhere"], "an address looks like HOST:PORT"),
        (["--listen", "x"], "expected ADDRESS:PORT"),
        (["--server-peers", "x"], "a network looks like 192.0.2.0/24"),
    ] {
        let output = run(&args);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn help_manual_and_completions_list_the_options() {
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
fn a_port_in_use_is_a_one_line_error() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    for option in ["--listen", "--admin"] {
        let mut args = vec!["-q", option, &address];
        if option == "--admin" {
            args.extend(["--listen", "127.0.0.1:0"]);
        }
        let output = run(&args);
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8(output.stderr).unwrap();
        let advice =
            "is already in use: stop the program that listens there, or choose another port";
        assert_eq!(
            error,
            format!("crc-server: cannot listen: {address} {advice}\n")
        );
        assert_eq!(output.stdout, b"", "no listening line");
    }
}

#[test]
fn an_unreachable_uplink_is_logged_and_retried() {
    // A socket that is bound and does not listen refuses connections, and no other one gets its port.
    let uplink = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    uplink.bind(&any.into()).unwrap();
    let address = uplink.local_addr().unwrap().as_socket().unwrap();
    let server = Server::start(&["--id", "2", "--connect", &address.to_string()]);
    let message = format!("cannot link to {address}: connection refused; retrying in ");
    server.wait_for_log(&message);
    // It serves clients meanwhile, and links as soon as the uplink listens.
    server.client(101);
    uplink.listen(1).unwrap();
    let (mut stream, _) = TcpListener::from(uplink).accept().unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).unwrap();
    assert_eq!(frame, *b"\x00\x00\x00\x00\x02\x00\x00\x00\x00");
}

#[test]
fn the_admin_page_shows_the_servers_state() {
    let root = Server::start(&["--id", "1", "--name", "root", "--info", "\"the root\""]);
    let connect = root.listening.to_string();
    let leaf = Server::start(&["--id", "2", "--name", "leaf", "--connect", &connect]);
    let client = leaf.client(101);
    let state = root.wait_for_state("client", |state| {
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
    let state = leaf.wait_for_state("uplink", |state| state["uplink"] == 1);
    assert_eq!(state["adjacent_servers"], ids(&[1]));
    assert_eq!(state["adjacent_clients"], ids(&[101]));
    drop(client);
    root.wait_for_state("quit", |state| {
        state["hosts"].as_array().unwrap().len() == 1
    });

    assert!(
        root.request("GET /healthz HTTP/1.0\r\n\r\n")
            .ends_with("\r\n\r\nok\n")
    );
    let metrics = root.request("GET /metrics HTTP/1.1\r\n\r\n");
    assert!(
        metrics.contains("\ncrc_hosts{kind=\"server\"} 1\n"),
        "{metrics}"
    );
    assert!(
        metrics.contains("\n# TYPE crc_chats_relayed_total counter\n"),
        "{metrics}"
    );
    assert!(
        root.request("GET / HTTP/1.1\r\n\r\n")
            .starts_with("HTTP/1.1 404 ")
    );
    assert!(
        root.request("DELETE /state HTTP/1.1\r\n\r\n")
            .starts_with("HTTP/1.1 405 ")
    );
    assert!(
        root.request("nonsense\r\n\r\n")
            .starts_with("HTTP/1.1 400 ")
    );
}

#[test]
fn a_signal_shuts_the_server_down_gracefully() {
    for signal in ["-TERM", "-INT"] {
        let root = Server::start(&["--id", "1"]);
        let connect = root.listening.to_string();
        let mut leaf = Server::start(&["--id", "2", "--connect", &connect]);
        let mut client = leaf.client(101);
        root.wait_for_state("client", |state| {
            state["hosts"].as_array().unwrap().len() == 2
        });
        leaf.signal(signal);
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        assert_eq!(
            rest, b"",
            "a v1 client receives only the end of the connection"
        );
        // The root removes it at once, not after a timeout.
        root.wait_for_state("leaf to leave", |state| state["hosts"] == json!([]));
        root.wait_for_log("leaves: \"shutting down\"");
        assert_eq!(leaf.child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn an_invalid_frame_closes_only_its_own_link() {
    let server = Server::start(&["--id", "1"]);
    let mut good = server.client(101);
    let mut bad = server.connect();
    let peer = bad.local_addr().unwrap();
    bad.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut rest = Vec::new();
    bad.read_to_end(&mut rest).unwrap();
    assert!(rest.starts_with(b"HTTP/1.1 400 Bad Request\r\n"));
    server.wait_for_log(&format!("{peer}: closed: peer speaks HTTP: "));
    let mut chat = vec![0x81, 0, 0, 0, 101, 0, 0, 0, 101, 0, 0, 0, 2];
    chat.extend(b"me");
    good.write_all(&chat).unwrap();
    let mut received = vec![0; chat.len()];
    good.read_exact(&mut received).unwrap();
    assert_eq!(received, chat);
}

#[test]
fn the_log_goes_to_the_log_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.log");
    let server = Server::start(&["--id", "7", "--log-file", file.to_str().unwrap()]);
    server.client(101);
    server.wait_for_state("client", |state| state["counters"]["registrations"] == 1);
    // A thread writes the log, so the line may come later.
    let end = Instant::now() + TIMEOUT;
    loop {
        let log = std::fs::read_to_string(&file).unwrap();
        if log.contains("client 101 \"ann\"") {
            break;
        }
        assert!(Instant::now() < end, "{log}");
        std::thread::sleep(PAUSE);
    }
    assert!(server.log.try_recv().is_err(), "nothing on standard error");
    let nowhere = folder.path().join("missing/server.log");
    let output = run(&["--log-file", nowhere.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        output
            .stderr
            .starts_with(b"crc-server: cannot open the log file")
    );
}

#[test]
fn a_hangup_reopens_the_log_and_the_server_carries_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.log");
    let moved = folder.path().join("server.log.1");
    let server = Server::start(&["--id", "7", "--log-file", file.to_str().unwrap()]);
    let client = server.client(101);
    let end = Instant::now() + TIMEOUT;
    // A thread writes the log.
    while !std::fs::read_to_string(&file).is_ok_and(|log| log.contains("client 101 \"ann\"")) {
        assert!(Instant::now() < end, "no line about the client");
        std::thread::sleep(PAUSE);
    }
    std::fs::rename(&file, &moved).unwrap();
    server.signal("-HUP");
    while !std::fs::read_to_string(&file).is_ok_and(|log| log.contains("log file reopened")) {
        assert!(Instant::now() < end, "no new log file");
        std::thread::sleep(PAUSE);
    }
    let before = std::fs::read_to_string(&moved).unwrap();
    assert!(
        before.contains("started") && !before.contains("reopened"),
        "{before}"
    );
    // The client is still linked.
    assert_eq!(server.state()["adjacent_clients"], ids(&[101]));
    drop(client);

    // Without a log file there is nothing to reopen, which is no event.
    let server = Server::start(&[]);
    server.signal("-HUP");
    loop {
        let line = server.log.recv_timeout(TIMEOUT).unwrap();
        assert!(!line.contains("reopen"), "{line}");
        if line.contains("files reloaded: nothing has changed") {
            break;
        }
    }
    server.state();
}
