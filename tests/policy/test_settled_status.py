"""A settled status is the one that the same rules make of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubesim.kubelet.status_generation import GenerationInputs, generate_pod_status
from kubesim.model.frozen_records import replace
from kubesim.policy.container_readiness import KubeletStart
from kubesim.policy.feature_gates import resolve_gates
from kubesim.policy.pod_conditions import owned_types, with_transition_times
from kubesim.policy.pod_view import (
    Condition,
    ContainerKind,
    ContainerSpecView,
    ContainerStatusView,
    ImageVolumeMount,
    PodPhase,
    PodStatusView,
    PodView,
    ProbeResult,
    ProbeState,
    RestartRule,
    Running,
    RuntimeContainer,
    RuntimePod,
    RuntimeSandbox,
    RuntimeState,
    Terminated,
    VolumeMountStatus,
    VolumeMountView,
    Waiting,
)
from kubesim.policy.settled_status import is_settled
from kubesim.policy.status_merge import merge_pod_status, with_short_messages

NAMES = ("a", "b")
SECOND_NS = 10**9
NOW_NS = 1000 * SECOND_NS

GATE_SETS = [
    *(resolve_gates(version) for version in ("1.28", "1.30", "1.32", "1.33", "1.34", "1.35", "1.36")),
    resolve_gates("1.36", {"ChangeContainerStatusOnKubeletRestart": False}),
    resolve_gates("1.36", {"RestartAllContainersOnContainerExits": False}),
    resolve_gates("1.36", {"RestartAllContainersOnContainerExits": False, "ContainerRestartRules": False}),
]

texts = st.sampled_from(["", "Error", "Completed", "CrashLoopBackOff"])
long_texts = st.sampled_from(["", "text", "x" * 13_000])
times = st.integers(0, 1000).map(lambda seconds: seconds * SECOND_NS)
exit_codes = st.sampled_from([0, 1, 137])
waiting = st.builds(Waiting, reason=texts, message=texts)
terminated = st.builds(
    Terminated, exit_code=exit_codes, reason=texts, message=long_texts, started_at_ns=times, finished_at_ns=times
)
states = st.none() | waiting | st.builds(Running, started_at_ns=times) | terminated
mounts = st.lists(
    st.builds(VolumeMountStatus, name=st.sampled_from(["v", "w"]), mount_path=st.just("/v"), image_ref=texts),
    max_size=1,
).map(tuple)


def conditions_of(types: list[str]) -> st.SearchStrategy[tuple[Condition, ...]]:
    one = st.builds(
        Condition,
        type=st.sampled_from(types),
        status=st.sampled_from(["True", "False"]),
        reason=texts,
        observed_generation=st.sampled_from([None, 1, 2]),
        last_transition_ns=st.none() | times,
    )
    return st.lists(one, max_size=6, unique_by=lambda condition: condition.type).map(tuple)


@st.composite
def specs(draw: Any, names: tuple[str, ...], kinds: list[ContainerKind]) -> tuple[ContainerSpecView, ...]:
    found = []
    for name in names[: draw(st.integers(0, len(names)))]:
        kind = draw(st.sampled_from(kinds))
        policies = ["Always"] if kind is ContainerKind.SIDECAR else [None, "Always", "OnFailure", "Never"]
        rule = st.builds(
            RestartRule,
            action=st.sampled_from(["Restart", "Restart", "RestartAllContainers"]),
            operator=st.sampled_from(["In", "NotIn"]),
            exit_codes=st.just((1,)),
        )
        found.append(
            ContainerSpecView(
                name=name,
                kind=kind,
                restart_policy=draw(st.sampled_from(policies)),
                restart_rules=tuple(draw(st.lists(rule, max_size=1))),
                has_readiness_probe=draw(st.sampled_from([False, False, False, True])),
                volume_mounts=draw(
                    st.sampled_from([(), (VolumeMountView(name="v", mount_path="/v", read_only=True),)])
                ),
            )
        )
    return tuple(found)


@st.composite
def statuses(draw: Any, names: list[str], ids: list[str]) -> tuple[ContainerStatusView, ...]:
    return tuple(
        ContainerStatusView(
            name=name,
            state=draw(states),
            last_state=draw(states),
            ready=draw(st.booleans()),
            started=draw(st.none() | st.booleans()),
            restart_count=draw(st.integers(0, 3)),
            container_id=draw(st.sampled_from(ids)),
            volume_mounts=draw(mounts),
        )
        for name in names
        if draw(st.booleans())
    )


@st.composite
def runtimes(draw: Any, names: list[str]) -> RuntimePod:
    containers = []
    for name in names:
        # Mostly as much as a node has: one dead container behind the newest.
        for number in range(draw(st.sampled_from([1, 1, 2, 1, 2, 3, 0]))):
            mount = st.builds(ImageVolumeMount, container_path=st.just("/v"), image=texts, image_ref=texts)
            containers.append(
                RuntimeContainer(
                    name=name,
                    id=f"containerd://{name}{number}",
                    state=draw(
                        st.sampled_from([RuntimeState.RUNNING, RuntimeState.EXITED, RuntimeState.EXITED, *RuntimeState])
                    ),
                    sandbox_id=draw(st.sampled_from(["s", "t"])),
                    started_at_ns=draw(times),
                    finished_at_ns=draw(times),
                    exit_code=draw(exit_codes),
                    reason=draw(texts),
                    message=draw(long_texts),
                    restart_count=draw(st.integers(0, 3)),
                    image_mounts=tuple(draw(st.lists(mount, max_size=1))),
                )
            )
    sandbox = RuntimeSandbox(id="s", is_ready=draw(st.booleans()), ips=draw(st.sampled_from([("10.0.0.1",), (), None])))
    return RuntimePod(sandboxes=(sandbox,) if draw(st.booleans()) else (), containers=tuple(containers))


@st.composite
def generations(draw: Any) -> GenerationInputs:
    gates = draw(st.sampled_from(GATE_SETS))
    pod = PodView(
        generation=2,
        restart_policy=draw(st.sampled_from(["Always", "OnFailure", "Never"])),
        containers=draw(specs(NAMES, [ContainerKind.REGULAR])) or (ContainerSpecView(name="a"),),
        init_containers=draw(specs(("i", "j"), [ContainerKind.INIT, ContainerKind.SIDECAR])),
        ephemeral_containers=draw(specs(("e",), [ContainerKind.EPHEMERAL])),
        image_volumes=draw(st.sampled_from([(), ("v",)])),
        readiness_gates=draw(st.sampled_from([(), ("example.com/x",)])),
        is_static=draw(st.booleans()),
        is_deletion_requested=draw(st.booleans()),
    )
    regular, init = [one.name for one in pod.containers], [one.name for one in pod.init_containers]
    ephemeral = [one.name for one in pod.ephemeral_containers]
    runtime = draw(runtimes(regular + init + ephemeral))
    ids = ["", *(one.id for one in runtime.containers)]
    types = ["Ready", "Initialized", "PodReadyToStartContainers", "AllContainersRestarting", "DisruptionTarget"]
    phases = st.sampled_from([None, *PodPhase])
    old = PodStatusView(
        phase=draw(phases),
        reason=draw(texts),
        message=draw(texts),
        conditions=draw(conditions_of([*types, "ContainersReady", "PodScheduled"])),
        container_statuses=draw(statuses(regular, ids)),
        init_container_statuses=draw(statuses(init, ids)),
        ephemeral_container_statuses=draw(statuses(ephemeral, ids)),
    )
    stored = draw(conditions_of([*types, "example.com/x", "example.com/y"]))
    owned = owned_types(gates)
    results = st.none() | st.sampled_from(ProbeResult)
    probe = st.builds(
        ProbeState,
        has_startup_worker=st.booleans(),
        has_readiness_worker=st.booleans(),
        startup=results,
        readiness=results,
        liveness=results,
    )
    return GenerationInputs(
        pod=pod,
        runtime=runtime,
        old=old,
        stored=PodStatusView(
            phase=old.phase if draw(st.booleans()) else draw(phases),
            reason=draw(texts),
            message=draw(texts),
            conditions=tuple(one for one in stored if one.type not in owned),
        ),
        start_errors=draw(st.dictionaries(st.sampled_from([*regular, *init, *ephemeral]), waiting, max_size=2)),
        is_terminal=False,
        gates=gates,
        probes=draw(st.dictionaries(st.sampled_from([*regular, *init]), probe, max_size=2)),
        kubelet=KubeletStart(started_at_ns=draw(times), was_pod_ready=draw(st.booleans())),
        runtime_supports_rro=draw(st.booleans()),
        resize=draw(conditions_of(["PodResizePending", "PodResizeInProgress"])),
    )


def told(inputs: GenerationInputs, now_ns: int) -> PodStatusView:
    """The status as the status manager takes it."""
    status = generate_pod_status(inputs)
    dated = with_transition_times(status.conditions, old=inputs.old, now_ns=now_ns, gates=inputs.gates)
    return with_short_messages(inputs.pod, replace(status, conditions=dated))


def written(inputs: GenerationInputs, status: PodStatusView) -> PodStatusView:
    """What a kubelet reads in the API once it has written this status there."""
    merged = merge_pod_status(
        inputs.pod,
        api=inputs.stored,
        new=status,
        could_have_running_containers=True,
        now_ns=NOW_NS,
        gates=inputs.gates,
    )
    owned = owned_types(inputs.gates)
    others = tuple(one for one in merged.conditions if one.type not in owned)
    return PodStatusView(phase=merged.phase, reason=merged.reason, message=merged.message, conditions=others)


@settings(max_examples=150)
@given(generations(), st.booleans())
def test_a_settled_status_is_made_of_itself(inputs: GenerationInputs, was_ready: bool) -> None:
    # Mostly the API shows the phase already.
    inputs = replace(inputs, stored=replace(inputs.stored, phase=told(inputs, NOW_NS).phase))
    status = told(inputs, NOW_NS)
    if status.phase is None or status.phase.is_terminal:
        return
    if not is_settled(inputs.pod, inputs.runtime, status, api_phase=inputs.stored.phase):
        return
    later = replace(
        inputs,
        old=status,
        stored=written(inputs, status),
        kubelet=replace(inputs.kubelet, was_pod_ready=was_ready),
    )
    assert told(later, NOW_NS + 5 * SECOND_NS) == status


ENDED = ContainerSpecView(name="a")
SETTLED = PodView(containers=(ENDED,))
RUNTIME = RuntimePod(containers=(RuntimeContainer(name="a", id="containerd://1", state=RuntimeState.EXITED),))
LOST = RuntimePod(containers=(replace(RUNTIME.containers[0], state=RuntimeState.UNKNOWN),))
STATUS = PodStatusView(phase=PodPhase.RUNNING)
RESTART_ALL = RestartRule(action="RestartAllContainers", operator="In", exit_codes=(1,))


@pytest.mark.parametrize(
    ("pod", "runtime", "api_phase", "expected"),
    [
        (SETTLED, RUNTIME, PodPhase.RUNNING, True),
        (SETTLED, RUNTIME, PodPhase.PENDING, False),
        (SETTLED, RUNTIME, None, False),
        (SETTLED, RuntimePod(), PodPhase.RUNNING, False),
        (
            SETTLED,
            RuntimePod(containers=(replace(RUNTIME.containers[0], state=RuntimeState.UNKNOWN),)),
            PodPhase.RUNNING,
            False,
        ),
        (PodView(containers=(replace(ENDED, has_readiness_probe=True),)), RUNTIME, PodPhase.RUNNING, False),
        (PodView(containers=(replace(ENDED, restart_rules=(RESTART_ALL,)),)), RUNTIME, PodPhase.RUNNING, False),
        (PodView(init_containers=(replace(ENDED, kind=ContainerKind.INIT),)), RUNTIME, PodPhase.RUNNING, True),
        (PodView(init_containers=(replace(ENDED, kind=ContainerKind.SIDECAR),)), RUNTIME, PodPhase.RUNNING, False),
    ],
)
def test_which_statuses_are_settled(
    pod: PodView, runtime: RuntimePod, api_phase: PodPhase | None, expected: bool
) -> None:
    assert is_settled(pod, runtime, STATUS, api_phase=api_phase) is expected
