"""The phase of a pod from its containers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.model.frozen_records import replace
from kubesim.policy.feature_gates import resolve_gates
from kubesim.policy.pod_phase import PhaseReason, has_initialized, pod_phase, settle_phase
from kubesim.policy.pod_view import (
    ContainerKind,
    ContainerSpecView,
    ContainerStatusView,
    PodPhase,
    PodView,
    Running,
    RuntimeContainer,
    RuntimePod,
    RuntimeSandbox,
    RuntimeState,
    Terminated,
    Waiting,
)

OLD_GATES = resolve_gates("1.33")
MAIN = ContainerSpecView(name="main")
SECOND = ContainerSpecView(name="second")
INIT = ContainerSpecView(name="init", kind=ContainerKind.INIT)
SIDE = ContainerSpecView(name="side", kind=ContainerKind.SIDECAR, restart_policy="Always")


def running(name: str, *, started: bool | None = True) -> ContainerStatusView:
    return ContainerStatusView(name=name, state=Running(started_at_ns=1), started=started)


def terminated(name: str, exit_code: int, reason: str = "") -> ContainerStatusView:
    return ContainerStatusView(name=name, state=Terminated(exit_code=exit_code, reason=reason))


def waiting(name: str, last_exit_code: int | None = None, reason: str = "") -> ContainerStatusView:
    last = None if last_exit_code is None else Terminated(exit_code=last_exit_code, reason=reason)
    return ContainerStatusView(name=name, state=Waiting(reason="x"), last_state=last)


def stateless(name: str) -> ContainerStatusView:
    return ContainerStatusView(name=name)


def phase(
    pod: PodView, *statuses: ContainerStatusView, terminal: bool = False, initialized: bool = True, **options: object
) -> str:
    return pod_phase(pod, statuses, is_terminal=terminal, has_initialized=initialized, **options)


@pytest.mark.parametrize(
    ("policy", "statuses", "expected"),
    [
        # One container, each state.
        ("Always", [running("main")], "Running"),
        ("Always", [waiting("main")], "Pending"),
        ("Always", [waiting("main", 1)], "Running"),  # CrashLoopBackOff
        ("Always", [terminated("main", 0)], "Running"),
        ("Always", [stateless("main")], "Pending"),
        ("Always", [], "Pending"),
        ("OnFailure", [terminated("main", 0)], "Succeeded"),
        ("OnFailure", [terminated("main", 1)], "Running"),
        ("OnFailure", [waiting("main", 0)], "Failed"),  # a waiting container is never a success
        ("Never", [terminated("main", 0)], "Succeeded"),
        ("Never", [terminated("main", 1)], "Failed"),
        ("Never", [waiting("main", 1)], "Failed"),
        ("Never", [terminated("main", 137, "RestartingAllContainers")], "Running"),
        ("Never", [waiting("main", 137, "RestartingAllContainers")], "Running"),
    ],
)
def test_one_regular_container(policy: str, statuses: list[ContainerStatusView], expected: str) -> None:
    assert phase(PodView(containers=(MAIN,), restart_policy=policy), *statuses) == expected


@pytest.mark.parametrize(
    ("policy", "statuses", "expected"),
    [
        ("Always", [running("main"), running("second")], "Running"),
        ("Always", [running("main"), waiting("second")], "Pending"),  # ImagePullBackOff beside a running one
        ("Always", [running("main"), waiting("second", 1)], "Running"),
        ("Always", [running("main")], "Pending"),  # the second is unknown
        ("Always", [terminated("main", 0)], "Pending"),
        ("Never", [terminated("main", 0), terminated("second", 0)], "Succeeded"),
        ("Never", [terminated("main", 0), terminated("second", 2)], "Failed"),
        ("Never", [terminated("main", 0), running("second")], "Running"),
        ("OnFailure", [terminated("main", 0), terminated("second", 2)], "Running"),
    ],
)
def test_two_regular_containers(policy: str, statuses: list[ContainerStatusView], expected: str) -> None:
    assert phase(PodView(containers=(MAIN, SECOND), restart_policy=policy), *statuses) == expected


@pytest.mark.parametrize(
    ("policy", "init", "expected"),
    [
        ("Always", None, "Pending"),
        ("Always", running("init"), "Pending"),
        ("Always", stateless("init"), "Pending"),
        ("Always", waiting("init"), "Pending"),
        ("Always", terminated("init", 0), "Pending"),  # the main container still waits
        ("Always", terminated("init", 1), "Pending"),
        ("Always", waiting("init", 1), "Pending"),
        ("Always", waiting("init", 0), "Pending"),
        ("Never", terminated("init", 1), "Failed"),
        ("Never", waiting("init", 1), "Failed"),
        ("Never", waiting("init", 137, "RestartingAllContainers"), "Pending"),
        ("OnFailure", terminated("init", 1), "Pending"),
    ],
)
def test_a_plain_init_container(policy: str, init: ContainerStatusView | None, expected: str) -> None:
    statuses = [waiting("main")] + ([init] if init else [])
    pod = PodView(containers=(MAIN,), init_containers=(INIT,), restart_policy=policy)
    assert phase(pod, *statuses, initialized=False) == expected


def test_a_rule_keeps_a_failed_init_container_from_failing_the_pod() -> None:
    init = replace(INIT, restart_policy="Always")  # container-level policy, 1.34 and later
    pod = PodView(containers=(MAIN,), init_containers=(init,), restart_policy="Never")
    assert phase(pod, terminated("init", 1), waiting("main"), initialized=False) == "Pending"


@pytest.mark.parametrize(
    ("side", "initialized", "main", "expected"),
    [
        (running("side"), False, waiting("main"), "Pending"),
        (running("side", started=False), True, running("main"), "Running"),
        (running("side", started=None), False, running("main"), "Pending"),
        (running("side", started=False), True, terminated("main", 0), "Running"),
        (terminated("side", 1), True, running("main"), "Running"),
        (terminated("side", 1), True, terminated("main", 0), "Succeeded"),
        (waiting("side", 1), False, running("main"), "Running"),
        (waiting("side"), True, running("main"), "Pending"),
        (stateless("side"), True, running("main"), "Pending"),
        (None, True, running("main"), "Pending"),
    ],
)
def test_a_sidecar(
    side: ContainerStatusView | None, initialized: bool, main: ContainerStatusView, expected: str
) -> None:
    pod = PodView(containers=(MAIN,), init_containers=(SIDE,), restart_policy="Never")
    assert phase(pod, *([side] if side else []), main, initialized=initialized) == expected


def test_a_pod_of_which_nothing_counts_is_pending() -> None:
    assert phase(PodView(init_containers=(SIDE,)), terminated("side", 0)) == "Pending"


def test_ephemeral_containers_do_not_matter() -> None:
    debug = ContainerSpecView(name="debug", kind=ContainerKind.EPHEMERAL)
    pod = PodView(containers=(MAIN,), ephemeral_containers=(debug,))
    assert phase(pod, running("main"), waiting("debug")) == "Running"


@pytest.mark.parametrize(
    ("is_static", "statuses", "expected"),
    [
        (False, [terminated("main", 0)], "Succeeded"),
        (False, [terminated("main", 143)], "Failed"),
        (False, [waiting("main", 0)], "Failed"),
        (False, [running("main")], "Running"),
        (True, [terminated("main", 143)], "Running"),
    ],
)
def test_a_terminal_pod_does_not_restart(is_static: bool, statuses: list[ContainerStatusView], expected: str) -> None:
    assert phase(PodView(containers=(MAIN,), is_static=is_static), *statuses, terminal=True) == expected


@pytest.mark.parametrize(
    ("policy", "statuses", "expected"),
    [
        ("Always", [terminated("main", 0)], "Running"),
        ("OnFailure", [terminated("main", 0)], "Succeeded"),
        ("OnFailure", [terminated("main", 1)], "Running"),
        ("Never", [terminated("main", 1)], "Failed"),
        ("Never", [terminated("main", 0)], "Succeeded"),
        ("Never", [waiting("main", 137, "RestartingAllContainers")], "Failed"),
    ],
)
def test_before_restart_rules(policy: str, statuses: list[ContainerStatusView], expected: str) -> None:
    assert phase(PodView(containers=(MAIN,), restart_policy=policy), *statuses, gates=OLD_GATES) == expected


@pytest.mark.parametrize(("policy", "expected"), [("Never", "Failed"), ("OnFailure", "Pending")])
def test_a_failed_init_container_before_restart_rules(policy: str, expected: str) -> None:
    pod = PodView(containers=(MAIN,), init_containers=(INIT,), restart_policy=policy)
    statuses = (terminated("init", 1), waiting("main"))
    assert phase(pod, *statuses, initialized=False, gates=OLD_GATES) == expected


_STATUSES = st.sampled_from(
    [None, running("x"), waiting("x"), waiting("x", 0), waiting("x", 1), terminated("x", 0), terminated("x", 1)]
)


@given(
    main=_STATUSES,
    second=_STATUSES,
    init=_STATUSES,
    policy=st.sampled_from(["Always", "OnFailure", "Never"]),
    terminal=st.booleans(),
    initialized=st.booleans(),
)
def test_what_always_holds(
    main: ContainerStatusView | None,
    second: ContainerStatusView | None,
    init: ContainerStatusView | None,
    policy: str,
    terminal: bool,
    initialized: bool,
) -> None:
    pod = PodView(containers=(MAIN, SECOND), init_containers=(INIT,), restart_policy=policy)
    named = {"main": main, "second": second, "init": init}
    statuses = tuple(replace(status, name=name) for name, status in named.items() if status is not None)
    result = pod_phase(pod, statuses, is_terminal=terminal, has_initialized=initialized)
    regular = [status.state for status in (main, second) if status is not None]
    if result is PodPhase.SUCCEEDED:
        assert all(isinstance(state, Terminated) and state.exit_code == 0 for state in regular)
        assert len(regular) == 2
    if result is PodPhase.RUNNING:
        assert not any(isinstance(status, ContainerStatusView) and status == waiting("x") for status in (main, second))
    if policy == "Always" and not terminal:
        assert not result.is_terminal
    reversed_statuses = tuple(reversed(statuses))
    assert pod_phase(pod, reversed_statuses, is_terminal=terminal, has_initialized=initialized) is result


def test_initialized_looks_at_the_active_sandbox_only() -> None:
    pod = PodView(containers=(MAIN,))
    container = RuntimeContainer(name="main", id="containerd://1", state=RuntimeState.EXITED, sandbox_id="s1")
    ready = RuntimeSandbox(id="s1", is_ready=True)
    assert has_initialized(pod, RuntimePod(sandboxes=(ready,), containers=(container,)))
    assert not has_initialized(pod, RuntimePod(sandboxes=(replace(ready, id="s2"),), containers=(container,)))
    assert not has_initialized(pod, RuntimePod(sandboxes=(replace(ready, is_ready=False),), containers=(container,)))
    assert not has_initialized(pod, RuntimePod(containers=(container,)))
    other = replace(container, name="init")
    assert not has_initialized(pod, RuntimePod(sandboxes=(ready,), containers=(other,)))


PENDING, RUNNING = PhaseReason(phase=PodPhase.PENDING), PhaseReason(phase=PodPhase.RUNNING)
EVICTED = PhaseReason(phase=PodPhase.FAILED, reason="Evicted", message="low on memory")


@pytest.mark.parametrize(
    ("generated", "old", "api", "expected"),
    [
        (PodPhase.RUNNING, PENDING, PENDING, RUNNING),
        (PodPhase.RUNNING, PhaseReason(phase=None), PhaseReason(phase=None), RUNNING),
        # A terminal phase is kept, first that of the status manager, then that of the API.
        (PodPhase.RUNNING, EVICTED, RUNNING, EVICTED),
        (PodPhase.RUNNING, RUNNING, EVICTED, PhaseReason(phase=PodPhase.FAILED)),
        # Reason and message live as long as the phase.
        (PodPhase.FAILED, EVICTED, RUNNING, EVICTED),
        (PodPhase.SUCCEEDED, EVICTED, RUNNING, PhaseReason(phase=PodPhase.SUCCEEDED)),
        (PodPhase.FAILED, PhaseReason(phase=PodPhase.FAILED), EVICTED, EVICTED),
        # What the API shows as terminal is never changed.
        (PodPhase.SUCCEEDED, RUNNING, PhaseReason(phase=PodPhase.FAILED), PhaseReason(phase=PodPhase.FAILED)),
    ],
)
def test_settling_the_phase(generated: PodPhase, old: PhaseReason, api: PhaseReason, expected: PhaseReason) -> None:
    assert settle_phase(generated=generated, old=old, api=api) == expected


def test_the_active_deadline_overrides_the_phase() -> None:
    deadline = PhaseReason(phase=PodPhase.FAILED, reason="DeadlineExceeded", message="too long")
    assert settle_phase(generated=PodPhase.SUCCEEDED, old=RUNNING, api=RUNNING, eviction=deadline) == deadline
    done = PhaseReason(phase=PodPhase.SUCCEEDED)
    settled = settle_phase(generated=PodPhase.SUCCEEDED, old=RUNNING, api=done, eviction=deadline)
    assert settled == replace(deadline, phase=PodPhase.SUCCEEDED)
