//! The length of lines (modern IRC, "Messages"): what is sent as one line arrives as one.

use crate::conforms;
use crate::net::Net;

/// The only line that a user has got.
fn only_line(net: &mut Net, name: &str) -> crate::pattern::Line {
    let mut lines = net.take(name);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

conforms! { a_long_message_is_cut_and_stays_one_line |net| {
    net.play("
        ann +
        bob +
        ann > JOIN #reef
        bob > JOIN #reef
    ");
    for (target, sign) in [("bob", 'x'), ("#reef", 'é')] {
        for command in ["PRIVMSG", "NOTICE"] {
            let most = (510 - format!("{command} {target} :").len()) / sign.len_utf8();
            for len in (most - 60)..=most {
                let text = sign.to_string().repeat(len);
                net.take("bob");
                net.send("ann", &format!("{command} {target} :{text}"));
                let line = only_line(net, "bob");
                let head = line.text.len() - line.params[1].len();
                let room = (510 - head) / sign.len_utf8();
                assert_eq!(line.params[1].chars().count(), len.min(room), "{line}");
            }
        }
    }
} }

conforms! { a_long_action_keeps_its_end |net| {
    net.play("
        ann +
        bob +
    ");
    net.send("ann", &format!("PRIVMSG bob :\u{1}ACTION {}\u{1}", "w".repeat(480)));
    let line = only_line(net, "bob");
    assert!(line.params[1].starts_with("\u{1}ACTION www"), "{line}");
    assert!(line.params[1].ends_with("w\u{1}"), "{line}");
    assert_eq!(line.text.len(), 510);
} }

conforms! { a_line_that_is_too_long_is_answered |net| {
    net.play("
        ann +
        bob +
    ");
    net.send("ann", &format!("PRIVMSG bob :{}", "x".repeat(500)));
    net.play("ann < 417 ann :*");
    assert!(net.take("bob").is_empty());
} }
