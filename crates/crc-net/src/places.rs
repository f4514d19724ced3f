//! Places: how many links an address may have, how fast it may open them, and the places that are
//! reserved for some addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crc_machine::{RateLimiter, Timestamp, place_of};

use crate::config::{AddressLimits, DriverConfig};

/// How many addresses without a link are remembered, for the rates at which they connect.
const IDLE_ADDRESSES_MAX: usize = 16 * 1024;

/// At most one line about refused connections is logged in this time.
const LOG_PERIOD: Duration = Duration::from_secs(10);

/// Why a connection is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("too many connections from this address")]
    Address,
    #[error("too many connections per second from this address")]
    Rate,
    #[error("the free places are reserved")]
    Reserved,
}

/// The links of each address.
#[derive(Debug, Default)]
pub(crate) struct Places {
    addresses: BTreeMap<IpAddr, Address>,
    /// How many of them have no link.
    idle: usize,
    /// When a refusal was last logged.
    logged_at: Option<Timestamp>,
    /// The refusals since then.
    unlogged: u64,
}

#[derive(Debug, Default)]
struct Address {
    links: usize,
    accepts: RateLimiter,
}

impl Places {
    /// Whether an address may have one more link. If so, counts its connection, but not the link.
    pub(crate) fn admit(
        &mut self,
        now: Timestamp,
        ip: IpAddr,
        free: usize,
        config: &DriverConfig,
    ) -> Result<(), Refusal> {
        let ip = ip.to_canonical();
        if free <= config.reserved_links && !config.reserved_for.iter().any(|net| net.contains(&ip))
        {
            return Err(Refusal::Reserved);
        }
        let limits = limits_of(ip, config);
        if limits == AddressLimits::NONE {
            return Ok(());
        }
        let place = self.addresses.entry(place_of(ip)).or_insert_with(|| {
            self.idle += 1;
            Address::default()
        });
        if place.links >= limits.links_max {
            return Err(Refusal::Address);
        }
        let rate = limits.accepts_per_second;
        if !place.accepts.try_acquire_burst(now, rate, burst(limits)) {
            return Err(Refusal::Rate);
        }
        if self.idle > IDLE_ADDRESSES_MAX {
            self.forget_idle(now, config);
        }
        Ok(())
    }

    /// Counts a link of an address that was admitted.
    pub(crate) fn add(&mut self, ip: IpAddr, config: &DriverConfig) {
        let ip = ip.to_canonical();
        if limits_of(ip, config) == AddressLimits::NONE {
            return;
        }
        match self.addresses.get_mut(&place_of(ip)) {
            Some(place) => {
                self.idle -= usize::from(place.links == 0);
                place.links += 1;
            }
            // It was forgotten in the meantime.
            None => {
                let place = Address {
                    links: 1,
                    ..Address::default()
                };
                self.addresses.insert(place_of(ip), place);
            }
        }
    }

    /// Uncounts a link of an address.
    pub(crate) fn remove(&mut self, ip: IpAddr) {
        if let Some(place) = self.addresses.get_mut(&place_of(ip))
            && place.links > 0
        {
            place.links -= 1;
            self.idle += usize::from(place.links == 0);
        }
    }

    /// Forgets addresses without links: those that may connect at full speed, or all if those are
    /// too few.
    fn forget_idle(&mut self, now: Timestamp, config: &DriverConfig) {
        let linked = self.addresses.len() - self.idle;
        self.addresses.retain(|ip, place| {
            let rate = limits_of(*ip, config).accepts_per_second;
            place.links > 0 || !place.accepts.check(now, rate, 1)
        });
        if self.addresses.len() - linked > IDLE_ADDRESSES_MAX / 2 {
            self.addresses.retain(|_, place| place.links > 0);
        }
        self.idle = self.addresses.len() - linked;
    }

    /// Logs that a connection was refused, unless another one was logged a short time ago.
    pub(crate) fn log_refusal(&mut self, now: Timestamp, ip: IpAddr, refusal: Refusal) {
        let recently = self.logged_at.is_some_and(|at| now < at + LOG_PERIOD);
        if recently {
            self.unlogged += 1;
            return;
        }
        let unlogged = core::mem::take(&mut self.unlogged);
        self.logged_at = Some(now);
        let ip = ip.to_canonical();
        log::warn!("accept: refused: peer={ip} reason=\"{refusal}\" refused_before={unlogged}");
    }
}

/// The limits that hold for an address.
fn limits_of(ip: IpAddr, config: &DriverConfig) -> AddressLimits {
    let limits = if ip.is_loopback() {
        config.per_loopback_address
    } else {
        config.per_address
    };
    match config.gateways.iter().any(|net| net.contains(&ip)) {
        true => AddressLimits {
            links_max: limits.links_max.max(config.gateway_links_max),
            accepts_per_second: 0,
        },
        false => limits,
    }
}

