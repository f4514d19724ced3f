//! Channels (modern IRC, "Channel operations").

use crate::conforms;

conforms! { who_joins_is_seen_and_sees_the_members "
    ann +
    bob +
    ann > JOIN #reef
    ann < :ann JOIN #reef
    ann < ...
    ann < 353 ann = #reef :@ann
    ann < 366 ann #reef :*
    bob > JOIN #reef
    bob < :bob JOIN #reef
    bob < ...
    bob < 353 bob = #reef :{set: @ann bob}
    bob < 366 bob #reef :*
    ann < :bob JOIN #reef
    bob > PART #reef :bye
    bob < :bob PART #reef :bye
    ann < :bob PART #reef :bye
" }

conforms! { who_is_kicked_is_told_by_whom_and_why "
    ann +
    bob +
    ann > JOIN #reef
    bob > JOIN #reef
    ann > KICK #reef bob :loud
    ann < :ann KICK #reef bob :loud
    bob < :ann KICK #reef bob :loud
    bob > KICK #reef ann
    bob < 442 bob #reef :*
" }

conforms! { an_operator_who_kicks_itself_is_kicked "
    ann +
    bob +
    ann > JOIN #reef
    bob > JOIN #reef
    ann > KICK #reef ann :enough
    ann < :ann KICK #reef ann :enough
    bob < :ann KICK #reef ann :enough
    ann > PRIVMSG #reef :still here
    ann < 404 ann #reef :*
" }

conforms! { a_message_reaches_the_other_members_once "
    ann +
    bob +
    eve +
    ann > JOIN #reef
    bob > JOIN #reef
    eve > JOIN #reef
    ann > PRIVMSG #reef :Anybody out there?
    ann < nothing
    bob < :ann PRIVMSG #reef :Anybody out there?
    eve < :ann PRIVMSG #reef :Anybody out there?
    ann > NOTICE #reef :psst
    ann < nothing
    bob < :ann NOTICE #reef :psst
    eve < :ann NOTICE #reef :psst
" }

conforms! { several_members_are_kicked_at_once "
    ann +
    bob +
    eve +
    zoe +
    ann > JOIN #reef
    bob > JOIN #reef
    eve > JOIN #reef
    zoe > JOIN #reef
    ann > KICK #reef bob,eve :bye
    zoe ~ :ann KICK #reef bob bye
    zoe ~ :ann KICK #reef eve bye
    bob < :ann KICK #reef bob bye
    bob > JOIN #reef
    eve > JOIN #reef
    ann > KICK #reef,#reef bob,eve :again
    zoe ~ :ann KICK #reef bob again
    zoe ~ :ann KICK #reef eve again
    ann > KICK #reef zoe,nobody
    ann < :ann KICK #reef zoe *
    ann < 401 ann nobody :*
" }

conforms! { a_topic_says_who_has_set_it_and_when "
    ann +
    bob +
    ann > JOIN #reef
    ann > TOPIC #reef :Low tide
    bob > JOIN #reef
    bob < :bob JOIN #reef
    bob < 332 bob #reef :Low tide
    bob < 333 bob #reef {setter=word} {time=number}
    bob < ...
    bob < 366 bob #reef :*
    ann > TOPIC #reef
    ann < 332 ann #reef :Low tide
    ann < 333 ann #reef {=setter} {=time}
" }
