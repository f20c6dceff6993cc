"""How long a crashed container, or a failed image pull, waits before the next try.

One machine serves both: an entry per key, doubled with every try that was let through. The kubelet asks before a try
(`in_backoff`), and records one that it let through (`next_entry`).

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_manager.go (doBackOff), pkg/kubelet/images/image_manager.go, and
staging/src/k8s.io/client-go/util/flowcontrol/backoff.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec import Struct

from kubesim.model.duration import format_duration
from kubesim.policy.feature_gates import DEFAULT_GATES, gate_enabled
from kubesim.policy.pod_view import PodView, RuntimePod, RuntimeState, Waiting

CRASH_LOOP_BACK_OFF = "CrashLoopBackOff"

_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BackoffPolicy:
    """First delay, longest delay, and the quiet time after which an entry starts over; all ns."""

    initial_ns: int = 10 * _SECOND_NS
    max_ns: int = 300 * _SECOND_NS
    reset_ns: int = 600 * _SECOND_NS


IMAGE_PULL_BACKOFF = BackoffPolicy()
"""The back-off of image pulls; no gate and no option changes it."""


class BackoffEntry(Struct, frozen=True, kw_only=True, gc=False):
    """The delay that one key has reached, and when it last changed; both ns."""

    duration_ns: int
    last_update_ns: int


class CrashLoopDecision(Struct, frozen=True, kw_only=True, gc=False):
    """What doBackOff decided for one container.

    `waiting` and `event_message` are set while the container is held back; `until_ns` is when that ends. Otherwise the
    container starts, and `entry` is the new entry to remember (unchanged, or None, when there is no crash to count).
    """

    entry: BackoffEntry | None
    waiting: Waiting | None = None
    event_message: str = ""
    until_ns: int = 0

    @property
    def is_held_back(self) -> bool:
        """Whether the container must not start now."""
        return self.waiting is not None


def crash_loop_policy(
    gates: Mapping[str, bool] = DEFAULT_GATES, *, max_restart_period_ns: int | None = None
) -> BackoffPolicy:
    """The back-off of containers for these gates.

    `max_restart_period_ns` is `crashLoopBackOff.maxContainerRestartPeriod` (1 s to 300 s), None when not configured:
    with the gate KubeletCrashLoopBackOffMax it is then 300 s, which also beats the 60 s of the other gate.
    Mirrors kubelet: pkg/kubelet/kubelet.go, newCrashLoopBackOff.
    """
    default = BackoffPolicy()
    initial_ns, max_ns = default.initial_ns, default.max_ns
    if gate_enabled(gates, "ReduceDefaultCrashLoopBackOffDecay"):
        initial_ns, max_ns = _SECOND_NS, 60 * _SECOND_NS
    if gate_enabled(gates, "KubeletCrashLoopBackOffMax"):
        max_ns = default.max_ns if max_restart_period_ns is None else max_restart_period_ns
        initial_ns = min(initial_ns, max_ns)
    return BackoffPolicy(initial_ns=initial_ns, max_ns=max_ns, reset_ns=default.reset_ns)


def in_backoff(entry: BackoffEntry | None, policy: BackoffPolicy, *, event_ns: int, now_ns: int) -> bool:
    """Whether a try is held back. `event_ns` is when the container finished.

    An entry that has been quiet for longer than the reset time before the event does not count.
    Mirrors IsInBackOffSince.
    """
    if entry is None or event_ns - entry.last_update_ns > policy.reset_ns:
        return False
    return now_ns - event_ns < entry.duration_ns


def in_backoff_since_update(entry: BackoffEntry | None, policy: BackoffPolicy, *, now_ns: int) -> bool:
    """Whether a try is held back, measured from the entry's own last update (image pulls).

    Mirrors IsInBackOffSinceUpdate.
    """
    if entry is None or now_ns - entry.last_update_ns > policy.reset_ns:
        return False
    return now_ns - entry.last_update_ns < entry.duration_ns


def next_entry(entry: BackoffEntry | None, policy: BackoffPolicy, *, event_ns: int, now_ns: int) -> BackoffEntry:
    """The entry after one more try was let through: the first delay, or twice the last, up to the maximum.

    `event_ns` is what the reset time is measured to: the container's end, or now for an image pull. Mirrors Next.
    """
    if entry is None or event_ns - entry.last_update_ns > policy.reset_ns:
        return BackoffEntry(duration_ns=policy.initial_ns, last_update_ns=now_ns)
    return BackoffEntry(duration_ns=min(2 * entry.duration_ns, policy.max_ns), last_update_ns=now_ns)


def crash_loop_decision(
    pod: PodView,
    container_name: str,
    runtime: RuntimePod,
    entry: BackoffEntry | None,
    policy: BackoffPolicy,
    *,
    now_ns: int,
) -> CrashLoopDecision:
    """Whether a container that is about to start must wait, because it ended a short while ago.

    The end is that of the newest exited container of the name; without one the container starts at once and nothing is
    counted. Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_manager.go, doBackOff.
    """
    for one in runtime.containers:
        if one.name == container_name and one.state is RuntimeState.EXITED:
            finished_ns = one.finished_at_ns
            break
    else:
        return CrashLoopDecision(entry=entry)
    if entry is not None and in_backoff(entry, policy, event_ns=finished_ns, now_ns=now_ns):
        delay = format_duration(entry.duration_ns)
        message = f"back-off {delay} restarting failed container={container_name} pod={pod.display_name}"
        return CrashLoopDecision(
            entry=entry,
            waiting=Waiting(reason=CRASH_LOOP_BACK_OFF, message=message),
            event_message=f"Back-off restarting failed container {container_name} in pod {pod.display_name}",
            until_ns=finished_ns + entry.duration_ns,
        )
    return CrashLoopDecision(entry=next_entry(entry, policy, event_ns=finished_ns, now_ns=now_ns))
