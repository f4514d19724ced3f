//! Commands of programs: JSON objects, one a line, such as
//! `{"do":"msg","to":"bob","text":"hi","tag":7}`.
//!
//! The fields of each command are in [`SPECS`]; a test compares them with the commands that
//! people type. A value of a field is only ever that value: no text becomes a command, whatever
//! is in it.

use std::fmt;
use std::sync::Arc;

use crc_cli::config::did_you_mean;
use crc_core::{ChannelRank, Password, is_channel_name};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::command::{Command, OperatorLogin, ParseError, Target};

/// The longest tag in bytes, as it is written.
const TAG_BYTES_MAX: usize = 1024;

/// A value by which a program knows its command again, as it was written.
#[derive(Debug, Clone)]
pub(crate) struct Tag(Arc<RawValue>);

impl Tag {
    /// The value.
    pub(crate) fn value(&self) -> &RawValue {
        &self.0
    }
}

impl PartialEq for Tag {
    fn eq(&self, other: &Tag) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Eq for Tag {}

/// A command of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) command: Result<Command, ParseError>,
    pub(crate) tag: Option<Tag>,
}

impl Request {
    /// Parses one line. Only lines that begin with `{` are requests.
    pub(crate) fn parse(line: &str) -> Request {
        let object: Object = match serde_json::from_str(line) {
            Ok(object) => object,
            Err(error) => {
                let text = format!("not a JSON object: {error}. Use {USAGE}");
                let (command, tag) = (Err(ParseError::Json(text)), None);
                return Request { command, tag };
            }
        };
        let (tag, command) = match object.tag() {
            Ok(tag) => (tag, object.command()),
            Err(text) => (None, Err(text)),
        };
        let command = command.map_err(ParseError::Json);
        Request { command, tag }
    }
}

/// The form of a request, for errors.
const USAGE: &str = r#"{"do":"msg","to":WHO,"text":TEXT}; crc-client --help lists all commands"#;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A name, an id as a number or a text, or a channel.
    Who,
    /// A name, or an id as a number or a text.
    Name,
    /// A channel.
    Channel,
    /// A text of any number of lines.
    Lines,
    /// A text of one line.
    Line,
    /// A text without blanks.
    Word,
}

#[derive(Debug, Clone, Copy)]
struct Field {
    name: &'static str,
    kind: Kind,
    /// What stands for the value in the usage.
    value: &'static str,
    is_needed: bool,
}

const fn needed(name: &'static str, kind: Kind, value: &'static str) -> Field {
    let is_needed = true;
    Field {
        name,
        kind,
        value,
        is_needed,
    }
}

const fn optional(name: &'static str, kind: Kind, value: &'static str) -> Field {
    let is_needed = false;
    Field {
        name,
        kind,
        value,
        is_needed,
    }
}

const CHANNEL: Field = optional("channel", Kind::Channel, "CHANNEL");
const NAME: Field = needed("name", Kind::Name, "NAME");
const RANK: [Field; 2] = [CHANNEL, NAME];

