"""What one sync does about init containers and sidecars."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.model.frozen_records import replace
from kubesim.policy.feature_gates import resolve_gates
from kubesim.policy.init_actions import InitActions, init_container_actions
from kubesim.policy.pod_view import (
    ContainerKind,
    ContainerSpecView,
    PodView,
    ProbeResult,
    ProbeState,
    RestartRule,
    RuntimeContainer,
    RuntimePod,
    RuntimeState,
)
from kubesim.policy.resize_plan import ContainerResize, ResourceAmounts
from kubesim.policy.sync_plan import ActionInputs, ContainerToKill, KillReason

BEFORE_RULES = resolve_gates("1.33")
MAIN = ContainerSpecView(name="main")
SUCCESS, FAILURE = ProbeResult.SUCCESS, ProbeResult.FAILURE


def plain(name: str, **fields: object) -> ContainerSpecView:
    return ContainerSpecView(name=name, kind=ContainerKind.INIT, hash="h", **fields)


def sidecar(name: str, **fields: object) -> ContainerSpecView:
    return ContainerSpecView(name=name, kind=ContainerKind.SIDECAR, hash="h", restart_policy="Always", **fields)


def container(name: str, state: RuntimeState, exit_code: int = 0, **fields: object) -> RuntimeContainer:
    return RuntimeContainer(name=name, id=f"x://{name}", state=state, exit_code=exit_code, **({"hash": "h"} | fields))


def running(name: str, **fields: object) -> RuntimeContainer:
    return container(name, RuntimeState.RUNNING, **fields)


def exited(name: str, exit_code: int = 0, **fields: object) -> RuntimeContainer:
    return container(name, RuntimeState.EXITED, exit_code, **fields)


def actions(
    init: tuple[ContainerSpecView, ...],
    *known: RuntimeContainer,
    policy: str = "Always",
    probes: dict[str, ProbeState] | None = None,
    **options: object,
) -> InitActions:
    pod = PodView(containers=(MAIN,), init_containers=init, restart_policy=policy)
    return init_container_actions(
        ActionInputs(pod=pod, runtime=RuntimePod(containers=known), probes=probes or {}, **options)
    )


def starts(*names: str, initialized: bool = False) -> InitActions:
    return InitActions(has_initialized=initialized, to_start=names)


ONE, TWO = (plain("i"),), (plain("i"), plain("j"))
SIDE_FIRST = (sidecar("s"), plain("j"))


def test_a_pod_without_init_containers_is_initialized() -> None:
    assert actions(()) == starts(initialized=True)


@pytest.mark.parametrize(
    ("init", "known", "expected"),
    [
        (TWO, (), starts("i")),
        (TWO, (running("i"),), starts()),
        (TWO, (exited("i"),), starts("j")),
        (TWO, (running("j"),), starts()),
        (TWO, (running("j"), exited("i", 1)), starts()),  # an earlier one no longer matters
        (TWO, (exited("j"),), starts(initialized=True)),  # the first was already removed
        (TWO, (exited("j", 1), exited("i")), starts("j")),
        (TWO, (container("i", RuntimeState.CREATED),), starts("i")),
        (TWO, (exited("i", 0, reason="OOMKilled"),), starts("i")),
        # A regular container that is alive shows that all is done, an exited one does not.
        (TWO, (running("main"),), starts(initialized=True)),
        (TWO, (container("main", RuntimeState.CREATED),), starts(initialized=True)),
        (TWO, (exited("main"),), starts("i")),
        (TWO, (exited("main"), exited("i")), starts("j")),
    ],
)
def test_plain_init_containers(
    init: tuple[ContainerSpecView, ...], known: tuple[RuntimeContainer, ...], expected: InitActions
) -> None:
    assert actions(init, *known) == expected


@pytest.mark.parametrize(
    ("init", "known", "expected"),
    [
        # A sidecar counts as initialised as soon as it runs.
        (SIDE_FIRST, (running("s"),), starts("j")),
        ((sidecar("s"),), (running("s"),), starts(initialized=True)),
        # It is kept running while the later ones work, and after them.
        (SIDE_FIRST, (running("j"), exited("s")), starts("s")),
        (SIDE_FIRST, (running("j"),), starts("s")),
        (SIDE_FIRST, (running("j"), running("s")), starts()),
        (SIDE_FIRST, (exited("j"), exited("s", 1)), starts("s", initialized=True)),
        (SIDE_FIRST, (running("main"),), starts("s", initialized=True)),
        (SIDE_FIRST, (running("main"), running("s")), starts(initialized=True)),
        (SIDE_FIRST, (exited("s", 1),), starts("s")),
        (SIDE_FIRST, (container("s", RuntimeState.CREATED),), starts("s")),
        # Several sidecars restart in spec order.
        ((sidecar("s"), sidecar("t"), plain("j")), (running("j"),), starts("s", "t")),
        ((plain("i"), sidecar("s")), (running("s"), exited("i")), starts(initialized=True)),
    ],
)
def test_sidecars(
    init: tuple[ContainerSpecView, ...], known: tuple[RuntimeContainer, ...], expected: InitActions
) -> None:
    assert actions(init, *known) == expected


def kill(name: str, why: str, reason: KillReason) -> tuple[ContainerToKill, ...]:
    message = f"Init container {name} {why}"
    return (ContainerToKill(name=name, container_id=f"x://{name}", message=message, reason=reason),)


PROBED = (sidecar("s", has_startup_probe=True, has_liveness_probe=True), plain("j"))


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        (ProbeState(), starts()),
        (ProbeState(startup=ProbeResult.UNKNOWN), starts()),
        (ProbeState(startup=SUCCESS), starts("j")),
        (ProbeState(startup=SUCCESS, liveness=SUCCESS), starts("j")),
        (
            ProbeState(startup=FAILURE),
            replace(starts("s"), to_kill=kill("s", "failed startup probe", KillReason.STARTUP_PROBE)),
        ),
        (
            ProbeState(startup=SUCCESS, liveness=FAILURE),
            replace(starts("s", "j"), to_kill=kill("s", "failed liveness probe", KillReason.LIVENESS_PROBE)),
        ),
    ],
)
def test_probes_of_a_sidecar(probe: ProbeState, expected: InitActions) -> None:
    assert actions(PROBED, running("s"), probes={"s": probe}) == expected


def test_a_liveness_result_without_a_probe_in_the_spec_does_not_count() -> None:
    assert actions(SIDE_FIRST, running("s"), probes={"s": ProbeState(liveness=FAILURE)}) == starts("j")


def test_a_sidecar_with_a_new_definition_restarts() -> None:
    plan = actions((sidecar("s"),), running("s", hash="old"), running("main"))
    changed = kill("s", "definition changed", KillReason.OTHER)
    assert plan == InitActions(has_initialized=True, to_start=("s",), to_kill=changed)


KILLS_POD = InitActions(has_initialized=False, kill_pod=True)
RULE = RestartRule(action="Restart", operator="In", exit_codes=(3,))


@pytest.mark.parametrize(
    ("init", "exit_code", "policy", "version", "expected"),
    [
        (ONE, 1, "Never", "1.36", KILLS_POD),
        (ONE, 1, "OnFailure", "1.36", starts("i")),
        ((plain("i", restart_policy="Always"),), 1, "Never", "1.36", starts("i")),
        ((plain("i", restart_policy="Never"),), 1, "Always", "1.36", KILLS_POD),
        ((plain("i", restart_policy="Never", restart_rules=(RULE,)),), 3, "Never", "1.36", starts("i")),
        ((plain("i", restart_policy="Never", restart_rules=(RULE,)),), 3, "Never", "1.33", KILLS_POD),
        (ONE, 1, "OnFailure", "1.33", starts("i")),
    ],
)
def test_a_failed_init_container(
    init: tuple[ContainerSpecView, ...], exit_code: int, policy: str, version: str, expected: InitActions
) -> None:
    assert actions(init, exited("i", exit_code), policy=policy, gates=resolve_gates(version)) == expected


UNKNOWN_TEXT = 'Init container is in "unknown" state, try killing it before restart'


@pytest.mark.parametrize(
    ("init", "policy", "kills_pod"),
    [
        (ONE, "Always", False),
        (ONE, "Never", True),
        ((plain("i", restart_policy="Never"),), "Always", True),
        ((sidecar("i"),), "Never", False),
    ],
)
def test_an_unknown_init_container(init: tuple[ContainerSpecView, ...], policy: str, kills_pod: bool) -> None:
    plan = actions(init, container("i", RuntimeState.UNKNOWN), policy=policy)
    if kills_pod:
        assert plan == KILLS_POD
        return
    assert plan.to_start == ("i",)
    assert [(one.message, one.reason) for one in plan.to_kill] == [(UNKNOWN_TEXT, KillReason.UNKNOWN_STATE)]


def test_sidecars_that_were_to_be_killed_stay_on_the_list_when_the_pod_goes() -> None:
    init = (plain("i"), sidecar("s"))
    plan = actions(init, container("i", RuntimeState.UNKNOWN), policy="Never")
    assert plan.kill_pod
    assert plan.to_start == ()


@given(
    kinds=st.lists(st.booleans(), min_size=1, max_size=4),
    states=st.lists(st.sampled_from([None, *RuntimeState]), min_size=4, max_size=4),
    exit_code=st.integers(0, 1),
    main_runs=st.booleans(),
    policy=st.sampled_from(["Always", "Never"]),
)
def test_what_always_holds(
    kinds: list[bool], states: list[RuntimeState | None], exit_code: int, main_runs: bool, policy: str
) -> None:
    init = tuple(sidecar(f"c{index}") if is_side else plain(f"c{index}") for index, is_side in enumerate(kinds))
    known = [
        container(one.name, state, exit_code) for one, state in zip(init, states, strict=False) if state is not None
    ]
    plan = actions(init, *known, *([running("main")] if main_runs else []), policy=policy)
    order = [one.name for one in init]
    assert list(plan.to_start) == sorted(plan.to_start, key=order.index)
    assert len(set(plan.to_start)) == len(plan.to_start)
    if main_runs:
        # After initialisation only sidecars matter.
        assert plan.has_initialized
        assert not plan.kill_pod
        assert all(one.is_sidecar for one in init if one.name in plan.to_start)
    alive = {one.name for one in known if one.state is RuntimeState.RUNNING}
    assert not set(plan.to_start) & alive
    # There is always something to wait for, to start, or the end.
    assert plan.has_initialized or plan.kill_pod or plan.to_start or alive


GROWS = ContainerResize(current=ResourceAmounts(), desired=ResourceAmounts(cpu_request_milli=1))
RESTARTS = replace(GROWS, restarts=True)


def test_running_init_containers_are_resized_the_last_one_first() -> None:
    found = actions(
        (sidecar("s"), plain("p")), running("s"), running("p"), resizes={"s": GROWS, "p": GROWS, "other": GROWS}
    )
    assert found.to_resize == ("p", "s")
    assert (found.to_kill, found.restarts_to_resize) == ((), False)


def test_a_resize_that_needs_a_restart_starts_the_sidecar_again() -> None:
    found = actions((sidecar("s"),), running("s"), running("main"), resizes={"s": RESTARTS})
    assert found.to_kill == (
        ContainerToKill(name="s", container_id="x://s", message="Container s resize requires restart"),
    )
    assert (found.to_start, found.restarts_to_resize, found.to_resize) == (("s",), True, ())


@pytest.mark.parametrize(
    ("probe", "resized"),
    [
        (ProbeState(), ()),
        (ProbeState(liveness=SUCCESS), ("s",)),
        (ProbeState(liveness=FAILURE), ()),
    ],
)
def test_a_sidecar_is_resized_once_its_liveness_is_known(probe: ProbeState, resized: tuple[str, ...]) -> None:
    init = (sidecar("s", has_liveness_probe=True),)
    assert actions(init, running("s"), running("main"), probes={"s": probe}, resizes={"s": GROWS}).to_resize == resized
