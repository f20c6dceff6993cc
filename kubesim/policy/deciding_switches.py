"""Which switches make two profiles answer differently.

Two profiles differ in many switches. Whether one of them decides is tried: it alone is moved from one profile to the
other, in both directions, and the question is asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from kubesim.policy.runtime_profile import RuntimeProfile
from kubesim.policy.runtime_profile_report import compare_profiles, why
from kubesim.policy.runtime_profile_schema import switches, value_of


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidingSwitch:
    """A switch on which an answer hangs, as each profile has it."""

    key: str
    before: str
    """As it is written in YAML."""
    after: str
    why_before: str
    """The reason of the first profile, with its reference and the layer that gives it."""
    why_after: str


def deciding_switches(
    before: RuntimeProfile, after: RuntimeProfile, answer: Callable[[RuntimeProfile], object], *, keys: Sequence[str]
) -> tuple[DecidingSwitch, ...]:
    """The switches among `keys` that decide, with their reasons; empty when the answers are equal.

    A key is that of a switch, or ends with a dot and stands for a group of them. Where no switch decides alone, all
    that differ are given: it takes several of them. `answer` must not depend on the profile's name.
    """
    first, second = answer(before), answer(after)
    if first == second:
        return ()
    differing = [one for one in compare_profiles(before, after) if _is_among(one.key, keys)]
    deciding = [
        one
        for one in differing
        if answer(_moved(before, after, one.key)) != first or answer(_moved(after, before, one.key)) != second
    ]
    return tuple(
        DecidingSwitch(
            key=one.key,
            before=one.before,
            after=one.after,
            why_before=why(before, one.key),
            why_after=why(after, one.key),
        )
        for one in deciding or differing
    )


def _is_among(key: str, keys: Sequence[str]) -> bool:
    return any(key == one or (one.endswith(".") and key.startswith(one)) for one in keys)


def _moved(profile: RuntimeProfile, other: RuntimeProfile, key: str) -> RuntimeProfile:
    """The profile with one switch as the other has it."""
    switch = switches()[key]
    value = value_of(other, switch)
    if not switch.group:
        return replace(profile, **{switch.field: value})
    group = replace(getattr(profile, switch.group), **{switch.field: value})
    return replace(profile, **{switch.group: group})
