//! The directory, and its log.

use crc_core::ListenerId;
use crc_net::{Driver, DriverConfig, Stopped};
use crc_rendezvous::{Directory, DirectoryCommand, DirectoryNotice};

use crate::args::ServeArgs;
use crate::{Failure, announce};

/// So many connections may be open beside those of the peers on the list, so that
/// one too many is told so, and those that register nothing keep nobody out.
const SPARE_LINKS: usize = 256;

pub(crate) fn run(args: &ServeArgs) -> Result<(), Failure> {
    let config = args.config();
    let settings = DriverConfig {
        links_max: config.limits.peers_max.saturating_add(SPARE_LINKS),
        ..DriverConfig::default()
    };
    let mut driver = Driver::new(Directory::new(config), settings)?;
    driver.on_signals(|| DirectoryCommand::Leave)?;
    let mut listening = Vec::new();
    for (number, address) in (0..).zip(&args.listen) {
        listening.push(driver.listen(*address, ListenerId(number))?);
    }
    listening.into_iter().for_each(announce);
    let stopped = driver.run(|_, notice| tell(&notice))?;
    match stopped {
        Stopped::Graceful => log::info!("left in good order"),
        Stopped::Forced => log::warn!("ended at once, by a second signal"),
    }
    Ok(())
}

fn tell(notice: &DirectoryNotice) {
    match notice {
        DirectoryNotice::Joined {
            address,
            previous: None,
            peers,
        } => log::info!("{address} has joined ({peers} on the list)"),
        DirectoryNotice::Joined {
            address,
            previous: Some(was),
            ..
        } => log::info!("{was} is {address} in truth: the rest of its address has come"),
        DirectoryNotice::Left {
            address,
            why,
            peers,
        } => log::info!("{address} has left: {why} ({peers} on the list)"),
        DirectoryNotice::Refused { source, why } => {
            log::warn!("the connection from {source} is closed: {why}");
        }
        DirectoryNotice::Teardown => log::info!("the teardown begins"),
    }
}
