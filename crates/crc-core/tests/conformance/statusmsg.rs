//! Messages to members with a rank (ISUPPORT STATUSMSG, modern IRC).

use crate::conforms;

conforms! { only_members_with_the_rank_get_it r"
    ann +
    bob +
    cid +
    dan + echo-message
    eve +
    ann > JOIN #Reef
    bob > JOIN #reef
    cid > JOIN #reef
    dan > JOIN #reef
    ann > MODE #reef +v bob
    ann > MODE #reef +o cid
    dan > PRIVMSG @#reef :Operators
    dan < :dan PRIVMSG @#Reef Operators
    ann < :dan!~dan@* PRIVMSG @#Reef Operators
    cid < :dan PRIVMSG @#Reef Operators
    bob < nothing
    dan > NOTICE +#reef :Voiced
    dan < :dan NOTICE +#Reef Voiced
    ann < :dan NOTICE +#Reef Voiced
    bob < :dan NOTICE +#Reef Voiced
    cid < :dan NOTICE +#Reef Voiced
    ann > MODE #reef -v bob
    cid > PRIVMSG +#reef :Again
    ann < :cid PRIVMSG +#Reef Again
    bob < nothing
    cid < nothing
    dan < nothing
    eve < nothing
" }

conforms! { the_policy_is_that_of_the_channel r"
    ann +
    bob +
    ann > JOIN #reef
    bob > PRIVMSG @#reef :Hi
    bob < 404 bob #reef *
    ann < nothing
    ann > MODE #reef -n
    bob > PRIVMSG @#reef :Hi
    bob < nothing
    ann < :bob PRIVMSG @#reef Hi
    ann > MODE #reef +b bob!*@*
    bob > PRIVMSG @#reef :Hi
    bob < 404 bob #reef *
    bob > NOTICE @#reef :Hi
    bob < nothing
    ann < nothing
    bob > PRIVMSG @#none :Hi
    bob < 403 bob #none *
    bob > PRIVMSG @nobody :Hi
    bob < 401 bob @nobody *
" }

conforms! { tags_and_ids_go_with_it r"
    ann + message-tags
    bob + message-tags echo-message
    cid + message-tags
    ann > JOIN #reef
    bob > JOIN #reef
    cid > JOIN #reef
    bob > @+a=b PRIVMSG @#reef :Hi
    bob < @+a=b;msgid={one=word} :bob PRIVMSG @#reef Hi
    ann < @+a=b;msgid={=one} :bob PRIVMSG @#reef Hi
    cid < nothing
    bob > @+typing=active TAGMSG @#reef
    bob < @+typing=active :bob TAGMSG @#reef
    ann < @+typing=active :bob TAGMSG @#reef
    cid < nothing
" }

conforms! { an_outsider_sees_its_echo_with_the_prefix r"
    ann +
    bob + echo-message
    ann > JOIN #reef
    ann > MODE #reef -n
    bob > PRIVMSG @#REEF :Hi
    bob < :bob PRIVMSG @#reef Hi
    ann < :bob PRIVMSG @#reef Hi
" }
