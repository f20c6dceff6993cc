"""Does a container that exited start again, and does its exit restart the whole pod?

Mirrors kubelet: pkg/api/v1/pod/util.go (ContainerShouldRestart) and pkg/kubelet/container/helpers.go
(ShouldContainerBeRestarted, ShouldAllContainersRestart, AllContainersRestartCleanedUp).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from kubesim.policy.feature_gates import DEFAULT_GATES, gate_enabled
from kubesim.policy.pod_view import (
    ContainerSpecView,
    PodStatusView,
    PodView,
    RestartRule,
    RuntimePod,
    RuntimeState,
    Terminated,
    status_of,
)

RESTART = "Restart"
RESTART_ALL_CONTAINERS = "RestartAllContainers"


def matching_rule(container: ContainerSpecView, exit_code: int) -> RestartRule | None:
    """The first rule of the container that names this exit code, or None."""
    for rule in container.restart_rules:
        listed = exit_code in rule.exit_codes
        if (rule.operator == "In" and listed) or (rule.operator == "NotIn" and not listed):
            return rule
    return None


def container_should_restart(
    container: ContainerSpecView,
    *,
    pod_restart_policy: str,
    exit_code: int,
    gates: Mapping[str, bool] = DEFAULT_GATES,
) -> bool:
    """Whether a container that exited with this code starts again.

    A container's own policy and rules win over the pod's policy; an empty pod policy means Always. Without the gate
    ContainerRestartRules only a sidecar has a policy of its own.
    """
    policy = container.restart_policy
    if policy and (gate_enabled(gates, "ContainerRestartRules") or container.is_sidecar):
        rule = matching_rule(container, exit_code)
        if rule is not None and rule.action == RESTART:
            return True
        restart_all = gate_enabled(gates, "RestartAllContainersOnContainerExits")
        if rule is not None and rule.action == RESTART_ALL_CONTAINERS and restart_all:
            return True
        return _policy_restarts(policy, exit_code)
    return _policy_restarts(pod_restart_policy or "Always", exit_code)


def should_container_be_restarted(
    container: ContainerSpecView,
    pod: PodView,
    runtime: RuntimePod,
    gates: Mapping[str, bool] = DEFAULT_GATES,
) -> bool:
    """Whether the next sync of the pod should start this container.

    True for a container that the runtime does not know: it never ran, or its traces are gone.
    """
    if pod.is_deletion_requested:
        return False
    newest = runtime.newest(container.name)
    if newest is None:
        return True
    match newest.state:
        case RuntimeState.RUNNING:
            return False
        case RuntimeState.EXITED:
            return container_should_restart(
                container, pod_restart_policy=pod.restart_policy, exit_code=newest.exit_code, gates=gates
            )
        case RuntimeState.CREATED | RuntimeState.UNKNOWN:
            return True
        case _:
            assert_never(newest.state)


def all_containers_could_restart(pod: PodView) -> bool:
    """Whether any init or regular container has a rule with the action RestartAllContainers."""
    for container in pod.init_containers + pod.containers:
        for rule in container.restart_rules:
            if rule.action == RESTART_ALL_CONTAINERS:
                return True
    return False


def should_all_containers_restart(
    pod: PodView, runtime: RuntimePod | None, old: PodStatusView, gates: Mapping[str, bool] = DEFAULT_GATES
) -> bool:
    """Whether a RestartAllContainers action is under way: it was before, or a container's exit has just asked for it.

    `old` is the status manager's cached status, or the API's when there is none. The API's exit code counts too: the
    runtime may report another code for the same container after it was killed. Without a `runtime` only `old` is
    looked at, as a probe worker does.
    """
    if not gate_enabled(gates, "RestartAllContainersOnContainerExits"):
        return False
    condition = old.condition("AllContainersRestarting")
    if condition is not None and condition.status == "True":
        return True
    statuses = old.init_container_statuses + old.container_statuses
    for container in pod.init_containers + pod.containers:
        if not container.restart_rules:
            continue
        if runtime is not None:
            newest = runtime.newest(container.name)
            if newest is None or newest.state is not RuntimeState.EXITED:
                continue
            if asks_to_restart_all(container, newest.exit_code):
                return True
        status = status_of(statuses, container.name)
        shown = status.state if status is not None else None
        if isinstance(shown, Terminated) and asks_to_restart_all(container, shown.exit_code):
            return True
    return False


def asks_to_restart_all(container: ContainerSpecView, exit_code: int) -> bool:
    """Whether the first rule of the container that names this exit code restarts all containers of the pod."""
    rule = matching_rule(container, exit_code)
    return rule is not None and rule.action == RESTART_ALL_CONTAINERS


def all_containers_restart_cleaned_up(pod: PodView, runtime: RuntimePod) -> bool:
    """Whether the runtime has no container left of any init or regular container: the restart may begin."""
    names = {container.name for container in pod.init_containers + pod.containers}
    return not any(container.name in names for container in runtime.containers)


def _policy_restarts(policy: str, exit_code: int) -> bool:
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)
