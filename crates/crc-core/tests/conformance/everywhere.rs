//! The network is one: what its servers say of users, channels and servers is the same at each of
//! them (modern IRC, "Server queries", "User-based queries", "LIST message").

use crate::conforms;
use crate::net::Net;

/// Users at three servers.
const USERS: [&str; 3] = ["ann", "bob", "eve"];

/// The lines that a user gets for a command, without its server and its nick, in any order.
fn answer(net: &mut Net, name: &str, line: &str) -> Vec<String> {
    net.take(name);
    net.send(name, line);
    let mut lines: Vec<_> = net
        .take(name)
        .iter()
        .filter(|line| line.command != "NOTICE")
        .map(|line| format!("{} {}", line.command, line.params[1..].join(" ")))
        .collect();
    assert!(!lines.is_empty(), "{name}: {line}");
    lines.sort();
    lines
}

/// All users get the same for a command; returns it.
#[track_caller]
fn the_same(net: &mut Net, line: &str) -> Vec<String> {
    let [first, others @ ..] = USERS;
    let expected = answer(net, first, line);
    for name in others {
        assert_eq!(answer(net, name, line), expected, "{name}: {line}");
    }
    expected
}

/// Three users in channels of several kinds: `#reef` with all of them, `#cave` is secret.
fn people(net: &mut Net) {
    net.play(
        "
        ann +
        bob +
        eve +
        ann > JOIN #reef,#cave
        bob > JOIN #reef
        eve > JOIN #reef
        ann > MODE #cave +s
        ann > MODE #reef +v bob
        ann > TOPIC #reef :Low tide
        bob > AWAY :tea
        eve > MODE eve +B
        eve > OPER chief secret
        ",
    );
}

conforms! { lusers_counts_the_network_alike |net| {
    people(net);
    net.play("bob > MODE bob +i");
    let counts = |net: &mut Net| {
        let mut shown = Vec::new();
        for name in USERS {
            // What is said of the server itself differs.
            let lines = answer(net, name, "LUSERS");
            let of_network = |line: &String| !line.starts_with("255") && !line.starts_with("265");
            shown.push(lines.into_iter().filter(of_network).collect::<Vec<_>>());
        }
        shown
    };
    let shown = counts(net);
    assert_eq!(shown[0], shown[1]);
    assert_eq!(shown[0], shown[2]);
    assert!(shown[0][0].starts_with("251 There are 2 users and 1 invisible on "));
    assert_eq!(shown[0][1..], [
        "252 1 operator(s) online",
        "254 2 channels formed",
        "266 3 3 Current global users 3, max 3",
    ]);
    net.play("bob > QUIT");
    let shown = answer(net, "ann", "LUSERS");
    assert_eq!(answer(net, "eve", "LUSERS").last(), shown.last());
    assert_eq!(shown.last().unwrap(), "266 2 3 Current global users 2, max 3");
} }

