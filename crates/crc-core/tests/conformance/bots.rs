//! Bot mode (IRCv3 bot-mode): users are shown which other ones are programs.

use crate::conforms;

conforms! { a_user_says_that_it_is_a_bot "
    bob +
    bob > VERSION
    bob < 351 bob ...
    bob ~ 005 bob BOT=B ...
    bob < 005 bob ...
    bob < 005 bob ...
    bob > MODE bob +B
    bob < :bob MODE bob +B
    bob > MODE bob
    bob < 221 bob +B
    bob > MODE bob +B
    bob < nothing
    bob > MODE bob -B+i
    bob < :bob MODE bob -B+i
    bob > MODE bob
    bob < 221 bob +i
" }

conforms! { whois_and_who_show_a_bot "
    ann +
    bob +
    eve +
    eve > MODE eve +B
    ann > JOIN #reef
    eve > JOIN #reef
    ann > WHOIS eve
    ann < 311 ann eve ~eve * * :Real eve
    ann < ...
    ann < 335 ann eve :*
    ann < ...
    ann < 318 ann eve :*
    bob > WHOIS eve
    bob < ...
    bob < 335 bob eve :*
    bob < ...
    bob < 318 bob eve :*
    eve > WHOIS eve
    eve < ...
    eve < 335 eve eve :*
    eve < ...
    eve < 318 eve eve :*
    ann > WHOIS bob
    ann ! 335 ann bob ...
    ann < ...
    ann < 318 ann bob :*
    ann > WHO eve
    ann < 352 ann * ~eve * * eve HB :*
    ann < 315 ann eve :*
    ann > WHO #reef %nf
    ann ~ 354 ann ann H@
    ann ~ 354 ann eve HB
    ann < 315 ann #reef :*
    eve > MODE #reef
    eve > AWAY :tea
    ann > MODE #reef +v eve
    ann > WHO #reef
    ann ~ 352 ann #reef ~ann * * ann H@ :*
    ann ~ 352 ann #reef ~eve * * eve GB+ :*
    ann < 315 ann #reef :*
    eve > MODE eve -B
    bob > WHOIS eve
    bob ! 335 bob eve ...
    bob < ...
    bob < 318 bob eve :*
" }

conforms! { all_that_a_bot_sends_has_the_tag "
    ann + message-tags
    bob + message-tags echo-message
    eve + message-tags server-time setname
    ann > JOIN #reef
    eve > JOIN #reef
    bob > MODE bob +B
    bob < @bot= :bob MODE bob +B
    bob > JOIN #reef
    ann < @bot= :bob JOIN #reef
    eve < @bot=;time=* :bob JOIN #reef
    bob ~ @bot= :bob JOIN #reef
    bob < ...
    bob < 366 bob #reef :*
    bob > PRIVMSG #reef :Hi
    ann < @bot= :bob PRIVMSG #reef :Hi
    eve < @bot=;time=* :bob PRIVMSG #reef :Hi
    bob < @bot= :bob PRIVMSG #reef :Hi
    bob > PRIVMSG ann :Hi
    ann < @bot= :bob PRIVMSG ann :Hi
    bob < @bot= :bob PRIVMSG ann :Hi
    bob > NOTICE ann :Hi
    ann < @bot= :bob NOTICE ann :Hi
    bob < @bot= :bob NOTICE ann :Hi
    ann > MODE #reef +o bob
    eve < @!bot :ann MODE #reef +o bob
    bob > TOPIC #reef :High tide
    ann < @bot= :bob TOPIC #reef :High tide
    bob > MODE #reef -t
    ann < @bot= :bob MODE #reef -t
    bob > MODE #reef +v ann
    ann < @bot= :bob MODE #reef +v ann
    bob > KICK #reef ann :out
    ann < @bot= :bob KICK #reef ann :out
    bob > INVITE ann #reef
    ann < @bot= :bob INVITE ann #reef
    bob > NICK bobby
    eve < @bot=;time=* :bob NICK bobby
    bob > SETNAME :Bobby
    eve < @bot=;time=* :bobby SETNAME :Bobby
    bob > PART #reef :bye
    eve < @bot=;time=* :bobby PART #reef :bye
    bob > JOIN #reef
    eve < @bot=;time=* :bobby JOIN #reef
    bob > QUIT
    eve < @bot=;time=* :bobby QUIT :*
" }

conforms! { the_tag_is_for_readers_of_tags_only "
    ann +
    bob +
    eve + server-time
    ann > JOIN #reef
    eve > JOIN #reef
    bob > MODE bob +B
    bob < @!bot :bob MODE bob +B
    bob > JOIN #reef
    ann < @!bot :bob JOIN #reef
    eve < @!bot;time=* :bob JOIN #reef
    bob > PRIVMSG ann :Hi
    ann < @!bot :bob PRIVMSG ann :Hi
    bob > PRIVMSG #reef :Hi
    ann < @!bot :bob PRIVMSG #reef :Hi
    eve < @!bot;time=* :bob PRIVMSG #reef :Hi
" }

conforms! { a_person_has_no_tag "
    ann + message-tags
    bob +
    bob > MODE bob +B
    bob > MODE bob -B
    bob > PRIVMSG ann :Hi
    ann < @!bot :bob PRIVMSG ann :Hi
" }
