//! Passwords that are compared outside of the machine, and that of the network: only clients
//! that know it register.

use core::net::IpAddr;

use crc_machine::LinkId;

use super::{Context, Out};
use crate::notice::ServerNotice;
use crate::operator::{Password, PasswordHash};
use crate::password::{Begun, Purpose};

impl Context {
    /// Whether the peer of a link may register as a client, as far as the password is
    /// concerned: at once, or when it has been compared. `Err` if it may not.
    pub(crate) fn check_network_password(
        &mut self,
        link: LinkId,
        password: Option<Password>,
        out: &mut Out,
    ) -> Result<bool, String> {
        let (Some(hash), Some(found)) = (&self.config.password, self.links.find(link)) else {
            return Ok(true);
        };
        let Some(password) = password else {
            return Err("This network has a password, and you have not given it".to_owned());
        };
        let (address, hash) = (found.endpoints.peer.ip(), hash.clone());
        self.check_password((link, address), Purpose::Register, hash, password, out)
    }

    /// Has a password compared, unless it is known to be right. Whether it is; `Err` if it
    /// cannot be compared now.
    pub(crate) fn check_password(
        &mut self,
        peer: (LinkId, IpAddr),
        purpose: Purpose,
        hash: PasswordHash,
        password: Password,
        out: &mut Out,
    ) -> Result<bool, String> {
        let (key, now) = (&self.config.nonce_key, self.now);
        let pair = (&hash, &password);
        match self.passwords.begin(peer, purpose, pair, key, now) {
            Ok(Begun::Right) => Ok(true),
            Ok(Begun::Joined) => Ok(false),
            Ok(Begun::Waiting(number)) => {
                out.notice(ServerNotice::CheckPassword {
                    number,
                    hash,
                    password,
                });
                Ok(false)
            }
            Err(refusal) => Err(refusal.to_string()),
        }
    }
}
