//! Secret and private channels (modern IRC, "Secret channel mode"; RFC 2811, 4.2.6).

use crate::conforms;

conforms! { a_secret_channel_is_hidden_from_others "
    ann +
    bob +
    ann > JOIN #reef
    ann > TOPIC #reef :Low tide
    ann > MODE #reef +s
    ann < :ann MODE #reef +s
    bob > LIST
    bob < 321 bob ...
    bob < 323 bob :*
    bob > LIST #reef
    bob < 321 bob ...
    bob < 323 bob :*
    bob > NAMES #reef
    bob < 366 bob #reef :*
    bob > NAMES
    bob < 353 bob * * :{set: ann bob}
    bob < 366 bob * :*
    bob > WHO #reef
    bob < 315 bob #reef :*
    bob > WHOIS ann
    bob ! 319 bob ...
    bob < 311 bob ann ...
    bob < ...
    bob < 318 bob ann :*
    bob > TOPIC #reef
    bob < 442 bob #reef :*
    bob > MODE #reef
    bob < 442 bob #reef :*
    bob > PRIVMSG #reef :hi
    bob < 404 bob #reef :*
" }

conforms! { members_see_their_secret_channel "
    ann +
    bob +
    ann > JOIN #reef
    ann > MODE #reef +s
    bob > JOIN #reef
    bob < :bob JOIN #reef
    bob < 353 bob @ #reef :{set: @ann bob}
    bob < 366 bob #reef :*
    bob > LIST
    bob < 321 bob ...
    bob < 322 bob #reef 2 :
    bob < 323 bob :*
    bob > WHO #reef
    bob ~ 352 bob #reef ~ann * * ann H@ :*
    bob ~ 352 bob #reef ~bob * * bob H :*
    bob < 315 bob #reef :*
    bob > WHOIS ann
    bob < 311 bob ann ~ann * * :Real ann
    bob < 319 bob ann :@#reef
    bob < ...
    bob < 318 bob ann :*
" }

conforms! { a_private_channel_is_marked_as_such "
    ann +
    bob +
    ann > JOIN #reef
    ann > MODE #reef +p
    ann > NAMES #reef
    ann < 353 ann * #reef :@ann
    ann < 366 ann #reef :*
    bob > LIST
    bob < 321 bob ...
    bob < 323 bob :*
    ann > MODE #reef -p
    bob > LIST
    bob < 321 bob ...
    bob < 322 bob #reef 1 :
    bob < 323 bob :*
    bob > NAMES #reef
    bob < 353 bob = #reef :@ann
    bob < 366 bob #reef :*
" }
