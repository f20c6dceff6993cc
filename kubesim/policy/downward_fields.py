"""Values of the downward API: fields of a pod and resources of its containers, as text.

Mirrors Kubernetes: pkg/fieldpath/fieldpath.go (ExtractFieldPathAsString, FormatMap) and pkg/api/v1/resource/helpers.go
(ExtractContainerResourceValue, MergeContainerResourceLimits).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from kubesim.policy.go_quote import go_quote

DEFAULTED_LIMITS = ("cpu", "memory", "ephemeral-storage")
"""What a container without a limit may use up is all that the node can give."""


class DownwardFieldError(Exception):
    """There is no such field or resource; the text is the kubelet's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFields:
    """The metadata of a pod, and its other fields that can be asked for by their paths."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    by_path: Mapping[str, str]


def field_text(path: str, fields: PodFields) -> str:
    """The field at `path`, such as `metadata.labels['app']`. Raises DownwardFieldError."""
    maps = {"metadata.labels": fields.labels, "metadata.annotations": fields.annotations}
    if path in fields.by_path:
        return fields.by_path[path]
    if path in maps:
        return format_map(maps[path])
    name, bracket, key = path.removesuffix("']").partition("['")
    if path.endswith("']") and bracket and name:
        if name not in maps:
            raise DownwardFieldError(f"fieldPath {go_quote(path)} does not support subscript")
        return maps[name].get(key, "")
    raise DownwardFieldError(f"unsupported fieldPath: {path}")


def format_map(values: Mapping[str, str]) -> str:
    """Labels or annotations as the lines of a file: `key="value"`, sorted by key, without a line break at the end."""
    return "\n".join(f"{key}={go_quote(values[key])}" for key in sorted(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """Requests and limits of a container, and what stands in for a limit that is not set or zero.

    CPU counts in thousandths, everything else in whole units.
    """

    requests: Mapping[str, int]
    limits: Mapping[str, int]
    allocatable: Mapping[str, int]


def resource_text(resource: str, divisor: int, amounts: Amounts) -> str:
    """The value of `resource`, such as `limits.cpu`, in units of `divisor`, rounded up. Raises DownwardFieldError.

    `divisor` counts as `amounts` does; 0 stands for 1 of the API, a whole CPU or one byte.
    """
    kind, _, name = resource.partition(".")
    if kind not in {"requests", "limits"} or not (name in DEFAULTED_LIMITS or name.startswith("hugepages-")):
        raise DownwardFieldError(f"unsupported container resource : {resource}")
    if kind == "requests":
        amount = amounts.requests.get(name, 0)
    else:
        amount = amounts.limits.get(name, 0)
        if not amount and name in DEFAULTED_LIMITS:
            amount = amounts.allocatable.get(name, 0)
    return str(math.ceil(float(amount) / float(divisor or (1000 if name == "cpu" else 1))))
