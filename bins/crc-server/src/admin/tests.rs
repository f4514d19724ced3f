use crc_core::{
    Config, Effect, Endpoints, Event, LinkId, ListenerId, Machine, Origin, Outbox, Server,
    TextProtocol, Timestamp,
};
use crc_wire::{HostId, Info, Message, Name, Registration};
use serde_json::{Value, json};

use super::state::StatePage;
use super::*;

const LINK: LinkId = LinkId::new(1, 1);

fn config() -> Config {
    Config::new(HostId::new(1).unwrap(), Name::new("anchor").unwrap())
}

fn server() -> Server {
    Server::new(config())
}

/// Opens a link of the server and sends `bytes` on it.
fn connect(server: &mut Server, link: LinkId, listener: ListenerId, bytes: &[u8]) {
    let mut out = Outbox::new();
    let address = "127.0.0.1:1".parse().unwrap();
    let up = Event::LinkUp {
        link,
        origin: Origin::Accepted { listener },
        endpoints: Endpoints {
            peer: address,
            local: address,
        },
        security: None,
    };
    server.handle(Timestamp::START, up, &mut out);
    server.handle(Timestamp::START, Event::Bytes { link, bytes }, &mut out);
}

fn observed(server: &Server) -> Observed<'_> {
    Observed {
        server,
        has_place: None,
    }
}

/// A server with one child, which has `clients` clients.
fn server_with_clients(clients: u32) -> Server {
    let registration = |id: u32| Registration {
        source: HostId::new(id).unwrap(),
        last_hop: None,
        name: Name::new("x").unwrap(),
        info: Info::default(),
    };
    let mut frames = Message::ServerRegistration(registration(2)).to_vec();
    for id in 0..clients {
        Message::ClientRegistration(registration(1000 + id)).encode(&mut frames);
    }
    let mut server = server();
    connect(&mut server, LinkId::new(9, 9), ListenerId(0), &frames);
    server
}

/// The response to a request that arrives in these pieces.
fn request(pieces: &[&[u8]]) -> String {
    let (server, mut admin) = (server(), Admin::default());
    let mut out = Outbox::<()>::new();
    admin.on_link_up(Timestamp::START, LINK);
    for piece in pieces {
        admin.on_bytes(Timestamp::START, LINK, piece, observed(&server), &mut out);
    }
    take_response(&mut out)
}

/// The response in the outbox, or nothing. A response must be followed by a close.
fn take_response(out: &mut Outbox<()>) -> String {
    let mut text = String::new();
    let mut closed = false;
    for effect in out.take_effects() {
        match effect {
            Effect::Send { range, .. } => {
                assert!(!closed, "only one response");
                text.push_str(std::str::from_utf8(out.bytes(range)).unwrap());
            }
            Effect::Close { .. } => closed = true,
            _ => {}
        }
    }
    assert_eq!(closed, !text.is_empty());
    text
}

fn state(server: &Server) -> Value {
    let mut page = StatePage::new(&server.snapshot());
    while !page.write_slice(&server.snapshot(), 3) {}
    serde_json::from_str(&page.finish(&server.snapshot(), Timestamp::START)).unwrap()
}

fn assert_has_lines(metrics: &str, lines: &[&str]) {
    for line in lines {
        assert!(metrics.contains(&format!("{line}\n")), "{line}: {metrics}");
    }
}

