"""Finding one line of an account file gives what reading all lines gives."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kubesim.policy import account_lookup
from kubesim.policy.account_lookup import GroupFile, PasswdFile
from kubesim.policy.passwd_files import parse_group, parse_passwd

_INT64_MAX = (1 << 63) - 1
NAMES = ["", "a", "ab", "b", "#a", " a", "é", "\udcff", "\x1c", "a\n", "a:b", "a,b", "\ud800"]
NUMBERS = [0, 1, -1, 7, 10, 17, 4294967296, _INT64_MAX, -_INT64_MAX - 1, 999_999_999_999_999_999]
FIELDS = st.sampled_from(
    [
        *(b"", b"a", b"ab", b"b", b"#a", b" a", b"a ", "é".encode(), b"\xff", b"\0", b"\x1c", b"\xc2\xa0a", b"\xa0"),
        *(b"0", b"1", b"-1", b"+7", b"007", b"7", b"10", b"17", b"1 ", b"4294967296", b"9" * 20, b"-" + b"9" * 20),
        *(b"9" * 18, b"9" * 19, b"zz", "\u0667".encode()),
    ]
)
LINES = st.builds(
    lambda fields, start, end: start + b":".join(fields) + end,
    st.lists(FIELDS | st.lists(FIELDS, max_size=4).map(b",".join), max_size=6),
    st.sampled_from([b"", b"", b" ", b"\t", "\u2003".encode()]),
    st.sampled_from([b"", b"", b"\r", b" ", "\u00a0".encode(), b"\x85"]),
)
FILES = st.lists(LINES, max_size=6).map(b"\n".join) | st.binary(max_size=60)


@example(b"a:x:7:7\r\n:x:0:0:a\n\n#a:x:1:b,a")
@given(FILES)
def test_what_is_found_is_the_first_line_that_matches(data: bytes) -> None:
    users, groups = PasswdFile(data), GroupFile(data)
    entries, group_entries = parse_passwd(data), parse_group(data)

    for _ in range(2):  # found, and remembered
        for name in NAMES:
            assert users.named(name) == next((entry for entry in entries if entry.name == name), None)
            assert groups.named(name) == next((entry for entry in group_entries if entry.name == name), None)
            assert groups.listing(name) == tuple(entry for entry in group_entries if name in entry.members)
        for number in NUMBERS:
            assert users.with_uid(number) == next((entry for entry in entries if entry.uid == number), None)
            assert groups.with_gid(number) == next((entry for entry in group_entries if entry.gid == number), None)


@given(FILES, st.integers(-(1 << 63), _INT64_MAX))
def test_any_number_is_found_however_it_is_written(data: bytes, number: int) -> None:
    for spelling in (str(number), f"{number:+}", f"{number:030}"):
        line = b"\nu:x:" + spelling.encode() + b":5\n"
        found = PasswdFile(data + line).with_uid(number)

        assert found is not None
        assert found.line <= data.count(b"\n") + 2


def test_more_answers_than_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_lookup, "FOUND_KEPT_MAX", 2)
    users = PasswdFile(b"".join(b"u%d:x:%d:7\n" % (number, number) for number in range(5)))

    for _ in range(2):
        assert [entry and entry.line for entry in map(users.with_uid, range(6))] == [1, 2, 3, 4, 5, None]
