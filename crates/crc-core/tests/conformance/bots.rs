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

conforms! { what_a_bot_says_of_itself_has_the_tag "
    ann + message-tags away-notify invite-notify extended-join
    bob + message-tags setname echo-message
    eve +
    ann > JOIN #reef
    bob > JOIN #reef
    ann > MODE #reef +o bob
    bob > MODE bob +B
    bob < @bot= :bob MODE bob +B
    bob > AWAY :tea
    ann < @bot= :bob AWAY :tea
    bob > AWAY
    ann < @bot= :bob AWAY
    bob > INVITE eve #reef
    ann < @bot= :bob INVITE eve #reef
    bob > SETNAME :Robot
    bob < @bot= :bob SETNAME :Robot
    bob > SETNAME :Robot
    bob < @bot= :bob SETNAME :Robot
    bob > @+typing=active TAGMSG #reef
    ann < @bot=;+typing=active :bob TAGMSG #reef
    bob < @bot=;+typing=active :bob TAGMSG #reef
    bob > @+typing=active TAGMSG ann
    ann < @bot=;+typing=active :bob TAGMSG ann
    bob < @bot=;+typing=active :bob TAGMSG ann
    bob > NOTICE #reef :Hi
    ann < @bot= :bob NOTICE #reef :Hi
    bob < @bot= :bob NOTICE #reef :Hi
    bob > PRIVMSG @#reef :Hi
    ann < @bot= :bob PRIVMSG @#reef :Hi
    bob < @bot= :bob PRIVMSG @#reef :Hi
    bob > PRIVMSG bob :me
    bob ~ @bot= :bob PRIVMSG bob :me
    bob ~ @bot= :bob PRIVMSG bob :me
    bob > NICK bobby
    ann < @bot= :bob NICK bobby
    bob < @bot= :bob NICK bobby
    bob > PART #reef
    ann < @bot= :bobby PART #reef
    bob < @bot= :bobby PART #reef
    bob > AWAY :tea
    bob > JOIN #reef
    ann < @bot= :bobby JOIN #reef * :Robot
    ann < @bot= :bobby AWAY :tea
    bob -
    ann < @bot= :bobby QUIT :*
" }

conforms! { several_lines_of_a_bot_have_the_tag_once "
    ann + message-tags batch draft/multiline
    bob + message-tags batch draft/multiline
    eve + message-tags
    ann > JOIN #reef
    bob > JOIN #reef
    eve > JOIN #reef
    bob > MODE bob +B
    bob > BATCH +1 draft/multiline #reef
    bob > @batch=1 PRIVMSG #reef :one
    bob > @batch=1 PRIVMSG #reef :two
    bob > BATCH -1
    ann < @bot= :bob BATCH +{b=word} draft/multiline #reef
    ann < @batch={=b};!bot :bob PRIVMSG #reef :one
    ann < @batch={=b};!bot :bob PRIVMSG #reef :two
    ann < :bob BATCH -{=b}
    eve < @bot= :bob PRIVMSG #reef :one
    eve < @bot= :bob PRIVMSG #reef :two
" }

conforms! { what_a_bot_does_as_a_network_operator_has_the_tag "
    ann + message-tags
    bob +
    eve + message-tags
    ann > MODE ann +w
    bob > MODE bob +B
    bob > OPER chief secret
    bob > WALLOPS :hi
    ann < @bot= :bob WALLOPS :hi
    bob > KILL eve :spam
    eve < @bot= :bob KILL eve :spam
    eve < ERROR :*
    eve < closed
" }
