//! Lists of masks that earlier servers set: they do not say who has set each mask.

use super::*;
use crc_wire::DatedSetting;

#[test]
fn masks_of_an_earlier_server_were_set_by_who_set_the_list() {
    let mut net = Net::new(1);
    let ann = net.user(0, "ann");
    net.request(ann, "JOIN #reef");
    let peer = net.fixture.connect(0);
    let machine = "r=9;f=server-quit,channels,channel-age";
    net.fixture.introduce_v2(peer, 50, machine);
    let snapshot = net.fixture.nodes[0].server.snapshot();
    let founded = snapshot.channels().find("#reef").unwrap().founded();
    let bans = |version, setter: &'static str, value: &'static str| {
        Message::DatedSetting(DatedSetting {
            source: None,
            version,
            founded: founded.ms,
            tag: founded.tag,
            field: ChannelField::BANS,
            channel: ChannelName::new("#reef").unwrap(),
            setter: crc_wire::Name::new(setter).unwrap(),
            value: Text::new(value).unwrap(),
        })
    };
    let at = founded.ms + 20_000;
    let first = bans(at, "zoe!zoe@zoe.example", "eel!*@* cod!*@*");
    net.fixture.send_message(peer, &first);
    net.expect_lines(ann, &[":server0 MODE #reef +bb eel!*@* cod!*@*"]);
    let seconds = at / 1000;
    let by_zoe = |mask| format!(":server0 367 ann #reef {mask} zoe!zoe@zoe.example {seconds}");
    let listed = net.request(ann, "MODE #reef b");
    assert_eq!(listed[..2], [by_zoe("eel!*@*"), by_zoe("cod!*@*")]);
    // A change here keeps what is known.
    net.request(ann, "MODE #reef -b+b eel shark");
    let listed = net.request(ann, "MODE #reef b");
    assert_eq!(listed[0], by_zoe("cod!*@*"));
    let by_ann = ":server0 367 ann #reef shark!*@* ann!~ann@ID.crc 17000000";
    assert!(listed[1].starts_with(by_ann), "{listed:?}");
    // So does a change there, as far as the masks stay. The server's name stands for a setter
    // that is no word.
    let second = bans(at + 20_000, "two words", "cod!*@* tuna!*@*");
    net.fixture.send_message(peer, &second);
    net.expect_lines(ann, &[":server0 MODE #reef -b+b shark!*@* tuna!*@*"]);
    let listed = net.request(ann, "MODE #reef b");
    assert_eq!(listed[0], by_zoe("cod!*@*"));
    let later = seconds + 20;
    let by_server = format!(":server0 367 ann #reef tuna!*@* server0 {later}");
    assert_eq!(listed[1], by_server);
}
