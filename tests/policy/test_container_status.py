"""The status entries of containers, step by step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.model.frozen_records import replace
from kubesim.policy.container_status import StatusInputs, container_statuses, terminated_state
from kubesim.policy.feature_gates import resolve_gates
from kubesim.policy.kubelet_fixes import IMAGE_VOLUME_DIGEST
from kubesim.policy.pod_view import (
    ContainerKind,
    ContainerSpecView,
    ContainerStatusView,
    ContainerUser,
    ImageVolumeMount,
    LinuxUser,
    PodView,
    Running,
    RuntimeContainer,
    RuntimePod,
    RuntimeState,
    Terminated,
    VolumeMountStatus,
    VolumeMountView,
    Waiting,
)

BEFORE_RESTART_ALL = resolve_gates("1.35")
MAIN = ContainerSpecView(name="main", image="busybox", volume_mounts=(VolumeMountView(name="v", mount_path="/v"),))
INIT = ContainerSpecView(name="init", kind=ContainerKind.INIT, image="busybox")
SIDE = ContainerSpecView(name="side", kind=ContainerKind.SIDECAR, image="busybox", restart_policy="Always")
POD = PodView(containers=(MAIN,))
INIT_POD = PodView(containers=(MAIN,), init_containers=(INIT, SIDE))
MOUNTS = (VolumeMountStatus(name="v", mount_path="/v"),)
CREATING = ContainerStatusView(
    name="main", image="busybox", state=Waiting(reason="ContainerCreating"), volume_mounts=MOUNTS
)
BACKOFF = Waiting(reason="CrashLoopBackOff", message="back-off 10s")
USER = ContainerUser(linux=LinuxUser(uid=1, gid=2, supplemental_groups=(2,)))
LOST_EXIT = "The container could not be located when the pod was"


def runtime_container(
    state: RuntimeState = RuntimeState.RUNNING, *, number: int = 1, name: str = "main", **fields: object
) -> RuntimeContainer:
    return RuntimeContainer(
        name=name,
        id=f"containerd://{name}{number}",
        state=state,
        started_at_ns=10 * number,
        finished_at_ns=10 * number + 5 if state is RuntimeState.EXITED else 0,
        image="busybox:1",
        image_ref="sha256:abc",
        restart_count=number - 1,
        user=USER,
        **fields,
    )


def statuses(
    *newest_first: RuntimeContainer,
    old: tuple[ContainerStatusView, ...] = (),
    pod: PodView = POD,
    containers: tuple[ContainerSpecView, ...] | None = None,
    errors: dict[str, Waiting] | None = None,
    **options: object,
) -> tuple[ContainerStatusView, ...]:
    inputs = StatusInputs(pod=pod, runtime=RuntimePod(containers=newest_first), start_errors=errors or {}, **options)
    return container_statuses(inputs, pod.containers if containers is None else containers, old)


def test_a_container_of_which_nothing_is_known() -> None:
    assert statuses() == (CREATING,)


def test_one_init_container_gives_all_containers_the_reason_pod_initializing() -> None:
    (main,) = statuses(pod=INIT_POD)
    assert main.state == Waiting(reason="PodInitializing")
    init = statuses(pod=INIT_POD, containers=INIT_POD.init_containers)
    assert [(one.name, one.state) for one in init] == [
        ("init", Waiting(reason="PodInitializing")),
        ("side", Waiting(reason="PodInitializing")),
    ]


def test_an_image_volume_shows_its_digest_with_the_gate_and_the_fix() -> None:
    gates = {**resolve_gates("1.36"), "ImageVolumeWithDigest": True}
    pod = PodView(containers=(MAIN,), image_volumes=("v",))
    running = runtime_container(image_mounts=(ImageVolumeMount(container_path="/v", image="i", image_ref="sha256:1"),))
    shown = (VolumeMountStatus(name="v", mount_path="/v", image_ref="sha256:1"),)
    fixed = {"gates": gates, "fixes": frozenset({IMAGE_VOLUME_DIGEST})}

    assert statuses(running, pod=pod, **fixed)[0].volume_mounts == shown
    assert statuses(running, pod=pod, old=(CREATING,), **fixed)[0].volume_mounts == shown
    assert statuses(running, pod=pod, old=(CREATING,), gates=gates)[0].volume_mounts == MOUNTS
    without_rro = {**fixed, "gates": {**gates, "RecursiveReadOnlyMounts": False}}
    assert statuses(running, pod=pod, **without_rro)[0].volume_mounts == ()
    assert statuses(running, pod=pod, gates=gates)[0].volume_mounts == ()
    assert statuses(running, pod=pod, old=(CREATING,))[0].volume_mounts == MOUNTS


def test_volume_mounts_are_shown_since_1_31() -> None:
    assert statuses(gates=resolve_gates("1.31"))[0].volume_mounts == MOUNTS
    assert statuses(gates=resolve_gates("1.30"))[0].volume_mounts == ()


def test_a_container_that_still_waits_keeps_its_count_and_last_state() -> None:
    last = Terminated(exit_code=3)
    old = replace(CREATING, state=Waiting(reason="ErrImagePull"), restart_count=4, last_state=last)
    assert statuses(old=(old,)) == (replace(CREATING, restart_count=4, last_state=last),)


def test_a_terminated_entry_stays_when_the_runtime_forgot_the_container() -> None:
    old = replace(CREATING, state=Terminated(exit_code=0), container_id="containerd://gone", ready=True)
    assert statuses(old=(old,)) == (old,)


@pytest.mark.parametrize(("deleted", "count"), [(False, 3), (True, 2)])
def test_a_running_container_that_vanished_waits_after_an_unknown_end(deleted: bool, count: int) -> None:
    old = replace(CREATING, state=Running(started_at_ns=1), restart_count=2)
    (status,) = statuses(old=(old,), pod=replace(POD, is_deletion_requested=deleted))
    lost = Terminated(
        exit_code=137,
        reason="ContainerStatusUnknown",
        message=f"{LOST_EXIT} deleted.  The container used to be Running",
    )
    assert status == replace(CREATING, restart_count=count, last_state=lost)


def test_a_vanished_container_with_a_last_state_keeps_it() -> None:
    last = Terminated(exit_code=1)
    old = replace(CREATING, state=Running(started_at_ns=1), last_state=last)
    assert statuses(old=(old,)) == (replace(CREATING, last_state=last),)


REMOVED = "The container is removed because RestartAllContainers in place"


@pytest.mark.parametrize("state", [Running(started_at_ns=1), Terminated(exit_code=42), None])
def test_removed_to_restart_all(state: Running | Terminated | None) -> None:
    old = replace(CREATING, state=state, restart_count=1, container_id="containerd://main1")
    (status,) = statuses(old=(old,), is_restarting_all=True)
    assert status.state == Waiting(reason="RestartingAllContainers", message=REMOVED)
    assert status.last_state == Terminated(exit_code=137, reason="RestartingAllContainers", message=REMOVED)
    assert status.restart_count == 2


def test_a_waiting_container_is_not_removed_to_restart_all() -> None:
    assert statuses(old=(CREATING,), is_restarting_all=True) == (CREATING,)
    old = replace(CREATING, state=Running(started_at_ns=1))
    (status,) = statuses(old=(old,), is_restarting_all=True, gates=BEFORE_RESTART_ALL)
    assert status.state == Waiting(reason="ContainerCreating")


RUNNING = ContainerStatusView(
    name="main",
    state=Running(started_at_ns=10),
    image="busybox:1",
    image_id="sha256:abc",
    container_id="containerd://main1",
    user=USER,
)


def test_a_running_container() -> None:
    assert statuses(runtime_container()) == (RUNNING,)
    assert statuses(runtime_container(), old=(CREATING,)) == (replace(RUNNING, volume_mounts=MOUNTS),)


def test_the_user_is_shown_since_1_33() -> None:
    assert statuses(runtime_container(), gates=resolve_gates("1.33"))[0].user == USER
    assert statuses(runtime_container(), gates=resolve_gates("1.32"))[0].user is None


def test_started_is_carried_over_while_running_since_1_35() -> None:
    old = replace(RUNNING, started=True)
    assert statuses(runtime_container(), old=(old,))[0].started is True
    assert statuses(runtime_container(), old=(old,), gates=resolve_gates("1.34"))[0].started is None
    assert statuses(runtime_container(RuntimeState.EXITED), old=(old,))[0].started is None


def test_an_exited_container() -> None:
    container = runtime_container(RuntimeState.EXITED, exit_code=3, reason="Error", message="oops")
    (status,) = statuses(container)
    assert status.state == Terminated(
        exit_code=3,
        reason="Error",
        message="oops",
        started_at_ns=10,
        finished_at_ns=15,
        container_id="containerd://main1",
    )
    assert status.state == terminated_state(container)


def test_a_created_container_waits_without_a_reason() -> None:
    assert statuses(runtime_container(RuntimeState.CREATED))[0].state == Waiting()


def test_the_container_before_the_newest_gives_the_last_state() -> None:
    exits = [runtime_container(RuntimeState.EXITED, number=number, exit_code=number) for number in (1, 2)]
    (status,) = statuses(runtime_container(number=3), exits[1], exits[0])
    assert status.state == Running(started_at_ns=30)
    assert status.restart_count == 2
    assert status.last_state == terminated_state(exits[1])


@pytest.mark.parametrize(
    ("version", "restarting", "reason"),
    [
        ("1.36", False, "ContainerStatusUnknown"),
        ("1.36", True, "RestartingAllContainers"),
        ("1.35", True, "ContainerStatusUnknown"),
    ],
)
def test_unknown_after_running_is_an_end(version: str, restarting: bool, reason: str) -> None:
    old = replace(RUNNING, restart_count=5)
    (status,) = statuses(
        runtime_container(RuntimeState.UNKNOWN), old=(old,), is_restarting_all=restarting, gates=resolve_gates(version)
    )
    assert status.state == Terminated(exit_code=137, reason=reason, message=f"{LOST_EXIT} terminated")
    assert status.restart_count == 6


@pytest.mark.parametrize("old", [(), (CREATING,)])
def test_unknown_otherwise_waits(old: tuple[ContainerStatusView, ...]) -> None:
    assert statuses(runtime_container(RuntimeState.UNKNOWN), old=old)[0].state == Waiting()


def test_the_larger_restart_count_wins_since_restart_all() -> None:
    old = replace(RUNNING, restart_count=7)
    assert statuses(runtime_container(), old=(old,))[0].restart_count == 7
    assert statuses(runtime_container(), old=(old,), gates=BEFORE_RESTART_ALL)[0].restart_count == 0


@pytest.mark.parametrize(("counted", "expected"), [(7, 8), (0, 1)])
def test_a_new_run_after_an_end_counts_at_least_one_more(counted: int, expected: int) -> None:
    end = Terminated(exit_code=42, container_id="containerd://removed")
    old = replace(RUNNING, state=end, restart_count=counted, container_id="containerd://removed")
    (status,) = statuses(runtime_container(), old=(old,))
    assert status.restart_count == expected
    assert status.last_state == end


def test_the_runtimes_own_count_is_taken_when_it_is_ahead() -> None:
    old = replace(RUNNING, state=Terminated(exit_code=1), restart_count=0, container_id="containerd://main1")
    assert statuses(runtime_container(number=2), old=(old,))[0].restart_count == 1


def test_the_last_end_is_remembered_since_restart_all() -> None:
    last = Terminated(exit_code=137, reason="RestartingAllContainers")
    old = replace(RUNNING, last_state=last)
    assert statuses(runtime_container(), old=(old,))[0].last_state == last
    assert statuses(runtime_container(), old=(old,), gates=BEFORE_RESTART_ALL)[0].last_state is None
    ended = replace(old, state=Terminated(exit_code=1))
    assert statuses(runtime_container(RuntimeState.EXITED), old=(ended,))[0].last_state == last


def test_a_crashed_container_is_terminated_first_and_waits_only_with_a_failed_start() -> None:
    exited = runtime_container(RuntimeState.EXITED, exit_code=1)
    assert statuses(exited)[0].state == terminated_state(exited)
    (status,) = statuses(exited, errors={"main": BACKOFF})
    assert status.state == BACKOFF
    assert status.last_state == terminated_state(exited)


def test_a_failed_start_of_a_container_that_never_ran() -> None:
    error = Waiting(reason="ErrImagePull", message="not found")
    assert statuses(errors={"main": error}) == (replace(CREATING, state=error),)


@pytest.mark.parametrize(
    ("newest", "pod"),
    [
        (runtime_container(), POD),
        (runtime_container(RuntimeState.EXITED, exit_code=0), replace(POD, restart_policy="OnFailure")),
        (runtime_container(RuntimeState.EXITED, exit_code=1), replace(POD, restart_policy="Never")),
        (runtime_container(RuntimeState.EXITED, exit_code=1), replace(POD, is_deletion_requested=True)),
    ],
)
def test_a_failed_start_does_not_show_when_the_container_is_not_due(newest: RuntimeContainer, pod: PodView) -> None:
    assert statuses(newest, pod=pod, errors={"main": BACKOFF}) == statuses(newest, pod=pod)


def test_deleting_a_pod_that_never_started_resets_its_reason() -> None:
    pulling = Waiting(reason="ImagePullBackOff", message="m")
    old = replace(CREATING, state=pulling)
    pod = replace(POD, is_deletion_requested=True)
    assert statuses(old=(old,), pod=pod, errors={"main": pulling}) == (CREATING,)


def init_statuses(*newest_first: RuntimeContainer, **options: object) -> tuple[ContainerStatusView, ...]:
    return statuses(*newest_first, pod=INIT_POD, containers=INIT_POD.init_containers, **options)


def test_a_lost_init_container_of_an_initialised_pod_counts_as_completed() -> None:
    init, side = init_statuses(runtime_container(), errors={"init": BACKOFF, "side": BACKOFF})
    assert init.state == Terminated(
        exit_code=0,
        reason="Completed",
        message=(
            "Unable to get init container status from container runtime and pod has been initialized, "
            "treat it as exited normally"
        ),
    )
    assert side.state == BACKOFF


def test_before_initialisation_a_lost_init_container_waits() -> None:
    unknown = runtime_container(RuntimeState.UNKNOWN)
    init, _ = init_statuses(unknown, errors={"init": BACKOFF})
    assert init.state == BACKOFF


def test_a_completed_init_container_is_left_alone() -> None:
    done = runtime_container(RuntimeState.EXITED, name="init", exit_code=0)
    init, _ = init_statuses(done, errors={"init": BACKOFF})
    assert init.state == terminated_state(done)


def test_a_failed_init_container_waits_for_its_next_start() -> None:
    failed = runtime_container(RuntimeState.EXITED, name="init", exit_code=1)
    init, _ = init_statuses(failed, errors={"init": BACKOFF})
    assert init.state == BACKOFF
    old = replace(CREATING, name="init", state=terminated_state(failed))
    init, _ = init_statuses(runtime_container(), old=(old,))
    assert init.state == terminated_state(failed)


def test_regular_statuses_are_sorted_by_name_and_init_statuses_are_not() -> None:
    names = ["web", "app", "db"]
    regular = tuple(ContainerSpecView(name=name) for name in names)
    init = tuple(ContainerSpecView(name=name, kind=ContainerKind.INIT) for name in names)
    pod = PodView(containers=regular, init_containers=init)
    assert [one.name for one in statuses(pod=pod)] == sorted(names)
    assert [one.name for one in statuses(pod=pod, containers=init)] == names
    assert statuses(pod=pod, containers=()) == ()


@pytest.mark.parametrize(("is_on", "shown"), [(True, "SIGUSR1"), (False, None)])
def test_the_stop_signal_needs_its_gate(*, is_on: bool, shown: str | None) -> None:
    gates = resolve_gates("1.36", {"ContainerStopSignals": is_on})
    (status,) = statuses(runtime_container(stop_signal="SIGUSR1"), gates=gates)
    assert status.stop_signal == shown


_STATES = st.sampled_from(RuntimeState)


@given(
    states=st.lists(_STATES, max_size=4),
    exit_code=st.integers(0, 1),
    has_old=st.booleans(),
    has_error=st.booleans(),
    version=st.sampled_from(["1.28", "1.31", "1.33", "1.35", "1.36"]),
)
def test_every_container_gets_one_status_with_one_state(
    states: list[RuntimeState], exit_code: int, has_old: bool, has_error: bool, version: str
) -> None:
    count = len(states)
    containers = [
        runtime_container(state, number=count - index, exit_code=exit_code) for index, state in enumerate(states)
    ]
    gates = resolve_gates(version)
    errors = {"main": BACKOFF} if has_error else {}
    old = statuses(*containers[1:], gates=gates) if has_old else ()
    (status,) = statuses(*containers, old=old, errors=errors, gates=gates)
    assert status.name == "main"
    assert status.state is not None
    assert status.restart_count >= (containers[0].restart_count if containers else 0)
    assert not status.ready
    if containers and isinstance(status.state, Running):
        assert containers[0].state is RuntimeState.RUNNING
        assert status.container_id == containers[0].id
