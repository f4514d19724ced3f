//! The optional features, each against the plain crate.

mod arbitrary;
mod serde;
mod tokio_util;
