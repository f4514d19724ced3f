//! The parsers of single values. What cannot be meant is refused, in words that say what to
//! write instead.

use core::ops::RangeInclusive;
use std::net::IpAddr;

use crc_cli::Size;
use crc_core::{PeerAddress, can_be_told_to_clients, check_ascii_name, check_info};
use crc_wire::HostId;
use ipnet::{IpNet, Ipv4Net};

/// The port for TLS, if the address of a server for clients has none.
const TLS_PORT: u16 = 33_301;

pub(super) fn parse_id(id: &str) -> Result<HostId, String> {
    id.parse()
        .map_err(|_| "an id is a number from 1 to 4294967295".to_owned())
}

pub(super) fn parse_name(name: &str) -> Result<String, String> {
    check_ascii_name(name).map_err(|error| error.to_string())?;
    Ok(name.to_owned())
}

pub(super) fn parse_info(info: &str) -> Result<String, String> {
    check_info(info).map_err(|error| error.to_string())?;
    Ok(info.to_owned())
}

/// Parses a number in a range.
pub(super) fn number<T: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| {
            let (min, max) = (range.start(), range.end());
            format!("write a number from {min} to {max}")
        })
    }
}

/// Parses a size in a range.
pub(super) fn size(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<Size, String> + Clone + Send + Sync + 'static {
    move |text| {
        let size: Size = text.parse().map_err(|error| format!("{error}"))?;
        let (min, max) = (Size(*range.start()), Size(*range.end()));
        match size {
            size if size < min => Err(format!("write at least {min}")),
            size if size > max => Err(format!("write at most {max}")),
            size => Ok(size),
        }
    }
}

/// Parses the address of a peer to connect to.
pub(super) fn parse_peer(text: &str) -> Result<PeerAddress, String> {
    if let Some((host, 0)) = crc_core::split_host_port(text) {
        return Err(format!(
            "port 0 is no port to connect to: write the port that {host} listens on"
        ));
    }
    let peer: PeerAddress = text.parse().map_err(|error| format!("{error}"))?;
    match peer.ip() {
        Some(ip) if ip.is_unspecified() => Err(format!(
            "{ip} stands for all addresses of a machine: write one of them"
        )),
        Some(ip) if ip.is_multicast() || is_broadcast(ip) => {
            Err(format!("{ip} is not the address of one machine"))
        }
        _ => Ok(peer),
    }
}

/// An address for clients; none if there shall be none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientAddress(pub(super) Option<PeerAddress>);

/// Parses an address at which clients reach this server.
pub(super) fn parse_client_address(text: &str) -> Result<ClientAddress, String> {
    if text == "none" {
        return Ok(ClientAddress(None));
    }
    let address = parse_peer(text).or_else(|error| match text.split_once("://") {
        Some(("tls", host)) if !host.contains('#') => {
            parse_peer(&format!("{text}:{TLS_PORT}")).map_err(|_| error)
        }
        _ => Err(error),
    })?;
    match can_be_told_to_clients(&address) {
        true => Ok(ClientAddress(Some(address))),
        false => Err("an address for clients has no commas and semicolons".to_owned()),
    }
}

fn is_broadcast(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(v4) if v4.is_broadcast())
}

