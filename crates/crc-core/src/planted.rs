//! Bugs that can be planted, to see that the simulator finds them: the tester is
//! tested.
//!
//! Only with the feature `planted`, which no program that people run has. Each
//! place where a rule is applied asks `planted!` whether it is to be forgotten;
//! without the feature the answer is `false` before the program is built.

/// Whether this bug is planted in a machine.
macro_rules! planted {
    ($machine:expr, $bug:ident) => {{
        #[cfg(feature = "planted")]
        let planted = $machine.planted == Some($crate::planted::Planted::$bug);
        #[cfg(not(feature = "planted"))]
        let planted = $crate::planted::nothing();
        planted
    }};
}
pub(crate) use planted;

/// What is planted in a program that people run.
#[cfg(not(feature = "planted"))]
#[inline(always)]
pub(crate) const fn nothing() -> bool {
    false
}

#[cfg(feature = "planted")]
macro_rules! bugs {
    ($($name:ident $words:literal,)*) => {
        /// A rule that is forgotten.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Planted {
            $(
                #[doc = $words]
                $name,
            )*
        }

        impl Planted {
            /// All of them.
            pub const ALL: &[Planted] = &[$(Planted::$name,)*];

            /// Whether it is a rule of channels.
            #[must_use]
            pub const fn is_of_channels(self) -> bool {
                self as u8 >= Planted::ChannelsUnlisted as u8
            }

            /// What is forgotten.
            #[must_use]
            pub const fn words(self) -> &'static str {
                match self {
                    $(Planted::$name => $words,)*
                }
            }
        }
    };
}

#[cfg(feature = "planted")]
bugs! {
    NoOrder "who is linked below a server that does not come before it stays there",
    NoRank "a server never takes a rank from its uplink",
    RankForEver "who has a rank for which there is no place keeps it",
    LoopForgotten "who has led back is dialled again and again",
    NobodyRemembered "servers that were heard of are no candidates",
    LoopStays "a link that leads back is not cut",
    TakenIdAdmitted "a server registers with an id that is taken",
    ParentLoses "of two clients with one id the parent's has to go",
    EvictedUntold "a client that gives way leaves without a quit",
    ChangedUntold "a host that changed what it says of itself is not told to have left",
    QuitsUntold "nobody is told who was behind a lost link",
    ClientsStay "clients behind a lost link are kept",
    NeighbourStays "the neighbour itself is kept when its link is lost",
    ServersUntold "lost servers are not told of",
    QuitBack "a quit goes back to where it came from",
    JoinBack "a registration goes back to where it came from",
    JoinUntoldToClients "clients are not told of clients that join",
    QuitFromAnywhere "a quit is honoured from any link",
    ListedBehind "a neighbour is listed what is behind itself",
    ClientsToldOfServers "clients are told of servers",
    UnsentForgotten "chats that a dead link held are not answered",
    NoAnswer "a chat to nobody is not answered",
    TwoAnswers "a chat to nobody is answered twice",
    LastFirst "chats that a client could not send are sent again last first",
    ChatBack "a chat to nobody goes back to the server that it came from",
    RefusalChanges "who is refused is entered all the same",
    NoPulse "a silent link is never given up",
    NoBound "queues are not bounded",
    NoPace "original nodes are not waited for",
    ServerQuitToOriginals "original nodes are told of lost servers",
    MachinePartToOriginals "original nodes are told what is for machines",
    LongChatsToOriginals "original nodes are sent long chats",
    NoFreshId "a client whose id is taken tries it for ever",
    RosterKept "a client that lost its server keeps the list of others",
    SaidTwice "a client says again what it has said already",
    ChannelsUnlisted "a server that links is not listed the channels",
    ChannelsUnset "a server that links is not listed how channels are set",
    ChannelsForgotten "how a channel was set that has ended is not told when it is entered elsewhere",
    ChannelOlderStands "an older setting of a channel stands against a newer one",
    ChannelChatBack "what is said in a channel goes back to where it came from",
    ChannelChatStops "what is said in a channel is not told on between servers",
    ChannelJoinStops "who enters a channel is not told on between servers",
    ChannelPartStops "who leaves a channel is not told on between servers",
}
