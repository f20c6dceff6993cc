"""What one sync of a running pod has to do: which sandbox and containers to kill, create, start or reset.

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_manager.go, computePodActions.
"""

from __future__ import annotations

from msgspec.structs import replace

from kubesim.policy.container_status import has_any_regular_container_created
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.init_actions import init_container_actions
from kubesim.policy.pod_view import ContainerSpecView, ProbeResult, RuntimeContainer, RuntimeState
from kubesim.policy.restart import asks_to_restart_all
from kubesim.policy.sandbox_change import sandbox_change
from kubesim.policy.sync_plan import (
    ActionInputs,
    ContainerToKill,
    ContainerToReset,
    KillReason,
    PodActions,
    resize_kill,
    unknown_state_kill,
)


def pod_actions(inputs: ActionInputs) -> PodActions:
    """The plan for one sync of the pod."""
    change = sandbox_change(inputs.pod, inputs.runtime)
    sandbox_id, attempt, needed = change.sandbox_id, change.attempt, change.is_needed
    if inputs.is_restarting_all:
        # Without a usable sandbox the kubelet first kills all and makes a new one; what is left is reset next time.
        return PodActions(
            sandbox_id=sandbox_id,
            attempt=attempt,
            kill_pod=needed,
            create_sandbox=needed,
            containers_to_reset=_reset_order(inputs),
        )
    if needed:
        return _new_sandbox_actions(inputs, PodActions(sandbox_id=sandbox_id, attempt=attempt, kill_pod=True))
    init = init_container_actions(inputs)
    actions = PodActions(
        sandbox_id=sandbox_id,
        attempt=attempt,
        # Ephemeral containers start even before initialisation is done, and never again.
        ephemeral_containers_to_start=tuple(
            [one.name for one in inputs.pod.ephemeral_containers if inputs.runtime.newest(one.name) is None]
        ),
        kill_pod=init.kill_pod,
        init_containers_to_start=init.to_start,
        containers_to_kill=init.to_kill,
        containers_to_resize=init.to_resize,
        restarts_to_resize=init.restarts_to_resize,
    )
    if init.kill_pod or not init.has_initialized:
        return actions
    return _regular_actions(inputs, actions)


def _reset_order(inputs: ActionInputs) -> tuple[ContainerToReset, ...]:
    """All containers of the pod, those whose exit asks for it last: their record is the proof of the request.

    Mirrors getContainersToReset, whose lists keep the order of the spec.
    """
    found: dict[bool, list[ContainerToReset]] = {False: [], True: []}
    for container in inputs.pod.containers + inputs.pod.init_containers:
        for one in inputs.runtime.containers:
            if one.name == container.name:
                has_exited = one.state is RuntimeState.EXITED
                reset = ContainerToReset(name=one.name, container_id=one.id, is_killed=not has_exited)
                found[has_exited and asks_to_restart_all(container, one.exit_code)].append(reset)
    return tuple(found[False] + found[True])


def _new_sandbox_actions(inputs: ActionInputs, actions: PodActions) -> PodActions:
    """The plan of a pod without a usable sandbox: all is killed; is there anything left to run in a new one?"""
    pod, runtime = inputs.pod, inputs.runtime
    if pod.restart_policy == "Never" and actions.attempt != 0 and runtime.containers:
        return actions
    startable = tuple(one.name for one in pod.containers if not _succeeded_for_good(inputs, one))
    if not startable and has_any_regular_container_created(pod, runtime):
        return actions
    if pod.init_containers:
        first = pod.init_containers[0].name
        return replace(actions, create_sandbox=True, init_containers_to_start=(first,))
    return replace(actions, create_sandbox=True, containers_to_start=startable)


def _succeeded_for_good(inputs: ActionInputs, container: ContainerSpecView) -> bool:
    policy = inputs.pod.restart_policy
    if container.restart_policy and gate_enabled(inputs.gates, "ContainerRestartRules"):
        policy = container.restart_policy
    newest = inputs.runtime.newest(container.name)
    exited = newest is not None and newest.state is RuntimeState.EXITED and newest.exit_code == 0
    return policy == "OnFailure" and exited


def _regular_actions(inputs: ActionInputs, actions: PodActions) -> PodActions:
    """The regular containers of an initialised pod."""
    to_start: list[str] = []
    to_kill, to_resize = actions.containers_to_kill, actions.containers_to_resize
    restarts_to_resize = actions.restarts_to_resize
    kept = 0
    for container in inputs.pod.containers:
        newest = inputs.runtime.newest(container.name)
        if newest is None or newest.state is not RuntimeState.RUNNING:
            if inputs.is_restarted(container):
                to_start.append(container.name)
                if newest is not None and newest.state is RuntimeState.UNKNOWN:
                    to_kill += (unknown_state_kill("Container", newest),)
            continue
        fault = _fault(inputs, container, newest)
        if fault is None:
            resize = inputs.resizes.get(container.name)
            if resize is not None and resize.restarts:
                restarts_to_resize = True
                to_start.append(container.name)
                to_kill += (resize_kill(newest),)
                continue
            if resize is not None:
                to_resize += (container.name,)
            kept += 1
            continue
        message, reason, restarts = fault
        if restarts:
            message += ", will be restarted"
            to_start.append(container.name)
        kill = ContainerToKill(name=container.name, container_id=newest.id, message=message, reason=reason)
        to_kill += (kill,)
    actions = replace(
        actions,
        containers_to_start=tuple(to_start),
        containers_to_kill=to_kill,
        containers_to_resize=to_resize,
        restarts_to_resize=restarts_to_resize,
        resizes_pod_level=inputs.resizes_pod_level,
    )
    if kept == 0 and not to_start:
        # Nothing is left to run. Sidecars must not keep the pod alive.
        return replace(actions, kill_pod=True, init_containers_to_start=())
    return actions


def _fault(
    inputs: ActionInputs, container: ContainerSpecView, newest: RuntimeContainer
) -> tuple[str, KillReason, bool] | None:
    """Why a running regular container can not stay: message, reason, and whether it starts again; None: it stays."""
    name, probe = container.name, inputs.probe(container.name)
    if container.hash != newest.hash:
        return f"Container {name} definition changed", KillReason.OTHER, True
    restarts = inputs.restarts_after_kill(container)
    if probe.liveness is ProbeResult.FAILURE:
        return f"Container {name} failed liveness probe", KillReason.LIVENESS_PROBE, restarts
    if probe.startup is ProbeResult.FAILURE:
        return f"Container {name} failed startup probe", KillReason.STARTUP_PROBE, restarts
    return None
