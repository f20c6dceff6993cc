"""What a seccomp filter says about a system call.

The document is the one that the OCI runtime spec calls linux.seccomp. Mirrors runc:
libcontainer/specconv/spec_linux.go, SetupSeccomp, and libcontainer/seccomp/config.go; libseccomp for how rules combine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

EPERM, ENOSYS = 1, 38

Effect = Literal["allow", "errno", "kill"]

_EFFECTS: Mapping[str, Effect] = {
    "SCMP_ACT_KILL": "kill",
    "SCMP_ACT_KILL_THREAD": "kill",
    "SCMP_ACT_KILL_PROCESS": "kill",
    "SCMP_ACT_TRAP": "kill",
    "SCMP_ACT_ERRNO": "errno",
    "SCMP_ACT_TRACE": "errno",
    "SCMP_ACT_NOTIFY": "errno",
    "SCMP_ACT_ALLOW": "allow",
    "SCMP_ACT_LOG": "allow",
}
"""A process has one thread here, and nobody traces it or listens: of TRACE and NOTIFY the call fails with ENOSYS."""

_OPERATORS: Mapping[str, Callable[[int, int, int], bool]] = {
    "SCMP_CMP_NE": lambda given, value, _: given != value,
    "SCMP_CMP_LT": lambda given, value, _: given < value,
    "SCMP_CMP_LE": lambda given, value, _: given <= value,
    "SCMP_CMP_EQ": lambda given, value, _: given == value,
    "SCMP_CMP_GE": lambda given, value, _: given >= value,
    "SCMP_CMP_GT": lambda given, value, _: given > value,
    "SCMP_CMP_MASKED_EQ": lambda given, mask, value: given & mask == value,
}


class SeccompProfileError(Exception):
    """The document is no filter; the text is runc's."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What happens to a call: it goes on, fails with a number, or kills the process with SIGSYS."""

    effect: Effect
    errno: int = 0


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison with one argument of the call; `index` counts from 0."""

    index: int
    operator: str
    value: int
    value_two: int

    def holds(self, arguments: Mapping[int, int]) -> bool:
        """Whether it is so. An argument that is not known, such as a pointer, is like nothing."""
        given = arguments.get(self.index)
        return given is not None and _OPERATORS[self.operator](given, self.value, self.value_two)


Rule: TypeAlias = tuple[tuple[Condition, ...], Ruling]


@dataclass(frozen=True, slots=True)
class SeccompFilter:
    """Rules by the name of the call, in their order, and what happens without one."""

    default: Ruling
    rules: Mapping[str, tuple[Rule, ...]]

    def ruling(self, call: str, arguments: Mapping[int, int]) -> Ruling:
        """What happens to a call. `arguments` are those that are numbers, by index.

        >>> parse_filter({"defaultAction": "SCMP_ACT_ALLOW"}).ruling("mkdir", {})
        Ruling(effect='allow', errno=0)
        """
        for conditions, ruling in self.rules.get(call, ()):
            if all(condition.holds(arguments) for condition in conditions):
                return ruling
        return self.default


def parse_filter(document: Mapping[str, Any]) -> SeccompFilter:
    """The filter of a document. Raises SeccompProfileError.

    Without a default action and without rules there is no filter: everything is allowed.
    """
    rows = _typed(document, "syscalls", list, [])
    action = _typed(document, "defaultAction", str, "")
    if not action and not rows:
        return SeccompFilter(Ruling("allow"), {})
    default = _ruling(action, _typed(document, "defaultErrnoRet", int, EPERM))
    rules: dict[str, list[Rule]] = {}
    for row in rows:
        if not isinstance(row, dict):
            raise SeccompProfileError("syscalls: each must be an object")
        ruling = _ruling(_typed(row, "action", str, ""), _typed(row, "errnoRet", int, EPERM))
        conditions = tuple(_condition(item) for item in _typed(row, "args", list, []))
        for name in _typed(row, "names", list, []):
            if not isinstance(name, str):
                raise SeccompProfileError("syscalls.names: each must be a string")
            rules.setdefault(name, []).append((conditions, ruling))
    # A rule without conditions holds for all arguments, wherever it stands.
    return SeccompFilter(default, {name: tuple(sorted(found, key=_has_conditions)) for name, found in rules.items()})


def _has_conditions(rule: Rule) -> bool:
    return bool(rule[0])


def _ruling(action: str, errno: int) -> Ruling:
    effect = _EFFECTS.get(action)
    if effect is None:
        raise SeccompProfileError(f"string {action} is not a valid action for seccomp")
    if effect != "errno":
        return Ruling(effect)
    return Ruling("errno", errno if action == "SCMP_ACT_ERRNO" else ENOSYS)


def _condition(item: object) -> Condition:
    if not isinstance(item, dict):
        raise SeccompProfileError("syscalls.args: each must be an object")
    name = _typed(item, "op", str, "")
    if name not in _OPERATORS:
        raise SeccompProfileError(f"string {name} is not a valid operator for seccomp")
    numbers = (_typed(item, key, int, 0) for key in ("index", "value", "valueTwo"))
    index, value, value_two = numbers
    return Condition(index, name, value, value_two)


def _typed(document: Mapping[str, Any], key: str, kind: type, default: Any) -> Any:
    """A member of a JSON object; null is as good as none."""
    value = document.get(key)
    if value is None:
        return default
    if not isinstance(value, kind) or isinstance(value, bool):
        wanted = {list: "an array", str: "a string", int: "a whole number"}[kind]
        raise SeccompProfileError(f"{key}: must be {wanted}")
    return value
