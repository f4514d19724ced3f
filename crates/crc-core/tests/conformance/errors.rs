//! Errors of commands (modern IRC, "Numerics", and the numerics of each message).

use crate::conforms;

conforms! { before_registration "
    ann +raw
    ann > JOIN #reef
    ann < 451 * :*
    ann > FLY
    ann < 451 * :*
    ann > NICK
    ann < 431 * :*
    ann > NICK :
    ann < 431 * :*
    ann > NICK #ann
    ann < 432 * #ann :*
    ann > NICK 1ann
    ann < 432 * 1ann :*
    ann > USER ann
    ann < 461 * USER :*
    ann > PING x
    ann < PONG {server} x
    ann > QUIT
    ann < ERROR :*
    ann < closed
" }

conforms! { unknown_commands_and_missing_parameters "
    ann +
    ann > FLY away
    ann < 421 ann FLY :*
    ann > fly away
    ann < 421 ann * :*
    ann > JOIN
    ann < 461 ann JOIN :*
    ann > PART
    ann < 461 ann PART :*
    ann > TOPIC
    ann < 461 ann TOPIC :*
    ann > KICK #reef
    ann < 461 ann KICK :*
    ann > MODE
    ann < 461 ann MODE :*
    ann > USERHOST
    ann < 461 ann USERHOST :*
    ann > ISON
    ann < 461 ann ISON :*
    ann > OPER chief
    ann < 461 ann OPER :*
    ann > WHOIS
    ann < 431 ann :*
    ann > NICK
    ann < 431 ann :*
    ann > PING
    ann < 409 ann :*
    ann > USER ann 0 * :Ann
    ann < 462 ann :*
    ann > PRIVMSG
    ann < 411 ann :*
    ann > PRIVMSG ann
    ann < 412 ann :*
    ann > PRIVMSG ann :
    ann < 412 ann :*
    ann > NOTICE
    ann < nothing
    ann > NOTICE ann
    ann < nothing
    ann > NOTICE nobody :hi
    ann < nothing
    ann > PRIVMSG nobody :hi
    ann < 401 ann nobody :*
    ann > PRIVMSG #nowhere :hi
    ann < 403 ann #nowhere :*
    ann > 001 ann
    ann < nothing
" }

conforms! { of_nicks "
    ann +
    bob +
    ann > NICK bob
    ann < 433 ann bob :*
    ann > NICK BOB
    ann < 433 ann BOB :*
    ann > NICK a,b
    ann < 432 ann a,b :*
    ann > NICK ANN
    ann < :ann NICK ANN
    bob > PRIVMSG ann :hi
    ann < :bob PRIVMSG ANN :hi
" }

conforms! { of_channels "
    ann +
    bob +
    eve +
    ann > JOIN reef
    ann < 403 ann reef :*
    ann > JOIN #reef
    bob > PART #reef
    bob < 442 bob #reef :*
    bob > PART #nowhere
    bob < 403 bob #nowhere :*
    bob > TOPIC #nowhere
    bob < 403 bob #nowhere :*
    bob > TOPIC #nowhere :x
    bob < 403 bob #nowhere :*
    bob > TOPIC #reef :x
    bob < 442 bob #reef :*
    bob > TOPIC #reef
    bob < 331 bob #reef :*
    bob > KICK #nowhere ann
    bob < 403 bob #nowhere :*
    bob > KICK #reef ann
    bob < 442 bob #reef :*
    bob > MODE #nowhere +i
    bob < 403 bob #nowhere :*
    bob > MODE #reef +i
    bob < 442 bob #reef :*
    bob > NAMES #nowhere
    bob < 366 bob #nowhere :*
    bob > WHO #nowhere
    bob < 315 bob #nowhere :*
    bob > PRIVMSG #reef :hi
    bob < 404 bob #reef :*
    bob > JOIN #reef
    bob > TOPIC #reef :x
    bob < 482 bob #reef :*
    bob > KICK #reef ann
    bob < 482 bob #reef :*
    bob > MODE #reef +i
    bob < 482 bob #reef :*
    ann > KICK #reef eve
    ann < 441 ann eve #reef :*
    ann > KICK #reef nobody
    ann < 401 ann nobody :*
    ann > MODE #reef +o eve
    ann < 441 ann eve #reef :*
    ann > MODE #reef +o nobody
    ann < 401 ann nobody :*
    ann > MODE #reef +y
    ann < 472 ann y :*
    ann > MODE #reef +l x
    ann < 696 ann #reef l x :*
    ann > MODE #reef +k
    ann < 461 ann MODE :*
    ann > JOIN #reef
    ann < nothing
" }

conforms! { of_joins "
    ann +
    bob +
    ann > JOIN #reef
    ann > MODE #reef +k pearl
    ann < :ann MODE #reef +k pearl
    bob > JOIN #reef
    bob < 475 bob #reef :*
    bob > JOIN #reef wrong
    bob < 475 bob #reef :*
    ann > MODE #reef -k+l pearl 1
    bob > JOIN #reef
    bob < 471 bob #reef :*
    ann > MODE #reef -l+i
    bob > JOIN #reef
    bob < 473 bob #reef :*
    ann > MODE #reef -i+b bob!*@*
    bob > JOIN #reef
    bob < 474 bob #reef :*
    ann > MODE #reef -b bob!*@*
    ann < :ann MODE #reef -b bob!*@*
    bob > JOIN #reef
    bob < :bob JOIN #reef
    bob < 353 bob = #reef :{set: @ann bob}
    bob < 366 bob #reef :*
" }

conforms! { of_user_modes "
    ann +
    bob +
    ann > MODE bob
    ann < 502 ann :*
    ann > MODE bob +i
    ann < 502 ann :*
    ann > MODE nobody
    ann < 401 ann nobody :*
    ann > MODE ann +y
    ann < 501 ann :*
    ann > MODE ann +o
    ann < nothing
    ann > MODE ann
    ann < 221 ann +
    ann > MODE ann +iw
    ann < :ann MODE ann +iw
    ann > MODE ann
    ann < 221 ann +iw
" }

conforms! { of_operators "
    ann +
    bob +
    ann > KILL bob
    ann < 481 ann :*
    ann > WALLOPS hi
    ann < 481 ann :*
    ann > OPER chief secret
    ann > KILL
    ann < 461 ann KILL :*
    ann > WALLOPS
    ann < 461 ann WALLOPS :*
    ann > OPER nobody secret
    ann < 491 ann :*
    ann < NOTICE ann :*
" }
