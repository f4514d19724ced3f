use super::*;

const ME: u32 = 7;
const NOTHING: MemberFlags = MemberFlags::NONE;
const OPERATOR: MemberFlags = MemberFlags::OPERATOR;

fn id(id: u32) -> HostId {
    HostId::new(id).unwrap()
}

fn join(channels: &mut Memberships, name: &str, number: u32) -> JoinChange {
    channels.on_join(name, id(number), NOTHING, number == ME)
}

fn part(channels: &mut Memberships, name: &str, number: u32) -> Option<Box<str>> {
    channels.on_part(name, id(number), number == ME)
}

/// The counted bytes equal the sum over the entries.
fn check(channels: &Memberships) {
    let cost = |entry: &Entry| entry.own_bytes() + entry.channel.bytes();
    let bytes: usize = channels.entries.values().map(cost).sum();
    assert_eq!(channels.bytes(), bytes);
}

#[test]
fn a_channel_is_entered_when_its_listing_is_complete() {
    let mut channels = Memberships::default();
    assert_eq!(channels.request("#reef", "fish"), JoinRequest::Send);
    assert_eq!(channels.request("#REEF", "fish"), JoinRequest::Pending);
    assert_eq!(channels.request("#reef", "other"), JoinRequest::Send);
    assert_eq!(join(&mut channels, "#Reef", 5), JoinChange::None);
    assert_eq!(
        channels.on_setting("#Reef", ChannelField::TOPIC, "tide"),
        SettingChange::None
    );
    assert!(channels.find("#reef").is_none() && channels.is_requested("#reef"));
    let entered = JoinChange::Entered { rejoined: false };
    assert_eq!(join(&mut channels, "#Reef", ME), entered);
    check(&channels);
    let channel = channels.find("#reef").unwrap();
    assert_eq!((channel.name(), channel.topic()), ("#Reef", "tide"));
    assert_eq!(channel.members().len(), 2);
    assert_eq!(channels.request("#reef", ""), JoinRequest::AlreadyJoined);

    assert_eq!(join(&mut channels, "#reef", 6), JoinChange::Joined);
    assert_eq!(
        channels.on_join("#reef", id(6), OPERATOR, false),
        JoinChange::Flags
    );
    assert_eq!(
        channels.on_join("#reef", id(6), OPERATOR, false),
        JoinChange::None
    );
    assert_eq!(
        channels.on_setting("#reef", ChannelField::TOPIC, "tide"),
        SettingChange::None
    );
    let changed = SettingChange::Changed("#Reef".into());
    assert_eq!(
        channels.on_setting("#reef", ChannelField::TOPIC, ""),
        changed
    );
    let renamed = SettingChange::Changed("#REEF".into());
    assert_eq!(
        channels.on_setting("#reef", ChannelField::NAME, "#REEF"),
        renamed
    );
    assert_eq!(
        channels.on_setting("#reef", ChannelField::NAME, "#other"),
        renamed
    );
    channels.on_quit(id(6));
    check(&channels);
    assert_eq!(part(&mut channels, "#reef", 6), None);
    assert_eq!(part(&mut channels, "#reef", 5).as_deref(), Some("#REEF"));
    assert_eq!(part(&mut channels, "#reef", ME).as_deref(), Some("#REEF"));
    assert_eq!((channels.iter().count(), channels.bytes()), (0, 0));
}

#[test]
fn wanted_channels_survive_a_disconnect() {
    let mut channels = Memberships::default();
    for name in ["#a", "#b", "#c", "#d"] {
        channels.request(name, "old");
        join(&mut channels, name, ME);
    }
    channels.on_setting("#a", ChannelField::KEY, "new");
    channels.set_leaving("#b");
    part(&mut channels, "#c", ME);
    channels.set_leaving("#d");
    channels.unset_leaving("#d");
    join(&mut channels, "#e", 5);
    assert_eq!(channels.missing().count(), 0);
    channels.on_disconnect();
    check(&channels);
    assert_eq!(channels.iter().count(), 0);
    assert_eq!(channels.missing().collect::<Vec<_>>(), ["#a", "#d"]);
    let requested = channels.request_missing();
    let requested: Vec<_> = requested
        .iter()
        .map(|(name, key)| (&**name, &**key))
        .collect();
    assert_eq!(requested, [("#a", "new"), ("#d", "old")]);
    let entered = JoinChange::Entered { rejoined: true };
    assert_eq!(join(&mut channels, "#a", ME), entered);
    assert!(channels.on_refused("#d"));
    assert!(!channels.on_refused("#d"), "it was refused before");
    assert!(!channels.on_refused("#a"), "the client is in it");
    assert_eq!(channels.missing().count(), 0);
    assert_eq!(channels.iter().count(), 1);
}

#[test]
fn a_join_right_after_a_part_is_pending_until_its_answer() {
    let mut channels = Memberships::default();
    channels.request("#a", "");
    join(&mut channels, "#a", ME);
    channels.set_leaving("#a");
    assert_eq!(channels.request("#a", ""), JoinRequest::Send);
    // The answer to the part, then the answer to the second join.
    assert!(part(&mut channels, "#a", ME).is_some());
    check(&channels);
    assert!(channels.find("#a").is_none() && channels.is_requested("#a"));
    let entered = JoinChange::Entered { rejoined: false };
    assert_eq!(join(&mut channels, "#a", ME), entered);
}

#[test]
fn the_number_of_channels_is_limited() {
    let mut channels = Memberships::default();
    for number in 0..CHANNELS_MAX {
        assert_eq!(
            channels.request(&format!("#{number}"), ""),
            JoinRequest::Send
        );
    }
    assert_eq!(channels.request("#0", ""), JoinRequest::Pending);
    assert_eq!(channels.request("#x", ""), JoinRequest::TooMany);
    assert_eq!(join(&mut channels, "#x", ME), JoinChange::TooMany);
    assert_eq!(
        channels.on_setting("#x", ChannelField::TOPIC, ""),
        SettingChange::TooMany
    );
    check(&channels);
}
