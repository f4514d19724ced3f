//! The connection is lost and comes back.

use crc_e2e::fixture::wait::LONG;
use rustix::process::Signal;

use crate::screen::reef::{alt, at_each_size, prompts, user};

#[test]
fn lines_typed_without_a_connection_go_to_the_windows_they_were_typed_in() {
    at_each_size(|mut reef| {
        let address = reef.server.address();
        let ann = &reef.ann;
        ann.sees(&format!("ann at {address}"));
        ann.enters("/to bob");
        prompts(ann, "bob>");
        reef.server.process_mut().kill();
        ann.sees("not connected");
        ann.enters("psst bob");
        ann.sees("…ann… psst bob");
        ann.types(&alt('2'));
        prompts(ann, "#reef>");
        ann.enters("are you there?");
        ann.enters("/me waits");
        ann.sees("…ann… are you there?");
        // Nothing goes to the server's window, and what fails stays to be sent again.
        ann.types("half a line");
        prompts(ann, "#reef> half a line");

        // Bob is back before ann is.
        ann.signal(Signal::STOP);
        reef.server = reef
            .fixture
            .server(1, "reef")
            .listen(address)
            .log_file("reef-again.log")
            .irc()
            .start()
            .unwrap();
        let mut bob = user(&reef.server, "bob");
        ann.signal(Signal::CONT);
        let mut awaited = vec![
            "PRIVMSG #reef :are you there?",
            "PRIVMSG #reef :\u{1}ACTION waits\u{1}",
            "PRIVMSG bob :psst bob",
        ];
        while !awaited.is_empty() {
            let line = bob.next_line(LONG).unwrap();
            let line = line.unwrap_or_else(|| panic!("{awaited:?} missing: {}", ann.text()));
            if line.contains("PRIVMSG") {
                let at = awaited.iter().position(|text| line.contains(text));
                awaited.remove(at.unwrap_or_else(|| panic!("{line}")));
            }
        }
        ann.sees(&format!("ann at {address}"));
        ann.sees("<ann> are you there?");
        let text = ann.sees("* ann waits");
        assert!(!text.contains('…'), "{text}");
        prompts(ann, "#reef> half a line");
        ann.types(&alt('3'));
        let text = ann.sees("<ann> psst bob");
        assert!(!text.contains('…'), "{text}");
        bob.send_line("PRIVMSG ann :back").unwrap();
        ann.sees("<bob> back");
    });
}
