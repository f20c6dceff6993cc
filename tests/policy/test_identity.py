"""Who a container runs as: the worked cases, for both runtimes."""

import pytest

from kubesim.policy.identity import IdentityError, policy_name, resolve_identity

from .identity_dialects import CONTAINERD, CRIO

PASSWD = b"""\
root:x:0:0::/root:/bin/sh
app:x:1000:1000::/:/bin/sh
app:x:2000:2000
bob:x:1001:100
dup:x:1000:3000
bad:x:abc:7
big:x:4294967296:5
neg:x:-1:-1
#com:x:1500:1500
1234:x:4000:4000
short
"""
GROUP = b"""\
root:x:0:
app:x:1000:app,bob
wheel:x:10:root
dev:x:50000:app
ops:x:300:bob, app
#off:x:400:app
users:x:100:
dev:x:50001:app
nogid:x:zz:app
"""
CREATE = "failed to create containerd container: "
OPTIONS = "failed to get container spec opts: "
NO_USER = f'{OPTIONS}failed to generate user string: user group "5" is specified without user'
UNKNOWN_POLICY = f"{OPTIONS}not implemented in this containerd release: SupplementalGroupsPolicy="


def case(number, given, containerd, crio):
    return pytest.param(given, containerd, crio, id=f"case-{number}")


