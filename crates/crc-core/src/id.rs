//! Ids that this process draws for hosts.

use crc_machine::Random;
use crc_wire::HostId;

/// Draws an id for a host: any but 0, all equally likely.
///
/// ```
/// use crc_core::{Random, random_host_id};
///
/// assert_ne!(random_host_id(&mut Random::new(7)).get(), 0);
/// ```
pub fn random_host_id(random: &mut Random) -> HostId {
    let id = 1 + random.below(u32::MAX.into());
    let id = u32::try_from(id).expect("at most u32::MAX");
    HostId::new(id).expect("at least 1")
}
