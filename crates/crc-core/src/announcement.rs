//! The machine part of an info, by which v2 nodes recognise each other (PROTOCOL
//! section 6).
//!
//! A version 2 node repeats its registration with a machine part at the end of the
//! info, ` [crc2;a=HOST:PORT;r=RANK;f=WORD,WORD]`. v1 nodes treat it as text. This
//! module reads and writes that part; `crc` decides when it is sent, and what it means.

use core::fmt::{self, Write};
use core::num::NonZeroU64;
use std::borrow::Cow;

use crc_machine::PeerAddress;
use crc_wire::HostId;

use crate::admission::NAME_BYTES_MAX;
use crate::hex::{Hex, from_hex};
use crate::names::{ascii_name, check_name};
use crate::server_list::{CLIENT_ADDRESSES_MAX, can_be_told_to_clients};

/// The beginning of the machine part, the blank before it included.
const OPENING: &str = " [crc2";

/// The rank of a server that has none yet.
pub const UNRANKED: u32 = u32::MAX;

/// A node's announcement: the content of the machine part.
///
/// ```
/// use crc_core::{Announcement, split_info};
///
/// let info = "Elrond's House [crc2;a=10.0.0.2:33300;r=1;f=server-quit]";
/// let (human, machine) = split_info(info);
/// assert_eq!(human, "Elrond's House");
/// let announcement = Announcement::parse(machine.unwrap());
/// assert_eq!(announcement.rank, Some(1));
/// assert!(announcement.features.server_quit);
/// assert_eq!(format!("{human}{announcement}"), info);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Announcement {
    /// The address at which others reach it (`a`), if it has one.
    pub address: Option<PeerAddress>,
    /// The addresses at which clients reach it (`c`).
    pub client_addresses: Vec<PeerAddress>,
    /// Its place in the order in which servers dial each other (`r`).
    pub rank: Option<u32>,
    /// What its clock shows as it announces itself, in milliseconds of Unix time (`t`).
    pub clock_ms: Option<u64>,
    /// By how many milliseconds it has shifted its clock, and all times that it holds
    /// (`d`).
    pub shift_ms: Option<i64>,
    /// The longest text in bytes that it takes from a server, if that is not 64 KiB (`x`).
    pub text_bytes_max: Option<u32>,
    /// What it has drawn for the proofs of a link's secret (`n`).
    pub nonce: Option<[u8; 32]>,
    /// Its proof of the link's secret (`p`).
    pub proof: Option<[u8; 32]>,
    /// As a client, its name in UTF-8, if that is not ASCII (`u`).
    pub utf8_name: Option<Box<str>>,
    /// As a client, whether a program speaks for itself, and no person (`m=B`).
    pub is_bot: bool,
    /// What it takes beyond version 1 (`f`).
    pub features: Features,
}

/// The features of a node: the frames beyond version 1 that it takes. Unknown feature
/// words are ignored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Features {
    /// `server-quit`: it takes ServerQuit frames.
    pub server_quit: bool,
    /// `channels`: it takes the frames of channels.
    pub channels: bool,
    /// `channel-age`: as a server, it takes the frames that carry a channel's age.
    pub channel_age: bool,
    /// `auth`: as a server, it can prove the secret of a link.
    pub auth: bool,
    /// `oper`: it takes the requests of network operators.
    pub oper: bool,
    /// `notices`: as a client, it takes notices as such. As a server, it says them so to
    /// clients.
    pub notices: bool,
    /// `servers`: as a client, it takes the addresses of other servers, to which it may move.
    /// As a server, it says them to clients.
    pub servers: bool,
    /// `utf8-names`: as a client, it takes names in UTF-8. As a server, it takes those of
    /// clients, and says them to clients.
    pub utf8_names: bool,
    /// `people`: it takes the requests and answers about names, absences and users (PROTOCOL
    /// section 13).
    pub people: bool,
    /// `ping`: as a server, it answers the pings of clients. It is said to clients only.
    pub ping: bool,
    /// `metadata`: as a server, it takes what users say of themselves (PROTOCOL section 13).
    pub metadata: bool,
    /// `tags`: as a server, it takes chats with tags (PROTOCOL section 9).
    pub tags: bool,
    /// `questions`: as a server, it answers questions of users of other servers.
    pub questions: bool,
}

