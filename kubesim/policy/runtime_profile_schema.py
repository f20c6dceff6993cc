"""The keys of profile documents: where each switch of a RuntimeProfile is written, and what it may hold.

A key is the field's name in camel case, below its group: `identity.knowsPolicy`, `rpcs.RuntimeConfig`, `pauseImage`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, get_type_hints

from kubesim.policy.runtime_profile import RpcAnswer, RuntimeProfile
from kubesim.policy.runtime_profile_rpcs import CRI_RPCS

_NOT_SWITCHES = frozenset({"name", "deviations", "reasons"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """One key: where its value goes, and the type it has."""

    key: str
    group: str
    """The field of RuntimeProfile that holds it; empty for a field of the profile itself."""
    field: str
    type: Any


@cache
def switches() -> Mapping[str, Switch]:
    """Every switch by its key, in the order of the dataclasses."""
    found: list[Switch] = []
    hints = get_type_hints(RuntimeProfile, include_extras=True)
    for field in fields(RuntimeProfile):
        hint = hints[field.name]
        if field.name in _NOT_SWITCHES:
            continue
        if field.name == "rpcs":
            found += [Switch(key=f"rpcs.{rpc}", group="rpcs", field=rpc, type=RpcAnswer) for rpc in CRI_RPCS]
        elif is_dataclass(hint):
            group_hints = get_type_hints(hint, include_extras=True)
            found += [
                Switch(
                    key=f"{camel_case(field.name)}.{camel_case(inner.name)}",
                    group=field.name,
                    field=inner.name,
                    type=group_hints[inner.name],
                )
                for inner in fields(hint)
            ]
        else:
            found.append(Switch(key=camel_case(field.name), group="", field=field.name, type=hint))
    return MappingProxyType({switch.key: switch for switch in found})


@cache
def groups() -> Mapping[str, tuple[str, ...]]:
    """The names below each group's key: `identity` -> ("algorithm", "knowsPolicy", ...); "" holds the plain keys."""
    below: dict[str, list[str]] = {"": []}
    for key in switches():
        group, _, name = key.rpartition(".")
        below.setdefault(group, []).append(name)
    return MappingProxyType({group: tuple(names) for group, names in below.items()})


def value_of(profile: RuntimeProfile, switch: Switch) -> Any:
    """The value a profile has for a switch."""
    if switch.group == "rpcs":
        return profile.rpcs[switch.field]
    holder = getattr(profile, switch.group) if switch.group else profile
    return getattr(holder, switch.field)


def build(values: Mapping[str, Any], **rest: Any) -> RuntimeProfile:
    """A profile of a value for each key; `rest` are the fields that are no switches.

    Raises:
        KeyError: a key has no value.
    """
    plain: dict[str, Any] = {}
    grouped: dict[str, dict[str, Any]] = {}
    for key, switch in switches().items():
        target = grouped.setdefault(switch.group, {}) if switch.group else plain
        target[switch.field] = values[key]
    hints = get_type_hints(RuntimeProfile)
    rpcs = MappingProxyType(grouped.pop("rpcs"))
    made = {group: hints[group](**inner) for group, inner in grouped.items()}
    return RuntimeProfile(**plain, **made, rpcs=rpcs, **rest)


def camel_case(name: str) -> str:
    """`knows_policy` -> `knowsPolicy`."""
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)
