//! Channels across two servers: members, chats, topics, keys and refusals.

use std::process::Command;

use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{Client, Fixture, Process, Server};

/// Two linked servers, with the client ann at one and bob at the other.
struct TwoServers {
    ann: Client,
    bob: Client,
    reef: Server,
    cove: Server,
    fixture: Fixture,
}

impl TwoServers {
    fn new() -> TwoServers {
        let fixture = Fixture::new().unwrap();
        let reef = fixture.server(1, "reef").start().unwrap();
        let cove = fixture.server(2, "cove").uplink(reef.address());
        let cove = cove.start().unwrap();
        let ann = fixture.client(101, "ann", reef.address()).start().unwrap();
        let bob = fixture.client(102, "bob", cove.address()).start().unwrap();
        ann.wait_connected(&[102]).unwrap();
        bob.wait_connected(&[101]).unwrap();
        TwoServers {
            ann,
            bob,
            reef,
            cove,
            fixture,
        }
    }
}

fn command(client: &mut Client, line: &str) {
    client.command(line).unwrap();
}

/// The line of an event without its time.
fn without_time(line: &str) -> String {
    match line.split_once(",\"time\":\"") {
        Some((before, _)) => format!("{before}}}"),
        None => line.to_owned(),
    }
}

/// Waits until the client writes this event.
#[track_caller]
fn expect(client: &Client, event: &str) {
    let written = || {
        let mut lines = client.process().lines().clone().into_iter();
        lines.any(|line| without_time(&line) == event)
    };
    let lines = || client.process().lines().clone();
    assert!(wait::holds(LONG, written), "{event}\n{:#?}", lines());
}

fn refusal(channel: &str, text: &str, join: bool) -> String {
    format!(
        r##"{{"event":"channel_refused","channel":"{channel}","text":"{text}","join":{join}}}"##
    )
}

const ALONE: &str = r##"{"event":"channel","channel":"#Reef","members":[{"id":101,"name":"ann","operator":true,"voice":false}],"topic":""}"##;
const BOTH: &str = r##"{"event":"channel","channel":"#Reef","members":[{"id":101,"name":"ann","operator":true,"voice":false},{"id":102,"name":"bob","operator":false,"voice":false}],"topic":"the tide"}"##;

#[test]
fn clients_of_two_servers_chat_in_a_channel() {
    let TwoServers {
        mut ann,
        mut bob,
        fixture: _fixture,
        reef: _reef,
        cove: _cove,
    } = TwoServers::new();
    command(&mut ann, "/join #Reef");
    expect(&ann, ALONE);
    command(&mut ann, "/topic #reef the tide");
    expect(
        &ann,
        r##"{"event":"topic","channel":"#Reef","topic":"the tide","by":101,"by_name":"ann"}"##,
    );
    // When this chat arrives, the topic has arrived at the other server.
    let chat = r#"{"event":"chat","from":101,"from_name":"ann","to":102,"text":"come!"}"#;
    command(&mut ann, "/msg bob come!");
    expect(&bob, chat);

    command(&mut bob, "/join #reef");
    expect(&bob, BOTH);
    expect(
        &ann,
        r##"{"event":"channel_joined","channel":"#Reef","id":102,"name":"bob","operator":false,"voice":false}"##,
    );
    command(&mut ann, "/to #reef");
    command(&mut ann, "Hello over there!");
    expect(
        &bob,
        r##"{"event":"channel_chat","channel":"#Reef","from":101,"from_name":"ann","text":"Hello over there!","notice":false}"##,
    );
    command(&mut bob, "/msg #REEF Grüße");
    expect(
        &ann,
        r##"{"event":"channel_chat","channel":"#Reef","from":102,"from_name":"bob","text":"Grüße","notice":false}"##,
    );
    command(&mut bob, "/names #reef");
    expect(
        &bob,
        r##"{"event":"names","channel":"#Reef","names":"ann bob"}"##,
    );
    command(&mut bob, "/channels");
    expect(
        &bob,
        r##"{"event":"channels","channels":[{"channel":"#Reef","member_count":2,"members":2}]}"##,
    );
    command(&mut bob, "/topic #reef");
    expect(
        &bob,
        r##"{"event":"topic","channel":"#Reef","topic":"the tide","by":0,"by_name":null}"##,
    );
    command(&mut bob, "/part #reef so long");
    let left = r##"{"event":"channel_left","channel":"#Reef","id":102,"name":"bob","by":0,"by_name":null,"text":"so long"}"##;
    expect(&ann, left);
    expect(&bob, left);
    command(&mut bob, "/msg #reef still here?");
    expect(&bob, &refusal("#reef", "you are not in it", false));
    let errors = [ann.view().errors, bob.view().errors];
    assert_eq!(errors, [[""; 0], [""; 0]]);
}

