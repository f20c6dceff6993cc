"""What becomes of too many Events: similar ones are combined, and then most are dropped.

Rule 1: Events that differ only in their message are similar. From the tenth message on, when no more than 10 minutes
        lie between one and the next, they share one Event whose message is the newest one behind a prefix.
Rule 2: each source may write 25 Events of one type about one object, and then one in 5 minutes.

Mirrors client-go: tools/record/events_cache.go, EventAggregate and EventSourceObjectSpamFilter. That the filter keeps
Normal and Warning events apart was seen on a kubelet 1.36; older releases kept one budget for both, which is not
modelled.
"""

from __future__ import annotations

_SECOND_NS = 10**9

AGGREGATE_MESSAGES = 10
"""From this many different messages on, similar events share one Event."""
AGGREGATE_WINDOW_NS = 600 * _SECOND_NS
"""A longer silence than this starts a new series of similar events."""
AGGREGATE_PREFIX = "(combined from similar events): "

SPAM_BURST = 25
SPAM_REFILL_NS = 300 * _SECOND_NS
_LAST_TOKEN_NS = (SPAM_BURST - 1) * SPAM_REFILL_NS
"""How long it is until the budget is full again when there is one token left."""


def series_after(messages: tuple[str, ...], message: str, *, last_ns: int, now_ns: int) -> tuple[tuple[str, ...], bool]:
    """The messages of a series of similar events after this one, oldest first, and whether it is combined with them.

    The last event before it was at `last_ns`.
    """
    if now_ns - last_ns > AGGREGATE_WINDOW_NS:
        return (message,), False
    if message in messages:
        return messages, False
    messages = (*messages, message)
    if len(messages) < AGGREGATE_MESSAGES:
        return messages, False
    # Upstream forgets any one message when the set is full (Go's map order decides). We forget the oldest.
    return messages[1:], True


def budget_after(full_at_ns: int, *, now_ns: int) -> int | None:
    """When the budget of a source is full again after one more event; None when the event is dropped.

    The budget is kept as the instant at which it is full.
    """
    if full_at_ns - now_ns > _LAST_TOKEN_NS:
        return None
    return (full_at_ns if full_at_ns > now_ns else now_ns) + SPAM_REFILL_NS
