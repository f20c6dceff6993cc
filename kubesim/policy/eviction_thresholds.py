"""When is a node short of something? The thresholds of evictions, and what they remember from pass to pass.

A threshold that is met makes a node condition at once and evictions after its grace period. A condition stays for the
transition period after it was seen last.

Mirrors kubelet: pkg/kubelet/eviction/helpers.go (ParseThresholdConfig, UpdateContainerFsThresholds, thresholdsMet,
thresholdsFirstObservedAt, thresholdsMetGracePeriod, nodeConditions, nodeConditionsLastObservedAt,
nodeConditionsObservedSince, byEvictionPriority) and eviction_manager.go (synchronize).
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field

from kubesim.errors import InputError
from kubesim.model.duration import parse_duration
from kubesim.model.quantity import Amount, QuantityFormat, format_bytes, parse_quantity
from kubesim.policy.go_quote import go_quote

MEMORY = "memory.available"
ALLOCATABLE_MEMORY = "allocatableMemory.available"
NODE_FS = "nodefs.available"
IMAGE_FS = "imagefs.available"
CONTAINER_FS = "containerfs.available"

RESOURCES: Mapping[str, str] = {
    MEMORY: "memory",
    ALLOCATABLE_MEMORY: "memory",
    NODE_FS: "ephemeral-storage",
    IMAGE_FS: "ephemeral-storage",
    CONTAINER_FS: "ephemeral-storage",
    "nodefs.inodesFree": "inodes",
    "imagefs.inodesFree": "inodes",
    "containerfs.inodesFree": "inodes",
    "pid.available": "pids",
}
"""What each signal tells the lack of; other signals do not exist."""
_CONDITIONS = {
    "memory": "MemoryPressure",
    "ephemeral-storage": "DiskPressure",
    "inodes": "DiskPressure",
    "pids": "PIDPressure",
}
_NEVER = frozenset({"0%", "100%"})
_GO_FLOAT = re.compile(r"[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|inf|infinity)|nan", re.ASCII | re.IGNORECASE)
"""A decimal number as Go's strconv.ParseFloat reads it; nobody writes percentages in hexadecimal."""


class Limit(Struct, frozen=True, kw_only=True, gc=False):
    """An amount as a configuration gives it: a quantity, or a part of the capacity."""

    amount: Amount | None = None
    fraction: float = 0.0

    def of(self, capacity: int) -> int:
        """Whole units, given the capacity in whole units."""
        return int(float(capacity) * self.fraction) if self.amount is None else self.amount.value

    def text(self, capacity: int) -> str:
        """The amount as messages show it."""
        return format_bytes(self.of(capacity)) if self.amount is None else str(self.amount)


class Threshold(Struct, frozen=True, kw_only=True, gc=False):
    """Less than `limit` of a signal's resource is too little; evictions wait for `grace_ns` (0: a hard threshold)."""

    signal: str
    limit: Limit
    grace_ns: int = 0
    min_reclaim: Limit | None = None

    @property
    def is_hard(self) -> bool:
        """Whether pods are evicted at once, with no more than a second of grace."""
        return self.grace_ns == 0

    @property
    def condition(self) -> str:
        """The node condition that it makes."""
        return _CONDITIONS[RESOURCES[self.signal]]


class Observation(Struct, frozen=True, kw_only=True, gc=False):
    """What there is of a signal's resource at present, in whole units."""

    available: int
    capacity: int


class EvictionSettings(Struct, frozen=True, kw_only=True, gc=False):
    """The fields of KubeletConfiguration about evictions, as written there; durations in ns."""

    hard: Mapping[str, str] = field(default_factory=dict)
    soft: Mapping[str, str] = field(default_factory=dict)
    soft_grace: Mapping[str, str] = field(default_factory=dict)
    min_reclaim: Mapping[str, str] = field(default_factory=dict)
    enforces_pods: bool = True
    """enforceNodeAllocatable has `pods`: the memory of all pods together has a threshold as well."""
    transition_ns: int = 300 * 10**9
    max_pod_grace_seconds: int = 0