#[test]
fn a_client_rejoins_with_its_key() {
    let TwoServers {
        mut ann,
        mut bob,
        fixture,
        reef,
        cove,
    } = TwoServers::new();
    command(&mut ann, "/join #cave kelp");
    let alone = ALONE.replace("#Reef", "#cave");
    expect(&ann, &alone);
    command(&mut ann, "/msg bob come!");
    bob.wait_view(|view| view.chats.len() == 1).unwrap();
    command(&mut bob, "/join #cave");
    expect(&bob, &refusal("#cave", "wrong key", true));
    command(&mut bob, "/join #cave kelp");
    let both = BOTH.replace("#Reef", "#cave").replace("the tide", "");
    expect(&bob, &both);

    let again = || {
        bob.process()
            .lines()
            .iter()
            .filter(|line| without_time(line) == both)
            .count()
    };
    // Bob may be back as soon as he has lost his server.
    assert_eq!(again(), 1);

    // Replace the server of bob by another one.
    let address = cove.address();
    drop(cove);
    bob.wait_view(|view| view.disconnections > 0).unwrap();
    let left = r#"{"event":"left","id":102,"name":"bob","#;
    let has_left = || {
        ann.process()
            .lines()
            .iter()
            .any(|line| line.starts_with(left))
    };
    assert!(wait::holds(LONG, has_left));
    let new = fixture.server(3, "cove again").listen(address);
    let _new = new.uplink(reef.address()).start().unwrap();
    assert!(
        wait::holds(LONG, || again() == 2),
        "{:?}",
        bob.process().lines()
    );
}

#[test]
fn a_script_sends_all_its_lines_to_a_channel_and_quits() {
    let TwoServers {
        mut ann,
        bob,
        fixture,
        cove,
        reef: _reef,
    } = TwoServers::new();
    command(&mut ann, "/join #Reef");
    expect(&ann, ALONE);
    // When this chat arrives, the channel has arrived at the other server.
    command(&mut ann, "/msg bob come!");
    bob.wait_view(|view| view.chats.len() == 1).unwrap();
    let mut carol = Command::new(&fixture.binaries().client);
    carol.arg(format!("--server={}", cove.address()));
    carol.args(["--id=103", "--name=carol"]);
    let mut carol = Process::start("carol", carol, fixture.logs().file("carol.log")).unwrap();
    // A script waits two seconds for what a join and a quit bring: on a busy machine that can be
    // too short, so carol writes the lines that need it when it has come.
    let wait_for = |carol: &Process, text: &str| {
        let has = || carol.lines().iter().any(|line| line == text);
        assert!(wait::holds(LONG, has), "{text}\n{:#?}", carol.lines());
    };
    let lines = |from: u32, to: u32| -> String {
        let lines = (from..to).map(|n| format!("line {n}\n"));
        lines.collect()
    };
    let left = "* #Reef: carol (103) left";
    let begin = format!("/join #Reef\n{}", lines(0, 250));
    carol.write_line(&begin).unwrap();
    wait_for(&carol, "* you are in #Reef");
    let rest = lines(250, 500);
    let rest = format!("/topic\n/to #reef\n/who #reef\n{rest}/part");
    carol.write_line(&rest).unwrap();
    wait_for(&carol, left);
    carol.write_line("/quit bye").unwrap();
    let status = carol.wait_end(LONG).unwrap();
    assert_eq!((status.code(), &*carol.log()), (Some(0), ""));
    let stdout = carol.lines().join("\n");
    let members = "\n         101  @ann\n         103  carol\n";
    for expected in [
        format!("* you are in #Reef{members}"),
        format!("* #Reef{members}"),
        "* talking to #reef\n".to_owned(),
        left.to_owned(),
    ] {
        assert!(stdout.contains(&expected), "{expected}\n{stdout}");
    }
    for n in 0..500 {
        expect(
            &ann,
            &format!(
                r##"{{"event":"channel_chat","channel":"#Reef","from":103,"from_name":"carol","text":"line {n}","notice":false}}"##
            ),
        );
    }
}

