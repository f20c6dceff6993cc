"""The keys of profile documents: where each switch of a RuntimeProfile is written, and what it may hold.

A key is the field's name in camel case, below its group: `identity.knowsPolicy`, `rpcs.RuntimeConfig`, `pauseImage`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, get_type_hints

from msgspec import Struct

from kubesim.policy.checkpoint import ConfigDialect
from kubesim.policy.pod_metrics import IncludedMetrics, MetricGroup, MetricSet
from kubesim.policy.runtime_profile import RpcAnswer, RuntimeProfile
from kubesim.policy.runtime_profile_rpcs import CRI_RPCS

_NOT_SWITCHES = frozenset({"name", "deviations", "reasons"})


_TYPES = {
    "ConfigDialect": ConfigDialect,
    "IncludedMetrics": IncludedMetrics,
    "MetricGroup": MetricGroup,
    "MetricSet": MetricSet,
}
"""What annotations of profiles name, and `runtime_profile` imports for type checkers only."""


def types_of(struct: type[Struct]) -> Mapping[str, Any]:
    """The types of the fields of a profile or of one of its groups, in their order."""
    hints = get_type_hints(struct, localns=_TYPES, include_extras=True)
    return {name: hints[name] for name in struct.__struct_fields__}


def is_group(type_: object) -> bool:
    """Whether a field of that type is a group of switches."""
    return isinstance(type_, type) and issubclass(type_, Struct)


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
    """Every switch by its key, in the order of the fields."""
    found: list[Switch] = []
    for name, hint in types_of(RuntimeProfile).items():
        if name in _NOT_SWITCHES:
            continue
        if name == "rpcs":
            found += [Switch(key=f"rpcs.{rpc}", group="rpcs", field=rpc, type=RpcAnswer) for rpc in CRI_RPCS]
        elif is_group(hint):
            found += [
                Switch(key=f"{camel_case(name)}.{camel_case(inner)}", group=name, field=inner, type=type_)
                for inner, type_ in types_of(hint).items()
            ]
        else:
            found.append(Switch(key=camel_case(name), group="", field=name, type=hint))
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
    hints = types_of(RuntimeProfile)
    rpcs = MappingProxyType(grouped.pop("rpcs"))
    made = {group: hints[group](**inner) for group, inner in grouped.items()}
    return RuntimeProfile(**plain, **made, rpcs=rpcs, **rest)


def camel_case(name: str) -> str:
    """`knows_policy` -> `knowsPolicy`."""
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)
