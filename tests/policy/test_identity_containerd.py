"""Who a container runs as under containerd: what differs between versions, and the reasons that are given."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from kubesim.policy.identity import IdentityError, Unopened, resolve_identity

from .identity_dialects import CONTAINERD

DIALECT = structs.replace(
    CONTAINERD, account_file_bytes_max=None, account_file_must_be_regular=False, account_file_links="rooted"
)
WRAPS = structs.replace(DIALECT, numeric_overflow="wraps")
NAME = structs.replace(DIALECT, numeric_overflow="name")
CREATE = "failed to create containerd container: "
PASSWD = b"root:x:0:0\n\napp:x:1000:1000\n99999999999:x:0:7\n"
GROUP = b"# groups\nroot:x:0:root\ndev:x:50000:app\n"


def resolve(dialect=DIALECT, passwd=PASSWD, group=GROUP, **given):
    return resolve_identity(passwd=passwd, group=group, dialect=dialect, **given)


@pytest.mark.parametrize(
    ("dialect", "user", "expected"),
    [
        (WRAPS, "2147483648", (2147483648, 0)),
        (WRAPS, "4294967295", (4294967295, 0)),
        (WRAPS, "4294967296", (0, 0)),
        (WRAPS, "-1", (4294967295, 0)),
        (WRAPS, "99999999999", (1215752191, 0)),
        (WRAPS, "1:4294967297", (1, 1)),
        (WRAPS, "99999999999999999999", f"{CREATE}no users found"),
        (NAME, "4294967296", f"{CREATE}no users found"),
        (NAME, "-1", f"{CREATE}no users found"),
        (NAME, "99999999999", (0, 7)),
        (NAME, "1:99999999999", f"{CREATE}no groups found"),
        (NAME, "99999999999:3", (0, 3)),
        (DIALECT, "99999999999", f'{CREATE}invalid USER value "99999999999": uid out of range'),
        (DIALECT, "99999999999:3", f'{CREATE}invalid USER value "99999999999:3": uid out of range'),
        (DIALECT, "2147483647:2147483647", (2147483647, 2147483647)),
    ],
)
def test_ids_out_of_range(dialect, user, expected):
    """CVE-2024-40635, then CVE-2026-46680, then fixed."""
    if isinstance(expected, str):
        with pytest.raises(IdentityError) as refusal:
            resolve(dialect, image_user=user)
        assert str(refusal.value) == expected
    else:
        who = resolve(dialect, image_user=user)
        assert (who.uid, who.gid) == expected


def test_before_cve_2023_25173_the_primary_gid_is_missing():
    who = resolve(structs.replace(DIALECT, includes_primary_gid=False), run_as_user=1000)

    assert (who.gid, who.supplemental_groups) == (1000, (50000,))


@pytest.mark.parametrize(
    ("given", "fixed", "before"),
    [
        ({"image_user": "app"}, (1000, 50000), (0, 1000)),
        ({"image_user": "app:7"}, (7, 50000), (0, 7)),
        ({"image_user": "app", "run_as_user": 1000}, (1000, 50000), (1000, 50000)),
        ({"image_user": "root", "run_as_username": "app"}, (1000, 50000), (1000, 50000)),
        ({}, (0,), (0,)),
    ],
)
def test_without_a_user_in_the_request_the_groups_were_those_of_root(given, fixed, before):
    """containerd#8136: every kubelet names a user, so only crictl and critest saw it."""
    group = GROUP.replace(b"root:x:0:root", b"zero:x:0:root")
    of_root = structs.replace(DIALECT, looks_up_image_user=False)

    assert resolve(group=group, **given).supplemental_groups == fixed
    assert resolve(of_root, group=group, **given).supplemental_groups == before


def test_a_group_with_the_name_of_the_user_is_left_out():
    """containerd#11937, as mongodb images have it."""
    passwd, group = b"name:x:2:1\n", b"name:x:2:name\n"

    deviates = resolve(passwd=passwd, group=group, run_as_user=2)
    ideal = resolve(structs.replace(DIALECT, skips_own_name_group=False), passwd=passwd, group=group, run_as_user=2)

    assert deviates.supplemental_groups == (1,)
    assert ideal.supplemental_groups == (1, 2)
    assert [(step.rule, step.outcome, step.file, step.line) for step in deviates.why(2)] == [
        ("own-name-group", "left-out", "/etc/group", 1)
    ]


