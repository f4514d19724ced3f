//! Bots at servers with TLS or a password.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod fixture;

use std::fs;
use std::path::Path;

use crc_bot::{Bot, Error, Fault};
use crc_net::{CertificateFiles, fingerprint_of_file};

use fixture::{PASSWORD, TestServer};

/// Writes a certificate for `localhost` that signs itself.
fn certificate(folder: &Path) -> CertificateFiles {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = CertificateFiles {
        chain: folder.join("chain.pem"),
        key: folder.join("key.pem"),
    };
    fs::write(&files.chain, made.cert.pem()).unwrap();
    fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    files
}

#[test]
fn a_bot_trusts_authorities_and_pins_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let files = certificate(folder.path());
    let pin = fingerprint_of_file(&files.chain).unwrap();
    let server = TestServer::start_with(|_| {}, Some(files.clone()));
    let address = format!("tls://localhost:{}", server.address.port());
    let bot = |address: &str| Bot::builder("bot").server(address);

    let trusting = bot(&address).trust(&files.chain).connect();
    assert!(trusting.unwrap().is_connected());
    let pinned = bot(&format!("{address}#{pin}")).connect();
    assert!(pinned.unwrap().is_connected());

    let other = "0".repeat(64);
    for untrusted in [address.clone(), format!("{address}#sha256:{other}")] {
        let error = bot(&untrusted).connect().unwrap_err();
        assert!(matches!(error, Error::Untrusted(_)), "{error:?}");
        assert_eq!(error.fault(), Fault::Server);
    }
}

#[test]
fn a_bot_gives_the_password_of_the_network() {
    let password = |config: &mut crc_core::Config| {
        config.password = Some(crc_core::PasswordHash("a hash".into()));
    };
    let server = TestServer::start_with(password, None);
    let bot = server.bot("bot").password(PASSWORD).connect().unwrap();
    assert!(bot.is_connected());
    let error = server.bot("bot").password("urchin").connect().unwrap_err();
    assert!(
        matches!(&error, Error::Refused(text) if text.contains("password")),
        "{error}"
    );
}
