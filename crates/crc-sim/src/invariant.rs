//! The promises that every run is held to, by name.

use core::fmt;

use crc_core::Timestamp;

macro_rules! invariants {
    ($($name:ident $promise:literal,)*) => {
        /// A promise.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Invariant {
            $(
                #[doc = $promise]
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

            /// What is promised.
            #[must_use]
            pub const fn promise(self) -> &'static str {
                match self {
                    $(Invariant::$name => $promise,)*
                }
            }
        }
    };
}

invariants! {
    D1 "at rest every server knows exactly the other hosts of its part of the network, as they are",
    D2 "at rest every first link is the first edge of the way through the tree",
    D3 "at rest a client's id is local at one server at most",
    D4 "no host outlives its link, and a server's tables agree with each other",
    D5 "at rest the links form a tree, and every server with a live lower candidate is attached",
    D6 "no id 0, no own id, no id twice",
    D7 "a refused connection changed nothing",
    P1 "a registration or quit crosses a link once per direction, and nothing moves at rest but pings",
    P2 "one quit per lost host and remaining link, and never to one who was not told of the host",
    C1 "every accepted chat is delivered, answered, or lost with what died holding it",
    C2 "no chat is delivered or answered twice",
    C3 "chats from one registration to one destination keep their order",
    C4 "no chat is at one server twice",
    K1 "at rest all servers of a part agree on its channels, and those are in them who think so",
    K2 "what is said in a channel at rest is heard by each other member once, and never by anybody twice",
    K3 "what is said in a channel crosses a link once at most",
    R1 "every queue is within its bound",
    R2 "memory is within base and caps",
    R3 "the work of one event is bounded",
    V1 "ids that collide settle the same way everywhere",
    V2 "the order of hashes never shows",
    O1 "an original node is sent only what it can read",
    S1 "nothing panics",
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// When it was seen.
    pub at: Timestamp,
    /// What was seen.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.at.as_micros() / 1_000_000;
        write!(f, "{} at {seconds} s: {}", self.invariant, self.text)
    }
}