#[test]
fn each_page_is_served() {
    let health = request(&[b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"]);
    assert!(health.starts_with("HTTP/1.1 200 OK\r\n"), "{health}");
    assert!(health.ends_with("\r\n\r\nok\n"), "{health}");
    assert!(health.contains("Content-Length: 3\r\n"), "{health}");
    let head = request(&[b"HEAD /healthz HTTP/1.0\r\n\r\n"]);
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    let in_pieces = request(&[b"GET /sta", b"te HTTP/1.1\r", b"\n\r\n", b"more"]);
    let body = in_pieces.split_once("\r\n\r\n").unwrap().1;
    let state: Value = serde_json::from_str(body).unwrap();
    assert_eq!(state["id"], 1);
    assert_eq!(state["name"], "anchor");
    assert_eq!(state["hosts"], json!([]));
    assert!(state.get("irc").is_none(), "the server has no IRC listener");
    let metrics = request(&[b"GET /metrics?x=y HTTP/1.1\r\n\r\n"]);
    assert_has_lines(&metrics, &["crc_hosts{kind=\"client\"} 0"]);
}

/// The status and the body of `/readyz`.
fn readyz(server: &Server, has_place: Option<bool>) -> (String, String) {
    let (mut admin, mut out) = (Admin::default(), Outbox::<()>::new());
    admin.on_link_up(Timestamp::START, LINK);
    let observed = Observed { server, has_place };
    let request = b"GET /readyz HTTP/1.1\r\n\r\n";
    admin.on_bytes(Timestamp::START, LINK, request, observed, &mut out);
    let response = take_response(&mut out);
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let status = head.lines().next().unwrap().to_owned();
    (status, body.to_owned())
}

#[test]
fn readyz_says_whether_the_server_is_where_it_is_meant_to_be() {
    let ok = |body: &str| ("HTTP/1.1 200 OK".to_owned(), format!("{body}\n"));
    let no = |body: &str| {
        let status = "HTTP/1.1 503 Service Unavailable".to_owned();
        (status, format!("{body}\n"))
    };
    let start = |server: &mut Server| {
        let start = crc_core::ServerCommand::Start { listening: vec![] };
        server.handle(Timestamp::START, Event::Command(start), &mut Outbox::new());
    };
    let mut root = server();
    start(&mut root);
    assert_eq!(readyz(&root, None), ok("root"));
    // With a directory it is a root only if it is the first there.
    let unanswered = no("not linked: the rendezvous directory has not answered");
    assert_eq!(readyz(&root, Some(false)), unanswered);
    let first = ok("root: first in the rendezvous directory");
    assert_eq!(readyz(&root, Some(true)), first);

    let connect = vec!["127.0.0.1:9".parse().unwrap()];
    let mut child = Server::new(Config {
        connect: connect.clone(),
        ..config()
    });
    start(&mut child);
    let refused = no("not linked: no server to link to has accepted this one");
    assert_eq!(readyz(&child, None), refused);
    assert_eq!(readyz(&child, Some(true)), refused);
    let mut legacy_child = Server::new(Config {
        legacy_connect: connect,
        ..config()
    });
    start(&mut legacy_child);
    let refused = no("not linked: no legacy server to link to has accepted this one");
    assert_eq!(readyz(&legacy_child, None), refused);

    let leave = crc_core::ServerCommand::Leave {
        reason: "bye".into(),
    };
    root.handle(Timestamp::START, Event::Command(leave), &mut Outbox::new());
    assert_eq!(readyz(&root, None), no("leaving the network"));
}

/// Every server has a queue of its own to look at, but never more than 64.
#[test]
fn the_queues_of_many_servers_are_bounded_in_number() {
    for (servers, samples, others) in [(3, 3, 0), (64, 64, 0), (70, 64, 1)] {
        let mut server = server();
        for id in 0..servers {
            let registration = Message::ServerRegistration(Registration {
                source: HostId::new(100 + id).unwrap(),
                last_hop: None,
                name: Name::new(format!("s\"{id}")).unwrap(),
                info: Info::default(),
            });
            let link = LinkId::new(100 + id, 1);
            connect(&mut server, link, ListenerId(0), &registration.to_vec());
        }
        let stats = Stats::default();
        let page = metrics::render(observed(&server), Some(&stats), 0);
        let begins = |start: &'static str| page.lines().filter(move |line| line.starts_with(start));
        let all = begins("crc_server_queue_bytes{").count();
        let rest = begins("crc_server_queue_bytes{id=\"others\",name=\"\"}").count();
        assert_eq!((all - rest, rest), (samples, others), "{page}");
        assert_has_lines(
            &page,
            &["crc_server_queue_bytes{id=\"101\",name=\"s\\\"1\"} 0"],
        );
        assert_has_lines(&page, &["crc_clients_queue_bytes 0"]);
    }
}

#[test]
fn metrics_name_the_build_the_process_and_the_limits() {
    let server = server();
    let stats = Stats::default();
    let page = metrics::render(observed(&server), Some(&stats), 1_500);
    assert_has_lines(
        &page,
        &[
            &format!(
                "crc_build_info{{version=\"{}\",commit=\"{}\"}} 1",
                env!("CARGO_PKG_VERSION"),
                crc_cli::COMMIT.unwrap_or_default()
            ),
            "crc_uplink_state{state=\"root\"} 1",
            "crc_uplink_state{state=\"linked\"} 0",
            "crc_ready 1",
            "crc_hosts_max 1000000",
            "crc_links_max 0",
            "crc_server_queue_max_bytes 67108864",
            "crc_client_queue_max_bytes 1048576",
            "crc_clock_skew_max_seconds 0.0",
            "process_start_time_seconds 1.5",
            "# TYPE process_cpu_seconds_total counter",
            "# TYPE process_resident_memory_bytes gauge",
            "# TYPE process_open_fds gauge",
            "# TYPE process_max_fds gauge",
        ],
    );
}

#[test]
fn a_bad_request_gets_an_error() {
    for (bytes, status) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "404 Not Found\r\n"),
        (
            b"POST /state HTTP/1.1\r\n\r\n",
            "405 Method Not Allowed\r\n",
        ),
        (b"\x80\x00\x00\x00\x65", "400 Bad Request\r\n"),
    ] {
        let response = request(&[bytes]);
        let expected = format!("HTTP/1.1 {status}");
        assert!(response.starts_with(&expected), "{response}");
    }
}

