//! Messages that are taken back (IRCv3 draft/message-redaction).

use crate::conforms;

conforms! { an_author_takes_back_a_message_in_a_channel r"
    ann + message-tags echo-message draft/message-redaction
    bob + message-tags draft/message-redaction
    cid + message-tags
    ann > JOIN #Reef
    bob > JOIN #reef
    cid > JOIN #reef
    ann > MODE #reef -o ann
    ann > PRIVMSG #reef :an example
    ann < @msgid={one=word} :ann PRIVMSG #Reef :an example
    bob < @msgid={=one} :ann PRIVMSG #Reef :an example
    cid < @msgid={=one} :ann PRIVMSG #Reef :an example
    ann > REDACT #reef {=one} :bad example
    ann < @msgid={two=word} :ann!~ann@* REDACT #Reef {=one} :bad example
    bob < @msgid={=two} :ann!~ann@* REDACT #Reef {=one} :bad example
    cid < nothing
" }

conforms! { tags_and_notices_are_taken_back_without_a_reason r"
    ann + message-tags echo-message draft/message-redaction
    bob + message-tags draft/message-redaction
    ann > JOIN #reef
    bob > JOIN #reef
    ann > @+draft/react=x TAGMSG #reef
    ann < @+draft/react=x;msgid={one=word} :ann TAGMSG #reef
    ann > NOTICE #reef :Hi
    ann < @msgid={two=word} :ann NOTICE #reef Hi
    ann > REDACT #reef {=one}
    ann < :ann REDACT #reef {=one}
    bob < :ann REDACT #reef {=one}
    ann > REDACT #reef {=two}
    ann < :ann REDACT #reef {=two}
    bob < :ann REDACT #reef {=two}
" }

conforms! { an_operator_takes_back_what_others_say r"
    ann + message-tags echo-message draft/message-redaction
    bob + message-tags echo-message draft/message-redaction
    cid + message-tags echo-message draft/message-redaction
    ann > JOIN #reef
    bob > JOIN #reef
    cid > JOIN #reef
    bob > PRIVMSG #reef :join my network
    bob < @msgid={one=word} :bob PRIVMSG #reef :join my network
    cid > REDACT #reef {=one} :spam
    cid < FAIL REDACT REDACT_FORBIDDEN #reef {=one} :*
    ann > REDACT #reef {=one} :spam
    ann < :ann REDACT #reef {=one} spam
    bob < :ann REDACT #reef {=one} spam
    cid < :ann REDACT #reef {=one} spam
    ann > REDACT #reef {=one} :spam
    ann < FAIL REDACT UNKNOWN_MSGID #reef {=one} :*
    bob < nothing
" }

conforms! { only_the_author_takes_back_a_private_message r"
    ann + message-tags echo-message draft/message-redaction
    bob + message-tags draft/message-redaction
    ann > PRIVMSG bob :secret
    ann < @msgid={one=word} :ann PRIVMSG bob secret
    bob < @msgid={=one} :ann PRIVMSG bob secret
    bob > REDACT ann {=one}
    bob < FAIL REDACT UNKNOWN_MSGID ann {=one} :*
    bob > REDACT bob {=one}
    bob < FAIL REDACT REDACT_FORBIDDEN bob {=one} :*
    ann > REDACT bob {=one} :not for you
    ann < :ann REDACT bob {=one} :not for you
    bob < @msgid=* :ann REDACT bob {=one} :not for you
    bob < nothing
" }

conforms! { a_message_is_taken_back_where_it_went_and_nowhere_else r"
    ann + message-tags echo-message draft/message-redaction
    bob + message-tags echo-message draft/message-redaction
    ann > JOIN #reef
    bob > JOIN #reef
    bob > JOIN #cave
    ann > PRIVMSG #reef :Hi
    ann < @msgid={one=word} :ann PRIVMSG #reef Hi
    bob > REDACT #cave {=one}
    bob < FAIL REDACT UNKNOWN_MSGID #cave {=one} :*
    bob > REDACT ann {=one}
    bob < FAIL REDACT UNKNOWN_MSGID ann {=one} :*
    bob > REDACT #reef 123
    bob < FAIL REDACT UNKNOWN_MSGID #reef 123 :*
    bob > REDACT #none {=one}
    bob < FAIL REDACT INVALID_TARGET #none :*
    bob > REDACT dan {=one}
    bob < FAIL REDACT INVALID_TARGET dan :*
    bob > REDACT #reef
    bob < 461 bob REDACT *
    ann < nothing
" }

conforms! { a_hidden_channel_is_no_target_for_others r"
    ann + message-tags echo-message draft/message-redaction
    bob + message-tags draft/message-redaction
    ann > JOIN #reef
    ann > MODE #reef +s
    ann > PRIVMSG #reef :Hi
    ann < @msgid={one=word} :ann PRIVMSG #reef Hi
    bob > REDACT #reef {=one}
    bob < FAIL REDACT INVALID_TARGET #reef :*
    ann < nothing
" }

conforms! { a_reason_is_no_way_around_silence r"
    ann + message-tags draft/message-redaction
    bob + message-tags echo-message draft/message-redaction
    ann > JOIN #reef
    bob > JOIN #reef
    bob > PRIVMSG #reef :Hi
    bob < @msgid={one=word} :bob PRIVMSG #reef Hi
    ann > MODE #reef +m
    bob > REDACT #reef {=one} :more words
    bob < FAIL REDACT REDACT_FORBIDDEN #reef {=one} :*
    ann > MODE #reef -m
    bob > PART #reef
    bob > REDACT #reef {=one} :more words
    bob < FAIL REDACT REDACT_FORBIDDEN #reef {=one} :*
    ann < nothing
" }

conforms! { those_who_were_told_are_told r"
    ann + message-tags draft/message-redaction
    bob + message-tags draft/message-redaction
    cid + message-tags echo-message draft/message-redaction
    ann > JOIN #reef
    bob > JOIN #reef
    cid > JOIN #reef
    cid > PRIVMSG @#reef :to operators
    cid < @msgid={one=word} :cid PRIVMSG @#reef :to operators
    cid > REDACT #reef {=one}
    cid < :cid REDACT @#reef {=one}
    ann < :cid REDACT @#reef {=one}
    bob < nothing
" }

conforms! { a_label_comes_back_with_the_echo r"
    ann + message-tags echo-message draft/message-redaction labeled-response batch
    ann > JOIN #reef
    ann > PRIVMSG #reef :Hi
    ann < @msgid={one=word} :ann PRIVMSG #reef Hi
    ann > @label=7;+a=b REDACT #reef {=one}
    ann < @label=7;+a=b :ann REDACT #reef {=one}
    ann > @label=8 REDACT #reef {=one}
    ann < @label=8 FAIL REDACT UNKNOWN_MSGID #reef {=one} :*
" }

conforms! { several_lines_are_taken_back_at_once r"
    ann + message-tags echo-message batch draft/multiline draft/message-redaction
    bob + message-tags draft/message-redaction
    ann > BATCH +1 draft/multiline bob
    ann > @batch=1 PRIVMSG bob :one
    ann > @batch=1 PRIVMSG bob :two
    ann > BATCH -1
    ann < @msgid={id=word} :ann BATCH +* draft/multiline bob
    ann < :ann PRIVMSG bob one
    ann < :ann PRIVMSG bob two
    ann < :ann BATCH -*
    bob < @msgid={=id} :ann PRIVMSG bob one
    bob < :ann PRIVMSG bob two
    ann > REDACT bob {=id}
    ann < :ann REDACT bob {=id}
    bob < :ann REDACT bob {=id}
    bob < nothing
" }