@pytest.mark.parametrize(
    ("given", "containerd", "crio"),
    [
        case(1, {}, (0, 0, [0, 10]), (0, 0, [0, 10])),
        case(2, {"image_user": "app"}, (1000, 1000, [0, 1000, 50000, 50001]), (1000, 1000, [1000, 50000, 50001, 0])),
        case(3, {"image_user": "1000"}, (1000, 1000, [0, 1000, 50000, 50001]), (1000, 1000, [1000, 50000, 50001, 0])),
        case(
            4,
            {"run_as_user": 1000, "supplemental_groups": [1234]},
            (1000, 1000, [0, 1000, 1234, 50000, 50001]),
            (1000, 1000, [1000, 50000, 50001, 0, 1234]),
        ),
        case(
            5,
            {"run_as_user": 1000, "supplemental_groups": [1234], "policy": "Strict"},
            (1000, 1000, [1000, 1234]),
            (1000, 1000, [1000, 1234]),
        ),
        case(6, {"run_as_user": 4242}, (4242, 0, [0]), (4242, 0, [0])),
        case(
            7, {"run_as_user": 1001, "run_as_group": 500}, (1001, 500, [300, 500, 1000]), (1001, 500, [500, 1000, 300])
        ),
        case(
            8,
            {"run_as_group": 5},
            NO_USER,
            "user group is specified without user or username",
        ),
        case(
            9,
            {"run_as_group": 5, "image_user": "app"},
            NO_USER,
            "user group is specified without user or username",
        ),
        case(11, {"image_user": "1000:1000"}, (1000, 1000, [0, 1000, 50000, 50001]), (1000, 1000, [1000])),
        case(13, {"image_user": "bob:777"}, (1001, 777, [300, 777, 1000]), (1001, 777, [777])),
        case(
            14,
            {"image_user": "bob:nosuch"},
            f"{CREATE}no groups found",
            "get exec user: unable to find group nosuch: no matching entries in group file",
        ),
        case(
            15,
            {"image_user": "nosuch"},
            f"{CREATE}no users found",
            "get exec user: unable to find user nosuch: no matching entries in passwd file",
        ),
        case(
            "15-by-name",
            {"run_as_username": "ghost", "image_user": "app"},
            f"{CREATE}no users found",
            "get exec user: unable to find user ghost: no matching entries in passwd file",
        ),
        case(
            23,
            {"image_user": "4294967296"},
            f'{CREATE}invalid USER value "4294967296": uid out of range',
            (0, 5, [5]),
        ),
        case(
            24,
            {"image_user": "99999999999999999999"},
            f'{CREATE}invalid USER value "99999999999999999999": uid out of range',
            "get exec user: unable to find user 99999999999999999999: no matching entries in passwd file",
        ),
        case(
            25,
            {"image_user": "-1"},
            f'{CREATE}invalid USER value "-1": uid out of range',
            (4294967295, 4294967295, [4294967295]),
        ),
        case(
            34,
            {"run_as_user": 4294967295},
            f'{CREATE}invalid USER value "4294967295": uid out of range',
            "get exec user: uids and gids must be in range 0-2147483647",
        ),
        case(39, {"image_user": "dup"}, (1000, 3000, [3000]), (1000, 3000, [3000])),
        case(40, {"run_as_user": 1000}, (1000, 1000, [0, 1000, 50000, 50001]), (1000, 1000, [1000, 50000, 50001, 0])),
        case("two-colons", {"image_user": "app:app:x"}, f"{CREATE}invalid USER value app:app:x", (1000, 1000, [1000])),
        case(
            "empty-group", {"image_user": "1000:"}, (1000, 0, [0, 50000, 50001]), (1000, 1000, [1000, 50000, 50001, 0])
        ),
        case("empty-user", {"image_user": ":100"}, (0, 100, [100]), (0, 100, [100])),
        case("colon-alone", {"image_user": ":"}, (0, 0, [0]), (0, 0, [0, 10])),
        case("group-name", {"image_user": "1000:wheel"}, (1000, 10, [0, 10, 50000, 50001]), (1000, 10, [10])),
        case("both-names", {"image_user": "bob:dev"}, (1001, 50000, [300, 1000, 50000]), (1001, 50000, [50000])),
        case("group-of-no-line", {"image_user": "0:9"}, (0, 9, [9, 10]), (0, 9, [9])),
        case(
            "numeric-username",
            {"run_as_username": "1001"},
            (1001, 100, [100, 300, 1000]),
            (1001, 100, [100, 1000, 300]),
        ),
        case("name-that-is-a-number", {"image_user": "1234"}, (1234, 0, [0]), (1234, 0, [0])),
        case("comment-is-a-user", {"image_user": "#com"}, (1500, 1500, [1500]), (1500, 1500, [1500])),
        case("no-colons", {"image_user": "short"}, (0, 0, [0]), (0, 0, [0])),
        case(
            "username-wins",
            {"run_as_username": "bob", "run_as_user": 1000},
            (1001, 100, [100, 300, 1000]),
            (1001, 100, [100, 1000, 300]),
        ),
        case(
            "requested-wrap",
            {"run_as_user": 4242, "supplemental_groups": [-1, 1 << 32, 7, 7]},
            (4242, 0, [0, 7, 4294967295]),
            (4242, 0, [0, 4294967295, 7]),
        ),
        case(
            "group-out-of-range",
            {"run_as_user": 1, "run_as_group": -5},
            f'{CREATE}invalid USER value "1:-5": gid out of range',
            (1, 4294967291, [4294967291]),
        ),
        case(
            "image-group-out-of-range",
            {"image_user": "1:4294967299"},
            f'{CREATE}invalid USER value "1:4294967299": gid out of range',
            "get exec user: uids and gids must be in range 0-2147483647",
        ),
        case(
            "image-group-overflow",
            {"image_user": "1:99999999999999999999"},
            f'{CREATE}invalid USER value "1:99999999999999999999": gid out of range',
            "get exec user: unable to find group 99999999999999999999: no matching entries in group file",
        ),
        case(
            "unknown-policy",
            {"run_as_user": 1000, "policy": 7},
            f"{UNKNOWN_POLICY}7",
            "not implemented in this CRI-O release: SupplementalGroupsPolicy=7",
        ),
        case(
            "unknown-policy-and-user",
            {"run_as_username": "ghost", "policy": "Loose"},
            f"{UNKNOWN_POLICY}Loose",
            "get exec user: unable to find user ghost: no matching entries in passwd file",
        ),
        case("strict-no-user", {"policy": "Strict", "supplemental_groups": [5]}, (0, 0, [5]), (0, 0, [0, 5])),
        case("strict-by-number", {"run_as_user": 1001, "policy": 1}, (1001, 100, [100]), (1001, 100, [100])),
    ],
)
def test_worked_cases(given, containerd, crio):
    for dialect, expected in ((CONTAINERD, containerd), (CRIO, crio)):
        if isinstance(expected, str):
            with pytest.raises(IdentityError) as refusal:
                resolve_identity(passwd=PASSWD, group=GROUP, dialect=dialect, **given)
            assert str(refusal.value) == expected
        else:
            who = resolve_identity(passwd=PASSWD, group=GROUP, dialect=dialect, **given)
            assert (who.uid, who.gid, list(who.supplemental_groups)) == expected


@pytest.mark.parametrize(
    ("given", "containerd", "crio"),
    [
        case(
            35,
            {"image_user": "app"},
            f"{CREATE}open etc/passwd: file does not exist",
            "get exec user: unable to find user app: no matching entries in passwd file",
        ),
        case(36, {"run_as_user": 1000, "supplemental_groups": [7]}, (1000, 0, [0, 7]), (1000, 0, [0, 7])),
        case("no-files-no-user", {}, (0, 0, [0]), (0, 0, [0])),
        case(
            "no-group-file",
            {"image_user": "0:staff"},
            f"{CREATE}open etc/group: file does not exist",
            "get exec user: unable to find group staff: no matching entries in group file",
        ),
    ],
)
def test_without_account_files(given, containerd, crio):
    for dialect, expected in ((CONTAINERD, containerd), (CRIO, crio)):
        if isinstance(expected, str):
            with pytest.raises(IdentityError) as refusal:
                resolve_identity(passwd=None, group=None, dialect=dialect, **given)
            assert str(refusal.value) == expected
        else:
            who = resolve_identity(passwd=None, group=None, dialect=dialect, **given)
            assert (who.uid, who.gid, list(who.supplemental_groups)) == expected


