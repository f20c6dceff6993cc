"""The tick of a probe worker, step by step in the order of the kubelet's doProbe."""

from collections.abc import Mapping
from typing import Any

import pytest

from kubesim.model.frozen_records import replace
from kubesim.policy.feature_gates import resolve_gates
from kubesim.policy.pod_view import (
    Condition,
    ContainerKind,
    ContainerSpecView,
    ContainerState,
    ContainerStatusView,
    PodPhase,
    PodStatusView,
    PodView,
    ProbeResult,
    RestartRule,
    Running,
    Terminated,
    Waiting,
)
from kubesim.policy.probe_worker import (
    ProbeKind,
    Publication,
    WorkerSpec,
    WorkerState,
    WorkerStep,
    WorkerSurroundings,
    after_probe,
    before_probe,
    first_delay_ns,
)

SECOND = 1_000_000_000
NOW = 1000 * SECOND
SUCCESS, FAILURE, UNKNOWN = ProbeResult.SUCCESS, ProbeResult.FAILURE, ProbeResult.UNKNOWN
STARTUP, READINESS, LIVENESS = ProbeKind.STARTUP, ProbeKind.READINESS, ProbeKind.LIVENESS
KNOWN = WorkerState(container_id="rt://1")
RUNNING = Running(started_at_ns=NOW - 5 * SECOND)
GATES_128, GATES_136 = resolve_gates("1.28", {}), resolve_gates("1.36", {})


def spec(kind: ProbeKind = LIVENESS, *, is_sidecar: bool = False, policy: str = "Always", **more: Any) -> WorkerSpec:
    container_kind = ContainerKind.SIDECAR if is_sidecar else ContainerKind.REGULAR
    container = ContainerSpecView(
        name="a", kind=container_kind, image="i", restart_policy="Always" if is_sidecar else None
    )
    pod = PodView(
        name="web",
        namespace="default",
        uid="u",
        restart_policy=policy,
        containers=() if is_sidecar else (container,),
        init_containers=(container,) if is_sidecar else (),
    )
    return WorkerSpec(kind=kind, pod=pod, container=container, **more)


def around(
    state: ContainerState = RUNNING,
    *,
    started: bool | None = True,
    container_id: str = "rt://1",
    phase: PodPhase = PodPhase.RUNNING,
    gates: Mapping[str, bool] = GATES_136,
    is_sidecar: bool = False,
    kubelet_started_at_ns: int = NOW - 60 * SECOND,
) -> WorkerSurroundings:
    row = ContainerStatusView(name="a", container_id=container_id, state=state, started=started)
    status = PodStatusView(
        phase=phase,
        container_statuses=() if is_sidecar else (row,),
        init_container_statuses=(row,) if is_sidecar else (),
    )
    return WorkerSurroundings(status=status, now_ns=NOW, gates=gates, kubelet_started_at_ns=kubelet_started_at_ns)


def published(step: WorkerStep) -> list[tuple[str, ProbeResult | None]]:
    return [(one.container_id, one.result) for one in step.published]


def test_without_a_status_it_waits() -> None:
    step = before_probe(spec(), KNOWN, WorkerSurroundings(status=None, now_ns=NOW))
    assert step == WorkerStep(state=KNOWN)


def test_without_a_container_it_waits() -> None:
    assert before_probe(spec(), WorkerState(), around(container_id="")) == WorkerStep(state=WorkerState())


@pytest.mark.parametrize("phase", [PodPhase.FAILED, PodPhase.SUCCEEDED])
def test_a_pod_that_is_over_ends_it(phase: PodPhase) -> None:
    assert before_probe(spec(), KNOWN, around(phase=phase)) == WorkerStep(state=KNOWN, ends=True)


@pytest.mark.parametrize(("kind", "initial"), [(STARTUP, UNKNOWN), (READINESS, FAILURE), (LIVENESS, SUCCESS)])
def test_a_new_container_has_an_initial_result(kind: ProbeKind, initial: ProbeResult) -> None:
    state = WorkerState(container_id="rt://0", is_on_hold=True, run_length=2, last=FAILURE)
    step = before_probe(spec(kind), state, around())
    assert published(step) == [("rt://0", None), ("rt://1", initial)]
    # What was counted goes on to count.
    assert step.state == replace(state, container_id="rt://1", is_on_hold=False)


def test_the_first_container_replaces_nothing() -> None:
    assert published(before_probe(spec(), WorkerState(), around())) == [("rt://1", SUCCESS)]


@pytest.mark.parametrize(
    ("gates", "age_seconds", "results"),
    [
        (GATES_136, 11, []),
        (GATES_136, 10, [("rt://1", FAILURE)]),
        (GATES_128, 11, [("rt://1", FAILURE)]),
    ],
)
def test_a_container_that_is_older_than_the_kubelet_keeps_what_it_was(
    gates: Mapping[str, bool], age_seconds: int, results: list[tuple[str, ProbeResult]]
) -> None:
    started = Running(started_at_ns=NOW - age_seconds * SECOND)
    step = before_probe(spec(READINESS), WorkerState(), around(started, gates=gates, kubelet_started_at_ns=NOW))
    assert published(step) == results


@pytest.mark.parametrize(
    ("started", "results"), [(True, [("rt://1", SUCCESS), ("rt://1", UNKNOWN)]), (False, [("rt://1", UNKNOWN)])]
)
def test_a_sidecar_that_had_started_begins_with_success(started: bool, results: list[tuple[str, ProbeResult]]) -> None:
    step = before_probe(spec(STARTUP, is_sidecar=True), WorkerState(), around(started=started, is_sidecar=True))
    assert published(step) == results