/// A command.
#[derive(Debug)]
struct Spec {
    name: &'static str,
    fields: &'static [Field],
    build: fn(&Values<'_>) -> Command,
}

/// The commands, in the order of the help.
static SPECS: [Spec; 29] = [
    Spec {
        name: "msg",
        fields: &[
            needed("to", Kind::Who, "WHO"),
            needed("text", Kind::Lines, "TEXT"),
        ],
        build: |values| Command::Msg {
            to: values.target("to"),
            text: values.text("text"),
        },
    },
    Spec {
        name: "notice",
        fields: &[
            needed("to", Kind::Who, "WHO"),
            needed("text", Kind::Lines, "TEXT"),
        ],
        build: |values| Command::Notice {
            to: values.target("to"),
            text: values.text("text"),
        },
    },
    Spec {
        name: "me",
        fields: &[needed("text", Kind::Lines, "TEXT")],
        build: |values| Command::Me {
            text: values.text("text"),
        },
    },
    Spec {
        name: "text",
        fields: &[needed("text", Kind::Lines, "TEXT")],
        build: |values| Command::Text {
            text: values.text("text"),
        },
    },
    Spec {
        name: "to",
        fields: &[optional("to", Kind::Who, "WHO")],
        build: |values| Command::To {
            to: values.get("to").map(|_| values.target("to")),
        },
    },
    Spec {
        name: "who",
        fields: &[CHANNEL],
        build: |values| Command::Who {
            channel: values.get("channel"),
        },
    },
    Spec {
        name: "join",
        fields: &[
            needed("channel", Kind::Channel, "CHANNEL"),
            optional("key", Kind::Word, "KEY"),
        ],
        build: |values| Command::Join {
            channel: values.text("channel"),
            key: values.text("key"),
        },
    },
    Spec {
        name: "part",
        fields: &[CHANNEL, optional("text", Kind::Line, "TEXT")],
        build: |values| Command::Part {
            channel: values.get("channel"),
            text: values.text("text"),
        },
    },
    Spec {
        name: "topic",
        fields: &[CHANNEL, optional("topic", Kind::Line, "TOPIC")],
        build: |values| Command::Topic {
            channel: values.get("channel"),
            topic: values.get("topic"),
        },
    },
    Spec {
        name: "names",
        fields: &[CHANNEL],
        build: |values| Command::Names {
            channel: values.get("channel"),
        },
    },
    Spec {
        name: "away",
        fields: &[optional("text", Kind::Line, "TEXT")],
        build: |values| Command::Away {
            text: values.text("text").trim().to_owned(),
        },
    },
    Spec {
        name: "whois",
        fields: &[NAME],
        build: |values| Command::Whois {
            name: values.text("name"),
        },
    },
    Spec {
        name: "list",
        fields: &[optional("mask", Kind::Word, "MASK")],
        build: |values| Command::List {
            mask: values.text("mask"),
        },
    },
    Spec {
        name: "nick",
        fields: &[needed("name", Kind::Line, "NAME")],
        build: |values| Command::Nick {
            name: values.text("name"),
        },
    },
    Spec {
        name: "close",
        fields: &[],
        build: |_| Command::Close,
    },
    Spec {
        name: "channels",
        fields: &[],
        build: |_| Command::Channels,
    },
    Spec {
        name: "op",
        fields: &RANK,
        build: |values| values.rank(ChannelRank::Operator, true),
    },
    Spec {
        name: "deop",
        fields: &RANK,
        build: |values| values.rank(ChannelRank::Operator, false),
    },
    Spec {
        name: "voice",
        fields: &RANK,
        build: |values| values.rank(ChannelRank::Voice, true),
    },
    Spec {
        name: "devoice",
        fields: &RANK,
        build: |values| values.rank(ChannelRank::Voice, false),
    },
    Spec {
        name: "kick",
        fields: &[CHANNEL, NAME, optional("reason", Kind::Line, "REASON")],
        build: |values| Command::Kick {
            channel: values.get("channel"),
            name: values.text("name"),
            reason: values.text("reason"),
        },
    },
    Spec {
        name: "invite",
        fields: &RANK,
        build: |values| Command::Invite {
            channel: values.get("channel"),
            name: values.text("name"),
        },
    },
    Spec {
        name: "mode",
        fields: &[CHANNEL, optional("changes", Kind::Line, "CHANGES")],
        build: |values| Command::Mode {
            channel: values.get("channel"),
            changes: values.get("changes").filter(|it| !it.trim().is_empty()),
        },
    },
    Spec {
        name: "ignore",
        fields: &[optional("name", Kind::Name, "NAME")],
        build: |values| Command::Ignore {
            who: values.get("name"),
        },
    },
    Spec {
        name: "unignore",
        fields: &[NAME],
        build: |values| Command::Unignore {
            who: values.text("name"),
        },
    },
    Spec {
        name: "oper",
        fields: &[
            needed("name", Kind::Word, "NAME"),
            optional("password", Kind::Line, "PASSWORD"),
        ],
        build: |values| {
            Command::Oper(OperatorLogin {
                name: values.text("name"),
                password: values.get("password").map(Password::new),
            })
        },
    },
    Spec {
        name: "command",
        fields: &[needed("line", Kind::Line, "LINE")],
        build: |values| Command::Server {
            line: values.text("line").trim().to_owned(),
        },
    },
    Spec {
        name: "quit",
        fields: &[optional("text", Kind::Line, "TEXT")],
        build: |values| Command::Quit {
            text: values.text("text"),
        },
    },
    Spec {
        name: "help",
        fields: &[],
        build: |_| Command::Help,
    },
];

impl Spec {
    fn usage(&self) -> String {
        let mut usage = format!("{{\"do\":\"{}\"", self.name);
        for Field {
            name,
            value,
            is_needed,
            ..
        } in self.fields
        {
            match is_needed {
                true => usage += &format!(",\"{name}\":{value}"),
                false => usage += &format!("[,\"{name}\":{value}]"),
            }
        }
        usage + "}"
    }
}

/// The commands with their fields, a line each, for the help.
pub(crate) fn usages() -> String {
    let lines = SPECS.iter().map(|spec| format!("  {}", spec.usage()));
    lines.collect::<Vec<_>>().join("\n")
}

/// The checked values of a command's fields.
struct Values<'a>(Vec<(&'a str, String)>);

