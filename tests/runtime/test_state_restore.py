"""A runtime that comes back: what a client sees of sandboxes, containers and images after a restart of the daemon."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from kubesim.cri import CriError, api
from kubesim.errors import InputError
from kubesim.kernel import Kernel
from kubesim.policy.lost_processes import GO_ZERO_TIME_NS
from kubesim.runtime.state_changes import StateChanges, StateKind
from kubesim.runtime.state_records import SavedState, StateRecord, batch_of

NS = 1_000_000_000
BUSYBOX = "registry.example/busybox:1"
OTHER = "registry.example/other:1"
PID_OF_POD = api.LinuxPodSandboxConfig(
    security_context=api.LinuxSandboxSecurityContext(namespace_options=api.NamespaceOption(pid=api.POD))
)
OWN_PIDS = api.LinuxPodSandboxConfig(
    security_context=api.LinuxSandboxSecurityContext(namespace_options=api.NamespaceOption(pid=api.CONTAINER))
)


class Restarts:
    """Nodes that follow each other on one state, each with another seed and a second later than the one before."""

    def __init__(self, new_node: Callable[..., Any], profile: str, **options: Any) -> None:
        self._new_node = new_node
        self.profile = profile
        self.options = options
        self.rows: dict[Any, bytes] = {}
        self.changes = StateChanges()
        self.node: Any = new_node(profile, changes=self.changes, **options)

    def keep(self) -> None:
        batch = batch_of(self.changes)
        for key in batch.gone:
            self.rows.pop(key, None)
        self.rows.update({(record.kind, record.id): record.data for record in batch.records})
        self.changes.clear()

    def restart(self, *, later_ns: int = NS) -> Any:
        """The node dies, and the next one begins with what was kept."""
        self.keep()
        before = self.node.kernel
        self.changes = StateChanges()
        self.node = self._new_node(
            self.profile,
            kernel=Kernel(seed=before.seed + 1, start_ns=before.now_ns + later_ns),
            changes=self.changes,
            saved=self.saved(),
            **self.options,
        )
        self.node.advance(0)
        return self.node

    def saved(self) -> SavedState:
        records = tuple(StateRecord(kind, key, data) for (kind, key), data in self.rows.items())
        return SavedState(where="node.sqlite", records=records)


@pytest.fixture
def restarts(new_node: Callable[..., Any]) -> Callable[..., Restarts]:
    return lambda profile="containerd-2.3", **options: Restarts(new_node, profile, **options)


# -- containers ---------------------------------------------------------------------------------------------


def test_what_ran_under_containerd_ended_with_255_unknown(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    pod = world.node.run_pod()
    ctr = world.node.start(pod, "sleep", "1000")
    before = world.node.status(ctr)
    node = world.restart()

    after = node.status(ctr)
    assert (after.state, after.exit_code, after.reason) == (api.CONTAINER_EXITED, 255, "Unknown")
    assert after.finished_at == node.kernel.now_ns
    assert (after.created_at, after.started_at) == (before.created_at, before.started_at)
    for field in ("state", "exit_code", "reason", "finished_at"):
        before.ClearField(field)
        after.ClearField(field)
    assert after == before


def test_what_ran_under_crio_ended_with_255_error(restarts: Callable[..., Restarts]) -> None:
    world = restarts("cri-o-1.36")
    ctr = world.node.start(world.node.run_pod(), "sleep", "1000")
    node = world.restart()

    after = node.status(ctr)
    assert (after.state, after.exit_code, after.reason) == (api.CONTAINER_EXITED, 255, "Error")
    assert after.finished_at == node.kernel.now_ns


def test_what_never_ran_is_created_under_containerd_and_cannot_start(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    pod = world.node.run_pod()
    ctr = world.node.create(pod, world.node.container_config("sleep", "1000"))
    before = world.node.status(ctr)
    node = world.restart()

    assert node.status(ctr) == before
    assert "is not running" in str(node.refused(node.starting(ctr)))
    assert (node.status(ctr).state, node.status(ctr).exit_code) == (api.CONTAINER_EXITED, 128)


def test_what_never_ran_is_ended_under_crio_and_started_in_gos_year_one(restarts: Callable[..., Restarts]) -> None:
    world = restarts("cri-o-1.36")
    ctr = world.node.create(world.node.run_pod(), world.node.container_config("sleep", "1000"))
    after = world.restart().status(ctr)

    assert (after.state, after.exit_code, after.reason) == (api.CONTAINER_EXITED, 255, "Error")
    assert after.started_at == GO_ZERO_TIME_NS


@pytest.mark.parametrize("profile", ["containerd-1.6", "containerd-2.3", "cri-o-1.28", "cri-o-1.36", "ideal"])
def test_what_had_ended_is_as_it_was(restarts: Callable[..., Restarts], profile: str) -> None:
    world = restarts(profile)
    pod = world.node.run_pod()
    ended = world.node.start(pod, "sh", "-c", "exit 3", name="ended", labels={"a": "b"}, annotations={"c": "d"})
    killed = world.node.start(pod, "sleep", "1000", name="killed")
    world.node.do(world.node.stopping(killed))
    before = [world.node.status(ended), world.node.status(killed)]
    rows = world.node.containers()
    node = world.restart()

    assert [node.status(ended), node.status(killed)] == before
    assert node.containers() == rows


def test_a_failed_start_keeps_its_text(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    ctr = world.node.create(world.node.run_pod(), world.node.container_config("no-such-program"))
    world.node.refused(world.node.starting(ctr))
    before = world.node.status(ctr)

    assert before.reason == "StartError"
    assert world.restart().status(ctr) == before


def test_the_end_does_not_move_with_the_next_restart(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    ctr = world.node.start(world.node.run_pod(), "sleep", "1000")
    first = world.restart().status(ctr)

    assert world.restart().status(ctr) == first


def test_updated_limits_mounts_and_identity_are_kept(restarts: Callable[..., Restarts], new_image: Any) -> None:
    images = (new_image(BUSYBOX), new_image(OTHER, marker="volume", files={"/data": b"x"}))
    world = restarts(images=images)
    node = world.node
    node.files.make_dirs("/host/data")
    mounts = [
        api.Mount(container_path="/data", host_path="/host/data", readonly=True),
        api.Mount(container_path="/volume", image=api.ImageSpec(image=OTHER), readonly=True),
    ]
    who = api.LinuxContainerSecurityContext(run_as_user=api.Int64Value(value=1000), supplemental_groups=[7])
    config = node.container_config(
        "sh", "-c", "exit 1", mounts=mounts, linux=api.LinuxContainerConfig(security_context=who)
    )
    ctr = node.create(node.run_pod(), config)
    limits = api.LinuxContainerResources(cpu_shares=512, unified={"memory.high": "1"})
    node.do(node.cri.update_container_resources(api.UpdateContainerResourcesRequest(container_id=ctr, linux=limits)))
    node.do(node.starting(ctr))
    node.advance(1)
    before = node.status(ctr)
    assert list(before.user.linux.supplemental_groups) == [7, 1000, 50000]
    assert before.resources.linux.cpu_shares == 512
    assert len(before.mounts) == 2

    assert world.restart().status(ctr) == before


def test_the_verbose_info_tells_the_same_command(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    ctr = world.node.start(world.node.run_pod(), "sh", "-c", "exit 0", envs=[api.KeyValue(key="A", value=b"b")])
    world.node.advance(1)
    request = api.ContainerStatusRequest(container_id=ctr, verbose=True)
    before = world.node.do(world.node.cri.container_status(request)).info["info"]
    node = world.restart()

    after = node.do(node.cri.container_status(request)).info["info"]
    assert msgspec.json.decode(after) == msgspec.json.decode(before)


def test_a_container_that_came_back_can_be_removed(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    ctr = world.node.start(world.node.run_pod(), "sleep", "1000")
    node = world.restart()
    node.do(node.stopping(ctr, 10))
    node.do(node.removing(ctr))
    assert node.containers() == []

    assert world.restart().containers() == []


# -- sandboxes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "linux", "state"),
    [
        ("containerd-2.3", OWN_PIDS, api.SANDBOX_NOTREADY),
        ("containerd-2.3", PID_OF_POD, api.SANDBOX_NOTREADY),
        ("cri-o-1.36", OWN_PIDS, api.SANDBOX_READY),
        ("cri-o-1.36", PID_OF_POD, api.SANDBOX_NOTREADY),
    ],
)
def test_a_sandbox_is_lost_with_its_pause_process(
    restarts: Callable[..., Restarts], profile: str, linux: api.LinuxPodSandboxConfig, state: int
) -> None:
    world = restarts(profile)
    config = world.node.pod_config(linux=linux, labels={"a": "b"}, annotations={"c": "d"})
    pod = world.node.run_pod(config, handler=world.node.runtime.profile.default_handler)
    before = world.node.pod_status(pod)
    node = world.restart()

    after = node.pod_status(pod)
    assert after.state == state
    assert after.network.ip != ""
    after.state = before.state
    assert after == before


def test_a_sandbox_that_stays_ready_takes_new_containers(restarts: Callable[..., Restarts]) -> None:
    world = restarts("cri-o-1.36")
    config = world.node.pod_config(linux=OWN_PIDS, hostname="web")
    pod = world.node.run_pod(config)
    node = world.restart()

    ctr = node.start(pod, "sleep", "1000", pod_config=config)
    answer = node.do(node.execing(ctr, "cat", "/etc/hostname"))
    assert answer.stdout == b"web\n"
    node.stop_pod(pod)
    assert node.pod_status(pod).state == api.SANDBOX_NOTREADY


def test_a_lost_sandbox_keeps_its_address_until_it_is_stopped(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    pod = world.node.run_pod()
    address = world.node.pod_status(pod).network.ip
    node = world.restart()

    other = node.run_pod(node.pod_config("other"))
    assert node.pod_status(pod).network.ip == address
    assert node.pod_status(other).network.ip != address
    node.stop_pod(pod)
    assert node.pod_status(pod).network.ip == ""
    assert world.restart().pod_status(pod).network.ip == ""


def test_resources_of_a_pod_are_kept(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    node = world.node
    pod = node.run_pod()
    resources = api.LinuxContainerResources(cpu_shares=99)
    node.do(
        node.cri.update_pod_sandbox_resources(
            api.UpdatePodSandboxResourcesRequest(pod_sandbox_id=pod, resources=resources)
        )
    )
    node = world.restart()

    request = api.PodSandboxStatusRequest(pod_sandbox_id=pod, verbose=True)
    info = msgspec.json.decode(node.do(node.cri.pod_sandbox_status(request)).info["info"])
    assert info["resources"] == {"linux": {"cpu_shares": 99}}


def test_a_removed_sandbox_stays_away_and_its_name_is_free(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    pod = world.node.run_pod()
    world.node.start(pod, "sleep", "1000")
    world.keep()
    world.node.remove_pod(pod)
    node = world.restart()

    assert (node.pods(), node.containers()) == ([], [])
    assert node.run_pod() != pod


# -- names and order ----------------------------------------------------------------------------------------


def test_names_stay_reserved(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    pod = world.node.run_pod()
    ctr = world.node.create(pod, world.node.container_config("sleep", "1"))
    node = world.restart()

    request = api.RunPodSandboxRequest(config=node.pod_config())
    assert f'is reserved for "{pod}"' in str(node.refused(node.cri.run_pod_sandbox(request)))
    node.do(node.removing(ctr))
    # A new sandbox for the pod, and the container's name is free again.
    again = node.run_pod(node.pod_config(attempt=1))
    assert node.create(again, node.container_config("sleep", "1")) != ctr


def test_a_name_leads_to_the_existing_id_under_crio(restarts: Callable[..., Restarts]) -> None:
    world = restarts("cri-o-1.36")
    pod = world.node.run_pod(world.node.pod_config(linux=OWN_PIDS))
    node = world.restart()

    assert node.run_pod(node.pod_config(linux=OWN_PIDS)) == pod


def test_lists_keep_their_order_and_new_objects_come_later(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    pods = [world.node.run_pod(world.node.pod_config(f"p{number}")) for number in range(5)]
    world.keep()
    world.node.stop_pod(pods[1])  # a changed row stays in its place
    node = world.restart(later_ns=-3600 * NS)  # the clock of the machine was set back

    assert [row.id for row in node.pods()] == pods
    newest = max(row.created_at for row in node.pods())
    late = node.run_pod(node.pod_config("late"))
    assert node.pod_status(late).created_at > newest


# -- images -------------------------------------------------------------------------------------------------


def image_rows(node: Any) -> list[api.Image]:
    return list(node.do(node.cri.list_images(api.ListImagesRequest())).images)


def pull(node: Any, name: str) -> None:
    node.do(node.cri.pull_image(api.PullImageRequest(image=api.ImageSpec(image=name))))


def remove(node: Any, name: str) -> None:
    node.do(node.cri.remove_image(api.RemoveImageRequest(image=api.ImageSpec(image=name))))


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36"])
def test_images_keep_names_order_and_size(restarts: Callable[..., Restarts], new_image: Any, profile: str) -> None:
    images = (
        new_image(BUSYBOX, "registry.example/busybox:latest"),
        new_image(OTHER, marker="other", is_present=False, pinned=True),
    )
    world = restarts(profile, images=images)
    pull(world.node, OTHER)
    remove(world.node, BUSYBOX)
    pull(world.node, BUSYBOX)
    before = image_rows(world.node)
    request = api.ImageFsInfoRequest()
    used = world.node.do(world.node.cri.image_fs_info(request)).image_filesystems[0].used_bytes
    node = world.restart()

    assert image_rows(node) == before
    assert node.do(node.cri.image_fs_info(request)).image_filesystems[0].used_bytes == used


def test_an_image_that_was_removed_does_not_come_back(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    remove(world.node, BUSYBOX)

    assert image_rows(world.restart()) == []
    assert image_rows(world.restart()) == []


def test_an_image_that_went_and_came_in_one_batch_is_the_last_in_the_list(
    restarts: Callable[..., Restarts], new_image: Any
) -> None:
    world = restarts(images=(new_image(BUSYBOX), new_image(OTHER, marker="other")))
    world.keep()
    remove(world.node, BUSYBOX)
    pull(world.node, BUSYBOX)
    before = image_rows(world.node)

    assert [row.repo_tags[0] for row in before] == [OTHER, BUSYBOX]
    assert image_rows(world.restart()) == before


def test_an_image_that_a_fixture_adds_later_is_there(restarts: Callable[..., Restarts], new_image: Any) -> None:
    first = new_image(BUSYBOX)
    world = restarts(images=(first,))
    world.options["images"] = (first, new_image(OTHER, marker="other"))

    assert [row.repo_tags[0] for row in image_rows(world.restart())] == [BUSYBOX, OTHER]


def test_a_container_outlives_its_image(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    ctr = world.node.start(world.node.run_pod(), "sh", "-c", "exit 0")
    world.node.advance(1)
    remove(world.node, BUSYBOX)
    before = world.node.status(ctr)

    assert world.restart().status(ctr) == before


# -- what cannot be restored --------------------------------------------------------------------------------


def test_a_container_whose_fixture_is_gone_is_refused(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    image_id = image_rows(world.node)[0].id
    ctr = world.node.start(world.node.run_pod(), "sh", "-c", "exit 0")
    remove(world.node, BUSYBOX)
    world.options["images"] = ()

    with pytest.raises(InputError) as raised:
        world.restart()
    assert str(raised.value) == (
        f"node.sqlite: image {image_id} of container {ctr} (ctr) is in no fixture; "
        "give the same --images as before, or remove the file to begin with an empty node"
    )


def test_an_image_whose_fixture_is_gone_is_refused(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    image_id = image_rows(world.node)[0].id
    world.options["images"] = ()

    with pytest.raises(InputError, match=f"image {image_id} on the node is in no fixture"):
        world.restart()


@pytest.mark.parametrize(
    "data", [b"", b"\xff", msgspec.msgpack.encode({"name": 1}), msgspec.msgpack.encode({"names": []})]
)
@pytest.mark.parametrize("kind", [StateKind.SANDBOX, StateKind.CONTAINER, StateKind.IMAGE])
def test_a_damaged_record_is_refused(restarts: Callable[..., Restarts], kind: StateKind, data: bytes) -> None:
    world = restarts()
    world.rows[kind, "a" * 64] = data

    with pytest.raises(InputError, match=f"^node.sqlite: the record of {kind} a+ makes no sense: .*; remove the file"):
        world.restart()


def test_a_container_without_its_sandbox_is_refused(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    pod = world.node.run_pod()
    ctr = world.node.start(pod, "sleep", "1000")
    world.keep()
    del world.rows[StateKind.SANDBOX, pod]

    with pytest.raises(InputError, match=f"container {ctr} is of sandbox {pod}, which is not there"):
        world.restart()


def test_a_name_that_two_sandboxes_have_is_refused(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    pod = world.node.run_pod()
    world.keep()
    world.rows[StateKind.SANDBOX, "a" * 64] = world.rows[StateKind.SANDBOX, pod]

    with pytest.raises(InputError, match=f"is reserved for {pod}"):
        world.restart()


def test_a_restart_tells_no_events(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    world.node.start(world.node.run_pod(), "sleep", "1000")
    node = world.restart()

    assert node.events() == []


def test_without_anybody_who_keeps_them_changes_are_not_noted(new_node: Callable[..., Any]) -> None:
    node = new_node()
    ctr = node.start(node.run_pod(), "sleep", "1000")

    found, _ = node.runtime._daemon.containers.find(ctr)
    assert found.changes is None
    with pytest.raises(CriError):
        new_node().status(ctr)
