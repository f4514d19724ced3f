//! What network operators want of servers elsewhere, and what these answer: the texts of the
//! requests ORDER and ANSWER (PROTOCOL section 11).

use core::fmt;

use crc_wire::HostId;

use crate::operator::Powers;
use crate::text_protocol::first_piece;

/// The most bytes of a version in an answer.
const VERSION_BYTES_MAX: usize = 32;

/// What an operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order<'a> {
    /// Every server answers with its place in the tree.
    Map { number: u32 },
    /// The servers on the way to the destination answer, one after the other.
    Trace { number: u32 },
    /// The server that the destination is linked to closes the link.
    Squit { reason: &'a str },
    /// The destination dials a server.
    Connect { to: &'a str },
}

impl<'a> Order<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Order<'a>> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        match word {
            "map" => Some(Order::Map {
                number: rest.parse().ok()?,
            }),
            "trace" => Some(Order::Trace {
                number: rest.parse().ok()?,
            }),
            "squit" => Some(Order::Squit { reason: rest }),
            "connect" => Some(Order::Connect { to: rest }),
            _ => None,
        }
    }

    /// What the operator must be permitted to do.
    pub(crate) const fn needs(self) -> Powers {
        match self {
            Order::Map { .. } | Order::Trace { .. } => Powers::STATS,
            Order::Squit { .. } => Powers::SQUIT,
            Order::Connect { .. } => Powers::CONNECT,
        }
    }
}

impl fmt::Display for Order<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Order::Map { number } => write!(f, "map {number}"),
            Order::Trace { number } => write!(f, "trace {number}"),
            Order::Squit { reason } => write!(f, "squit {reason}"),
            Order::Connect { to } => write!(f, "connect {to}"),
        }
    }
}

/// What a server answers to a MAP or TRACE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The number of the order.
    pub(crate) number: u32,
    pub(crate) says: Says,
}

/// The answer itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Says {
    /// The server's place in the tree.
    Place(Place),
    /// The way to the destination leads through the server.
    Hop,
    /// The server is the destination, or the destination is a client of it.
    End,
    /// The way leads on through a server that knows no orders.
    Stop,
}

/// A server's place in the tree, and what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its uplink; `None` if it is a root.
    pub(crate) uplink: Option<HostId>,
    /// How many clients it has.
    pub(crate) clients: u32,
    /// Its version.
    pub(crate) version: Box<str>,
}

impl Answer {
    pub(crate) fn parse(text: &str) -> Option<Answer> {
        let mut words = text.split(' ');
        let number = words.next()?.parse().ok()?;
        let says = match words.next()? {
            "hop" => Says::Hop,
            "end" => Says::End,
            "stop" => Says::Stop,
            "place" => {
                let uplink: u32 = words.next()?.parse().ok()?;
                let clients = words.next()?.parse().ok()?;
                let version = words.next()?;
                Says::Place(Place {
                    uplink: HostId::new(uplink),
                    clients,
                    version: first_piece(version, VERSION_BYTES_MAX).into(),
                })
            }
            _ => return None,
        };
        Some(Answer { number, says })
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number;
        match &self.says {
            Says::Place(place) => {
                let uplink = place.uplink.map_or(0, HostId::get);
                let (clients, version) = (place.clients, &place.version);
                write!(f, "{number} place {uplink} {clients} {version}")
            }
            Says::Hop => write!(f, "{number} hop"),
            Says::End => write!(f, "{number} end"),
            Says::Stop => write!(f, "{number} stop"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn order(text: &str) -> Option<String> {
        Order::parse(text).map(|order| order.to_string())
    }

    #[test]
    fn orders_are_read_and_written() {
        for text in [
            "map 7",
            "trace 4294967295",
            "squit ",
            "squit a  b",
            "connect h:1",
        ] {
            assert_eq!(order(text).as_deref(), Some(text));
        }
        for odd in [
            "",
            "map",
            "map x",
            "map -1",
            "map 4294967296",
            "fly",
            "Map 1",
        ] {
            assert_eq!(order(odd), None, "{odd:?}");
        }
        // The reason may be left out.
        assert_eq!(order("squit").as_deref(), Some("squit "));
    }

    #[test]
    fn answers_are_read_and_written() {
        for text in [
            "7 hop",
            "7 end",
            "7 stop",
            "7 place 0 3 1.0",
            "1 place 2 0 x",
        ] {
            let answer = Answer::parse(text).map(|answer| answer.to_string());
            assert_eq!(answer.as_deref(), Some(text));
        }
        for odd in [
            "",
            "7",
            "7 ",
            "x hop",
            "7 place",
            "7 place 0 3",
            "7 place 0 -3 1",
        ] {
            assert_eq!(Answer::parse(odd), None, "{odd:?}");
        }
        // Later versions may add words.
        assert!(Answer::parse("7 hop 12").is_some());
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_the_same(text in "(map|trace|squit|connect|fly)? ?\\PC{0,40}") {
            if let Some(written) = order(&text) {
                prop_assert_eq!(order(&written), Some(written));
            }
        }

        #[test]
        fn an_answer_that_is_read_is_written_the_same(
            text in "[0-9]{0,11} (hop|end|stop|place|x)( [0-9]{0,11}){0,3}( \\PC{0,40})?",
        ) {
            if let Some(answer) = Answer::parse(&text) {
                prop_assert_eq!(Answer::parse(&answer.to_string()), Some(answer));
            }
        }
    }
}
