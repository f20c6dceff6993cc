"""How many seconds a pod, and each of its containers, has between the wish to stop it and its SIGKILL.

Mirrors kubelet: pkg/kubelet/pod_workers.go (calculateEffectiveGracePeriod, killPodNow) and
pkg/kubelet/kuberuntime/kuberuntime_container.go (setTerminationGracePeriod, killContainer), and the API server:
pkg/registry/core/pod/strategy.go (CheckGracefulDelete).
"""

from __future__ import annotations

from dataclasses import dataclass

from kubesim.policy.pod_view import PodPhase
from kubesim.policy.sync_plan import KillReason

MINIMUM_GRACE_SECONDS = 2  # every stop of a container leaves the runtime at least this long

_SECOND_NS = 1_000_000_000
_LEAST_KILL_WAIT_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveGrace:
    """The grace of a terminating pod; `is_shortened` when an earlier, longer one was in force."""

    seconds: int
    is_shortened: bool


def deletion_grace_seconds(
    *, requested_seconds: int | None, pod_seconds: int | None, is_scheduled: bool, phase: PodPhase | None
) -> int:
    """metadata.deletionGracePeriodSeconds that the API server writes when a pod is deleted.

    `requested_seconds` is the option of the DELETE, `pod_seconds` spec.terminationGracePeriodSeconds. A pod that is
    not on a node, or whose phase is terminal, goes at once (0); a negative wish means 1.
    """
    seconds = requested_seconds if requested_seconds is not None else pod_seconds or 0
    if not is_scheduled or (phase is not None and phase.is_terminal):
        return 0
    return 1 if seconds < 0 else seconds


def effective_grace(
    *,
    previous_seconds: int = 0,
    deletion_seconds: int | None = None,
    override_seconds: int | None = None,
    pod_seconds: int | None = None,
) -> EffectiveGrace:
    """The pod worker's grace for a pod that is to terminate; never raised once it is set, at least 1.

    Args:
        previous_seconds: the worker's grace so far; 0 when the pod was not terminating.
        deletion_seconds: metadata.deletionGracePeriodSeconds.
        override_seconds: what an eviction, a shutdown or a preemption asks for.
        pod_seconds: spec.terminationGracePeriodSeconds; counts only when nothing else was asked for.
    """
    seconds, asked = previous_seconds, False
    for wish in (deletion_seconds, override_seconds):
        if wish is not None and (seconds == 0 or wish < seconds):
            seconds, asked = wish, True
    if seconds == 0 and not asked and pod_seconds is not None:
        seconds = pod_seconds
    seconds = max(seconds, 1)
    return EffectiveGrace(seconds=seconds, is_shortened=previous_seconds not in {0, seconds})


def container_grace_seconds(
    *,
    reason: KillReason = KillReason.OTHER,
    override_seconds: int | None = None,
    deletion_seconds: int | None = None,
    probe_seconds: int | None = None,
    pod_seconds: int | None = None,
) -> int:
    """The grace with which the kill of one container begins, before preStop and ordering take their part.

    `override_seconds` is the pod worker's effective grace (or 0 for RestartAllContainers); `probe_seconds` the
    terminationGracePeriodSeconds of the probe that failed, which counts only for that probe's kill.
    """
    if override_seconds is not None:
        return override_seconds
    if deletion_seconds is not None:
        return deletion_seconds
    if pod_seconds is None:
        return MINIMUM_GRACE_SECONDS
    by_probe = reason in {KillReason.STARTUP_PROBE, KillReason.LIVENESS_PROBE}
    return probe_seconds if by_probe and probe_seconds is not None else pod_seconds


def remaining_grace_seconds(grace_seconds: int, *, spent_ns: int) -> int:
    """Grace left after a preStop hook, or after waiting for another container: whole seconds are taken off."""
    return grace_seconds - spent_ns // _SECOND_NS


def stop_timeout_seconds(grace_seconds: int) -> int:
    """The timeout that StopContainer gets: what is left of the grace, but never less than 2."""
    return max(grace_seconds, MINIMUM_GRACE_SECONDS)


def kill_wait_seconds(*, override_seconds: int | None, pod_seconds: int | None) -> int:
    """How long an eviction or a shutdown waits for a pod to end: 1.5 times the grace, at least 10."""
    seconds = override_seconds if override_seconds is not None else pod_seconds or 0
    return max(seconds + seconds // 2, _LEAST_KILL_WAIT_SECONDS)
