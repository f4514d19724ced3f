//! `[[webirc]]`: the gateways that may connect for users of IRC.

use std::net::IpAddr;

use crc_cli::config::{ConfigError, ConfigFile, Spanned};
use crc_core::{GATEWAY_NAME_BYTES_MAX, GatewayConfig};

use ipnet::IpNet;

use super::operators::{read_fingerprint, read_hash, read_word};
use super::refuse_repeated;
use crate::args::parse_network;

/// A `[[webirc]]` of the configuration file.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct GatewayTable {
    /// The name, for the log.
    name: Spanned<String>,
    /// The addresses and networks from which it connects.
    from: Spanned<Vec<Spanned<String>>>,
    /// The hash of its password.
    password: Option<Spanned<String>>,
    /// The fingerprint of the certificate that it must show.
    certificate: Option<Spanned<String>>,
}

/// Reads the gateways.
pub(crate) fn read(
    tables: &[GatewayTable],
    file: &ConfigFile,
    errors: &mut Vec<ConfigError>,
) -> Vec<GatewayConfig> {
    let mut read = Vec::new();
    for table in tables {
        match table.read(file) {
            Ok(gateway) => read.push(gateway),
            Err(error) => errors.push(error),
        }
    }
    let names = tables.iter().map(|table| &table.name);
    refuse_repeated("gateways", names, file, errors);
    read
}

impl GatewayTable {
    fn read(&self, file: &ConfigFile) -> Result<GatewayConfig, ConfigError> {
        let name = read_word(&self.name, GATEWAY_NAME_BYTES_MAX, file)?.into();
        let from = self.from.get_ref().iter().map(|network| {
            let parsed = match network.get_ref().parse::<IpAddr>() {
                Ok(ip) => Ok(IpNet::from(ip.to_canonical())),
                Err(_) => parse_network(network.get_ref()),
            };
            parsed.map_err(|text| file.error_at(network.span(), format!("from: {text}")))
        });
        let from = from.collect::<Result<Vec<_>, _>>()?;
        if from.is_empty() {
            let text = "from: write the address from which the gateway connects";
            return Err(file.error_at(self.from.span(), text));
        }
        if let Some(place) = from.iter().position(|network| network.prefix_len() == 0) {
            let text = "from: a gateway may say that its users are anywhere: write its own \
                        address or network, not all addresses";
            return Err(file.error_at(self.from.get_ref()[place].span(), text));
        }
        let password = read_hash(self.password.as_ref(), file)?;
        let certificate = read_fingerprint(self.certificate.as_ref(), file)?;
        if password.is_none() && certificate.is_none() {
            let text = "a gateway needs a password or a certificate: write password = \"HASH\", \
                        where HASH is what this prints: crc-server hash-password";
            return Err(file.error_at(self.name.span(), text));
        }
        Ok(GatewayConfig {
            name,
            from,
            password,
            certificate,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Tables;
    use super::*;

    const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$mL2gm3X9tlsXO2M4sTb6IbFQDzFJXrYNSSCsEEFmJAs";

    fn read_text(text: &str) -> Result<Vec<GatewayConfig>, Vec<String>> {
        let text = text.replace("HASH", HASH);
        let file = ConfigFile::from_bytes(Path::new("f"), text.into()).unwrap();
        let tables: Tables = file.tables().map_err(|error| vec![error.to_string()])?;
        let mut errors = Vec::new();
        let gateways = read(&tables.webirc, &file, &mut errors);
        match errors.is_empty() {
            true => Ok(gateways),
            false => Err(errors.iter().map(ToString::to_string).collect()),
        }
    }

    #[test]
    fn gateways_have_networks_and_a_proof() {
        let print = format!("sha256:{}", "ab".repeat(32));
        let text = format!(
            "[[webirc]]\nname = \"kiwi\"\nfrom = [\"192.0.2.80\", \"2001:db8::/64\"]\npassword = \"HASH\"\n\
             [[webirc]]\nname = \"moa\"\nfrom = [\"::1\"]\ncertificate = \"{print}\"\n"
        );
        let read = read_text(&text).unwrap();
        let from: Vec<_> = read[0].from.iter().map(ToString::to_string).collect();
        assert_eq!(from, ["192.0.2.80/32", "2001:db8::/64"]);
        assert_eq!(&*read[0].password.as_ref().unwrap().0, HASH);
        assert!(read[0].certificate.is_none() && read[1].password.is_none());
        assert!(read[1].certificate.is_some());
    }

    #[test]
    fn a_mistake_is_an_error_with_its_place() {
        let entry = |more: &str| format!("[[webirc]]\nname = \"kiwi\"\n{more}");
        let whole = entry("from = [\"::1\"]\npassword = \"HASH\"\n");
        for (text, error) in [
            (
                entry("from = [\"::1\"]\n"),
                "f:2:8: a gateway needs a password or a certificate: write password = \"HASH\"",
            ),
            (
                entry("from = []\npassword = \"HASH\"\n"),
                "f:3:8: from: write the address from which the gateway connects",
            ),
            (
                entry("password = \"HASH\"\n"),
                "f:1:1: the key from is missing",
            ),
            (
                entry("from = [\"::1\", \"10.0.0.1/8\"]\npassword = \"HASH\"\n"),
                "f:3:16: from: 10.0.0.1 is an address in the network 10.0.0.0/8: write 10.0.0.0/8,",
            ),
            (
                entry("from = [\"gate.example\"]\npassword = \"HASH\"\n"),
                "f:3:9: from: ",
            ),
            (
                entry("from = [\"0.0.0.0/0\"]\npassword = \"HASH\"\n"),
                "f:3:9: from: a gateway may say that its users are anywhere: write its own",
            ),
            (
                entry("from = [\"::1\"]\npassword = \"secret\"\n"),
                "f:4:12: password: write what this prints: crc-server hash-password",
            ),
            (
                entry("from = [\"::1\"]\ncertificate = \"ab\"\n"),
                "f:4:15: certificate: write its fingerprint",
            ),
            (whole.repeat(2), "f:6:8: there are two gateways \"kiwi\""),
            (
                whole.replace("kiwi", "ki wi"),
                "f:2:8: name: write a word of 1 to 32 bytes",
            ),
            (
                format!("{whole}host = \"x\"\n"),
                "f:5:1: unknown key host: the keys here are",
            ),
        ] {
            let errors = read_text(&text).unwrap_err();
            assert!(errors[0].starts_with(error), "{text}: {errors:?}");
            assert_eq!(errors.len(), 1, "{text}");
        }
    }
}
