//! What a message looks like. Each rule is written once and asked in two ways:
//! while more input may come (an end of input means "wait"), and when no more
//! is waited for (an end of input is the message's end).
//!
//! Nothing here is longer than [`TOKEN_BYTES_MAX`], so that whoever keeps the
//! beginning of a message keeps no more than that.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::{FromStr, from_utf8};

use nom::branch::alt;
use nom::bytes::{tag, tag_no_case, take_while, take_while_m_n};
use nom::character::satisfy;
use nom::combinator::{map, map_opt, recognize, value};
use nom::error::Error;
use nom::sequence::{delimited, preceded, separated_pair};
use nom::{Err, Parser};

/// No message but a text is longer, blanks left aside.
pub(crate) const TOKEN_BYTES_MAX: usize = 96;

/// The most digits of a port.
const PORT_DIGITS_MAX: usize = 5;

/// The most blanks between `Hello from:` and the address.
const SPACES_MAX: usize = 8;

/// One thing that a directory says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// A list begins.
    List,
    /// The next address of a list.
    Address(SocketAddr),
    /// It is over.
    Teardown,
}

/// What stands at the beginning of some input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<T> {
    /// A message, and how many bytes it has.
    Complete(T, usize),
    /// The beginning of one.
    Incomplete,
    /// Nothing that could become one.
    Invalid,
}

/// Whether anything may follow the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// What stands at the end may go on.
    Open,
    /// The end of the input ends what stands there.
    Ended,
}

type Parsed<'a> = Error<&'a [u8]>;

/// An address at the beginning of `input`.
pub(crate) fn find_address(input: &[u8], state: Input) -> Found<SocketAddr> {
    find(address(), input, state)
}

/// What a directory says at the beginning of `input`.
pub(crate) fn find_token(input: &[u8], state: Input) -> Found<Token> {
    let token = alt((
        value(Token::List, tag_no_case("list:")),
        value(Token::Teardown, tag_no_case("teardown")),
        map(address(), Token::Address),
    ));
    find(token, input, state)
}

/// A greeting at the beginning of `input`.
pub(crate) fn find_hello(input: &[u8], state: Input) -> Found<SocketAddr> {
    let blanks = take_while_m_n(0, SPACES_MAX, |byte| byte == b' ');
    let hello = preceded((tag_no_case("Hello from:"), blanks), address());
    find(hello, input, state)
}

fn find<'a, T>(
    mut parser: impl Parser<&'a [u8], Output = T, Error = Parsed<'a>>,
    input: &'a [u8],
    state: Input,
) -> Found<T> {
    let parsed = match state {
        Input::Open => parser.parse(input),
        Input::Ended => parser.parse_complete(input),
    };
    match parsed {
        Ok((rest, found)) => Found::Complete(found, input.len() - rest.len()),
        Err(Err::Incomplete(_)) => Found::Incomplete,
        Err(Err::Error(_) | Err::Failure(_)) => Found::Invalid,
    }
}

fn address<'a>() -> impl Parser<&'a [u8], Output = SocketAddr, Error = Parsed<'a>> {
    let host = alt((ipv4(), ipv6()));
    // An address that was mapped from the one family into the other is the same
    // address.
    map(separated_pair(host, tag(":"), port()), |(host, port)| {
        SocketAddr::new(host.to_canonical(), port)
    })
}

fn ipv4<'a>() -> impl Parser<&'a [u8], Output = IpAddr, Error = Parsed<'a>> {
    let text = take_while_m_n(7, 15, |byte: u8| byte.is_ascii_digit() || byte == b'.');
    map_opt(text, |text| number::<Ipv4Addr>(text).map(IpAddr::V4))
}

fn ipv6<'a>() -> impl Parser<&'a [u8], Output = IpAddr, Error = Parsed<'a>> {
    let text = take_while_m_n(2, 45, |byte: u8| {
        byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')
    });
    let address = map_opt(text, |text| number::<Ipv6Addr>(text).map(IpAddr::V6));
    delimited(tag("["), address, tag("]"))
}

fn port<'a>() -> impl Parser<&'a [u8], Output = u16, Error = Parsed<'a>> {
    let digits =
        |least| take_while_m_n(least, PORT_DIGITS_MAX - 1, |byte: u8| byte.is_ascii_digit());
    let last = satisfy(|digit| digit.is_ascii_digit());
    // Behind the fifth digit nothing has to be waited for.
    let text = alt((recognize((digits(PORT_DIGITS_MAX - 1), last)), digits(1)));
    map_opt(text, |text| number(text).filter(|&port: &u16| port != 0))
}

