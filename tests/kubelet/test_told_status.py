"""A status in the API's form shares with the one before what that says, too."""

from __future__ import annotations

from msgspec.structs import replace

from kubesim.kubelet.told_status import Surroundings, Told, told
from kubesim.policy.feature_gates import DEFAULT_GATES, resolve_gates
from kubesim.policy.pod_view import Condition, ContainerStatusView, PodPhase, PodStatusView, Waiting

READY = Condition(type="Ready", status="False", reason="ContainersNotReady", last_transition_ns=10**9)
SCHEDULED = Condition(type="PodScheduled", status="True", last_transition_ns=10**9)
STATUS = PodStatusView(
    phase=PodPhase.RUNNING,
    conditions=(READY, SCHEDULED),
    container_statuses=(ContainerStatusView(name="c", state=Waiting(reason="CrashLoopBackOff")),),
)
HERE = Surroundings(pod_ips=("10.0.0.1",), host_ips=("10.1.0.1",), qos_class="Burstable")


def tell(status: PodStatusView, before: Told | None, *, around: Surroundings = HERE, version: str = "") -> Told:
    gates = resolve_gates(version) if version else DEFAULT_GATES
    return told(status, around, before, start_time_ns=0, observed_generation=3, gates=gates)


def test_conditions_that_are_as_they_were_are_the_same_structs() -> None:
    first = tell(STATUS, None)
    again = tell(replace(STATUS, message="other", conditions=(replace(READY), SCHEDULED)), first)
    assert again.struct.conditions is first.struct.conditions

    ready = replace(READY, status="True", reason="", last_transition_ns=2 * 10**9)
    changed = tell(replace(STATUS, conditions=(ready, SCHEDULED)), first)
    assert [one.status for one in changed.struct.conditions] == ["True", "True"]
    assert changed.struct.conditions[0].last_transition_time == "1970-01-01T00:00:02Z"
    assert changed.struct.conditions[1] is first.struct.conditions[1]
    assert [one.status for one in first.struct.conditions] == ["False", "True"]

    fewer = tell(replace(STATUS, conditions=(SCHEDULED,)), first)
    assert [one.type for one in fewer.struct.conditions] == ["PodScheduled"]


def test_what_it_shares_is_what_it_would_be_without_a_status_before() -> None:
    first = tell(STATUS, None)
    moved = replace(HERE, pod_ips=("10.0.0.2", "fd00::2"))
    for status in (STATUS, replace(STATUS, phase=None, reason="r", conditions=(SCHEDULED, READY)), PodStatusView()):
        for around in (HERE, moved):
            assert tell(status, first, around=around).struct == tell(status, None, around=around).struct


def test_the_fields_of_later_versions_are_left_out() -> None:
    assert tell(STATUS, None, version="1.36").struct.observed_generation == 3
    assert tell(STATUS, None, version="1.32").struct.observed_generation == 0
    assert [one.ip for one in tell(STATUS, None, version="1.36").struct.host_ips] == ["10.1.0.1"]
    assert tell(STATUS, None, version="1.28").struct.host_ips == []
