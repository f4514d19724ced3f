//! IRC clients at real servers, over sockets, from registration to shutdown.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(20);

/// A running server that ends with the test.
struct Server {
    child: Child,
    listening: String,
    irc: String,
}

impl Server {
    fn start(args: &[&str]) -> Server {
        let mut child = Command::new(env!("CARGO_BIN_EXE_crc-server"))
            .args(["--listen", "127.0.0.1:0", "--irc", "127.0.0.1:0", "-qq"])
            .args(["--register-within", "600"])
            .args(args)
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = |prefix: &str| {
            let line = lines.next().unwrap().unwrap();
            line.strip_prefix(prefix).unwrap().to_owned()
        };
        Server {
            listening: address("listening on "),
            irc: address("irc on "),
            child,
        }
    }

    fn user(&self, nick: &str) -> User {
        let stream = TcpStream::connect(&self.irc).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        let mut user = User(BufReader::new(stream));
        user.send(&format!("NICK {nick}\r\nUSER {nick} 0 * :{nick}"));
        user.receive(" 001 ");
        user
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct User(BufReader<TcpStream>);

impl User {
    fn send(&mut self, line: &str) {
        let line = format!("{line}\r\n");
        self.0.get_mut().write_all(line.as_bytes()).unwrap();
    }

    /// The next line that contains `text`.
    fn receive(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.0.read_line(&mut line).unwrap();
            assert!(read > 0, "the link ended before {text:?}");
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Reads until the server closes the link.
    fn wait_for_close(&mut self) {
        self.0.read_to_string(&mut String::new()).unwrap();
    }
}

#[test]
fn irc_clients_of_two_servers_share_a_channel() {
    let motd = format!("{}/tests/motd.txt", env!("CARGO_MANIFEST_DIR"));
    let mut reef = Server::start(&["--name", "reef", "--motd", &motd]);
    let atoll = Server::start(&["--name", "atoll", "--connect", &reef.listening]);
    let (mut ann, mut bob) = (reef.user("ann"), atoll.user("bob"));
    assert!(
        ann.receive(" 372 ")
            .ends_with(" 372 ann :- Low tide at noon.\r\n")
    );
    ann.send("JOIN #reef");
    ann.receive(" 366 ");
    // Bob's server must know Ann's channel.
    while {
        bob.send("NAMES #reef");
        !bob.receive("#reef").contains(" 353 ")
    } {}
    bob.send("JOIN #reef");
    assert!(ann.receive(" JOIN ").starts_with(":bob!~bob@"));
    ann.send("PRIVMSG #reef :Anybody out there?");
    let message = bob.receive(" PRIVMSG ");
    assert!(
        message.starts_with(":ann!~ann@") && message.ends_with(" #reef :Anybody out there?\r\n")
    );
    bob.send("PRIVMSG ann :Me");
    assert!(ann.receive(" PRIVMSG ").ends_with(" ann :Me\r\n"));
    bob.send("QUIT :so long");
    assert_eq!(
        bob.receive("ERROR"),
        "ERROR :Closing Link: bob (Quit: so long)\r\n"
    );
    bob.wait_for_close();
    assert!(ann.receive(" QUIT ").ends_with(" QUIT :Quit: so long\r\n"));
    let mut kill = Command::new("kill");
    kill.arg(reef.child.id().to_string());
    assert!(kill.status().unwrap().success());
    ann.receive(" NOTICE ann :Server leaving: ");
    ann.receive("ERROR :Closing Link: ann ");
    ann.wait_for_close();
    assert!(reef.child.wait().unwrap().success());
}
