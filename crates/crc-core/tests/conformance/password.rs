//! PASS (modern IRC, "PASS message"), at servers with a password and without.

use crate::conforms;
use crc_core::PasswordHash;

conforms! { a_server_without_a_password_takes_any "
    ann +raw
    ann > PASS anything
    ann > NICK ann
    ann > USER ann 0 * :Ann
    ann < 001 ann :*
    ann < ...
    ann < 422 ann :*
    ann > PASS anything
    ann < 462 ann :*
    ann > PASS
    ann < 462 ann :*
" }

conforms! { a_password_has_to_be_given "
    ann +raw
    ann > PASS
    ann < 461 * PASS :*
" }

conforms! { the_right_password_admits
with |config| config.password = Some(PasswordHash("hash of net".into()));
"
    ann +raw
    ann > PASS net
    ann < nothing
    ann > NICK ann
    ann < nothing
    ann > USER ann 0 * :Ann
    ann < 001 ann :*
    ann < ...
    ann < 422 ann :*
    ann > PASS net
    ann < 462 ann :*
    bob +raw
    bob > PASS :net
    bob > CAP LS 302
    bob > NICK bob
    bob > USER bob 0 * :Bob
    bob < nothing
    bob > CAP REQ :server-time
    bob < CAP * ACK :server-time
    bob > CAP END
    bob < 001 bob :*
    bob < ...
    bob < 422 bob :*
" }

conforms! { the_last_password_before_the_end_counts
with |config| config.password = Some(PasswordHash("hash of net".into()));
"
    ann +raw
    ann > CAP LS 302
    ann < CAP * LS ...
    ann > PASS wrong
    ann > NICK ann
    ann > USER ann 0 * :Ann
    ann > PASS net
    ann < nothing
    ann > CAP END
    ann < 001 ann :*
    ann < ...
    ann < 422 ann :*
" }

conforms! { a_wrong_password_is_refused
with |config| config.password = Some(PasswordHash("hash of net".into()));
"
    ann +raw
    ann > PASS wrong
    ann > NICK ann
    ann > USER ann 0 * :Ann
    ann < 464 * :*
    ann < ERROR :*
    ann < closed
" }

conforms! { a_missing_password_is_refused
with |config| config.password = Some(PasswordHash("hash of net".into()));
"
    ann +raw
    ann > NICK ann
    ann > USER ann 0 * :Ann
    ann < 464 * :*
    ann < ERROR :*
    ann < closed
" }

conforms! { a_missing_password_is_refused_behind_cap_end
with |config| config.password = Some(PasswordHash("hash of net".into()));
"
    ann +raw
    ann > CAP LS 302
    ann < CAP * LS ...
    ann > NICK ann
    ann > USER ann 0 * :Ann
    ann < nothing
    ann > CAP END
    ann < 464 * :*
    ann < ERROR :*
    ann < closed
" }
