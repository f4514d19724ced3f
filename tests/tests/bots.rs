//! The examples of crc-bot as processes, at servers that are killed and come back.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{Client, Fixture, Process, Server, find_bot};
use serde_json::Value;

/// Starts an example.
fn bot(fixture: &Fixture, example: &str, arguments: &[&str]) -> Process {
    let mut command = Command::new(find_bot(example).unwrap());
    command.args(arguments);
    let log = fixture.logs().file(&format!("{example}.log"));
    Process::start(example, command, log).unwrap()
}

/// A client that is in a channel.
fn member(fixture: &Fixture, id: u32, name: &str, server: &Server, channel: &str) -> Client {
    let mut client = fixture.client(id, name, server.address()).start().unwrap();
    client.wait_welcome().unwrap();
    client.command(&format!("/join {channel}")).unwrap();
    expect(&client, |event| event["event"] == "channel");
    client
}

fn events(client: &Client) -> Vec<Value> {
    let lines = client.process().lines();
    let parse = |line: &String| serde_json::from_str(line).unwrap();
    lines.iter().map(parse).collect()
}

/// Waits until the client has written such an event.
#[track_caller]
fn expect(client: &Client, is_it: impl Fn(&Value) -> bool) {
    expect_times(client, 1, is_it);
}

/// Waits until the client has written so many of them.
#[track_caller]
fn expect_times(client: &Client, times: usize, is_it: impl Fn(&Value) -> bool) {
    let count = || events(client).iter().filter(|event| is_it(event)).count();
    let came = wait::holds(LONG, || count() >= times);
    assert!(came, "{} of {times}:\n{:#?}", count(), events(client));
}

/// A text in a channel.
fn is_said(event: &Value, from: &str, text: &str, is_notice: bool) -> bool {
    event["event"] == "channel_chat"
        && event["from_name"] == from
        && event["text"] == text
        && event["notice"] == is_notice
}

fn is_joined(event: &Value, name: &str) -> bool {
    event["event"] == "channel_joined" && event["name"] == name
}

/// Kills the server and starts another one at its address; the clients come back to it.
fn restart(fixture: &Fixture, server: &mut Server) {
    let (id, name, address) = (server.id(), server.name().to_owned(), server.address());
    server.process_mut().kill();
    *server = fixture.server(id, &name).listen(address).start().unwrap();
}

/// Waits until a client and a bot are both in a channel again, whoever came first.
#[track_caller]
fn wait_back(client: &Client, bot: &str) {
    let is_member = |event: &Value| {
        let members = event["members"].as_array();
        members.is_some_and(|members| members.iter().any(|it| it["name"] == bot))
    };
    let came = wait::holds(LONG, || {
        let events = events(client);
        let lost = events.iter().rposition(|it| it["event"] == "disconnected");
        let is_back = |it: &Value| is_member(it) || is_joined(it, bot);
        // The client may not have noticed the loss yet.
        lost.is_some_and(|lost| events[lost..].iter().any(is_back))
    });
    assert!(came, "{:#?}", events(client));
}

#[test]
fn the_echo_bot_answers_and_comes_back_after_its_server_was_killed() {
    let fixture = Fixture::new().unwrap();
    let mut server = fixture.server(1, "reef").start().unwrap();
    let mut ann = member(&fixture, 101, "ann", &server, "#reef");
    let _echo = bot(&fixture, "echo", &[&server.address().to_string()]);
    expect(&ann, |event| is_joined(event, "echo"));
    ann.command("/msg #reef hello").unwrap();
    expect(&ann, |event| is_said(event, "echo", "hello", true));
    ann.command("/msg echo psst").unwrap();
    expect(&ann, |event| {
        event["event"] == "notice" && event["text"] == "psst"
    });

    restart(&fixture, &mut server);
    wait_back(&ann, "echo");
    ann.command("/msg #reef again").unwrap();
    expect(&ann, |event| is_said(event, "echo", "again", true));
}

#[test]
fn two_echo_bots_do_not_answer_each_other() {
    let fixture = Fixture::new().unwrap();
    let server = fixture.server(1, "reef").start().unwrap();
    let mut ann = member(&fixture, 101, "ann", &server, "#reef");
    let address = server.address().to_string();
    let _bots = [(); 2].map(|()| bot(&fixture, "echo", &[&address]));
    expect_times(&ann, 2, |event| is_joined(event, "echo"));
    for round in 1..=10 {
        let text = format!("round {round}");
        ann.command(&format!("/msg #reef {text}")).unwrap();
        expect_times(&ann, 2, |event| is_said(event, "echo", &text, true));
    }
    let said = |event: &&Value| event["event"] == "channel_chat";
    assert_eq!(events(&ann).iter().filter(said).count(), 20);
}

