"""What the status manager refuses, completes and merges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    RestartRule,
    Running,
    Terminated,
    Waiting,
)
from kubesim.policy.status_merge import (
    illegal_transition,
    merge_pod_status,
    terminated_pod_status,
    with_short_messages,
)

MAIN = ContainerSpecView(name="main")
INIT = ContainerSpecView(name="init", kind=ContainerKind.INIT)
SIDE = ContainerSpecView(name="side", kind=ContainerKind.SIDECAR, restart_policy="Always")
POD = PodView(containers=(MAIN,), init_containers=(INIT, SIDE), restart_policy="Never", generation=4)
DONE, FAILED = Terminated(exit_code=0), Terminated(exit_code=1)
LOST = Terminated(
    exit_code=137,
    reason="ContainerStatusUnknown",
    message="The container could not be located when the pod was terminated",
)


def status(name: str, state: ContainerState | None, **fields: object) -> ContainerStatusView:
    return ContainerStatusView(name=name, state=state, **fields)


def regular(state: ContainerState | None) -> PodStatusView:
    return PodStatusView(container_statuses=(status("main", state),))


def init(state: ContainerState | None, name: str = "init") -> PodStatusView:
    return PodStatusView(init_container_statuses=(status(name, state),))


REGULAR_TEXT = "terminated container main attempted illegal transition to non-terminated state"
INIT_TEXT = "terminated init container init attempted illegal transition to non-terminated state"


@pytest.mark.parametrize(
    ("policy", "old", "new", "expected"),
    [
        ("Never", regular(DONE), regular(Waiting()), REGULAR_TEXT),
        ("Never", regular(FAILED), regular(Running()), REGULAR_TEXT),
        ("Never", regular(FAILED), regular(None), REGULAR_TEXT),
        ("Never", regular(FAILED), regular(DONE), None),
        ("Never", regular(Running()), regular(Waiting()), None),
        ("Never", regular(DONE), PodStatusView(), None),
        ("Never", PodStatusView(), regular(Waiting()), None),
        ("OnFailure", regular(FAILED), regular(Waiting()), None),
        ("OnFailure", regular(DONE), regular(Waiting()), REGULAR_TEXT),
        ("Always", regular(DONE), regular(Waiting()), None),
        ("Never", init(DONE), init(Waiting()), INIT_TEXT),
        ("OnFailure", init(FAILED), init(Waiting()), None),
        ("Never", init(DONE, "side"), init(Running(), "side"), None),
    ],
)
def test_leaving_the_terminated_state(
    policy: str, old: PodStatusView, new: PodStatusView, expected: str | None
) -> None:
    assert illegal_transition(replace(POD, restart_policy=policy), old, new) == expected


def test_restart_rules_allow_it() -> None:
    rule = RestartRule(action="Restart", operator="In", exit_codes=(0,))
    restarts = replace(MAIN, restart_policy="Never", restart_rules=(rule,))
    assert illegal_transition(replace(POD, containers=(restarts,)), regular(DONE), regular(Waiting())) is None
    assert illegal_transition(replace(POD, containers=(restarts,)), regular(FAILED), regular(Waiting())) is not None
    restart_all = replace(restarts, restart_rules=(replace(rule, action="RestartAllContainers"),))
    assert illegal_transition(replace(POD, containers=(restart_all,)), regular(FAILED), regular(Waiting())) is None


def condition(condition_type: str, value: str = "True", **fields: object) -> Condition:
    return Condition(type=condition_type, status=value, **fields)


def merge(api: PodStatusView, new: PodStatusView, *, running: bool, **options: object) -> PodStatusView:
    return merge_pod_status(POD, api=api, new=new, could_have_running_containers=running, now_ns=99, **options)


ALIVE = PodStatusView(phase=PodPhase.RUNNING, reason="old reason", message="old message")
GONE = PodStatusView(phase=PodPhase.FAILED, reason="Terminated", message="shutdown")


def test_conditions_of_others_come_from_the_api_and_first() -> None:
    api = replace(ALIVE, conditions=(condition("Ready", "False"), condition("x/gate")))
    new = replace(ALIVE, conditions=(condition("x/gate", "False"), condition("x/stale"), condition("Ready")))
    merged = merge(api, new, running=True)
    assert [(one.type, one.status) for one in merged.conditions] == [("x/gate", "True"), ("Ready", "True")]


@pytest.mark.parametrize("conditions", [(condition("Ready"),), (condition("x/gate"), condition("Ready"))])
def test_a_status_with_the_conditions_of_the_api_is_sent_as_it_is(conditions: tuple[Condition, ...]) -> None:
    new = replace(ALIVE, conditions=conditions)
    assert merge(replace(ALIVE, conditions=(*conditions[:-1], condition("Ready", "False"))), new, running=True) is new


def test_a_terminal_phase_waits_for_the_containers() -> None:
    target = condition("DisruptionTarget", last_transition_ns=5)
    new = replace(GONE, conditions=(target,), container_statuses=(status("main", FAILED),))
    held = merge(ALIVE, new, running=True)
    assert (held.phase, held.reason, held.message) == (PodPhase.RUNNING, "old reason", "old message")
    assert held.conditions == ()
    assert held.container_statuses == new.container_statuses
    sent = merge(ALIVE, new, running=False)
    assert (sent.phase, sent.reason, sent.message) == (PodPhase.FAILED, "Terminated", "shutdown")
    assert sent.conditions == (replace(target, last_transition_ns=99),)


def test_disruption_target_replaces_the_one_of_the_api_and_keeps_its_time() -> None:
    theirs = condition("DisruptionTarget", reason="Theirs", last_transition_ns=7)
    mine = condition("DisruptionTarget", reason="Mine", last_transition_ns=50)
    merged = merge(replace(ALIVE, conditions=(theirs,)), replace(GONE, conditions=(mine,)), running=False)
    assert merged.conditions == (replace(mine, last_transition_ns=7),)
    later = merge(replace(GONE, conditions=(theirs,)), replace(GONE, conditions=(mine,)), running=False)
    assert later.conditions == (theirs,)


@pytest.mark.parametrize(
    ("phase", "version", "reason", "generation"),
    [(PodPhase.FAILED, "1.36", "PodFailed", 4), (PodPhase.SUCCEEDED, "1.33", "PodCompleted", None)],
)
def test_a_terminal_phase_is_never_ready(phase: PodPhase, version: str, reason: str, generation: int | None) -> None:
    ready = (condition("Initialized"), condition("Ready", last_transition_ns=5), condition("ContainersReady", "False"))
    new = PodStatusView(phase=phase, conditions=ready)
    merged = merge(ALIVE, new, running=False, gates=resolve_gates(version))
    assert [one.type for one in merged.conditions] == ["Initialized", "Ready", "ContainersReady"]
    for one in merged.conditions[1:]:
        assert (one.status, one.reason, one.message, one.observed_generation) == ("False", reason, "", generation)
    assert merged.conditions[1].last_transition_ns == 99


@pytest.mark.parametrize("conditions", [(), (condition("Ready", "False", reason="ContainersNotReady"),)])
def test_a_terminal_phase_leaves_unready_conditions_alone(conditions: tuple[Condition, ...]) -> None:
    assert merge(ALIVE, replace(GONE, conditions=conditions), running=False).conditions == conditions


def test_a_running_phase_may_be_ready() -> None:
    new = replace(ALIVE, conditions=(condition("Ready"),))
    assert merge(ALIVE, new, running=True) == new
    assert merge(PodStatusView(), replace(new, phase=None), running=True).conditions == new.conditions


@given(api_phase=st.sampled_from([None, *PodPhase]), new_phase=st.sampled_from([*PodPhase]), running=st.booleans())
def test_a_phase_becomes_terminal_only_without_running_containers(
    api_phase: PodPhase | None, new_phase: PodPhase, running: bool
) -> None:
    merged = merge(PodStatusView(phase=api_phase), PodStatusView(phase=new_phase), running=running)
    becomes_terminal = new_phase.is_terminal and not (api_phase is not None and api_phase.is_terminal)
    assert merged.phase == (api_phase if becomes_terminal and running else new_phase)


def terminated(pod: PodView, status_: PodStatusView, api: PodStatusView | None = None) -> PodStatusView:
    return terminated_pod_status(pod, status_, api=status_ if api is None else api)


SIMPLE = PodView(containers=(MAIN,))


@pytest.mark.parametrize(
    ("state", "expected"), [(Running(), LOST), (Waiting(), LOST), (None, LOST), (DONE, DONE), (FAILED, FAILED)]
)
def test_nothing_waits_or_runs_in_a_terminated_pod(state: ContainerState | None, expected: Terminated) -> None:
    result = terminated(SIMPLE, replace(regular(state), phase=PodPhase.RUNNING))
    assert result.container_statuses[0].state == expected


@pytest.mark.parametrize(
    ("phase", "is_static", "expected"),
    [
        (PodPhase.RUNNING, False, PodPhase.FAILED),
        (PodPhase.PENDING, False, PodPhase.FAILED),
        (None, False, PodPhase.FAILED),
        (PodPhase.SUCCEEDED, False, PodPhase.SUCCEEDED),
        (PodPhase.RUNNING, True, PodPhase.RUNNING),
    ],
)
def test_a_terminated_pod_has_a_terminal_phase(phase: PodPhase | None, is_static: bool, expected: PodPhase) -> None:
    assert terminated(replace(SIMPLE, is_static=is_static), PodStatusView(phase=phase)).phase == expected


@pytest.mark.parametrize(
    ("main", "side", "plain", "is_lost"),
    [
        # A regular container was started once.
        (status("main", Waiting(), last_state=DONE), status("side", Waiting()), status("init", Waiting()), True),
        (status("main", Running()), status("side", Waiting()), status("init", Waiting()), True),
        # Or the last init container, here a sidecar, had done its part.
        (status("main", Waiting()), status("side", Running(), started=True), status("init", DONE), True),
        (status("main", Waiting()), status("side", Running(), started=False), status("init", DONE), False),
        (status("main", Waiting()), status("side", Running()), status("init", DONE), False),
        (status("main", Waiting()), status("side", Waiting()), status("init", DONE), False),
    ],
)
def test_regular_containers_of_a_pod_that_was_not_initialised_keep_waiting(
    main: ContainerStatusView, side: ContainerStatusView, plain: ContainerStatusView, is_lost: bool
) -> None:
    view = PodStatusView(container_statuses=(main,), init_container_statuses=(plain, side))
    result = terminated(POD, view)
    assert result.container_statuses[0].state == (LOST if is_lost else main.state)


@pytest.mark.parametrize(
    ("last", "is_lost"),
    [
        (status("init", DONE), True),
        (status("init", FAILED), False),
        (status("init", Waiting(), last_state=DONE), True),
        (status("init", Waiting(), last_state=FAILED), False),
        (None, False),
    ],
)
def test_a_plain_last_init_container_initialises_by_exit_code_zero(
    last: ContainerStatusView | None, is_lost: bool
) -> None:
    pod = replace(POD, init_containers=(INIT,))
    view = PodStatusView(
        container_statuses=(status("main", Waiting()),), init_container_statuses=(last,) if last else ()
    )
    assert terminated(pod, view).container_statuses[0].state == (LOST if is_lost else Waiting())


@pytest.mark.parametrize(
    ("states", "lost"),
    [
        ([], []),
        ([Waiting(), Waiting()], [True, False]),  # at least the first
        ([DONE, Waiting()], [False, False]),
        ([Waiting(), Running(), Waiting()], [True, True, False]),
        ([Running(), Waiting()], [True, False]),
    ],
)
def test_init_containers_that_were_never_tried_keep_waiting(states: list[ContainerState], lost: list[bool]) -> None:
    view = PodStatusView(
        init_container_statuses=tuple(status(f"i{index}", state) for index, state in enumerate(states))
    )
    result = terminated(POD, view)
    expected = [LOST if is_lost else state for state, is_lost in zip(states, lost, strict=True)]
    assert [one.state for one in result.init_container_statuses] == expected


def test_an_init_container_that_waits_after_an_end_was_tried() -> None:
    view = PodStatusView(init_container_statuses=(status("a", DONE), status("b", Waiting(), last_state=FAILED)))
    result = terminated(POD, view)
    assert [one.state for one in result.init_container_statuses] == [DONE, LOST]
    assert result.init_container_statuses[1].last_state == FAILED


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("x" * 12288, "x" * 12288),
        ("x" * 12289, "x" * 12288),
        ("x" * 12287 + "é", "x" * 12287 + "\ufffd"),
        ("x" * 12286 + "é", "x" * 12286 + "é"),
        ("x" * 12286 + "€", "x" * 12286 + "\ufffd\ufffd"),
    ],
)
def test_long_messages_are_cut_by_bytes(message: str, expected: str) -> None:
    view = PodStatusView(container_statuses=(status("main", Terminated(exit_code=1, message=message)),))
    (cut,) = with_short_messages(SIMPLE, view).container_statuses
    assert cut.state == Terminated(exit_code=1, message=expected)


def test_containers_of_all_kinds_share_the_bytes() -> None:
    long = Terminated(exit_code=1, message="x" * 20000)
    pod = PodView(containers=(MAIN,), init_containers=(INIT,), ephemeral_containers=(MAIN, MAIN))
    view = PodStatusView(
        container_statuses=(status("main", Running(), last_state=long),),
        init_container_statuses=(status("init", long),),
        ephemeral_container_statuses=(status("debug", long),),
    )
    short = with_short_messages(pod, view)
    expected = replace(long, message="x" * 3072)
    assert short.container_statuses[0].last_state == expected
    assert short.container_statuses[0].state == Running()
    assert short.init_container_statuses[0].state == expected
    assert short.ephemeral_container_statuses[0].state == expected