/// Parses a network in which servers may be.
pub(crate) fn parse_network(text: &str) -> Result<IpNet, String> {
    let example = "a network looks like 192.0.2.0/24 or 2001:db8::/32";
    let Some((ip, bits)) = text.split_once('/') else {
        return match text.parse::<IpAddr>() {
            Ok(ip) => Err(format!("for this address alone write {}", IpNet::from(ip))),
            Err(_) => Err(example.to_owned()),
        };
    };
    let ip: IpAddr = ip.parse().map_err(|_| example.to_owned())?;
    let bits_max = if ip.is_ipv4() { 32 } else { 128 };
    let bits = bits.parse().ok().filter(|bits| *bits <= bits_max);
    let bits: u8 = bits.ok_or_else(|| {
        format!("a network of {ip} has a number from 0 to {bits_max} behind the slash")
    })?;
    let network = IpNet::new(ip, bits).map_err(|_| example.to_owned())?;
    // The server compares addresses of IPv4 as such, however they arrive.
    if let IpNet::V6(v6) = network
        && let Some(v4) = v6.addr().to_ipv4_mapped()
        && bits >= 96
        && let Ok(v4) = Ipv4Net::new(v4, bits - 96)
    {
        return Err(format!("this is a network of IPv4: write {}", v4.trunc()));
    }
    if network.trunc() != network {
        let meant = network.trunc();
        return Err(format!(
            "{ip} is an address in the network {meant}: write {meant}, or {} for this address alone",
            IpNet::from(ip)
        ));
    }
    Ok(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_that_cannot_be_meant_are_refused_with_what_is_meant() {
        for text in [
            "10.0.0.0/8",
            "0.0.0.0/0",
            "::/0",
            "192.0.2.7/32",
            "2001:db8::/32",
            "::1/128",
        ] {
            assert_eq!(parse_network(text).unwrap().to_string(), text);
        }
        for (text, error) in [
            ("10.0.0.1/8", "write 10.0.0.0/8, or 10.0.0.1/32 for"),
            (
                "2001:db8::1/32",
                "write 2001:db8::/32, or 2001:db8::1/128 for",
            ),
            ("10.0.0.0/33", "from 0 to 32 behind the slash"),
            ("::/129", "from 0 to 128 behind the slash"),
            ("10.0.0.0/", "from 0 to 32 behind the slash"),
            ("10.0.0.0/-1", "from 0 to 32 behind the slash"),
            ("10.0.0.0/255.0.0.0", "from 0 to 32 behind the slash"),
            ("10.0.0.1", "write 10.0.0.1/32"),
            ("::1", "write ::1/128"),
            ("::ffff:10.1.0.0/104", "write 10.0.0.0/8"),
            ("10.0.0/8", "a network looks like"),
            ("localhost", "a network looks like"),
            ("", "a network looks like"),
        ] {
            let found = parse_network(text).unwrap_err();
            assert!(found.contains(error), "{text:?}: {found}");
        }
    }

    #[test]
    fn peers_need_an_address_to_connect_to() {
        for text in ["reef:1", "127.0.0.1:33300", "[::1]:1", "[fe80::1%lo]:1"] {
            assert_eq!(parse_peer(text).unwrap().to_string(), text);
        }
        for (text, error) in [
            ("reef:0", "write the port that reef listens on"),
            ("reef", "an address looks like HOST:PORT"),
            ("reef:65536", "an address looks like HOST:PORT"),
            (":1", "an address looks like HOST:PORT"),
            ("", "an address looks like HOST:PORT"),
            ("0.0.0.0:1", "write one of them"),
            ("[::]:1", "write one of them"),
            ("255.255.255.255:1", "not the address of one machine"),
            ("[ff02::1]:1", "not the address of one machine"),
        ] {
            let found = parse_peer(text).unwrap_err();
            assert!(found.contains(error), "{text:?}: {found}");
        }
    }

    #[test]
    fn numbers_and_sizes_have_ranges() {
        let parse = number::<u32>(1..=9);
        assert_eq!((parse("1"), parse("9")), (Ok(1), Ok(9)));
        for text in ["0", "10", "-1", "", "1.5", "1K", "99999999999999999999"] {
            assert_eq!(
                parse(text).unwrap_err(),
                "write a number from 1 to 9",
                "{text:?}"
            );
        }
        let parse = size(1..=1 << 30);
        assert_eq!(parse("1G"), Ok(Size(1 << 30)));
        assert_eq!(parse("0").unwrap_err(), "write at least 1");
        assert_eq!(parse("2G").unwrap_err(), "write at most 1G");
        assert!(parse("1X").unwrap_err().contains("a size is"));
    }
}
