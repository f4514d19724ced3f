//! A bare connection that speaks lines: sends any bytes, good or bad, and keeps
//! all that comes.
//!
//! For tests that play a user or a server of IRC by hand. It answers nothing by
//! itself, not even PING.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::wait::LONG;

/// One end of a connection.
#[derive(Debug)]
pub struct LinePeer {
    stream: TcpStream,
    /// What came and was not taken yet.
    pending: Vec<u8>,
    /// How much of it holds no line's end.
    looked_at: usize,
    ended: bool,
}

impl LinePeer {
    /// Connects to `address`.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn connect(address: SocketAddr) -> io::Result<LinePeer> {
        let stream = TcpStream::connect_timeout(&address, LONG)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(LONG))?;
        Ok(LinePeer {
            stream,
            pending: Vec::new(),
            looked_at: 0,
            ended: false,
        })
    }

    /// Connects, sends `first`, and takes what comes up to a line that holds
    /// `welcome`.
    ///
    /// # Errors
    ///
    /// What the system says, or [`io::ErrorKind::TimedOut`] without that line.
    pub fn registered(address: SocketAddr, first: &str, welcome: &str) -> io::Result<LinePeer> {
        let mut peer = LinePeer::connect(address)?;
        peer.say(first)?;
        loop {
            match peer.next_line(LONG)? {
                Some(line) if line.contains(welcome) => return Ok(peer),
                Some(_) => {}
                None => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
    }

    /// A user of ordinary IRC, who has read all of its welcome.
    ///
    /// # Errors
    ///
    /// See [`registered`](Self::registered).
    pub fn irc_user(address: SocketAddr, nick: &str) -> io::Result<LinePeer> {
        let first = format!("NICK {nick}\r\nUSER {nick} 0 * :Real {nick}");
        // The end of the message of the day, or that there is none.
        let mut peer = LinePeer::registered(address, &first, " 001 ")?;
        loop {
            match peer.next_line(LONG)? {
                Some(line) if line.contains(" 422 ") || line.contains(" 376 ") => return Ok(peer),
                Some(_) => {}
                None => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
    }

    /// A user of the stripped IRC.
    ///
    /// # Errors
    ///
    /// See [`registered`](Self::registered).
    pub fn legacy_user(address: SocketAddr, nick: &str) -> io::Result<LinePeer> {
        let first = format!("USER {nick} {nick}.test house :Real {nick}");
        LinePeer::registered(address, &first, " 001 ")
    }

    /// A server of the stripped IRC, to which the other end has said its name.
    ///
    /// # Errors
    ///
    /// See [`registered`](Self::registered).
    pub fn legacy_server(address: SocketAddr, name: &str) -> io::Result<LinePeer> {
        let first = format!("SERVER {name} 1 :The house of {name}");
        LinePeer::registered(address, &first, " SERVER ")
    }

    /// The address of this end, which is what the other one logs.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// Sends bytes.
    ///
    /// # Errors
    ///
    /// What the system says, for instance because the other end has gone.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends a line, whose end is put behind it.
    ///
    /// # Errors
    ///
    /// See [`send`](Self::send).
    pub fn say(&mut self, line: &str) -> io::Result<()> {
        self.send(format!("{line}\r\n").as_bytes())
    }

    /// Says that nothing more will come from this end.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn finish(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// Reads what there is until `deadline`; whether anything came.
    fn read_more(&mut self, deadline: Instant) -> io::Result<bool> {
        let left = deadline.saturating_duration_since(Instant::now());
        if self.ended || left.is_zero() {
            return Ok(false);
        }
        self.stream.set_read_timeout(Some(left))?;
        let mut buffer = [0; 65536];
        match self.stream.read(&mut buffer) {
            Ok(0) => {
                self.ended = true;
                Ok(false)
            }
            Ok(count) => {
                self.pending.extend(&buffer[..count]);
                Ok(true)
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Ok(false),
                io::ErrorKind::Interrupted => Ok(true),
                io::ErrorKind::ConnectionReset => {
                    self.ended = true;
                    Ok(false)
                }
                _ => Err(error),
            },
        }
    }

    /// The next line without its end; `None` when none comes within `bound`, or
    /// the other end has finished.
    ///
    /// # Errors
    ///
    /// What the system says, or [`io::ErrorKind::InvalidData`] for a line that
    /// does not end in CR LF, or holds NUL or CR.
    pub fn next_line(&mut self, bound: Duration) -> io::Result<Option<String>> {
        let deadline = Instant::now() + bound;
        loop {
            let new = &self.pending[self.looked_at..];
            if let Some(end) = new.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=self.looked_at + end).collect();
                self.looked_at = 0;
                let line = line.strip_suffix(b"\r\n").filter(|line| {
                    let bad = |byte| matches!(byte, 0 | b'\r' | b'\n');
                    !line.iter().copied().any(bad)
                });
                let line = line.ok_or(io::ErrorKind::InvalidData)?;
                return Ok(Some(String::from_utf8_lossy(line).into_owned()));
            }
            self.looked_at = self.pending.len();
            if !self.read_more(deadline)? {
                return Ok(None);
            }
        }
    }

    /// Takes lines up to one that holds `words`, and returns that one.
    ///
    /// # Panics
    ///
    /// When none comes in time.
    #[track_caller]
    pub fn expect(&mut self, words: &str) -> String {
        let mut others = Vec::new();
        loop {
            match self.next_line(LONG) {
                Ok(Some(line)) if line.contains(words) => return line,
                Ok(Some(line)) => others.push(line),
                other => panic!("waited for {words:?}, got {other:?} after {others:#?}"),
            }
        }
    }

    /// Takes lines up to something that is said, and returns the line.
    ///
    /// # Panics
    ///
    /// When nothing is said in time.
    #[track_caller]
    pub fn expect_said(&mut self) -> String {
        self.expect(" PRIVMSG ")
    }

    /// All lines until the other end finishes. A reset counts as an end.
    ///
    /// # Panics
    ///
    /// When it does not finish in time, or in the middle of a line.
    #[track_caller]
    pub fn expect_end(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.next_line(LONG) {
                Ok(Some(line)) => lines.push(line),
                Ok(None) if self.ended => break,
                other => panic!("waited for the end, got {other:?} after {lines:#?}"),
            }
        }
        let rest = String::from_utf8_lossy(&self.pending);
        assert!(
            rest.is_empty(),
            "it ended in the middle of a line: {rest:?}"
        );
        lines
    }

    /// Whether nothing at all comes within `span`, not even the end.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn is_silent(&mut self, span: Duration) -> io::Result<bool> {
        let came = self.read_more(Instant::now() + span)?;
        Ok(!came && !self.ended && self.pending.is_empty())
    }
}
