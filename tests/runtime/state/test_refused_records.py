"""Records that cannot be restored: the file, what is wrong, and what would be right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from kubesim.cri import api
from kubesim.errors import InputError
from kubesim.runtime.state_changes import StateKind

Restarts = Any
NS = 1_000_000_000
BUSYBOX = "registry.example/busybox:1"
OTHER = "registry.example/other:1"


def image_rows(node: Any) -> list[api.Image]:
    return list(node.do(node.cri.list_images(api.ListImagesRequest())).images)


def pull(node: Any, name: str) -> None:
    node.do(node.cri.pull_image(api.PullImageRequest(image=api.ImageSpec(image=name))))


def remove(node: Any, name: str) -> None:
    node.do(node.cri.remove_image(api.RemoveImageRequest(image=api.ImageSpec(image=name))))


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
        "give the same --images and --pull as before, or remove the file to begin with an empty node"
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


def test_a_damaged_note_of_a_checkpoint_is_refused(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    ctr = world.node.start(world.node.run_pod(), "sleep", "1000")
    world.keep()
    record = msgspec.msgpack.decode(world.rows[StateKind.CONTAINER, ctr])
    world.rows[StateKind.CONTAINER, ctr] = msgspec.msgpack.encode(record | {"restored_from": b"{"})

    with pytest.raises(InputError, match=f"^node.sqlite: the record of container {ctr} makes no sense: .*kubesim.json"):
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
