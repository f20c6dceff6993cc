"""What one sync does about the sandbox, regular and ephemeral containers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.model.frozen_records import replace
from kubesim.policy.feature_gates import resolve_gates
from kubesim.policy.pod_actions import pod_actions
from kubesim.policy.pod_view import (
    ContainerKind,
    ContainerSpecView,
    PodView,
    ProbeResult,
    ProbeState,
    RestartRule,
    RuntimeContainer,
    RuntimePod,
    RuntimeSandbox,
    RuntimeState,
)
from kubesim.policy.resize_plan import ContainerResize, ResourceAmounts
from kubesim.policy.sync_plan import ActionInputs, ContainerToKill, ContainerToReset, KillReason, PodActions

BEFORE_RULES = resolve_gates("1.33")
A, B = ContainerSpecView(name="a", hash="h"), ContainerSpecView(name="b", hash="h")
INIT = ContainerSpecView(name="init", kind=ContainerKind.INIT, hash="h")
SIDE = ContainerSpecView(name="side", kind=ContainerKind.SIDECAR, hash="h", restart_policy="Always")
DEBUG = ContainerSpecView(name="debug", kind=ContainerKind.EPHEMERAL)
SANDBOX = RuntimeSandbox(id="s1", is_ready=True, attempt=1, ips=("10.0.0.1",))
DEAD_SANDBOX = replace(SANDBOX, is_ready=False)


def container(
    name: str, state: RuntimeState = RuntimeState.RUNNING, exit_code: int = 0, **fields: object
) -> RuntimeContainer:
    fields = {"hash": "h", "id": f"x://{name}", "exit_code": exit_code} | fields
    return RuntimeContainer(name=name, state=state, **fields)


def exited(name: str, exit_code: int = 0) -> RuntimeContainer:
    return container(name, RuntimeState.EXITED, exit_code)


def actions(
    pod: PodView,
    *containers: RuntimeContainer,
    sandboxes: tuple[RuntimeSandbox, ...] = (SANDBOX,),
    probes: dict[str, ProbeState] | None = None,
    **options: object,
) -> PodActions:
    runtime = RuntimePod(sandboxes=sandboxes, containers=containers)
    return pod_actions(ActionInputs(pod=pod, runtime=runtime, probes=probes or {}, **options))


ONE = PodView(containers=(A,))
TWO = PodView(containers=(A, B))


def test_a_new_pod_gets_a_sandbox_and_all_regular_containers() -> None:
    assert actions(TWO, sandboxes=()) == PodActions(kill_pod=True, create_sandbox=True, containers_to_start=("a", "b"))


def test_a_new_pod_with_init_containers_starts_only_the_first() -> None:
    pod = replace(TWO, init_containers=(INIT, SIDE), ephemeral_containers=(DEBUG,))
    assert actions(pod, sandboxes=()) == PodActions(
        kill_pod=True, create_sandbox=True, init_containers_to_start=("init",)
    )


def test_a_dead_sandbox_is_replaced_with_the_next_attempt() -> None:
    plan = actions(ONE, exited("a"), sandboxes=(DEAD_SANDBOX,))
    assert plan == PodActions(
        kill_pod=True, create_sandbox=True, sandbox_id="s1", attempt=2, containers_to_start=("a",)
    )


@pytest.mark.parametrize(
    ("policy", "containers", "creates"),
    [
        ("Never", (exited("a", 1),), False),
        ("Never", (), True),  # nothing was ever created: try again
        ("OnFailure", (exited("a"), exited("b")), False),
        ("OnFailure", (exited("a"), exited("b", 1)), True),
        ("Always", (exited("a"), exited("b")), True),
    ],
)
def test_a_pod_that_is_done_gets_no_new_sandbox(
    policy: str, containers: tuple[RuntimeContainer, ...], creates: bool
) -> None:
    plan = actions(replace(TWO, restart_policy=policy), *containers, sandboxes=(DEAD_SANDBOX,))
    assert plan.kill_pod
    assert plan.create_sandbox is creates


def test_a_never_pod_may_get_its_first_sandbox_beside_leftovers() -> None:
    pod = replace(ONE, restart_policy="Never")
    assert actions(pod, exited("a"), sandboxes=()).create_sandbox


def test_only_unfinished_containers_start_in_a_new_sandbox() -> None:
    pod = replace(TWO, restart_policy="OnFailure")
    plan = actions(pod, exited("a"), exited("b", 1), sandboxes=(DEAD_SANDBOX,))
    assert plan.containers_to_start == ("b",)
    own = replace(pod, containers=(replace(A, restart_policy="Always"), replace(B, restart_policy="OnFailure")))
    assert actions(own, exited("a"), exited("b"), sandboxes=(DEAD_SANDBOX,)).containers_to_start == ("a",)
    old = actions(own, exited("a"), exited("b"), sandboxes=(DEAD_SANDBOX,), gates=BEFORE_RULES)
    assert not old.create_sandbox


def test_a_pod_without_regular_containers_created_still_gets_its_sandbox() -> None:
    pod = PodView(init_containers=(INIT,))
    assert actions(pod, exited("init"), sandboxes=(DEAD_SANDBOX,)).init_containers_to_start == ("init",)


def test_a_pod_that_runs_needs_nothing() -> None:
    plan = actions(TWO, container("a"), container("b"))
    assert plan.is_empty
    assert (plan.sandbox_id, plan.attempt) == ("s1", 1)
    assert not actions(TWO, container("a")).is_empty


def test_ephemeral_containers_start_once_even_before_initialisation() -> None:
    pod = replace(ONE, init_containers=(INIT,), ephemeral_containers=(DEBUG, replace(DEBUG, name="again")))
    plan = actions(pod, container("init"), exited("debug", 5))
    assert plan.ephemeral_containers_to_start == ("again",)
    assert plan.containers_to_start == ()


@pytest.mark.parametrize(
    ("policy", "newest", "starts"),
    [
        ("Always", (), True),
        ("Always", (exited("a"),), True),
        ("OnFailure", (exited("a"),), False),
        ("OnFailure", (exited("a", 1),), True),
        ("Never", (exited("a", 1),), False),
        ("Never", (container("a", RuntimeState.CREATED),), True),
    ],
)
def test_containers_that_do_not_run(policy: str, newest: tuple[RuntimeContainer, ...], starts: bool) -> None:
    plan = actions(replace(TWO, restart_policy=policy), *newest, container("b"))
    assert plan.containers_to_start == (("a",) if starts else ())
    assert plan.containers_to_kill == ()
    assert not plan.kill_pod


def test_an_unknown_container_is_killed_before_it_starts_again() -> None:
    plan = actions(ONE, container("a", RuntimeState.UNKNOWN))
    assert plan.containers_to_start == ("a",)
    assert plan.containers_to_kill == (
        ContainerToKill(
            name="a",
            container_id="x://a",
            message='Container is in "unknown" state, try killing it before restart',
            reason=KillReason.UNKNOWN_STATE,
        ),
    )


FAILED_LIVENESS = {"a": ProbeState(liveness=ProbeResult.FAILURE)}
FAILED_STARTUP = {"a": ProbeState(startup=ProbeResult.FAILURE)}
FAILED_BOTH = {"a": ProbeState(liveness=ProbeResult.FAILURE, startup=ProbeResult.FAILURE)}
HEALTHY = {"a": ProbeState(liveness=ProbeResult.SUCCESS, startup=ProbeResult.SUCCESS, readiness=ProbeResult.FAILURE)}


@pytest.mark.parametrize(
    ("policy", "options", "running", "message", "reason", "restarts"),
    [
        ("Never", {}, container("a", hash="new"), "definition changed", KillReason.OTHER, True),
        (
            "Always",
            {"probes": FAILED_LIVENESS},
            container("a"),
            "failed liveness probe",
            KillReason.LIVENESS_PROBE,
            True,
        ),
        (
            "OnFailure",
            {"probes": FAILED_STARTUP},
            container("a"),
            "failed startup probe",
            KillReason.STARTUP_PROBE,
            True,
        ),
        ("Always", {"probes": FAILED_BOTH}, container("a"), "failed liveness probe", KillReason.LIVENESS_PROBE, True),
        (
            "Never",
            {"probes": FAILED_LIVENESS},
            container("a"),
            "failed liveness probe",
            KillReason.LIVENESS_PROBE,
            False,
        ),
    ],
)
def test_running_containers_that_can_not_stay(
    policy: str, options: dict[str, object], running: RuntimeContainer, message: str, reason: KillReason, restarts: bool
) -> None:
    plan = actions(replace(TWO, restart_policy=policy), running, container("b"), **options)
    suffix = ", will be restarted" if restarts else ""
    assert plan.containers_to_kill == (
        ContainerToKill(name="a", container_id="x://a", message=f"Container a {message}{suffix}", reason=reason),
    )
    assert plan.containers_to_start == (("a",) if restarts else ())
    assert not plan.kill_pod


@pytest.mark.parametrize(
    ("own", "pod_policy", "version", "restarts"),
    [
        ("Never", "Always", "1.36", False),
        ("OnFailure", "Never", "1.36", True),
        ("OnFailure", "Never", "1.33", False),
    ],
)
def test_the_containers_own_policy_decides_after_a_probe_kill(
    own: str, pod_policy: str, version: str, restarts: bool
) -> None:
    pod = PodView(containers=(replace(A, restart_policy=own), B), restart_policy=pod_policy)
    plan = actions(pod, container("a"), container("b"), probes=FAILED_LIVENESS, gates=resolve_gates(version))
    assert plan.containers_to_start == (("a",) if restarts else ())


GROWS = ContainerResize(current=ResourceAmounts(), desired=ResourceAmounts(cpu_request_milli=1))
RESTARTS = replace(GROWS, restarts=True)


def test_a_resize_that_needs_a_restart_kills_and_starts_whatever_the_policy() -> None:
    plan = actions(replace(ONE, restart_policy="Never"), container("a"), resizes={"a": RESTARTS})
    assert plan.containers_to_kill == (
        ContainerToKill(name="a", container_id="x://a", message="Container a resize requires restart"),
    )
    assert plan.containers_to_start == ("a",)
    assert (plan.restarts_to_resize, plan.containers_to_resize, plan.kill_pod) == (True, (), False)


def test_a_resize_in_place_keeps_the_container() -> None:
    plan = actions(TWO, container("a"), container("b"), resizes={"b": GROWS}, resizes_pod_level=True)
    assert (plan.containers_to_kill, plan.containers_to_start) == ((), ())
    assert (plan.containers_to_resize, plan.resizes_pod_level, plan.restarts_to_resize) == (("b",), True, False)
    assert plan.resizes
    assert not plan.is_empty
    assert not actions(TWO, container("a"), container("b")).resizes


def test_a_container_that_is_killed_for_something_else_is_not_resized() -> None:
    plan = actions(TWO, container("a"), container("b"), probes=FAILED_LIVENESS, resizes={"a": RESTARTS})
    assert [one.message for one in plan.containers_to_kill] == ["Container a failed liveness probe, will be restarted"]
    assert not plan.resizes


def test_healthy_probes_change_nothing() -> None:
    assert actions(ONE, container("a"), probes=HEALTHY).is_empty


def test_a_pod_with_nothing_left_to_run_is_killed_and_its_sidecars_are_not_restarted() -> None:
    pod = replace(TWO, init_containers=(SIDE,), restart_policy="Never")
    plan = actions(pod, exited("a"), exited("b", 1), container("side", hash="old"))
    assert plan.kill_pod
    assert [one.name for one in plan.containers_to_kill] == ["side"]
    assert plan.init_containers_to_start == ()
    assert plan.containers_to_start == ()


def test_a_failed_init_container_kills_the_pod() -> None:
    pod = replace(ONE, init_containers=(INIT,), restart_policy="Never")
    plan = actions(pod, exited("init", 1))
    assert plan == PodActions(kill_pod=True, sandbox_id="s1", attempt=1)


def test_regular_containers_wait_for_the_init_containers() -> None:
    pod = replace(ONE, init_containers=(INIT,))
    assert actions(pod, container("init")).is_empty
    assert actions(pod, exited("init")).containers_to_start == ("a",)


RESTART_ALL = RestartRule(action="RestartAllContainers", operator="In", exit_codes=(42,))


def test_restarting_all_removes_everything_the_sources_last() -> None:
    """In the order of the spec: regular before init containers, all attempts of a name, newest first."""
    pod = PodView(
        containers=(replace(A, restart_policy="Never", restart_rules=(RESTART_ALL,)), B),
        init_containers=(replace(INIT, restart_policy="Never", restart_rules=(RESTART_ALL,)), SIDE),
    )
    known = (
        exited("a", 42),
        container("a", RuntimeState.EXITED, 1, id="x://a0"),
        container("b"),
        container("side", RuntimeState.UNKNOWN),
        container("b", RuntimeState.CREATED, id="x://b0"),
        exited("init", 42),
    )
    plan = actions(pod, *known, is_restarting_all=True)
    resets = (("a0", False), ("b", True), ("b0", True), ("side", True), ("a", False), ("init", False))
    assert plan == PodActions(
        sandbox_id="s1",
        attempt=1,
        containers_to_reset=tuple(
            ContainerToReset(name=one.rstrip("0"), container_id=f"x://{one}", is_killed=killed)
            for one, killed in resets
        ),
    )


@pytest.mark.parametrize(("sandboxes", "attempt", "sandbox_id"), [((), 0, ""), ((DEAD_SANDBOX,), 2, "s1")])
def test_restarting_all_without_a_sandbox_makes_one_first_and_starts_nothing_in_it(
    sandboxes: tuple[RuntimeSandbox, ...], attempt: int, sandbox_id: str
) -> None:
    plan = actions(replace(ONE, restart_policy="Never"), exited("a", 42), sandboxes=sandboxes, is_restarting_all=True)
    assert (plan.kill_pod, plan.create_sandbox, plan.attempt, plan.sandbox_id) == (True, True, attempt, sandbox_id)
    assert plan.containers_to_start == ()
    assert [one.name for one in plan.containers_to_reset] == ["a"]


@given(
    states=st.lists(st.sampled_from([None, *RuntimeState]), min_size=2, max_size=2),
    exit_code=st.integers(0, 1),
    policy=st.sampled_from(["Always", "OnFailure", "Never"]),
    sandbox=st.sampled_from([(), (SANDBOX,), (DEAD_SANDBOX,)]),
    probe=st.sampled_from([None, *ProbeResult]),
)
def test_what_always_holds(
    states: list[RuntimeState | None],
    exit_code: int,
    policy: str,
    sandbox: tuple[RuntimeSandbox, ...],
    probe: ProbeResult | None,
) -> None:
    pod = replace(TWO, restart_policy=policy)
    known = [container(name, state, exit_code) for name, state in zip("ab", states, strict=True) if state is not None]
    plan = actions(pod, *known, sandboxes=sandbox, probes={"a": ProbeState(liveness=probe)})
    running = {one.name for one in known if one.state is RuntimeState.RUNNING}
    killed = {one.name for one in plan.containers_to_kill}
    # No container starts beside a running one of its name.
    assert plan.kill_pod or not (set(plan.containers_to_start) & running) - killed
    # A sandbox is created only when there is something to start in it.
    assert not plan.create_sandbox or plan.containers_to_start
    assert len(set(plan.containers_to_start)) == len(plan.containers_to_start)
    if policy == "Always":
        assert not plan.kill_pod or plan.create_sandbox
