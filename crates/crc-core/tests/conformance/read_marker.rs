//! MARKREAD (IRCv3 read-marker), with a mark that belongs to a connection.

use crate::conforms;

conforms! { a_mark_is_set_and_asked_for "
    ann + draft/read-marker
    bob +
    ann > MARKREAD bob
    ann < MARKREAD bob *
    ann > MARKREAD bob timestamp=2019-01-04T14:33:26.123Z
    ann < MARKREAD bob timestamp=2019-01-04T14:33:26.123Z
    ann > MARKREAD BOB
    ann < MARKREAD BOB timestamp=2019-01-04T14:33:26.123Z
    bob < nothing
" }

conforms! { a_mark_never_goes_back "
    ann + draft/read-marker
    ann > MARKREAD #reef timestamp=2019-01-04T14:33:26.123Z
    ann < MARKREAD #reef timestamp=2019-01-04T14:33:26.123Z
    ann > MARKREAD #reef timestamp=2019-01-04T14:33:26.122Z
    ann < MARKREAD #reef timestamp=2019-01-04T14:33:26.123Z
    ann > MARKREAD #reef timestamp=2020-02-29T00:00:00.000Z
    ann < MARKREAD #reef timestamp=2020-02-29T00:00:00.000Z
" }

conforms! { a_mark_comes_with_a_join_before_the_end_of_the_names "
    ann + draft/read-marker
    bob +
    ann > JOIN #reef
    ann < :ann JOIN #reef
    ann < ...
    ann < MARKREAD #reef *
    ann < 353 ann = #reef :@ann
    ann < 366 ann #reef :*
    ann > MARKREAD #reef timestamp=2019-01-04T14:33:26.123Z
    ann > PART #reef
    ann > JOIN #reef
    ann < ...
    ann < MARKREAD #reef timestamp=2019-01-04T14:33:26.123Z
    ann < ...
    ann < 366 ann #reef :*
    bob > JOIN #reef
    bob ! MARKREAD ...
    ann < ...
    ann < :bob JOIN #reef
" }

conforms! { what_is_wrong_with_a_markread_is_said "
    ann + draft/read-marker
    ann > MARKREAD
    ann < FAIL MARKREAD NEED_MORE_PARAMS :*
    ann > MARKREAD #reef *
    ann < FAIL MARKREAD INVALID_PARAMS * :*
    ann > MARKREAD #reef 2019-01-04T14:33:26.123Z
    ann < FAIL MARKREAD INVALID_PARAMS 2019-01-04T14:33:26.123Z :*
    ann > MARKREAD #reef timestamp=yesterday
    ann < FAIL MARKREAD INVALID_PARAMS timestamp=yesterday :*
    ann > MARKREAD a,b timestamp=2019-01-04T14:33:26.123Z
    ann < FAIL MARKREAD INVALID_PARAMS a,b :*
" }

conforms! { marks_have_a_bound |net| {
    net.play("ann + draft/read-marker");
    for number in 0..200 {
        net.send("ann", &format!("MARKREAD nick{number} timestamp=2019-01-04T14:33:26.123Z"));
    }
    net.play("
        ann > MARKREAD more timestamp=2019-01-04T14:33:26.123Z
        ann < FAIL MARKREAD INTERNAL_ERROR more :*
        ann > MARKREAD nick7 timestamp=2020-01-04T14:33:26.123Z
        ann < MARKREAD nick7 timestamp=2020-01-04T14:33:26.123Z
    ");
} }
