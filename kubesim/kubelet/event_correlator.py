"""What becomes of an event before it is written: counted, combined with similar ones, or dropped.

Rules, in this order
    1. Aggregation. Events that differ only in their message are similar. From the tenth message on, when no more than
       10 minutes lie between one and the next, they share one Event whose message is the newest one behind a prefix.
    2. Counting. An event that was written before raises the count of its Event.
    3. The spam filter. Each source may write 25 events of one type about one object, and then one in 5 minutes.
       A dropped event was already counted, so the count jumps when the next one passes.

Mirrors client-go: tools/record/events_cache.go, EventCorrelate. That the filter keeps Normal and Warning events apart
was seen on a kubelet 1.36; older releases kept one budget for both, which is not modelled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from msgspec import Struct

from kubesim.kernel import Kernel
from kubesim.kubelet.event_reference import EventReference

SECOND_NS = 10**9

AGGREGATE_MESSAGES = 10
"""From this many different messages on, similar events share one Event."""
AGGREGATE_WINDOW_NS = 600 * SECOND_NS
"""A longer silence than this starts a new series of similar events."""
AGGREGATE_PREFIX = "(combined from similar events): "

SPAM_BURST = 25
SPAM_REFILL_NS = 300 * SECOND_NS
_SPAM_EMPTY_NS = SPAM_BURST * SPAM_REFILL_NS

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
        elif now_ns - series.last_ns > AGGREGATE_WINDOW_NS:
            series.messages = ()  # after a long silence it begins anew
        series.last_ns = now_ns
        similar_key = series.key
        all_series[similar_key] = series
        is_aggregate = message not in series.messages and _add(series, message)
        # A series that is combined has one key: the next combined event overwrites this one.
        key: SimilarKey | EventKey = similar_key if is_aggregate else (similar_key, target.field_path, message)
        observed = observations.pop(key, None)
        if observed is None:
            observed = _Observation(key, name, named_ns, said_ns, 0)
            _make_room(observations)
        observed.count += 1
        observations[observed.key] = observed
        # Take one of 25 tokens, if there is one left: the bucket is kept as the instant at which it is full again.
        full_at_ns = budget.full_at_ns
        if full_at_ns - now_ns > _SPAM_EMPTY_NS - SPAM_REFILL_NS:
            return None
        budget.full_at_ns = (full_at_ns if full_at_ns > now_ns else now_ns) + SPAM_REFILL_NS
        observed.name = observed.name or event_name(target.name, observed.named_ns)
        text = AGGREGATE_PREFIX + message if is_aggregate else message
        return Correlated(observed.name, observed.first_ns, observed.count, text, is_aggregate)


def event_name(object_name: str, named_ns: int) -> str:
    """The name of an Event about an object. Mirrors client-go: tools/record/event.go, makeEvent."""
    return f"{object_name}.{named_ns:x}"


def _add(series: _Series, message: str) -> bool:
    """Add a new message to a series; whether it is combined with the others."""
    series.messages = (*series.messages, message)
    is_aggregate = len(series.messages) >= AGGREGATE_MESSAGES
    if is_aggregate:
        # Upstream forgets any one message when the set is full (Go's map order decides). We forget the oldest.
        series.messages = series.messages[1:]
    return is_aggregate


def _make_room(entries: dict[Key, Value]) -> None:
    """For a new entry: the one goes that was not used for longest."""
    if len(entries) >= CACHE_ENTRIES:
        del entries[next(iter(entries))]
