//! Two persons who share a name.

use crc_e2e::fixture::Peer;
use crc_e2e::fixture::wire;

use crate::screen::reef::{Reef, alt, at_each_size, prompts};

/// Another client of this name, which says something to ann.
fn cat(reef: &Reef, id: u32) -> Peer {
    Peer::v2_client(reef.server.address(), id, "cat").unwrap()
}

fn says(cat: &mut Peer, id: u32, ann: u32, text: &str) {
    cat.send(&wire::chat(id, ann, text)).unwrap();
}

#[test]
fn each_of_two_persons_with_one_name_has_a_window() {
    at_each_size(|reef| {
        let ann = &reef.ann;
        let mut first = cat(&reef, 77);
        ann.types(&alt('1'));
        ann.sees("cat joined");
        ann.enters("/to cat");
        prompts(ann, "cat>");
        ann.enters("one");
        let (own, to, text) = first.expect_chat();
        assert_eq!((to, &*text), (77, "one"));
        says(&mut first, 77, own, "yes");
        ann.sees("<cat> yes");

        // As soon as there are two, both have their ids.
        let mut second = cat(&reef, 88);
        prompts(ann, "cat (77)>");
        ann.sees("3 cat (77)");
        says(&mut second, 88, own, "me too");
        ann.sees("4 cat (88) 1!");
        says(&mut first, 77, own, "and?");
        ann.sees("<cat (77)> and?");
        ann.types(&alt('4'));
        prompts(ann, "cat (88)>");
        ann.sees("<cat (88)> me too");
        ann.enters("two");
        assert_eq!(second.expect_chat(), (own, 88, "two".to_owned()));
        ann.enters("/to cat");
        ann.sees("Several clients are named cat. Use an id: 77, 88");
        ann.enters("/to 77");
        prompts(ann, "cat (77)>");

        // One leaves. What is for that one does not go to the other, who has the name alone now.
        drop(first);
        prompts(ann, "cat (77)>");
        ann.sees("cat (77) left");
        ann.sees("3 cat");
        ann.enters("three");
        ann.sees("is not here");
        ann.types("\u{15}");
        ann.types(&alt('4'));
        prompts(ann, "cat>");
        ann.enters("four");
        assert_eq!(second.expect_chat(), (own, 88, "four".to_owned()));
    });
}

#[test]
fn without_a_connection_each_line_waits_for_its_own_person() {
    at_each_size(|mut reef| {
        let mut cats = [77, 88].map(|id| cat(&reef, id));
        let ann = &reef.ann;
        ann.types(&alt('1'));
        ann.sees("2 joined: cat cat (88)");
        for (window, id) in [(3, 77), (4, 88)] {
            ann.enters(&format!("/to {id}"));
            prompts(ann, &format!("cat ({id})>"));
            ann.sees(&format!("{window} cat ({id})"));
        }
        for cat in &mut cats {
            cat.discard(crc_e2e::fixture::wait::TICK).unwrap();
        }
        let address = reef.server.address();
        reef.server.process_mut().kill();
        ann.sees("not connected");
        ann.enters("for 88");
        ann.sees("…ann… for 88");
        ann.types(&alt('3'));
        ann.enters("for 77");
        ann.sees("…ann… for 77");
        ann.signal(rustix::process::Signal::STOP);
        reef.server = reef
            .fixture
            .server(1, "reef")
            .listen(address)
            .log_file("reef-again.log")
            .irc()
            .start()
            .unwrap();
        // In the other order.
        let mut second = cat(&reef, 88);
        let mut first = cat(&reef, 77);
        reef.ann.signal(rustix::process::Signal::CONT);
        let (_, to, text) = first.expect_chat();
        assert_eq!((to, &*text), (77, "for 77"));
        let (_, to, text) = second.expect_chat();
        assert_eq!((to, &*text), (88, "for 88"));
    });
}
