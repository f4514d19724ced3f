//! Every file of tests/scenarios/legacy, one test each, with `strict`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[macro_use]
mod scenario_files;

scenarios! {
    in "scenarios/legacy":
    joins_and_quits_on_three_servers
    joins_one_channel
    joins_two_channels_on_three_servers
    joins_with_a_wrong_key
    joins_with_a_wrong_key_first
    joins_with_keys_on_three_servers
    links_four_servers
    links_two_servers
    messages_over_512_bytes
    messages_to_a_channel_without_membership
    messages_to_channels
    messages_to_no_such_channel
    messages_to_no_such_nick
    messages_to_one_channel
    messages_to_users
    messages_to_users_and_channels
    more_a_client_is_lost
    more_a_server_is_lost
    more_a_server_links_again
    more_a_topic_is_removed
    more_all_users_are_in_channels
    more_empty_channels_are_forgotten
    more_keys_are_not_in_a_burst
    more_missing_parameters
    more_nicks_are_used_again
    more_raw_text_keeps_links
    names_no_such_channel
    names_on_one_server
    names_on_three_servers
    parts_a_channel_without_membership
    parts_no_such_channel
    parts_on_three_servers
    parts_one_channel
    quits_on_one_server
    quits_on_three_servers
    servers_eight
    servers_four
    servers_two
    topics_in_a_burst
    topics_no_such_channel
    topics_of_a_channel_without_membership
    topics_on_one_server
    topics_on_three_servers
    users_four_on_one_server
    users_nick_in_use
    users_one_on_one_server
    users_seven_on_three_servers
}
