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
