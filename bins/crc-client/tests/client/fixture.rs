//! A scripted server, and the client as a process. Every wait has a limit; nothing
//! sleeps.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The limit of every wait, far longer than any step takes.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

/// The registration of the client with id 101, name "bob" and info "the builder".
pub(crate) const REGISTRATION: &[u8] =
    b"\x80\x00\x00\x00\x65\x00\x00\x00\x00\x03\x00\x0bbobthe builder";
/// The same with its announcement.
pub(crate) const ANNOUNCEMENT: &[u8] =
    b"\x80\x00\x00\x00\x65\x00\x00\x00\x00\x03\x00\x3fbobthe builder [crc2;f=channels,notices,servers,utf8-names,people]";
pub(crate) const WELCOME: &[u8] =
    b"\x01\x00\x00\x00\x01\x00\x00\x00\x65\x00\x00\x00\x00\x00\x0aWelcome in";
/// The answer of a v2 server to an announcement.
pub(crate) const FEATURES: &[u8] =
    b"\x01\x00\x00\x00\x01\x00\x00\x00\x65\x01\x00\x00\x00\x00\x16crc-caps 1 server-quit";
pub(crate) const FEATURES_LEN: usize = 22;
/// The answer of a v1 server to an announcement, and the refusal of a registration.
pub(crate) const TAKEN: &[u8] =
    b"\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x02\x00\x00\x00\x2bSomeone has already registered with ID 101.";
/// A client called "alice", with id 7 and info "tea".
pub(crate) const ALICE: &[u8] = b"\x80\x00\x00\x00\x07\x00\x00\x00\x01\x05\x00\x03alicetea";
/// The quit of client 101 without a message.
pub(crate) const QUIT: &[u8] = b"\x82\x00\x00\x00\x65\x00\x00\x00\x00";

/// The answer of a server that takes commands of operators, to an announcement.
const COMMANDS: &[u8] =
    b"\x01\x00\x00\x00\x01\x00\x00\x00\x65\x01\x00\x00\x00\x00\x0fcrc-caps 1 oper";
/// What client 101 sends to become the operator ann.
pub(crate) const OPER: &[u8] =
    b"\x87\x00\x00\x00\x65\x00\x00\x00\x00\x09\x00\x00\x00\x00\x0eOPER ann :kelp";
/// The answer of the server.
pub(crate) const NOTE: &[u8] = b"\x01\x00\x00\x00\x01\x00\x00\x00\x65\x01\x08\x00\x00\x00\x05right";

/// A chat from client 101.
pub(crate) fn sent_chat(to: u8, text: &str) -> Vec<u8> {
    chat(101, to, text)
}

pub(crate) fn chat(from: u8, to: u8, text: &str) -> Vec<u8> {
    let len = u32::try_from(text.len()).unwrap().to_be_bytes();
    let head = [0x81, 0, 0, 0, from, 0, 0, 0, to];
    [&head, &len[..], text.as_bytes()].concat()
}

pub(crate) fn registration(id: u8, name: &str, info: &str) -> Vec<u8> {
    let name_len = u8::try_from(name.len()).unwrap();
    let info_len = u16::try_from(info.len()).unwrap().to_be_bytes();
    let head = [
        0x80,
        0,
        0,
        0,
        id,
        0,
        0,
        0,
        1,
        name_len,
        info_len[0],
        info_len[1],
    ];
    [&head, name.as_bytes(), info.as_bytes()].concat()
}

pub(crate) fn unknown_id(id: u8) -> Vec<u8> {
    let text = format!("Unknown ID {id}");
    let len = u8::try_from(text.len()).unwrap();
    let head = [1, 0, 0, 0, 1, 0, 0, 0, 101, 0, 1, 0, 0, 0, len];
    [&head, text.as_bytes()].concat()
}

/// A server that only does what the test calls.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    connections: Receiver<TcpStream>,
}

/// The server's end of a connection.
pub(crate) struct Link(TcpStream);

impl Server {
    pub(crate) fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, connections) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stream.map(|stream| sender.send(stream)).is_err() {
                    return;
                }
            }
        });
        Server {
            address,
            connections,
        }
    }

    pub(crate) fn accept(&self) -> Link {
        let stream = self
            .connections
            .recv_timeout(TIMEOUT)
            .expect("a connection");
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.set_nodelay(true).unwrap();
        Link(stream)
    }

    /// Accepts the registration of client 101, as a v2 server.
    pub(crate) fn welcome(&self) -> Link {
        self.welcome_with(&[FEATURES])
    }

    /// Accepts the registration of client 101, as a server with the features of `frames`. They
    /// come with the welcome, so no limit of time is in play, neither for the answer to the
    /// announcement nor for a name to appear.
    pub(crate) fn welcome_with(&self, frames: &[&[u8]]) -> Link {
        let mut link = self.accept();
        link.expect(REGISTRATION);
        link.send(&[WELCOME, &frames.concat()].concat());
        link.expect(ANNOUNCEMENT);
        link
    }
}

