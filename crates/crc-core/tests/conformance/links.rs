//! LINKS and commands that name servers (RFC 2812, 3.4; modern IRC, "Server queries").

use crate::conforms;
use crate::net::Net;

/// The servers that LINKS shows to a user, each with the one before it and its distance.
fn links(net: &mut Net, name: &str, line: &str) -> Vec<[String; 3]> {
    net.send(name, line);
    let lines = net.take(name);
    let (end, servers) = lines.split_last().unwrap();
    assert_eq!(end.command, "365", "{end}");
    let mut servers: Vec<_> = servers
        .iter()
        .map(|line| {
            assert_eq!(line.command, "364", "{line}");
            let hops = line.params[3].split(' ').next().unwrap();
            [&line.params[1], &line.params[2], hops].map(str::to_owned)
        })
        .collect();
    servers.sort();
    servers
}

conforms! { a_server_without_others_shows_itself "
    ann +
    ann > LINKS {server}
    ann < 364 ann {server} {server} :0 *
    ann < 365 ann {server} :*
    ann > LINKS nowhere.*
    ann < 365 ann nowhere.* :*
" }

conforms! { every_server_shows_the_tree |net| {
    for name in ["ann", "bob", "eve"] {
        net.join(name, "");
    }
    let is_tree = net.server_of("bob") != net.server_of("ann");
    for (name, expected) in [
        ("ann", [["server0", "server0", "0"], ["server1", "server0", "1"], ["server2", "server1", "2"]]),
        ("eve", [["server0", "server1", "1"], ["server1", "server1", "0"], ["server2", "server1", "1"]]),
        ("bob", [["server0", "server1", "2"], ["server1", "server2", "1"], ["server2", "server2", "0"]]),
    ] {
        let expected = if is_tree { &expected[..] } else { &[["server0", "server0", "0"]] };
        assert_eq!(links(net, name, "LINKS"), expected);
        assert_eq!(links(net, name, "LINKS *"), expected);
        let of_ann = [expected[0]];
        assert_eq!(links(net, name, "LINKS SERVER0"), of_ann);
    }
} }

conforms! { a_server_shows_the_tree_as_it_sees_it_to_users_elsewhere |net| {
    for name in ["ann", "bob", "eve"] {
        net.join(name, "");
    }
    for (asks, at) in [("ann", "bob"), ("ann", "eve"), ("bob", "ann"), ("eve", "bob")] {
        let there = net.server_of(at);
        for mask in ["*", "server1", "*2", "nowhere"] {
            let expected = links(net, at, &format!("LINKS {mask}"));
            let shown = links(net, asks, &format!("LINKS {there} {mask}"));
            assert_eq!(shown, expected, "{asks} asks {there} for {mask}");
        }
    }
} }

conforms! { a_server_that_is_not_there_is_unknown "
    ann +
    ann > TIME nowhere
    ann < 402 ann nowhere :*
    ann > VERSION nowhere
    ann < 402 ann nowhere :*
    ann > ADMIN nowhere
    ann < 402 ann nowhere :*
    ann > INFO nowhere
    ann < 402 ann nowhere :*
    ann > MOTD nowhere
    ann < 402 ann nowhere :*
    ann > LUSERS * nowhere
    ann < 402 ann nowhere :*
    ann > LINKS nowhere *
    ann < 402 ann nowhere :*
    ann > STATS u nowhere
    ann < 402 ann nowhere :*
    ann > WHOIS nowhere ann
    ann < 402 ann nowhere :*
    ann > TIME *.nowhere
    ann < 402 ann *.nowhere :*
" }

conforms! { a_server_that_is_named_answers "
    ann +
    ann > TIME {server}
    ann < 391 ann {server} ...
    ann > TIME ann
    ann < 391 ann {server} ...
    ann > TIME serv*
    ann < 391 ann {server} ...
    ann > VERSION {server}
    ann < 351 ann * {server} :*
    ann < 005 ann ...
    ann < 005 ann ...
    ann < 005 ann ...
    ann > MOTD {server}
    ann < 422 ann :*
    ann > ADMIN {server}
    ann < 423 ann {server} :*
    ann > INFO {server}
    ann < 371 ann :*
    ann < ...
    ann < 374 ann :*
    ann > STATS u {server}
    ann < 242 ann :*
    ann < 219 ann u :*
    ann > LINKS {server} {server}
    ann < 364 ann {server} {server} :0 *
    ann < 365 ann {server} :*
    ann > WHOIS {server} ann
    ann < 311 ann ann ...
    ann < ...
    ann < 318 ann ann :*
" }