impl Features {
    /// The features of this version, without a configuration.
    pub const OURS: Features = Features {
        server_quit: true,
        channels: true,
        channel_age: true,
        auth: false,
        oper: true,
        notices: false,
        servers: false,
        utf8_names: false,
        people: true,
        ping: false,
        metadata: true,
        tags: true,
        questions: true,
    };

    /// What a server announces before both ends have proved the secret of their link.
    pub(crate) const AUTH: Features = Features {
        server_quit: false,
        channels: false,
        channel_age: false,
        auth: true,
        oper: false,
        notices: false,
        servers: false,
        utf8_names: false,
        people: false,
        ping: false,
        metadata: false,
        tags: false,
        questions: false,
    };

    /// All that matters to clients of a server of this version.
    pub const FOR_CLIENTS: Features = Features {
        channel_age: false,
        notices: true,
        servers: true,
        utf8_names: true,
        ping: true,
        metadata: false,
        tags: false,
        questions: false,
        ..Features::OURS
    };

    /// The features that are both here and in `other`.
    #[must_use]
    pub const fn and(self, other: Features) -> Features {
        Features {
            server_quit: self.server_quit && other.server_quit,
            channels: self.channels && other.channels,
            channel_age: self.channel_age && other.channel_age,
            auth: self.auth && other.auth,
            oper: self.oper && other.oper,
            notices: self.notices && other.notices,
            servers: self.servers && other.servers,
            utf8_names: self.utf8_names && other.utf8_names,
            people: self.people && other.people,
            ping: self.ping && other.ping,
            metadata: self.metadata && other.metadata,
            tags: self.tags && other.tags,
            questions: self.questions && other.questions,
        }
    }

    fn read(words: &str, separator: char) -> Features {
        let has = |wanted| words.split(separator).any(|word| word == wanted);
        Features {
            server_quit: has("server-quit"),
            channels: has("channels"),
            channel_age: has("channel-age"),
            auth: has("auth"),
            oper: has("oper"),
            notices: has("notices"),
            servers: has("servers"),
            utf8_names: has("utf8-names"),
            people: has("people"),
            ping: has("ping"),
            metadata: has("metadata"),
            tags: has("tags"),
            questions: has("questions"),
        }
    }
}

impl fmt::Display for Features {
    /// The words, with commas between.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            ("server-quit", self.server_quit),
            ("channels", self.channels),
            ("channel-age", self.channel_age),
            ("auth", self.auth),
            ("oper", self.oper),
            ("notices", self.notices),
            ("servers", self.servers),
            ("utf8-names", self.utf8_names),
            ("people", self.people),
            ("ping", self.ping),
            ("metadata", self.metadata),
            ("tags", self.tags),
            ("questions", self.questions),
        ];
        let mut separator = "";
        for (word, _) in words.into_iter().filter(|(_, has)| *has) {
            write!(f, "{separator}{word}")?;
            separator = ",";
        }
        Ok(())
    }
}

impl Announcement {
    /// Reads a machine part, as [`split_info`] gives it. Unknown keys and words
    /// and invalid values are ignored.
    #[must_use]
    pub fn parse(machine: &str) -> Announcement {
        let mut announcement = Announcement::default();
        for entry in entries(machine) {
            match entry.split_once('=') {
                Some(("a", address)) => announcement.address = address.parse().ok(),
                Some(("c", list)) => announcement.client_addresses = addresses_of(list),
                Some(("r", rank)) => announcement.rank = rank.parse().ok(),
                Some(("t", clock)) => announcement.clock_ms = clock.parse().ok(),
                Some(("d", shift)) => announcement.shift_ms = shift.parse().ok(),
                Some(("x", bytes)) => announcement.text_bytes_max = bytes.parse().ok(),
                Some(("n", nonce)) => announcement.nonce = bytes_of(nonce),
                Some(("p", proof)) => announcement.proof = bytes_of(proof),
                Some(("u", name)) => announcement.utf8_name = name_of(name).map(Box::from),
                Some(("m", modes)) => announcement.is_bot = UserModes::parse(modes).bot,
                Some(("f", words)) => announcement.features = Features::read(words, ','),
                _ => {}
            }
        }
        announcement
    }
}

