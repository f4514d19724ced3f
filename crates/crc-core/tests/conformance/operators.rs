//! Network operators (modern IRC, "Operator messages").

use crate::conforms;

conforms! { an_operator_is_seen_by_all "
    ann +
    bob +
    ann > OPER chief wrong
    ann < 464 ann :*
    ann > OPER chief secret
    ann < 381 ann :*
    ann < MODE ann +o
    ann < ...
    ann < NOTICE ann :*
    bob > WHOIS ann
    bob < 311 bob ann ~ann * * :Real ann
    bob < ...
    bob < 313 bob ann :*
    bob < ...
    bob < 318 bob ann :*
    bob > WHO ann
    bob < 352 bob * ~ann * * ann H* :*
    bob < 315 bob ann :*
    bob > WHO * o
    bob < 352 bob * ~ann * * ann H* :*
    bob < 315 bob * :*
" }

conforms! { a_kill_is_for_operators "
    ann +
    bob +
    eve +
    eve > JOIN #reef
    bob > JOIN #reef
    bob > KILL ann :spam
    bob < 481 bob :*
    ann > OPER chief secret
    ann > KILL nobody :spam
    ann < 401 ann nobody :*
    ann > KILL bob :spam
    bob < ...
    bob < ERROR :*spam*
    bob < closed
    eve < :bob QUIT :*spam*
    ann > WHOIS bob
    ann < 401 ann bob :*
    ann < 318 ann bob :*
" }

conforms! { wallops_reach_those_who_want_them "
    ann +
    bob +
    eve +
    bob > MODE bob +w
    bob > WALLOPS :hi
    bob < 481 bob :*
    ann > OPER chief secret
    ann > WALLOPS :hi all
    bob < :ann WALLOPS :hi all
    eve < nothing
" }
