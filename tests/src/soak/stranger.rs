//! One hostile connection: what it does, and what the server must do about it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::good;
use super::rng::SplitMix64;
use crate::fixture::wire;

/// How long a server may take to hang up on who has broken a rule; far more
/// than it should need.
const PATIENCE: Duration = Duration::from_secs(20);

/// The ways of a hostile peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Malice {
    /// Comes and resets the connection.
    Resets,
    /// Comes and goes without a word.
    SaysNothing,
    /// Sends bytes of any kind.
    TalksNonsense,
    /// Speaks another protocol.
    SpeaksHttp,
    /// Announces a frame of 4 GiB.
    Announces,
    /// Sends most of a registration, and stays.
    HalfRegisters,
    /// Sends a registration byte by byte, and goes before its end.
    Dribbles,
    /// Has control characters in its name.
    HasABadName,
    /// Wants an id that is taken.
    WantsATakenId,
    /// Registers and speaks for somebody else.
    Impersonates,
    /// Registers and sends a text beyond the limit.
    SendsTooMuch,
    /// Registers and repeats it too often.
    RepeatsItself,
    /// Registers, and leaves as one should.
    ComesAndGoes,
    /// Registers, and resets the connection.
    RegistersAndResets,
    /// Registers, has much sent to it, and never reads; stays.
    NeverReads,
    /// Says that it is a server, lists hosts, and is gone.
    ListsHosts,
    /// Says that it is a server, and sends what is not its to say.
    LiesAsAServer,
}

impl Malice {
    /// All of them.
    pub const ALL: [Malice; 17] = [
        Malice::Resets,
        Malice::SaysNothing,
        Malice::TalksNonsense,
        Malice::SpeaksHttp,
        Malice::Announces,
        Malice::HalfRegisters,
        Malice::Dribbles,
        Malice::HasABadName,
        Malice::WantsATakenId,
        Malice::Impersonates,
        Malice::SendsTooMuch,
        Malice::RepeatsItself,
        Malice::ComesAndGoes,
        Malice::RegistersAndResets,
        Malice::NeverReads,
        Malice::ListsHosts,
        Malice::LiesAsAServer,
    ];
}

/// What became of a hostile connection.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is over, as it should be.
    Over,
    /// It stays open for a while, saying nothing.
    Stays(TcpStream),
    /// The server has not hung up though it should have.
    NotHungUpOn,
}

/// Connects to `server` from any loopback address, so that there are ports
/// enough, and misbehaves. The connection ends by a reset, so that none of those
/// that are over waits in the system.
///
/// # Errors
///
/// When there is no connection; whatever goes wrong later is the server's right.
pub(super) fn visit(
    server: SocketAddr,
    malice: Malice,
    rng: &mut SplitMix64,
) -> io::Result<Outcome> {
    let stream = connect(server, rng)?;
    Ok(misbehave(stream, malice, rng).unwrap_or(Outcome::Over))
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
    socket.connect_timeout(&server.into(), PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket.into())
}

/// A new client's id: one in a few million is taken, which is no harm.
fn any_id(rng: &mut SplitMix64) -> u32 {
    u32::try_from(rng.within(1, 3_999_999_999)).expect("it is below the good ones")
}

fn misbehave(mut stream: TcpStream, malice: Malice, rng: &mut SplitMix64) -> io::Result<Outcome> {
    let id = any_id(rng);
    let friend = good::IDS[0];
    let info = "i".repeat(usize::from(rng.byte()) * 2);
    let registration = wire::client_registration(id, 0, "hostile", &info);
    let server_registration = wire::server_registration(id, 0, "hostile", &info);
    match malice {
        Malice::Resets => {}
        Malice::SaysNothing => {
            stream.shutdown(Shutdown::Write)?;
            return until_hung_up(stream);
        }
        Malice::TalksNonsense => {
            let count = rng.within(1, 3000);
            let bytes: Vec<u8> = (0..count).map(|_| rng.byte()).collect();
            stream.write_all(&bytes)?;
            // It may be the beginning of something.
            stream.shutdown(Shutdown::Write)?;
            return until_hung_up(stream);
        }
        Malice::SpeaksHttp => {
            stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
            return until_hung_up(stream);
        }
        Malice::Announces => {
            let mut chat = wire::chat(id, friend, "");
            chat[9..].fill(0xff);
            stream.write_all(&chat)?;
            return until_hung_up(stream);
        }
        Malice::HalfRegisters => {
            let end = rng.within(1, registration.len() as u64 - 1);
            let end = usize::try_from(end).unwrap_or(1);
            stream.write_all(&registration[..end])?;
            return Ok(Outcome::Stays(stream));
        }
        Malice::Dribbles => {
            for byte in &registration[..12] {
                stream.write_all(&[*byte])?;
            }
        }
        Malice::HasABadName => {
            let name = "host\x1b[2Jile\n";
            stream.write_all(&wire::client_registration(id, 0, name, &info))?;
            return until_hung_up(stream);
        }
        Malice::WantsATakenId => {
            stream.write_all(&wire::client_registration(friend, 0, "hostile", &info))?;
            return until_hung_up(stream);
        }
        Malice::Impersonates => {
            stream.write_all(&registration)?;
            stream.write_all(&wire::chat(good::IDS[1], friend, "lies"))?;
            return until_hung_up(stream);
        }
        Malice::SendsTooMuch => {
            stream.write_all(&registration)?;
            let mut chat = wire::chat(id, friend, "");
            chat[9..].copy_from_slice(&65_537_u32.to_be_bytes());
            stream.write_all(&chat)?;
            return until_hung_up(stream);
        }
        Malice::RepeatsItself => {
            stream.write_all(&registration)?;
            stream.write_all(&registration.repeat(500))?;
            return until_hung_up(stream);
        }
        Malice::ComesAndGoes => {
            stream.write_all(&registration)?;
            stream.write_all(&wire::quit(id, "I was never here"))?;
            return until_hung_up(stream);
        }
        Malice::RegistersAndResets => {
            stream.write_all(&registration)?;
            stream.read_exact(&mut [0; 15])?;
        }
        Malice::NeverReads => {
            stream.write_all(&registration)?;
            let chat = wire::chat(id, id, &"x".repeat(900));
            stream.write_all(&chat.repeat(40))?;
            return Ok(Outcome::Stays(stream));
        }
        Malice::ListsHosts => {
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
        Malice::LiesAsAServer => {
            stream.write_all(&server_registration)?;
            for lie in [
                wire::quit(friend, "it is gone"),
                wire::chat(friend, good::IDS[1], "lies"),
                wire::status(friend, good::IDS[1], 0x102, "lies"),
                wire::client_registration(friend, id, "good", "of bad faith"),
                wire::server_quit(friend, 0, "it is gone"),
            ] {
                stream.write_all(&lie)?;
            }
            // What is no frame ends even a server.
            stream.write_all(&[0x55])?;
            return until_hung_up(stream);
        }
    }
    Ok(Outcome::Over)
}

/// Reads whatever comes until the server has ended its side.
fn until_hung_up(mut stream: TcpStream) -> io::Result<Outcome> {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(Outcome::Over),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Ok(Outcome::NotHungUpOn);
            }
            Err(_) => return Ok(Outcome::Over),
        }
    }
}
