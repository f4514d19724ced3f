//! The invariants of every run, by name.

use core::fmt;

use crc_core::Timestamp;

macro_rules! invariants {
    ($($name:ident $description:literal,)*) => {
        /// An invariant.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Invariant {
            $(
                #[doc = $description]
                $name,
            )*
        }

        impl Invariant {
            /// All of them.
            pub const ALL: &[Invariant] = &[$(Invariant::$name,)*];

            /// Its short name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Invariant::$name => stringify!($name),)*
                }
            }

            /// The invariant as a sentence.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self {
                    $(Invariant::$name => $description,)*
                }
            }
        }
    };
}

invariants! {
    D1 "at rest every server knows exactly the other hosts of its part of the network, as they are",
    D2 "at rest every first link is the first edge of the route through the tree",
    D3 "at rest a client's id is local at one server at most",
    D4 "no host outlives its link, and a server's tables agree with each other",
    D5 "at rest the links form a tree, and every server with a live lower candidate is attached",
    D6 "no id 0, no own id, no id twice",
    D7 "a refused connection changed nothing",
    D8 "servers are linked 180 s after the last fault, whatever clients do",
    P1 "a registration or quit crosses a link once per direction, and at rest there are only keepalives",
    P2 "one quit per lost host and remaining link, and none for a host that was not announced",
    C1 "every accepted chat is delivered, answered, or lost with a connection or node that had it",
    C2 "no chat is delivered or answered twice",
    C3 "chats from one registration to one destination keep their order",
    C4 "no chat is at one server twice",
    K1 "at rest all servers of a part agree on its channels and their members, and so do the members",
    K2 "each other member receives a channel chat that is sent at rest; no client receives one twice",
    K3 "a channel chat crosses a link once at most",
    K4 "at rest users of text protocols were told what the servers know of their channels",
    A1 "nobody enters a channel that locks it out",
    A2 "no server passes on what its user must not say",
    A3 "nobody sets anything of a channel without the right to",
    A4 "only founders and those to whom an operator gives it have a rank, and it stays theirs",
    A5 "nobody leaves a channel but by itself or by an operator's kick",
    A6 "where two channels meet the older one stands whole",
    A7 "at rest what is forbidden changes nothing, and what is permitted is carried out",
    T1 "a server dials configured or permitted addresses only, and none while it is in service",
    T2 "a server from outside the permitted networks is never linked",
    T3 "of two clients with one id the one that registered later is displaced",
    T4 "after hostile servers have left, nothing of them is in force",
    T5 "no server breaks a rule that another one has, whatever it was sent",
    B1 "at rest servers that reach each other agree on the bans and on who is an operator",
    B2 "no banned client stays linked, and no other one is removed as banned",
    B3 "who is an operator, makes a ban or removes a user has the right to",
    B4 "operators are told once what is said to all of them",
    B5 "bans survive a restart, and the numbers of bans and operators are bounded",
    B6 "at rest servers that reach each other agree on who is away, and on what users say of themselves",
    Q1 "no link between servers is closed because a client floods",
    Q2 "a chat whose way is not stalled arrives within 3 s, whoever floods",
    R1 "every queue is within its bound",
    R2 "memory is within base and caps",
    R3 "the work of one event is bounded",
    V1 "all servers resolve an id collision in the same way",
    V2 "a run does not depend on the order of hashes",
    O1 "a v1 node is sent only what it can read",
    S1 "nothing panics",
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A violation of an invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The invariant.
    pub invariant: Invariant,
    /// When it was found.
    pub at: Timestamp,
    /// What was found.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.at.as_micros() / 1_000_000;
        write!(f, "{} at {seconds} s: {}", self.invariant, self.text)
    }
}
