//! LIST with masks and conditions (modern IRC, "LIST message" and ISUPPORT `ELIST`).

use crate::conforms;

conforms! { list_takes_names_and_masks "
    ann +
    bob +
    ann > JOIN #reef,#atoll,#coral-reef
    bob > LIST #atoll,#nowhere
    bob < 321 bob ...
    bob < 322 bob #atoll 1 :
    bob < 323 bob :*
    bob > LIST *REEF*
    bob < 321 bob ...
    bob ~ 322 bob #reef 1 :
    bob ~ 322 bob #coral-reef 1 :
    bob < 323 bob :*
    bob > LIST #a*,#?eef
    bob < 321 bob ...
    bob ~ 322 bob #atoll 1 :
    bob ~ 322 bob #reef 1 :
    bob < 323 bob :*
    bob > LIST #c*,#reef
    bob < 321 bob ...
    bob ~ 322 bob #coral-reef 1 :
    bob ~ 322 bob #reef 1 :
    bob < 323 bob :*
    bob > LIST *x*
    bob < 321 bob ...
    bob < 323 bob :*
" }

conforms! { list_leaves_out_what_matches_a_negated_mask "
    ann +
    bob +
    ann > JOIN #reef,#atoll,#coral-reef
    bob > LIST !*reef
    bob < 321 bob ...
    bob < 322 bob #atoll 1 :
    bob < 323 bob :*
    bob > LIST *reef,!#coral*
    bob < 321 bob ...
    bob < 322 bob #reef 1 :
    bob < 323 bob :*
    bob > LIST #reef,!#reef
    bob < 321 bob ...
    bob < 323 bob :*
    bob > LIST #reef !#atoll
    bob < 321 bob ...
    bob < 322 bob #reef 1 :
    bob < 323 bob :*
    bob > LIST #reef {server}
    bob < 321 bob ...
    bob < 322 bob #reef 1 :
    bob < 323 bob :*
" }

conforms! { list_counts_users "
    ann +
    bob +
    carol +
    ann > JOIN #one,#two,#three
    bob > JOIN #two,#three
    carol > JOIN #three
    ann > LIST >1
    ann < 321 ann ...
    ann ~ 322 ann #two 2 :
    ann ~ 322 ann #three 3 :
    ann < 323 ann :*
    bob > LIST <3
    bob < 321 bob ...
    bob ~ 322 bob #one 1 :
    bob ~ 322 bob #two 2 :
    bob < 323 bob :*
    carol > LIST >1,<3
    carol < 321 carol ...
    carol < 322 carol #two 2 :
    carol < 323 carol :*
    carol > LIST #t* >2
    carol < 321 carol ...
    carol < 322 carol #three 3 :
    carol < 323 carol :*
    carol > LIST >3
    carol < 321 carol ...
    carol < 323 carol :*
" }

conforms! { list_compares_the_age_of_channels_and_topics "
    ann +
    bob +
    ann > JOIN #old
    ann > TOPIC #old :Low tide
    wait 80
    ann > PING 1
    bob > PING 1
    wait 80
    ann > PING 2
    bob > PING 2
    ann > JOIN #new
    ann > JOIN #bare
    ann > TOPIC #new :High tide
    wait 5
    bob > LIST C>2
    bob < 321 bob ...
    bob < 322 bob #old 1 :Low tide
    bob < 323 bob :*
    bob > LIST C<2
    bob < 321 bob ...
    bob ~ 322 bob #new 1 :High tide
    bob ~ 322 bob #bare 1 :
    bob < 323 bob :*
    bob > LIST T>2
    bob < 321 bob ...
    bob < 322 bob #old 1 :Low tide
    bob < 323 bob :*
    bob > LIST T<2
    bob < 321 bob ...
    bob < 322 bob #new 1 :High tide
    bob < 323 bob :*
    ann > TOPIC #old :Slack water
    wait 1
    bob > LIST T<2,C>2
    bob < 321 bob ...
    bob < 322 bob #old 1 :Slack water
    bob < 323 bob :*
" }

conforms! { no_condition_shows_a_hidden_channel "
    ann +
    bob +
    ann > JOIN #reef
    ann > MODE #reef +s
    bob > LIST *,!nothing,>0,<9,C<9
    bob < 321 bob ...
    bob < 323 bob :*
    bob > LIST #reef,>0
    bob < 321 bob ...
    bob < 323 bob :*
    ann > LIST *,!nothing,>0,<9,C<9
    ann < 321 ann ...
    ann < 322 ann #reef 1 :
    ann < 323 ann :*
" }

conforms! { a_list_has_at_most_sixteen_masks |net| {
    net.join("ann", "");
    let masks = |number: usize| (0..number).map(|it| format!("!m{it}")).collect::<Vec<_>>();
    let (most, more) = (masks(16).join(","), masks(17).join(","));
    net.play(&format!("
        ann > JOIN #reef
        ann > LIST {most}
        ann < 321 ann ...
        ann < 322 ann #reef 1 :
        ann < 323 ann :*
        ann > LIST {more}
        ann < 407 ann !m16 :*
    "));
} }