def test_a_container_that_waits_is_no_older_than_the_kubelet() -> None:
    step = before_probe(spec(), WorkerState(), around(Waiting(reason="CrashLoopBackOff"), kubelet_started_at_ns=NOW))
    assert published(step) == [("rt://1", SUCCESS), ("rt://1", FAILURE)]


def test_on_hold_it_waits() -> None:
    state = replace(KNOWN, is_on_hold=True)
    assert before_probe(spec(), state, around()) == WorkerStep(state=state)


@pytest.mark.parametrize(
    ("policy", "exit_code", "is_sidecar", "gates", "ends"),
    [
        ("Always", 0, False, GATES_136, False),
        ("OnFailure", 0, False, GATES_136, True),
        ("OnFailure", 1, False, GATES_136, False),
        ("Never", 1, False, GATES_136, True),
        ("Never", 1, True, GATES_136, False),
        ("OnFailure", 0, False, GATES_128, False),
        ("Never", 0, False, GATES_128, True),
        ("Never", 0, True, GATES_128, False),
    ],
)
def test_an_ended_container_failed(
    policy: str, exit_code: int, is_sidecar: bool, gates: Mapping[str, bool], ends: bool
) -> None:
    seen = around(Terminated(exit_code=exit_code), gates=gates, is_sidecar=is_sidecar)
    step = before_probe(spec(policy=policy, is_sidecar=is_sidecar), KNOWN, seen)
    assert published(step) == [("rt://1", FAILURE)]
    assert step.ends is ends


def test_while_all_containers_restart_nobody_ends() -> None:
    made = spec(policy="Never")
    rule = RestartRule(action="RestartAllContainers", operator="In", exit_codes=(9,))
    other = replace(made.container, name="b", restart_rules=(rule,))
    made = replace(made, pod=replace(made.pod, containers=(made.container, other)))
    seen = around(Terminated(exit_code=0))
    assert before_probe(made, KNOWN, seen).ends is True
    assert seen.status is not None
    restarting = replace(seen.status, conditions=(Condition(type="AllContainersRestarting", status="True"),))
    assert before_probe(made, KNOWN, replace(seen, status=restarting)).ends is False
    shown = ContainerStatusView(name="b", container_id="rt://2", state=Terminated(exit_code=9))
    just_asked = replace(seen.status, container_statuses=(*seen.status.container_statuses, shown))
    assert before_probe(made, KNOWN, replace(seen, status=just_asked)).ends is False


@pytest.mark.parametrize(("kind", "ends"), [(STARTUP, True), (LIVENESS, True), (READINESS, False)])
def test_a_worker_of_a_pod_on_its_way_out(kind: ProbeKind, ends: bool) -> None:
    made = spec(kind)
    made = replace(made, pod=replace(made.pod, is_deletion_requested=True))
    step = before_probe(made, KNOWN, around())
    assert step.ends is ends
    assert published(step) == ([("rt://1", SUCCESS)] if ends else [])


@pytest.mark.parametrize(("delay_seconds", "probes"), [(5, True), (6, False)])
def test_initial_delay_counts_whole_seconds_since_the_published_start(delay_seconds: int, probes: bool) -> None:
    # Published without its fraction, the start is five seconds ago.
    seen = around(Running(started_at_ns=NOW - 5 * SECOND + SECOND // 2))
    assert before_probe(spec(initial_delay_seconds=delay_seconds), KNOWN, seen).probes is probes


@pytest.mark.parametrize(
    ("kind", "started", "probes"),
    [
        (STARTUP, True, False),
        (STARTUP, False, True),
        (STARTUP, None, True),
        (READINESS, True, True),
        (READINESS, False, False),
        (LIVENESS, True, True),
        (LIVENESS, None, False),
    ],
)
def test_startup_comes_first(kind: ProbeKind, started: bool | None, probes: bool) -> None:
    assert before_probe(spec(kind), KNOWN, around(started=started)).probes is probes


def results_of(made: WorkerSpec, *results: ProbeResult) -> list[ProbeResult | None]:
    """What is published after each result."""
    state, found = KNOWN, []
    for result in results:
        step = after_probe(made, state, result)
        state = step.state
        found.append(step.published[0].result if step.published else None)
    return found


def test_thresholds_count_results_in_a_row() -> None:
    made = spec(READINESS, failure_threshold=3, success_threshold=2)
    results = (FAILURE, FAILURE, SUCCESS, FAILURE, FAILURE, FAILURE, FAILURE, SUCCESS, SUCCESS)
    assert results_of(made, *results) == [None, None, None, None, None, FAILURE, FAILURE, None, SUCCESS]


def test_the_first_success_counts_as_one() -> None:
    assert results_of(spec(READINESS, success_threshold=2), SUCCESS, SUCCESS) == [None, SUCCESS]


@pytest.mark.parametrize(
    ("kind", "result", "holds"),
    [
        (LIVENESS, FAILURE, True),
        (LIVENESS, SUCCESS, False),
        (STARTUP, FAILURE, True),
        (STARTUP, SUCCESS, True),
        (READINESS, FAILURE, False),
    ],
)
def test_what_puts_it_on_hold(kind: ProbeKind, result: ProbeResult, holds: bool) -> None:
    step = after_probe(spec(kind, failure_threshold=1), KNOWN, result)
    assert step.published == (Publication(container_id="rt://1", result=result),)
    assert step.state.is_on_hold is holds
    assert step.state.run_length == (0 if holds else 1)


@pytest.mark.parametrize(("age_seconds", "delay_seconds"), [(0, 5), (9, 5), (10, 0)])
def test_a_young_kubelet_spreads_its_first_probes(age_seconds: int, delay_seconds: int) -> None:
    found = first_delay_ns(10 * SECOND, kubelet_age_ns=age_seconds * SECOND, fraction=0.5)
    assert found == delay_seconds * SECOND
