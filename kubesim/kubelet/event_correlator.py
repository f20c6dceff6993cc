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

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from kubesim.kernel import Kernel
from kubesim.model.frozen_records import replace

SECOND_NS = 10**9

AGGREGATE_MESSAGES = 10
"""From this many different messages on, similar events share one Event."""
AGGREGATE_WINDOW_NS = 600 * SECOND_NS
"""A longer silence than this starts a new series of similar events."""
AGGREGATE_PREFIX = "(combined from similar events): "

SPAM_BURST = 25
SPAM_REFILL_NS = 300 * SECOND_NS

CACHE_ENTRIES = 4096

V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDraft:
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
    annotations: Mapping[str, str] = field(default_factory=dict)
    count: int = 1
    is_aggregate: bool = False
    """Whether it stands for similar events: without reporting controller and annotations, as upstream's."""

    @property
    def key(self) -> tuple[str, ...]:
        """Equal for the same event said again. Upstream getEventKey."""
        return (*self.similar_key, self.field_path, self.message)

    @property
    def similar_key(self) -> tuple[str, ...]:
        """Equal for events that vary only in their message. Upstream EventAggregatorByReasonFunc."""
        return (*self.spam_key, self.reason)

    @property
    def spam_key(self) -> tuple[str, ...]:
        """Equal for events that share a budget. Upstream getSpamKey."""
        return (self.kind, self.namespace, self.object_name, self.uid, self.event_type)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Series:
    """Similar events: the messages seen, oldest first, and when the last one came."""

    messages: tuple[str, ...]
    last_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Observation:
    """What was written last under a key."""

    name: str
    first_ns: int
    count: int


class _Cache(Generic[V]):
    """Keeps the entries that were used last."""

    def __init__(self) -> None:
        self._entries: OrderedDict[tuple[str, ...], V] = OrderedDict()

    def get(self, key: tuple[str, ...]) -> V | None:
        if key in self._entries:
            self._entries.move_to_end(key)
        return self._entries.get(key)

    def put(self, key: tuple[str, ...], value: V) -> None:
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > CACHE_ENTRIES:
            self._entries.popitem(last=False)


class EventCorrelator:
    """Remembers what was written and decides about the next event."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._series: _Cache[_Series] = _Cache()
        self._observations: _Cache[_Observation] = _Cache()
        self._full_at: _Cache[int] = _Cache()

    def correlate(self, draft: EventDraft) -> EventDraft | None:
        """The event to write, or None when it is dropped. A count above 1 means that its Event exists."""
        combined, key = self._aggregated(draft)
        observed = self._counted(combined, key)
        return observed if self._is_within_budget(observed) else None

    def _aggregated(self, draft: EventDraft) -> tuple[EventDraft, tuple[str, ...]]:
        now_ns = self._kernel.now_ns
        series = self._series.get(draft.similar_key)
        messages: tuple[str, ...] = ()
        if series is not None and now_ns - series.last_ns <= AGGREGATE_WINDOW_NS:
            messages = series.messages
        if draft.message not in messages:
            messages = (*messages, draft.message)
        is_aggregate = len(messages) >= AGGREGATE_MESSAGES
        # Upstream forgets any one message when the set is full (Go's map order decides). We forget the oldest.
        kept = messages[1:] if is_aggregate else messages
        self._series.put(draft.similar_key, _Series(messages=kept, last_ns=now_ns))
        if not is_aggregate:
            return draft, draft.key
        combined = replace(draft, message=AGGREGATE_PREFIX + draft.message, annotations={}, is_aggregate=True)
        # One key for the whole series: the next combined event overwrites this one.
        return combined, draft.similar_key

    def _counted(self, draft: EventDraft, key: tuple[str, ...]) -> EventDraft:
        before = self._observations.get(key)
        if before is not None:
            draft = replace(draft, name=before.name, first_ns=before.first_ns, count=before.count + 1)
        self._observations.put(key, _Observation(name=draft.name, first_ns=draft.first_ns, count=draft.count))
        return draft

    def _is_within_budget(self, draft: EventDraft) -> bool:
        """A bucket of 25 tokens, kept as the instant at which it is full again."""
        now_ns = self._kernel.now_ns
        full_at_ns = max(self._full_at.get(draft.spam_key) or now_ns, now_ns) + SPAM_REFILL_NS
        if full_at_ns - now_ns > SPAM_BURST * SPAM_REFILL_NS:
            return False
        self._full_at.put(draft.spam_key, full_at_ns)
        return True
