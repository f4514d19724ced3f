//! The directory and its log.

use crc_machine::ListenerId;
use crc_net::{Driver, DriverConfig, Stopped};
use crc_rendezvous::{Directory, DirectoryCommand, DirectoryNotice};

use crate::args::ServeArgs;
use crate::failure::Failure;
use crate::text;

/// How many connections may be open besides those of the peers on the list. Some are
/// needed to refuse a peer with a reason; connections that do not register keep no peer
/// out.
const SPARE_LINKS: usize = 256;

pub(crate) fn run(args: &ServeArgs) -> Result<(), Failure> {
    let config = args.config();
    let driver_config = DriverConfig {
        links_max: config.limits.peers_max.saturating_add(SPARE_LINKS),
        ..DriverConfig::default()
    };
    let mut driver = Driver::new(Directory::new(config), driver_config)?;
    driver.on_signals(|| DirectoryCommand::Leave)?;
    // A directory has nothing to read again or to reopen, and goes on.
    crc_cli::on_hangup(|| log::debug!("hangup signal ignored")).map_err(Failure::Hangup)?;
    let mut listening = Vec::new();
    for (number, address) in (0..).zip(&args.listen) {
        listening.push(driver.listen(*address, ListenerId(number))?);
    }
    listening.into_iter().for_each(text::print_listening);
    let stopped = driver.run(|_, notice| log_notice(&notice))?;
    match stopped {
        Stopped::Graceful => log::info!("stopped"),
        Stopped::Forced => log::warn!("stopped by a second signal"),
    }
    Ok(())
}

fn log_notice(notice: &DirectoryNotice) {
    match notice {
        DirectoryNotice::Joined {
            address,
            previous: None,
            peers,
        } => log::info!("peer {address} has joined, peers={peers}"),
        DirectoryNotice::Joined {
            address,
            previous: Some(previous),
            ..
        } => log::info!("peer {previous} has completed its address: {address}"),
        DirectoryNotice::Left {
            address,
            why,
            peers,
        } => log::info!("peer {address} has left: {why}, peers={peers}"),
        DirectoryNotice::Refused { source, why } => {
            log::warn!("connection from {source} closed: {why}");
        }
        DirectoryNotice::Teardown => log::info!("teardown sent to all peers"),
        other => log::debug!("{other:?}"),
    }
}
