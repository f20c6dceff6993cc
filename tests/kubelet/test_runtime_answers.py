"""What the runtime says about one container: read once for the same answer, and again when anything else may count."""

from collections.abc import Callable

import pytest

from kubesim.cri import api
from kubesim.kubelet import labels
from kubesim.kubelet.last_made import KEPT_MAX, LastMade
from kubesim.kubelet.resource_records import ResourceRecords
from kubesim.kubelet.runtime_answers import RuntimeAnswers
from kubesim.kubelet.runtime_resources import ReportedResources
from kubesim.model import k8s_v1 as v1
from kubesim.policy.feature_gates import DEFAULT_GATES
from kubesim.policy.pod_view import RuntimeContainer
from kubesim.userland.files.host_files import MemoryHostFiles

UID, NAME, PATH, LOG = "u1", "app", "/var/lib/kubelet/pods/u1/containers/app/1", "/var/log/app.log"


class World:
    """A container that has ended, its files, and what the kubelet gave it."""

    def __init__(self) -> None:
        self.files = MemoryHostFiles()
        for path in (PATH, LOG):
            self.files.make_dirs(path.rpartition("/")[0])
        self.files.write(PATH, b"")
        self.actuated = ResourceRecords(self.files, "/actuated")
        resources = ReportedResources(self.actuated, gates=DEFAULT_GATES, processors=4)
        self.answers = RuntimeAnswers(self.files, resources, runtime_name="containerd", is_windows=False)
        self.status = api.ContainerStatus(
            id="c1",
            metadata=api.ContainerMetadata(name=NAME),
            state=api.CONTAINER_EXITED,
            exit_code=1,
            annotations={labels.TERMINATION_MESSAGE_PATH: "/dev/termination-log"},
            mounts=[api.Mount(container_path="/dev/termination-log", host_path=PATH)],
            log_path=LOG,
        )

    def read(self) -> RuntimeContainer:
        answer = api.ContainerStatusResponse(status=self.status).SerializeToString()
        return self.answers.container(UID, "c1", answer, sandbox_id="s1")


def test_the_same_answer_is_read_once() -> None:
    world = World()
    first = world.read()
    assert (first.id, first.sandbox_id, first.message) == ("containerd://c1", "s1", "")
    assert world.read() is first


def _another_state(world: World) -> None:
    world.status.exit_code = 2


def _a_message(world: World) -> None:
    world.files.write(PATH, b"that was all")


def _no_file(world: World) -> None:
    world.files.remove(PATH)


def _resources(world: World) -> None:
    world.actuated.put_container(UID, NAME, v1.ResourceRequirements(requests={"cpu": "100m"}))


@pytest.mark.parametrize(
    ("happens", "shown"),
    [
        (_another_state, lambda one: one.exit_code == 2),
        (_a_message, lambda one: one.message == "that was all"),
        (_resources, lambda one: one.resources.cpu_request_milli == 100),
    ],
)
def test_what_a_container_is_read_from_counts_at_each_look(
    happens: Callable[[World], None], shown: Callable[[RuntimeContainer], bool]
) -> None:
    world = World()
    assert not shown(world.read()) if happens is not _resources else world.read().resources is None
    happens(world)
    assert shown(world.read())


def test_a_message_whose_file_goes_is_lost() -> None:
    world = World()
    _a_message(world)
    assert world.read().message == "that was all"
    _no_file(world)
    assert world.read().message == ""


def test_the_end_of_a_log_is_read_at_each_look() -> None:
    world = World()
    world.status.annotations[labels.TERMINATION_MESSAGE_POLICY] = "FallbackToLogsOnError"
    world.files.write(LOG, b"2026-01-01T00:00:00Z stdout F one\n")
    assert world.read().message == "one\n"
    world.files.write(LOG, b"2026-01-01T00:00:00Z stdout F two\n")
    assert world.read().message == "two\n"


def test_a_sandbox_is_read_again_when_its_answer_is_another_one() -> None:
    world = World()
    status = api.PodSandboxStatus(id="s1", state=api.SANDBOX_READY, network=api.PodSandboxNetworkStatus(ip="10.0.0.2"))

    def read() -> object:
        return world.answers.sandbox("s1", api.PodSandboxStatusResponse(status=status).SerializeToString())

    first = read()
    assert read() is first
    status.network.ip = "10.0.0.3"
    assert read().ips == ("10.0.0.3",)


def test_only_what_was_made_last_is_kept() -> None:
    made = LastMade[bytes, int]()
    for number in range(KEPT_MAX + 1):
        made.put(str(number), b"x", number)
    assert made.get("0", b"x") is None
    assert made.get("1", b"x") == 1
    assert made.get("1", b"y") is None
