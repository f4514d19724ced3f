//! Passwords: their hashes, and the thread that compares them. A comparison takes tens of
//! milliseconds and 19 MiB of memory, so it must not hold up the relay.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::{io, thread};

use argon2::password_hash::phc;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params};
use crc_core::{Password, PasswordHash, ServerCommand};
use crc_net::CommandSender;

/// How many passwords wait for the thread. The relay server does not ask for more at a time.
const WAITING_MAX: usize = 64;

/// The most memory that a hash may ask for, in KiB.
const MEMORY_KIB_MAX: u32 = 1 << 20;

/// The most rounds that a hash may ask for.
const ROUNDS_MAX: u32 = 64;

/// Why no hash was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashError {
    #[error("cannot read the password: {0}; write it to standard input, on one line")]
    Read(#[from] io::Error),
    #[error("cannot hash the password: {0}")]
    Hash(#[from] argon2::password_hash::Error),
    #[error("the system provides no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

/// `hash-password`: the password on standard input, the hash on standard output.
pub(crate) fn hash_password() -> Result<(), HashError> {
    let password = crc_cli::read_password("Password: ")?;
    let hash = hash(&password)?;
    crc_cli::print_line(&hash).map_err(HashError::Read)
}

fn hash(password: &str) -> Result<String, HashError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt)?;
    let hash: phc::PasswordHash =
        Argon2::default().hash_password_with_salt(password.as_bytes(), &salt)?;
    Ok(hash.to_string())
}

/// Reads a hash of the configuration.
pub(crate) fn parse_hash(text: &str) -> Result<PasswordHash, &'static str> {
    let parsed = phc::PasswordHash::new(text).ok();
    let parsed = parsed.filter(|parsed| parsed.salt.is_some() && parsed.hash.is_some());
    let parsed = parsed.ok_or("write what this prints: crc-server hash-password")?;
    if Algorithm::new(parsed.algorithm.as_str()) != Ok(Algorithm::Argon2id) {
        return Err("only argon2id is supported: write what this prints: crc-server hash-password");
    }
    match Params::try_from(&parsed) {
        Ok(params) if params.m_cost() > MEMORY_KIB_MAX || params.t_cost() > ROUNDS_MAX => Err(
            "the hash asks for more than 1 GiB of memory or 64 rounds: write what this prints: \
                 crc-server hash-password",
        ),
        Ok(_) => Ok(PasswordHash(text.into())),
        Err(_) => Err("write what this prints: crc-server hash-password"),
    }
}

fn is_right(hash: &PasswordHash, password: &Password) -> bool {
    let Ok(hash) = phc::PasswordHash::new(&hash.0) else {
        return false;
    };
    let password = password.expose().as_bytes();
    Argon2::default().verify_password(password, &hash).is_ok()
}

/// A password to compare, with its number.
type Request = (u64, PasswordHash, Password);

/// The thread that compares passwords.
#[derive(Debug)]
pub(crate) struct Passwords {
    requests: SyncSender<Request>,
}

impl Passwords {
    /// Starts the thread. It ends with the program.
    ///
    /// # Errors
    ///
    /// When the system provides no thread.
    pub(crate) fn start(commands: CommandSender<ServerCommand>) -> io::Result<Passwords> {
        let (sender, requests) = sync_channel::<Request>(WAITING_MAX);
        thread::Builder::new()
            .name("passwords".to_owned())
            .spawn(move || {
                for (number, hash, password) in requests {
                    let is_right = is_right(&hash, &password);
                    // The driver may have ended.
                    let _ = commands.send(ServerCommand::PasswordChecked { number, is_right });
                }
            })?;
        Ok(Passwords { requests: sender })
    }

    /// Compares a password. The result becomes a command of the relay server.
    pub(crate) fn check(&self, number: u64, hash: PasswordHash, password: Password) {
        if self.requests.try_send((number, hash, password)).is_err() {
            log::error!("a password cannot be compared: the thread does not answer");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_belongs_to_one_password() {
        let text = hash("sea shell").unwrap();
        assert!(
            text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{text}"
        );
        let hash = parse_hash(&text).unwrap();
        assert!(is_right(&hash, &Password::new("sea shell")));
        for wrong in ["sea shel", "Sea shell", "", "sea shell "] {
            assert!(!is_right(&hash, &Password::new(wrong)), "{wrong:?}");
        }
    }

    #[test]
    fn other_texts_are_no_hashes() {
        let hash = hash("x").unwrap();
        for text in [
            "",
            "sea shell",
            "$1$abc$def",
            "$argon2id$v=19$m=19456,t=2,p=1",
            &hash.replace("argon2id", "argon2i"),
            &hash.replace("m=19456", "m=4194304"),
            &hash.replace("t=2", "t=1000"),
        ] {
            assert!(parse_hash(text).is_err(), "{text}");
        }
    }
}
