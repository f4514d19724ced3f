//! away-notify (IRCv3), with MONITOR by extended-monitor.

use crate::conforms;

conforms! { users_who_share_a_channel_are_told "
    ann + away-notify
    bob +
    eve + away-notify
    old +
    ann > JOIN #reef
    bob > JOIN #reef
    old > JOIN #reef
    bob > AWAY :gone fishing
    ann < :bob!~bob@* AWAY :gone fishing
    bob < 306 bob :*
    eve < nothing
    old < nothing
    bob > AWAY :gone fishing
    bob < 306 bob :*
    ann < nothing
    bob > AWAY :gone swimming
    ann < :bob AWAY :gone swimming
    bob > AWAY
    ann < :bob AWAY
    bob < 305 bob :*
    bob > AWAY
    bob < 305 bob :*
    ann < nothing
    bob > PART #reef
    bob > AWAY :tea
    ann < nothing
" }

conforms! { an_absent_user_joins_with_its_text "
    ann + away-notify extended-join
    bob + away-notify
    old +
    ann > JOIN #reef
    old > JOIN #reef
    bob > AWAY :tea
    bob > JOIN #reef
    ann < :bob JOIN #reef * :Real bob
    ann < :bob!~bob@* AWAY :tea
    old < :bob JOIN #reef
    old < nothing
    bob ! :bob AWAY :tea
    bob > PART #reef
    bob > AWAY
    bob > JOIN #reef
    ann < :bob JOIN #reef * :Real bob
    ann < nothing
" }

conforms! { users_who_share_several_channels_are_told_once "
    ann + away-notify server-time
    bob +
    ann > JOIN #reef,#atoll
    bob > JOIN #reef,#atoll
    bob > AWAY :tea
    ann < @time=* :bob AWAY :tea
    ann < nothing
" }

conforms! { a_user_that_is_watched_is_seen_to_be_away "
    ann + away-notify extended-monitor
    bob +
    eve + away-notify
    old + extended-monitor
    ann > MONITOR + bob
    eve > MONITOR + bob
    old > MONITOR + bob
    bob > AWAY :tea
    ann < :bob!~bob@* AWAY :tea
    eve < nothing
    old < nothing
    bob > AWAY
    ann < :bob AWAY
    ann > JOIN #reef
    bob > JOIN #reef
    bob > AWAY :tea
    ann < :bob AWAY :tea
    ann < nothing
" }
