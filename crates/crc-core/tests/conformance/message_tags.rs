//! Message tags (IRCv3 message-tags, message-ids): client-only tags, TAGMSG, `msgid`.

use crate::conforms;

conforms! { client_only_tags_reach_those_who_want_them r"
    ann + message-tags
    bob + message-tags
    cid +
    ann > JOIN #reef
    bob > JOIN #reef
    cid > JOIN #reef
    ann > @+draft/reply=a\:b\s;fizz=buzz;+flag;time=1 PRIVMSG #reef :Hi
    bob < @+draft/reply=a\:b\s;+flag;msgid={one=word};!fizz;!time :ann!~ann@* PRIVMSG #reef Hi
    cid < @!+draft/reply;!+flag;!msgid;!fizz :ann PRIVMSG #reef Hi
    ann > @+a=b NOTICE #reef :Ho
    bob < @+a=b;msgid={word} :ann NOTICE #reef Ho
    cid < @!+a;!msgid :ann NOTICE #reef Ho
    ann > @+a=b PRIVMSG bob,cid :You
    bob < @+a=b;msgid={two=word} :ann PRIVMSG bob You
    cid < @!+a;!msgid :ann PRIVMSG cid You
    ann > @+a=b NOTICE bob :Psst
    bob < @+a=b;msgid={word} :ann NOTICE bob Psst
" }

conforms! { each_message_has_an_id_which_is_the_same_for_all |net| {
    net.play("
        ann + message-tags echo-message
        bob + message-tags
        cid + message-tags
        dan + message-tags echo-message
        ann > JOIN #reef
        bob > JOIN #reef
        cid > JOIN #reef
        ann > PRIVMSG #reef :Hi
        ann < @msgid={one=word} :ann PRIVMSG #reef Hi
        bob < @msgid={=one} :ann PRIVMSG #reef Hi
        cid < @msgid={=one} :ann PRIVMSG #reef Hi
        ann > PRIVMSG bob :Hi
        ann < @msgid={two=word} :ann PRIVMSG bob Hi
        bob < @msgid={=two} :ann PRIVMSG bob Hi
        bob > MODE #reef
        ann > MODE #reef -n
        dan > PRIVMSG #reef :From outside
        dan < @msgid={three=word} :dan PRIVMSG #reef :From outside
        ann < @msgid={=three} :dan PRIVMSG #reef :From outside
        bob < @msgid={=three} :dan PRIVMSG #reef :From outside
        dan > PRIVMSG dan :Myself
        dan < @msgid={four=word} :dan PRIVMSG dan Myself
        dan < @msgid={=four} :dan PRIVMSG dan Myself
    ");
    let ids = ["one", "two", "three", "four"].map(|name| &net.captured[name]);
    for (at, id) in ids.iter().enumerate() {
        assert!(!id.is_empty() && !id.starts_with(':'));
        assert!(!ids[..at].contains(id), "{id}");
    }
} }

conforms! { plain_messages_have_no_id r"
    ann +
    bob + message-tags
    ann > JOIN #reef
    bob > JOIN #reef
    ann > PRIVMSG #reef :Hi
    bob < @!msgid :ann PRIVMSG #reef Hi
    ann > PRIVMSG bob :Hi
    bob < @!msgid :ann PRIVMSG bob Hi
    ann > @+a=b PRIVMSG bob :Without the capability
    bob < @!msgid;!+a :ann PRIVMSG bob :Without the capability
" }

conforms! { tags_without_a_text r"
    ann + message-tags echo-message server-time
    bob + message-tags
    cid +
    ann > JOIN #reef
    bob > JOIN #reef
    cid > JOIN #reef
    ann > @+typing=active TAGMSG #reef
    ann < @+typing=active;msgid={one=word};time=* :ann TAGMSG #reef
    bob < @+typing=active;msgid={=one};!time :ann!~ann@* TAGMSG #reef
    cid < nothing
    ann > @+draft/react=🐠;+draft/reply={=one} TAGMSG bob,cid
    ann ~ @+draft/react=🐠;msgid={two=word} :ann TAGMSG bob
    ann ~ @+draft/react=🐠;msgid={word} :ann TAGMSG cid
    bob < @+draft/react=🐠;+draft/reply={=one};msgid={=two} :ann TAGMSG bob
    cid < nothing
    cid > @+typing=active TAGMSG #reef
    ann < nothing
    bob < nothing
    cid < nothing
" }

conforms! { tags_alone_are_refused_as_messages_are r"
    ann + message-tags
    bob + message-tags
    ann > JOIN #reef
    bob > @+a=b TAGMSG #reef
    bob < 404 bob #reef *
    ann < nothing
    bob > @+a=b TAGMSG nobody
    bob < 401 bob nobody *
    bob > @+a=b TAGMSG #none
    bob < 403 bob #none *
    bob > @+a=b TAGMSG
    bob < 461 bob TAGMSG *
    bob > TAGMSG ann
    bob < nothing
    ann < nothing
    ann > MODE #reef -n+m
    bob > @+a=b TAGMSG #reef
    bob < 404 bob #reef *
    ann < nothing
" }

conforms! { tags_alone_are_not_answered_by_an_absence r"
    ann + message-tags
    bob + message-tags
    bob > AWAY :Lunch
    ann > @+typing=active TAGMSG bob
    ann < nothing
    bob < @+typing=active :ann TAGMSG bob
    ann > @+a=b PRIVMSG bob :Hi
    ann < 301 ann bob Lunch
    bob < @+a=b :ann PRIVMSG bob Hi
" }

conforms! { tags_have_their_own_limit |net| {
    net.play("
        ann + message-tags
        bob + message-tags
        ann > JOIN #reef
        bob > JOIN #reef
    ");
    for target in ["#reef", "bob"] {
        let longest = format!("+a={}", "x".repeat(4094 - 3));
        net.take("bob");
        net.send("ann", &format!("@{longest} PRIVMSG {target} :{}", "y".repeat(400)));
        let got = net.take("bob");
        assert_eq!(got.len(), 1);
        assert_eq!(got[0].tags["+a"].len(), 4091);
        assert_eq!(got[0].params[1].len(), 400);
        assert!(got[0].tags.contains_key("msgid"));
        net.send("ann", &format!("@{longest}x PRIVMSG {target} :Hi"));
        net.play("ann < 417 ann :*");
        assert!(net.take("bob").is_empty());
    }
} }

conforms! { labels_and_tags r"
    ann + message-tags echo-message labeled-response batch
    bob + message-tags labeled-response batch
    ann > JOIN #reef
    bob > JOIN #reef
    ann > @label=1;+a=b PRIVMSG #reef :Hi
    ann < @label=1;+a=b;msgid={one=word} :ann PRIVMSG #reef Hi
    bob < @!label;+a=b;msgid={=one} :ann PRIVMSG #reef Hi
    ann > @label=2;+a=b TAGMSG bob
    ann < @label=2;+a=b;msgid={two=word} :ann TAGMSG bob
    bob < @!label;+a=b;msgid={=two} :ann TAGMSG bob
    bob > @label=3;+a=b TAGMSG ann
    bob < @label=3 ACK
    ann < @+a=b;!label :bob TAGMSG ann
    bob > @label=4;+a=b TAGMSG bob
    bob < @label=4 ACK
    bob < @+a=b;!label :bob TAGMSG bob
    ann > @label=5;+a=b TAGMSG ann
    ann < @label=5;+a=b;msgid={three=word} :ann TAGMSG ann
    ann < @+a=b;!label;msgid={=three} :ann TAGMSG ann
" }

conforms! { all_client_only_tags_are_allowed r"
    ann +raw
    ann > NICK ann
    ann > USER ann 0 * :Ann
    ann < ...
    ann < 005 ann BOT=B LINELEN=512 MODES=12 * * * STATUSMSG=@+ * CLIENTTAGDENY= ...
    ann < ...
    ann < 422 ...
" }
