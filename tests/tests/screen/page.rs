//! docs/CLIENT.md shows the screen as it is: its pictures, and its table of keys.

use std::fs;
use std::path::PathBuf;

use crc_e2e::fixture::{Client, Fixture, Screen, Server};

use crate::screen::reef::{DOWN, F1, SIZES, prompts};

/// The variable that makes the test write the pictures into the page.
const UPDATE: &str = "CRC_UPDATE_PAGES";

/// How many equal rows in a run a picture shows, if it is a part of the screen.
const RUN: usize = 4;

fn page() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/CLIENT.md")
}

fn read() -> String {
    fs::read_to_string(page()).unwrap()
}

/// The places of the pictures in the page.
fn pictures(page: &str) -> Vec<core::ops::Range<usize>> {
    const BEGIN: &str = "```text\n";
    let begins = page.match_indices(BEGIN).map(|(at, _)| at + BEGIN.len());
    begins
        .map(|start| start..start + page[start..].find("```").unwrap())
        .collect()
}

fn member(fixture: &Fixture, server: &Server, id: u32, name: &str) -> Client {
    let mut client = fixture.client(id, name, server.address()).start().unwrap();
    client.wait_welcome().unwrap();
    client.command("/join #reef").unwrap();
    client
}

/// Ann's screen after the conversation of the page.
fn conversation(size: (u16, u16)) -> Vec<String> {
    let fixture = Fixture::new().unwrap();
    let server = fixture.server(1, "reef").start().unwrap();
    let ann = Screen::start(&fixture, server.address(), "ann", &[], size);
    ann.sees("no other client is here");
    ann.enters("/join #reef");
    ann.sees("you are in #reef");
    ann.enters("/topic All about kelp");
    ann.sees("ann set the topic");
    let mut bob = member(&fixture, &server, 11, "bob");
    ann.sees("bob joined");
    let mut zoe = member(&fixture, &server, 12, "Zoë");
    ann.sees("2 joined: bob Zoë");
    let mut carl = member(&fixture, &server, 13, "carl");
    ann.sees("3 joined: bob Zoë carl");
    ann.enters("Is the tide in?");
    ann.sees("<ann> Is the tide in?");
    let deep = "It is. We could dive to the old wreck behind the second buoy before it turns again, \
                if the water is clear enough";
    bob.command(&format!("/msg #reef {deep}")).unwrap();
    ann.sees("<bob> It is.");
    zoe.command("/to #reef").unwrap();
    zoe.command("/me packs her lamp 🔦").unwrap();
    ann.sees("* Zoë packs her lamp 🔦");
    carl.command("/part #reef").unwrap();
    ann.sees("* carl left");
    zoe.command("/msg #reef ann: coming?").unwrap();
    ann.sees("<Zoë> ann: coming?");
    bob.command("/msg ann Bring the rope").unwrap();
    ann.sees("3 bob 1!");
    ann.types("Of course, Zoë");
    prompts(&ann, "#reef> Of course, Zoë");
    let port = server.address().port().to_string();
    let rows = ann.rows().into_iter();
    rows.map(|row| alike(&row.replace(&port, "33300")))
        .collect()
}

/// A row with the time of the page.
fn alike(row: &str) -> String {
    let is_time = |text: &str| {
        let bytes = text.as_bytes();
        bytes.len() > 5
            && bytes[2] == b':'
            && [0, 1, 3, 4].iter().all(|at| bytes[*at].is_ascii_digit())
            && bytes[5] == b' '
    };
    let mut places = row.char_indices().map(|(at, _)| at);
    match places.find(|at| is_time(&row[*at..])) {
        Some(at) => format!("{}18:35{}", &row[..at], &row[at + 5..]),
        None => row.to_owned(),
    }
}

/// Of many equal rows, some.
fn shortened(rows: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for row in rows {
        let run = kept.iter().rev().take_while(|it| **it == row).count();
        if run < RUN {
            kept.push(row);
        }
    }
    kept
}

#[test]
fn the_pictures_of_the_page_are_what_the_screen_shows() {
    let [small, large] = SIZES.map(conversation);
    for (index, rows) in [small, shortened(large)].into_iter().enumerate() {
        let picture = rows.join("\n") + "\n";
        let mut text = read();
        let place = pictures(&text)[index].clone();
        if text[place.clone()] == picture {
            continue;
        }
        if std::env::var_os(UPDATE).is_some() {
            text.replace_range(place, &picture);
            fs::write(page(), text).unwrap();
            continue;
        }
        panic!(
            "docs/CLIENT.md shows another screen; {UPDATE}=1 writes this one into it:\n{picture}"
        );
    }
}

#[test]
fn the_page_and_the_help_name_the_same_keys() {
    let fixture = Fixture::new().unwrap();
    let server = fixture.server(1, "reef").start().unwrap();
    let ann = Screen::start(&fixture, server.address(), "ann", &[], (120, 50));
    ann.sees("no other client is here");
    ann.types(F1);
    let help = ann
        .sees("Commands")
        .split("Commands")
        .next()
        .map(str::to_owned);
    let help = help.unwrap();
    // A row of the help, and the page's table, name keys before two blanks or a bar.
    let text = read();
    let table = text.split("| key | what it does |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|row| row.starts_with('|'));
    let mut count = 0;
    for row in rows {
        for key in row.split('|').nth(1).unwrap().split([',']) {
            for key in key.split(" to ") {
                count += 1;
                let key = key.trim();
                assert!(help.contains(key), "the help does not name {key}:\n{help}");
            }
        }
    }
    assert!(count > 20, "{count}");
    for row in help.lines().skip(2).filter(|row| row.starts_with("  ")) {
        let keys = row.trim_start();
        let keys = keys.split("  ").next().unwrap();
        // Keys stand in 23 columns at most.
        let keys = &keys[..keys.len().min(22)];
        for key in keys.split([',']).flat_map(|key| key.split(" to ")) {
            let key = key.trim();
            assert!(table.contains(key), "the page does not name {key}");
        }
    }
    ann.types(DOWN);
    ann.types("x");
    ann.sees("no other client is here");
}