impl Values<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let mut values = self.0.iter();
        let found = values.find(|(field, _)| *field == name);
        found.map(|(_, value)| value.clone())
    }

    /// A value; empty for none.
    fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default()
    }

    fn target(&self, name: &str) -> Target {
        let who = self.text(name);
        match who.starts_with('#') {
            true => Target::Channel(who),
            false => Target::Client(who),
        }
    }

    fn rank(&self, rank: ChannelRank, is_given: bool) -> Command {
        Command::Rank {
            channel: self.get("channel"),
            name: self.text("name"),
            rank,
            is_given,
        }
    }
}

/// The fields of a JSON object, as they are written.
struct Object(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

impl Object {
    fn tag(&self) -> Result<Option<Tag>, String> {
        let mut tags = self.0.iter().filter(|(name, _)| name == "tag");
        let Some((_, tag)) = tags.next() else {
            return Ok(None);
        };
        match tag.get().len() {
            0..=TAG_BYTES_MAX => Ok(Some(Tag(Arc::from(tag.clone())))),
            len => Err(format!(
                "the tag has {len} bytes; write one of at most {TAG_BYTES_MAX}"
            )),
        }
    }

    fn command(&self) -> Result<Command, String> {
        let spec = self.spec()?;
        let mut values = Values(Vec::new());
        for (name, value) in &self.0 {
            if self.0.iter().filter(|(other, _)| other == name).count() > 1 {
                return Err(format!("{name:?} is there twice: keep one of them"));
            }
            if name == "do" || name == "tag" {
                continue;
            }
            let usage = spec.usage();
            let Some(field) = spec.fields.iter().find(|field| field.name == name) else {
                let meant = did_you_mean(name, spec.fields.iter().map(|field| field.name));
                let do_name = spec.name;
                return Err(format!(
                    "{name:?} is no field of {do_name:?}{} Use {usage}",
                    or_full_stop(&meant)
                ));
            };
            let value = field
                .check(value)
                .map_err(|what| format!("{name:?}: {what}. Use {usage}"))?;
            values.0.extend(value.map(|value| (field.name, value)));
        }
        let has = |field: &Field| values.0.iter().any(|(name, _)| *name == field.name);
        if let Some(missing) = spec
            .fields
            .iter()
            .find(|field| field.is_needed && !has(field))
        {
            let (name, usage) = (missing.name, spec.usage());
            return Err(format!("{name:?} is missing. Use {usage}"));
        }
        Ok((spec.build)(&values))
    }

    fn spec(&self) -> Result<&'static Spec, String> {
        let mut named = self.0.iter().filter(|(name, _)| name == "do");
        let Some((_, name)) = named.next() else {
            return Err(format!(
                "\"do\" is missing: it names the command. Use {USAGE}"
            ));
        };
        let Ok(name) = serde_json::from_str::<String>(name.get()) else {
            return Err(format!("\"do\": write a text in quotes. Use {USAGE}"));
        };
        let names = || SPECS.iter().map(|spec| spec.name);
        let found = SPECS.iter().find(|spec| spec.name == name);
        found.ok_or_else(|| {
            let meant = did_you_mean(&name, names());
            let all: Vec<&str> = names().collect();
            let (meant, all) = (or_full_stop(&meant), all.join(", "));
            format!("unknown command {name:?}{meant} The commands are {all}")
        })
    }
}

