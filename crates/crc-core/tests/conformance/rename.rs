//! Channels that are renamed (IRCv3 draft/channel-rename).

use crate::conforms;

conforms! { members_are_told_of_another_name r"
    ann + draft/channel-rename
    bob + draft/channel-rename
    cid +
    ann > JOIN #Reef
    bob > JOIN #reef
    cid > JOIN #reef
    ann > RENAME #reef #Lagoon :Typo fix
    ann < :ann!~ann@* RENAME #Reef #Lagoon :Typo fix
    bob < :ann!~ann@* RENAME #Reef #Lagoon :Typo fix
    cid < :cid!~cid@* PART #Reef :Typo fix
    cid < :cid!~cid@* JOIN #Lagoon
    cid < 353 cid = #Lagoon :*
    cid < 366 cid #Lagoon :*
    cid < nothing
    ann < nothing
" }

conforms! { a_reason_may_be_left_out_and_is_sent_empty r"
    ann + draft/channel-rename
    bob +
    ann > JOIN #coding
    bob > JOIN #coding
    ann > RENAME #coding #programming
    ann < :ann RENAME #coding #programming :
    bob < :bob PART #coding
    bob < :bob JOIN #programming
    bob < 353 bob = #programming :*
    bob < 366 bob #programming :*
" }

conforms! { those_who_know_no_renames_see_the_channel_as_if_they_had_joined r"
    ann +
    bob + extended-join
    ann > JOIN #foo
    ann > TOPIC #foo :Fish
    bob > JOIN #foo
    ann > RENAME #foo #bar :Changing the name
    ann < :ann PART #foo :Changing the name
    ann < :ann JOIN #bar
    ann < 332 ann #bar Fish
    ann < 333 ann #bar * *
    ann < 353 ann = #bar :*
    ann < 366 ann #bar :*
    bob < :bob PART #foo :Changing the name
    bob < :bob JOIN #bar * :*
    bob < 332 bob #bar Fish
    bob < 333 bob #bar * *
    bob < 353 bob = #bar :*
    bob < 366 bob #bar :*
" }

conforms! { what_the_channel_was_it_still_is r"
    ann + draft/channel-rename
    bob + draft/channel-rename
    cid + draft/channel-rename
    ann > JOIN #reef
    ann > MODE #reef +kb key dan!*@*
    ann > TOPIC #reef :Fish
    bob > JOIN #reef key
    ann > MODE #reef +v bob
    ann > RENAME #reef #lagoon
    bob > PRIVMSG #lagoon :Hi
    ann < :bob PRIVMSG #lagoon Hi
    ann > PRIVMSG @#lagoon :operators
    ann > NOTICE #LAGOON :all
    bob < :ann NOTICE #lagoon all
    bob > NAMES #lagoon
    bob < 353 bob = #lagoon :*
    bob < 366 bob #lagoon :*
    bob > MODE #lagoon
    bob < 324 bob #lagoon +ntk key
    bob < 329 bob #lagoon *
    bob > MODE #lagoon b
    bob < 367 bob #lagoon dan!*@* ann* *
    bob < 368 bob #lagoon :*
    bob > TOPIC #lagoon
    bob < 332 bob #lagoon Fish
    bob < 333 bob #lagoon * *
    bob > TOPIC #lagoon :Crabs
    bob < 482 bob #lagoon :*
    ann > TOPIC #lagoon :Crabs
    ann < :ann TOPIC #lagoon Crabs
    bob < :ann TOPIC #lagoon Crabs
    cid > JOIN #lagoon
    cid < 475 cid #lagoon :*
    cid > JOIN #lagoon key
    cid < :cid JOIN #lagoon
    cid < 332 cid #lagoon Crabs
    cid < 333 cid #lagoon * *
    cid < 353 cid = #lagoon :*
    cid < 366 cid #lagoon :*
    bob < :cid JOIN #lagoon
    bob > WHOIS cid
    bob ~ 319 bob cid #lagoon
    bob < ...
    bob < 318 bob cid :*
    bob > WHO #lagoon
    bob ~ 352 bob #lagoon * * * ann * :*
    bob ~ 352 bob #lagoon * * * bob * :*
    bob ~ 352 bob #lagoon * * * cid * :*
    bob < 315 bob #lagoon :*
    bob > LIST #lagoon
    bob < ...
    bob < 322 bob #lagoon 3 Crabs
    bob < 323 bob :*
    bob > LIST
    bob < ...
    bob < 322 bob #lagoon 3 Crabs
    bob < 323 bob :*
    bob > LIST *goo*
    bob < ...
    bob < 322 bob #lagoon 3 Crabs
    bob < 323 bob :*
    ann > MODE #lagoon +o bob
    bob < :ann MODE #lagoon +o bob
    bob > KICK #lagoon cid :out
    cid < :bob KICK #lagoon cid out
    bob > PART #lagoon :bye
    ann < :bob PART #lagoon bye
" }

conforms! { the_former_name_leads_to_the_channel r"
    ann + draft/channel-rename
    bob + draft/channel-rename
    cid +
    ann > JOIN #foo
    ann > RENAME #foo #bar
    bob > JOIN #FOO
    bob < FAIL JOIN CHANNEL_RENAMED #FOO #bar :*
    bob > JOIN #bar
    bob < :bob JOIN #bar
    bob < ...
    bob < 366 bob #bar :*
    cid > JOIN #foo
    cid < 470 cid #foo #bar :*
    cid < :cid JOIN #bar
    cid < 353 cid = #bar :*
    cid < 366 cid #bar :*
" }

conforms! { a_name_in_another_case_is_told_to_those_who_know_renames r"
    ann + draft/channel-rename
    bob +
    ann > JOIN #reef
    bob > JOIN #reef
    ann > RENAME #reef #Reef :louder
    ann < :ann RENAME #reef #Reef louder
    bob < nothing
    ann > RENAME #reef #Lagoon
    ann < :ann RENAME #Reef #Lagoon :
    ann > RENAME #lagoon #LAGOON
    ann < :ann RENAME #Lagoon #LAGOON :
    bob > PRIVMSG #lagoon :Hi
    ann < :bob PRIVMSG #LAGOON Hi
    ann > JOIN #lagoon
    ann < nothing
" }

conforms! { a_channel_is_renamed_again_and_back r"
    ann + draft/channel-rename
    bob + draft/channel-rename
    ann > JOIN #one
    bob > JOIN #one
    ann > RENAME #one #two
    ann < :ann RENAME #one #two :
    bob < :ann RENAME #one #two :
    ann > RENAME #two #three
    ann < :ann RENAME #two #three :
    bob < :ann RENAME #two #three :
    ann > RENAME #three #one :as it was
    ann < :ann RENAME #three #one :as it was
    bob < :ann RENAME #three #one :as it was
    bob > PRIVMSG #one :Hi
    ann < :bob PRIVMSG #one Hi
    bob > JOIN #two
    bob < :bob JOIN #two
    bob < ...
    bob < 366 bob #two :*
    ann < nothing
" }

conforms! { errors_are_answered r"
    ann + draft/channel-rename
    bob + draft/channel-rename
    ann > JOIN #reef
    bob > JOIN #reef,#good
    bob > RENAME #reef #aneki
    bob < 482 bob #reef :*
    bob > RENAME #none #aneki
    bob < 403 bob #none :*
    bob > RENAME #reef
    bob < 461 bob RENAME :*
    ann > RENAME #reef #good :Don't
    ann < FAIL RENAME CHANNEL_NAME_IN_USE #reef #good :*
    ann > RENAME #good #bad
    ann < 442 ann #good :*
    ann > RENAME #reef %reef
    ann < FAIL RENAME CANNOT_RENAME #reef %reef :*
    ann > RENAME #reef #
    ann < FAIL RENAME CANNOT_RENAME #reef # :*
    ann > RENAME #reef #a,b
    ann < FAIL RENAME CANNOT_RENAME #reef #a,b :*
    bob > PART #reef
    bob > RENAME #good #best
    bob < :bob RENAME #good #best :
    ann > RENAME #reef #BEST
    ann < FAIL RENAME CHANNEL_NAME_IN_USE #reef #BEST :*
    ann > RENAME #reef #good
    ann < FAIL RENAME CHANNEL_NAME_IN_USE #reef #good :*
    bob < nothing
" }

conforms! { a_name_is_free_when_its_channel_has_ended r"
    ann + draft/channel-rename
    bob + draft/channel-rename
    ann > JOIN #one
    ann > RENAME #one #two
    ann > PART #two
    ann < :ann PART #two
    bob > JOIN #two
    bob < :bob JOIN #two
    bob < :bob MODE #two +t
    bob < 353 bob = #two @bob
    bob < 366 bob #two :*
    ann > JOIN #one
    ann < :ann JOIN #one
    ann < ...
    ann < 366 ann #one :*
" }

conforms! { invitations_and_marks_and_redactions_know_the_new_name r"
    ann + draft/channel-rename invite-notify message-tags echo-message draft/message-redaction draft/read-marker
    bob + message-tags draft/message-redaction
    ann > JOIN #reef
    ann > MARKREAD #reef timestamp=2019-01-04T14:33:26.123Z
    ann > RENAME #reef #lagoon
    ann < :ann RENAME #reef #lagoon :
    ann > MARKREAD #lagoon
    ann < MARKREAD #lagoon timestamp=2019-01-04T14:33:26.123Z
    ann > INVITE bob #lagoon
    ann < 341 ann bob #lagoon
    bob < :ann INVITE bob #lagoon
    bob > JOIN #lagoon
    ann > PRIVMSG #lagoon :Hi
    ann < @msgid={one=word} :ann PRIVMSG #lagoon Hi
    bob < @msgid={=one} :ann PRIVMSG #lagoon Hi
    ann > REDACT #lagoon {=one} :no
    bob < :ann REDACT #lagoon {=one} no
    ann > REDACT #lagoon {=one} :no
    ann < FAIL REDACT UNKNOWN_MSGID #lagoon {=one} :*
" }

conforms! { metadata_of_a_renamed_channel_stay r"
    ann + draft/channel-rename draft/metadata-3 batch
    bob + draft/channel-rename draft/metadata-3 batch
    ann > JOIN #reef
    bob > JOIN #reef
    bob > METADATA * SUB url
    ann > RENAME #reef #lagoon
    bob < :ann RENAME #reef #lagoon :
    ann > METADATA #lagoon SET url :example.org
    ann < 761 ann #lagoon url * :example.org
    bob < 761 bob #lagoon url * :example.org
    bob > METADATA #lagoon GET url
    bob < BATCH +{b=word} metadata #lagoon
    bob < @batch={=b} 761 bob #lagoon url * :example.org
    bob < BATCH -{=b}
" }

conforms! { a_message_of_several_lines_goes_to_the_new_name r"
    ann + draft/channel-rename batch draft/multiline
    bob + draft/channel-rename
    ann > JOIN #reef
    bob > JOIN #reef
    ann > RENAME #reef #lagoon
    ann > BATCH +1 draft/multiline #lagoon
    ann > @batch=1 PRIVMSG #lagoon :one
    ann > @batch=1 PRIVMSG #lagoon :two
    ann > BATCH -1
    bob < :ann PRIVMSG #lagoon one
    bob < :ann PRIVMSG #lagoon two
" }

conforms! { one_line_stays_one_line_under_a_longer_name |net| {
    let (name, text) = ("lagoon-".repeat(9), "x".repeat(430));
    net.play("
        ann + draft/channel-rename
        bob + draft/channel-rename
        cid + draft/channel-rename message-tags
        ann > JOIN #a
        bob > JOIN #a
        cid > JOIN #a
    ");
    net.play(&format!("
        ann > RENAME #a #{name}
        bob < :ann RENAME #a #{name} :
        bob > NOTICE #{name} :before
        ann < ...
        ann < :bob NOTICE #{name} before
        bob > PRIVMSG #{name} :{text}
        ann < :bob PRIVMSG #{name} xxx*
        ann < nothing
        cid > PRIVMSG #{name} :{text}
        ann < :cid PRIVMSG #{name} xxx*
        ann < nothing
    "));
} }

conforms! { a_hidden_channel_keeps_its_new_name_from_others r"
    ann + draft/channel-rename
    bob + draft/channel-rename
    ann > JOIN #reef
    ann > MODE #reef +sk key
    ann > RENAME #reef #hidden
    ann < :ann RENAME #reef #hidden :
    bob > NAMES #reef
    bob < 366 bob #reef :*
    bob > WHO #reef
    bob < 315 bob #reef :*
    bob > TOPIC #reef
    bob < 442 bob #reef :*
    bob > JOIN #reef
    bob < 475 bob #reef :*
    bob > JOIN #reef key
    bob < :bob JOIN #hidden
    bob < ...
    bob < 366 bob #hidden :*
" }

conforms! { only_channels_are_shown_under_new_names r"
    ann + draft/channel-rename
    ann > JOIN #reef
    ann > JOIN #atoll
    ann > RENAME #reef #lagoon
    ann < :ann RENAME #reef #lagoon :
    ann > MODE #atoll +k #reef
    ann < :ann MODE #atoll +k #reef
    ann > MODE #atoll
    ann < 324 ann #atoll +ntk #reef
    ann < 329 ann #atoll *
    ann > LIST #lagoon,*x*
    ann < ...
    ann < 322 ann #lagoon 1 :*
    ann < 323 ann :*
" }

conforms! { a_redaction_from_outside_comes_back_with_the_new_name r"
    ann + draft/channel-rename
    bob + message-tags echo-message draft/message-redaction
    ann > JOIN #reef
    ann > MODE #reef -n
    ann > RENAME #reef #lagoon
    bob > PRIVMSG #lagoon :Hi
    bob < @msgid={one=word} :bob PRIVMSG #lagoon Hi
    ann < :bob PRIVMSG #lagoon Hi
    bob > REDACT #lagoon {=one}
    bob < :bob REDACT #lagoon {=one}
" }
