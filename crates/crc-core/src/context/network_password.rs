//! The password of the network: only clients that know it register.

use crc_machine::LinkId;

use super::{Context, Out};
use crate::notice::ServerNotice;
use crate::operator::Password;
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
        let (peer, hash) = ((link, found.endpoints.peer.ip()), hash.clone());
        let (key, now) = (&self.config.nonce_key, self.now);
        let pair = (&hash, &password);
        match self
            .passwords
            .begin(peer, Purpose::Register, pair, key, now)
        {
            Ok(Begun::Right) => Ok(true),
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
