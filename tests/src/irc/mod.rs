//! The stripped IRC, from the users' side.
//!
//! A second, plain reading of its lines ([`Line`]), and a [`User`] as the
//! original client is one: registers with USER alone, shows what comes, and
//! keeps what it learns of its channels. And a bare connection that speaks lines
//! ([`LinePeer`]), for whatever else users and servers of either IRC may do.

mod line;
mod peer;
mod user;

pub use line::Line;
pub use peer::LinePeer;
pub use user::{KnownChannel, Typed, User, UserView, Verb};
