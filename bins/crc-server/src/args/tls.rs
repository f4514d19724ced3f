//! The options of TLS.

use std::net::SocketAddr;
use std::path::PathBuf;

use crc_cli::parse_listen_address;
use crc_net::{CertificateAuthorities, CertificateFiles};

use super::checks::Problem;

/// TLS 1.3 and 1.2, for clients, IRC clients and other servers.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsArgs {
    /// Address to listen on for clients and servers, by TLS; can be repeated
    ///
    /// It needs --tls-cert and --tls-key. Others reach it with
    /// --connect tls://HOST:PORT, and clients with --server tls://HOST:PORT.
    #[arg(long, value_name = "ADDR", value_parser = parse_listen_address)]
    pub(crate) listen_tls: Vec<SocketAddr>,

    /// Address to listen on for IRC clients, by TLS; can be repeated
    #[arg(long, value_name = "ADDR", value_parser = parse_listen_address)]
    pub(crate) irc_tls: Vec<SocketAddr>,

    /// The certificate, and those between it and its authority (PEM); can be repeated
    ///
    /// A client that asks for a name gets the first certificate that is valid for
    /// it, any other client the first one. SIGHUP reads the files again. Make one with:
    /// crc-server make-cert
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_cert: Vec<PathBuf>,

    /// The private key of the certificate (PEM); as often as --tls-cert, in its order
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Vec<PathBuf>,

    /// Certificates of the authorities that sign those of servers to connect to (PEM);
    /// can be repeated [default: those that the system trusts]
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_ca: Vec<PathBuf>,
}

impl TlsArgs {
    /// Whether some listener has TLS.
    pub(crate) fn has_listener(&self) -> bool {
        !self.listen_tls.is_empty() || !self.irc_tls.is_empty()
    }

    /// The certificates of the listeners.
    pub(crate) fn certificates(&self) -> Vec<CertificateFiles> {
        let pairs = self.tls_cert.iter().zip(&self.tls_key);
        pairs
            .map(|(chain, key)| CertificateFiles {
                chain: chain.clone(),
                key: key.clone(),
            })
            .collect()
    }

    /// Who signs the certificates of servers to connect to.
    pub(crate) fn authorities(&self) -> CertificateAuthorities {
        match &self.tls_ca[..] {
            [] => CertificateAuthorities::System,
            files => CertificateAuthorities::Files(files.to_vec()),
        }
    }

    /// What is wrong with the options together.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let (certs, keys) = (self.tls_cert.len(), self.tls_key.len());
        if certs != keys {
            let option = if certs < keys { "tls-key" } else { "tls-cert" };
            let text = format!(
                "there are {certs} --tls-cert and {keys} --tls-key: each certificate has a key"
            );
            problems.push(Problem::new(option, None, text));
        }
        let listeners = [("listen-tls", &self.listen_tls), ("irc-tls", &self.irc_tls)];
        let needy = listeners.iter().find(|(_, all)| !all.is_empty());
        if let Some((option, _)) = needy
            && certs == 0
            && keys == 0
        {
            let text = "TLS needs a certificate: write --tls-cert FILE --tls-key FILE; to make \
                        one: crc-server make-cert --name HOST --out DIR";
            problems.push(Problem::new(option, None, text));
        }
        problems
    }
}