conforms! { map_shows_one_tree |net| {
    people(net);
    net.play("
        ann > OPER chief secret
        bob > OPER chief secret
    ");
    // The times until the answers differ.
    let tree = |net: &mut Net, name: &str| {
        let lines = answer(net, name, "MAP");
        let lines = lines.iter().map(|line| match line.rsplit_once(", ") {
            Some((server, time)) if time.ends_with(" ms") => server.to_owned(),
            _ => line.clone(),
        });
        lines.collect::<Vec<_>>()
    };
    let [of_ann, of_bob, of_eve] = USERS.map(|name| tree(net, name));
    assert_eq!(of_ann, of_bob);
    assert_eq!(of_ann, of_eve);
    let is_tree = net.server_of("ann") != net.server_of("bob");
    assert_eq!(of_ann.len(), if is_tree { 4 } else { 2 }, "{of_ann:#?}");
    let clients = if is_tree { "1 client," } else { "3 clients," };
    let servers = of_ann.iter().filter(|line| line.starts_with("006"));
    assert!(servers.clone().all(|line| line.contains(clients)), "{of_ann:#?}");
    assert_eq!(of_ann.last().unwrap(), "007 End of MAP");
} }

conforms! { links_has_the_same_servers_and_links |net| {
    people(net);
    // Each server is linked to the one before it on the way: as a set of links it is the same.
    let mut seen = Vec::new();
    for name in USERS {
        let lines = answer(net, name, "LINKS");
        let mut pairs: Vec<_> = lines
            .iter()
            .filter_map(|line| line.strip_prefix("364 "))
            .map(|line| {
                let mut pair: Vec<_> = line.split(' ').take(2).map(str::to_owned).collect();
                pair.sort();
                pair
            })
            .filter(|pair| pair[0] != pair[1])
            .collect();
        pairs.sort();
        seen.push(pairs);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    let is_tree = net.server_of("ann") != net.server_of("bob");
    assert_eq!(seen[0].len(), if is_tree { 2 } else { 0 });
} }

conforms! { who_shows_the_same_users |net| {
    people(net);
    let fields = "%cuhsnfar";
    for wanted in ["#reef", "ann", "b*", "*", "server1", "*.crc", "Real*"] {
        for options in [fields, &format!("o{fields}")] {
            the_same(net, &format!("WHO {wanted} {options}"));
        }
    }
    let of_channel = the_same(net, &format!("WHO #reef {fields}"));
    assert_eq!(of_channel.len(), 4);
    assert!(of_channel.iter().any(|line| line.contains(" ann H@ ")), "{of_channel:?}");
    assert!(of_channel.iter().any(|line| line.contains(" bob G+ ")), "{of_channel:?}");
    assert!(of_channel.iter().any(|line| line.contains(" eve H*B ")), "{of_channel:?}");
    // The short form says the same, but for the number of hops.
    let mut short = Vec::new();
    for name in USERS {
        let lines = answer(net, name, "WHO #reef");
        let lines = lines.iter().map(|line| line.replace(" 1 Real", " 0 Real"));
        short.push(lines.collect::<Vec<_>>());
    }
    assert_eq!(short[0], short[1]);
    assert_eq!(short[0], short[2]);
} }

conforms! { whowas_remembers_the_same_users |net| {
    people(net);
    net.play("
        zoe +
        zoe > JOIN #reef
        zoe > NICK zora
        zoe > QUIT :bye
    ");
    let first = the_same(net, "WHOWAS zoe");
    assert!(first.iter().any(|line| line.starts_with("314 zoe ~zoe ")), "{first:?}");
    let second = the_same(net, "WHOWAS zora");
    assert!(second.iter().any(|line| line.starts_with("314 zora ~zoe ")), "{second:?}");
    let none = the_same(net, "WHOWAS zack");
    assert!(none[1].starts_with("406 zack ") || none[0].starts_with("369 zack"), "{none:?}");
} }

conforms! { whois_knows_the_same_of_a_user |net| {
    net.play("
        ann +
        bob +
        eve +
        zoe +
        zoe > JOIN #reef,#cave
        zoe > MODE #cave +s
        zoe > AWAY :tea
        zoe > MODE zoe +B
        zoe > OPER chief secret
        wait 5
    ");
    let shown = the_same(net, "WHOIS zoe");
    for (numeric, text) in [
        ("301", "zoe tea"),
        ("311", "zoe ~zoe "),
        ("312", "zoe server"),
        ("313", "zoe is "),
        ("317", "zoe 5 17000000"),
        ("319", "zoe @#reef"),
        ("335", "zoe is "),
        ("318", "zoe End"),
    ] {
        let start = format!("{numeric} {text}");
        assert!(shown.iter().any(|line| line.starts_with(&start)), "{start}: {shown:?}");
    }
    assert_eq!(shown.len(), 8, "{shown:?}");
    let nobody = the_same(net, "WHOIS nobody");
    assert!(nobody.iter().any(|line| line.starts_with("401 nobody ")), "{nobody:?}");
} }

conforms! { list_shows_the_same_channels |net| {
    people(net);
    for line in ["LIST #reef", "LIST >1", "LIST *ee*", "LIST <1", "LIST !#cave"] {
        the_same(net, line);
    }
    let shown = answer(net, "bob", "LIST");
    assert!(shown.contains(&"322 #reef 3 Low tide".to_owned()), "{shown:?}");
    assert_eq!(answer(net, "eve", "LIST"), shown);
    // The member of a secret channel sees it, too.
    let of_ann = answer(net, "ann", "LIST");
    assert_eq!(of_ann.len(), shown.len() + 1);
    assert!(of_ann.contains(&"322 #cave 1 ".to_owned()), "{of_ann:?}");
} }

conforms! { names_shows_the_same_members |net| {
    people(net);
    let members = |net: &mut Net, name: &str, line: &str| {
        let lines = answer(net, name, line);
        let lines = lines.iter().filter_map(|line| line.strip_prefix("353 "));
        let mut nicks: Vec<_> = lines
            .flat_map(|line| line.split(' '))
            .map(str::to_owned)
            .collect();
        nicks.sort();
        nicks
    };
    for name in USERS {
        assert_eq!(members(net, name, "NAMES #reef"), ["#reef", "+bob", "=", "@ann", "eve"]);
    }
    let of_bob = members(net, "bob", "NAMES");
    assert_eq!(members(net, "eve", "NAMES"), of_bob);
    assert!(!of_bob.contains(&"#cave".to_owned()));
    for name in ["bob", "eve"] {
        assert_eq!(answer(net, name, "NAMES #cave"), ["366 #cave End of /NAMES list"]);
    }
} }
