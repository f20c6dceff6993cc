"""Why: the steps to an identity, and to a refusal, for both runtimes."""

import pytest
from msgspec import structs

from kubesim.policy.identity import IdentityError, resolve_identity

from .identity_dialects import CONTAINERD as OF_CONTAINERD

CONTAINERD = structs.replace(
    OF_CONTAINERD,
    account_file_bytes_max=None,
    group_line_bytes_max=1048576,
    account_file_must_be_regular=False,
    account_file_links="rooted",
    account_files_root="/root",
)
CRIO = structs.replace(CONTAINERD, algorithm="cri-o", skips_own_name_group=False, home_newline_check="newline")
PASSWD = b"root:x:0:0\napp:x:1000:1000\n"
GROUP = b"app:x:1000:\ndev:x:50000:app\n"
LONG = b"x" * (1 << 20)


def resolve(dialect, **given):
    return resolve_identity(**{"passwd": PASSWD, "group": GROUP, "dialect": dialect} | given)


def refusal(dialect, **given):
    with pytest.raises(IdentityError) as caught:
        resolve(dialect, **given)
    return caught.value


@pytest.mark.parametrize(
    ("dialect", "given", "rules", "file"),
    [
        (CONTAINERD, {"run_as_group": 5}, ["user-string"], ""),
        (CONTAINERD, {"policy": 7, "run_as_user": 1}, ["user-string", "policy"], ""),
        (CONTAINERD, {"image_user": "a:b:c"}, ["user-string", "user"], ""),
        (CONTAINERD, {"image_user": "4294967296"}, ["user-string", "overflow"], ""),
        (CONTAINERD, {"image_user": "app:4294967296"}, ["user-string", "overflow"], ""),
        (CONTAINERD, {"run_as_username": "ghost"}, ["user-string", "user"], "/etc/passwd"),
        (CONTAINERD, {"run_as_username": "app", "passwd": None}, ["user-string", "user"], "/etc/passwd"),
        (CONTAINERD, {"run_as_username": "app", "passwd": LONG}, ["user-string", "user"], "/etc/passwd"),
        (CONTAINERD, {"image_user": "app:ghosts"}, ["user-string", "user", "group"], "/etc/group"),
        (CONTAINERD, {"image_user": "app:dev", "group": None}, ["user-string", "user", "group"], "/etc/group"),
        (
            CONTAINERD,
            {"run_as_user": 1000, "group": LONG},
            ["user-string", "user", "user", "primary-gid", "group"],
            "/etc/group",
        ),
        (CRIO, {"run_as_group": 5}, ["user-string"], ""),
        (CRIO, {"home": "/\n"}, ["home"], ""),
        (CRIO, {"run_as_username": "ghost"}, ["user-string", "user"], "/etc/passwd"),
        (CRIO, {"run_as_username": "app", "passwd": None}, ["user-string", "user"], "/etc/passwd"),
        (CRIO, {"run_as_username": "app", "passwd": LONG}, ["user-string", "user"], "/etc/passwd"),
        (CRIO, {"run_as_user": 4294967296}, ["user-string", "overflow"], ""),
        (CRIO, {"image_user": "app:ghosts"}, ["user-string", "user", "user", "group"], "/etc/group"),
        (CRIO, {"image_user": "app:dev", "group": None}, ["user-string", "user", "user", "group"], "/etc/group"),
        (CRIO, {"image_user": "app:4294967296"}, ["user-string", "user", "user", "overflow"], ""),
        (CRIO, {"run_as_username": "app", "group": LONG}, ["user-string", "user", "user", "group"], "/etc/group"),
        (CRIO, {"policy": 7, "run_as_user": 4}, ["user-string", "user", "user", "user-name", "policy"], ""),
    ],
)
def test_a_refusal_has_the_steps_up_to_it_and_is_the_last_one(dialect, given, rules, file):
    trace = refusal(dialect, **given).trace

    assert [step.rule for step in trace] == rules
    assert [step.outcome for step in trace].index("refused") == len(trace) - 1
    assert (trace[-1].file, bool(trace[-1].text)) == (file, True)


@pytest.mark.parametrize(
    ("dialect", "given", "text"),
    [
        (CONTAINERD, {"run_as_user": 1000}, "the user string is '1000', run_as_user"),
        (CONTAINERD, {"run_as_user": 1, "run_as_group": 2}, "the user string is '1:2', run_as_user and run_as_group"),
        (CONTAINERD, {"run_as_username": "app"}, "the user string is 'app', run_as_username"),
        (CONTAINERD, {"image_user": "app:dev"}, "the user string is 'app:dev', the image's USER"),
        (CONTAINERD, {}, "the user string is empty"),
        (CRIO, {"run_as_user": 1000, "run_as_group": 2}, "the user string is '1000', run_as_user"),
        (CRIO, {"run_as_username": "app"}, "the user string is 'app', run_as_username"),
        (CRIO, {"image_user": "app:dev"}, "the user string is 'app:dev', the image's USER"),
        (CRIO, {}, "the user string is empty"),
    ],
)
def test_the_first_step_says_where_the_user_comes_from(dialect, given, text):
    assert resolve(dialect, **given).trace[0].text == text


@pytest.mark.parametrize(
    ("overflow", "text"),
    [
        ("wraps", "of 4294967296, which is outside 0 to 2147483647, the low 32 bits count: 0"),
        ("name", "4294967296 is outside 0 to 2147483647, so it is taken for a name"),
    ],
)
def test_a_number_that_is_too_large_is_a_step_of_its_own(overflow, text):
    dialect = structs.replace(CONTAINERD, numeric_overflow=overflow)

    who = resolve(dialect, image_user="4294967296", passwd=b"4294967296:x:7:8\n")

    assert [step.text for step in who.trace if step.rule == "overflow"] == [text]


def test_crio_takes_nothing_from_the_group_file_beside_a_group_part_and_says_so():
    who = resolve(CRIO, image_user="app:dev")

    assert who.supplemental_groups == (50000,)
    assert [step.outcome for step in who.trace if step.rule == "group-part"] == ["note"]


def test_a_primary_gid_that_is_not_in_the_list_is_a_step():
    who = resolve(structs.replace(CONTAINERD, includes_primary_gid=False), run_as_user=7)

    assert who.supplemental_groups == ()
    assert [(step.outcome, step.gid) for step in who.trace if step.rule == "primary-gid"] == [("left-out", 0)]


def test_a_missing_passwd_file_is_named():
    who = resolve(CONTAINERD, passwd=None, run_as_user=7)

    assert [step.text for step in who.trace if step.outcome == "gid"] == [
        "the image has no passwd file, so the gid is 0"
    ]
