//! Users of IRC at real servers: over sockets, from the first word to the last.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

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
            .args(args)
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = |words: &str| {
            let line = lines.next().unwrap().unwrap();
            line.strip_prefix(words).unwrap().to_owned()
        };
        Server {
            listening: address("listening on "),
            irc: address("irc on "),
            child,
        }
    }

    fn user(&self, nick: &str) -> User {
        let stream = TcpStream::connect(&self.irc).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut user = User(BufReader::new(stream));
        user.say(&format!("NICK {nick}\r\nUSER {nick} 0 * :{nick}"));
        user.hear(" 001 ");
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
    fn say(&mut self, line: &str) {
        let line = format!("{line}\r\n");
        self.0.get_mut().write_all(line.as_bytes()).unwrap();
    }

    /// The next line with these words in it.
    fn hear(&mut self, words: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.0.read_line(&mut line).unwrap();
            assert!(read > 0, "the link has ended before {words:?}");
            if line.contains(words) {
                return line;
            }
        }
    }

    /// Reads to the end of the link.
    fn end(&mut self) {
        self.0.read_to_string(&mut String::new()).unwrap();
    }
}

#[test]
fn users_of_two_servers_meet_in_a_channel() {
    let motd = format!("{}/tests/motd.txt", env!("CARGO_MANIFEST_DIR"));
    let mut reef = Server::start(&["--name", "reef", "--motd", &motd]);
    let atoll = Server::start(&["--name", "atoll", "--connect", &reef.listening]);
    let (mut ann, mut bob) = (reef.user("ann"), atoll.user("bob"));
    assert!(
        ann.hear(" 372 ")
            .ends_with(" 372 ann :- Low tide at noon.\r\n")
    );
    ann.say("JOIN #reef");
    ann.hear(" 366 ");
    // Both must have heard of each other.
    while {
        bob.say("NAMES #reef");
        !bob.hear("#reef").contains(" 353 ")
    } {}
    bob.say("JOIN #reef");
    assert!(ann.hear(" JOIN ").starts_with(":bob!bob@"));
    ann.say("PRIVMSG #reef :Anybody out there?");
    let heard = bob.hear(" PRIVMSG ");
    assert!(heard.starts_with(":ann!ann@") && heard.ends_with(" #reef :Anybody out there?\r\n"));
    bob.say("PRIVMSG ann :Me");
    assert!(ann.hear(" PRIVMSG ").ends_with(" ann :Me\r\n"));
    bob.say("QUIT :so long");
    assert_eq!(
        bob.hear("ERROR"),
        "ERROR :Closing Link: bob (Quit: so long)\r\n"
    );
    bob.end();
    assert!(ann.hear(" QUIT ").ends_with(" QUIT :so long\r\n"));
    let mut kill = Command::new("kill");
    kill.arg(reef.child.id().to_string());
    assert!(kill.status().unwrap().success());
    ann.hear(" NOTICE ann :Server leaving: ");
    ann.hear("ERROR :Closing Link: ann ");
    ann.end();
    assert!(reef.child.wait().unwrap().success());
}
