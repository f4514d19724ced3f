//! One hostile connection: what the attacker does, and what the server must do.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::client_pair;
use super::rng::SplitMix64;
use crate::fixture::wire;

/// How long a server may take to close a connection that violates the protocol.
const CLOSE_LIMIT: Duration = Duration::from_secs(20);

/// What an attacker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attack {
    /// Resets the connection at once.
    Reset,
    /// Finishes without sending.
    Silence,
    /// Sends random bytes.
    RandomBytes,
    /// Sends an HTTP request.
    Http,
    /// Starts a frame of 4 GiB.
    HugeFrame,
    /// Sends a part of a registration, and stays connected.
    HalfRegistration,
    /// Sends the start of a registration byte by byte.
    SlowRegistration,
    /// Registers with control characters in its name.
    InvalidName,
    /// Registers with an id in use.
    IdInUse,
    /// Registers and sends a chat with the id of another client.
    ForgedSource,
    /// Registers and sends a text above the limit.
    TooLongText,
    /// Registers and repeats the registration too often.
    RepeatedRegistration,
    /// Registers and quits, as a regular client does.
    RegisterAndQuit,
    /// Registers and resets the connection.
    RegisterAndReset,
    /// Registers, sends many chats to itself, never reads, and stays connected.
    NeverRead,
    /// Registers as a server, announces hosts and closes.
    FalseServer,
    /// Registers as a server and sends frames with the ids of other hosts.
    ForgingServer,
}

impl Attack {
    /// All attacks.
    pub const ALL: [Attack; 17] = [
        Attack::Reset,
        Attack::Silence,
        Attack::RandomBytes,
        Attack::Http,
        Attack::HugeFrame,
        Attack::HalfRegistration,
        Attack::SlowRegistration,
        Attack::InvalidName,
        Attack::IdInUse,
        Attack::ForgedSource,
        Attack::TooLongText,
        Attack::RepeatedRegistration,
        Attack::RegisterAndQuit,
        Attack::RegisterAndReset,
        Attack::NeverRead,
        Attack::FalseServer,
        Attack::ForgingServer,
    ];
}

/// The outcome of a hostile connection.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The connection is closed.
    Closed,
    /// The connection stays open and sends nothing more.
    Open(TcpStream),
    /// The server has not closed the connection in time.
    NotClosed,
}

/// Connects to `server` and executes the attack. It binds a random loopback address,
/// so that there are enough ports, and closes with a reset, so that no connection
/// stays in TIME_WAIT.
///
/// # Errors
///
/// The I/O error of the connection attempt. Later errors are no errors: the server
/// may close.
pub(super) fn attack(
    server: SocketAddr,
    attack: Attack,
    rng: &mut SplitMix64,
) -> io::Result<Outcome> {
    let stream = connect(server, rng)?;
    Ok(execute(stream, attack, rng).unwrap_or(Outcome::Closed))
}

fn connect(server: SocketAddr, rng: &mut SplitMix64) -> io::Result<TcpStream> {
    let from = Ipv4Addr::new(
        127,
        rng.byte(),
        rng.byte(),
        rng.byte().clamp(1, u8::MAX - 1),
    );
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.set_linger(Some(Duration::ZERO))?;
    socket.set_tcp_nodelay(true)?;
    socket.connect_timeout(&server.into(), CLOSE_LIMIT)?;
    socket.set_read_timeout(Some(CLOSE_LIMIT))?;
    socket.set_write_timeout(Some(CLOSE_LIMIT))?;
    Ok(socket.into())
}

/// A random id, which is rarely in use.
fn any_id(rng: &mut SplitMix64) -> u32 {
    u32::try_from(rng.within(1, 3_999_999_999)).expect("the range is below the ids of the pair")
}

