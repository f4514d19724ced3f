//! WHO with WHOX, NAMES, USERHOST, ISON and the messages of users (modern IRC).

use crate::conforms;

conforms! { who_of_a_channel "
    ann + multi-prefix
    bob +
    eve +
    ann > JOIN #Reef
    bob > JOIN #reef
    ann > MODE #reef +v ann
    bob > AWAY :tea
    ann > WHO #reef
    ann ~ 352 ann #Reef ~ann * {server of ann} ann H@+ :{number} Real ann
    ann ~ 352 ann #Reef ~bob * {server of bob} bob G :{number} Real bob
    ann < 315 ann #reef :*
    eve > WHO #reef
    eve ~ 352 eve #Reef ~ann * * ann H@ :*
    eve ~ 352 eve #Reef ~bob * * bob G :*
    eve < 315 eve #reef :*
" }

conforms! { who_by_nick_host_server_and_real_name "
    ann +
    bob +
    eve +
    ann > WHO bob
    ann < 352 ann * ~bob {host=word} * bob H :*
    ann < 315 ann bob :*
    ann > WHO BOB
    ann < 352 ann * ~bob {=host} * bob H :*
    ann < 315 ann BOB :*
    ann > WHO b?b
    ann < 352 ann * ~bob {=host} * bob H :*
    ann < 315 ann b?b :*
    ann > WHO {=host}
    ann < 352 ann * ~bob {=host} * bob H :*
    ann < 315 ann {=host} :*
    ann > WHO *l?bob
    ann < 352 ann * ~bob {=host} * bob H :*
    ann < 315 ann *l?bob :*
    ann > WHO nobody
    ann < 315 ann nobody :*
" }

conforms! { who_with_fields "
    ann +
    bob +
    ann > JOIN #reef
    bob > JOIN #reef
    bob > WHO ann %tcuihsnfdlaor,123
    bob < 354 bob 123 * ~ann 255.255.255.255 {host=word} {server of ann} ann H {number} {number} 0 n/a :Real ann
    bob < 315 bob ann :*
    bob > WHO ann %tnr,7
    bob < 354 bob 7 ann :Real ann
    bob < 315 bob ann :*
    bob > WHO ann %nuhr
    bob < 354 bob ~ann {=host} ann :Real ann
    bob < 315 bob ann :*
    bob > WHO #reef %ctnf,1
    bob ~ 354 bob 1 #reef ann H@
    bob ~ 354 bob 1 #reef bob H
    bob < 315 bob #reef :*
    bob > WHO ann %a
    bob < 354 bob 0
    bob < 315 bob ann :*
" }

conforms! { names_of_channels "
    ann + userhost-in-names
    bob +
    ann > JOIN #reef
    ann > NAMES #REEF
    ann < 353 ann = #reef :@ann!~ann@{host=word}
    ann < 366 ann #reef :*
    ann > WHOIS ann
    ann < 311 ann ann ~ann {=host} * :Real ann
    ann < ...
    ann < 318 ann ann :*
    bob > JOIN #reef
    ann > NAMES #reef
    ann < 353 ann = #reef :*ann!~ann@{=host}*
    ann < 366 ann #reef :*
" }

conforms! { names_show_the_highest_prefix_or_all "
    ann +
    bob + multi-prefix
    ann > JOIN #reef
    bob > JOIN #reef
    ann > MODE #reef +vv ann bob
    ann > NAMES #REEF
    ann < 353 ann = #reef :{set: @ann +bob}
    ann < 366 ann #reef :*
    bob > NAMES #reef
    bob < 353 bob = #reef :{set: @+ann +bob}
    bob < 366 bob #reef :*
" }

conforms! { userhost_shows_operators_and_absences "
    ann +
    bob +
    eve +
    bob > AWAY :tea
    ann > OPER chief secret
    eve > USERHOST ann
    eve < 302 eve :ann*=+~ann@{word}
    eve > USERHOST BOB nobody
    eve < 302 eve :bob=-~bob@{word}
    eve > USERHOST ann bob
    eve < 302 eve :ann*=+~ann@* bob=-~bob@*
    eve > USERHOST nobody
    eve < 302 eve :
" }

conforms! { ison_shows_those_who_are_there "
    ann +
    bob +
    ann > ISON nobody Bob ann
    ann < 303 ann :{set: bob ann}
    ann > ISON :nobody bob
    ann < 303 ann :bob
    ann > ISON nobody
    ann < 303 ann :
    bob > QUIT
    ann > ISON bob
    ann < 303 ann :
" }

conforms! { those_who_share_a_channel_see_a_user_leave_once "
    ann +
    bob +
    eve +
    ann > JOIN #reef,#atoll
    bob > JOIN #reef,#atoll
    bob > QUIT :that is all
    bob < ERROR :*
    bob < closed
    ann < :bob!~bob@* QUIT :*that is all
    eve < nothing
" }

conforms! { a_lost_connection_is_a_quit "
    ann +
    bob +
    ann > JOIN #reef
    bob > JOIN #reef
    bob -
    ann < :bob QUIT :*
" }

conforms! { topics_are_set_shown_and_removed "
    ann +
    bob +
    ann > JOIN #reef
    bob > JOIN #reef
    bob > TOPIC #reef
    bob < 331 bob #reef :*
    ann > TOPIC #reef :Low tide
    ann < :ann TOPIC #reef :Low tide
    bob < :ann TOPIC #reef :Low tide
    bob > TOPIC #reef
    bob < 332 bob #reef :Low tide
    bob < 333 bob #reef * {number}
    ann > TOPIC #reef :
    bob < :ann TOPIC #reef :
    bob > TOPIC #reef
    bob < 331 bob #reef :*
    ann > MODE #reef -t
    bob > TOPIC #reef :High tide
    ann < :bob TOPIC #reef :High tide
" }

conforms! { parts_and_kicks_have_texts "
    ann +
    bob +
    ann > JOIN #reef
    bob > JOIN #reef
    bob > PART #reef
    ann < :bob PART #reef
    bob < :bob PART #reef
    bob > JOIN #reef
    bob > PART #reef :two words
    ann < :bob PART #reef :two words
    bob > JOIN #reef
    ann > KICK #reef bob
    bob < :ann KICK #reef bob *
    bob > JOIN #reef
    ann > KICK #reef BOB :too loud
    bob < :ann KICK #reef bob :too loud
    bob > JOIN #atoll,#reef
    bob > JOIN 0
    ann < :bob PART #reef
    bob ~ :bob PART #reef
    bob ~ :bob PART #atoll
" }

conforms! { real_names_come_with_joins "
    ann + extended-join
    bob +
    ann > JOIN #reef
    ann < :ann!~ann@* JOIN #reef * :Real ann
    ann < ...
    ann < 353 ann = #reef :@ann
    ann < 366 ann #reef :*
    bob > SETNAME :Bob of the Deep
    bob > JOIN #reef
    ann < :bob!~bob@* JOIN #reef * :Bob of the Deep
    bob < :bob!~bob@* JOIN #reef
    bob < 353 bob = #reef :{set: @ann bob}
    bob < 366 bob #reef :*
" }

conforms! { lines_are_read_as_the_grammar_says "
    ann +
    bob +
    ann > @x=1;+y=2;z :ignored PRIVMSG bob hi
    bob < :ann PRIVMSG bob hi
    ann > privmsg bob :  two  blanks
    bob < :ann PRIVMSG bob :  two  blanks
    ann > PRIVMSG   bob   :wide
    bob < :ann PRIVMSG bob :wide
    ann > PRIVMSG bob ::)
    bob < :ann PRIVMSG bob ::)
    ann > PING a:b
    ann < PONG {server} a:b
    ann > PING :two words
    ann < PONG {server} :two words
    ann > PING one two
    ann < PONG {server} one
    ann > PONG x
    ann < nothing
" }
