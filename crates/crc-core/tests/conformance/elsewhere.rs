//! What a user learns of users and servers elsewhere (modern IRC, "Server queries", "WHOIS
//! message"): the same at every server.

use crate::conforms;

conforms! { every_server_knows_how_long_a_user_has_been_idle "
    ann +
    bob +
    eve +
    wait 30
    ann > WHOIS bob
    ann < 311 ann bob ~bob * * :Real bob
    ann < 312 ann bob {server of bob} :*
    ann < 317 ann bob 30 {since=number} :*
    ann < 318 ann bob :*
    eve > WHOIS bob bob
    eve < 311 eve bob ~bob * * :Real bob
    eve < 312 eve bob {server of bob} :*
    eve < 317 eve bob 30 {=since} :*
    eve < 318 eve bob :*
    bob > PRIVMSG ann :hi
    wait 5
    ann > WHOIS {server of bob} bob
    ann < 311 ann bob ~bob * * :Real bob
    ann < 312 ann bob {server of bob} :*
    ann < 317 ann bob 5 {=since} :*
    ann < 318 ann bob :*
    bob > WHOIS bob
    bob < ...
    bob < 317 bob bob 5 {=since} :*
    bob < 318 bob bob :*
" }

conforms! { several_users_come_in_order "
    ann +
    bob +
    eve +
    ann > WHOIS bob,nobody,eve
    ann < 311 ann bob ...
    ann < 312 ann bob ...
    ann < 317 ann bob ...
    ann < 318 ann bob :*
    ann < 401 ann nobody :*
    ann < 318 ann nobody :*
    ann < 311 ann eve ...
    ann < 312 ann eve ...
    ann < 317 ann eve ...
    ann < 318 ann eve :*
" }

conforms! { a_label_is_on_all_of_it "
    ann + labeled-response batch
    bob +
    ann > @label=x WHOIS bob
    ann < @label=x BATCH +{b=word} labeled-response
    ann < @batch={=b} 311 ann bob ...
    ann < @batch={=b} 312 ann bob ...
    ann < @batch={=b} 317 ann bob ...
    ann < @batch={=b} 318 ann bob :*
    ann < BATCH -{=b}
    ann > @label=y PING 1
    ann < @label=y PONG {server} 1
" }

conforms! { another_server_answers_for_itself "
    ann +
    bob +
    ann > VERSION {server of bob}
    ann < :server* 351 ann * {server of bob} :*
    ann < :server* 005 ann ...
    ann < :server* 005 ann ...
    ann < :server* 005 ann ...
    ann > TIME bob
    ann < :server* 391 ann {server of bob} :*
    ann > MOTD {server of bob}
    ann < :server* 422 ann :*
    ann > ADMIN {server of bob}
    ann < :server* 423 ann {server of bob} :*
    ann > INFO {server of bob}
    ann < :server* 371 ann :*
    ann < :server* 371 ann :*
    ann < :server* 371 ann :*
    ann < :server* 374 ann :*
    ann > LUSERS * {server of bob}
    ann < :server* 251 ann :*
    ann < ...
    ann < :server* 266 ann 2 2 :*
" }

conforms! { another_server_has_its_own_message_of_the_day
with |config| config.motd = vec![format!("Welcome to {}", config.name), "Mind the tide".to_owned()];
"
    ann +
    bob +
    ann > MOTD {server of bob}
    ann < :server* 375 ann :*{server of bob}*
    ann < :server* 372 ann :*Welcome to {server of bob}
    ann < :server* 372 ann :*Mind the tide
    ann < :server* 376 ann :*
" }

conforms! { another_server_says_since_when_it_runs "
    ann +
    bob +
    ann > STATS u {server of bob}
    ann < :server* 242 ann :Server Up 0 days *
    ann < :server* 219 ann u :*
    ann > STATS u bob
    ann < :server* 242 ann :Server Up 0 days *
    ann < :server* 219 ann u :*
    ann > STATS
    ann < 219 ann * :*
    ann > STATS u nowhere
    ann < 402 ann nowhere :*
" }

conforms! { only_operators_read_more_of_another_server "
    ann +
    bob +
    ann > STATS k {server of bob}
    ann < :server* 219 ann k :*
    ann > STATS l {server of bob}
    ann < :server* 219 ann l :*
    ann > STATS m {server of bob}
    ann < :server* 219 ann m :*
    ann > STATS o {server of bob}
    ann < :server* 219 ann o :*
    ann > OPER chief secret
    bob > STATS o {server of ann}
    bob < :server* 219 bob o :*
    ann > KLINE 60 spam!*@* :off
    ann > STATS k {server of bob}
    ann < NOTICE ann :*used STATS k*
    ann < :server* 216 ann k spam!*@* {number} ann :off
    ann < :server* 219 ann k :*
    ann > STATS o {server of bob}
    ann < NOTICE ann :*
    ann < :server* 243 ann o * * chief :*
    ann < :server* 219 ann o :*
    ann > STATS m {server of bob}
    ann < NOTICE ann :*
    ann ~ :server* 212 ann STATS :*
    ann < ...
    ann < :server* 219 ann m :*
    ann > STATS l {server of bob}
    ann < NOTICE ann :*
    ann < ...
    ann < :server* 219 ann l :*
    ann > STATS x {server of bob}
    ann < :server* 219 ann x :*
" }

conforms! { another_server_shows_no_address_of_its_clients |net| {
    net.play("
        ann +
        bob +
        ann > OPER chief secret
    ");
    let is_elsewhere = net.server_of("ann") != net.server_of("bob");
    let server = net.server_of("bob");
    net.take("ann");
    net.send("ann", &format!("STATS l {server}"));
    let lines = net.take("ann");
    let links: Vec<_> = lines.iter().filter(|line| line.command == "211").collect();
    let is_shown = |what: &str| links.iter().any(|line| line.params[1].contains(what));
    assert_eq!(is_shown("bob["), !is_elsewhere, "{links:?}");
    assert_eq!(is_shown("@"), !is_elsewhere, "{links:?}");
    if is_elsewhere {
        // Its one link to a server.
        assert_eq!(links.len(), 1, "{links:?}");
        assert_eq!(links[0].params[1], "server1[2]");
    }
} }

conforms! { the_label_of_a_question_about_links_is_on_the_answer "
    ann + labeled-response batch
    bob +
    ann > @label=x LINKS {server of bob} {server of bob}
    ann < @label=x BATCH +{b=word} labeled-response
    ann < @batch={=b} :server* 364 ann {server of bob} {server of bob} :0 *
    ann < @batch={=b} :server* 365 ann {server of bob} :*
    ann < BATCH -{=b}
" }