@pytest.mark.parametrize(
    ("given", "line"), [({"image_user": "4294967296"}, b"big:"), ({"image_user": "-1"}, b"neg:")], ids=["23", "25"]
)
def test_numbers_that_only_a_line_makes_good(given, line):
    """Cases 23 and 25: CRI-O checks the range of a number that it did not find."""
    passwd = b"".join(each for each in PASSWD.splitlines(keepends=True) if not each.startswith(line))

    assert passwd != PASSWD
    with pytest.raises(IdentityError, match=r"^get exec user: uids and gids must be in range 0-2147483647$"):
        resolve_identity(passwd=passwd, group=GROUP, dialect=CRIO, **given)


@pytest.mark.parametrize(
    ("line", "uid", "gid", "containerd"),
    [
        (b"u:x:+5:-6", 5, 4294967290, ""),
        (b"u:x: 5:6", 0, 6, ""),
        (b"u:x:99999999999999999999:1", 4294967295, 1, ""),
        (b"u:x:-99999999999999999999:1", 0, 1, ""),
        (b"u:x:4294967296:4294967297", 0, 1, ""),
        (b"u", 0, 0, ""),
        (b"u:x:2147483648:1", 2147483648, 1, f'{CREATE}invalid USER value "2147483648": uid out of range'),
    ],
)
def test_numbers_of_files_are_not_checked_but_wrapped(line, uid, gid, containerd):
    """A user by name has what the line says. A number that is asked for is checked before any line is looked at."""
    for dialect in (CONTAINERD, CRIO):
        who = resolve_identity(passwd=line, group=None, run_as_username="u", dialect=dialect)
        assert (who.uid, who.gid) == (uid, gid)
    if containerd:
        assert resolve_identity(passwd=line, group=None, run_as_user=uid, dialect=CRIO).gid == gid
        with pytest.raises(IdentityError) as refusal:
            resolve_identity(passwd=line, group=None, run_as_user=uid, dialect=CONTAINERD)
        assert str(refusal.value) == containerd


@pytest.mark.parametrize(
    ("given", "containerd", "crio"),
    [
        (
            {"run_as_group": 5, "policy": 7},
            NO_USER,
            "user group is specified without user or username",
        ),
        (
            {"run_as_username": "ghost", "policy": 7, "home": "\n"},
            f"{UNKNOWN_POLICY}7",
            "invalid HOME environment; newline not allowed",
        ),
        (
            {"run_as_username": "ghost", "policy": 7},
            f"{UNKNOWN_POLICY}7",
            "get exec user: unable to find user ghost: bufio.Scanner: token too long",
        ),
        (
            {"run_as_username": "ghost", "image_user": "1:2:3"},
            f"{CREATE}bufio.Scanner: token too long",
            "get exec user: unable to find user ghost: bufio.Scanner: token too long",
        ),
        (
            {"image_user": "4294967296:nosuch"},
            f'{CREATE}invalid USER value "4294967296:nosuch": uid out of range',
            "get exec user: unable to find user 4294967296: bufio.Scanner: token too long",
        ),
    ],
)
def test_which_of_several_errors_comes_first(given, containerd, crio):
    """Section 10: passwd cannot be read at all here."""
    for dialect, expected in ((CONTAINERD, containerd), (CRIO, crio)):
        with pytest.raises(IdentityError) as refusal:
            resolve_identity(passwd=b"x" * 65_536, group=b"", dialect=dialect, **given)
        assert str(refusal.value) == expected


@pytest.mark.parametrize("dialect", [CONTAINERD, CRIO], ids=["containerd", "cri-o"])
def test_case_37_without_a_group_file(dialect):
    who = resolve_identity(passwd=PASSWD, group=None, run_as_user=1000, dialect=dialect)

    assert (who.uid, who.gid, who.supplemental_groups, who.username) == (1000, 1000, (1000,), "app")


@pytest.mark.parametrize("dialect", [CONTAINERD, CRIO], ids=["containerd", "cri-o"])
def test_case_44_of_critest(dialect):
    passwd = b"root:x:0:0\ndefault-user:x:1000:1000\n"
    group = b"default-user:x:1000:\ngroup-defined-in-image:x:50000:default-user\n"

    who = resolve_identity(passwd=passwd, group=group, image_user="1000", supplemental_groups=[1234], dialect=dialect)

    assert (who.uid, who.gid, sorted(who.supplemental_groups)) == (1000, 1000, [1000, 1234, 50000])


def test_policies_have_names_and_numbers():
    assert [policy_name(policy) for policy in ("Merge", 0, "Strict", 1, "strict", 2)] == [
        "Merge", "Merge", "Strict", "Strict", None, None,
    ]  # fmt: skip