fn number<T: FromStr>(text: &[u8]) -> Option<T> {
    from_utf8(text).ok()?.parse().ok()
}

/// How many blanks and line ends `input` begins with.
pub(crate) fn leading_spaces(input: &[u8]) -> usize {
    let blank = take_while::<_, _, Parsed<'_>>(is_space);
    match find(blank, input, Input::Ended) {
        Found::Complete(_, len) => len,
        Found::Incomplete | Found::Invalid => 0,
    }
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_ends_where_it_cannot_go_on() {
        for (input, len, meant) in [
            ("1.2.3.4:5\n", 9, "1.2.3.4:5"),
            ("1.2.3.4:5list:", 9, "1.2.3.4:5"),
            ("1.2.3.4:65535", 13, "1.2.3.4:65535"),
            ("1.2.3.4:333001", 13, "1.2.3.4:33300"),
            ("[::1]:5 ", 7, "[::1]:5"),
            ("[::ffff:1.2.3.4]:5\r", 18, "1.2.3.4:5"),
            ("255.255.255.255:00080", 21, "255.255.255.255:80"),
        ] {
            let found = find_address(input.as_bytes(), Input::Open);
            assert_eq!(found, Found::Complete(at(meant), len), "{input:?}");
        }
    }

    #[test]
    fn what_may_go_on_is_waited_for() {
        for input in [
            "1.2.3.4:5",
            "1",
            "1.2.3.4",
            "1.2.3.4:",
            "[",
            "[::1]",
            "[::1]:8000",
        ] {
            let found = find_address(input.as_bytes(), Input::Open);
            assert_eq!(found, Found::Incomplete, "{input:?}");
        }
        let whole = Found::Complete(at("1.2.3.4:5"), 9);
        assert_eq!(find_address(b"1.2.3.4:5", Input::Ended), whole);
        for input in ["1.2.3.4", "1.2.3.4:", "[::1]", ""] {
            let found = find_address(input.as_bytes(), Input::Ended);
            assert_eq!(found, Found::Invalid, "{input:?}");
        }
    }

    #[test]
    fn what_is_no_address_is_seen_early() {
        for input in [
            "GET / HTTP/1.1",
            "localhost:80",
            "1.2.3:80\n",
            "1.2.3.256:80\n",
            "01.2.3.4:80\n",
            "1.2.3.4:0\n",
            "1.2.3.4:65536",
            "1.2.3.4 :80",
            "1111111111111111111",
            "[fe80::1%3]:80\n",
            "[::g]",
            "-1.2.3.4:5",
            "\u{0}",
        ] {
            let found = find_address(input.as_bytes(), Input::Open);
            assert_eq!(found, Found::Invalid, "{input:?}");
        }
    }

    #[test]
    fn words_need_nothing_behind_them() {
        let token = |input: &[u8]| find_token(input, Input::Open);
        assert_eq!(token(b"list:"), Found::Complete(Token::List, 5));
        assert_eq!(token(b"Teardownlist:"), Found::Complete(Token::Teardown, 8));
        assert_eq!(token(b"lis"), Found::Incomplete);
        assert_eq!(token(b"t"), Found::Incomplete);
        assert_eq!(token(b"lost"), Found::Invalid);
        let hello = |input: &[u8]| find_hello(input, Input::Open);
        assert_eq!(
            hello(b"Hello from:1.2.3.4:5\n"),
            Found::Complete(at("1.2.3.4:5"), 20)
        );
        assert_eq!(
            hello(b"hello from: 1.2.3.4:5,"),
            Found::Complete(at("1.2.3.4:5"), 21)
        );
        assert_eq!(hello(b"Hello from"), Found::Incomplete);
        assert_eq!(hello(b"Hello, you"), Found::Invalid);
    }

    #[test]
    fn no_message_is_longer_than_what_is_kept() {
        let longest = format!(
            "Hello from:{}[{}]:65535",
            " ".repeat(SPACES_MAX),
            "f".repeat(45)
        );
        assert!(longest.len() <= TOKEN_BYTES_MAX);
        let endless = [b' '; 30];
        let input = [b"Hello from:", &endless[..]].concat();
        assert_eq!(find_hello(&input, Input::Open), Found::Invalid);
    }
}
