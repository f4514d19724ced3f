//! WHOIS and what stands before messages: the same at every server (modern IRC).

use crate::conforms;

conforms! { user_and_server_are_the_same_for_all "
    ann +
    bob +
    eve +raw
    eve > NICK eve
    eve > USER evie 0 * :Eve of the Deep
    ann > WHOIS eve
    ann < 311 ann eve ~evie {host=word} * :Eve of the Deep
    ann < 312 ann eve {server of eve} :{info=any}
    ann < ...
    ann < 318 ann eve :*
    bob > WHOIS eve
    bob < 311 bob eve ~evie {=host} * :Eve of the Deep
    bob < 312 bob eve {server of eve} :{=info}
    bob < ...
    bob < 318 bob eve :*
    eve > WHOIS eve
    eve < 311 eve eve ~evie {=host} * :Eve of the Deep
    eve < 312 eve eve {server} :{=info}
    eve < ...
    eve < 318 eve eve :*
    ann > WHO eve
    ann < 352 ann * ~evie {=host} {server of eve} eve H :{number} Eve of the Deep
    ann < 315 ann eve :*
    ann > USERHOST eve
    ann < 302 ann :eve=+~evie@{=host}
" }

conforms! { messages_come_from_the_whole_prefix "
    ann +
    bob +
    ann > PRIVMSG bob :Hi
    bob < :ann!~ann@{host=word} PRIVMSG bob :Hi
    bob > JOIN #reef
    ann > JOIN #reef
    bob < :ann!~ann@{=host} JOIN #reef
    ann > NICK anna
    bob < :ann!~ann@{=host} NICK anna
    ann < :ann!~ann@{=host} NICK anna
    ann > PART #reef
    bob < :anna!~ann@{=host} PART #reef
    ann > JOIN #reef
    bob < :anna!~ann@{=host} JOIN #reef
    ann > QUIT
    bob < :anna!~ann@{=host} QUIT :*
" }
