//! What the specifications of IRC promise: one file for each specification or part of it.
//!
//! Each test is a transcript: who sends what, and what each user sees. It runs against one
//! server, and against three servers in a line with the users at different ones: what one
//! server promises holds for the network. `play` says how a transcript is written.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

#[path = "../fixture/mod.rs"]
mod fixture;
mod net;
mod pattern;
mod play;

mod away_notify;
mod bots;
mod capabilities;
mod channels;
mod elsewhere;
mod errors;
mod everywhere;
mod help;
mod invite;
mod length;
mod links;
mod list;
mod lusers;
mod masks;
mod message_tags;
mod metadata;
mod modes;
mod multiline;
mod operators;
mod password;
mod queries;
mod read_marker;
mod redaction;
mod registration;
mod rename;
mod secret;
mod statusmsg;
mod utf8;
mod whois;
mod whowas;

/// A test that runs with one server and with three. Either a transcript:
///
/// ```ignore
/// conforms! { a_message_arrives "
///     ann +
///     bob +
///     ann > PRIVMSG bob :Hi
///     bob < :ann PRIVMSG bob :Hi
/// " }
/// ```
///
/// or code: `conforms! { name |net| { net.play("..."); ... } }`. `with |config| ...` behind the
/// name changes the configuration of each server.
macro_rules! conforms {
    ($(#[$meta:meta])* $name:ident $(with |$config:ident| $set:expr ;)? $text:literal) => {
        crate::conforms! { $(#[$meta])* $name $(with |$config| $set ;)? |net| { net.play($text); } }
    };
    ($(#[$meta:meta])* $name:ident $(with |$config:ident| $set:expr ;)? |$net:ident| $body:block) => {
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            fn run(servers: usize) {
                #[allow(unused_mut, unused_assignments)]
                let mut set: fn(&mut crc_core::Config) = |_| {};
                $(set = |$config| $set;)?
                let mut net = crate::net::Net::new(servers, set);
                let $net = &mut net;
                $body
            }

            #[test]
            fn one_server() {
                run(1);
            }

            #[test]
            fn three_servers() {
                run(3);
            }
        }
    };
}
pub(crate) use conforms;
