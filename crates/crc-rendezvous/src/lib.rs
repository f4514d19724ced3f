//! A rendezvous: a directory by which peers find each other, and the mesh that
//! they form.
#![forbid(unsafe_code)]

pub mod codec;

pub use codec::{
    ChatDecoder, CodecError, PAUSE, RegistrationDecoder, Said, Update, UpdateDecoder, write_hello,
    write_list, write_registration, write_teardown, write_text,
};
