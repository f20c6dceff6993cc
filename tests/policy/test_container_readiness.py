"""`started` and `ready` of container statuses."""

import pytest

from kubesim.policy.container_readiness import KubeletStart, with_readiness
from kubesim.policy.feature_gates import resolve_gates
from kubesim.policy.pod_view import (
    ContainerKind,
    ContainerSpecView,
    ContainerState,
    ContainerStatusView,
    PodView,
    ProbeResult,
    ProbeState,
    Running,
    Terminated,
    Waiting,
)

S = 1_000_000_000
RUNNING = Running(started_at_ns=100 * S)
SUCCESS, FAILURE, UNKNOWN = ProbeResult.SUCCESS, ProbeResult.FAILURE, ProbeResult.UNKNOWN


def result(
    state: ContainerState | None,
    probe: ProbeState | None,
    *,
    kind: ContainerKind = ContainerKind.REGULAR,
    started: bool | None = None,
    has_readiness_probe: bool = False,
    **options: object,
) -> tuple[bool | None, bool, tuple[str, ...]]:
    container = ContainerSpecView(name="c", kind=kind, has_readiness_probe=has_readiness_probe)
    status = (ContainerStatusView(name="c", state=state, started=started),)
    probes = {} if probe is None else {"c": probe}
    if kind is ContainerKind.REGULAR:
        done = with_readiness(PodView(containers=(container,)), (), status, probes, **options)
        (filled,) = done.statuses
    else:
        done = with_readiness(PodView(init_containers=(container,)), status, (), probes, **options)
        (filled,) = done.init_statuses
    return filled.started, filled.ready, done.readiness_to_trigger


@pytest.mark.parametrize("kind", [ContainerKind.REGULAR, ContainerKind.SIDECAR])
@pytest.mark.parametrize(
    ("state", "probe", "expected"),
    [
        (Waiting(), None, (False, False, ())),
        (Terminated(exit_code=0), None, (False, False, ())),
        (None, None, (False, False, ())),
        (RUNNING, None, (True, True, ())),
        (RUNNING, ProbeState(has_startup_worker=True), (False, False, ())),
        (RUNNING, ProbeState(has_startup_worker=True, startup=UNKNOWN), (False, False, ())),
        (RUNNING, ProbeState(has_startup_worker=True, startup=FAILURE), (False, False, ())),
        (RUNNING, ProbeState(has_startup_worker=True, startup=SUCCESS), (True, True, ())),
        (RUNNING, ProbeState(has_readiness_worker=True), (True, False, ("c",))),
        (RUNNING, ProbeState(has_readiness_worker=True, readiness=FAILURE), (True, False, ("c",))),
        (RUNNING, ProbeState(has_readiness_worker=True, readiness=SUCCESS), (True, True, ())),
        (RUNNING, ProbeState(readiness=FAILURE), (True, True, ())),  # the worker is gone, and with it its verdict
        (
            RUNNING,
            ProbeState(has_startup_worker=True, has_readiness_worker=True, readiness=SUCCESS),
            (False, False, ()),
        ),
    ],
)
def test_regular_containers_and_sidecars(
    kind: ContainerKind,
    state: ContainerState | None,
    probe: ProbeState | None,
    expected: tuple[bool, bool, tuple[str, ...]],
) -> None:
    assert result(state, probe, kind=kind) == expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (Waiting(), (False, False, ())),
        (RUNNING, (True, False, ())),
        (Terminated(exit_code=0), (False, True, ())),
        (Terminated(exit_code=1), (False, False, ())),
    ],
)
def test_plain_init_containers_are_ready_when_done(
    state: ContainerState, expected: tuple[bool, bool, tuple[str, ...]]
) -> None:
    assert result(state, None, kind=ContainerKind.INIT) == expected


def test_started_carried_over_counts_until_there_is_a_result() -> None:
    worker = ProbeState(has_startup_worker=True)
    assert result(RUNNING, worker, started=True) == (True, True, ())
    assert result(RUNNING, worker, started=False) == (False, False, ())
    assert result(RUNNING, ProbeState(has_startup_worker=True, startup=FAILURE), started=True)[0] is False
    assert result(RUNNING, worker, started=True, gates=resolve_gates("1.34"))[0] is False


@pytest.mark.parametrize(
    ("kubelet_start_s", "was_ready", "has_probe", "probe", "expected"),
    [
        # The container ran more than 10 s before the kubelet started: it stays ready until a first result.
        (111, True, True, ProbeState(has_readiness_worker=True), True),
        (111, False, True, ProbeState(has_readiness_worker=True), False),
        (111, False, True, ProbeState(), False),
        (111, False, False, ProbeState(), True),
        (111, True, True, ProbeState(has_readiness_worker=True, readiness=FAILURE), False),
        # Not older: no such mercy.
        (110, True, True, ProbeState(has_readiness_worker=True), False),
        (0, True, True, ProbeState(has_readiness_worker=True), False),
    ],
)
def test_after_a_restart_of_the_kubelet(
    kubelet_start_s: int, was_ready: bool, has_probe: bool, probe: ProbeState, expected: bool
) -> None:
    kubelet = KubeletStart(started_at_ns=kubelet_start_s * S, was_pod_ready=was_ready)
    _, ready, trigger = result(RUNNING, probe, has_readiness_probe=has_probe, kubelet=kubelet)
    assert ready is expected
    assert trigger == (("c",) if probe.has_readiness_worker else ())


def test_before_1_35_readiness_starts_anew() -> None:
    kubelet = KubeletStart(started_at_ns=200 * S, was_pod_ready=True)
    probe = ProbeState(has_readiness_worker=True)
    assert result(RUNNING, probe, kubelet=kubelet, gates=resolve_gates("1.34"))[1] is False
    assert result(Running(started_at_ns=None), probe, kubelet=kubelet)[1] is False