impl fmt::Display for Announcement {
    /// The machine part, the blank before it included.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(OPENING)?;
        if let Some(address) = &self.address {
            write!(f, ";a={address}")?;
        }
        let mut separator = ";c=";
        for address in &self.client_addresses {
            write!(f, "{separator}{address}")?;
            separator = ",";
        }
        if let Some(rank) = self.rank {
            write!(f, ";r={rank}")?;
        }
        if let Some(clock) = self.clock_ms {
            write!(f, ";t={clock}")?;
        }
        if let Some(shift) = self.shift_ms {
            write!(f, ";d={shift}")?;
        }
        if let Some(bytes) = self.text_bytes_max {
            write!(f, ";x={bytes}")?;
        }
        if let Some(nonce) = &self.nonce {
            write!(f, ";n={}", Hex(nonce))?;
        }
        if let Some(proof) = &self.proof {
            write!(f, ";p={}", Hex(proof))?;
        }
        if let Some(name) = &self.utf8_name {
            write!(f, ";u={}", Hex(name.as_bytes()))?;
        }
        if self.is_bot {
            f.write_str(";m=B")?;
        }
        write!(f, ";f={}", self.features)?;
        f.write_char(']')
    }
}

/// Reads addresses with commas between.
fn addresses_of(list: &str) -> Vec<PeerAddress> {
    let addresses = list.split(',').filter_map(|address| address.parse().ok());
    let told = addresses.filter(can_be_told_to_clients);
    told.take(CLIENT_ADDRESSES_MAX).collect()
}

/// Reads 32 bytes in lower-case hexadecimal.
fn bytes_of(digits: &str) -> Option<[u8; 32]> {
    let is_lower = !digits.bytes().any(|byte| byte.is_ascii_uppercase());
    from_hex(digits).filter(|_| is_lower)?.try_into().ok()
}

/// Reads a name in hexadecimal: one of a person that is not ASCII.
fn name_of(digits: &str) -> Option<String> {
    if digits.len() > 2 * NAME_BYTES_MAX {
        return None;
    }
    let name = String::from_utf8(from_hex(digits)?).ok()?;
    (!name.is_ascii() && check_name(&name).is_ok()).then_some(name)
}

fn entries(machine: &str) -> impl Iterator<Item = &str> {
    let inner = machine.strip_prefix(OPENING).unwrap_or(machine);
    let inner = inner.strip_suffix(']').unwrap_or(inner);
    inner.split(';')
}

/// What a client's own server says of the client besides its name and info.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ClientDetails<'a> {
    /// Its user name in IRC (`i`); empty if it has none.
    pub(crate) user: &'a str,
    /// The server that it is linked to (`h`), if that is known.
    pub(crate) home: Option<HostId>,
    /// Its modes (`m`).
    pub(crate) modes: UserModes,
}

/// The modes of a user that all servers know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct UserModes {
    /// `i`: WHO and NAMES show it only to users that share a channel.
    pub(crate) invisible: bool,
    /// `B`: a program speaks, and no person.
    pub(crate) bot: bool,
}

impl UserModes {
    /// Reads their letters. Unknown ones are ignored.
    fn parse(letters: &str) -> UserModes {
        UserModes {
            invisible: letters.contains('i'),
            bot: letters.contains('B'),
        }
    }
}

impl fmt::Display for UserModes {
    /// Their letters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = [(self.bot, 'B'), (self.invisible, 'i')];
        for (_, letter) in letters.into_iter().filter(|(is_set, _)| *is_set) {
            f.write_char(letter)?;
        }
        Ok(())
    }
}

/// The most bytes of a user name that a server states.
const USER_BYTES_MAX: usize = 32;

/// Whether a user name that a server states can stand in a prefix.
fn is_user_name(user: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_graphic() && !b"!@:;,]*?".contains(&byte);
    user.len() <= USER_BYTES_MAX && user.bytes().all(good)
}

/// The machine part with which a client is passed on: when it registered, in milliseconds
/// of Unix time (`s`), its name in UTF-8 (`u`), and its details. `None` if there is nothing.
pub(crate) fn client_machine_part(
    registered_ms: Option<NonZeroU64>,
    utf8_name: Option<&str>,
    details: ClientDetails<'_>,
) -> Option<String> {
    let mut machine = String::from(OPENING);
    if let Some(ms) = registered_ms {
        machine += &format!(";s={ms}");
    }
    if let Some(name) = utf8_name {
        machine += &format!(";u={}", Hex(name.as_bytes()));
    }
    if let Some(home) = details.home {
        machine += &format!(";h={home}");
    }
    if !details.user.is_empty() {
        machine += &format!(";i={}", details.user);
    }
    if details.modes != UserModes::default() {
        machine += &format!(";m={}", details.modes);
    }
    (machine != OPENING).then(|| machine + "]")
}

