"""Makes the status of a pod from what the runtime says, what was said before, and what the spec asks.

The rules are in `policy/`; this module carries their inputs and outputs in the kubelet's order.
Mirrors kubelet: pkg/kubelet/kubelet_pods.go, generateAPIPodStatus.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct, field

from kubesim.model.frozen_records import replace
from kubesim.policy.container_readiness import KubeletStart, with_readiness
from kubesim.policy.container_status import StatusInputs, container_statuses
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.pod_conditions import disruption_target, pod_conditions, replaced_or_appended
from kubesim.policy.pod_phase import PhaseReason, has_initialized, pod_phase, settle_phase
from kubesim.policy.pod_view import Condition, PodPhase, PodStatusView, PodView, ProbeState, RuntimePod, Waiting
from kubesim.policy.restart import should_all_containers_restart

PodStatusFunc = Callable[[PodView, PodStatusView, Mapping[str, bool]], PodStatusView]
"""Changes the status of a pod that is being ended: eviction, shutdown. Given the kubelet's feature gates as well."""


class GenerationInputs(Struct, frozen=True, kw_only=True):
    """What one generated status depends on.

    `old` is the status manager's cached status (the API's when there is none), `stored` has the phase and others'
    conditions of the API's. `deadline` is what the active-deadline handler demands. `probes` is the prober's state by
    container name, `kubelet` when the kubelet started. `resize` are the conditions of a resize that waits or is being
    done.
    """

    pod: PodView
    runtime: RuntimePod
    old: PodStatusView
    stored: PodStatusView
    start_errors: Mapping[str, Waiting]
    is_terminal: bool
    gates: Mapping[str, bool]
    probes: Mapping[str, ProbeState] = field(default_factory=dict)
    kubelet: KubeletStart = field(default_factory=KubeletStart)
    runtime_supports_rro: bool = False
    fixes: frozenset[str] = frozenset()
    resize: tuple[Condition, ...] = ()
    deadline: PhaseReason | None = None
    trigger_readiness: Callable[[str], object] = lambda _: None
    """Called with each container that is not ready though its readiness probe might say so by now."""


def generate_pod_status(inputs: GenerationInputs) -> PodStatusView:
    """The status, still without transition times, addresses and resources."""
    pod, runtime, gates = inputs.pod, inputs.runtime, inputs.gates
    status_inputs = StatusInputs(
        pod=pod,
        runtime=runtime,
        start_errors=inputs.start_errors,
        is_restarting_all=should_all_containers_restart(pod, runtime, inputs.old, gates),
        runtime_supports_rro=inputs.runtime_supports_rro,
        fixes=inputs.fixes,
        gates=gates,
    )
    regular = container_statuses(status_inputs, pod.containers, inputs.old.container_statuses)
    init = container_statuses(status_inputs, pod.init_containers, inputs.old.init_container_statuses)
    ephemeral = container_statuses(status_inputs, pod.ephemeral_containers, inputs.old.ephemeral_container_statuses)
    generated = pod_phase(
        pod,
        regular + init,
        is_terminal=inputs.is_terminal,
        # Only the start of a sidecar is counted differently.
        has_initialized=not pod.init_containers or has_initialized(pod, runtime),
        gates=gates,
    )
    settled = settle_phase(generated=generated, old=inputs.old, api=inputs.stored, eviction=inputs.deadline)
    readiness = with_readiness(pod, init, regular, inputs.probes, kubelet=inputs.kubelet, gates=gates)
    for name in readiness.readiness_to_trigger:
        inputs.trigger_readiness(name)
    phase = settled.phase or PodPhase.PENDING
    conditions = pod_conditions(
        pod,
        phase=phase,
        init_statuses=readiness.init_statuses,
        statuses=readiness.statuses,
        runtime=runtime,
        old=inputs.old,
        api=inputs.stored,
        resize=inputs.resize,
        gates=gates,
    )
    return PodStatusView(
        phase=phase,
        reason=settled.reason,
        message=settled.message,
        conditions=conditions,
        container_statuses=readiness.statuses,
        init_container_statuses=readiness.init_statuses,
        ephemeral_container_statuses=ephemeral,
    )


def ended_by_kubelet(*, reason: str, message: str, condition_message: str | None) -> PodStatusFunc:
    """The change that shutdown, preemption and eviction make: phase Failed unless Succeeded, reason, DisruptionTarget.

    `condition_message` None: a pod that is ended for its own excess gets no DisruptionTarget, as none does without the
    gate PodDisruptionConditions.
    Mirrors kubelet: pkg/kubelet/nodeshutdown/nodeshutdown_manager.go (killPods), pkg/kubelet/eviction/
    eviction_manager.go (evictPod) and pkg/kubelet/preemption/preemption.go (evictPodsToFreeRequests).
    """

    def change(pod: PodView, status: PodStatusView, gates: Mapping[str, bool]) -> PodStatusView:
        conditions = list(status.conditions)
        if condition_message is not None and gate_enabled(gates, "PodDisruptionConditions"):
            condition = disruption_target(condition_message, generation=pod.generation, gates=gates)
            conditions = replaced_or_appended(conditions, condition)
        phase = status.phase if status.phase is PodPhase.SUCCEEDED else PodPhase.FAILED
        return replace(
            status,
            phase=phase,
            reason=reason,
            message=message,
            conditions=tuple(conditions),
        )

    return change


def ready_to_start_containers(pod: PodView, status: PodStatusView, gates: Mapping[str, bool]) -> PodStatusView | None:
    """The cached status with PodReadyToStartContainers True: written when the sandbox is up, before any pull (1.36).

    None when the condition is not of this version. Mirrors kubelet: pkg/kubelet/kubelet.go, OnPodSandboxReady.
    """
    if not gate_enabled(gates, "PodReadyToStartContainersCondition"):
        return None
    observed = pod.generation if gate_enabled(gates, "PodObservedGenerationTracking") else None
    condition = Condition(type="PodReadyToStartContainers", status="True", observed_generation=observed)
    return replace(status, conditions=tuple(replaced_or_appended(list(status.conditions), condition)))