/// All that IRC users can do with a channel, clients can.
#[test]
fn clients_rule_their_channels() {
    let TwoServers {
        mut ann,
        mut bob,
        fixture: _fixture,
        reef: _reef,
        cove: _cove,
    } = TwoServers::new();
    command(&mut ann, "/join #reef");
    expect(&ann, &ALONE.replace("#Reef", "#reef"));
    command(&mut ann, "/mode #reef +ik kelp");
    let set = |field, value| {
        format!(
            r##"{{"event":"channel_set","channel":"#reef","field":"{field}","value":"{value}","by":101,"by_name":"ann"}}"##
        )
    };
    expect(&ann, &set("key", "kelp"));
    command(&mut ann, "/invite #reef bob");
    expect(
        &bob,
        r##"{"event":"invited","channel":"#reef","by":101,"by_name":"ann"}"##,
    );
    command(&mut bob, "/join #reef kelp");
    let bob_is = |event, operator, voice, by| {
        format!(
            r##"{{"event":"{event}","channel":"#reef","id":102,"name":"bob","operator":{operator},"voice":{voice}{by}}}"##
        )
    };
    expect(&ann, &bob_is("channel_joined", false, false, ""));
    command(&mut ann, "/to #reef");
    let by_ann = r#","by":101,"by_name":"ann""#;
    for (line, operator, voice) in [
        ("/op bob", true, false),
        ("/voice bob", true, true),
        ("/deop bob", false, true),
        ("/devoice bob", false, false),
    ] {
        command(&mut ann, line);
        expect(&bob, &bob_is("channel_flags", operator, voice, by_ann));
    }
    command(&mut ann, "/me waves");
    let chat = |text, notice| {
        format!(
            r##"{{"event":"channel_chat","channel":"#reef","from":101,"from_name":"ann","text":"{text}","notice":{notice}}}"##
        )
    };
    expect(&bob, &chat(r"\u0001ACTION waves\u0001", false));
    command(&mut ann, "/notice #reef low tide");
    expect(&bob, &chat("low tide", true));
    command(&mut ann, "/notice bob psst");
    expect(
        &bob,
        r#"{"event":"notice","from":101,"from_name":"ann","text":"psst"}"#,
    );
    command(&mut ann, "/mode +b-i eve!*@*");
    expect(&bob, &set("bans", "eve!*@*"));
    // Her client answers from what it knows.
    expect(&ann, &set("modes", "nt"));
    command(&mut ann, "/mode");
    expect(
        &ann,
        r##"{"event":"modes","channel":"#reef","modes":"+nt"}"##,
    );
    command(&mut bob, "/kick #reef ann");
    expect(
        &bob,
        &refusal("#reef", "only its operators may do this", false),
    );
    command(&mut ann, "/kick bob loud");
    expect(
        &bob,
        r##"{"event":"channel_left","channel":"#reef","id":102,"name":"bob","by":101,"by_name":"ann","text":"loud"}"##,
    );
}

#[test]
fn clients_take_other_names() {
    let TwoServers {
        mut ann,
        mut bob,
        fixture,
        reef,
        cove: _cove,
    } = TwoServers::new();
    command(&mut bob, "/to ann");
    command(&mut ann, "/nick Anna of the reef");
    let renamed = r#"{"event":"renamed","id":101,"old_name":"ann","name":"Anna of the reef"}"#;
    expect(&ann, renamed);
    expect(&bob, renamed);
    // Whom bob talks to has not changed.
    command(&mut bob, "ahoy");
    expect(
        &ann,
        r#"{"event":"chat","from":102,"from_name":"bob","to":101,"text":"ahoy"}"#,
    );
    command(&mut ann, "/nick \u{1b}");
    let error = r#"{"event":"error","text":"/nick is refused: the name holds characters that can't be printed"}"#;
    expect(&ann, error);
    // The name lasts after a lost connection.
    let address = reef.address();
    drop(reef);
    let new = fixture.server(3, "reef again").listen(address);
    let _new = new.start().unwrap();
    expect(
        &ann,
        r#"{"event":"welcome","id":101,"name":"Anna of the reef","text":"Welcome to the Clemson Relay Chat network Anna of the reef"}"#,
    );
}

#[test]
fn clients_ask_about_users_and_channels() {
    let TwoServers {
        mut ann,
        mut bob,
        fixture: _fixture,
        reef: _reef,
        cove: _cove,
    } = TwoServers::new();
    command(&mut bob, "/join #rocks");
    command(&mut bob, "/topic #rocks low tide");
    command(&mut bob, "/msg ann come!");
    ann.wait_view(|view| view.chats.len() == 1).unwrap();
    command(&mut ann, "/whois bob");
    expect_part(
        &ann,
        r#""event":"whois","id":102,"name":"bob","user":null,"#,
    );
    expect_part(&ann, r##""server":"cove","operator":false,"away":null,"##);
    expect_part(&ann, r##""channels":["@#rocks"]"##);
    command(&mut ann, "/whois ann");
    expect_part(&ann, r##""server":"reef","operator":false,"##);
    command(&mut ann, "/list #r*");
    let listed = r##""event":"list","channels":[{"channel":"#rocks","member_count":1,"topic":"low tide"}],"follows":false,"left_out":false"##;
    expect_part(&ann, listed);
    command(&mut ann, r##"{"do":"list","mask":"#none","tag":7}"##);
    expect_part(&ann, r##""event":"list","channels":[],"##);
}

/// Waits until the client writes a line that holds this.
#[track_caller]
fn expect_part(client: &Client, part: &str) {
    let lines = || client.process().lines().clone();
    let written = || lines().iter().any(|line| line.contains(part));
    assert!(wait::holds(LONG, written), "{part}\n{:#?}", lines());
}

#[test]
fn clients_are_away() {
    let TwoServers {
        mut ann,
        mut bob,
        fixture: _fixture,
        reef: _reef,
        cove: _cove,
    } = TwoServers::new();
    command(&mut bob, "/away gone fishing");
    let away = r#"{"event":"away","id":102,"name":"bob","text":"gone fishing"}"#;
    expect(&bob, away);
    command(&mut bob, "/msg ann bye");
    ann.wait_view(|view| view.chats.len() == 1).unwrap();
    command(&mut ann, "/msg bob hi");
    expect(&ann, away);
    command(&mut ann, "/whois bob");
    expect_part(&ann, r#""away":"gone fishing""#);
    command(&mut bob, "/away");
    expect(&bob, r#"{"event":"away","id":102,"name":"bob","text":""}"#);
}
