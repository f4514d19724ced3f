//! The stripped IRC, from the users' side.
//!
//! A second, plain reading of its lines ([`Line`]), and a [`User`] as the
//! original client is one: registers with USER alone, shows what comes, and
//! keeps what it learns of its channels.

mod line;
mod user;

pub use line::Line;
pub use user::{KnownChannel, Typed, User, UserView, Verb};
