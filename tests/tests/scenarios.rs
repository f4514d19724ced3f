//! Every file of tests/scenarios, one test each, with `strict`.

scenarios! {
    in "scenarios":
    clients_eight_on_eleven_servers
    clients_four_on_three_servers
    clients_one_on_one_server
    clients_two_on_one_server
    connections_eight
    connections_four
    connections_in_a_chain
    connections_two
    kills_a_client
    kills_a_server_at_the_edge
    kills_a_server_in_the_middle
    kills_a_server_that_comes_back
    kills_the_root
    messages_on_one_server
    messages_over_one_hop
    messages_over_three_hops
    messages_sent_twice
    quits_and_the_id_is_used_again
    quits_on_eleven_servers
    quits_on_one_server
    quits_on_three_servers
    quits_without_a_message
    servers_eleven
    servers_four
    servers_two
    status_chats_to_servers
    status_duplicate_client_id
    status_duplicate_server_id
    status_duplicate_server_id_two_hops_away
    status_servers_and_clients_share_the_id_space
    status_unknown_id
    status_welcome
    syntax_variants
    texts_beyond_ascii
    texts_up_to_16_kib
    texts_with_quotes_and_commas
}
