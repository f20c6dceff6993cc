"""A profile as rows for people: each switch with its value and its reason, and what differs between two profiles."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from kubesim.policy.runtime_profile import RuntimeProfile
from kubesim.policy.runtime_profile_schema import switches, value_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRow:
    """One switch of a profile."""

    key: str
    value: str
    """As it is written in YAML."""
    why: str
    """The reason, with its reference and the profile that gives it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileDifference:
    """One switch that two profiles set differently."""

    key: str
    before: str
    after: str
    why: str
    """The reason of the second profile."""


def describe_profile(profile: RuntimeProfile) -> list[ProfileRow]:
    """Every switch, then the known deviations, each with its reason."""
    rows = [
        ProfileRow(key=key, value=_text(value_of(profile, switch)), why=why(profile, key))
        for key, switch in switches().items()
    ]
    rows += [
        ProfileRow(key=f"deviation {deviation.id}", value=deviation.text, why=deviation.reference)
        for deviation in profile.deviations
    ]
    return rows


def compare_profiles(before: RuntimeProfile, after: RuntimeProfile) -> list[ProfileDifference]:
    """The switches and deviations that change from one profile to another, in the order of the switches."""
    differences = []
    for key, switch in switches().items():
        old, new = value_of(before, switch), value_of(after, switch)
        if old != new:
            differences.append(ProfileDifference(key=key, before=_text(old), after=_text(new), why=why(after, key)))
    gone = {deviation.id: deviation for deviation in before.deviations}
    for deviation in after.deviations:
        if gone.pop(deviation.id, None) is None:
            key = f"deviation {deviation.id}"
            differences.append(ProfileDifference(key=key, before="", after=deviation.text, why=deviation.reference))
    for deviation in gone.values():
        key = f"deviation {deviation.id}"
        differences.append(ProfileDifference(key=key, before=deviation.text, after="", why=deviation.reference))
    return differences


def why(profile: RuntimeProfile, key: str) -> str:
    """The reason of a switch, with its reference and the profile that gives it."""
    reason = profile.reasons[key]
    source = f"{reason.reference}, {reason.layer}" if reason.reference else reason.layer
    return f"{reason.why} ({source})"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value or '""'
    return json.dumps(list(value) if isinstance(value, tuple) else value)
