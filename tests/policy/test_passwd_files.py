"""/etc/passwd and /etc/group, in the odd cases too."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.passwd_files import AccountFileError, atoi, parse_group, parse_passwd, to_uint32

_INT64_MAX = (1 << 63) - 1


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"u:x:5:6:g:/h:/s", ("u", 5, 6, "/h")),
        (b"  u:x:5:6", ("u", 5, 6, "")),
        (b"u:x:5", ("u", 5, 0, "")),
        (b"u", ("u", 0, 0, "")),
        (b":x:5:6", ("", 5, 6, "")),
        (b"u:x: 5:6", ("u", 0, 6, "")),
        (b"u:x:0x10:6", ("u", 0, 6, "")),
        (b"u:x:1_0:6", ("u", 0, 6, "")),
        (b"u:x:+5:-6", ("u", 5, -6, "")),
        (b"u:x:+:-", ("u", 0, 0, "")),
        (b"u:x:2147483648:1", ("u", 2147483648, 1, "")),
        (b"u:x:99999999999999999999:1", ("u", _INT64_MAX, 1, "")),
        (b"u:x:-99999999999999999999:1", ("u", -_INT64_MAX - 1, 1, "")),
        (b"u:x:00000000000000000000000005:1", ("u", 5, 1, "")),
        (b"u:x:5:6\r", ("u", 5, 6, "")),
        (b"+::::::", ("+", 0, 0, "")),
        (b"# comment", ("# comment", 0, 0, "")),
        (b"#x:x:7:7", ("#x", 7, 7, "")),
        (b"a\0b:x:5:6", ("a\0b", 5, 6, "")),
        ("jürgen:x:5:6".encode(), ("jürgen", 5, 6, "")),
        ("\u00a0u:x:5:6\u2003".encode(), ("u", 5, 6, "")),
        (b"\x1cu:x:5:6", ("\x1cu", 5, 6, "")),
        (b"u:x:\xd9\xa5:6", ("u", 0, 6, "")),
    ],
)
def test_one_passwd_line(line, expected):
    (entry,) = parse_passwd(line)

    assert (entry.name, entry.uid, entry.gid, entry.home) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"g:x:7:a,b", ("g", 7, ("a", "b"))),
        (b"g:x:7:", ("g", 7, ())),
        (b"g:x:7", ("g", 7, ())),
        (b"g:x:7:a,", ("g", 7, ("a", ""))),
        (b"g:x:7:a, b", ("g", 7, ("a", " b"))),
        (b"g:x:zz:a", ("g", 0, ("a",))),
        (b"g", ("g", 0, ())),
        (b"g:x:7:a:extra", ("g", 7, ("a",))),
        (b"g:x:7:a\r", ("g", 7, ("a",))),
    ],
)
def test_one_group_line(line, expected):
    (entry,) = parse_group(line)

    assert (entry.name, entry.gid, entry.members) == expected


def test_only_group_files_have_comments():
    assert parse_group(b"#g:x:7:a\n  # g:x:8:a\n") == ()
    assert [entry.name for entry in parse_passwd(b"#g:x:7:7\n")] == ["#g"]


def test_line_numbers_count_blank_lines_and_comments():
    assert [entry.line for entry in parse_passwd(b"\n  \na:x:1:1\n\nb:x:2:2")] == [3, 5]
    assert [entry.line for entry in parse_group(b"# c\na:x:1:\n")] == [2]


def test_bytes_that_are_no_utf8_survive():
    (entry,) = parse_passwd(b"\xff\xfe:x:5:6\n")

    assert entry.name.encode("utf-8", "surrogateescape") == b"\xff\xfe"


@pytest.mark.parametrize("ending", [b"", b"\n"])
def test_a_long_passwd_line_spoils_the_whole_file(ending):
    fits = b"u:x:5:6:".ljust(65_535, b"x")

    assert parse_passwd(b"a:x:1:1\n" + fits + ending)[1].uid == 5
    with pytest.raises(AccountFileError, match=r"^bufio.Scanner: token too long$"):
        parse_passwd(b"a:x:1:1\n" + fits + b"x" + ending)


def test_the_carriage_return_counts_towards_the_length_of_a_line():
    with pytest.raises(AccountFileError, match="token too long"):
        parse_passwd(b"u".ljust(65_535, b"x") + b"\r\n")


def test_group_lines_are_as_long_as_the_runtime_allows():
    line = b"g:x:7:" + b"a," * 600_000

    assert len(parse_group(line)[0].members) == 600_001
    with pytest.raises(AccountFileError, match="token too long"):
        parse_group(line, line_bytes_max=1 << 20)


@pytest.mark.parametrize(
    ("last", "is_lost"),
    [
        (b"x" * 4_095, False),
        (b"x" * 4_096, True),
        (b"x" * 4_097, False),
        (b"x" * 8_192, True),
        (b"x" * 4_095 + b"\r", False),
        (b"x" * 4_095 + b"\r" + b"x" * 4_095, True),
        (b"x" * 8_191 + b"\r", False),
    ],
)
def test_the_older_reader_of_group_files_loses_a_last_line_that_fills_its_buffer(last, is_lost):
    """Go: bufio.Reader.ReadLine hands out 4096 bytes, and then only the end of the file."""
    data = b"a:x:1:\ng:x:7:" + last[6:]

    assert len(last) == len(data) - 7
    assert [entry.name for entry in parse_group(data)] == (["a"] if is_lost else ["a", "g"])
    assert [entry.name for entry in parse_group(data + b"\n")] == ["a", "g"]
    assert [entry.name for entry in parse_group(data, line_bytes_max=1 << 20)] == ["a", "g"]


def test_a_file_beyond_the_bound_is_an_error_at_its_end():
    data = b"a:x:1:1\nb:x:2:2\n"

    assert len(parse_passwd(data, bytes_max=len(data))) == 2
    with pytest.raises(AccountFileError, match=r'^"etc/passwd" exceeds 10 bytes$'):
        parse_passwd(data, bytes_max=10)
    with pytest.raises(AccountFileError, match=r'^"x/group" exceeds 3 bytes$'):
        parse_group(b"g:x:1:\n", bytes_max=3, name="x/group")


@pytest.mark.parametrize(
    ("text", "value", "error"),
    [
        ("0", 0, ""),
        ("-0", 0, ""),
        ("+7", 7, ""),
        ("", 0, "syntax"),
        ("+", 0, "syntax"),
        ("++1", 0, "syntax"),
        ("1 ", 0, "syntax"),
        ("1e3", 0, "syntax"),
        ("٥", 0, "syntax"),
        ("9223372036854775807", _INT64_MAX, ""),
        ("9223372036854775808", _INT64_MAX, "range"),
        ("-9223372036854775808", -_INT64_MAX - 1, ""),
        ("-9223372036854775809", -_INT64_MAX - 1, "range"),
        ("1" * 5000, _INT64_MAX, "range"),
        ("-" + "1" * 5000, -_INT64_MAX - 1, "range"),
        ("18446744073709551615x", 0, "syntax"),
        ("18446744073709551616x", _INT64_MAX, "range"),
        ("-0018446744073709551616:", -_INT64_MAX - 1, "range"),
        ("9223372036854775808x", 0, "syntax"),
        ("1" * 30 + "\n", _INT64_MAX, "range"),
        ("7\n", 0, "syntax"),
    ],
)
def test_atoi(text, value, error):
    assert (atoi(text).value, atoi(text).error) == (value, error)


@pytest.mark.parametrize(
    ("number", "expected"), [(-1, 4294967295), (-6, 4294967290), (4294967296, 0), (_INT64_MAX, 4294967295), (7, 7)]
)
def test_ids_wrap_to_32_bits(number, expected):
    assert to_uint32(number) == expected


@given(st.integers())
def test_atoi_reads_what_it_is_given_or_says_out_of_range(number):
    read = atoi(str(number))

    assert read.value == max(-_INT64_MAX - 1, min(_INT64_MAX, number))
    assert (read.error == "range") == (read.value != number)


@given(st.binary(max_size=300))
def test_any_bytes_parse_and_name_lines_that_exist(data):
    lines = data.count(b"\n") + 1

    for entry in (*parse_passwd(data), *parse_group(data)):
        assert 1 <= entry.line <= lines
        assert entry.name.encode("utf-8", "surrogateescape") in data
