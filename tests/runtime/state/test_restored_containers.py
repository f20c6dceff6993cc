"""Containers after a restart of the daemon: what ran, what never ran, what had ended."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from kubesim.cri import api
from kubesim.policy.lost_processes import GO_ZERO_TIME_NS

Restarts = Any
NS = 1_000_000_000
BUSYBOX = "registry.example/busybox:1"
OTHER = "registry.example/other:1"


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


def test_a_restart_tells_no_events(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    world.node.start(world.node.run_pod(), "sleep", "1000")
    node = world.restart()

    assert node.events() == []


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36"])
def test_what_came_from_a_checkpoint_is_known_to_have(restarts: Callable[..., Restarts], profile: str) -> None:
    world = restarts(profile)
    ctr = world.node.start(world.node.run_pod(), "sleep", "1000")
    request = api.CheckpointContainerRequest(container_id=ctr, location="/c.tar")
    world.node.do(world.node.cri.checkpoint_container(request))
    config = world.node.pod_config("other")
    again = world.node.create(world.node.run_pod(config), world.node.container_config(image="/c.tar"), config)

    def told(node: Any) -> tuple[Any, ...]:
        asked = api.ContainerStatusRequest(container_id=again, verbose=True)
        info = json.loads(node.do(node.cri.container_status(asked)).info["info"])
        return info["runtimeSpec"]["process"]["args"], info.get("checkpointedAt"), info.get("restored")

    before = told(world.node)
    assert before[0] == ["sleep", "1000"]
    assert told(world.restart()) == before
