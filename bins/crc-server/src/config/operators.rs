//! `password`, `[[operator]]` and `[[operator-class]]`: who may register, who may become a
//! network operator, and what each may do.

use crc_cli::config::{ConfigError, ConfigFile, Spanned};
use crc_core::{
    Fingerprint, OPERATOR_NAME_BYTES_MAX, OperatorConfig, PasswordHash, Powers, is_printable,
};

use super::refuse_repeated;
use crate::passwords::parse_hash;

/// The classes that need no entry, with their powers.
const CLASSES: [(&str, Powers); 2] = [
    ("admin", Powers::ALL),
    (
        "moderator",
        Powers::KILL.with(Powers::BAN).with(Powers::WALLOPS),
    ),
];

/// An `[[operator]]` of the configuration file.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct OperatorTable {
    /// The name for OPER.
    name: Spanned<String>,
    /// The hash of the password.
    password: Option<Spanned<String>>,
    /// The fingerprint of the certificate that the operator must show.
    certificate: Option<Spanned<String>>,
    /// The name of a class.
    class: Spanned<String>,
}

/// An `[[operator-class]]` of the configuration file.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ClassTable {
    /// The name.
    name: Spanned<String>,
    /// What its operators may do.
    powers: Vec<Spanned<String>>,
}

/// Reads the hash of the password for all.
pub(crate) fn read_password(
    password: Option<&Spanned<String>>,
    file: &ConfigFile,
    errors: &mut Vec<ConfigError>,
) -> Option<PasswordHash> {
    read_hash(password, file).unwrap_or_else(|error| {
        errors.push(error);
        None
    })
}

/// Reads the hash of a password.
pub(super) fn read_hash(
    hash: Option<&Spanned<String>>,
    file: &ConfigFile,
) -> Result<Option<PasswordHash>, ConfigError> {
    let hash = hash.map(|hash| {
        let parsed = parse_hash(hash.get_ref());
        parsed.map_err(|text| file.error_at(hash.span(), format!("password: {text}")))
    });
    hash.transpose()
}

/// Reads the fingerprint of a certificate.
pub(super) fn read_fingerprint(
    certificate: Option<&Spanned<String>>,
    file: &ConfigFile,
) -> Result<Option<Fingerprint>, ConfigError> {
    let certificate = certificate.map(|certificate| {
        let parsed = certificate.get_ref().parse::<Fingerprint>();
        parsed.map_err(|_| {
            let text = "certificate: write its fingerprint: sha256: and 64 hexadecimal digits";
            file.error_at(certificate.span(), text)
        })
    });
    certificate.transpose()
}

/// Reads a name that is a word of IRC.
pub(super) fn read_word<'a>(
    name: &'a Spanned<String>,
    bytes_max: usize,
    file: &ConfigFile,
) -> Result<&'a str, ConfigError> {
    let word = name.get_ref();
    let is_word = word.chars().all(|c| is_printable(c) && c != ' ') && !word.starts_with(':');
    match is_word && (1..=bytes_max).contains(&word.len()) {
        true => Ok(word),
        false => {
            let text = format!("name: write a word of 1 to {bytes_max} bytes");
            Err(file.error_at(name.span(), text))
        }
    }
}

/// Reads the operators with their powers.
pub(crate) fn read(
    operators: &[OperatorTable],
    classes: &[ClassTable],
    file: &ConfigFile,
    errors: &mut Vec<ConfigError>,
) -> Vec<OperatorConfig> {
    let mut known: Vec<(String, Powers)> = Vec::new();
    for class in classes {
        match class.read(file) {
            Ok(class) => known.push(class),
            Err(error) => errors.push(error),
        }
    }
    let names = classes.iter().map(|class| &class.name);
    refuse_repeated("classes", names, file, errors);
    for (name, powers) in CLASSES {
        if !known.iter().any(|(other, _)| other == name) {
            known.push((name.to_owned(), powers));
        }
    }
    let mut read = Vec::new();
    for table in operators {
        match table.read(&known, file) {
            Ok(operator) => read.push(operator),
            Err(error) => errors.push(error),
        }
    }
    let names = operators.iter().map(|operator| &operator.name);
    refuse_repeated("operators", names, file, errors);
    read
}

impl ClassTable {
    fn read(&self, file: &ConfigFile) -> Result<(String, Powers), ConfigError> {
        let mut all = Powers::NONE;
        for word in &self.powers {
            let powers = match word.get_ref().as_str() {
                "all" => Ok(Powers::ALL),
                word if word.contains(',') => Powers::parse("one,of,them"),
                word => Powers::parse(word),
            };
            let powers = powers.map_err(|_| {
                let text = format!(
                    "powers: unknown power {:?}: write \"all\", or some of {}",
                    word.get_ref(),
                    Powers::ALL.to_string().replace(',', ", ")
                );
                file.error_at(word.span(), text)
            })?;
            all = all.with(powers);
        }
        Ok((self.name.get_ref().clone(), all))
    }
}

