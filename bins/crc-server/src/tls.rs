//! TLS of the server: certificates that are read at the start and again on SIGHUP, and
//! `make-cert`.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crc_cli::UtcTime;
use crc_core::Fingerprint;
use crc_net::{TlsClient, TlsError, TlsServer, fingerprint_of_file};

use crate::args::{MakeCert, TlsArgs};

/// The file that is at fault.
pub(crate) fn file_of(error: &TlsError) -> Option<&Path> {
    match error {
        TlsError::File { path, .. } | TlsError::Certificate { chain: path, .. } => Some(path),
        _ => None,
    }
}

/// The certificates of the listeners, and whom the server trusts.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    pub(crate) server: Option<TlsServer>,
    pub(crate) client: TlsClient,
}

impl Tls {
    pub(crate) fn load(args: &TlsArgs) -> Result<Tls, TlsError> {
        let certificates = args.certificates();
        let server = match &certificates[..] {
            [] => None,
            files => Some(TlsServer::load(files)?),
        };
        let client = TlsClient::load(&args.authorities(), certificates.first())?;
        Ok(Tls { server, client })
    }

    /// Takes the certificates and authorities of `new` for connections to come. Listeners that were
    /// opened without a certificate need a restart.
    pub(crate) fn replace(&mut self, new: Tls) {
        if let (Some(server), Some(new)) = (&self.server, &new.server) {
            server.replace(new);
        }
        self.client.replace(&new.client);
    }
}

/// The fingerprint of the certificate that clients are shown. With several it depends on the name
/// that a client asks for.
pub(crate) fn own_pin(args: &TlsArgs) -> Option<Fingerprint> {
    match &args.certificates()[..] {
        [only] => fingerprint_of_file(&only.chain).ok(),
        _ => None,
    }
}

/// Why no certificate was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MakeCertError {
    #[error("cannot write {path:?}: {source}; use another --out")]
    Write { path: PathBuf, source: io::Error },
    #[error("{path:?} exists: move it away first, or use another --out")]
    Exists { path: PathBuf },
    #[error("cannot make a certificate: {0}; --name is a host name or an IP address")]
    Make(#[from] rcgen::Error),
}

/// How long a certificate is valid, in years.
const YEARS: i32 = 10;

/// Makes a key and a certificate that it signs itself.
pub(crate) fn make_cert(options: &MakeCert) -> Result<(), MakeCertError> {
    let mut params = rcgen::CertificateParams::new(options.name.clone())?;
    let first = options.name.first().map_or("crc-server", |name| name);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, first);
    let (year, month, day) = today();
    // A clock may be a day behind.
    params.not_before = rcgen::date_time_ymd(year - 1, month, day);
    params.not_after = rcgen::date_time_ymd(year + YEARS, month, day);
    let key = rcgen::KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;

    let out = &options.out;
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| MakeCertError::Write { path, source }
    };
    fs::create_dir_all(out).map_err(failed(out))?;
    let files = [
        (out.join("cert.pem"), certificate.pem(), 0o644),
        (out.join("key.pem"), key.serialize_pem(), 0o600),
    ];
    if let Some((path, ..)) = files.iter().find(|(path, ..)| path.exists()) {
        return Err(MakeCertError::Exists { path: path.clone() });
    }
    for (path, text, mode) in &files {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(*mode)
            .open(path);
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(failed(path))?;
    }
    let (cert, key) = (&files[0].0, &files[1].0);
    let text = match fingerprint_of_file(cert) {
        Ok(fingerprint) => format!(
            "certificate {}\nkey {}\nfingerprint {fingerprint}",
            cert.display(),
            key.display()
        ),
        Err(error) => error.to_string(),
    };
    // The files say it too.
    let _ = crc_cli::print_line(&text);
    Ok(())
}

/// The date of today: year, month and day. The 29th of February counts as the 28th, which every
/// year has.
fn today() -> (i32, u8, u8) {
    let date = UtcTime::from(SystemTime::now()).date();
    let day = if date.month == 2 {
        date.day.min(28)
    } else {
        date.day
    };
    (date.year, date.month, day)
}
