//! Seeds of the target `ban`: statements, and parameters of KLINE and DLINE.

pub(super) fn ban() -> Vec<(&'static str, Vec<u8>)> {
    [
        ("statement", "k 1700000000000 0 chief bob!*@* spam and more"),
        ("lifted", "-k 17 1700086400000 chief *!*@17.crc "),
        (
            "addresses",
            "d 1700000000001 1700000060000 ann!ann@5.crc 10.1.2.3/8 x",
        ),
        (
            "addresses-6",
            "d 1 18446744073709551615 ann 2001:DB8::1/32 x",
        ),
        ("address", "d 1 0 a ::ffff:10.1.2.3"),
        ("no-mask", "k 1 0 a"),
        ("command", "1d2h bob!*@host :spam"),
        ("command-minutes", "90 10.0.0.0/8 :spam"),
        ("command-for-ever", "*!*@10.* spam"),
        ("command-too-wide", "0 *!*@* :all"),
        ("command-long", "99999999999999999999w b*!?@192.0.2.1"),
        ("command-address", "192.0.2.7"),
        ("command-colon", ":*@a!b"),
    ]
    .map(|(name, text)| (name, text.as_bytes().to_vec()))
    .to_vec()
}
