"""What a probe's result changes in a pod's cached status, before the sync that it asks for.

Mirrors kubelet: pkg/kubelet/status/status_manager.go, SetContainerReadiness and SetContainerStartup.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kubesim.model.frozen_records import replace
from kubesim.policy.feature_gates import DEFAULT_GATES, gate_enabled
from kubesim.policy.pod_conditions import containers_ready_condition, ready_condition, replaced_or_appended
from kubesim.policy.pod_view import ContainerStatusView, PodPhase, PodStatusView, PodView


def with_container_ready(
    pod: PodView,
    status: PodStatusView,
    container_id: str,
    *,
    ready: bool,
    gates: Mapping[str, bool] = DEFAULT_GATES,
) -> PodStatusView | None:
    """The status with this container ready or not, and the conditions Ready and ContainersReady that follow.

    None when nothing changes, or no container has the id.
    """
    changed = _changed(status, container_id, lambda one: None if one.ready is ready else replace(one, ready=ready))
    if changed is None:
        return None
    statuses = (*changed.init_container_statuses, *changed.container_statuses)
    phase = changed.phase or PodPhase.PENDING
    observed = pod.generation if gate_enabled(gates, "PodObservedGenerationTracking") else None
    conditions = list(changed.conditions)
    for condition in (
        ready_condition(pod, statuses, phase, conditions=changed.conditions),
        containers_ready_condition(pod, statuses, phase),
    ):
        conditions = replaced_or_appended(conditions, replace(condition, observed_generation=observed))
    return replace(changed, conditions=tuple(conditions))


def with_container_started(status: PodStatusView, container_id: str, *, started: bool) -> PodStatusView | None:
    """The status with this container started or not; None when nothing changes, or no container has the id."""
    return _changed(status, container_id, lambda one: None if one.started is started else replace(one, started=started))


def _changed(
    status: PodStatusView,
    container_id: str,
    change: Callable[[ContainerStatusView], ContainerStatusView | None],
) -> PodStatusView | None:
    def with_change(rows: tuple[ContainerStatusView, ...]) -> tuple[ContainerStatusView, ...] | None:
        for index, row in enumerate(rows):
            if row.container_id == container_id:
                new = change(row)
                return None if new is None else (*rows[:index], new, *rows[index + 1 :])
        return None

    regular = with_change(status.container_statuses)
    if regular is not None:
        return replace(status, container_statuses=regular)
    init = with_change(status.init_container_statuses)
    return None if init is None else replace(status, init_container_statuses=init)
