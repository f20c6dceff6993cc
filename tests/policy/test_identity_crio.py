"""Who a container runs as under CRI-O: what differs between versions, the reasons, and the lines it makes up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from kubesim.model.frozen_records import replace
from kubesim.policy.identity import (
    AccountFile,
    IdentityError,
    IdentityRequest,
    Unopened,
    generated_group_line,
    generated_passwd_line,
    resolve_identity,
)

from .identity_dialects import CRIO

DIALECT = CRIO
PASSWD = b"root:x:0:0\n\napp:x:1000:1000\n"
GROUP = b"# groups\nroot:x:0:root\napp:x:1000:app\ndev:x:50000:app\n"
FILE = AccountFile(mode=0o644, owner=0)


def resolve(dialect=DIALECT, passwd=PASSWD, group=GROUP, **given):
    return resolve_identity(passwd=passwd, group=group, dialect=dialect, **given)


def test_the_group_with_the_name_of_the_user_counts():
    who = resolve(passwd=b"name:x:2:1\n", group=b"name:x:2:name\n", run_as_user=2)

    assert who.supplemental_groups == (1, 2)


def test_run_as_group_keeps_the_groups_of_the_image():
    who = resolve(run_as_user=1000, run_as_group=3000, supplemental_groups=[4000, 3000, 50000])

    assert (who.uid, who.gid, who.supplemental_groups) == (1000, 3000, (3000, 1000, 50000, 4000))
    assert [(step.rule, step.outcome, step.file, step.line, step.uid, step.gid) for step in who.trace] == [
        ("user-string", "note", "", None, None, None),
        ("user", "uid", "/etc/passwd", 3, 1000, None),
        ("user", "gid", "/etc/passwd", 3, None, 1000),
        ("group", "gid", "", None, None, 3000),
        ("primary-gid", "added", "", None, None, 3000),
        ("group-member", "added", "/etc/group", 3, None, 1000),
        ("group-member", "added", "/etc/group", 4, None, 50000),
        ("requested", "added", "", None, None, 4000),
        ("requested", "added", "", None, None, 3000),
        ("requested", "added", "", None, None, 50000),
    ]


def test_strict_says_what_it_left_out():
    who = resolve(run_as_user=1000, policy="Strict")

    assert who.supplemental_groups == (1000,)
    assert [(step.rule, step.outcome, step.file, step.line) for step in who.why(50000)] == [
        ("strict", "left-out", "/etc/group", 4)
    ]
    assert [step.rule for step in who.why(1000)] == ["user", "primary-gid"]


@pytest.mark.parametrize("policy", ["Strict", 9])
def test_a_runtime_that_does_not_know_the_policy_merges_and_says_so(policy):
    who = resolve(structs.replace(DIALECT, knows_policy=False), run_as_user=1000, policy=policy)

    assert who.supplemental_groups == (1000, 50000)
    assert [step.outcome for step in who.trace if step.rule == "policy-ignored"] == ["note"]


def test_an_empty_name_has_no_groups():
    who = resolve(passwd=b":x:5:6\n", group=b"g:x:9:a,\n", run_as_user=5)

    assert (who.gid, who.supplemental_groups, who.username) == (6, (6,), "")


def test_the_first_line_with_uid_0_is_the_default_user():
    who = resolve(passwd=b"toor:x:0:7\nroot:x:0:0\n", group=b"g:x:9:toor\n")

    assert (who.uid, who.gid, who.supplemental_groups, who.username) == (0, 7, (7, 9), "toor")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"passwd": b"x" * 65_536, "run_as_user": 5}, "unable to find user 5: bufio.Scanner: token too long"),
        ({"passwd": b"x" * 65_536}, "unable to find user 0: bufio.Scanner: token too long"),
        ({"image_user": "-2"}, "uids and gids must be in range 0-2147483647"),
        (
            {"group": b"g" * (1 << 20), "run_as_user": 1000},
            "unable to find groups for spec app: bufio.Scanner: token too long",
        ),
        (
            {"group": b"g" * (1 << 20), "image_user": "5:5"},
            "unable to find groups for spec : bufio.Scanner: token too long",
        ),
    ],
)
def test_refusals(given, message):
    with pytest.raises(IdentityError) as refusal:
        resolve(structs.replace(DIALECT, group_line_bytes_max=1 << 20), **given)

    assert str(refusal.value) == f"get exec user: {message}"


@pytest.mark.parametrize(
    ("check", "home", "is_refused"),
    [
        ("none", "/a\nb", False),
        ("escaped", "/a\nb", False),
        ("escaped", "/a\\nb", True),
        ("newline", "/a\\nb", False),
        ("newline", "/a\nb", True),
        ("newline", "/a\rb", True),
        ("newline", "/a", False),
    ],
)
def test_line_ends_in_home(check, home, is_refused):
    """CVE-2022-4318: the first fix looked for a backslash."""
    dialect = structs.replace(DIALECT, home_newline_check=check)
    if is_refused:
        with pytest.raises(IdentityError, match=r"^invalid HOME environment; newline not allowed$"):
            resolve(dialect, home=home)
    else:
        assert resolve(dialect, home=home).uid == 0


def request(**given):
    return IdentityRequest(**{"passwd": PASSWD, "group": GROUP, **given})


@pytest.mark.parametrize(
    ("given", "file", "expected"),
    [
        ({"run_as_user": 4242}, FILE, b"4242:x:4242:0:4242 user:/work:/sbin/nologin\n"),
        ({"run_as_user": 4242, "home": "/h"}, FILE, b"4242:x:4242:0:4242 user:/h:/sbin/nologin\n"),
        ({"run_as_user": 4242, "run_as_group": 9}, FILE, b"4242:x:4242:0:4242 user:/work:/sbin/nologin\n"),
        ({"passwd": b"x:x:9:9\n"}, replace(FILE, mode=0o444), b"default:x:0:0:default user:/work:/sbin/nologin\n"),
        ({"run_as_user": 1000}, FILE, None),
        ({"run_as_user": 4242, "passwd": None}, FILE, None),
        ({"run_as_user": 4242, "passwd": b""}, FILE, None),
        ({"run_as_user": 4242}, replace(FILE, mode=0o664), None),
        ({"run_as_user": 4242}, replace(FILE, owner=4242), None),
        ({"run_as_user": 42}, replace(FILE, owner=42, mode=0o444), b"42:x:42:0:42 user:/work:/sbin/nologin\n"),
    ],
)  # fmt: skip
def test_a_uid_without_a_passwd_line_gets_one(given, file, expected):
    assert generated_passwd_line(request(**given), DIALECT, file=file, working_dir="/work") == expected


def test_no_home_and_no_working_directory_is_tmp():
    line = generated_passwd_line(request(run_as_user=7), DIALECT, file=FILE, working_dir="")

    assert line == b"7:x:7:0:7 user:/tmp:/sbin/nologin\n"


@pytest.mark.parametrize(
    ("given", "file", "expected"),
    [
        ({"run_as_user": 1000, "run_as_group": 3000}, FILE, b"3000:x:3000:\n"),
        ({"run_as_user": 1000}, FILE, None),
        ({"run_as_user": 1000, "run_as_group": 3000, "group": None}, FILE, None),
        ({"run_as_user": 1000, "run_as_group": 3000}, replace(FILE, owner=3000), None),
        ({"run_as_user": 1000, "run_as_group": 3000, "group": b""}, FILE, b"3000:x:3000:\n"),
    ],
)
def test_a_gid_without_a_group_line_gets_one(given, file, expected):
    assert generated_group_line(request(**given), DIALECT, file=file) == expected


UNREADABLE = Unopened(reason="read /etc/group: is a directory")


@pytest.mark.parametrize(
    ("gid", "mode", "refusal"),
    [(7, 0o755, "read file: read /etc/group: is a directory"), (7, 0o775, ""), (0, 0o755, "")],
)
def test_a_group_file_that_cannot_be_read_is_missed_when_it_is_copied(gid, mode, refusal):
    """A uid without a line looks for no group, so the identity is fine."""
    asked = request(run_as_user=4242, run_as_group=gid, group=UNREADABLE)
    facts = AccountFile(mode=mode, owner=0)
    if refusal:
        with pytest.raises(IdentityError, match=f"^{refusal}$"):
            generated_group_line(asked, DIALECT, file=facts)
    else:
        assert generated_group_line(asked, DIALECT, file=facts) is None


def test_an_empty_passwd_file_got_a_line_before_there_were_group_lines():
    asked = request(run_as_user=7, passwd=b"")
    before = structs.replace(DIALECT, generates_group_line=False)

    assert generated_passwd_line(asked, before, file=FILE, working_dir="/") == b"7:x:7:0:7 user:/:/sbin/nologin\n"
    assert generated_passwd_line(asked, DIALECT, file=FILE, working_dir="/") is None


def test_versions_that_make_no_lines_up():
    dialect = structs.replace(DIALECT, generates_passwd_line=False, generates_group_line=False)

    assert generated_passwd_line(request(run_as_user=4242), dialect, file=FILE, working_dir="/") is None
    assert generated_group_line(request(run_as_user=4242, run_as_group=3), dialect, file=FILE) is None


USERS = st.sampled_from(
    ["", "root", "app", "ghost", "0", "1000", "4242", "app:dev", "1000:7", ":7", "4294967296", "a:b:c"]
)
LINES = st.lists(
    st.tuples(
        st.sampled_from(["app", "dev", "root", ""]), st.integers(0, 9), st.sampled_from(["app", "root,app", "", "x,"])
    ),
    max_size=5,
).map(lambda rows: "".join(f"{name}:x:{gid}:{members}\n" for name, gid, members in rows).encode())
REQUESTS = st.fixed_dictionaries(
    {
        "image_user": USERS,
        "run_as_user": st.none() | st.integers(-2, 3000),
        "run_as_username": st.sampled_from(["", "", "app", "root", "1000"]),
        "run_as_group": st.none() | st.integers(0, 9),
        "supplemental_groups": st.lists(st.integers(-1, 99), max_size=4),
    }
)


def outcome(**given):
    try:
        return resolve(**given)
    except IdentityError as error:
        return str(error)


@given(request=REQUESTS, group=LINES)
def test_strict_is_the_primary_gid_and_what_was_requested(request, group):
    strict = outcome(group=group, policy="Strict", **request)
    merge = outcome(group=group, policy="Merge", **request)

    if isinstance(strict, str):
        assert merge == strict
        return
    requested = [number & 0xFFFFFFFF for number in request["supplemental_groups"]]
    assert strict.supplemental_groups == tuple(dict.fromkeys([strict.gid, *requested]))
    assert set(strict.supplemental_groups) <= set(merge.supplemental_groups)
    assert merge.supplemental_groups[0] == merge.gid
    for gid in merge.supplemental_groups:
        assert any(step.outcome == "added" for step in merge.why(gid))
    assert outcome(group=group, policy="Merge", **request) == merge
