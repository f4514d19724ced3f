//! Exceptions from bans and invitations, and mutes (modern IRC, "Ban exception channel mode",
//! "Invite exception channel mode"; ISUPPORT EXCEPTS, INVEX and EXTBAN), and mode `C`.

use crate::conforms;

conforms! { version_names_the_lists |net| {
    net.join("ann", "");
    net.send("ann", "VERSION");
    let lines = net.take("ann");
    for token in [
        "CHANMODES=beI,k,l,Cimnpst",
        "EXCEPTS",
        "EXTBAN=,m",
        "INVEX",
        "MAXLIST=beI:100",
    ] {
        let has = |line: &crate::pattern::Line| line.params.iter().any(|param| param == token);
        assert!(lines.iter().any(has), "{token} in {lines:?}");
    }
} }

conforms! { an_exception_lifts_a_ban "
    ann +
    bob +
    carol +
    ann > JOIN #reef
    ann > MODE #reef +b *!*@*
    bob > JOIN #reef
    bob < 474 bob #reef :*
    ann > MODE #reef +e bob
    ann < :ann MODE #reef +e bob!*@*
    bob > JOIN #reef
    bob < :bob JOIN #reef
    bob < 353 bob = #reef :{set: @ann bob}
    bob < 366 bob #reef :*
    bob > PRIVMSG #reef :Here I am
    bob < nothing
    ann < :bob PRIVMSG #reef :Here I am
    carol > JOIN #reef
    carol < 474 carol #reef :*
    ann > MODE #reef -e BOB!*@*
    ann < :ann MODE #reef -e bob!*@*
    bob < :ann MODE #reef -e bob!*@*
    bob > PRIVMSG #reef :Still?
    bob < 404 bob #reef :*
    ann < nothing
" }

conforms! { an_invite_exception_is_a_standing_invitation "
    ann +
    bob +
    carol +
    ann > JOIN #reef
    ann > MODE #reef +iI bob!*@*
    ann < :ann MODE #reef +i
    ann < :ann MODE #reef +I bob!*@*
    bob > JOIN #reef
    bob < :bob JOIN #reef
    bob < 353 bob = #reef :{set: @ann bob}
    bob < 366 bob #reef :*
    carol > JOIN #reef
    carol < 473 carol #reef :*
    bob > PART #reef
    bob > JOIN #reef
    bob < :bob JOIN #reef
    bob < 353 bob = #reef :{set: @ann bob}
    bob < 366 bob #reef :*
    bob > PART #reef
    ann > MODE #reef -I bob!*@*
    bob > JOIN #reef
    bob < 473 bob #reef :*
" }

conforms! { an_invite_exception_overrides_nothing_else "
    ann +
    bob +
    ann > JOIN #reef
    ann > MODE #reef +ibI bob!*@* bob!*@*
    bob > JOIN #reef
    bob < 474 bob #reef :*
    ann > MODE #reef -b+l bob!*@* 1
    bob > JOIN #reef
    bob < 471 bob #reef :*
    ann > MODE #reef -l+k pearl
    bob > JOIN #reef
    bob < 475 bob #reef :*
    bob > JOIN #reef pearl
    bob < :bob JOIN #reef
    bob < ...
    bob < 366 bob #reef :*
" }

conforms! { lists_are_shown_and_have_ends "
    ann +
    bob +
    ann > JOIN #reef
    bob > JOIN #reef
    ann > MODE #reef e
    ann < 349 ann #reef :*
    ann > MODE #reef I
    ann < 347 ann #reef :*
    ann > MODE #reef +eI-e+I eel cod!*@* eel *@reef
    bob < :ann MODE #reef +II cod!*@* *!*@reef
    ann > MODE #reef +beI
    ann < 368 ann #reef :*
    ann < 349 ann #reef :*
    ann < 346 ann #reef cod!*@* ...
    ann < 346 ann #reef *!*@reef ...
    ann < 347 ann #reef :*
    ann > MODE #reef +e eel!*@*
    bob > MODE #reef +e
    bob < 348 bob #reef eel!*@* ...
    bob < 349 bob #reef :*
    bob > MODE #reef +e all
    bob < 482 bob #reef :*
    bob > MODE #reef -I cod!*@*
    bob < 482 bob #reef :*
" }

conforms! { a_mute_lets_users_in_and_keeps_them_silent "
    ann +
    bob +
    ann > JOIN #reef
    ann > MODE #reef +b m:bob
    ann < :ann MODE #reef +b m:bob!*@*
    ann > MODE #reef b
    ann < 367 ann #reef m:bob!*@* ...
    ann < 368 ann #reef :*
    bob > JOIN #reef
    bob < :bob JOIN #reef
    bob < ...
    bob < 366 bob #reef :*
    bob > PRIVMSG #reef :Hi
    bob < 404 bob #reef :*
    bob > NOTICE #reef :Hi
    ann < nothing
    ann > MODE #reef +v bob
    bob > PRIVMSG #reef :Hi
    ann < :bob PRIVMSG #reef :Hi
    ann > MODE #reef -v+e bob m:*!~bob@*
    bob > PRIVMSG #reef :Again
    ann < :bob PRIVMSG #reef :Again
    ann > MODE #reef -e m:*!~bob@*
    bob > PRIVMSG #reef :Hm
    bob < 404 bob #reef :*
    ann > MODE #reef -b m:bob!*@*
    bob > PRIVMSG #reef :At last
    ann < :bob PRIVMSG #reef :At last
" }

conforms! { a_mute_silences_users_outside_too "
    ann +
    bob +
    ann > JOIN #reef
    ann > MODE #reef -n+b m:bob
    bob > PRIVMSG #reef :Hi
    bob < 404 bob #reef :*
    ann < nothing
" }

conforms! { a_channel_may_take_no_ctcp_but_actions "
    ann +
    bob +
    ann > JOIN #reef
    bob > JOIN #reef
    bob > PRIVMSG #reef :\u{1}VERSION\u{1}
    ann < :bob PRIVMSG #reef :\u{1}VERSION\u{1}
    ann > MODE #reef +C
    bob < :ann MODE #reef +C
    bob > PRIVMSG #reef :\u{1}VERSION\u{1}
    bob < 404 bob #reef :*
    bob > NOTICE #reef :\u{1}VERSION 1\u{1}
    bob < nothing
    ann < nothing
    ann > PRIVMSG #reef :\u{1}PING 1\u{1}
    ann < 404 ann #reef :*
    bob > PRIVMSG #reef :\u{1}ACTION waves\u{1}
    ann < :bob PRIVMSG #reef :\u{1}ACTION waves\u{1}
    bob > PRIVMSG #reef :Hi
    ann < :bob PRIVMSG #reef Hi
    bob > MODE #reef
    bob < 324 bob #reef +Cnt
    bob < 329 ...
" }

conforms! { a_list_has_a_hundred_masks |net| {
    net.play("
        ann +
        bob +
        ann > JOIN #reef
        bob > JOIN #reef
    ");
    for number in 0..100 {
        net.send("ann", &format!("MODE #reef +e n{number}!*@*"));
    }
    net.play("
        ann > MODE #reef +e other
        ann < 478 ann #reef other!*@* :*
        bob < nothing
        ann > MODE #reef +I other
        bob < :ann MODE #reef +I other!*@*
        ann > MODE #reef +e-e n7 n7
        ann > MODE #reef +e other
        ann < :ann MODE #reef +e other!*@*
        bob < :ann MODE #reef +e other!*@*
    ");
} }

conforms! { lists_say_who_has_set_a_mask_and_when |net| {
    net.play("
        ann +
        bob +
        carol +
        ann > JOIN #reef
        bob > JOIN #reef
        ann > MODE #reef +ob bob eel
        ann > MODE #reef +eI eel eel
        wait 100
        bob > MODE #reef +b-b+b cod shark carp
        bob > MODE #reef +e cod
        carol > MODE #reef +beI
        carol < 367 carol #reef eel!*@* {ann=word} {first=number}
        carol < 367 carol #reef cod!*@* {bob=word} {second=number}
        carol < 367 carol #reef carp!*@* {=bob} {=second}
        carol < 368 carol #reef :*
        carol < 348 carol #reef eel!*@* {=ann} {=first}
        carol < 348 carol #reef cod!*@* {=bob} {=second}
        carol < 349 carol #reef :*
        carol < 346 carol #reef eel!*@* {=ann} {=first}
        carol < 347 carol #reef :*
        bob > MODE #reef b
        bob < 367 bob #reef eel!*@* {=ann} {=first}
        bob < 367 bob #reef cod!*@* {=bob} {=second}
        bob < 367 bob #reef carp!*@* {=bob} {=second}
        bob < 368 bob #reef :*
        bob > QUIT
        wait 10
        ann > MODE #reef -b eel
        ann > MODE #reef +b eel
        ann > MODE #reef b
        ann < 367 ann #reef cod!*@* {=bob} {=second}
        ann < 367 ann #reef carp!*@* {=bob} {=second}
        ann < 367 ann #reef eel!*@* {=ann} {third=number}
        ann < 368 ann #reef :*
    ");
    let of = |name: &str| net.captured[name].clone();
    let seconds = |name: &str| of(name).parse::<u64>().unwrap();
    assert!(of("ann").starts_with("ann!~ann@"), "{}", of("ann"));
    assert!(of("bob").starts_with("bob!~bob@"), "{}", of("bob"));
    assert!(seconds("second") >= seconds("first") + 100);
    assert!(seconds("third") >= seconds("second") + 10);
} }
