"""The pod conditions, their texts, their order and their times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.model.frozen_records import replace
from kubesim.policy.feature_gates import resolve_gates
from kubesim.policy.pod_conditions import (
    all_containers_restarting_condition,
    containers_ready_condition,
    disruption_target,
    initialized_condition,
    needs_readiness_sync,
    owned_types,
    pod_conditions,
    ready_condition,
    with_transition_times,
)
from kubesim.policy.pod_view import (
    Condition,
    ContainerKind,
    ContainerSpecView,
    ContainerStatusView,
    PodPhase,
    PodStatusView,
    PodView,
    RestartRule,
    Running,
    RuntimeContainer,
    RuntimePod,
    RuntimeSandbox,
    RuntimeState,
    Terminated,
    Waiting,
)

A, B = ContainerSpecView(name="a"), ContainerSpecView(name="b")
INIT = ContainerSpecView(name="init", kind=ContainerKind.INIT)
SIDE = ContainerSpecView(name="side", kind=ContainerKind.SIDECAR, restart_policy="Always")
READY_SANDBOX = RuntimePod(sandboxes=(RuntimeSandbox(id="s", is_ready=True, ips=("10.0.0.1",)),))
NONE = PodStatusView()


def status(name: str, *, ready: bool = False, started: bool | None = None, **fields: object) -> ContainerStatusView:
    return ContainerStatusView(name=name, ready=ready, started=started, **fields)


def text(condition: Condition) -> tuple[str, str, str]:
    return condition.status, condition.reason, condition.message


UNREADY = "containers with unready status:"
UNKNOWN = "containers with unknown status:"


@pytest.mark.parametrize(
    ("statuses", "phase", "expected"),
    [
        (None, PodPhase.PENDING, ("False", "UnknownContainerStatuses", "")),
        (
            (status("side", ready=True), status("a", ready=True), status("b", ready=True)),
            PodPhase.RUNNING,
            ("True", "", ""),
        ),
        (
            (status("side"), status("a"), status("b")),
            PodPhase.RUNNING,
            ("False", "ContainersNotReady", f"{UNREADY} [side a b]"),
        ),
        ((status("a", ready=True),), PodPhase.RUNNING, ("False", "ContainersNotReady", f"{UNKNOWN} [side b]")),
        (
            (status("a"), status("side")),
            PodPhase.PENDING,
            ("False", "ContainersNotReady", f"{UNKNOWN} [b], {UNREADY} [side a]"),
        ),
        ((status("side"), status("a"), status("b")), PodPhase.SUCCEEDED, ("False", "PodCompleted", "")),
        (
            (status("side"), status("a")),
            PodPhase.SUCCEEDED,
            ("False", "ContainersNotReady", f"{UNKNOWN} [b], {UNREADY} [side a]"),
        ),
        ((status("a"),), PodPhase.FAILED, ("False", "PodFailed", "")),
    ],
)
def test_containers_ready(
    statuses: tuple[ContainerStatusView, ...] | None, phase: PodPhase, expected: tuple[str, str, str]
) -> None:
    pod = PodView(containers=(A, B), init_containers=(INIT, SIDE))
    condition = containers_ready_condition(pod, statuses, phase)
    assert condition.type == "ContainersReady"
    assert text(condition) == expected
    assert text(ready_condition(pod, statuses, phase)) == expected


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (
            (),
            (
                "False",
                "ReadinessGatesNotReady",
                (
                    'corresponding condition of pod readiness gate "x/one" does not exist., '
                    'corresponding condition of pod readiness gate "x/two" does not exist.'
                ),
            ),
        ),
        (
            (Condition(type="x/one", status="True"), Condition(type="x/two", status="False")),
            ("False", "ReadinessGatesNotReady", 'the status of pod readiness gate "x/two" is not "True", but False'),
        ),
        ((Condition(type="x/one", status="True"), Condition(type="x/two", status="True")), ("True", "", "")),
    ],
)
def test_readiness_gates(conditions: tuple[Condition, ...], expected: tuple[str, str, str]) -> None:
    pod = PodView(containers=(A,), readiness_gates=("x/one", "x/two"))
    condition = ready_condition(pod, (status("a", ready=True),), PodPhase.RUNNING, conditions=conditions)
    assert condition.type == "Ready"
    assert text(condition) == expected


@pytest.mark.parametrize(
    ("gates", "gate", "shown", "expected"),
    [
        ((), "False", "True", False),
        (("x/gate",), "True", "True", False),
        (("x/gate",), "False", "True", True),
        (("x/gate",), "True", "False", True),
        (("x/gate",), "False", "False", True),  # the message is not the one of this gate
        (("x/gate",), "True", None, False),
    ],
)
def test_a_gate_that_somebody_wrote_asks_for_a_sync(
    gates: tuple[str, ...], gate: str, shown: str | None, expected: bool
) -> None:
    conditions = [Condition(type="x/gate", status=gate)]
    if shown is not None:
        conditions.append(Condition(type="Ready", status=shown))
    api = PodStatusView(
        phase=PodPhase.RUNNING, conditions=tuple(conditions), container_statuses=(status("a", ready=True),)
    )
    pod = PodView(containers=(A,), readiness_gates=gates)
    assert needs_readiness_sync(pod, api) is expected


def test_a_sidecar_asks_for_a_sync_each_time() -> None:
    """The kubelet looks only at the regular containers' statuses there, and misses the sidecar's."""
    api = PodStatusView(
        conditions=(Condition(type="x/gate", status="True"), Condition(type="Ready", status="True")),
        container_statuses=(status("a", ready=True),),
        init_container_statuses=(status("side", ready=True, started=True),),
    )
    pod = PodView(containers=(A,), init_containers=(SIDE,), readiness_gates=("x/gate",))
    assert needs_readiness_sync(pod, api)


INCOMPLETE = "containers with incomplete status:"


@pytest.mark.parametrize(
    ("statuses", "phase", "expected"),
    [
        (None, PodPhase.PENDING, ("False", "UnknownContainerStatuses", "")),
        ((status("a"),), PodPhase.PENDING, ("False", "ContainersNotInitialized", f"{UNKNOWN} [init side]")),
        (
            (status("init"), status("a")),
            PodPhase.PENDING,
            ("False", "ContainersNotInitialized", f"{UNKNOWN} [side], {INCOMPLETE} [init]"),
        ),
        (
            (status("init", ready=True), status("side")),
            PodPhase.PENDING,
            ("False", "ContainersNotInitialized", f"{INCOMPLETE} [side]"),
        ),
        # A plain init container is done when ready, a sidecar when started.
        (
            (status("init", ready=True), status("side", ready=True)),
            PodPhase.PENDING,
            ("False", "ContainersNotInitialized", f"{INCOMPLETE} [side]"),
        ),
        ((status("init", ready=True), status("side", started=True)), PodPhase.PENDING, ("True", "", "")),
        ((status("init"), status("side"), status("a", state=Running())), PodPhase.RUNNING, ("True", "", "")),
        (
            (status("init"), status("side"), status("a", state=Terminated(exit_code=1))),
            PodPhase.RUNNING,
            ("True", "", ""),
        ),
        (
            (status("init"), status("side"), status("a", state=Waiting())),
            PodPhase.RUNNING,
            ("False", "ContainersNotInitialized", f"{INCOMPLETE} [init side]"),
        ),
        ((status("init"), status("side")), PodPhase.SUCCEEDED, ("True", "PodCompleted", "")),
        (
            (status("init"),),
            PodPhase.SUCCEEDED,
            ("False", "ContainersNotInitialized", f"{UNKNOWN} [side], {INCOMPLETE} [init]"),
        ),
    ],
)
def test_initialized(
    statuses: tuple[ContainerStatusView, ...] | None, phase: PodPhase, expected: tuple[str, str, str]
) -> None:
    pod = PodView(containers=(A,), init_containers=(INIT, SIDE))
    assert text(initialized_condition(pod, statuses, phase, old=NONE)) == expected


def test_a_pod_without_init_containers_is_initialized() -> None:
    pod = PodView(containers=(A,))
    assert text(initialized_condition(pod, None, PodPhase.PENDING, old=NONE)) == ("True", "", "")
    assert text(initialized_condition(pod, (), PodPhase.SUCCEEDED, old=NONE)) == ("True", "PodCompleted", "")


@pytest.mark.parametrize(
    ("version", "before", "expected"), [("1.36", "True", "True"), ("1.36", "False", "False"), ("1.35", "True", "False")]
)
def test_a_pod_stays_initialized_while_all_containers_restart(version: str, before: str, expected: str) -> None:
    old = PodStatusView(conditions=(Condition(type="Initialized", status=before),))
    pod = PodView(containers=(A,), init_containers=(INIT,))
    gates = resolve_gates(version)
    condition = initialized_condition(pod, (status("init"),), PodPhase.PENDING, old=old, gates=gates)
    assert condition.status == expected


def restart_all_pod() -> tuple[PodView, RuntimePod]:
    rule = RestartRule(action="RestartAllContainers", operator="In", exit_codes=(42,))
    pod = PodView(containers=(replace(A, restart_policy="Never", restart_rules=(rule,)),), generation=3)
    exited = RuntimeContainer(name="a", id="x://a", state=RuntimeState.EXITED, exit_code=42)
    return pod, replace(READY_SANDBOX, containers=(exited,))


@pytest.mark.parametrize(
    ("phase", "has_container", "expected"),
    [
        (PodPhase.RUNNING, True, ("True", "RestartAllContainersStarted", "container exited with restart policy rule")),
        (PodPhase.RUNNING, False, ("False", "", "")),
        (PodPhase.SUCCEEDED, True, ("False", "PodCompleted", "")),
        (PodPhase.FAILED, True, ("False", "PodFailed", "")),
    ],
)
def test_all_containers_restarting(phase: PodPhase, has_container: bool, expected: tuple[str, str, str]) -> None:
    pod, runtime = restart_all_pod()
    old = PodStatusView(conditions=(Condition(type="AllContainersRestarting", status="True"),))
    runtime = runtime if has_container else replace(runtime, containers=())
    assert text(all_containers_restarting_condition(pod, runtime, phase, old=old)) == expected


def test_not_restarting_all() -> None:
    pod, _ = restart_all_pod()
    assert text(all_containers_restarting_condition(pod, RuntimePod(), PodPhase.RUNNING, old=NONE)) == ("False", "", "")


def conditions_of(pod: PodView, **changes: object) -> tuple[Condition, ...]:
    arguments = {
        "phase": PodPhase.RUNNING,
        "init_statuses": None,
        "statuses": (status("a", ready=True, state=Running()),),
        "runtime": READY_SANDBOX,
        "old": NONE,
        "api": NONE,
    }
    return pod_conditions(pod, **(arguments | changes))


KUBELET_ORDER = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"]


def test_order_and_generation_of_the_kubelets_conditions() -> None:
    conditions = conditions_of(PodView(containers=(A,), generation=7))
    assert [one.type for one in conditions] == KUBELET_ORDER
    assert {one.status for one in conditions} == {"True"}
    assert {one.observed_generation for one in conditions} == {7}


@pytest.mark.parametrize(
    ("change", "stays"),
    [
        ({}, True),
        ({"last_probe_ns": 5}, False),
        ({"message": "of yesterday"}, False),
        ({"reason": "Other"}, False),
        ({"status": "False"}, False),
        ({"observed_generation": 6}, False),
    ],
)
def test_a_condition_that_says_nothing_new_is_the_old_one(change: dict[str, object], stays: bool) -> None:
    pod = PodView(containers=(A,), generation=7)
    before = tuple(replace(one, **change) for one in conditions_of(pod))
    after = conditions_of(pod, old=PodStatusView(conditions=before))
    assert [one.type for one in after] == KUBELET_ORDER
    assert [now is then for now, then in zip(after, before, strict=True)] == [stays] * len(KUBELET_ORDER)
    assert {one.observed_generation for one in after} == {7}


def test_before_its_sandbox_is_up() -> None:
    conditions = conditions_of(PodView(containers=(A,)), runtime=RuntimePod(), statuses=None, phase=PodPhase.PENDING)
    assert text(conditions[0]) == ("False", "", "")
    assert [one.reason for one in conditions[2:4]] == ["UnknownContainerStatuses", "UnknownContainerStatuses"]


def test_conditions_of_others_come_first_and_old_ones_of_the_kubelet_go() -> None:
    gate = Condition(type="x/gate", status="True", last_transition_ns=5)
    stale = Condition(type="Ready", status="False", reason="Stale")
    pod = PodView(containers=(A,), readiness_gates=("x/gate",))
    conditions = conditions_of(pod, api=PodStatusView(conditions=(stale, gate)))
    assert [one.type for one in conditions] == ["x/gate", *KUBELET_ORDER]
    assert conditions[0] is gate
    assert text(conditions[3]) == ("True", "", "")


def test_disruption_target_is_replaced_in_place_or_appended_after_resize() -> None:
    resize = Condition(type="PodResizePending", status="True", reason="Deferred")
    mine = disruption_target("node is going down", generation=2)
    foreign = Condition(type="DisruptionTarget", status="True", reason="EvictionByEvictionAPI")
    other = Condition(type="x/other", status="True")
    old = PodStatusView(conditions=(mine,))
    pod = PodView(containers=(A,))
    appended = conditions_of(pod, old=old, api=PodStatusView(conditions=(other,)), resize=(resize,))
    assert appended[:3] == (other, resize, mine)
    replaced = conditions_of(pod, old=old, api=PodStatusView(conditions=(foreign, other)), resize=(resize,))
    assert replaced[:3] == (mine, other, resize)
    assert mine.reason == "TerminationByKubelet"
    assert mine.observed_generation == 2


def test_all_containers_restarting_is_last_and_has_no_generation() -> None:
    pod, runtime = restart_all_pod()
    conditions = conditions_of(pod, runtime=runtime)
    assert [one.type for one in conditions] == [*KUBELET_ORDER, "AllContainersRestarting"]
    assert conditions[-1].observed_generation is None
    assert [one.type for one in conditions_of(pod, runtime=runtime, gates=resolve_gates("1.35"))] == KUBELET_ORDER


def test_conditions_of_older_versions() -> None:
    pod = PodView(containers=(A,), generation=7)
    resize = (Condition(type="PodResizePending", status="True"),)
    oldest = conditions_of(pod, gates=resolve_gates("1.28"), resize=resize)
    assert [one.type for one in oldest] == KUBELET_ORDER[1:]
    middle = conditions_of(pod, gates=resolve_gates("1.33"), resize=resize)
    assert [one.type for one in middle] == ["PodResizePending", *KUBELET_ORDER]
    assert {one.observed_generation for one in middle} == {None}
    assert disruption_target("m", generation=7, gates=resolve_gates("1.33")).observed_generation is None


@pytest.mark.parametrize(
    ("condition_type", "version", "expected"),
    [
        ("Ready", "1.28", True),
        ("PodReadyToStartContainers", "1.28", False),
        ("PodReadyToStartContainers", "1.29", True),
        ("AllContainersRestarting", "1.35", False),
        ("AllContainersRestarting", "1.36", True),
        ("DisruptionTarget", "1.36", False),
        ("x/gate", "1.36", False),
    ],
)
def test_who_owns_a_type(condition_type: str, version: str, expected: bool) -> None:
    assert (condition_type in owned_types(resolve_gates(version))) is expected


def test_transition_time_moves_only_with_the_status() -> None:
    old = PodStatusView(
        conditions=(
            Condition(type="Ready", status="False", reason="ContainersNotReady", last_transition_ns=10),
            Condition(type="Initialized", status="False", last_transition_ns=10),
        )
    )
    new = (
        Condition(type="Ready", status="False", reason="PodCompleted"),
        Condition(type="Initialized", status="True"),
        Condition(type="PodScheduled", status="True"),
        Condition(type="DisruptionTarget", status="True", last_transition_ns=4),
        Condition(type="x/gate", status="True", last_transition_ns=3),
        Condition(type="PodResizePending", status="True", last_transition_ns=2),
    )
    dated = with_transition_times(new, old=old, now_ns=99)
    assert [one.last_transition_ns for one in dated] == [10, 99, 99, 99, 3, 2]
    assert [replace(one, last_transition_ns=None) for one in dated] == [
        replace(one, last_transition_ns=None) for one in new
    ]


@given(history=st.lists(st.booleans(), min_size=1, max_size=8))
def test_a_run_of_equal_statuses_keeps_the_time_of_its_first(history: list[bool]) -> None:
    old = NONE
    expected = None
    before = None
    for now_ns, value in enumerate(history, start=1):
        dated = with_transition_times((Condition(type="Ready", status=str(value)),), old=old, now_ns=now_ns)
        if value is not before:
            expected = now_ns
        assert dated[0].last_transition_ns == expected
        old, before = PodStatusView(conditions=dated), value
