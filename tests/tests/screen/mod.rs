//! The client of a user at a terminal: what the screen shows, at two sizes.

mod connection;
mod input;
mod keys;
mod options;
mod page;
mod persons;
mod reef;
mod scrolling;
mod terminal;
mod windows;
