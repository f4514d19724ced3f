//! INVITE (modern IRC, "INVITE message"), and invite-notify (IRCv3).

use crate::conforms;

conforms! { an_invitation_comes_to_the_one_who_is_invited "
    ann +
    bob +
    eve +
    ann > JOIN #Reef
    ann > INVITE bob #reef
    ann < 341 ann bob #Reef
    bob < :ann!~ann@* INVITE bob #Reef
    eve < nothing
    bob > INVITE
    bob < 336 bob #Reef
    bob < 337 bob :*
    eve > INVITE
    eve < 337 eve :*
    bob > JOIN #reef
    bob > INVITE
    bob < 337 bob :*
" }

conforms! { an_invitation_ends_with_its_channel_or_after_an_hour "
    ann +
    bob +
    ann > JOIN #reef
    ann > INVITE bob #reef
    ann > PART #reef
    bob > INVITE
    bob < 337 bob :*
    ann > JOIN #atoll
    ann > INVITE bob #atoll
    bob > INVITE
    bob < 336 bob #atoll
    bob < 337 bob :*
    wait 80
    ann > PING 1
    bob > PING 1
    wait 80
    ann > PING 1
    bob > PING 1
    bob > INVITE
    bob < 336 bob #atoll
    bob < 337 bob :*
" }

conforms! { errors_of_invite "
    ann +
    bob +
    eve +
    ann > INVITE bob
    ann < 461 ann INVITE :*
    ann > INVITE nobody #reef
    ann < 401 ann nobody :*
    ann > INVITE bob #reef
    ann < 403 ann #reef :*
    ann > JOIN #reef
    bob > JOIN #reef
    ann > INVITE bob #reef
    ann < 443 ann bob #reef :*
    eve > INVITE bob #reef
    eve < 442 eve #reef :*
    ann > MODE #reef +i
    bob > INVITE eve #reef
    bob < 482 bob #reef :*
    eve < nothing
    eve > JOIN #reef
    eve < 473 eve #reef :*
    ann > INVITE eve #reef
    eve < :ann INVITE eve #reef
    eve > JOIN #reef
    eve < :eve JOIN #reef
    eve < 353 eve = #reef :{set: @ann bob eve}
    eve < 366 eve #reef :*
" }

conforms! { an_invitation_of_a_member_overrides_nothing "
    ann +
    bob +
    eve +
    ann > JOIN #reef
    bob > JOIN #reef
    bob > INVITE eve #reef
    eve < :bob INVITE eve #reef
    eve > INVITE
    eve < 336 eve #reef
    eve < 337 eve :*
    ann > MODE #reef +i
    eve > JOIN #reef
    eve < 473 eve #reef :*
    ann > INVITE eve #reef
    eve < :ann INVITE eve #reef
    ann > MODE #reef -o ann
    eve > JOIN #reef
    eve < :eve JOIN #reef
    eve < 353 eve = #reef :{set: ann bob eve}
    eve < 366 eve #reef :*
" }

conforms! { members_are_told_who_is_invited "
    ann + invite-notify
    bob + invite-notify
    eve + invite-notify
    old +
    dan + invite-notify server-time
    ann > JOIN #reef
    bob > JOIN #reef
    old > JOIN #reef
    dan > JOIN #reef
    ann > INVITE eve #reef
    ann < 341 ann eve #reef
    ann < nothing
    bob < :ann!~ann@* INVITE eve #reef
    dan < @time=* :ann!~ann@* INVITE eve #reef
    old < nothing
    eve < :ann!~ann@* INVITE eve #reef
    eve < nothing
    bob > INVITE eve #reef
    ann < :bob INVITE eve #reef
    eve < :bob INVITE eve #reef
    ann > INVITE nobody #reef
    ann < 401 ann nobody :*
    bob < nothing
    bob > PART #reef
    ann > INVITE eve #reef
    bob < nothing
    dan < :ann INVITE eve #reef
" }
