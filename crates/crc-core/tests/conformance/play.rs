//! Transcripts: who sends what, and what each user sees.
//!
//! Each line of one names a user and what happens:
//!
//! ```text
//! ann + echo-message    ann has connected and registered, with these capabilities
//! ann +raw              ann has connected and sends everything else itself
//! ann > JOIN #reef      ann sends this line; `{byte e9}` in it is one byte
//! ann < 366 ann #reef * the next line that ann gets matches this pattern (see `pattern`)
//! ann ~ 353 ann ...     one of the lines that ann gets matches it, in any order
//! ann < ...             some lines come, up to the one that matches the next pattern
//! ann < nothing         no more lines come
//! ann < closed          the server has ended the connection
//! ann ! 353 ann ...     none of the lines that ann has not read yet matches it
//! ann -                 ann is gone without a word
//! wait 90               seconds pass
//! ```
//!
//! `{server}` is the name of the user's server, `{server of bob}` that of another one. Of a user
//! that a transcript looks at, it states all lines that come until the next line is sent; lines
//! for other users do not matter.

use std::time::Duration;

use crate::net::Net;
use crate::pattern::{fill, matches};

impl Net {
    /// Plays a transcript.
    #[track_caller]
    pub(crate) fn play(&mut self, transcript: &str) {
        let mut skips = false;
        for step in transcript.lines().map(str::trim) {
            if step.is_empty() {
                continue;
            }
            let (name, rest) = step.split_once(' ').expect("a user and what happens");
            let (sign, rest) = match rest.split_once(' ') {
                Some((sign, rest)) => (sign, rest.trim_start()),
                None => (rest, ""),
            };
            let rest = &*fill(rest, &self.captured);
            if name == "wait" {
                self.end_step(step);
                self.wait(Duration::from_secs(sign.parse().unwrap()));
                continue;
            }
            match sign {
                "+" => {
                    self.end_step(step);
                    self.join(name, rest);
                }
                "+raw" => {
                    self.end_step(step);
                    self.connect(name);
                }
                "-" => {
                    self.end_step(step);
                    self.disconnect(name);
                }
                ">" => {
                    self.end_step(step);
                    let line = self.with_names(name, rest);
                    self.send(name, &line);
                }
                "<" if rest == "..." => {
                    self.watch(name);
                    skips = true;
                    continue;
                }
                "<" if rest == "nothing" => {
                    self.watch(name);
                    self.expect_end(name, step);
                }
                "<" if rest == "closed" => {
                    self.watch(name);
                    assert!(self.is_closed(name), "{step}");
                }
                "<" => self.expect_next(name, rest, skips, step),
                "~" => self.expect_any(name, rest, step),
                "!" => self.expect_none(name, rest, step),
                _ => panic!("not a step: {step}"),
            }
            skips = false;
        }
        self.end_step("the end");
    }

    fn watch(&mut self, name: &str) {
        let user = self.users.get_mut(name);
        user.unwrap_or_else(|| panic!("{name} is not connected"))
            .is_watched = true;
    }

    /// A step is over: each user that was looked at has read everything.
    #[track_caller]
    fn end_step(&mut self, next: &str) {
        for (name, user) in &mut self.users {
            if std::mem::take(&mut user.is_watched) {
                assert!(
                    user.unread.is_empty(),
                    "before {next:?} {name} got also: {}",
                    shown(&user.unread)
                );
            }
            user.unread.clear();
        }
    }

    #[track_caller]
    fn expect_end(&mut self, name: &str, step: &str) {
        let unread = &self.users[name].unread;
        assert!(unread.is_empty(), "{step}: {}", shown(unread));
    }

    #[track_caller]
    fn expect_next(&mut self, name: &str, pattern: &str, skips: bool, step: &str) {
        self.watch(name);
        let (pattern, own) = (self.with_names(name, pattern), self.server_of(name));
        let user = self.users.get_mut(name).unwrap();
        let captured = &mut self.captured;
        let mut lines = user.unread.iter();
        let found = match skips {
            true => lines.position(|line| matches(&pattern, line, &own, captured)),
            false => lines
                .next()
                .filter(|line| matches(&pattern, line, &own, captured))
                .map(|_| 0),
        };
        let Some(found) = found else {
            panic!("{step}\n{name} got instead: {}", shown(&user.unread));
        };
        user.unread.drain(..=found);
    }

    #[track_caller]
    fn expect_any(&mut self, name: &str, pattern: &str, step: &str) {
        self.watch(name);
        let (pattern, own) = (self.with_names(name, pattern), self.server_of(name));
        let user = self.users.get_mut(name).unwrap();
        let captured = &mut self.captured;
        let mut lines = user.unread.iter();
        let found = lines.position(|line| matches(&pattern, line, &own, captured));
        let Some(found) = found else {
            panic!("{step}\n{name} got: {}", shown(&user.unread));
        };
        user.unread.remove(found);
    }

    #[track_caller]
    fn expect_none(&mut self, name: &str, pattern: &str, step: &str) {
        let (pattern, own) = (self.with_names(name, pattern), self.server_of(name));
        let user = &self.users[name];
        let captured = &mut self.captured;
        let found = user.unread.iter();
        let mut found = found.filter(|line| matches(&pattern, line, &own, captured));
        let found = found.next();
        assert!(found.is_none(), "{step}\n{name} got: {}", found.unwrap());
    }

    /// Replaces the names of servers.
    fn with_names(&self, name: &str, text: &str) -> String {
        let mut text = text.replace("{server}", &self.server_of(name));
        for user in self.users.keys() {
            text = text.replace(&format!("{{server of {user}}}"), &self.server_of(user));
        }
        text
    }
}

fn shown(lines: &[crate::pattern::Line]) -> String {
    let lines = lines.iter().map(|line| format!("\n    {line}"));
    match lines.len() {
        0 => "nothing".to_owned(),
        _ => lines.collect(),
    }
}
