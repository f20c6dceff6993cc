"""What a probe's result changes in the cached status at once."""

import pytest

from kubesim.model.frozen_records import replace
from kubesim.policy.pod_view import (
    Condition,
    ContainerKind,
    ContainerSpecView,
    ContainerStatusView,
    PodPhase,
    PodStatusView,
    PodView,
    Running,
)
from kubesim.policy.probe_status import with_container_ready, with_container_started

POD = PodView(
    name="web",
    namespace="default",
    uid="u",
    generation=3,
    containers=tuple(ContainerSpecView(name=name, kind=ContainerKind.REGULAR, image="i") for name in ("a", "b")),
    init_containers=(ContainerSpecView(name="s", kind=ContainerKind.SIDECAR, image="i", restart_policy="Always"),),
)


def row(name: str, *, ready: bool) -> ContainerStatusView:
    return ContainerStatusView(
        name=name, container_id=f"rt://{name}", state=Running(started_at_ns=1), ready=ready, started=True
    )


STATUS = PodStatusView(
    phase=PodPhase.RUNNING,
    conditions=(
        Condition(type="Ready", status="False"),
        Condition(type="example.com/own", status="True"),
        Condition(type="ContainersReady", status="False"),
    ),
    container_statuses=(row("a", ready=False), row("b", ready=True)),
    init_container_statuses=(row("s", ready=True),),
)


def test_the_last_container_to_be_ready_makes_the_pod_ready() -> None:
    found = with_container_ready(POD, STATUS, "rt://a", ready=True)
    assert found is not None
    assert [one.ready for one in found.container_statuses] == [True, True]
    assert [(one.type, one.status, one.observed_generation) for one in found.conditions] == [
        ("Ready", "True", 3),
        ("example.com/own", "True", None),
        ("ContainersReady", "True", 3),
    ]


def test_a_sidecar_counts_and_a_condition_that_is_missing_is_made() -> None:
    status = replace(STATUS, conditions=(), phase=None)
    found = with_container_ready(POD, status, "rt://s", ready=False, gates={})
    assert found is not None
    assert found.init_container_statuses[0].ready is False
    assert [(one.type, one.message, one.observed_generation) for one in found.conditions] == [
        ("Ready", "containers with unready status: [s a]", None),
        ("ContainersReady", "containers with unready status: [s a]", None),
    ]


@pytest.mark.parametrize(("container_id", "ready"), [("rt://a", False), ("rt://s", True), ("rt://gone", True)])
def test_nothing_new(container_id: str, ready: bool) -> None:
    assert with_container_ready(POD, STATUS, container_id, ready=ready) is None


def test_started() -> None:
    found = with_container_started(STATUS, "rt://b", started=False)
    assert found is not None
    assert [one.started for one in found.container_statuses] == [True, False]
    assert found.conditions == STATUS.conditions
    assert with_container_started(STATUS, "rt://b", started=True) is None
