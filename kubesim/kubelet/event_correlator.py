"""What becomes of an event before it is written: counted, combined with similar ones, or dropped.

    event ──> its series: combined? ──> its Event: counted ──> its budget: dropped?

An event that was written before raises the count of its Event. A dropped event was counted, so the count jumps when the
next one passes. The rules are `kubesim.policy.event_limits`.

Mirrors client-go: tools/record/events_cache.go, EventCorrelate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from msgspec import Struct

from kubesim.kernel import Kernel
from kubesim.kubelet.event_reference import EventReference
from kubesim.policy.event_limits import AGGREGATE_PREFIX, budget_after, series_after

CACHE_ENTRIES = 4096

Key = TypeVar("Key")
Value = TypeVar("Value")

SpamKey = tuple[str, str, str, str, str]
"""Equal for events that share a budget. Upstream getSpamKey."""

SimilarKey = tuple[SpamKey, str]
"""With the reason: equal for events that vary only in their message. Upstream EventAggregatorByReasonFunc."""

EventKey = tuple[SimilarKey, str, str]
"""With field path and message: equal for the same event said again. Upstream getEventKey.

A key holds the one before it, so that those of a pod share what they have in common.
"""


class Said(Struct, frozen=True, gc=False):
    """What happened to whom, as it was recorded."""

    target: EventReference
    event_type: str
    reason: str
    message: str
    annotations: Mapping[str, str] | None


class Correlated(Struct, frozen=True, gc=False):
    """What is to be written of an event: a count above 1 means that its Event exists.

    `is_aggregate` says that it stands for similar events: without reporting controller and annotations, as upstream's.
    """

    name: str
    first_ns: int
    count: int
    message: str
    is_aggregate: bool


class _Budget(Struct, gc=False):
    """Of one source: when its bucket is full again."""

    key: SpamKey
    full_at_ns: int


class _Series(Struct, gc=False):
    """Similar events: the messages seen, oldest first, and when the last one came."""

    key: SimilarKey
    messages: tuple[str, ...]
    last_ns: int


class _Observation(Struct, gc=False):
    """What was written last under a key. The name is made when it is written."""

    key: SimilarKey | EventKey
    name: str
    named_ns: int
    first_ns: int
    count: int


class EventCorrelator:
    """Remembers what was written and decides about the next event."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        # All in the order of their use: what is used is taken out and put at the end. An OrderedDict would take twice
        # the memory.
        self._series: dict[SimilarKey, _Series] = {}
        self._observations: dict[SimilarKey | EventKey, _Observation] = {}
        self._budgets: dict[SpamKey, _Budget] = {}

    def correlate(self, said: Said, name: str, named_ns: int, said_ns: int) -> Correlated | None:
        """What to write, or None when it is dropped.

        `named_ns` is in the name of the Event, if there is none yet; `name` is another one for it. The event was
        recorded at `said_ns`; whether it is one too many is a matter of now.
        """
        now_ns, target, message = self._kernel.now_ns, said.target, said.message
        all_budgets, all_series, observations = self._budgets, self._series, self._observations
        spam_key = (target.kind, target.namespace, target.name, target.uid, said.event_type)
        budget = all_budgets.pop(spam_key, None)
        if budget is None:
            budget = _Budget(spam_key, 0)
            _make_room(all_budgets)
        spam_key = budget.key
        all_budgets[spam_key] = budget
        similar_key = (spam_key, said.reason)
        series = all_series.pop(similar_key, None)
        if series is None:
            series = _Series(similar_key, (), now_ns)
            _make_room(all_series)
        similar_key = series.key
        all_series[similar_key] = series
        series.messages, is_aggregate = series_after(series.messages, message, last_ns=series.last_ns, now_ns=now_ns)
        series.last_ns = now_ns
        # A series that is combined has one key: the next combined event overwrites this one.
        key: SimilarKey | EventKey = similar_key if is_aggregate else (similar_key, target.field_path, message)
        observed = observations.pop(key, None)
        if observed is None:
            observed = _Observation(key, name, named_ns, said_ns, 0)
            _make_room(observations)
        observed.count += 1
        observations[observed.key] = observed
        full_at_ns = budget_after(budget.full_at_ns, now_ns=now_ns)
        if full_at_ns is None:
            return None
        budget.full_at_ns = full_at_ns
        observed.name = observed.name or event_name(target.name, observed.named_ns)
        text = AGGREGATE_PREFIX + message if is_aggregate else message
        return Correlated(observed.name, observed.first_ns, observed.count, text, is_aggregate)


def event_name(object_name: str, named_ns: int) -> str:
    """The name of an Event about an object. Mirrors client-go: tools/record/event.go, makeEvent."""
    return f"{object_name}.{named_ns:x}"


def _make_room(entries: dict[Key, Value]) -> None:
    """For a new entry: the one goes that was not used for longest."""
    if len(entries) >= CACHE_ENTRIES:
        del entries[next(iter(entries))]
