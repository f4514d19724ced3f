//! HELP (modern IRC, "HELP message").

use crate::conforms;

conforms! { help_without_a_subject_lists_the_subjects "
    ann +
    ann > HELP
    ann < 704 ann * :*
    ann < ...
    ann < 705 ann * :*PRIVMSG*
    ann < ...
    ann < 706 ann * :*
    ann > HELPOP
    ann < 704 ann * :*
    ann < ...
    ann < 706 ann * :*
" }

conforms! { help_about_a_command_has_a_text "
    ann +
    ann > HELP privmsg
    ann < 704 ann PRIVMSG :*
    ann < 705 ann PRIVMSG :*
    ann < 706 ann PRIVMSG :*
    ann > HELPOP :NAMES
    ann < 704 ann NAMES :*
    ann < 705 ann NAMES :*
    ann < 706 ann NAMES :*
" }

conforms! { help_about_nothing_known_is_refused "
    ann +
    ann > HELP nosuchcommand
    ann < 524 ann nosuchcommand :*
    ann > HELPOP :no such command
    ann < 524 ann no_such_command :*
" }
