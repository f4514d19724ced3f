//! Servers of this project that are linked by the legacy protocol.

use super::*;

#[test]
fn channels_with_keys_are_the_same_on_three_servers() {
    let (mut net, [shire, rivendale, minastirith]) = Net::trio();
    let [frodo, sam] = ["frodo", "sam"].map(|nick| net.user(shire, nick));
    let elrond = net.user(rivendale, "elrond");
    let aragorn = net.user(minastirith, "aragorn");
    let none = |server: &str, name: &str| format!(":{server}.nz 331 {name} :No topic is set");
    for (who, line, answer) in [
        (frodo, "JOIN #f ring", none("theshire", "#f")),
        (sam, "JOIN #f ring", none("theshire", "#f")),
        (aragorn, "JOIN #f ring", none("minastirith", "#f")),
        (elrond, "JOIN #r throne", none("rivendale", "#r")),
        (aragorn, "JOIN #r throne", none("minastirith", "#r")),
        (
            elrond,
            "JOIN #f x",
            ":rivendale.nz 475 #f :Cannot join channel (+k)".into(),
        ),
        (
            sam,
            "JOIN #r",
            ":theshire.nz 475 #r :Cannot join channel (+k)".into(),
        ),
    ] {
        net.send_line(who, line);
        assert_eq!(net.read_lines(who), [answer], "{line}");
        net.expect_nothing(&[frodo, sam, elrond, aragorn]);
    }
    let channels = [
        channel("#f", "ring", "", &["aragorn", "frodo", "sam"]),
        channel("#r", "throne", "", &["aragorn", "elrond"]),
    ];
    for (node, others) in [
        (shire, ["minastirith.nz", "rivendale.nz"]),
        (rivendale, ["minastirith.nz", "theshire.nz"]),
        (minastirith, ["rivendale.nz", "theshire.nz"]),
    ] {
        let (servers, users, known) = net.state(node);
        assert_eq!(servers, others);
        assert_eq!(users, ["aragorn", "elrond", "frodo", "sam"]);
        assert_eq!(known, channels);
    }
    // A message crosses two links.
    net.send_line(elrond, "PRIVMSG #r :to one");
    assert_eq!(net.read_lines(aragorn), [":elrond PRIVMSG #r :to one"]);
    net.send_line(aragorn, "PRIVMSG #f :to two");
    for user in [frodo, sam] {
        assert_eq!(net.read_lines(user), [":aragorn PRIVMSG #f :to two"]);
    }
    net.send_line(aragorn, "PRIVMSG elrond :psst");
    assert_eq!(net.read_lines(elrond), [":aragorn PRIVMSG elrond :psst"]);
    net.send_line(aragorn, "TOPIC #r :first");
    net.send_line(elrond, "TOPIC #r :second");
    assert_eq!(
        net.read_lines(aragorn),
        [
            ":minastirith.nz 332 #r :first",
            ":minastirith.nz 332 #r :second"
        ]
    );
    assert_eq!(
        net.read_lines(elrond),
        [
            ":rivendale.nz 332 #r :first",
            ":rivendale.nz 332 #r :second"
        ]
    );
    net.send_line(elrond, "NAMES #f");
    assert_eq!(
        net.read_lines(elrond)[0],
        ":rivendale.nz 353 #f :aragorn frodo sam"
    );
    net.send_line(sam, "PART #f");
    net.send_line(aragorn, "QUIT :\"the king\"");
    for (user, others) in [(frodo, "frodo"), (elrond, "elrond")] {
        assert_eq!(
            net.read_lines(user),
            [":aragorn QUIT :\"the king\""],
            "{others}"
        );
    }
    net.send_line(frodo, "QUIT");
    net.expect_nothing(&[sam, elrond, frodo]);
    for node in [shire, rivendale, minastirith] {
        assert_eq!(net.users(node), ["elrond", "sam"]);
        assert_eq!(
            net.channels(node),
            [channel("#r", "throne", "second", &["elrond"])]
        );
    }
}

#[test]
fn a_nick_is_unique_across_servers() {
    let (mut net, [_, rivendale, minastirith]) = Net::trio();
    net.user(rivendale, "sam");
    let second = net.open(minastirith, "USER sam other minastirith.nz :Sam");
    assert_eq!(
        net.read_lines(second),
        [":minastirith.nz 436 sam :Nickname collision KILL from sam@box"]
    );
    assert_eq!(net.users(minastirith), ["sam"]);
}

#[test]
fn new_servers_get_everything_but_the_key() {
    let (mut net, shire) = Net::of("theshire.nz");
    let [frodo, sam] = ["frodo", "sam"].map(|nick| net.user(shire, nick));
    net.send_line(frodo, "JOIN #f key");
    net.send_line(sam, "JOIN #f key");
    net.send_line(sam, "TOPIC #f :the road");
    let rivendale = net.server("rivendale.nz", &["c0:1"], &[]);
    let minastirith = net.server("minastirith.nz", &["c1:1"], &[]);
    for node in [rivendale, minastirith] {
        assert_eq!(net.users(node), ["frodo", "sam"]);
        assert_eq!(
            net.channels(node),
            [channel("#f", "", "the road", &["frodo", "sam"])]
        );
    }
    let elrond = net.user(minastirith, "elrond");
    net.send_line(elrond, "JOIN #f");
    assert_eq!(net.read_lines(elrond), [":minastirith.nz 332 #f :the road"]);
    let both = channel("#f", "key", "the road", &["elrond", "frodo", "sam"]);
    assert_eq!(net.channels(shire), [both]);
}