impl Field {
    /// The value as a text; `None` for `null`, which is as if the field were not there.
    fn check(&self, value: &RawValue) -> Result<Option<String>, String> {
        let value: serde_json::Value =
            serde_json::from_str(value.get()).map_err(|error| error.to_string())?;
        let text = match (value, self.kind) {
            (serde_json::Value::Null, _) => return Ok(None),
            (serde_json::Value::String(text), _) => text,
            (serde_json::Value::Number(number), Kind::Who | Kind::Name) => {
                let id = number
                    .as_u64()
                    .filter(|id| (1..=u64::from(u32::MAX)).contains(id));
                let id = id.ok_or("an id is a number from 1 to 4294967295")?;
                id.to_string()
            }
            (_, Kind::Who | Kind::Name) => return Err("write a text in quotes, or an id".into()),
            (_, _) => return Err("write a text in quotes".into()),
        };
        match self.kind {
            Kind::Lines if text.lines().all(str::is_empty) => Err("the text is empty".into()),
            Kind::Lines => Ok(Some(text)),
            _ if text.contains(['\n', '\r']) => Err("write one line".into()),
            Kind::Line => Ok(Some(text)),
            Kind::Word if text.contains(char::is_whitespace) => Err("write one word".into()),
            Kind::Word if text.is_empty() && self.is_needed => Err("the text is empty".into()),
            Kind::Word => Ok(Some(text)),
            Kind::Who | Kind::Name if text.is_empty() => Err("the text is empty".into()),
            Kind::Name => Ok(Some(text)),
            Kind::Who if !text.starts_with('#') => Ok(Some(text)),
            Kind::Who | Kind::Channel if is_channel_name(&text) => Ok(Some(text)),
            Kind::Who | Kind::Channel => Err(format!(
                "{text} is not a channel name: write # and up to 63 bytes without spaces and commas"
            )),
        }
    }
}

