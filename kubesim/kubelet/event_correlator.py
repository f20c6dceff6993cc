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
from dataclasses import dataclass
from typing import Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from kubesim.kernel import Kernel

SECOND_NS = 10**9

AGGREGATE_MESSAGES = 10
"""From this many different messages on, similar events share one Event."""
AGGREGATE_WINDOW_NS = 600 * SECOND_NS
"""A longer silence than this starts a new series of similar events."""
AGGREGATE_PREFIX = "(combined from similar events): "

SPAM_BURST = 25
SPAM_REFILL_NS = 300 * SECOND_NS

CACHE_ENTRIES = 4096

K = TypeVar("K")
V = TypeVar("V")


class EventDraft(Struct, frozen=True, kw_only=True):
    """An event that somebody wants to write. `name` is the Event's own name."""

    kind: str
    namespace: str
    object_name: str
    uid: str
    field_path: str
    resource_version: str = ""
    event_type: str
    reason: str
    message: str
    name: str
    first_ns: int
    last_ns: int
    annotations: Mapping[str, str] = {}
    count: int = 1
    is_aggregate: bool = False
    """Whether it stands for similar events: without reporting controller and annotations, as upstream's."""

    @property
    def spam_key(self) -> SpamKey:
        """Equal for events that share a budget. Upstream getSpamKey."""
        return (self.kind, self.namespace, self.object_name, self.uid, self.event_type)


SpamKey = tuple[str, str, str, str, str]

SimilarKey = tuple[SpamKey, str]
"""With the reason: equal for events that vary only in their message. Upstream EventAggregatorByReasonFunc."""

EventKey = tuple[SimilarKey, str, str]
"""With field path and message: equal for the same event said again. Upstream getEventKey.

A key holds the one before it, so that those of a pod share what they have in common.
"""


@dataclass(frozen=True, slots=True)
class _Budget:
    """Of one source: when its bucket is full again."""

    key: SpamKey
    full_at_ns: int


@dataclass(frozen=True, slots=True)
class _Series:
    """Similar events: the messages seen, oldest first, and when the last one came."""

    key: SimilarKey
    messages: tuple[str, ...]
    last_ns: int


@dataclass(frozen=True, slots=True)
class _Observation:
    """What was written last under a key."""

    name: str
    first_ns: int
    count: int


class _Cache(Generic[K, V]):
    """Keeps the entries that were used last."""

    def __init__(self) -> None:
        # In the order of their use. An OrderedDict would take twice the memory.
        self._entries: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        value = self._entries.pop(key, None)
        if value is not None:
            self._entries[key] = value
        return value

    def put(self, key: K, value: V) -> None:
        self._entries.pop(key, None)
        self._entries[key] = value
        if len(self._entries) > CACHE_ENTRIES:
            del self._entries[next(iter(self._entries))]


class EventCorrelator:
    """Remembers what was written and decides about the next event."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._series: _Cache[SimilarKey, _Series] = _Cache()
        self._observations: _Cache[SimilarKey | EventKey, _Observation] = _Cache()
        self._budgets: _Cache[SpamKey, _Budget] = _Cache()

    def correlate(self, draft: EventDraft) -> EventDraft | None:
        """The event to write, or None when it is dropped. A count above 1 means that its Event exists."""
        budget = self._budgets.get(draft.spam_key) or _Budget(draft.spam_key, full_at_ns=0)
        combined, key = self._aggregated(draft, budget.key)
        observed = self._counted(combined, key)
        if not self._is_within(budget):
            return None
        if observed.count == combined.count:
            return combined
        return replace(combined, name=observed.name, first_ns=observed.first_ns, count=observed.count)

    def _aggregated(self, draft: EventDraft, spam_key: SpamKey) -> tuple[EventDraft, SimilarKey | EventKey]:
        now_ns, similar_key = self._kernel.now_ns, (spam_key, draft.reason)
        series = self._series.get(similar_key)
        messages: tuple[str, ...] = ()
        if series is not None:
            similar_key = series.key
            if now_ns - series.last_ns <= AGGREGATE_WINDOW_NS:
                messages = series.messages
        known = next((one for one in messages if one == draft.message), None)
        if known is None:
            messages = (*messages, draft.message)
        elif known is not draft.message:
            # What is said again and again is kept once.
            draft = replace(draft, message=known)
        is_aggregate = len(messages) >= AGGREGATE_MESSAGES
        # Upstream forgets any one message when the set is full (Go's map order decides). We forget the oldest.
        kept = messages[1:] if is_aggregate else messages
        self._series.put(similar_key, _Series(similar_key, kept, now_ns))
        if not is_aggregate:
            return draft, (similar_key, draft.field_path, draft.message)
        combined = replace(draft, message=AGGREGATE_PREFIX + draft.message, annotations={}, is_aggregate=True)
        # One key for the whole series: the next combined event overwrites this one.
        return combined, similar_key

    def _counted(self, draft: EventDraft, key: SimilarKey | EventKey) -> _Observation:
        before = self._observations.get(key)
        if before is None:
            observed = _Observation(draft.name, draft.first_ns, draft.count)
        else:
            observed = _Observation(before.name, before.first_ns, before.count + 1)
        self._observations.put(key, observed)
        return observed

    def _is_within(self, budget: _Budget) -> bool:
        """Take one of 25 tokens, if there is one left: the bucket is kept as the instant at which it is full again."""
        now_ns = self._kernel.now_ns
        full_at_ns = max(budget.full_at_ns, now_ns) + SPAM_REFILL_NS
        if full_at_ns - now_ns > SPAM_BURST * SPAM_REFILL_NS:
            return False
        self._budgets.put(budget.key, _Budget(budget.key, full_at_ns))
        return True
