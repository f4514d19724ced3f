//! Messages of several lines (IRCv3 draft/multiline).

use crate::conforms;

conforms! { lines_arrive_as_they_were_sent r"
    ann + draft/multiline batch message-tags echo-message labeled-response server-time
    bob + draft/multiline batch message-tags
    cid + message-tags
    dan +
    ann > JOIN #reef
    bob > JOIN #reef
    cid > JOIN #reef
    dan > JOIN #reef
    ann > @label=9;+a=b BATCH +1 draft/multiline #reef
    ann > @batch=1 PRIVMSG #reef :one
    ann > @batch=1 PRIVMSG #reef :
    ann > @batch=1 PRIVMSG #reef :two
    ann > @batch=1;draft/multiline-concat PRIVMSG #reef :three
    ann < nothing
    bob < nothing
    ann > BATCH -1
    ann < @label=9;+a=b;msgid={id=word};time=* :ann!~ann@* BATCH +{ref=word} draft/multiline #reef
    ann < @batch={=ref};!msgid;!label;!time;!draft/multiline-concat :ann PRIVMSG #reef one
    ann < @batch={=ref};!draft/multiline-concat :ann PRIVMSG #reef :
    ann < @batch={=ref};!draft/multiline-concat :ann PRIVMSG #reef two
    ann < @batch={=ref};draft/multiline-concat :ann PRIVMSG #reef three
    ann < @!label :ann BATCH -{=ref}
    bob < @+a=b;msgid={=id};!label :ann!~ann@* BATCH +{ref=word} draft/multiline #reef
    bob < @batch={=ref};!msgid;!+a :ann PRIVMSG #reef one
    bob < @batch={=ref} :ann PRIVMSG #reef :
    bob < @batch={=ref};!draft/multiline-concat :ann PRIVMSG #reef two
    bob < @batch={=ref};draft/multiline-concat :ann PRIVMSG #reef three
    bob < :ann BATCH -{=ref}
    cid < @+a=b;msgid={=id};!batch :ann PRIVMSG #reef one
    cid < @!msgid;!batch;!draft/multiline-concat :ann PRIVMSG #reef two
    cid < @!msgid;!batch;!draft/multiline-concat :ann PRIVMSG #reef three
    dan < @!msgid;!batch :ann PRIVMSG #reef one
    dan < :ann PRIVMSG #reef two
    dan < :ann PRIVMSG #reef three
" }

conforms! { private_messages_and_notices r"
    ann + draft/multiline batch message-tags labeled-response
    bob + draft/multiline batch
    cid +
    ann > @label=x BATCH +ref draft/multiline bob
    ann > @batch=ref NOTICE bob :one
    ann > @batch=ref;draft/multiline-concat NOTICE bob :more
    ann > @batch=ref NOTICE bob :two
    ann > BATCH -ref
    ann < @label=x ACK
    bob < @!msgid :ann BATCH +{ref=word} draft/multiline bob
    bob < @batch={=ref} :ann NOTICE bob one
    bob < @batch={=ref};draft/multiline-concat :ann NOTICE bob more
    bob < @batch={=ref} :ann NOTICE bob two
    bob < :ann BATCH -{=ref}
    bob > BATCH +1 draft/multiline cid
    bob > @batch=1 PRIVMSG cid :one
    bob > @batch=1 PRIVMSG cid :two
    bob > BATCH -1
    bob < nothing
    cid < :bob PRIVMSG cid one
    cid < :bob PRIVMSG cid two
    bob > BATCH +1 draft/multiline nobody
    bob > @batch=1 PRIVMSG nobody :one
    bob > BATCH -1
    bob < 401 bob nobody *
" }

conforms! { members_with_a_rank r"
    ann + draft/multiline batch
    bob +
    ann > JOIN #reef
    bob > JOIN #reef
    bob > CAP REQ :draft/multiline batch
    bob < CAP bob ACK *
    bob > BATCH +1 draft/multiline @#reef
    bob > @batch=1 PRIVMSG @#reef :one
    bob > @batch=1 PRIVMSG @#reef :two
    bob > BATCH -1
    bob < nothing
    ann < :bob BATCH +{ref=word} draft/multiline @#reef
    ann < @batch={=ref} :bob PRIVMSG @#reef one
    ann < @batch={=ref} :bob PRIVMSG @#reef two
    ann < :bob BATCH -{=ref}
" }

conforms! { errors_are_answered |net| {
    net.play("
        ann + draft/multiline batch message-tags echo-message
        bob +
        ann > JOIN #reef
        bob > JOIN #reef
        ann > BATCH +1 draft/multiline #reef
        ann > @batch=1 PRIVMSG #other :one
        ann < FAIL BATCH MULTILINE_INVALID_TARGET #reef #other *
        ann > @batch=1 PRIVMSG #reef :two
        ann < nothing
        ann > BATCH -1
        ann < nothing
        ann > BATCH +1 draft/multiline #reef
        ann > @batch=1 PRIVMSG #reef :
        ann > @batch=1 PRIVMSG #reef :
        ann > BATCH -1
        ann < FAIL BATCH MULTILINE_INVALID *
        ann > @batch=2 PRIVMSG #reef :one
        ann < FAIL BATCH MULTILINE_INVALID *
        ann > BATCH -7
        ann < FAIL BATCH MULTILINE_INVALID *
        ann > BATCH +7 other #reef
        ann < FAIL BATCH MULTILINE_INVALID *
        ann > BATCH +1 draft/multiline #reef
        ann > @batch=1 PRIVMSG #reef :one
        ann > @batch=1 NOTICE #reef :two
        ann < FAIL BATCH MULTILINE_INVALID *
        ann > BATCH -1
        ann > BATCH +1 draft/multiline #reef
        ann > @batch=1 PRIVMSG #reef :one
        ann > @batch=1;draft/multiline-concat PRIVMSG #reef :
        ann < FAIL BATCH MULTILINE_INVALID *
        ann > BATCH -1
        bob < nothing
    ");
    net.send("ann", "BATCH +1 draft/multiline #reef");
    for number in 0..24 {
        net.send("ann", &format!("@batch=1 PRIVMSG #reef :{number}"));
    }
    net.play("
        ann < nothing
        ann > @batch=1 PRIVMSG #reef :24
        ann < FAIL BATCH MULTILINE_MAX_LINES 24 *
        ann > BATCH -1
        bob < nothing
    ");
    // 4,096 bytes fit, with ten line feeds, and one more does not.
    for more in ["", "x"] {
        net.send("ann", "BATCH +1 draft/multiline #reef");
        for _ in 0..10 {
            net.send("ann", &format!("@batch=1 PRIVMSG #reef :{}", "x".repeat(400)));
        }
        let last = "x".repeat(4096 - 10 * 401) + more;
        net.take("ann");
        net.send("ann", &format!("@batch=1 PRIVMSG #reef :{last}"));
        match more {
            "" => net.play("ann < nothing"),
            _ => net.play("ann < FAIL BATCH MULTILINE_MAX_BYTES 4096 *"),
        }
        net.take("bob");
        net.send("ann", "BATCH -1");
        assert_eq!(net.take("bob").len(), if more.is_empty() { 11 } else { 0 });
    }
} }

conforms! { a_batch_must_not_stay_open r"
    ann + draft/multiline batch
    bob +
    ann > BATCH +1 draft/multiline bob
    ann > @batch=1 PRIVMSG bob :one
    wait 61
    ann > BATCH +2 draft/multiline bob
    ann > @batch=1 PRIVMSG bob :two
    ann < FAIL BATCH MULTILINE_INVALID *
    ann > @batch=2 PRIVMSG bob :three
    ann > BATCH -2
    bob < :ann PRIVMSG bob three
" }

conforms! { the_limits_are_stated r"
    ann +raw
    ann > CAP LS 302
    ann < CAP * LS :* draft/multiline=max-bytes=4096,max-lines=24 *
    bob +raw
    bob > CAP LS
    bob < CAP * LS :* draft/multiline *
" }

conforms! { without_the_capability_a_line_is_a_line r"
    ann + message-tags
    bob +
    ann > BATCH +1 draft/multiline bob
    ann < FAIL BATCH MULTILINE_INVALID *
    ann > @batch=1 PRIVMSG bob :one
    bob < :ann PRIVMSG bob one
" }