/// The details of a client that its machine part states. What is invalid is left out.
pub(crate) fn client_details(machine: &str) -> ClientDetails<'_> {
    let mut details = ClientDetails::default();
    for entry in entries(machine) {
        match entry.split_once('=') {
            Some(("h", home)) => details.home = home.parse().ok().and_then(HostId::new),
            Some(("i", user)) if is_user_name(user) => details.user = user,
            Some(("m", modes)) => details.modes = UserModes::parse(modes),
            _ => {}
        }
    }
    details
}

/// The name of a client in UTF-8, if its machine part has one that belongs to its name in
/// ASCII.
pub(crate) fn stated_name(machine: &str, ascii: &str) -> Option<String> {
    let stated = entries(machine).find_map(|entry| entry.strip_prefix("u="));
    name_of(stated?).filter(|name| ascii_name(name) == ascii)
}

/// When a client registered, if its machine part says so.
pub(crate) fn registered_ms(machine: &str) -> Option<NonZeroU64> {
    let stated = entries(machine).find_map(|entry| entry.strip_prefix("s="));
    stated?.parse().ok()
}

/// Splits an info into the part for people and the part for machines, if it
/// ends in one.
#[must_use]
pub fn split_info(info: &str) -> (&str, Option<&str>) {
    let Some(start) = info.rfind(OPENING) else {
        return (info, None);
    };
    let (human, machine) = info.split_at(start);
    let inner = &machine[OPENING.len()..];
    let whole = (inner.starts_with(';') || inner == "]") && inner.ends_with(']');
    let plain = inner.bytes().all(|byte| byte.is_ascii_graphic());
    if whole && plain {
        (human, Some(machine))
    } else {
        (info, None)
    }
}

/// A machine part without the entries that count on one link only: times, and what proves
/// the secret of the link.
pub(crate) fn without_link_entries(machine: &str) -> Cow<'_, str> {
    const KEYS: [&str; 5] = ["t=", "d=", "n=", "p=", "w="];
    let is_of_link = |entry: &&str| KEYS.iter().any(|key| entry.starts_with(key));
    if !machine.split(';').any(|entry| is_of_link(&entry)) {
        return Cow::Borrowed(machine);
    }
    let (entries, closing) = match machine.strip_suffix(']') {
        Some(entries) => (entries, "]"),
        None => (machine, ""),
    };
    let others: Vec<_> = entries.split(';').filter(|e| !is_of_link(e)).collect();
    Cow::Owned(others.join(";") + closing)
}

/// The machine part of a server that is linked to `home`, which says so to other servers (`h`).
pub(crate) fn at_home(machine: &str, home: HostId) -> String {
    let inner = machine.strip_suffix(']').unwrap_or(machine);
    let entries = inner.split(';').filter(|entry| !entry.starts_with("h="));
    format!("{};h={home}]", entries.collect::<Vec<_>>().join(";"))
}

/// The server that a server is linked to, on the way from where its machine part comes.
pub(crate) fn stated_home(machine: &str) -> Option<HostId> {
    let stated = entries(machine).find_map(|entry| entry.strip_prefix("h="));
    stated?.parse().ok().and_then(HostId::new)
}

/// A machine part without the address in it.
pub(crate) fn without_address(machine: &str) -> String {
    let inner = machine.strip_suffix(']').unwrap_or(machine);
    let entries = inner.split(';').filter(|entry| !entry.starts_with("a="));
    entries.collect::<Vec<_>>().join(";") + "]"
}

/// The part of an info for people: without the machine parts that it ends in, until none
/// is left.
///
/// ```
/// use crc_core::strip_machine_parts;
///
/// let info = "Elrond's House [crc2;a=10.0.0.9:1;r=0] [crc2;f=]";
/// assert_eq!(strip_machine_parts(info), "Elrond's House");
/// ```
#[must_use]
pub fn strip_machine_parts(mut info: &str) -> &str {
    while let (human, Some(_)) = split_info(info) {
        info = human;
    }
    info
}

/// The text of the status with a server's features, for a client that has announced
/// itself.
#[must_use]
pub fn features_text(features: Features) -> String {
    let words = features.to_string().replace(',', " ");
    format!("crc-caps 1 {words}").trim_end().to_owned()
}

