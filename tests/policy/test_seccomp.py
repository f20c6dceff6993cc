"""What a seccomp filter says about a call."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.policy.seccomp import EPERM, Ruling, SeccompProfileError, parse_filter

ALLOW, KILL = Ruling("allow"), Ruling("kill")


def rule(*names: str, action: str = "SCMP_ACT_ERRNO", **more: Any) -> dict[str, Any]:
    return {"names": list(names), "action": action, **more}


def filter_of(*rules: dict[str, Any], default: str = "SCMP_ACT_ALLOW", **more: Any) -> dict[str, Any]:
    return {"defaultAction": default, "syscalls": list(rules), **more}


@pytest.mark.parametrize(
    ("document", "call", "ruling"),
    [
        ({}, "mkdir", ALLOW),
        (filter_of(), "mkdir", ALLOW),
        (filter_of(default="SCMP_ACT_LOG"), "mkdir", ALLOW),
        (filter_of(default="SCMP_ACT_ERRNO"), "mkdir", Ruling("errno", EPERM)),
        (filter_of(default="SCMP_ACT_ERRNO", defaultErrnoRet=38), "mkdir", Ruling("errno", 38)),
        (filter_of(default="SCMP_ACT_KILL"), "mkdir", KILL),
        (filter_of(rule("chmod", "fchmodat")), "fchmodat", Ruling("errno", EPERM)),
        (filter_of(rule("chmod", "fchmodat")), "mkdir", ALLOW),
        (filter_of(rule("mkdir", errnoRet=13)), "mkdir", Ruling("errno", 13)),
        (filter_of(rule("mkdir", action="SCMP_ACT_KILL_PROCESS")), "mkdir", KILL),
        (filter_of(rule("mkdir", action="SCMP_ACT_KILL_THREAD")), "mkdir", KILL),
        (filter_of(rule("mkdir", action="SCMP_ACT_TRAP")), "mkdir", KILL),
        (filter_of(rule("mkdir", action="SCMP_ACT_TRACE", errnoRet=3)), "mkdir", Ruling("errno", 38)),
        (filter_of(rule("mkdir", action="SCMP_ACT_ALLOW"), default="SCMP_ACT_ERRNO"), "mkdir", ALLOW),
        (filter_of(rule("mkdir", args=None)), "mkdir", Ruling("errno", EPERM)),
        ({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": None}, "mkdir", ALLOW),
    ],
)
def test_actions(document: dict[str, Any], call: str, ruling: Ruling) -> None:
    assert parse_filter(document).ruling(call, {}) == ruling


@pytest.mark.parametrize(
    ("operator", "numbers", "given", "holds"),
    [
        ("SCMP_CMP_NE", (5, 0), 4, True),
        ("SCMP_CMP_NE", (5, 0), 5, False),
        ("SCMP_CMP_LT", (5, 0), 4, True),
        ("SCMP_CMP_LT", (5, 0), 5, False),
        ("SCMP_CMP_LE", (5, 0), 5, True),
        ("SCMP_CMP_LE", (5, 0), 6, False),
        ("SCMP_CMP_EQ", (5, 0), 5, True),
        ("SCMP_CMP_EQ", (5, 0), 4, False),
        ("SCMP_CMP_GE", (5, 0), 5, True),
        ("SCMP_CMP_GE", (5, 0), 4, False),
        ("SCMP_CMP_GT", (5, 0), 6, True),
        ("SCMP_CMP_GT", (5, 0), 5, False),
        ("SCMP_CMP_MASKED_EQ", (0o4000, 0o4000), 0o4755, True),
        ("SCMP_CMP_MASKED_EQ", (0o4000, 0o4000), 0o755, False),
    ],
)
def test_conditions_on_arguments(operator: str, numbers: tuple[int, int], given: int, holds: bool) -> None:
    condition = {"index": 1, "op": operator, "value": numbers[0], "valueTwo": numbers[1]}
    found = parse_filter(filter_of(rule("chmod", args=[condition])))

    assert (found.ruling("chmod", {1: given}) != ALLOW) is holds
    assert found.ruling("chmod", {0: given}) == ALLOW


def test_a_rule_for_all_arguments_counts_before_those_with_conditions() -> None:
    condition = {"index": 1, "op": "SCMP_CMP_EQ", "value": 1}
    found = parse_filter(filter_of(rule("kill", errnoRet=1, args=[condition]), rule("kill", errnoRet=2)))

    assert found.ruling("kill", {1: 1}) == Ruling("errno", 2)


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (filter_of(default="SCMP_ACT_FOO"), "string SCMP_ACT_FOO is not a valid action for seccomp"),
        (filter_of(rule("a", action="allow")), "string allow is not a valid action for seccomp"),
        ({"syscalls": [rule("a")]}, "string  is not a valid action for seccomp"),
        (filter_of(rule("a", args=[{"op": "EQ"}])), "string EQ is not a valid operator for seccomp"),
        ({"defaultAction": 1}, "defaultAction: must be a string"),
        ({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": {}}, "syscalls: must be an array"),
        ({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": ["a"]}, "syscalls: each must be an object"),
        (filter_of(rule("a", errnoRet=True)), "errnoRet: must be a whole number"),
        (filter_of(rule("a", args=[1])), "syscalls.args: each must be an object"),
        (filter_of({"names": [1], "action": "SCMP_ACT_ALLOW"}), "syscalls.names: each must be a string"),
    ],
)
def test_what_is_no_filter(document: dict[str, Any], text: str) -> None:
    with pytest.raises(SeccompProfileError) as caught:
        parse_filter(document)

    assert str(caught.value) == text
