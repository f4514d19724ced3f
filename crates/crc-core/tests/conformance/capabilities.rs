//! Capability negotiation (IRCv3 capability-negotiation; modern IRC, "CAP message").

use crate::conforms;

conforms! { registration_waits_for_the_end "
    ann +raw
    ann > CAP LS 302
    ann < CAP * LS :*
    ann > NICK ann
    ann > USER ann 0 * :Ann
    ann < nothing
    ann > CAP REQ :server-time echo-message
    ann < CAP * ACK :server-time echo-message
    ann > CAP LIST
    ann < CAP * LIST :cap-notify echo-message server-time
    ann > CAP END
    ann < 001 ann :*
    ann < ...
    ann < 422 ann :*
    ann > CAP LIST
    ann < CAP ann LIST :cap-notify echo-message server-time
" }

conforms! { a_request_begins_the_negotiation_too "
    ann +raw
    ann > CAP REQ :multi-prefix
    ann < CAP * ACK :multi-prefix
    ann > NICK ann
    ann > USER ann 0 * :Ann
    ann < nothing
    ann > CAP END
    ann < 001 ann :*
    ann < ...
    ann < 422 ann :*
" }

conforms! { an_end_without_a_beginning_does_nothing "
    ann +raw
    ann > CAP END
    ann < nothing
    ann > NICK ann
    ann > CAP END
    ann < nothing
    ann > USER ann 0 * :Ann
    ann < 001 ann :*
    ann < ...
    ann < 422 ann :*
    ann > CAP END
    ann < nothing
" }

conforms! { a_list_or_an_unknown_subcommand_does_not_delay_registration "
    ann +raw
    ann > CAP LIST
    ann < CAP * LIST :
    ann > CAP FLY
    ann < 410 * FLY :*
    ann > CAP
    ann < 461 * CAP :*
    ann > NICK ann
    ann > USER ann 0 * :Ann
    ann < 001 ann :*
    ann < ...
    ann < 422 ann :*
    ann > CAP FLY
    ann < 410 ann FLY :*
" }

conforms! { a_request_is_granted_as_a_whole_or_not_at_all "
    ann + multi-prefix
    ann > CAP REQ :server-time nonsense
    ann < CAP ann NAK :server-time nonsense
    ann > CAP LIST
    ann < CAP ann LIST :multi-prefix
    ann > CAP REQ :server-time -multi-prefix -nonsense
    ann < CAP ann NAK :server-time -multi-prefix -nonsense
    ann > CAP LIST
    ann < CAP ann LIST :multi-prefix
    ann > CAP REQ :server-time -multi-prefix
    ann < CAP ann ACK :server-time -multi-prefix
    ann > CAP LIST
    ann < CAP ann LIST :server-time
    ann > CAP REQ SERVER-TIME
    ann < CAP ann NAK :SERVER-TIME
    ann > CAP REQ -server-time
    ann < CAP ann ACK :-server-time
    ann > CAP LIST
    ann < CAP ann LIST :
    ann > CAP REQ -server-time
    ann < CAP ann ACK :-server-time
" }

conforms! { what_is_listed_can_be_enabled_and_disabled |net| {
    net.play("ann +");
    net.send("ann", "CAP LS");
    let lines = net.take("ann");
    let all = lines.iter().flat_map(|line| line.params[2].split(' '));
    let all: Vec<_> = all.map(str::to_owned).collect();
    assert!(all.len() > 10, "{all:?}");
    for name in all {
        assert!(!name.contains('='), "versions before 302 have no values: {name}");
        for sign in ["", "-"] {
            net.send("ann", &format!("CAP REQ :{sign}{name}"));
            net.play(&format!("ann < CAP ann ACK :{sign}{name}"));
        }
    }
} }

conforms! { a_capability_is_in_force_at_once "
    ann +
    bob +
    ann > JOIN #reef
    bob > JOIN #reef
    ann > PRIVMSG #reef :one
    bob < @!time :ann PRIVMSG #reef :one
    bob > CAP REQ :server-time
    bob < CAP bob ACK :server-time
    ann > PRIVMSG #reef :two
    bob < @time=* :ann PRIVMSG #reef :two
    bob > CAP REQ :-server-time
    bob < CAP bob ACK :-server-time
    ann > PRIVMSG #reef :three
    bob < @!time :ann PRIVMSG #reef :three
" }
