//! `[[link]]`: the servers that this one links to by a secret, or as v1 servers.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crc_cli::config::{ConfigError, ConfigFile, Spanned};
use crc_core::{LinkConfig, LinkDirection, PeerAddress, Secret, check_ascii_name};
use crc_wire::Name;

use super::refuse_repeated;

/// The name of an entry for all servers that have none of their own.
const ANY: &str = "*";

/// The largest file with a secret, with blanks around it.
const SECRET_FILE_BYTES_MAX: usize = 2048;

/// A `[[link]]` of the configuration file.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct LinkTable {
    /// The name of the server, or `*`.
    name: Spanned<String>,
    /// Where it is dialled.
    address: Option<Spanned<String>>,
    /// The file with the secret; without it this is a v1 server.
    secret_file: Option<Spanned<PathBuf>>,
    /// Who dials: `dial` (this server), `accept` (the other one), `both`.
    direction: Option<Spanned<String>>,
}

/// Reads the links, and the files with their secrets. The files that other users can read are
/// added to `readable`.
pub(crate) fn read(
    tables: &[LinkTable],
    file: &ConfigFile,
    readable: &mut Vec<PathBuf>,
    errors: &mut Vec<ConfigError>,
) -> Vec<LinkConfig> {
    let mut links = Vec::new();
    for table in tables {
        match table.read(file, readable) {
            Ok(link) => links.push(link),
            Err(error) => errors.push(error),
        }
    }
    let names = tables.iter().map(|table| &table.name);
    refuse_repeated("links to", names, file, errors);
    refuse_repeated_addresses(tables, file, errors);
    links
}

/// Adds an error for each address that another entry has: the server there is that of the first one.
fn refuse_repeated_addresses(
    tables: &[LinkTable],
    file: &ConfigFile,
    errors: &mut Vec<ConfigError>,
) {
    for (at, table) in tables.iter().enumerate() {
        let Some(address) = &table.address else {
            continue;
        };
        let mut before = tables[..at].iter();
        let same = before.find(|other| {
            let other = other.address.as_ref();
            other.is_some_and(|other| other.get_ref() == address.get_ref())
        });
        if let Some(other) = same {
            let name = other.name.get_ref();
            let text = format!("address: the link to {name:?} has this address already");
            errors.push(file.error_at(address.span(), text));
        }
    }
}

impl LinkTable {
    /// An error if the address is this server's own, as `own` says.
    pub(crate) fn own_address(
        &self,
        file: &ConfigFile,
        own: impl Fn(&PeerAddress) -> Option<String>,
    ) -> Option<ConfigError> {
        let address = self.address.as_ref()?;
        let own = own(&address.get_ref().parse().ok()?)?;
        let text = format!(
            "address: {} is this server itself ({own}): write the address of the other server",
            address.get_ref()
        );
        Some(file.error_at(address.span(), text))
    }

    fn read(
        &self,
        file: &ConfigFile,
        readable: &mut Vec<PathBuf>,
    ) -> Result<LinkConfig, ConfigError> {
        let name = match self.name.get_ref().as_str() {
            ANY => None,
            name => {
                let checked = check_ascii_name(name)
                    .map_err(|error| file.error_at(self.name.span(), format!("name: {error}")));
                checked?;
                Name::new(name.to_owned()).ok()
            }
        };
        let address = self.address.as_ref().map(|address| {
            let parsed = address.get_ref().parse();
            parsed.map_err(|error| file.error_at(address.span(), format!("address: {error}")))
        });
        let address = address.transpose()?;
        let direction = self.direction(file)?;
        let at_direction = |text: &str| {
            let place = self.direction.as_ref().map(Spanned::span);
            file.error_at(place.unwrap_or_else(|| self.name.span()), text)
        };
        match (direction, &address) {
            (LinkDirection::Dial, None) => Err(at_direction(
                "direction: this server cannot dial without an address: write address = \"HOST:PORT\"",
            )),
            (LinkDirection::Accept, Some(_)) => Err(at_direction(
                "direction: an address is not dialled with \"accept\": write \"both\", or leave the address out",
            )),
            _ => Ok(()),
        }?;
        let secret = self
            .secret_file
            .as_ref()
            .map(|path| read_secret(path, file, readable));
        let secret = secret.transpose()?;
        if secret.is_none() && name.is_none() {
            let text = "a link to all servers needs a secret: write secret-file = \"FILE\"";
            return Err(file.error_at(self.name.span(), text));
        }
        Ok(LinkConfig {
            name,
            address,
            secret,
            direction,
        })
    }

    fn direction(&self, file: &ConfigFile) -> Result<LinkDirection, ConfigError> {
        let Some(direction) = &self.direction else {
            return Ok(LinkDirection::Both);
        };
        match direction.get_ref().as_str() {
            "both" => Ok(LinkDirection::Both),
            "dial" => Ok(LinkDirection::Dial),
            "accept" => Ok(LinkDirection::Accept),
            _ => {
                let text = "direction: write \"both\", \"dial\" or \"accept\"";
                Err(file.error_at(direction.span(), text))
            }
        }
    }
}