#[test]
fn an_answer_to_head_has_no_body() {
    for (head, status) in [
        ("HEAD /healthz HTTP/1.1", "200"),
        ("HEAD http://anchor/healthz HTTP/1.1", "200"),
        ("HEAD /none HTTP/1.1", "404"),
        ("HEAD /a b HTTP/1.1", "400"),
        ("HEAD  HTTP/1.1", "400"),
    ] {
        let answer = request(&[head.as_bytes(), b"\r\nHost: x\r\n\r\n"]);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{head}: {answer}"
        );
        assert!(answer.ends_with("\r\n\r\n"), "{head}: {answer}");
        assert!(!answer.contains("Content-Length: 0"), "{head}: {answer}");
    }
    let long = "x".repeat(9000);
    let answer = request(&[b"HEAD /state HTTP/1.1\r\nX: ", long.as_bytes()]);
    assert!(
        answer.starts_with("HTTP/1.1 431 ") && answer.ends_with("\r\n\r\n"),
        "{answer}"
    );
}

#[test]
fn a_slow_request_times_out() {
    let (server, mut admin) = (server(), Admin::default());
    let mut out = Outbox::<()>::new();
    admin.on_link_up(Timestamp::START, LINK);
    admin.on_bytes(
        Timestamp::START,
        LINK,
        b"GET /",
        observed(&server),
        &mut out,
    );
    assert_eq!(take_response(&mut out), "");
    let deadline = admin.deadline().unwrap();
    admin.on_tick(deadline, &server, &mut out);
    assert!(take_response(&mut out).starts_with("HTTP/1.1 408 "));
    assert_eq!(admin.deadline(), None);
}

#[test]
fn a_long_response_is_written_one_slice_per_turn() {
    let (server, mut admin) = (server_with_clients(1200), Admin::default());
    let mut out = Outbox::<()>::new();
    for link in [LINK, LinkId::new(2, 1)] {
        admin.on_link_up(Timestamp::START, link);
        let request = b"GET /state HTTP/1.1\r\n\r\n";
        admin.on_bytes(Timestamp::START, link, request, observed(&server), &mut out);
        assert_eq!(take_response(&mut out), "", "not in one turn");
    }
    for complete in [false, true, false, false, true] {
        assert_eq!(admin.deadline(), Some(Timestamp::START), "at the next turn");
        admin.on_tick(Timestamp::START, &server, &mut out);
        let response = take_response(&mut out);
        assert_eq!(!response.is_empty(), complete);
        if let Some((_, body)) = response.split_once("\r\n\r\n") {
            let state: Value = serde_json::from_str(body).unwrap();
            assert_eq!(state["hosts"].as_array().unwrap().len(), 1201);
        }
        out.reset();
    }
    assert_eq!(admin.deadline(), None);
}

