//! Modes of channels and of users (modern IRC, "MODE message").

use crate::conforms;

conforms! { a_channel_shows_its_modes_and_its_age "
    ann +
    bob +
    ann > JOIN #reef
    bob > JOIN #reef
    ann > MODE #reef
    ann < 324 ann #reef +nt
    ann < 329 ann #reef {founded=number}
    bob > MODE #REEF
    bob < 324 bob #reef +nt
    bob < 329 bob #reef {=founded}
    wait 100
    ann > MODE #reef
    ann < 324 ann #reef +nt
    ann < 329 ann #reef {=founded}
" }

conforms! { an_invisible_user_is_found_by_nick_only "
    ann +
    bob +
    bob > MODE bob +i
    bob < :bob MODE bob +i
    ann > WHO bo*
    ann < 315 ann bo* :*
    ann > WHO bob
    ann < 352 ann * ~bob * * bob H :*
    ann < 315 ann bob :*
    ann > NAMES
    ann < 353 ann * * :ann
    ann < 366 ann * :*
    ann > JOIN #reef
    bob > JOIN #reef
    ann > WHO bo*
    ann < 352 ann * ~bob * * bob H :*
    ann < 315 ann bo* :*
    bob > PART #reef
    bob > MODE bob -i
    ann > WHO bo*
    ann < 352 ann * ~bob * * bob H :*
    ann < 315 ann bo* :*
" }