#[test]
fn a_dialled_server_may_introduce_itself_in_two_ways() {
    for answer in [":root SERVER root 1 :Root", "SERVER root 1 :Root"] {
        let mut net = Net::new();
        net.fixture.listen_peer("root");
        let child = net.server("child", &["root:1"], &[]);
        let root = net.fixture.newest("root");
        assert_eq!(
            net.read_lines(root),
            ["SERVER child 1 :Info of child"],
            "before all else"
        );
        // Its name is not known yet.
        net.send_line(root, ":root SERVER other 2 :x");
        net.send_line(root, "hello :there");
        assert_eq!(net.state(child).0, [""; 0]);
        net.send_line(root, answer);
        net.send_line(root, ":root SERVER other 2 :x");
        assert_eq!(net.state(child).0, ["other", "root"]);
        net.expect_nothing(&[root]);
        net.user(child, "ann");
        assert_eq!(net.read_lines(root), [":child USER ann box srv :Mx ann"]);
    }
}

#[test]
fn a_lost_parent_is_dialled_again_and_gets_the_burst() {
    let mut net = Net::new();
    net.fixture.listen_peer("root");
    let child = net.server("child", &["root:1"], &[]);
    let root = net.fixture.newest("root");
    net.send_line(root, ":root SERVER root 1 :Root");
    net.send_line(root, ":root USER zoe zbox root :Zoe");
    net.send_line(root, ":zoe JOIN #bay");
    net.send_line(root, ":zoe TOPIC #bay :theirs");
    let (leaf, _) = net.adjacent(child, "leaf");
    net.send_line(leaf, ":leaf USER yan ybox leaf :Yan");
    let ann = net.user(child, "ann");
    net.send_line(ann, "JOIN #bay");
    net.send_line(ann, "JOIN #cove");
    net.fixture.close_peer(root);
    net.fixture.run(Duration::from_secs(5));
    let again = net.fixture.newest("root");
    assert_ne!(again, root);
    assert_eq!(
        net.read_lines(again),
        [
            "SERVER child 1 :Info of child",
            ":child SERVER leaf 2 :Info of leaf",
            ":child USER yan ybox leaf :Yan",
            ":child USER ann box srv :Mx ann",
            ":child 332 #bay :theirs",
            ":child 353 #bay :ann",
            ":child 331 #cove :No topic is set",
            ":child 353 #cove :ann",
        ]
    );
    // It gets what happens before its introduction, too.
    net.send_line(ann, "PART #cove");
    assert_eq!(net.read_lines(again), [":ann PART #cove"]);
    net.read_lines(ann);
    for line in [
        ":root SERVER root 1 :Root",
        ":root USER zoe zbox root :Zoe",
        ":root 332 #bay :newer",
        ":root 353 #bay :zoe",
    ] {
        net.send_line(again, line);
    }
    assert_eq!(net.read_lines(ann), [":child 332 #bay :newer"]);
    assert_eq!(
        net.channels(child),
        [channel("#bay", "", "newer", &["ann", "zoe"])]
    );
    net.expect_nothing(&[again]);
}

#[test]
fn of_two_topics_the_parents_wins() {
    let (mut net, shire) = Net::of("theshire.nz");
    let frodo = net.user(shire, "frodo");
    let rivendale = net.server("rivendale.nz", &["c0:1"], &[]);
    let elrond = net.user(rivendale, "elrond");
    for user in [frodo, elrond] {
        net.send_line(user, "JOIN #f");
    }
    // The link breaks, and each side goes on alone.
    let config = net.config("theshire.nz", &[], &[]);
    net.fixture.kill(shire);
    net.fixture.run(Duration::from_secs(1));
    assert_eq!(net.users(rivendale), ["elrond"]);
    net.send_line(elrond, "TOPIC #f :child");
    net.fixture.restart(shire, config);
    let frodo = net.user(shire, "frodo");
    net.send_line(frodo, "JOIN #f");
    net.send_line(frodo, "TOPIC #f :parent");
    net.fixture.run(Duration::from_secs(60));
    for node in [shire, rivendale] {
        let both = channel("#f", "", "parent", &["elrond", "frodo"]);
        assert_eq!(net.channels(node), [both], "{node}");
    }
    assert_eq!(
        net.read_lines(elrond).pop().unwrap(),
        ":rivendale.nz 332 #f :parent"
    );
}

#[test]
fn addresses_are_dialled_in_turn() {
    let mut net = Net::new();
    net.fixture.listen_peer("closed");
    net.fixture.listen_peer("open");
    let child = net.server("child", &["nowhere:1", "closed:1", "open:1"], &[]);
    net.fixture.run(Duration::from_secs(3));
    let closed = net.fixture.newest("closed");
    net.send_line(closed, "ERROR :not you");
    net.fixture.close_peer(closed);
    net.fixture.run(Duration::from_secs(10));
    let open = net.fixture.newest("open");
    net.send_line(open, "SERVER open 1 :Open");
    assert_eq!(net.state(child).0, ["open"]);
    let snapshot = net.fixture.nodes[child].server.snapshot();
    assert_eq!(snapshot.uplink(), None, "that is another matter");
    assert_eq!(snapshot.rank(), 0);
    assert_eq!(snapshot.candidates(), []);
}
