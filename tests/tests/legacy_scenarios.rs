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
    joins_with_keys_on_three_servers
    joins_with_the_right_key_at_last
    links_four_servers
    links_two_servers
    messages_that_are_long
    messages_to_a_channel_of_others
    messages_to_channels
    messages_to_no_such_channel
    messages_to_nobody
    messages_to_one_channel
    messages_to_users
    messages_to_users_and_channels
    more_a_client_is_lost
    more_a_key_is_not_told_to_late_servers
    more_a_server_comes_back
    more_a_server_is_lost
    more_a_topic_taken_away
    more_channels_cease
    more_everybody_is_somewhere
    more_missing_words
    more_nicks_come_back
    more_raw_text_leaves_links_alone
    names_no_such_channel
    names_on_one_server
    names_on_three_servers
    parts_a_channel_of_others
    parts_no_such_channel
    parts_on_three_servers
    parts_one_channel
    quits_on_one_server
    quits_on_three_servers
    servers_eight
    servers_four
    servers_two
    topics_before_the_servers
    topics_no_such_channel
    topics_of_a_channel_of_others
    topics_on_one_server
    topics_on_three_servers
    users_four_on_one_server
    users_nick_in_use
    users_one_on_one_server
    users_seven_on_three_servers
}
