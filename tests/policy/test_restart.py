"""Does an exited container start again?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.model.frozen_records import replace
from kubesim.policy.feature_gates import resolve_gates
from kubesim.policy.pod_view import (
    Condition,
    ContainerKind,
    ContainerSpecView,
    ContainerStatusView,
    PodStatusView,
    PodView,
    RestartRule,
    RuntimeContainer,
    RuntimePod,
    RuntimeState,
    Terminated,
    Waiting,
)
from kubesim.policy.restart import (
    all_containers_could_restart,
    all_containers_restart_cleaned_up,
    asks_to_restart_all,
    container_should_restart,
    matching_rule,
    should_all_containers_restart,
    should_container_be_restarted,
)

BEFORE_RULES = resolve_gates("1.33")
RULES_ONLY = resolve_gates("1.35")
RESTART_42 = RestartRule(action="Restart", operator="In", exit_codes=(42,))
RESTART_ALL_42 = RestartRule(action="RestartAllContainers", operator="In", exit_codes=(42,))
RESTART_ALL_NOT_0 = RestartRule(action="RestartAllContainers", operator="NotIn", exit_codes=(0,))


def exited(name: str, exit_code: int, **fields: object) -> RuntimeContainer:
    return RuntimeContainer(
        name=name, id=f"containerd://{name}", state=RuntimeState.EXITED, exit_code=exit_code, **fields
    )


@pytest.mark.parametrize(
    ("policy", "exit_code", "expected"),
    [
        ("Always", 0, True),
        ("Always", 1, True),
        ("", 0, True),
        ("OnFailure", 0, False),
        ("OnFailure", 137, True),
        ("Never", 0, False),
        ("Never", 1, False),
    ],
)
def test_the_pods_policy_decides_without_a_policy_of_the_container(policy: str, exit_code: int, expected: bool) -> None:
    container = ContainerSpecView(name="c")
    assert container_should_restart(container, pod_restart_policy=policy, exit_code=exit_code) is expected


@pytest.mark.parametrize(
    ("own", "rules", "exit_code", "expected"),
    [
        ("Always", (), 0, True),
        ("OnFailure", (), 0, False),
        ("OnFailure", (), 3, True),
        ("Never", (), 3, False),
        ("Never", (RESTART_42,), 42, True),
        ("Never", (RESTART_42,), 41, False),
        ("Never", (RESTART_ALL_42,), 42, True),
        ("Never", (RESTART_ALL_NOT_0,), 9, True),
        ("Never", (RESTART_ALL_NOT_0,), 0, False),
        ("Never", (RestartRule(action="Other", operator="In", exit_codes=(1,)),), 1, False),
        ("Never", (RestartRule(action="Restart", operator="Near", exit_codes=(1,)),), 1, False),
    ],
)
def test_the_containers_policy_and_rules_win(
    own: str, rules: tuple[RestartRule, ...], exit_code: int, expected: bool
) -> None:
    container = ContainerSpecView(name="c", restart_policy=own, restart_rules=rules)
    for pod_policy in ("Always", "Never"):
        assert container_should_restart(container, pod_restart_policy=pod_policy, exit_code=exit_code) is expected


def test_rules_need_their_gates() -> None:
    container = ContainerSpecView(name="c", restart_policy="Never", restart_rules=(RESTART_42, RESTART_ALL_NOT_0))
    assert container_should_restart(container, pod_restart_policy="Never", exit_code=42, gates=RULES_ONLY)
    assert not container_should_restart(container, pod_restart_policy="Never", exit_code=9, gates=RULES_ONLY)
    assert container_should_restart(container, pod_restart_policy="Always", exit_code=9, gates=BEFORE_RULES)


def test_a_sidecar_restarts_in_every_version() -> None:
    sidecar = ContainerSpecView(name="s", kind=ContainerKind.SIDECAR, restart_policy="Always")
    for gates in (BEFORE_RULES, RULES_ONLY):
        assert container_should_restart(sidecar, pod_restart_policy="Never", exit_code=0, gates=gates)


@given(
    rules=st.lists(
        st.builds(
            RestartRule,
            action=st.sampled_from(["Restart", "RestartAllContainers"]),
            operator=st.sampled_from(["In", "NotIn"]),
            exit_codes=st.lists(st.integers(0, 4), max_size=3).map(tuple),
        ),
        max_size=4,
    ).map(tuple),
    exit_code=st.integers(0, 4),
)
def test_the_first_rule_that_matches_is_found(rules: tuple[RestartRule, ...], exit_code: int) -> None:
    matching = [rule for rule in rules if (exit_code in rule.exit_codes) == (rule.operator == "In")]
    found = matching_rule(ContainerSpecView(name="c", restart_rules=rules), exit_code)
    assert found is (matching[0] if matching else None)


@pytest.mark.parametrize(
    ("runtime", "expected"),
    [
        (RuntimePod(), True),
        (RuntimePod(containers=(replace(exited("c", 0), state=RuntimeState.RUNNING),)), False),
        (RuntimePod(containers=(replace(exited("c", 0), state=RuntimeState.CREATED),)), True),
        (RuntimePod(containers=(replace(exited("c", 0), state=RuntimeState.UNKNOWN),)), True),
        (RuntimePod(containers=(exited("c", 0), exited("c", 1))), False),
        (RuntimePod(containers=(exited("c", 1), exited("c", 0))), True),
        (RuntimePod(containers=(exited("other", 0),)), True),
    ],
)
def test_the_newest_container_of_the_name_decides(runtime: RuntimePod, expected: bool) -> None:
    container = ContainerSpecView(name="c")
    pod = PodView(containers=(container,), restart_policy="OnFailure")
    assert should_container_be_restarted(container, pod, runtime) is expected
    assert not should_container_be_restarted(container, replace(pod, is_deletion_requested=True), runtime)


def test_restart_all_is_possible_only_with_such_a_rule() -> None:
    init = ContainerSpecView(name="i", kind=ContainerKind.INIT, restart_policy="Never", restart_rules=(RESTART_ALL_42,))
    plain = ContainerSpecView(name="c", restart_policy="Never", restart_rules=(RESTART_42,))
    assert all_containers_could_restart(PodView(containers=(plain,), init_containers=(init,)))
    assert not all_containers_could_restart(PodView(containers=(plain,)))


def restart_all_pod() -> PodView:
    source = ContainerSpecView(name="a", restart_policy="Never", restart_rules=(RESTART_ALL_42,))
    return PodView(containers=(source, ContainerSpecView(name="b")))


def test_an_exit_that_matches_starts_restarting_all() -> None:
    pod, old = restart_all_pod(), PodStatusView()
    assert should_all_containers_restart(pod, RuntimePod(containers=(exited("a", 42),)), old)
    assert not should_all_containers_restart(pod, RuntimePod(containers=(exited("a", 1),)), old)
    assert not should_all_containers_restart(pod, RuntimePod(containers=(exited("a", 42),)), old, RULES_ONLY)
    assert not should_all_containers_restart(pod, RuntimePod(containers=(exited("b", 42),)), old)


def test_the_first_rule_of_an_exit_code_decides_whether_all_restart() -> None:
    container = ContainerSpecView(name="a", restart_policy="Never", restart_rules=(RESTART_42, RESTART_ALL_NOT_0))
    assert [code for code in (0, 1, 42) if asks_to_restart_all(container, code)] == [1]


def test_the_exit_code_the_api_shows_counts_while_the_runtime_also_shows_an_exit() -> None:
    shown = ContainerStatusView(name="a", state=Terminated(exit_code=42))
    old = PodStatusView(container_statuses=(shown,))
    pod = restart_all_pod()
    assert should_all_containers_restart(pod, RuntimePod(containers=(exited("a", 137),)), old)
    assert not should_all_containers_restart(pod, RuntimePod(), old)
    assert should_all_containers_restart(pod, None, old)
    waiting = PodStatusView(container_statuses=(replace(shown, state=Waiting()),))
    assert not should_all_containers_restart(pod, None, waiting)
    assert not should_all_containers_restart(pod, RuntimePod(containers=(exited("a", 137),)), waiting)


@pytest.mark.parametrize(("status", "expected"), [("True", True), ("False", False)])
def test_restarting_all_goes_on_until_its_condition_ends(status: str, expected: bool) -> None:
    old = PodStatusView(conditions=(Condition(type="AllContainersRestarting", status=status),))
    assert should_all_containers_restart(restart_all_pod(), RuntimePod(), old) is expected


def test_cleaned_up_when_no_container_of_the_spec_is_left() -> None:
    pod = restart_all_pod()
    assert all_containers_restart_cleaned_up(pod, RuntimePod(containers=(exited("debug", 0),)))
    assert not all_containers_restart_cleaned_up(pod, RuntimePod(containers=(exited("b", 0),)))