#[test]
fn the_bridge_joins_channels_of_two_networks_also_after_one_has_died() {
    let fixture = Fixture::new().unwrap();
    let mut reef = fixture.server(1, "reef").start().unwrap();
    let cove = fixture.server(2, "cove").start().unwrap();
    let mut ann = member(&fixture, 101, "ann", &reef, "#reef");
    let mut bob = member(&fixture, 102, "bob", &cove, "#cove");
    let address = |server: &Server| -> String { SocketAddr::to_string(&server.address()) };
    let arguments = [&address(&reef), "#reef", &address(&cove), "#cove"];
    let mut bridge = bot(&fixture, "bridge", &arguments);
    for client in [&ann, &bob] {
        expect(client, |event| is_joined(event, "bridge"));
    }
    ann.command("/msg #reef hello over there").unwrap();
    expect(&bob, |event| {
        is_said(event, "bridge", "<ann> hello over there", false)
    });
    bob.command("/msg #cove hello ann").unwrap();
    expect(&ann, |event| {
        is_said(event, "bridge", "<bob> hello ann", false)
    });

    restart(&fixture, &mut reef);
    wait_back(&ann, "bridge");
    bob.command("/msg #cove are you back?").unwrap();
    expect(&ann, |event| {
        is_said(event, "bridge", "<bob> are you back?", false)
    });
    ann.command("/msg #reef I am").unwrap();
    expect(&bob, |event| is_said(event, "bridge", "<ann> I am", false));

    // It ends gracefully, on both sides.
    assert!(bridge.stop().unwrap().success());
    for client in [&ann, &bob] {
        expect(client, |event| {
            event["event"] == "left" && event["name"] == "bridge"
        });
    }
}

#[test]
fn the_reminder_reminds_also_after_its_server_was_killed() {
    let fixture = Fixture::new().unwrap();
    let mut server = fixture.server(1, "reef").start().unwrap();
    let mut ann = member(&fixture, 101, "ann", &server, "#reef");
    let mut reminder = bot(&fixture, "reminder", &[&server.address().to_string()]);
    expect(&ann, |event| is_joined(event, "reminder"));
    ann.command("/msg #reef remind me in 0s to look up")
        .unwrap();
    expect(&ann, |event| {
        is_said(event, "reminder", "ann: look up", true)
    });
    ann.command("/msg reminder help").unwrap();
    let is_help = |event: &Value| {
        let text = event["text"].as_str().unwrap_or_default();
        event["event"] == "notice" && text.starts_with("Say: remind me in 5m")
    };
    expect(&ann, is_help);

    restart(&fixture, &mut server);
    wait_back(&ann, "reminder");
    ann.command("/msg #reef remind me in 1s: the tide").unwrap();
    expect(&ann, |event| {
        is_said(event, "reminder", "ann: the tide", true)
    });
    assert!(reminder.stop().unwrap().success());
}

/// The block of code in this language in docs/BOTS.md.
fn program_of_page(language: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = fs::read_to_string(root.join("docs/BOTS.md")).unwrap();
    let (_, rest) = page.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```\n").unwrap().0.to_owned()
}

#[test]
fn the_python_bot_of_the_page_answers_and_comes_back_after_its_server_was_killed() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: there is no python3");
        return;
    }
    let fixture = Fixture::new().unwrap();
    let mut server = fixture.server(1, "reef").start().unwrap();
    let mut ann = member(&fixture, 101, "ann", &server, "#reef");
    let folder = fixture.binaries().client.parent().unwrap().to_owned();
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(folder).chain(std::env::split_paths(&paths));
    let mut command = Command::new("python3");
    let address = server.address().to_string();
    let program = program_of_page("python");
    command.args(["-c", &program, "--server", &address]);
    command.env("PATH", std::env::join_paths(paths).unwrap());
    let log = fixture.logs().file("python.log");
    let _bot = Process::start("python", command, log).unwrap();
    expect(&ann, |event| is_joined(event, "echo"));
    // Whatever people say, it is no command.
    for text in [
        "hello",
        "/quit",
        r#"{"do":"quit"}"#,
        "tide ~ \u{1f980} \"in\"",
    ] {
        let say = serde_json::json!({"do": "msg", "to": "#reef", "text": text});
        ann.command(&say.to_string()).unwrap();
        expect(&ann, |event| is_said(event, "echo", text, true));
    }
    ann.command("/msg echo psst").unwrap();
    let is_answer = |event: &Value| event["event"] == "notice" && event["text"] == "psst";
    expect(&ann, is_answer);
    restart(&fixture, &mut server);
    wait_back(&ann, "echo");
    ann.command("/msg #reef again").unwrap();
    expect(&ann, |event| is_said(event, "echo", "again", true));
}

#[test]
fn the_page_shows_the_example_that_is_compiled() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let example = root.join("crates/crc-bot/examples/tide.rs");
    let example = fs::read_to_string(example).unwrap();
    let at = example.find("use ").unwrap();
    assert_eq!(program_of_page("rust"), example[at..]);
}

#[test]
fn the_echo_bot_has_at_most_fifteen_lines() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let example = root.join("crates/crc-bot/examples/echo.rs");
    let lines = fs::read_to_string(example).unwrap().lines().count();
    assert!(lines <= 15, "{lines}");
}