/// Reads a secret: the contents of the file without blanks and line ends around them. A
/// relative path begins at the folder of the configuration file.
fn read_secret(
    path: &Spanned<PathBuf>,
    file: &ConfigFile,
    readable: &mut Vec<PathBuf>,
) -> Result<Secret, ConfigError> {
    let error = |text: String| file.error_at(path.span(), format!("secret-file: {text}"));
    let folder = file.path().parent().unwrap_or(Path::new(""));
    let full = folder.join(path.get_ref());
    let (bytes, metadata) = crc_cli::read_file(&full, SECRET_FILE_BYTES_MAX)
        .map_err(|why| error(format!("cannot read {}: {why}", full.display())))?;
    let mode = metadata.permissions().mode();
    if mode & 0o002 != 0 {
        let text = format!(
            "every user of this machine can change {0}: run chmod 600 {0}",
            full.display()
        );
        return Err(error(text));
    }
    if mode & 0o004 != 0 && !readable.contains(&full) {
        readable.push(full.clone());
    }
    Secret::new(bytes.trim_ascii()).map_err(|why| {
        error(format!(
            "{why}: write one by: head -c 32 /dev/urandom | base64 > {}",
            full.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::Tables;
    use super::*;

    fn read_text(folder: &Path, text: &str) -> Result<Vec<LinkConfig>, Vec<String>> {
        let path = folder.join("server.toml");
        let file = ConfigFile::from_bytes(&path, text.into()).unwrap();
        let tables: Tables = file.tables().map_err(|error| vec![error.to_string()])?;
        let mut errors = Vec::new();
        let mut readable = Vec::new();
        let links = read(&tables.link, &file, &mut readable, &mut errors);
        assert!(readable.is_empty(), "{readable:?}");
        let text = |error: &ConfigError| {
            let text = error.to_string();
            text.replace(folder.to_str().unwrap(), "F")
        };
        match errors.is_empty() {
            true => Ok(links),
            false => Err(errors.iter().map(text).collect()),
        }
    }

    #[test]
    fn links_are_read_with_their_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("reef.secret");
        fs::write(&secret, " correct horse battery staple\r\n").unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        let text = "\
            [[link]]\nname = \"reef\"\naddress = \"reef.example:33300\"\nsecret-file = \"reef.secret\"\n\
            [[link]]\nname = \"*\"\nsecret-file = \"reef.secret\"\ndirection = \"accept\"\n\
            [[link]]\nname = \"old\"\naddress = \"127.0.0.1:9\"\ndirection = \"dial\"\n";
        let links = read_text(folder.path(), text).unwrap();
        let secret = Secret::new("correct horse battery staple").unwrap();
        let link = |name: Option<&'static str>, address: Option<&str>| LinkConfig {
            name: name.map(|name| Name::new(name).unwrap()),
            address: address.map(|address| address.parse().unwrap()),
            secret: Some(secret.clone()),
            direction: LinkDirection::Both,
        };
        let any = LinkConfig {
            direction: LinkDirection::Accept,
            ..link(None, None)
        };
        let old = LinkConfig {
            secret: None,
            direction: LinkDirection::Dial,
            ..link(Some("old"), Some("127.0.0.1:9"))
        };
        let reef = link(Some("reef"), Some("reef.example:33300"));
        assert_eq!(links, [reef, any, old]);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        for (name, contents, mode) in [
            ("short", "too short\n", 0o600),
            ("open", "sixteen bytes or more", 0o666),
            ("long", &"x".repeat(1025), 0o600),
            ("huge", &"x".repeat(2049), 0o600),
            ("good", "sixteen bytes or more", 0o600),
        ] {
            let path = folder.path().join(name);
            fs::write(&path, contents).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        for (text, error) in [
            ("name = \"\"", "F/server.toml:2:8: name: the name is empty"),
            (
                "name = \"a\"\nsecret-file = \"none\"",
                "F/server.toml:3:15: secret-file: cannot read F/none: ",
            ),
            (
                "name = \"a\"\nsecret-file = \"short\"",
                "F/server.toml:3:15: secret-file: a secret has 16 to 1024 bytes, not 9: write one by:",
            ),
            (
                "name = \"a\"\nsecret-file = \"open\"",
                "F/server.toml:3:15: secret-file: every user of this machine can change F/open: run chmod 600 F/open",
            ),
            (
                "name = \"a\"\nsecret-file = \"long\"",
                "F/server.toml:3:15: secret-file: a secret has 16 to 1024 bytes, not 1025: write one by:",
            ),
            (
                "name = \"a\"\nsecret-file = \"huge\"",
                "F/server.toml:3:15: secret-file: cannot read F/huge: it has more than 2 KiB",
            ),
            (
                "name = \"a\"\naddress = \"reef\"",
                "F/server.toml:3:11: address: an address looks like",
            ),
            (
                "name = \"a\"\ndirection = \"up\"",
                "F/server.toml:3:13: direction: write \"both\", \"dial\" or \"accept\"",
            ),
            (
                "name = \"a\"\ndirection = \"dial\"",
                "F/server.toml:3:13: direction: this server cannot dial without an address",
            ),
            (
                "name = \"a\"\naddress = \"a:1\"\ndirection = \"accept\"",
                "F/server.toml:4:13: direction: an address is not dialled with \"accept\"",
            ),
            (
                "name = \"*\"",
                "F/server.toml:2:8: a link to all servers needs a secret",
            ),
            (
                "name = \"a\"\nsecret-file = \"good\"\n[[link]]\nname = \"a\"",
                "F/server.toml:5:8: there are two links to \"a\"",
            ),
        ] {
            let errors = read_text(folder.path(), &format!("[[link]]\n{text}\n")).unwrap_err();
            assert!(errors[0].starts_with(error), "{errors:?}");
            assert_eq!(errors.len(), 1);
        }
        for unknown in ["[[link]]\nname = \"a\"\nsecret = \"x\"\n", "[[link]]\n"] {
            assert!(read_text(folder.path(), unknown).is_err(), "{unknown}");
        }
    }
}