/// The end of a sentence: the question, if there is one.
fn or_full_stop(meant: &str) -> &str {
    match meant {
        "" => ".",
        meant => meant,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::command::NAMES;

    fn parse(line: &str) -> Result<Command, String> {
        Request::parse(line)
            .command
            .map_err(|error| error.to_string())
    }

    /// An object with a value for each needed field.
    fn smallest(spec: &Spec) -> String {
        let fields = spec.fields.iter().filter(|field| field.is_needed);
        let fields = fields.map(|field| {
            let value = if field.kind == Kind::Channel {
                "#reef"
            } else {
                "x"
            };
            format!(",\"{}\":\"{value}\"", field.name)
        });
        format!("{{\"do\":\"{}\"{}}}", spec.name, fields.collect::<String>())
    }

    #[test]
    fn every_command_of_people_is_one_of_programs() {
        let mut names: Vec<String> = NAMES.iter().map(|name| name[1..].to_owned()).collect();
        names.push("text".to_owned());
        names.sort();
        let mut specs: Vec<String> = SPECS.iter().map(|spec| spec.name.to_owned()).collect();
        specs.sort();
        assert_eq!(specs, names);
    }

    #[test]
    fn a_request_is_the_command_that_people_type() {
        for (request, line) in [
            (
                r##"{"do":"msg","to":"bob","text":" Hi "}"##,
                "/msg bob  Hi ",
            ),
            (r##"{"do":"msg","to":7,"text":"/quit"}"##, "/msg 7 /quit"),
            (
                r##"{"do":"msg","to":"#reef","text":"Hi"}"##,
                "/msg #reef Hi",
            ),
            (
                r##"{"do":"notice","to":"Bob B","text":"Hi"}"##,
                "/notice \"Bob B\" Hi",
            ),
            (r##"{"do":"me","text":"waves"}"##, "/me waves"),
            (r##"{"do":"text","text":"/who"}"##, "//who"),
            (r##"{"do":"to","to":"bob"}"##, "/to bob"),
            (r##"{"do":"to"}"##, "/to"),
            (r##"{"do":"to","to":null}"##, "/to"),
            (r##"{"do":"who"}"##, "/who"),
            (r##"{"do":"who","channel":"#reef"}"##, "/who #reef"),
            (
                r##"{"do":"join","channel":"#reef","key":"kelp"}"##,
                "/join #reef kelp",
            ),
            (r##"{"do":"join","channel":"#reef"}"##, "/join #reef"),
            (
                r##"{"do":"part","channel":"#reef","text":"bye"}"##,
                "/part #reef bye",
            ),
            (r##"{"do":"part"}"##, "/part"),
            (
                r##"{"do":"topic","channel":"#reef","topic":"tea"}"##,
                "/topic #reef tea",
            ),
            (r##"{"do":"topic","topic":""}"##, "/topic \"\""),
            (r##"{"do":"topic"}"##, "/topic"),
            (r##"{"do":"names","channel":"#reef"}"##, "/names #reef"),
            (r##"{"do":"channels"}"##, "/channels"),
            (
                r##"{"do":"op","channel":"#reef","name":"bob"}"##,
                "/op #reef bob",
            ),
            (r##"{"do":"deop","name":7}"##, "/deop 7"),
            (r##"{"do":"voice","name":"bob"}"##, "/voice bob"),
            (r##"{"do":"devoice","name":"bob"}"##, "/devoice bob"),
            (
                r##"{"do":"kick","name":"bob","reason":"spam it is"}"##,
                "/kick bob spam it is",
            ),
            (
                r##"{"do":"invite","channel":"#reef","name":"bob"}"##,
                "/invite #reef bob",
            ),
            (
                r##"{"do":"mode","channel":"#reef","changes":"+k kelp"}"##,
                "/mode #reef +k kelp",
            ),
            (r##"{"do":"mode"}"##, "/mode"),
            (r##"{"do":"ignore","name":7}"##, "/ignore 7"),
            (r##"{"do":"ignore"}"##, "/ignore"),
            (r##"{"do":"unignore","name":"spam*"}"##, "/unignore spam*"),
            (
                r##"{"do":"oper","name":"ann","password":"sea shell"}"##,
                "/oper ann sea shell",
            ),
            (
                r##"{"do":"command","line":"KILL bob :spam"}"##,
                "/command KILL bob :spam",
            ),
            (r##"{"do":"quit","text":"bye"}"##, "/quit bye"),
            (r##"{"tag":[1,{"a":"b"}],"do":"help"}"##, "/help"),
        ] {
            let meant = Command::parse(line).map_err(|error| error.to_string());
            assert_eq!(parse(request), meant, "{request}");
        }
    }

    #[test]
    fn an_error_names_what_to_write() {
        for (request, error) in [
            (
                "{",
                "not a JSON object: EOF while parsing an object at line 1 column 1.",
            ),
            (
                "{}}",
                "not a JSON object: trailing characters at line 1 column 3.",
            ),
            (
                "{}",
                "\"do\" is missing: it names the command. Use {\"do\":\"msg\",\"to\":WHO",
            ),
            (r##"{"do":1}"##, "\"do\": write a text in quotes."),
            (
                r##"{"do":"jion"}"##,
                "unknown command \"jion\"; did you mean join? The commands are msg, ",
            ),
            (
                r##"{"do":"/msg"}"##,
                "unknown command \"/msg\"; did you mean msg?",
            ),
            (
                r##"{"do":"zzz"}"##,
                "unknown command \"zzz\". The commands are msg, ",
            ),
            (
                r##"{"do":"join","chanel":"#a"}"##,
                "\"chanel\" is no field of \"join\"; did you mean channel? Use {\"do\":\"join\",\"channel\":CHANNEL[,\"key\":KEY]}",
            ),
            (
                r##"{"do":"msg","to":"a"}"##,
                "\"text\" is missing. Use {\"do\":\"msg\",\"to\":WHO,\"text\":TEXT}",
            ),
            (
                r##"{"do":"msg","to":"a","text":null}"##,
                "\"text\" is missing.",
            ),
            (
                r##"{"do":"msg","to":"a","text":7}"##,
                "\"text\": write a text in quotes.",
            ),
            (
                r##"{"do":"msg","to":"a","text":"\n\r\n"}"##,
                "\"text\": the text is empty.",
            ),
            (
                r##"{"do":"msg","to":true,"text":"a"}"##,
                "\"to\": write a text in quotes, or an id.",
            ),
            (
                r##"{"do":"msg","to":0,"text":"a"}"##,
                "\"to\": an id is a number from 1 to 4294967295.",
            ),
            (
                r##"{"do":"msg","to":"# x","text":"a"}"##,
                "\"to\": # x is not a channel name: write # and up",
            ),
            (
                r##"{"do":"join","channel":"reef"}"##,
                "\"channel\": reef is not a channel name",
            ),
            (
                r##"{"do":"join","channel":"#a","key":"b c"}"##,
                "\"key\": write one word.",
            ),
            (
                r##"{"do":"command","line":"KILL a\nDIE"}"##,
                "\"line\": write one line.",
            ),
            (
                r##"{"do":"msg","to":"a","to":"b","text":"x"}"##,
                "\"to\" is there twice: keep one of them",
            ),
            (
                r##"{"do":"msg","do":"quit","to":"b","text":"x"}"##,
                "\"do\" is there twice",
            ),
        ] {
            let found = parse(request).unwrap_err();
            assert!(found.starts_with(error), "{request}: {found}");
        }
    }

    #[test]
    fn tags_come_back_as_they_are_written_and_are_bounded() {
        let tag = |tag: &str| {
            let request = Request::parse(&format!(r#"{{"do":"help","tag":{tag}}}"#));
            let written = request.tag.map(|tag| tag.value().get().to_owned());
            (request.command.is_ok(), written)
        };
        for text in ["7", "null", "1e999", r#"{"b": 1,"a":[ ]}"#, r#""\u0041""#] {
            assert_eq!(tag(text), (true, Some(text.to_owned())));
        }
        let longest = format!("\"{}\"", "x".repeat(TAG_BYTES_MAX - 2));
        assert_eq!(tag(&longest).1.as_deref(), Some(&*longest));
        assert_eq!(tag(&longest.replacen('x', "xx", 1)), (false, None));
        assert_eq!(
            Request::parse(r#"{"do":"hlp","tag":7}"#)
                .tag
                .unwrap()
                .value()
                .get(),
            "7"
        );
    }

    proptest! {
        /// Whatever the values are, a request is the command that it names, or an error.
        #[test]
        fn no_value_becomes_another_command(
            which in 0..SPECS.len(),
            values in prop::collection::vec(
                prop_oneof![
                    any::<String>(),
                    "(/|//|\\{|#|\"|\n|\r|\u{0})?(quit|msg|oper| |x|\n/quit|\r\n\\{\"do\":\"quit\"\\})*",
                ],
                4,
            ),
        ) {
            let spec = &SPECS[which];
            let fields = spec.fields.iter().zip(&values);
            let mut object: serde_json::Map<String, serde_json::Value> = fields
                .map(|(field, value)| (field.name.to_owned(), value.clone().into()))
                .collect();
            object.insert("do".to_owned(), spec.name.into());
            let line = serde_json::Value::Object(object).to_string();
            prop_assert!(!line.contains('\n'));
            if let Ok(command) = parse(&line) {
                let meant = parse(&smallest(spec)).unwrap();
                prop_assert_eq!(
                    std::mem::discriminant(&command),
                    std::mem::discriminant(&meant)
                );
                let mut one_line = spec.fields.iter().zip(&values);
                let is_one_line = one_line.all(|(field, value)| {
                    field.kind == Kind::Lines || !value.contains(['\n', '\r'])
                });
                prop_assert!(is_one_line, "{:?}", command);
            }
        }

        #[test]
        fn any_line_is_a_command_or_an_error(line in "\\{(\"(do|to|text|tag)\"|:|,|\"msg\"|[0-9]|\\}|\\[|\\]|null| )*") {
            let _ = Request::parse(&line);
        }
    }
}