impl OperatorTable {
    fn read(
        &self,
        classes: &[(String, Powers)],
        file: &ConfigFile,
    ) -> Result<OperatorConfig, ConfigError> {
        let name = read_word(&self.name, OPERATOR_NAME_BYTES_MAX, file)?;
        let password = read_hash(self.password.as_ref(), file)?;
        let certificate = read_fingerprint(self.certificate.as_ref(), file)?;
        if password.is_none() && certificate.is_none() {
            let text = "an operator needs a password or a certificate: write password = \"HASH\", \
                        where HASH is what this prints: crc-server hash-password";
            return Err(file.error_at(self.name.span(), text));
        }
        let mut known = classes.iter();
        let class = self.class.get_ref();
        let class = known.find(|(known, _)| known == class).ok_or_else(|| {
            let names: Vec<_> = classes.iter().map(|(name, _)| &**name).collect();
            let text = format!(
                "class: there is no class {class:?}: classes are {}",
                names.join(", ")
            );
            file.error_at(self.class.span(), text)
        })?;
        Ok(OperatorConfig {
            name: name.into(),
            password,
            certificate,
            powers: class.1,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Tables;
    use super::*;

    const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$mL2gm3X9tlsXO2M4sTb6IbFQDzFJXrYNSSCsEEFmJAs";

    fn read_text(text: &str) -> Result<Vec<OperatorConfig>, Vec<String>> {
        let text = text.replace("HASH", HASH);
        let file = ConfigFile::from_bytes(Path::new("f"), text.into()).unwrap();
        let tables: Tables = file.tables().map_err(|error| vec![error.to_string()])?;
        let mut errors = Vec::new();
        read_password(tables.password.as_ref(), &file, &mut errors);
        let operators = read(&tables.operator, &tables.operator_class, &file, &mut errors);
        match errors.is_empty() {
            true => Ok(operators),
            false => Err(errors.iter().map(ToString::to_string).collect()),
        }
    }

    #[test]
    fn operators_have_the_powers_of_their_class() {
        let print = format!("sha256:{}", "ab".repeat(32));
        let text = format!(
            "[[operator]]\nname = \"ann\"\npassword = \"HASH\"\nclass = \"admin\"\n\
             [[operator]]\nname = \"bob\"\ncertificate = \"{print}\"\nclass = \"moderator\"\n\
             [[operator]]\nname = \"eve\"\npassword = \"HASH\"\ncertificate = \"{print}\"\nclass = \"desk\"\n\
             [[operator-class]]\nname = \"desk\"\npowers = [\"kill\", \"stats\"]\n"
        );
        let read = read_text(&text).unwrap();
        let powers: Vec<_> = read.iter().map(|it| it.powers.to_string()).collect();
        assert_eq!(read[0].powers, Powers::ALL);
        assert_eq!(powers[1..], ["kill,ban,wallops", "kill,stats"]);
        assert_eq!(&*read[0].password.as_ref().unwrap().0, HASH);
        assert_eq!(read[1].certificate, Some(Fingerprint([0xab; 32])));
        assert!(read[1].password.is_none() && read[2].password.is_some());
        // A default class can be defined anew.
        let text = "[[operator]]\nname = \"a\"\npassword = \"HASH\"\nclass = \"admin\"\n\
                    [[operator-class]]\nname = \"admin\"\npowers = []\n";
        assert_eq!(read_text(text).unwrap()[0].powers, Powers::NONE);
    }

    #[test]
    fn a_mistake_is_an_error_with_its_place() {
        let entry = "[[operator]]\nname = \"ann\"\npassword = \"HASH\"\nclass = \"admin\"\n";
        for (text, error) in [
            (
                "[[operator]]\nname = \"ann\"\nclass = \"admin\"\n",
                "f:2:8: an operator needs a password or a certificate: write password = \"HASH\"",
            ),
            (
                "[[operator]]\nname = \"ann b\"\npassword = \"HASH\"\nclass = \"admin\"\n",
                "f:2:8: name: write a word of 1 to 32 bytes",
            ),
            (
                "[[operator]]\nname = \"ann\"\npassword = \"secret\"\nclass = \"admin\"\n",
                "f:3:12: password: write what this prints: crc-server hash-password",
            ),
            (
                "[[operator]]\nname = \"ann\"\npassword = \"HASH\"\nclass = \"boss\"\n",
                "f:4:9: class: there is no class \"boss\": classes are admin, moderator",
            ),
            (
                "[[operator]]\nname = \"ann\"\ncertificate = \"ab\"\nclass = \"admin\"\n",
                "f:3:15: certificate: write its fingerprint",
            ),
            (&entry.repeat(2), "f:6:8: there are two operators \"ann\""),
            (
                "[[operator-class]]\nname = \"a\"\npowers = [\"kill\", \"fly\"]\n",
                "f:3:19: powers: unknown power \"fly\": write \"all\", or some of kill, ban,",
            ),
            (
                "[[operator-class]]\nname = \"a\"\npowers = []\n[[operator-class]]\nname = \"a\"\npowers = []\n",
                "f:5:8: there are two classes \"a\"",
            ),
            (
                "password = \"x\"",
                "f:1:12: password: write what this prints",
            ),
        ] {
            let errors = read_text(text).unwrap_err();
            assert!(errors[0].starts_with(error), "{text}: {errors:?}");
            assert_eq!(errors.len(), 1, "{text}");
        }
    }
}