def test_strict_without_a_user_forgets_the_primary_gid():
    assert resolve(policy="Strict", supplemental_groups=[4000]).supplemental_groups == (4000,)
    fixed = structs.replace(DIALECT, strict_adds_primary_without_user=True)
    assert resolve(fixed, policy="Strict", supplemental_groups=[4000]).supplemental_groups == (0, 4000)


@pytest.mark.parametrize("policy", ["Strict", 1, 7])
def test_a_runtime_that_does_not_know_the_policy_merges_and_says_so(policy):
    who = resolve(structs.replace(DIALECT, knows_policy=False), run_as_user=1000, policy=policy)

    assert who.supplemental_groups == (1000, 50000)
    assert [step.outcome for step in who.trace if step.rule == "policy-ignored"] == ["note"]


def test_merge_is_no_news_to_a_runtime_that_knows_nothing_else():
    who = resolve(structs.replace(DIALECT, knows_policy=False), run_as_user=1000, policy="Merge")

    assert [step for step in who.trace if step.rule == "policy-ignored"] == []


def test_merge_explains_every_gid_with_file_and_line():
    who = resolve(run_as_user=1000, run_as_group=3000, supplemental_groups=[4000])

    assert (who.uid, who.gid, who.supplemental_groups) == (1000, 3000, (3000, 4000, 50000))
    assert [(step.rule, step.outcome, step.file, step.line, step.uid, step.gid) for step in who.trace] == [
        ("user-string", "note", "", None, None, None),
        ("user", "uid", "", None, 1000, None),
        ("group", "gid", "", None, None, 3000),
        ("primary-gid", "added", "", None, None, 3000),
        ("user-name", "note", "/etc/passwd", 3, None, None),
        ("group-member", "added", "/etc/group", 3, None, 50000),
        ("requested", "added", "", None, None, 4000),
    ]
    assert who.why(50000)[0].text == "group 'dev' lists 'app' as a member"
    assert who.why(4000)[0].text == "supplemental_groups[0] of the request is 4000"


def test_strict_says_what_it_left_out():
    who = resolve(run_as_user=1000, run_as_group=3000, supplemental_groups=[4000], policy="Strict")

    assert who.supplemental_groups == (3000, 4000)
    assert [(step.rule, step.outcome, step.file, step.line) for step in who.why(50000)] == [
        ("strict", "left-out", "/etc/group", 3)
    ]


def test_strict_leaves_out_nothing_that_is_there_anyway():
    who = resolve(run_as_user=1000, supplemental_groups=[50000], policy="Strict")

    assert [step.rule for step in who.why(50000)] == ["requested"]


def test_strict_does_not_read_the_group_file():
    long = GROUP + b"x" * (1 << 20)
    dialect = structs.replace(DIALECT, group_line_bytes_max=1 << 20)

    who = resolve(dialect, group=long, run_as_user=1000, policy="Strict")

    assert who.supplemental_groups == (1000,)
    assert who.trace[-1].text == "what Strict leaves out is not known: bufio.Scanner: token too long"
    with pytest.raises(IdentityError, match=rf"^{CREATE}bufio.Scanner: token too long$"):
        resolve(dialect, group=long, run_as_user=1000)


