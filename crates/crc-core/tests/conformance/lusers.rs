//! LUSERS (modern IRC, "LUSERS message"; RFC 2812, 3.4.2).

use crate::conforms;

conforms! { users_are_counted |net| {
    net.play("
        ann +
        ann > LUSERS
        ann < 251 ann :There are 1 users and 0 invisible on {number} servers
        ann < 254 ann 0 :*
        ann < 255 ann :I have 1 clients and {number} servers
        ann < 265 ann 1 1 :Current local users 1, max 1
        ann < 266 ann 1 1 :Current global users 1, max 1
        bob +
        bob > JOIN #reef
        ann > LUSERS
        ann < 251 ann :There are 2 users and 0 invisible on {number} servers
        ann < 254 ann 1 :*
        ann < ...
        ann < 266 ann 2 2 :*
        bob > QUIT
        ann > LUSERS
        ann < 251 ann :There are 1 users and 0 invisible on {number} servers
        ann < ...
        ann < 266 ann 1 2 :*
    ");
} }

conforms! { connections_that_have_not_registered_are_counted_where_they_are "
    ann +
    new +raw
    new > NICK new
    ann > LUSERS
    ann < 251 ann :There are 1 users *
    ann ! 266 ann 2 ...
    ann < ...
    ann < 266 ann 1 1 :*
    new > USER new 0 * :New
    ann > LUSERS
    ann ! 253 ann ...
    ann < 251 ann :There are 2 users *
    ann < ...
    ann < 266 ann 2 2 :*
" }

conforms! { invisible_users_and_operators_are_counted "
    ann +
    bob +
    bob > MODE bob +i
    ann > LUSERS
    ann < 251 ann :There are 1 users and 1 invisible on {number} servers
    ann < ...
    ann < 266 ann 2 2 :*
    bob > MODE bob -i
    bob > OPER chief secret
    ann > LUSERS
    ann < 251 ann :There are 2 users and 0 invisible on {number} servers
    ann < 252 ann 1 :*
    ann < ...
    ann < 266 ann 2 2 :*
" }