/// Accepts the registration of client 101, as a server that takes commands of operators.
pub(crate) fn welcome_with_commands(server: &Server) -> Link {
    server.welcome_with(&[COMMANDS])
}

impl Link {
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// Reads the next bytes, which are these.
    #[track_caller]
    pub(crate) fn expect(&mut self, bytes: &[u8]) {
        let mut read = vec![0; bytes.len()];
        self.0.read_exact(&mut read).unwrap();
        assert_eq!(
            read.escape_ascii().to_string(),
            bytes.escape_ascii().to_string()
        );
    }

    /// No byte waits to be read.
    #[track_caller]
    pub(crate) fn expect_nothing_yet(&mut self) {
        self.0.set_nonblocking(true).unwrap();
        let error = self.0.peek(&mut [0]).expect_err("nothing to read");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        self.0.set_nonblocking(false).unwrap();
    }

    /// The client closes the connection and sends nothing before.
    #[track_caller]
    pub(crate) fn expect_end(mut self) {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).unwrap();
        assert_eq!(rest.escape_ascii().to_string(), "");
    }
}

/// The client as a process. Dropping it kills the process.
pub(crate) struct Client {
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<String>,
    errors: Option<JoinHandle<String>>,
}

/// The arguments of a client for `server` with the id 101.
pub(crate) fn bobs_args(server: &Server) -> [String; 8] {
    let address = server.address.to_string();
    let args = [
        "--server",
        &address,
        "--id",
        "101",
        "--name",
        "bob",
        "--info",
        "the builder",
    ];
    args.map(str::to_owned)
}

/// A client for `server` with the id 101.
pub(crate) fn bob(server: &Server, args: &[&str]) -> Client {
    let bobs = bobs_args(server);
    let all: Vec<&str> = bobs
        .iter()
        .map(String::as_str)
        .chain(args.iter().copied())
        .collect();
    Client::start(&all)
}

pub(crate) fn command<S: AsRef<OsStr>>(args: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crc-client"));
    command
        .args(args)
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env_remove("RUST_LOG")
        .env_remove("NO_COLOR");
    command
}

impl Client {
    pub(crate) fn start(args: &[&str]) -> Client {
        let mut client = Client::start_unread(args);
        let (sender, output) = channel();
        let lines = BufReader::new(client.take_output()).lines();
        thread::spawn(move || {
            for line in lines {
                if sender.send(line.unwrap()).is_err() {
                    return;
                }
            }
        });
        client.output = output;
        client
    }

    /// A client whose output the test reads itself.
    pub(crate) fn start_unread<S: AsRef<OsStr>>(args: &[S]) -> Client {
        let mut child = command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = child.stderr.take().unwrap();
        let errors = thread::spawn(move || {
            let mut text = String::new();
            errors.read_to_string(&mut text).unwrap();
            text
        });
        Client {
            input: child.stdin.take(),
            output: channel().1,
            errors: Some(errors),
            child,
        }
    }

    pub(crate) fn take_output(&mut self) -> ChildStdout {
        self.child.stdout.take().unwrap()
    }

    pub(crate) fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    pub(crate) fn write(&mut self, lines: impl AsRef<[u8]>) {
        let input = self.input.as_mut().unwrap();
        input.write_all(lines.as_ref()).unwrap();
        input.flush().unwrap();
    }

    pub(crate) fn end_input(&mut self) {
        self.input = None;
    }

    /// Reads the next line of standard output.
    #[track_caller]
    pub(crate) fn line(&self) -> String {
        without_time(self.output.recv_timeout(TIMEOUT).expect("a line"))
    }

    /// Reads the next lines of standard output, which are these.
    #[track_caller]
    pub(crate) fn expect(&self, lines: &[&str]) {
        for line in lines {
            assert_eq!(self.line(), *line);
        }
    }

    /// Waits for the exit; returns the exit code, the rest of standard output, and all
    /// of standard error.
    #[track_caller]
    pub(crate) fn finish(mut self) -> (Option<i32>, Vec<String>, String) {
        let mut rest = Vec::new();
        loop {
            match self.output.recv_timeout(TIMEOUT) {
                Ok(line) => rest.push(without_time(line)),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("the client does not exit: {rest:?}"),
            }
        }
        let errors = self.errors.take().unwrap().join().unwrap();
        let code = self.child.wait().unwrap().code();
        (code, rest, errors)
    }
}

/// A line of JSON without its time, which is the time of an event; any other line as it is.
#[track_caller]
pub(crate) fn without_time(line: String) -> String {
    if !line.starts_with("{\"event\":") {
        return line;
    }
    let (before, rest) = line.split_once(",\"time\":\"").expect("a time");
    let (time, after) = rest.split_once('"').expect("a quote");
    let shape: String = time
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000Z", "{line}");
    format!("{before}{after}")
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
