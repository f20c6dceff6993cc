"""The invariants of answers: they hold for answers, and each can be broken."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

import kubesim
from kubesim.errors import ExpectationFailed
from kubesim.policy.identity import Identity
from kubesim.testing.identity_invariants import (
    answers_are_equal,
    check_identity,
    strict_has_only,
    strict_only_removes,
)

PASSWD = "root:x:0:0\napp:x:1000:1000\nbob:x:1001:100\n"
GROUP = "root:x:0:\ndev:x:50000:app,bob\nnogid:x:zz:app\n"


def resolved(**asked: Any) -> Identity:
    return kubesim.resolve_identity(passwd=PASSWD, group=GROUP, **asked)


@given(
    profile=st.sampled_from(["containerd-1.7", "containerd-2.3", "cri-o-1.36", "ideal"]),
    user=st.sampled_from([0, 7, 1000, 1001]),
    gid=st.none() | st.integers(0, 9),
    requested=st.lists(st.integers(-1, 5000), max_size=4),
)
def test_they_hold(profile: str, user: int, gid: int | None, requested: list[int]) -> None:
    asked = {"profile": profile, "run_as_user": user, "run_as_group": gid, "supplemental_groups": requested}
    merge, strict = resolved(**asked), resolved(**asked, policy="Strict")

    check_identity(merge)
    check_identity(strict)
    strict_only_removes(strict, merge=merge)
    answers_are_equal(merge, resolved(**asked))
    if profile != "containerd-1.7":
        strict_has_only(strict, requested=requested)


MERGE = resolved(run_as_user=1000, supplemental_groups=[4000])
STRICT = resolved(run_as_user=1000, supplemental_groups=[4000], policy="Strict")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gid": 7}, r"^the primary gid 7 is not in the groups \[0, 1000, 4000, 50000\]$"),
        ({"supplemental_groups": (1000, 1000)}, "a group is more than once"),
        ({"uid": -1}, "uid -1 is none"),
        ({"supplemental_groups": (1000, 1 << 32)}, "gid 4294967296 is none"),
        ({"supplemental_groups": (1000, 77)}, "^the trace has no reason for group 77$"),
        ({"trace": ()}, "the trace has no reason for group 0"),
    ],
)
def test_an_answer_that_cannot_be(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ExpectationFailed, match=message):
        check_identity(structs.replace(MERGE, **change))


def test_before_the_cve_the_primary_gid_was_missing() -> None:
    with pytest.raises(ExpectationFailed, match="the primary gid 1000 is not in the groups"):
        check_identity(resolved(run_as_user=1000, profile="containerd-1.6.17"))
    with pytest.raises(ExpectationFailed, match="the primary gid 0 is not in the groups"):
        check_identity(resolved(policy="Strict"))


def test_strict_that_adds() -> None:
    with pytest.raises(ExpectationFailed, match=r"^Strict, but groups \[0, 50000\] are not among \[1000, 4000\]$"):
        strict_has_only(MERGE, requested=[4000])
    strict_has_only(resolved(run_as_user=7, supplemental_groups=[-1], policy="Strict"), requested=[-1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"uid": 5}, "^Strict is 5:1000, Merge is 1000:1000"),
        ({"gid": 5}, "^Strict is 1000:5, Merge is 1000:1000"),
        (
            {"supplemental_groups": (1000, 9)},
            r"^Strict adds the groups \[9\] to those of Merge \[0, 1000, 4000, 50000\]$",
        ),
    ],
)
def test_strict_that_does_more_than_remove(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ExpectationFailed, match=message):
        strict_only_removes(structs.replace(STRICT, **change), merge=MERGE)


@pytest.mark.parametrize(
    "change", [{"uid": 5}, {"gid": 5}, {"supplemental_groups": (1,)}, {"username": None}, {"username": "bob"}]
)
def test_another_answer_to_the_same_question(change: dict[str, Any]) -> None:
    answers_are_equal(MERGE, structs.replace(MERGE, trace=()))
    (name,) = change
    with pytest.raises(ExpectationFailed, match=f"^{name} was "):
        answers_are_equal(MERGE, structs.replace(MERGE, **change))
