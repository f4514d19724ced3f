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