def eviction_thresholds(settings: EvictionSettings) -> tuple[Threshold, ...]:
    """The thresholds of a node whose images, containers and logs share one disk, hard ones first.

    Raises InputError with the kubelet's text for settings that it does not start with.
    """
    # Of several mistakes the first in this order is told.
    found = [Threshold(signal=signal, limit=limit) for signal, limit in _limits(settings.hard)]
    soft = list(_limits(settings.soft))
    graces = {signal: _grace(signal, text) for signal, text in settings.soft_grace.items()}
    reclaims = {signal: _reclaim(signal, text) for signal, text in settings.min_reclaim.items()}
    for signal, limit in soft:
        if signal not in graces:
            raise InputError(f"grace period must be specified for the soft eviction threshold {signal}")
        found.append(Threshold(signal=signal, limit=limit, grace_ns=graces[signal]))
    found = [_with_reclaim(one, reclaims.get(one.signal)) for one in found]
    if settings.enforces_pods:
        found += [_with_signal(one, ALLOCATABLE_MEMORY) for one in found if one.signal == MEMORY and one.is_hard]
    # The disk of the containers is that of the node: what is written of containerfs is replaced.
    found = [one for one in found if not one.signal.startswith("containerfs.")]
    shared = [one for one in found if one.signal.startswith("nodefs.")]
    return (*found, *(_with_signal(one, one.signal.replace("nodefs", "containerfs")) for one in shared))


class PressureMemory(Struct, frozen=True, kw_only=True, gc=False):
    """What the eviction manager remembers from one pass to the next."""

    met: tuple[Threshold, ...] = ()
    """Thresholds whose grace period was over, and that were not resolved."""
    first_met_ns: Mapping[Threshold, int] = field(default_factory=dict)
    condition_seen_ns: Mapping[str, int] = field(default_factory=dict)
    conditions: tuple[str, ...] = ()
    """The node conditions that are True."""


def observe(
    memory: PressureMemory,
    thresholds: Sequence[Threshold],
    observations: Mapping[str, Observation],
    *,
    now_ns: int,
    transition_ns: int,
) -> PressureMemory:
    """One pass: which conditions hold now, and which thresholds ask for something to be reclaimed (`met`)."""
    crossed = thresholds_met(thresholds, observations)
    unresolved = thresholds_met(memory.met, observations, with_reclaim=True)
    crossed += [one for one in unresolved if one not in crossed]
    first_met_ns = {one: memory.first_met_ns.get(one, now_ns) for one in crossed}
    seen_ns = {**memory.condition_seen_ns, **{one.condition: now_ns for one in crossed}}
    return PressureMemory(
        met=tuple(one for one, at_ns in first_met_ns.items() if now_ns - at_ns >= one.grace_ns),
        first_met_ns=first_met_ns,
        condition_seen_ns=seen_ns,
        conditions=tuple(name for name, at_ns in seen_ns.items() if now_ns - at_ns < transition_ns),
    )


def thresholds_met(
    thresholds: Iterable[Threshold], observations: Mapping[str, Observation], *, with_reclaim: bool = False
) -> list[Threshold]:
    """Those of which too little is there; `with_reclaim` asks for the minimum that is to be reclaimed on top.

    A signal that is not observed is never short.
    """
    found = []
    for threshold in thresholds:
        observed = observations.get(threshold.signal)
        if observed is None:
            continue
        wanted = threshold.limit.of(observed.capacity)
        if with_reclaim and threshold.min_reclaim is not None:
            wanted += threshold.min_reclaim.of(observed.capacity)
        if wanted > observed.available:
            found.append(threshold)
    return found


def first_to_reclaim(met: Sequence[Threshold]) -> Threshold | None:
    """The threshold that this pass works on: memory before everything else."""
    return min(met, key=lambda one: RESOURCES[one.signal] != "memory", default=None)


