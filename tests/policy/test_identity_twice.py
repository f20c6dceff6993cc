"""The identity rules against a second, literal implementation, on files and requests that nobody would think of."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from msgspec import structs

from kubesim.errors import InputError
from kubesim.policy.identity import (
    AccountFile,
    IdentityDialect,
    IdentityError,
    IdentityRequest,
    Unopened,
    generated_group_line,
    generated_passwd_line,
    resolve,
)
from kubesim.runtime.profiles import load_profile, profile_names

from . import identity_by_the_rules as rules

PATCHES_MAX = 45
"""More than any version has."""


def dialects() -> dict[str, IdentityDialect]:
    """Every dialect that some patch level of a built-in profile has, by the first that has it."""
    found: dict[IdentityDialect, str] = {}
    for name in profile_names():
        for version in [*(f"{name}.{patch}" for patch in range(PATCHES_MAX)), name]:
            try:
                found.setdefault(load_profile(version).identity, version)
            except InputError:
                continue
    return {version: dialect for dialect, version in found.items()}


DIALECTS = dialects()
SCANNERS = {
    f"{version}-with-scanner": structs.replace(
        DIALECTS[version], group_line_bytes_max=1 << 20, account_file_bytes_max=limit
    )
    for version, limit in (("containerd-2.3.2", 70_000), ("cri-o-1.31.0", None))
}
"""What moby/sys/user 0.4.1 will bring, and a bound that a test reaches."""

NAMES = [
    "app",
    "bob",
    "root",
    "ap",
    "#app",
    "1000",
    "-1",
    "+7",
    "é",
    "a b",
    "",
    "4294967296",
    "99999999999999999999",
    "99999999999999999999x",
]
NUMBERS = [
    "0", "7", "07", "+7", "-7", "1000", "1001", "-1", "4294967295", "4294967296", "2147483647", "2147483648", "zz", "",
    " 7", "7 ", "0x7", "1_0", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "-9223372036854775809", "99999999999999999999", "\u0667", "18446744073709551615x", "-18446744073709551616x",
]  # fmt: skip
HUGE = [4_095, 4_096, 8_191, 8_192, 65_535, 65_536, 65_537]


def utf8(texts: list[str]) -> st.SearchStrategy[bytes]:
    return st.sampled_from([text.encode() for text in texts])


NAME = utf8(NAMES) | st.sampled_from([b"\xff", b"a\0b", b"\x1capp", b"app "])
MEMBERS = st.lists(NAME, max_size=4).map(b",".join)
SPACE = st.sampled_from([b""] * 6 + [b" ", b"\t", b"\r", b"\v", "\u00a0".encode(), "\u2003".encode(), b"\x85", b"\xa0"])
PASSWD_LINE = st.tuples(NAME, st.just(b"x"), utf8(NUMBERS), utf8(NUMBERS), st.just(b""), st.just(b"/")).map(list)
GROUP_LINE = st.tuples(NAME, st.just(b"x"), utf8(NUMBERS), MEMBERS).map(list)


def lines(fields: st.SearchStrategy[list[bytes]]) -> st.SearchStrategy[bytes]:
    cut = st.tuples(fields, st.integers(1, 7)).map(lambda row: b":".join(row[0][: row[1]]))
    plain = fields.map(b":".join)
    return st.tuples(SPACE, plain | plain | cut | st.binary(max_size=12), SPACE).map(b"".join)


@st.composite
def files(draw: st.DrawFn, fields: st.SearchStrategy[list[bytes]]) -> bytes:
    made = draw(st.lists(lines(fields), max_size=7))
    if draw(st.integers(0, 7)) == 0:
        at, size = draw(st.integers(0, len(made))), draw(st.sampled_from(HUGE))
        fill = draw(st.sampled_from([b"x", b"\r", b","]))
        made.insert(at, (draw(lines(fields)) + b":").ljust(size, fill)[:size])
    return draw(st.sampled_from([b"\n", b"\n", b"\r\n"])).join(made) + draw(st.sampled_from([b"", b"\n"]))


UNOPENED = st.sampled_from(
    [None, Unopened(reason="etc/passwd is not a regular file"), Unopened(reason="openat x: gone", is_missing=True)]
)
IMAGE_USERS = st.sampled_from(NAMES) | st.tuples(
    st.sampled_from(NAMES + NUMBERS), st.sampled_from(NAMES + NUMBERS + ["dev", "a:b"])
).map(":".join)
IDS = st.sampled_from(
    [0, 7, 1000, 1001, 4242, -1, 2147483647, 2147483648, 4294967295, 4294967296, (1 << 63) - 1, -(1 << 63)]
)
ODD = st.builds(
    IdentityRequest,
    passwd=files(PASSWD_LINE) | files(PASSWD_LINE) | UNOPENED,
    group=files(GROUP_LINE) | files(GROUP_LINE) | UNOPENED,
    image_user=IMAGE_USERS,
    run_as_user=st.none() | IDS,
    run_as_username=st.just("") | st.just("") | st.sampled_from(NAMES),
    run_as_group=st.none() | st.none() | IDS,
    supplemental_groups=st.lists(IDS, max_size=4).map(tuple),
    policy=st.sampled_from([0, 0, "Merge", 1, "Strict", 2, 7]),
    home=st.sampled_from(["", "", "", "/home/app", "/a\nb", "/a\\nb", "/a\rb"]),
)
FEW = utf8(["app", "bob", "root"])
FEW_IDS = utf8(["0", "7", "1000"])
LIKELY = st.builds(
    IdentityRequest,
    passwd=st.lists(st.tuples(FEW, st.just(b"x"), FEW_IDS, FEW_IDS).map(b":".join), min_size=1).map(b"\n".join),
    group=st.lists(
        st.tuples(FEW, st.just(b"x"), FEW_IDS | utf8(["5", "10", "zz"]), st.lists(FEW, max_size=3).map(b",".join)).map(
            b":".join
        )
    ).map(b"\n".join),
    image_user=st.sampled_from(["", "app", "bob", "7", "1000", "app:app", "7:5", "bob:7"]),
    run_as_user=st.none() | st.sampled_from([0, 7, 1000]),
    run_as_username=st.sampled_from(["", "", "", "app", "7"]),
    run_as_group=st.none() | st.sampled_from([0, 5, 7]),
    supplemental_groups=st.lists(st.sampled_from([5, 7, 4000]), max_size=2).map(tuple),
    policy=st.sampled_from([0, 0, 1]),
)
REQUESTS = LIKELY | ODD
"""As pods and images are, and as nobody would make them."""


def ours(request: IdentityRequest, dialect: IdentityDialect) -> Any:
    try:
        found = resolve(request, dialect)
    except IdentityError as error:
        return str(error)
    return found.uid, found.gid, list(found.supplemental_groups)


def theirs(request: IdentityRequest, dialect: IdentityDialect) -> Any:
    try:
        found = rules.who(request, dialect)
    except rules.Refused as error:
        return str(error)
    return found.uid, found.gid, found.groups


def check(request: IdentityRequest, versions: dict[str, IdentityDialect] = DIALECTS | SCANNERS) -> None:
    """Under every dialect, so that a file is made once for all."""
    for version, dialect in versions.items():
        assert (version, ours(request, dialect)) == (version, theirs(request, dialect))


@settings(max_examples=250)
@given(REQUESTS)
def test_any_file_and_any_request(request_: IdentityRequest) -> None:
    check(request_)


@pytest.mark.parametrize("size", [*HUGE, 4_094, 4_097, 12_288, 70_000, 69_999, 1 << 20, (1 << 20) - 1])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r", b"\r\n", b"x\r"])
def test_huge_lines(size: int, end: bytes) -> None:
    app = b"app:x:7:7\n"
    long_group = b"dev:x:5:app\n" + b"g:x:6:app,".ljust(size, b"x") + end
    long_user = app + b"big:x:8:8:".ljust(size, b"x") + end
    for passwd, group in ((app, long_group), (long_user, b"dev:x:5:app,big\n"), (long_user, long_group)):
        for user in (7, 8):
            check(IdentityRequest(passwd=passwd, group=group, run_as_user=user))


@pytest.mark.parametrize("count", [6_999, 7_000, 7_001])
def test_files_at_their_bound(count: int) -> None:
    """7,000 lines of ten bytes are as much as one of the dialects reads."""
    other = b"g:x:6:bob\n"
    check(IdentityRequest(passwd=b"app:x:7:7\n" * count, group=other, run_as_user=7), SCANNERS)
    check(IdentityRequest(passwd=b"app:x:7:7\n", group=other * (count - 1) + b"g:x:6:app\n", run_as_user=7), SCANNERS)
    long = b"app:x:7:7\n" * 600 + b"x" * (count * 10 - 6_000)
    check(IdentityRequest(passwd=long, group=None, run_as_user=7), SCANNERS)


CRIO = {version: dialect for version, dialect in DIALECTS.items() if dialect.algorithm == "cri-o"}
MODES = st.sampled_from([0o644, 0o444, 0o664, 0o646, 0o600, 0])


@given(REQUESTS, MODES, IDS, st.sampled_from(["", "/", "/work"]))
def test_the_files_that_crio_makes_up(request_: IdentityRequest, mode: int, owner: int, working_dir: str) -> None:
    facts = AccountFile(mode=mode, owner=owner)
    for version, dialect in CRIO.items():
        if isinstance(theirs(request_, dialect), str):
            continue
        passwd = generated_passwd_line(request_, dialect, file=facts, working_dir=working_dir)
        expected = rules.crio_passwd(request_, dialect, mode=mode, owner=owner, working_dir=working_dir)
        assert (version, passwd and request_.passwd + passwd) == (version, expected)  # type: ignore[operator]
        if isinstance(request_.group, Unopened):
            continue
        group = generated_group_line(request_, dialect, file=facts)
        assert (version, group and request_.group + group) == (  # type: ignore[operator]
            version,
            rules.crio_group(request_, dialect, mode=mode, owner=owner),
        )


@pytest.mark.parametrize(
    ("version", "switch", "other"),
    [
        ("containerd-2.3.2", "knows_policy", False),
        ("containerd-2.3.2", "numeric_overflow", "name"),
        ("containerd-2.3.2", "numeric_overflow", "wraps"),
        ("containerd-2.3.2", "includes_primary_gid", False),
        ("containerd-2.3.2", "strict_adds_primary_without_user", True),
        ("containerd-2.3.2", "skips_own_name_group", False),
        ("containerd-2.3.2", "looks_up_image_user", False),
        ("containerd-2.3.2", "missing_file_error", "none"),
        ("cri-o-1.31.0", "knows_policy", False),
        ("cri-o-1.31.0", "home_newline_check", "none"),
    ],
)
def test_the_comparison_notices_every_switch(version: str, switch: str, other: Any) -> None:
    """Were a rule not followed here, such a request would show it."""
    dialect = DIALECTS[version]
    wrong = structs.replace(dialect, **{switch: other})
    quick = settings(max_examples=3_000, database=None, phases=[Phase.generate])

    def shows(request_: IdentityRequest) -> bool:
        """A small one only: hypothesis warns of what it cannot show."""
        sizes = [len(file) for file in (request_.passwd, request_.group) if isinstance(file, bytes)]
        return max(sizes, default=0) < 1_000 and ours(request_, wrong) != theirs(request_, dialect)

    found = find(REQUESTS, shows, settings=quick)

    assert ours(found, wrong) != ours(found, dialect)


def test_no_two_versions_are_forgotten() -> None:
    """The borders that the sources have, at the first patch level behind each."""
    assert set(DIALECTS) == {
        "containerd-1.6.0", "containerd-1.6.18", "containerd-1.6.22", "containerd-1.6.38", "containerd-1.7.32",
        "containerd-1.7.33", "containerd-2.0.0", "containerd-2.0.4", "containerd-2.0.9", "containerd-2.0.10",
        "containerd-2.2.0", "containerd-2.2.3", "containerd-2.2.4", "containerd-2.2.5", "containerd-2.3.0",
        "containerd-2.3.1", "containerd-2.3.2", "cri-o-1.28.0", "cri-o-1.28.11", "cri-o-1.31.0", "cri-o-1.36.3",
        "ideal",
    }  # fmt: skip
