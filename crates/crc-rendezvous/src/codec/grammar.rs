//! The grammar of the messages. Each rule works in two ways: while more input may come,
//! the end of the input means "wait"; when no more comes, it ends the message.
//!
//! No message here is longer than [`TOKEN_BYTES_MAX`], which limits the buffer of an
//! incomplete one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::{FromStr, from_utf8};

use nom::branch::alt;
use nom::bytes::{tag, tag_no_case, take_while, take_while_m_n};
use nom::character::satisfy;
use nom::combinator::{map, map_opt, recognize, value};
use nom::error::Error;
use nom::sequence::{delimited, preceded, separated_pair};
use nom::{Err, Parser};

/// The longest message without surrounding spaces, lines of text excepted.
pub(crate) const TOKEN_BYTES_MAX: usize = 96;

/// The most digits of a port.
const PORT_DIGITS_MAX: usize = 5;

/// The most spaces between `Hello from:` and the address.
const SPACES_MAX: usize = 8;

/// A token of a directory's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// A list begins.
    List,
    /// The next address of a list.
    Address(SocketAddr),
    /// The teardown.
    Teardown,
}

/// What a rule finds at the beginning of the input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<T> {
    /// A message and its length in bytes.
    Complete(T, usize),
    /// The beginning of a message.
    Incomplete,
    /// Bytes that cannot begin a message.
    Invalid,
}

/// Whether more input may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// More may come: a message at the end may be incomplete.
    Open,
    /// No more comes: the end of the input ends a message.
    Ended,
}

type Parsed<'a> = Error<&'a [u8]>;

/// An address at the beginning of `input`.
pub(crate) fn find_address(input: &[u8], state: Input) -> Found<SocketAddr> {
    find(address(), input, state)
}

/// A token of a directory at the beginning of `input`.
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
    let spaces = take_while_m_n(0, SPACES_MAX, |byte| byte == b' ');
    let hello = preceded((tag_no_case("Hello from:"), spaces), address());
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
    // An IPv4-mapped IPv6 address is the same as the IPv4 address.
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
    // No digit can follow the fifth.
    let text = alt((recognize((digits(PORT_DIGITS_MAX - 1), last)), digits(1)));
    map_opt(text, |text| number(text).filter(|&port: &u16| port != 0))
}

fn number<T: FromStr>(text: &[u8]) -> Option<T> {
    from_utf8(text).ok()?.parse().ok()
}

/// The number of spaces and line breaks at the beginning of `input`.
pub(crate) fn leading_spaces(input: &[u8]) -> usize {
    let spaces = take_while::<_, _, Parsed<'_>>(is_space);
    match find(spaces, input, Input::Ended) {
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
    fn an_address_ends_before_a_foreign_byte() {
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
    fn an_incomplete_address_waits_for_input() {
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
        let complete = Found::Complete(at("1.2.3.4:5"), 9);
        assert_eq!(find_address(b"1.2.3.4:5", Input::Ended), complete);
        for input in ["1.2.3.4", "1.2.3.4:", "[::1]", ""] {
            let found = find_address(input.as_bytes(), Input::Ended);
            assert_eq!(found, Found::Invalid, "{input:?}");
        }
    }

    #[test]
    fn an_invalid_address_is_refused_early() {
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
    fn keywords_need_no_separator() {
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
    fn the_longest_message_fits_the_buffer() {
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
