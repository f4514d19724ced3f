//! UTF8ONLY (IRCv3): no user gets text that is not UTF-8. That all lines are UTF-8 is checked of
//! every line in every test.

use crate::conforms;

conforms! { a_client_of_today_is_told_what_is_wrong "
    ann + standard-replies echo-message
    bob +
    ann > JOIN #reef
    bob > JOIN #reef
    ann > PRIVMSG bob :caf{byte e9}
    ann < FAIL PRIVMSG INVALID_UTF8 :*
    bob < nothing
    ann > NOTICE bob :caf{byte e9}
    ann < FAIL NOTICE INVALID_UTF8 :*
    bob < nothing
    ann > PRIVMSG #reef :naïve {byte ff}
    ann < FAIL PRIVMSG INVALID_UTF8 :*
    bob < nothing
    ann > TOPIC #reef :caf{byte e9}
    ann < FAIL TOPIC INVALID_UTF8 :*
    bob < nothing
    ann > AWAY :caf{byte e9}
    ann < FAIL AWAY INVALID_UTF8 :*
    ann > NICK caf{byte e9}
    ann < FAIL NICK INVALID_UTF8 :*
    ann > SETNAME :caf{byte e9}
    ann < FAIL SETNAME INVALID_UTF8 :*
    ann > FLY caf{byte e9}
    ann < FAIL FLY INVALID_UTF8 :*
    ann > {byte e9}
    ann < FAIL * INVALID_UTF8 :*
    ann > PRIVMSG bob :café
    bob < :ann PRIVMSG bob :café
    ann < :ann PRIVMSG bob :café
    bob > WHOIS ann
    bob ! 301 bob ann ...
    bob < 311 bob ann ~ann * * :Real ann
    bob < ...
    bob < 318 bob ann :*
" }

conforms! { the_failure_has_the_label_of_the_line "
    ann + labeled-response batch
    bob +
    ann > @label=x PRIVMSG bob :caf{byte e9}
    ann < @label=x FAIL PRIVMSG INVALID_UTF8 :*
    bob < nothing
" }

conforms! { a_client_of_old_is_converted "
    ann +
    bob +
    ann > PRIVMSG bob :caf{byte e9}
    bob < :ann PRIVMSG bob :café
    ann < nothing
    ann > JOIN #reef
    ann > TOPIC #reef :caf{byte e9}
    ann < :ann TOPIC #reef :café
" }

conforms! { a_client_of_today_registers_in_utf_8 "
    ann +raw
    ann > CAP REQ :message-tags
    ann < CAP * ACK :message-tags
    ann > NICK ann
    ann > USER ann 0 * :caf{byte e9}
    ann < FAIL USER INVALID_UTF8 :*
    ann > CAP END
    ann < nothing
    ann > USER ann 0 * :café
    ann < 001 ann :*
    ann < ...
    ann < 422 ann :*
    ann > WHOIS ann
    ann < 311 ann ann ~ann * * :café
    ann < ...
    ann < 318 ann ann :*
" }

conforms! { a_client_of_old_registers_with_any_bytes "
    ann +raw
    bob +
    ann > NICK ann
    ann > USER {byte e9} 0 * :caf{byte e9}
    ann < 001 ann :*
    ann < ...
    ann < 422 ann :*
    bob > WHOIS ann
    bob < 311 bob ann ~* * * :café
    bob < ...
    bob < 318 bob ann :*
" }

conforms! { the_server_says_that_it_takes_utf_8_only |net| {
    net.connect("ann");
    net.send("ann", "NICK ann");
    net.send("ann", "USER ann 0 * :Ann");
    let lines = net.take("ann");
    let mut support = lines.iter().filter(|line| line.command == "005");
    assert!(support.any(|line| line.params.iter().any(|word| word == "UTF8ONLY")));
} }
