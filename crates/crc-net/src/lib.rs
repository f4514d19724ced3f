//! Drives a machine with sockets.
#![deny(unsafe_code)]