/// The burst of connections: everybody behind an address may come back at once.
fn burst(limits: AddressLimits) -> u32 {
    let all = u32::try_from(limits.links_max).unwrap_or(limits.accepts_per_second);
    limits.accepts_per_second.max(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::START + Duration::from_secs(seconds)
    }

    const LIMITS: AddressLimits = AddressLimits {
        links_max: 3,
        accepts_per_second: 2,
    };

    fn config() -> DriverConfig {
        DriverConfig {
            per_address: LIMITS,
            reserved_links: 4,
            reserved_for: vec!["192.0.2.0/24".parse().unwrap()],
            ..DriverConfig::default()
        }
    }

    /// Opens a link if it is admitted.
    fn open(places: &mut Places, now: u64, from: &str) -> Result<(), Refusal> {
        let config = config();
        places.admit(at(now), ip(from), 100, &config)?;
        places.add(ip(from), &config);
        Ok(())
    }

    #[test]
    fn an_address_has_a_bound_of_its_own() {
        let mut places = Places::default();
        for _ in 0..3 {
            assert_eq!(open(&mut places, 0, "198.51.100.1"), Ok(()));
            assert_eq!(open(&mut places, 0, "2001:db8:0:1::7"), Ok(()));
        }
        // An address of IPv6 is its first 64 bits; IPv4 looks the same on an IPv6 listener.
        for full in ["198.51.100.1", "::ffff:198.51.100.1", "2001:db8:0:1:ffff::"] {
            assert_eq!(open(&mut places, 9, full), Err(Refusal::Address), "{full}");
        }
        for free in ["198.51.100.2", "2001:db8:0:2::7"] {
            assert_eq!(open(&mut places, 9, free), Ok(()), "{free}");
        }
        // Loopback has no limit here.
        for _ in 0..1000 {
            assert_eq!(open(&mut places, 9, "127.0.0.1"), Ok(()));
            assert_eq!(open(&mut places, 9, "::1"), Ok(()));
        }
        places.remove(ip("::ffff:198.51.100.1"));
        assert_eq!(open(&mut places, 9, "198.51.100.1"), Ok(()));
    }

    #[test]
    fn an_address_connects_at_a_limited_rate() {
        let mut places = Places::default();
        let mut connect = |now, from| {
            let opened = open(&mut places, now, from);
            places.remove(ip(from));
            opened
        };
        for _ in 0..3 {
            assert_eq!(connect(0, "198.51.100.1"), Ok(()));
        }
        for _ in 0..1000 {
            assert_eq!(connect(0, "198.51.100.1"), Err(Refusal::Rate));
        }
        assert_eq!(connect(0, "198.51.100.2"), Ok(()));
        for _ in 0..2 {
            assert_eq!(connect(1, "198.51.100.1"), Ok(()));
        }
        assert_eq!(connect(1, "198.51.100.1"), Err(Refusal::Rate));
    }

    #[test]
    fn reserved_places_are_for_some_addresses() {
        let (mut places, config) = (Places::default(), config());
        let mut admit = |from, free| places.admit(at(0), ip(from), free, &config);
        assert_eq!(admit("198.51.100.1", 5), Ok(()));
        assert_eq!(admit("198.51.100.1", 4), Err(Refusal::Reserved));
        assert_eq!(admit("127.0.0.1", 4), Err(Refusal::Reserved));
        assert_eq!(admit("192.0.2.9", 4), Ok(()));
        assert_eq!(admit("::ffff:192.0.2.9", 1), Ok(()));
    }

    #[test]
    fn a_gateway_has_a_bound_of_its_own_and_no_rate() {
        let mut config = config();
        config.gateways = vec![
            "198.51.100.1/32".parse().unwrap(),
            "127.0.0.1/32".parse().unwrap(),
        ];
        config.gateway_links_max = 20;
        let mut places = Places::default();
        let mut open = |from, config: &DriverConfig| {
            places.admit(at(0), ip(from), 100, config)?;
            places.add(ip(from), config);
            Ok(())
        };
        for _ in 0..20 {
            assert_eq!(open("198.51.100.1", &config), Ok(()));
        }
        let full = open("::ffff:198.51.100.1", &config);
        assert_eq!(full, Err(Refusal::Address));
        for _ in 0..3 {
            assert_eq!(open("198.51.100.2", &config), Ok(()));
        }
        assert_eq!(open("198.51.100.2", &config), Err(Refusal::Address));
        // It has no less than any other address.
        config.gateway_links_max = 1;
        for _ in 0..100 {
            assert_eq!(open("127.0.0.1", &config), Ok(()));
        }
    }

    #[test]
    fn the_table_is_bounded() {
        let (mut places, config) = (Places::default(), config());
        open(&mut places, 0, "198.51.100.1").unwrap();
        for n in 0..100_000u32 {
            let from = IpAddr::V4((0x0B00_0000 + n).into());
            assert_eq!(places.admit(at(0), from, 100, &config), Ok(()));
            assert!(places.addresses.len() <= IDLE_ADDRESSES_MAX + 2);
        }
        // An address with a link is never forgotten.
        open(&mut places, 0, "198.51.100.1").unwrap();
        open(&mut places, 0, "198.51.100.1").unwrap();
        let full = open(&mut places, 9, "198.51.100.1");
        assert_eq!(full, Err(Refusal::Address));
    }

    #[test]
    fn refusals_are_logged_once_in_a_while() {
        let mut places = Places::default();
        for n in 0..1000 {
            places.log_refusal(at(n / 100), ip("198.51.100.1"), Refusal::Rate);
        }
        assert_eq!((places.logged_at, places.unlogged), (Some(at(0)), 999));
        places.log_refusal(at(10), ip("198.51.100.1"), Refusal::Rate);
        assert_eq!((places.logged_at, places.unlogged), (Some(at(10)), 0));
    }
}
