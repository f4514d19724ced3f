//! WHOWAS (modern IRC, "WHOWAS message"; RFC 2812, 3.6.3).

use crate::conforms;

conforms! { who_left_is_remembered "
    ann +
    bob +
    bob > QUIT :bye
    ann > WHOWAS BOB
    ann < 314 ann bob ~bob * * :Real bob
    ann < 312 ann bob server* :*
    ann < 369 ann BOB :*
" }

conforms! { who_has_another_nick_or_lost_the_connection_is_remembered "
    ann +
    bob +
    bob > NICK rob
    ann > WHOWAS bob
    ann < 314 ann bob ~bob {host=word} * :Real bob
    ann < 312 ann bob {server of bob} :*
    ann < 369 ann bob :*
    bob -
    ann > WHOWAS rob
    ann < 314 ann rob ~bob {=host} * :Real bob
    ann < 312 ann rob {server of bob} :*
    ann < 369 ann rob :*
" }

conforms! { who_never_was_is_not_found "
    ann +
    bob +
    ann > WHOWAS bob
    ann < 406 ann bob :*
    ann < 369 ann bob :*
    ann > WHOWAS
    ann < 431 ann :*
" }

conforms! { the_last_one_comes_first_and_a_count_limits_the_answer |net| {
    net.play("ann +");
    for number in 1..=3 {
        let one = format!("bob{number}");
        net.connect(&one);
        net.send(&one, "NICK bob");
        net.send(&one, &format!("USER user{number} 0 * :Bob {number}"));
        net.send(&one, "QUIT");
    }
    for (line, users) in [
        ("WHOWAS bob", 1..=3),
        ("WHOWAS bob 2", 2..=3),
        ("WHOWAS bob 1", 3..=3),
        ("WHOWAS bob 0", 1..=3),
        ("WHOWAS bob -1", 1..=3),
        ("WHOWAS bob 9", 1..=3),
    ] {
        net.take("ann");
        net.send("ann", line);
        let lines = net.take("ann");
        let found = lines.iter().filter(|line| line.command == "314");
        let found: Vec<_> = found.map(|line| line.params[2].clone()).collect();
        let users = users.rev().map(|number| format!("~user{number}"));
        assert_eq!(found, users.collect::<Vec<_>>(), "{line}");
        assert_eq!(lines.last().unwrap().command, "369");
    }
} }

conforms! { nobody_is_remembered_for_longer_than_an_hour "
    ann +
    bob +
    bob > QUIT
    wait 3500
    eve +
    eve > WHOWAS bob
    eve < 314 eve bob ...
    eve < ...
    eve < 369 eve bob :*
    wait 60
    eve > PONG x
    wait 50
    eve > WHOWAS bob
    eve < 406 eve bob :*
    eve < 369 eve bob :*
" }

conforms! { sixteen_of_one_nick_are_remembered |net| {
    net.play("ann +");
    for number in 1..=20 {
        let one = format!("bob{number}");
        net.connect(&one);
        net.send(&one, "NICK bob");
        net.send(&one, &format!("USER user{number} 0 * :Bob"));
        net.send(&one, "QUIT");
    }
    net.take("ann");
    net.send("ann", "WHOWAS bob");
    let lines = net.take("ann");
    let users: Vec<_> = lines.iter().filter(|line| line.command == "314").collect();
    assert_eq!(users.len(), 16);
    assert_eq!(users[0].params[2], "~user20");
    assert_eq!(users[15].params[2], "~user5");
} }
