//! The optional features.

mod arbitrary;
mod serde;
mod tokio_util;