def test_a_file_that_is_not_opened_matters_to_who_needs_it():
    blocked = Unopened(reason="etc/passwd is not a regular file")
    dangling = Unopened(reason="openat nix/passwd: no such file or directory", is_missing=True)

    for asked in ({"run_as_user": 7}, {"run_as_username": "app"}, {"run_as_user": 7, "run_as_group": 8}, {}):
        with pytest.raises(IdentityError, match=rf"^{CREATE}etc/passwd is not a regular file$"):
            resolve(passwd=blocked, **asked)
    strict = resolve(passwd=blocked, group=blocked, run_as_user=7, run_as_group=8, policy="Strict")
    assert (strict.uid, strict.supplemental_groups) == (7, (8,))
    assert resolve(passwd=dangling, run_as_user=7).supplemental_groups == (0,)
    with pytest.raises(IdentityError, match=rf"^{CREATE}openat nix/passwd: no such file or directory$"):
        resolve(passwd=dangling, run_as_username="app")


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"image_user": "nobody"}, "no users found"),
        ({"image_user": "app:nobody"}, "no groups found"),
        ({"image_user": "app", "passwd": None}, "lstat etc/passwd: file does not exist"),
        ({"image_user": "app:dev", "group": None}, "lstat etc/group: file does not exist"),
        ({"run_as_user": 7, "passwd": b"x" * 65_536}, "bufio.Scanner: token too long"),
    ],
)
def test_a_look_up_in_a_mounted_snapshot_names_the_mount(asked, reason):
    mounted = structs.replace(NAME, account_files_root="/mnt1", missing_file_error="lstat {path}: file does not exist")

    with pytest.raises(IdentityError) as refusal:
        resolve(mounted, **asked)
    assert str(refusal.value) == f"{CREATE}mount callback failed on /mnt1: {reason}"


@pytest.mark.parametrize("user", ["4294967296", "app:app:x"])
def test_what_is_refused_before_the_snapshot_is_mounted_does_not(user):
    with pytest.raises(IdentityError, match=f"^{CREATE}invalid USER value"):
        resolve(structs.replace(DIALECT, account_files_root="/mnt1"), image_user=user)


def test_a_pipe_is_waited_for_without_end():
    pipe = Unopened(reason="open etc/passwd: nobody writes to the pipe", is_endless=True)
    with pytest.raises(IdentityError) as refusal:
        resolve(passwd=pipe, run_as_user=7)

    assert refusal.value.is_endless
    assert refusal.value.trace[-1].text.endswith("the runtime waits for it without end, and nobody gets an answer")


def test_a_long_passwd_line_refuses_even_a_user_that_was_found():
    with pytest.raises(IdentityError, match=rf"^{CREATE}bufio.Scanner: token too long$"):
        resolve(passwd=PASSWD + b"x" * 65_536, run_as_user=1000)


def test_a_group_part_that_is_a_name_reads_the_group_file():
    who = resolve(image_user="app:dev")

    assert (who.gid, who.username) == (50000, "app")
    assert [(step.file, step.line) for step in who.trace if step.outcome == "gid"] == [("/etc/group", 3)]


def test_an_unparsable_gid_grants_group_0_and_the_trace_says_so():
    who = resolve(group=b"nogid:x:zz:app\n", run_as_user=1000)

    assert who.supplemental_groups == (0, 1000)
    assert who.why(0)[0].text == "group 'nogid' lists 'app' as a member; its gid 'zz' is no number and counts as 0"


def test_a_name_that_no_passwd_line_has_still_finds_its_groups():
    """WithAdditionalGIDs does not look a name up: with uid:gid in the image, the part before the colon is the name."""
    who = resolve(passwd=b"", group=b"g:x:8:\nempty:x:9:a,\n", image_user=":5")

    assert who.supplemental_groups == (5, 9)


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
def test_strict_adds_nothing_of_the_image_and_merge_adds_to_it(request, group):
    strict = outcome(group=group, policy="Strict", **request)
    merge = outcome(group=group, policy="Merge", **request)

    if isinstance(strict, str):
        assert merge == strict
        return
    requested = {number & 0xFFFFFFFF for number in request["supplemental_groups"]}
    assert set(strict.supplemental_groups) <= {strict.gid} | requested
    assert set(strict.supplemental_groups) <= set(merge.supplemental_groups)
    assert (strict.uid, strict.gid) == (merge.uid, merge.gid)


@given(request=REQUESTS, group=LINES, policy=st.sampled_from(["Merge", "Strict"]))
def test_the_list_is_sorted_complete_and_explained(request, group, policy):
    who = outcome(group=group, policy=policy, **request)

    if isinstance(who, str):
        return
    named = request["image_user"] or request["run_as_username"] or request["run_as_user"] is not None
    if named or policy == "Merge":
        assert who.gid in who.supplemental_groups
    assert list(who.supplemental_groups) == sorted(set(who.supplemental_groups))
    for gid in who.supplemental_groups:
        assert any(step.outcome == "added" for step in who.why(gid))
    assert outcome(group=group, policy=policy, **request) == who
