"""How long it is until a pod is synced again though nothing happens to it.

Mirrors kubelet: pkg/kubelet/pod_workers.go, completeWork.
"""

from __future__ import annotations

RESYNC_NS = 60_000_000_000
"""syncFrequency of a configuration that says none."""
RETRY_NS = 10_000_000_000
"""backOffPeriod."""
NETWORK_RETRY_NS = 1_000_000_000
"""backOffOnTransientErrorPeriod."""
JITTER_FACTOR = 0.5


def sync_frequency_problem(frequency_ns: int) -> str:
    """Why a kubelet does not start with this syncFrequency; empty when it does.

    Mirrors kubelet: pkg/kubelet/kubelet.go, NewMainKubelet.
    """
    return f"failed to create kubelet: invalid sync frequency {frequency_ns}" if frequency_ns <= 0 else ""


def retry_delay_ns(
    *, now_ns: int, retry_at_ns: int | None, is_network_not_ready: bool, resync_ns: int = RESYNC_NS
) -> int:
    """The delay after a sync that failed, which is jittered; `retry_at_ns` is when its back-off ends, if it has one.

    It is never longer than until the next sync of a pod to which nothing happens (`resync_ns`).
    """
    if is_network_not_ready:
        return NETWORK_RETRY_NS
    return min(RETRY_NS if retry_at_ns is None else max(retry_at_ns - now_ns, 0), resync_ns)
