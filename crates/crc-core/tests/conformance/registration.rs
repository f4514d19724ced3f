//! Registration and the welcome (modern IRC, "Connection registration").

use crate::conforms;

conforms! { nick_and_user_are_answered_with_a_welcome "
    ann +raw
    ann > NICK ann
    ann < nothing
    ann > USER ann 0 * :Real ann
    ann < 001 ann :*ann*
    ann < 002 ann :*{server}*
    ann < 003 ann :*
    ann < 004 ann {server} {word} {word} {word} ...
    ann < 005 ann ...
    ann < ...
    ann < 251 ann :*
    ann < ...
    ann < 422 ann :*
" }

conforms! { a_nick_is_taken_in_the_whole_network "
    ann +
    bob +
    eve +raw
    eve > NICK Ann
    eve < 433 * Ann :*
    bob > NICK ann
    bob < 433 bob ann :*
" }

conforms! { an_empty_real_name_is_missing "
    ann +raw
    ann > NICK ann
    ann > USER ann 0 * :
    ann < 461 * USER :*
    ann > USER ann 0 * :Ann
    ann < 001 ann :*
    ann < ...
    ann < 422 ann :*
" }
