"""A profile as plain values and back: what `scripts/genprofiles` writes beside the documents of the built-in ones.

Reading a document means composing YAML and checking every switch against its type. For what the program itself brings,
a test has done that; the compiled form is read a hundred times as fast, which a server notices when it starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from kubesim.policy import runtime_profile
from kubesim.policy.runtime_profile import Deviation, Reason, RuntimeProfile


def compiled(profile: RuntimeProfile) -> dict[str, Any]:
    """The profile as JSON has it."""
    values: dict[str, Any] = {}
    for name, value in asdict(profile).items():
        if name == "reasons":
            values[name] = {key: asdict(reason) for key, reason in value.items()}
        elif name == "deviations":
            values[name] = [asdict(deviation) for deviation in value]
        elif isinstance(value, Struct):
            values[name] = asdict(value)
        else:
            values[name] = dict(value) if isinstance(value, Mapping) else value
    return values


def restored(values: Mapping[str, Any]) -> RuntimeProfile:
    """The profile that `compiled` had."""
    made = {name: _tuples(value) for name, value in values.items()}
    annotations = RuntimeProfile.__annotations__
    for name, value in made.items():
        if name == "reasons":
            made[name] = MappingProxyType({key: Reason(**reason) for key, reason in value.items()})
        elif name == "deviations":
            made[name] = tuple([Deviation(**deviation) for deviation in value])
        elif name == "rpcs":
            made[name] = MappingProxyType(value)
        elif isinstance(value, dict):
            # The annotation of a group is the name of its class.
            made[name] = getattr(runtime_profile, annotations[name])(**value)
    return RuntimeProfile(**made)


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _tuples(inner) for key, inner in value.items()}
    return tuple([_tuples(inner) for inner in value]) if isinstance(value, list) else value