def eviction_problem(settings: EvictionSettings) -> str:
    """What the kubelet says of settings that it does not start with; empty when they are well."""
    try:
        eviction_thresholds(settings)
    except InputError as error:
        return error.what
    return ""


def _limits(statements: Mapping[str, str]) -> Iterable[tuple[str, Limit]]:
    for signal, text in statements.items():
        _check_signal(signal)
        if text in _NEVER:
            continue
        if text.endswith("%"):
            fraction = _fraction(signal, text)
            if fraction < 0:
                raise InputError(f"eviction percentage threshold {signal} must be >= 0%: {text}")
            if fraction > 1:
                raise InputError(f"eviction percentage threshold {signal} must be <= 100%: {text}")
            yield signal, Limit(fraction=fraction)
            continue
        amount = _amount(signal, text)
        if amount.nano <= 0:
            raise InputError(f"eviction threshold {signal} must be positive: {amount}")
        yield signal, Limit(amount=amount)


def _grace(signal: str, text: str) -> int:
    _check_signal(signal)
    grace_ns = parse_duration(text)
    if grace_ns < 0:
        raise InputError(f"invalid eviction grace period specified: {text}, must be a positive value")
    return grace_ns


def _reclaim(signal: str, text: str) -> Limit:
    _check_signal(signal)
    if text.endswith("%"):
        fraction = _fraction(signal, text)
        if fraction <= 0:
            raise InputError(f"eviction percentage minimum reclaim {signal} must be positive: {text}")
        return Limit(fraction=fraction)
    amount = _amount(signal, text)
    if amount.nano < 0:
        raise InputError(f"negative eviction minimum reclaim specified for {signal}")
    return Limit(amount=amount)


def _check_signal(signal: str) -> None:
    if signal not in RESOURCES:
        raise InputError(f"unsupported eviction signal {signal}")


def _amount(signal: str, text: str) -> Amount:
    try:
        return parse_quantity(text)
    except InputError as error:
        raise _unreadable(error.what, signal, text) from error


def _unreadable(what: str, signal: str, text: str) -> InputError:
    """The kubelet says what it could not read, but not of whom it was: that comes behind its words."""
    return InputError(f"{what} (of {signal}: {go_quote(text)})")


def _fraction(signal: str, text: str) -> float:
    """The kubelet keeps it in 32 bits, which shows in the last digits of what it is a part of."""
    number = text.rstrip("%")
    problem = ""
    if _GO_FLOAT.fullmatch(number) is None:
        problem = "invalid syntax"
    elif math.isinf(_float32(float(number))) and "inf" not in number.lower():
        problem = "value out of range"
    if problem:
        raise _unreadable(f"strconv.ParseFloat: parsing {go_quote(number)}: {problem}", signal, text)
    fraction = _float32(_float32(float(number)) / 100)
    if math.isnan(fraction):
        # Go reads it, and compares with whatever its processor makes of it.
        raise InputError(f"eviction percentage {text} is no number")
    return fraction


def _float32(number: float) -> float:
    value: float = struct.unpack("f", struct.pack("f", number))[0]
    return value


def _with_reclaim(threshold: Threshold, min_reclaim: Limit | None) -> Threshold:
    return Threshold(
        signal=threshold.signal, limit=threshold.limit, grace_ns=threshold.grace_ns, min_reclaim=min_reclaim
    )


def _with_signal(threshold: Threshold, signal: str) -> Threshold:
    return Threshold(
        signal=signal, limit=threshold.limit, grace_ns=threshold.grace_ns, min_reclaim=threshold.min_reclaim
    )


def available_text(observation: Observation, resource: str) -> str:
    """What there is, as messages show it: bytes with binary suffixes, counts with decimal ones."""
    is_bytes = resource in {"memory", "ephemeral-storage"}
    style = QuantityFormat.BINARY_SI if is_bytes else QuantityFormat.DECIMAL_SI
    return str(Amount(nano=observation.available * 10**9, format=style))