#[test]
fn a_server_with_an_irc_listener_shows_names_and_channels() {
    let listener = ListenerId(7);
    let mut server = Server::new(Config {
        text_listeners: vec![(listener, TextProtocol::Legacy)],
        ..config()
    });
    let reef = "SERVER reef 1 :Reef\r\n:reef USER zoe box reef :Zoe\r\n:zoe JOIN #b key\r\n";
    let ann = "USER ann box anchor :Ann\r\nJOIN #a\r\nTOPIC #a :tide\r\nJOIN #b key\r\n";
    for (slot, lines) in [(1, reef), (2, ann)] {
        connect(
            &mut server,
            LinkId::new(slot, 1),
            listener,
            lines.as_bytes(),
        );
    }
    let state = state(&server);
    let expected = json!({
        "adjacent_servers": ["reef"],
        "servers": ["reef"],
        "adjacent_users": ["ann"],
        "users": ["ann", "zoe"],
        "channels": {
            "#a": {"key": null, "topic": "tide", "users": ["ann"]},
            "#b": {"key": "*", "topic": null, "users": ["ann", "zoe"]},
        },
    });
    assert_eq!(state["irc"], expected);
    assert_eq!(state["links"][0]["protocol"], "irc-legacy");
    assert_has_lines(
        &metrics::render(observed(&server), None, 0),
        &[
            "crc_channels 2",
            "crc_irc_hosts{protocol=\"irc-legacy\",kind=\"server\"} 1",
        ],
    );
}

#[test]
fn large_channels_are_written_in_slices_too() {
    let listener = ListenerId(7);
    let mut server = Server::new(Config {
        text_listeners: vec![(listener, TextProtocol::Legacy)],
        ..config()
    });
    let mut lines = "SERVER reef 1 :Reef\r\n".to_owned();
    for user in 0..200 {
        lines += &format!(":reef USER u{user:03} box reef :U\r\n");
        for channel in 0..20 {
            lines += &format!(":u{user:03} JOIN #c{channel}\r\n");
        }
    }
    connect(&mut server, LinkId::new(1, 1), listener, lines.as_bytes());
    let (mut admin, mut out) = (Admin::default(), Outbox::<()>::new());
    admin.on_link_up(Timestamp::START, LINK);
    let request = b"GET /state HTTP/1.1\r\n\r\n";
    admin.on_bytes(Timestamp::START, LINK, request, observed(&server), &mut out);
    let mut turns = 1;
    let response = loop {
        let response = take_response(&mut out);
        if !response.is_empty() {
            break response;
        }
        admin.on_tick(Timestamp::START, &server, &mut out);
        turns += 1;
    };
    // Each of 4,000 names is collected, and written.
    assert!(turns > 2 * 4000 / ENTRIES_PER_TURN, "{turns} turns");
    let body = response.split_once("\r\n\r\n").unwrap().1;
    let state: Value = serde_json::from_str(body).unwrap();
    let channels = state["irc"]["channels"].as_object().unwrap();
    assert_eq!(channels.len(), 20);
    for channel in channels.values() {
        assert_eq!(channel["users"].as_array().unwrap().len(), 200);
        assert_eq!(channel["users"], state["irc"]["users"]);
    }
}

/// Old names go one release after the new ones came: remove them, and this test, in 0.3.
#[test]
fn renamed_keys_and_metrics_keep_their_old_names() {
    let mut server = server();
    let idle = LinkId::new(3, 1);
    connect(&mut server, idle, ListenerId(0), b"");
    let ann = Message::ClientRegistration(Registration {
        source: HostId::new(101).unwrap(),
        last_hop: None,
        name: Name::new("ann").unwrap(),
        info: Info::default(),
    });
    connect(&mut server, LINK, ListenerId(0), &ann.to_vec());
    let state = state(&server);
    assert_eq!(state["unregistered_links"], 1);
    assert_eq!(state["strangers"], 1);
    assert_eq!(state["links"][0]["protocol"], "unknown");
    assert_eq!(state["links"][0]["node"], "unclassified");
    let counters = &state["counters"];
    assert_eq!(counters["registrations_refused"], counters["refused"]);
    assert_eq!(counters["frames_dropped"], counters["dropped"]);

    let stats = Stats::default();
    let metrics = metrics::render(observed(&server), Some(&stats), 0);
    assert_has_lines(
        &metrics,
        &[
            "crc_unregistered_links 1",
            "crc_strangers 1",
            "# HELP crc_strangers Deprecated, use crc_unregistered_links.",
            "crc_registrations_refused_total 0",
            "crc_refused_total 0",
            "crc_frames_dropped_total 0",
            "crc_dropped_total 0",
            "crc_dialect_hosts{dialect=\"irc\",kind=\"client\"} 0",
            "crc_queue_bytes 0",
            "crc_bytes_waiting 0",
            "crc_read_bytes_total 0",
            "crc_bytes_read_total 0",
            "crc_written_bytes_total 0",
            "crc_bytes_written_total 0",
        ],
    );
}
