"""How long it is until a pod is synced again though nothing happens to it.

Mirrors kubelet: pkg/kubelet/pod_workers.go, completeWork.
"""

from __future__ import annotations

RESYNC_NS = 60_000_000_000
"""syncFrequency."""
RETRY_NS = 10_000_000_000
"""backOffPeriod."""
NETWORK_RETRY_NS = 1_000_000_000
"""backOffOnTransientErrorPeriod."""
JITTER_FACTOR = 0.5


def retry_delay_ns(*, now_ns: int, retry_at_ns: int | None, is_network_not_ready: bool) -> int:
    """The delay after a sync that failed, which is jittered; `retry_at_ns` is when its back-off ends, if it has one."""
    if is_network_not_ready:
        return NETWORK_RETRY_NS
    if retry_at_ns is None:
        return RETRY_NS
    return min(max(retry_at_ns - now_ns, 0), RESYNC_NS)
