//! Seeds of the target `config`: files that are right, and files with one mistake each.

pub(super) fn config() -> Vec<(&'static str, Vec<u8>)> {
    let files = [
        ("empty", ""),
        (
            "all-options",
            "id = 0x10\nverbose = 2\nlisten = ['b:1', \"c:2\"]\nrecord = \"r\"\nrecord-max = '1'\n\
             [limits]\ntext-max = \"1G\"\npeers = [\"x\", \"-y\"]\nfast = true\ncolour = 'red' # so\n",
        ),
        (
            "unset",
            "id = false\nverbose = 0\n[limits]\nfast = false\npeers = []\n",
        ),
        (
            "dotted",
            "limits.text-max = 1\n\"id\" = 1\nlimits.peers = [\n'a',\n]\n",
        ),
        (
            "tables",
            "[[link]]\nname = 1\n[[link]]\nx = { y = [1, 2.5, 1979-05-27] }\n",
        ),
        ("unknown", "idd = 1\nid_ = 2\n[limit]\nx = 1\n[[links]]\n"),
        ("wrong-section", "[limits]\nid = 1\n"),
        ("twice", "fast = true\n[limits]\nfast = true\n"),
        (
            "wrong-types",
            "id = [1]\nlisten = 1.5\nrecord = {}\nfast = 1\nverbose = 'x'\n",
        ),
        (
            "wrong-values",
            "id = 0\ntext-max = '64X'\ncolour = 'green'\nrecord = ''\n",
        ),
        ("conflict", "quiet = 1\nverbose = 1\nrecord-max = 'x'\n"),
        ("no-quotes", "listen = a:1\n"),
        ("unfinished", "listen = [\n  'a',\n[x\n"),
        (
            "texts",
            "record = '''\na\n'''\nrecord-max = \"\\u00e9\\\"\\t=--\"\n",
        ),
    ];
    let files = files.into_iter();
    let mut seeds: Vec<_> = files
        .map(|(name, text)| (name, text.as_bytes().to_vec()))
        .collect();
    seeds.push(("not-utf-8", b"id = 1\n\xff".to_vec()));
    seeds
}
