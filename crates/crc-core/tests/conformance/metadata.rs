//! METADATA (IRCv3 metadata, as proposed in June 2026: draft/metadata-3).

use crate::conforms;

conforms! { the_capability_has_limits "
    ann +raw
    ann > CAP LS 302
    ann < CAP * LS :* draft/metadata-3=before-connect,max-subs=32,max-keys=16,max-key-bytes=64,max-value-bytes=300 *
    ann > CAP LS
    ann < CAP * LS :* draft/metadata-3 *
" }

conforms! { a_value_is_set_read_and_removed "
    ann + draft/metadata-3 batch
    bob + draft/metadata-3 batch
    ann > METADATA * SET url :http://example.com/a b
    ann < 761 ann * url * :http://example.com/a b
    bob > METADATA ann GET url
    bob < BATCH +{b=word} metadata ann
    bob < @batch={=b} 761 bob ann url * :http://example.com/a b
    bob < BATCH -{=b}
    ann > METADATA ann SET url :other
    ann < 761 ann ann url * :other
    bob > METADATA ANN LIST
    bob < BATCH +{b=word} metadata ann
    bob < @batch={=b} 761 bob ann url * :other
    bob < BATCH -{=b}
    ann > METADATA * SET url
    ann < 766 ann * url :*
    bob > METADATA ann LIST
    bob < BATCH +{b=word} metadata ann
    bob < BATCH -{=b}
" }

conforms! { an_empty_value_removes_and_setting_is_idempotent "
    ann + draft/metadata-3 batch
    ann > METADATA * SET url :
    ann < 766 ann * url :*
    ann > METADATA * SET url x
    ann < 761 ann * url * x
    ann > METADATA * SET url x
    ann < 761 ann * url * x
    ann > METADATA * SET url :
    ann < 766 ann * url :*
    ann > METADATA * GET url
    ann < BATCH +{b=word} metadata ann
    ann < @batch={=b} 766 ann ann url :*
    ann < BATCH -{=b}
" }

conforms! { keys_are_answered_in_their_order "
    ann + draft/metadata-3 batch
    ann > METADATA * SET b.c/d-e_1 x
    ann > METADATA * GET unset BAD b.c/d-e_1
    ann < BATCH +{b=word} metadata ann
    ann < @batch={=b} 766 ann ann unset :*
    ann < @batch={=b} WARN METADATA INVALID_KEY BAD :*
    ann < @batch={=b} 761 ann ann b.c/d-e_1 * x
    ann < BATCH -{=b}
" }

conforms! { operators_of_a_channel_set_its_values "
    ann + draft/metadata-3 batch
    bob + draft/metadata-3 batch
    ann > JOIN #reef
    bob > JOIN #reef
    ann > METADATA #REEF SET url :a;b\\c
    ann < 761 ann #REEF url * :a;b\\c
    ann > METADATA #reef SET colour blue
    bob > METADATA #reef LIST
    bob < BATCH +{b=word} metadata #reef
    bob < @batch={=b} 761 bob #reef colour * blue
    bob < @batch={=b} 761 bob #reef url * :a;b\\c
    bob < BATCH -{=b}
    bob > METADATA #reef SET url mine
    bob < FAIL METADATA KEY_NO_PERMISSION #reef url :*
    bob > METADATA #reef CLEAR
    bob < FAIL METADATA KEY_NO_PERMISSION #reef * :*
    ann > MODE #reef +o bob
    bob > METADATA #reef CLEAR
    bob < BATCH +{b=word} metadata #reef
    bob < @batch={=b} 766 bob #reef colour :*
    bob < @batch={=b} 766 bob #reef url :*
    bob < BATCH -{=b}
    ann > METADATA #reef GET url
    ann < BATCH +{b=word} metadata #reef
    ann < @batch={=b} 766 ann #reef url :*
    ann < BATCH -{=b}
" }

conforms! { users_set_and_clear_their_own_values_only "
    ann + draft/metadata-3 batch
    bob + draft/metadata-3 batch
    ann > METADATA * SET a 1
    ann > METADATA * SET b 2
    bob > METADATA ann SET a 3
    bob < FAIL METADATA KEY_NO_PERMISSION ann a :*
    bob > METADATA ann CLEAR
    bob < FAIL METADATA KEY_NO_PERMISSION ann * :*
    ann > METADATA * CLEAR
    ann < BATCH +{b=word} metadata ann
    ann < @batch={=b} 766 ann ann a :*
    ann < @batch={=b} 766 ann ann b :*
    ann < BATCH -{=b}
    bob > METADATA ann LIST
    bob < BATCH +{b=word} metadata ann
    bob < BATCH -{=b}
" }

conforms! { what_is_wrong_is_said "
    ann + draft/metadata-3 batch
    bob +
    ann > METADATA
    ann < FAIL METADATA INVALID_PARAMS * :*
    ann > METADATA *
    ann < FAIL METADATA INVALID_PARAMS * :*
    ann > METADATA * GET
    ann < FAIL METADATA INVALID_PARAMS GET :*
    ann > METADATA * SNEEZE
    ann < FAIL METADATA INVALID_PARAMS SNEEZE :*
    ann > METADATA * ::hi there
    ann < FAIL METADATA INVALID_PARAMS * :*
    ann > METADATA * SET a b c
    ann < FAIL METADATA INVALID_PARAMS SET :*
    ann > METADATA nobody GET a
    ann < FAIL METADATA INVALID_TARGET nobody :*
    ann > METADATA #nowhere LIST
    ann < FAIL METADATA INVALID_TARGET #nowhere :*
    ann > METADATA $a:user SET url x
    ann < FAIL METADATA INVALID_TARGET $a:user :*
    ann > METADATA bob SUB url
    ann < FAIL METADATA INVALID_TARGET bob :*
    ann > METADATA bob UNSUB url
    ann < FAIL METADATA INVALID_TARGET bob :*
    ann > METADATA bob SUBS
    ann < FAIL METADATA INVALID_TARGET bob :*
    ann > METADATA bob SET $url$ x
    ann < FAIL METADATA INVALID_KEY $url$ :*
    ann > METADATA * SET :a:b
    ann < FAIL METADATA INVALID_KEY a:b :*
" }

conforms! { secret_channels_are_no_targets_for_others "
    ann + draft/metadata-3 batch
    bob + draft/metadata-3 batch
    ann > JOIN #reef
    ann > MODE #reef +s
    ann > METADATA #reef SET url x
    bob > METADATA #reef GET url
    bob < FAIL METADATA INVALID_TARGET #reef :*
    bob > METADATA #reef SYNC
    bob < FAIL METADATA INVALID_TARGET #reef :*
" }

conforms! { keys_values_and_their_number_have_bounds |net| {
    net.play("ann + draft/metadata-3 batch");
    for number in 0..16 {
        net.send("ann", &format!("METADATA * SET key{number} x"));
    }
    net.play("
        ann > METADATA * SET more x
        ann < FAIL METADATA LIMIT_REACHED * 16 :*
        ann > METADATA * SET key3 y
        ann < 761 ann * key3 * y
        ann > METADATA * SET key3
        ann > METADATA * SET more x
        ann < 761 ann * more * x
    ");
    for (key, value, code) in [
        ("a".repeat(64), "x".repeat(300), None),
        ("a".repeat(65), "x".to_owned(), Some("INVALID_KEY")),
        ("a".to_owned(), "x".repeat(301), Some("INVALID_VALUE")),
    ] {
        net.send("ann", "METADATA * CLEAR");
        net.take("ann");
        net.send("ann", &format!("METADATA * SET {key} :{value}"));
        let lines = net.take("ann");
        assert_eq!(lines.len(), 1);
        match code {
            None => assert_eq!((&*lines[0].command, &lines[0].params[4]), ("761", &value)),
            Some(code) => assert_eq!((&*lines[0].command, &*lines[0].params[1]), ("FAIL", code)),
        }
    }
    let peer = net.users["ann"].peer;
    net.fixture.send(peer, b"METADATA * SET a :caf\xe9\r\n");
    let lines = net.take("ann");
    assert_eq!(lines[0].params[..3], ["METADATA", "INVALID_VALUE", "a"]);
} }

conforms! { the_values_of_a_channel_have_a_bound |net| {
    net.play("
        ann + draft/metadata-3 batch
        ann > JOIN #reef
    ");
    let value = "x".repeat(300);
    for key in ["a", "b", "c"] {
        net.send("ann", &format!("METADATA #reef SET {key} :{value}"));
    }
    net.send("ann", &format!("METADATA #reef SET d :{value}"));
    net.play("ann < ...
        ann < FAIL METADATA LIMIT_REACHED #reef 16 :*");
} }

conforms! { subscriptions_are_listed_and_ended "
    ann + draft/metadata-3 batch
    ann > METADATA * SUBS
    ann < BATCH +{b=word} metadata-subs
    ann < BATCH -{=b}
    ann > METADATA * SUB url BAD url colour
    ann < 770 ann url url colour
    ann < WARN METADATA INVALID_KEY BAD :*
    ann < BATCH +{b=word} metadata *ALL
    ann < BATCH -{=b}
    ann > METADATA ann SUB url
    ann < 770 ann url
    ann > METADATA * SUBS
    ann < BATCH +{b=word} metadata-subs
    ann < @batch={=b} 772 ann colour url
    ann < BATCH -{=b}
    ann > METADATA * UNSUB url never BAD
    ann < 771 ann url never
    ann < WARN METADATA INVALID_KEY BAD :*
    ann > METADATA * SUBS
    ann < BATCH +{b=word} metadata-subs
    ann < @batch={=b} 772 ann colour
    ann < BATCH -{=b}
    ann > CAP REQ -draft/metadata-3
    ann > CAP REQ draft/metadata-3
    ann > METADATA * SUBS
    ann < BATCH +{b=word} metadata-subs
    ann < BATCH -{=b}
" }

conforms! { subscriptions_have_a_bound |net| {
    net.play("ann + draft/metadata-3 batch");
    for number in 0..31 {
        net.send("ann", &format!("METADATA * SUB key{number}"));
    }
    net.play("
        ann > METADATA * SUB last more other
        ann < 770 ann last
        ann < FAIL METADATA LIMIT_REACHED more 32 :*
        ann < BATCH +{b=word} metadata *ALL
        ann < BATCH -{=b}
        ann > METADATA * SUB more
        ann < FAIL METADATA LIMIT_REACHED more 32 :*
        ann > METADATA * SUB last
        ann < 770 ann last
    ");
    net.send("ann", "METADATA * SUBS");
    let lines = net.take("ann");
    let keys = lines.iter().filter(|line| line.command == "772");
    assert_eq!(keys.map(|line| line.params.len() - 1).sum::<usize>(), 32);
} }

conforms! { subscribers_of_a_channel_hear_of_changes "
    ann + draft/metadata-3 batch
    bob + draft/metadata-3 batch
    eve + draft/metadata-3 batch
    bob > METADATA * SUB url
    eve > METADATA * SUB colour
    ann > METADATA * SUB url
    ann > JOIN #reef
    bob > JOIN #reef
    eve > JOIN #reef
    ann > METADATA #reef SET url x
    ann < 761 ann #reef url * x
    bob < 761 bob #reef url * x
    eve < nothing
    ann > METADATA #reef SET url x
    ann < 761 ann #reef url * x
    bob < nothing
    ann > METADATA * SET url y
    ann < 761 ann * url * y
    bob < 761 bob ann url * y
    eve < nothing
    ann > METADATA * SET url
    ann < 766 ann * url :*
    bob < 766 bob ann url :*
    ann > METADATA #reef CLEAR
    bob < 766 bob #reef url :*
    eve < nothing
    bob > PART #reef
    ann > METADATA * SET url z
    bob < nothing
" }

conforms! { one_who_monitors_hears_of_changes "
    ann + draft/metadata-3 batch
    bob + draft/metadata-3 batch
    ann > METADATA * SET url x
    bob > METADATA * SUB url
    bob < 770 bob url
    bob < BATCH +{b=word} metadata *ALL
    bob < BATCH -{=b}
    bob > MONITOR + ann
    bob < 730 bob :ann!*
    bob < BATCH +{b=word} metadata ann
    bob < @batch={=b} 761 bob ann url * x
    bob < BATCH -{=b}
    ann > METADATA * SET url y
    bob < 761 bob ann url * y
    ann > NICK anna
    bob < 731 bob ann
    ann > NICK ann
    bob < 730 bob :ann!*
    bob < BATCH +{b=word} metadata ann
    bob < @batch={=b} 761 bob ann url * y
    bob < BATCH -{=b}
    bob > MONITOR - ann
    ann > METADATA * SET url z
    bob < nothing
" }

conforms! { one_who_subscribes_gets_what_is_there "
    ann + draft/metadata-3 batch
    bob + draft/metadata-3 batch
    eve +
    ann > METADATA * SET url x
    eve > METADATA * SET url unseen
    ann > JOIN #reef
    ann > METADATA #reef SET url y
    ann > JOIN #lagoon
    bob > JOIN #reef,#lagoon
    bob > METADATA * SET url own
    bob > METADATA * SUB url colour
    bob < 770 bob url colour
    bob < BATCH +{b=word} metadata *ALL
    bob ~ @batch={=b} 761 bob bob url * own
    bob ~ @batch={=b} 761 bob #reef url * y
    bob ~ @batch={=b} 761 bob ann url * x
    bob < BATCH -{=b}
    eve > JOIN #lagoon
    bob > METADATA *ALL SYNC
    bob < BATCH +{b=word} metadata *ALL
    bob ~ @batch={=b} 761 bob eve url * unseen
    bob ~ @batch={=b} 761 bob bob url * own
    bob ~ @batch={=b} 761 bob #reef url * y
    bob ~ @batch={=b} 761 bob ann url * x
    bob < BATCH -{=b}
" }

conforms! { a_join_brings_what_the_user_is_subscribed_to "
    ann + draft/metadata-3 batch
    bob + draft/metadata-3 batch
    eve +
    ann > METADATA * SET url x
    ann > METADATA * SET other x
    ann > JOIN #reef
    ann > METADATA #reef SET url y
    bob > METADATA * SUB url
    bob > JOIN #reef
    bob < ...
    bob < 366 bob #reef :*
    bob < BATCH +{b=word} metadata #reef
    bob < @batch={=b} 761 bob #reef url * y
    bob < @batch={=b} 761 bob ann url * x
    bob < BATCH -{=b}
    bob > METADATA #REEF SYNC
    bob < BATCH +{b=word} metadata #reef
    bob < @batch={=b} 761 bob #reef url * y
    bob < @batch={=b} 761 bob ann url * x
    bob < BATCH -{=b}
    bob > METADATA ann SYNC
    bob < BATCH +{b=word} metadata ann
    bob < @batch={=b} 761 bob ann url * x
    bob < BATCH -{=b}
    eve > METADATA * SUB url
    eve > JOIN #reef
    eve < ...
    eve < 366 eve #reef :*
" }

conforms! { values_may_be_set_before_registration "
    ann +raw
    bob + draft/metadata-3 batch
    ann > CAP REQ :batch draft/metadata-3
    ann > METADATA * SUB url
    ann < 770 * url
    ann > METADATA * SET url :a b
    ann < 761 * * url * :a b
    ann > METADATA * SET gone x
    ann > METADATA * SET gone
    ann < 766 * * gone :*
    ann > METADATA bob SET url x
    ann < FAIL METADATA INVALID_TARGET bob :*
    ann > METADATA #reef GET url
    ann < FAIL METADATA INVALID_TARGET #reef :*
    ann > NICK ann
    ann > USER ann 0 * :Ann
    ann > CAP END
    ann < 001 ann :*
    ann < ...
    ann < BATCH +{b=word} metadata ann
    ann < @batch={=b} 761 ann ann url * :a b
    ann < BATCH -{=b}
    ann < 422 ann :*
    ann > METADATA * SUBS
    ann < BATCH +{b=word} metadata-subs
    ann < @batch={=b} 772 ann url
    ann < BATCH -{=b}
    bob > METADATA ann GET url
    bob < BATCH +{b=word} metadata ann
    bob < @batch={=b} 761 bob ann url * :a b
    bob < BATCH -{=b}
" }

conforms! { a_user_that_has_nothing_gets_an_empty_batch_at_its_registration "
    ann +raw
    ann > CAP REQ :batch draft/metadata-3
    ann > NICK ann
    ann > USER ann 0 * :Ann
    ann > CAP END
    ann < 001 ann :*
    ann < ...
    ann < BATCH +{b=word} metadata ann
    ann < BATCH -{=b}
    ann < 422 ann :*
" }

conforms! { values_end_with_the_user_and_follow_its_nick "
    ann + draft/metadata-3 batch
    bob + draft/metadata-3 batch
    ann > METADATA * SET url x
    ann > NICK anna
    bob > METADATA anna GET url
    bob < BATCH +{b=word} metadata anna
    bob < @batch={=b} 761 bob anna url * x
    bob < BATCH -{=b}
    ann > QUIT
    eve +raw
    eve > NICK anna
    eve > USER anna 0 * :Anna
    bob > METADATA anna LIST
    bob < BATCH +{b=word} metadata anna
    bob < BATCH -{=b}
" }

conforms! { a_label_is_on_the_batch_around_the_others "
    ann + draft/metadata-3 batch labeled-response
    ann > METADATA * SET url x
    ann > @label=l1 METADATA * SET url y
    ann < @label=l1 761 ann * url * y
    ann > @label=l2 METADATA * LIST
    ann < @label=l2 BATCH +{outer=word} labeled-response
    ann < @batch={=outer} BATCH +{b=word} metadata ann
    ann < @batch={=b} 761 ann ann url * y
    ann < @batch={=outer} BATCH -{=b}
    ann < BATCH -{=outer}
    ann > @label=l3 METADATA * SUB url
    ann < @label=l3 BATCH +{outer=word} labeled-response
    ann < @batch={=outer} 770 ann url
    ann < @batch={=outer} BATCH +{b=word} metadata *ALL
    ann < @batch={=b} 761 ann ann url * y
    ann < @batch={=outer} BATCH -{=b}
    ann < BATCH -{=outer}
" }

conforms! { whois_shows_values_to_clients_with_the_capability "
    ann + draft/metadata-3 batch
    bob + draft/metadata-3 batch
    eve +
    ann > METADATA * SET url :a b
    bob > WHOIS ann
    bob ~ 760 bob ann url * :a b
    bob < ...
    bob < 318 bob ann :*
    eve > WHOIS ann
    eve ! 760 ...
" }