fn execute(mut stream: TcpStream, attack: Attack, rng: &mut SplitMix64) -> io::Result<Outcome> {
    let id = any_id(rng);
    let victim = client_pair::IDS[0];
    let info = "i".repeat(usize::from(rng.byte()) * 2);
    let registration = wire::client_registration(id, 0, "hostile", &info);
    let server_registration = wire::server_registration(id, 0, "hostile", &info);
    match attack {
        Attack::Reset => {}
        Attack::Silence => {
            stream.shutdown(Shutdown::Write)?;
            return read_until_closed(stream);
        }
        Attack::RandomBytes => {
            let count = rng.within(1, 3000);
            let bytes: Vec<u8> = (0..count).map(|_| rng.byte()).collect();
            stream.write_all(&bytes)?;
            // The bytes may be the start of a frame.
            stream.shutdown(Shutdown::Write)?;
            return read_until_closed(stream);
        }
        Attack::Http => {
            stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
            return read_until_closed(stream);
        }
        Attack::HugeFrame => {
            let mut chat = wire::chat(id, victim, "");
            chat[9..].fill(0xff);
            stream.write_all(&chat)?;
            return read_until_closed(stream);
        }
        Attack::HalfRegistration => {
            let end = rng.within(1, registration.len() as u64 - 1);
            let end = usize::try_from(end).unwrap_or(1);
            stream.write_all(&registration[..end])?;
            return Ok(Outcome::Open(stream));
        }
        Attack::SlowRegistration => {
            for byte in &registration[..12] {
                stream.write_all(&[*byte])?;
            }
        }
        Attack::InvalidName => {
            let name = "host\x1b[2Jile\n";
            stream.write_all(&wire::client_registration(id, 0, name, &info))?;
            return read_until_closed(stream);
        }
        Attack::IdInUse => {
            stream.write_all(&wire::client_registration(victim, 0, "hostile", &info))?;
            return read_until_closed(stream);
        }
        Attack::ForgedSource => {
            stream.write_all(&registration)?;
            stream.write_all(&wire::chat(client_pair::IDS[1], victim, "forged"))?;
            return read_until_closed(stream);
        }
        Attack::TooLongText => {
            stream.write_all(&registration)?;
            let mut chat = wire::chat(id, victim, "");
            chat[9..].copy_from_slice(&65_537_u32.to_be_bytes());
            stream.write_all(&chat)?;
            return read_until_closed(stream);
        }
        Attack::RepeatedRegistration => {
            stream.write_all(&registration)?;
            stream.write_all(&registration.repeat(500))?;
            return read_until_closed(stream);
        }
        Attack::RegisterAndQuit => {
            stream.write_all(&registration)?;
            stream.write_all(&wire::quit(id, "bye"))?;
            return read_until_closed(stream);
        }
        Attack::RegisterAndReset => {
            stream.write_all(&registration)?;
            stream.read_exact(&mut [0; 15])?;
        }
        Attack::NeverRead => {
            stream.write_all(&registration)?;
            let chat = wire::chat(id, id, &"x".repeat(900));
            stream.write_all(&chat.repeat(40))?;
            return Ok(Outcome::Open(stream));
        }
        Attack::FalseServer => {
            stream.write_all(&server_registration)?;
            stream.read_exact(&mut [0; 12])?;
            let count = rng.within(1, 20);
            for _ in 0..count {
                let host = match rng.below(2) {
                    0 => wire::server_registration(any_id(rng), id, "ghost\x1b[31m", ""),
                    _ => wire::client_registration(any_id(rng), id, "ghost\x1b[31m", ""),
                };
                stream.write_all(&host)?;
            }
        }
        Attack::ForgingServer => {
            stream.write_all(&server_registration)?;
            for forged in [
                wire::quit(victim, "forged"),
                wire::chat(victim, client_pair::IDS[1], "forged"),
                wire::status(victim, client_pair::IDS[1], 0x102, "forged"),
                wire::client_registration(victim, id, "good", "forged"),
                wire::server_quit(victim, 0, "forged"),
            ] {
                stream.write_all(&forged)?;
            }
            // A byte that starts no frame makes the server close the connection.
            stream.write_all(&[0x55])?;
            return read_until_closed(stream);
        }
    }
    Ok(Outcome::Closed)
}

/// Reads until the server closes the connection.
fn read_until_closed(mut stream: TcpStream) -> io::Result<Outcome> {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(Outcome::Closed),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Ok(Outcome::NotClosed);
            }
            Err(_) => return Ok(Outcome::Closed),
        }
    }
}