/// Reads the text of such a status.
#[must_use]
pub fn parse_features_text(text: &str) -> Option<Features> {
    let words = text.strip_prefix("crc-caps 1")?;
    Some(Features::read(words, ' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(info: &str, human: &str, announcement: Option<Announcement>) {
        let (found, machine) = split_info(info);
        assert_eq!(found, human);
        assert_eq!(machine.map(Announcement::parse), announcement);
    }

    #[test]
    fn finds_the_machine_part_only_at_the_end() {
        check("plain", "plain", None);
        check("bench [crc2;f=]", "bench", Some(Announcement::default()));
        check(" [crc2;f=]", "", Some(Announcement::default()));
        check("x [crc2]", "x", Some(Announcement::default()));
        check("x [crc2;f=] y", "x [crc2;f=] y", None);
        check("x [crc2 ;f=]", "x [crc2 ;f=]", None);
        check("x [crc2;n=ö]", "x [crc2;n=ö]", None);
        check("x [crc22;f=]", "x [crc22;f=]", None);
        check("[crc2;f=]", "[crc2;f=]", None);
    }

    #[test]
    fn strips_every_machine_part_at_the_end() {
        for (info, human) in [
            ("x", "x"),
            ("x [crc2;f=]", "x"),
            ("x [crc2;a=10.0.0.9:1;r=0] [crc2;f=]", "x"),
            ("x [crc2] [crc2] [crc2]", "x"),
            (" [crc2] [crc2;f=]", ""),
            ("x [crc2] y [crc2;f=]", "x [crc2] y"),
            ("x [crc2]  [crc2;f=]", "x [crc2] "),
        ] {
            assert_eq!(strip_machine_parts(info), human, "{info:?}");
        }
    }

    #[test]
    fn ignores_what_it_does_not_know() {
        let known = Announcement {
            address: "[::1]:33300".parse().ok(),
            client_addresses: ["[::1]:33300", "tls://reef:33301"]
                .map(|it| it.parse().unwrap())
                .into(),
            rank: Some(7),
            clock_ms: Some(1_700_000_000_000),
            shift_ms: Some(-3_600_000),
            text_bytes_max: Some(1000),
            nonce: Some([0xab; 32]),
            proof: Some([0x01; 32]),
            utf8_name: Some("Zoë".into()),
            is_bot: true,
            features: Features {
                auth: true,
                ..Features::OURS
            },
        };
        let info = format!(
            "x [crc2;a=[::1]:33300;c=[::1]:33300,nowhere,tls://reef:33301,;z=9;r=7;t=1700000000000;d=-3600000;x=1000;n={};p={};\
             u=5a6fc3ab;m=zBi;f=later,server-quit,channels,channel-age,auth,oper,people,metadata,tags,questions;q]",
            "ab".repeat(32),
            "01".repeat(32),
        );
        let info = &*info;
        check(info, "x", Some(known.clone()));
        assert_eq!(
            split_info(&format!("x{known}")).1.map(Announcement::parse),
            Some(known)
        );
        let many = Announcement::parse(" [crc2;c=a:1,b:1,c:1,d:1,e:1]");
        assert_eq!(many.client_addresses.len(), 4);
        let odd = "x [crc2;a=nowhere;c=;r=many;t=-1;n=AB;p=0;u=5a6f;f=serverquit]";
        check(odd, "x", Some(Announcement::default()));
    }

    #[test]
    fn a_client_is_passed_on_with_the_time_of_its_registration() {
        let ms = NonZeroU64::new(1_700_000_000_000).unwrap();
        let machine = client_machine_part(Some(ms), None, ClientDetails::default()).unwrap();
        assert_eq!(machine, " [crc2;s=1700000000000]");
        assert_eq!(
            client_machine_part(None, None, ClientDetails::default()),
            None
        );
        assert_eq!(split_info(&format!("x{machine}")), ("x", Some(&*machine)));
        assert_eq!(registered_ms(&machine), Some(ms));
        assert_eq!(registered_ms(" [crc2;z=9;s=1700000000000;f=]"), Some(ms));
        for odd in [
            " [crc2]",
            " [crc2;s=]",
            " [crc2;s=0]",
            " [crc2;s=-1]",
            " [crc2;rs=7]",
        ] {
            assert_eq!(registered_ms(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_name_in_utf_8_counts_if_it_belongs_to_the_one_in_ascii() {
        let machine =
            client_machine_part(NonZeroU64::new(7), Some("Zoë"), ClientDetails::default()).unwrap();
        assert_eq!(machine, " [crc2;s=7;u=5a6fc3ab]");
        assert_eq!(stated_name(&machine, "Zoe").as_deref(), Some("Zoë"));
        assert_eq!(stated_name(&machine, "zoe"), None);
        let longest = "c3a9".repeat(32);
        for (digits, ascii, name) in [
            ("5A6FC3AB", "Zoe", Some("Zoë")),
            (&*longest, &"e".repeat(32), Some(&*"é".repeat(32))),
            (&format!("{longest}c3a9"), &"e".repeat(33), None),
            // ASCII, not prepared, not UTF-8, not bytes, nothing.
            ("626f62", "bob", None),
            ("5a6f65cc88", "Zoe", None),
            ("5a6fc3", "Zo", None),
            ("5a6fc3a", "Zo", None),
            ("", "", None),
            // It would be shown as another name is.
            ("c3a9", "bob", None),
            ("c3a9e280ae", "e", None),
        ] {
            let machine = format!(" [crc2;u={digits}]");
            assert_eq!(stated_name(&machine, ascii).as_deref(), name, "{digits}");
        }
    }

    #[test]
    fn an_address_is_taken_out_and_all_else_stays() {
        for (machine, without) in [
            (" [crc2;a=10.0.0.9:1;r=0;f=]", " [crc2;r=0;f=]"),
            (" [crc2;r=0;z=9;a=h:1;a=i:1]", " [crc2;r=0;z=9]"),
            (" [crc2;a=h:1]", " [crc2]"),
            (" [crc2]", " [crc2]"),
        ] {
            assert_eq!(without_address(machine), without);
            assert_eq!(Announcement::parse(without).address, None);
        }
    }

    #[test]
    fn only_the_time_is_taken_out() {
        for (machine, without) in [
            (
                " [crc2;a=x:1;r=0;t=17;f=channels]",
                " [crc2;a=x:1;r=0;f=channels]",
            ),
            (" [crc2;t=17]", " [crc2]"),
            (" [crc2;r=0;d=-5;f=]", " [crc2;r=0;f=]"),
            (" [crc2;r=0;t=]", " [crc2;r=0]"),
            (" [crc2;n=00;r=0;p=11;f=auth]", " [crc2;r=0;f=auth]"),
            (" [crc2;a=t=1:1;f=]", " [crc2;a=t=1:1;f=]"),
            (" [crc2]", " [crc2]"),
        ] {
            assert_eq!(without_link_entries(machine), without);
        }
    }

    #[test]
    fn details_of_a_client_travel_with_it() {
        let home = HostId::new(3);
        let modes = UserModes {
            invisible: true,
            bot: true,
        };
        let user = "~ann";
        let details = ClientDetails { user, home, modes };
        let ms = NonZeroU64::new(17);
        let machine = client_machine_part(ms, None, details).unwrap();
        assert_eq!(machine, " [crc2;s=17;h=3;i=~ann;m=Bi]");
        assert_eq!(client_details(&machine), details);
        assert_eq!(registered_ms(&machine), ms);
        let long = format!(" [crc2;i={}]", "x".repeat(USER_BYTES_MAX + 1));
        for odd in [" [crc2;h=0;i=a!b]", " [crc2;i=a@b;m=]", &long, " [crc2;z]"] {
            assert_eq!(client_details(odd), ClientDetails::default(), "{odd}");
        }
    }

    #[test]
    fn a_server_is_passed_on_with_the_one_that_it_is_linked_to() {
        let home = HostId::new(3).unwrap();
        let machine = at_home(" [crc2;h=9;r=2;f=channels]", home);
        assert_eq!(machine, " [crc2;r=2;f=channels;h=3]");
        assert_eq!(stated_home(&machine), Some(home));
        assert_eq!(Announcement::parse(&machine).rank, Some(2));
        for odd in [" [crc2;f=]", " [crc2;h=0]", " [crc2;h=x;f=]"] {
            assert_eq!(stated_home(odd), None, "{odd}");
        }
    }

    #[test]
    fn features_travel_as_words() {
        let text = features_text(Features::OURS);
        assert_eq!(
            text,
            "crc-caps 1 server-quit channels channel-age oper people metadata tags questions"
        );
        assert_eq!(parse_features_text(&text), Some(Features::OURS));
        assert_eq!(features_text(Features::default()), "crc-caps 1");
        assert_eq!(parse_features_text("crc-caps 1"), Some(Features::default()));
        assert_eq!(parse_features_text("something else"), None);
    }
}
