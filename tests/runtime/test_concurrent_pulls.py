"""Pulls at the same time as other pulls, as removals, and pulls that are given up."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import Code, CriError, api
from kubesim.images.image import ImageLayer, PullBehaviour
from kubesim.images.tree import file_node
from kubesim.kernel import Cancelled
from kubesim.runtime.image_transfer import PullProgress

CONTAINERD, CRIO = "containerd-2.3", "cri-o-1.36"
APP = "registry.example/app:1"
NS = 10**9
SIZE = 100_000


@pytest.fixture
def nodes(new_node: Any, new_image: Any) -> Any:
    """A maker of nodes with an image of a hundred thousand bytes in the registry, which gives ten thousand a second."""

    def make(profile: str = CONTAINERD, **behaviour: Any) -> Any:
        pull = PullBehaviour(**{"bandwidth_bytes_per_second": SIZE // 10, **behaviour})
        return new_node(profile, images=(new_image(APP, is_present=False, pull=pull, size_bytes=SIZE),))

    return make


def spawn(node: Any, name: str = APP, **fields: Any) -> Any:
    """A pull in the background. Its `ended_ns` is how long it took."""
    start_ns = node.kernel.now_ns

    async def pull() -> tuple[str, float]:
        request = api.PullImageRequest(image=api.ImageSpec(image=name), **fields)
        response = await node.cri.pull_image(request)
        return response.image_ref, (node.kernel.now_ns - start_ns) / NS

    return node.spawn(pull())


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO])
def test_pulls_of_one_image_at_once_take_as_long_as_one(nodes: Any, profile: str) -> None:
    node = nodes(profile)
    first = spawn(node)
    node.advance(4)
    others = [spawn(node) for _ in range(3)]
    node.advance(5.9)
    assert not first.is_done
    assert node.images() == []
    node.advance(0.2)
    image = node.images()[0]
    assert first.result() == (image.id, 10)
    assert [other.result() for other in others] == [(image.id, 6)] * 3


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO])
def test_a_cancelled_pull_leaves_nothing(nodes: Any, profile: str) -> None:
    node = nodes(profile)
    task = spawn(node)
    node.advance(5)
    assert node.images() == []
    before = node.do(node.cri.image_fs_info(api.ImageFsInfoRequest())).image_filesystems[0].used_bytes
    task.cancel()
    node.advance(20)
    assert node.images() == []
    assert node.image_of(APP) is None
    assert node.runtime.pulls() == ()
    assert node.do(node.cri.image_fs_info(api.ImageFsInfoRequest())).image_filesystems[0].used_bytes == before
    again = spawn(node)
    node.advance(10)
    assert again.result()[1] == 10, "nothing was kept"


def test_in_containerd_a_second_pull_takes_over(nodes: Any) -> None:
    node = nodes()
    first = spawn(node)
    node.advance(5)
    second = spawn(node)
    node.advance(1)
    first.cancel()
    node.advance(3.9)
    assert not second.is_done, "the layer comes again from its beginning"
    node.advance(6.1)
    assert second.result()[0] == node.images()[0].id


def test_in_crio_who_waits_shares_the_end_of_the_first(nodes: Any) -> None:
    node = nodes(CRIO)
    first = spawn(node)
    node.advance(5)
    second, third = spawn(node), spawn(node)
    other = spawn(node, sandbox_config=api.PodSandboxConfig(metadata=api.PodSandboxMetadata(namespace="other")))
    node.advance(1)
    third.cancel()
    node.advance(0)
    with pytest.raises(Cancelled):
        third.result()
    assert not first.is_done, "one that waits takes nobody along"
    first.cancel()
    node.advance(0)
    with pytest.raises(CriError, match=r"context canceled$") as error:
        second.result()
    assert error.value.code is Code.CANCELLED
    node.advance(10)
    assert other.result() == (node.images()[0].id, 10), "a pull for another namespace is one of its own"


def test_in_crio_who_waits_shares_the_failure(nodes: Any) -> None:
    node = nodes("cri-o-1.32.3", stall_after_bytes=0)
    tasks = [spawn(node) for _ in range(3)]
    node.advance(10.1)
    messages = set()
    for task in tasks:
        with pytest.raises(CriError) as error:
            task.result()
        messages.add(error.value.message)
    assert len(messages) == 1
    assert messages.pop().endswith("context canceled")
    again = spawn(node)
    node.advance(1)
    assert not again.is_done, "a new pull is not told of the old one's end"


@pytest.mark.parametrize(
    ("profile", "gives_up_after_seconds"),
    [("containerd-1.6", None), ("containerd-1.7", 300), (CONTAINERD, 300), ("cri-o-1.32.3", 10), (CRIO, None)],
)
def test_a_pull_that_stalls(nodes: Any, profile: str, gives_up_after_seconds: int | None) -> None:
    node = nodes(profile, stall_after_bytes=SIZE // 2)
    task = spawn(node)
    node.advance(5 + (gives_up_after_seconds or 3600) - 0.1)
    assert not task.is_done
    assert [(pull.bytes_done, pull.bytes_total) for pull in node.runtime.pulls()] == [(SIZE // 2, SIZE)]
    node.advance(0.2)
    assert task.is_done is (gives_up_after_seconds is not None)
    if gives_up_after_seconds is not None:
        with pytest.raises(CriError) as error:
            task.result()
        assert error.value.code is Code.CANCELLED
        assert error.value.message.endswith("context canceled")
    assert node.images() == []


def test_a_stall_beyond_the_end_is_none(nodes: Any) -> None:
    node = nodes(stall_after_bytes=SIZE)
    task = spawn(node)
    node.advance(10)
    assert task.result()[1] == 10


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO])
def test_a_removal_during_a_pull_and_right_after(nodes: Any, profile: str) -> None:
    node = nodes(profile)
    task = spawn(node)
    node.advance(5)
    node.do(node.removing_image(APP))
    node.advance(5)
    assert task.result()[0] == node.images()[0].id, "there was nothing to remove yet"
    node.do(node.removing_image(APP))
    assert node.images() == []
    again = spawn(node)
    node.advance(10)
    assert again.result()[1] == 10


def test_a_removal_while_the_image_is_pulled_again(nodes: Any, new_image: Any) -> None:
    node = nodes()
    node.do(node.pulling(APP))
    node.runtime.tag_image("registry.example/app:2", APP)
    pull, removal = spawn(node, "registry.example/app:2"), node.spawn(node.removing_image(APP))
    node.advance(0)
    assert pull.is_done
    assert removal.is_done
    tags = [tuple(image.repo_tags) for image in node.images()]
    assert tags in ([], [("registry.example/app:2",)]), "the last state wins"


def test_each_pull_has_the_bandwidth_to_itself(new_node: Any, new_image: Any) -> None:
    pull = PullBehaviour(bandwidth_bytes_per_second=SIZE // 10)
    names = [f"registry.example/{number}:1" for number in range(3)]
    node = new_node(
        images=tuple(new_image(name, marker=name, is_present=False, pull=pull, size_bytes=SIZE) for name in names)
    )
    tasks = [spawn(node, name) for name in names]
    node.advance(10)
    assert [task.result()[1] for task in tasks] == [10, 10, 10]


def test_layers_that_are_there_are_not_transferred_again(new_node: Any, layered: Any) -> None:
    base, top = layered("registry.example/base:1", []), layered("registry.example/top:1", [b"top" * 1000])
    new_bytes = sum(blob.size_bytes for blob in top.blobs if blob.digest not in {blob.digest for blob in base.blobs})
    assert new_bytes < top.size_bytes
    for is_base_there, expected in ((False, top.size_bytes), (True, new_bytes)):
        node = new_node(images=(base, top))
        if is_base_there:
            node.do(node.pulling("registry.example/base:1"), at_most_seconds=10**6)
        task = spawn(node, "registry.example/top:1")
        node.advance(0.5)
        assert [pull.bytes_total for pull in node.runtime.pulls()] == [expected]
        node.advance(10**6)
        assert task.result()[1] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("profile", "comes_twice"), [(CONTAINERD, False), (CRIO, True)])
def test_a_layer_that_another_pull_fetches(new_node: Any, layered: Any, profile: str, comes_twice: bool) -> None:
    """containerd has one writer for a blob; CRI-O only merges calls for the same name."""
    one, two = layered("registry.example/one:1", [b"1"]), layered("registry.example/two:1", [b"2" * 5000])
    node = new_node(profile, images=(one, two))
    first, second = spawn(node, "registry.example/one:1"), spawn(node, "registry.example/two:1")
    node.advance(10**6)
    assert first.result()[1] == pytest.approx(one.size_bytes)
    shared = one.layers[0].size_bytes
    assert two.layers[0] == one.layers[0]
    if comes_twice:
        assert second.result()[1] == pytest.approx(two.size_bytes)
    else:
        own_before = sum(blob.size_bytes for blob in two.blobs[:2])
        assert second.result()[1] < shared + two.size_bytes - own_before
        assert second.result()[1] == pytest.approx(max(own_before, _before(one, 2)) + shared + two.blobs[-1].size_bytes)


def _before(image: Any, count: int) -> int:
    return sum(blob.size_bytes for blob in image.blobs[:count]) if count else 0


@pytest.fixture
def layered() -> Any:
    """A maker of images with a common lowest layer; a byte takes a second."""
    from kubesim.images.image import Declared, make_image
    from kubesim.images.oci import ImageConfig

    def make(name: str, contents: list[bytes]) -> Any:
        layers = [[("/base", file_node(b"base" * 1000))]]
        layers += [[(f"/{name.rpartition('/')[2]}", file_node(content))] for content in contents]
        pull = PullBehaviour(bandwidth_bytes_per_second=1)
        return make_image(Declared(references=(name,), pull=pull), config=ImageConfig(), layers=layers)

    return make


def test_progress(nodes: Any) -> None:
    node = nodes(duration_ns=2 * NS)
    start_ns = node.kernel.now_ns
    task = spawn(node)
    node.advance(1)
    image = node.catalogue.find(APP)
    assert node.runtime.pulls() == (
        PullProgress(reference=APP, image_id=image.id, started_at_ns=start_ns, bytes_done=0, bytes_total=SIZE),
    )
    node.advance(6)
    assert [pull.bytes_done for pull in node.runtime.pulls()] == [SIZE // 2]
    node.advance(5)
    assert task.result()[1] == 12
    assert node.runtime.pulls() == ()


def test_declared_sizes_are_shared_out_without_a_remainder(new_image: Any) -> None:
    image = new_image(APP, size_bytes=1001, unpacked_bytes=3333)
    assert sum(blob.size_bytes for blob in image.blobs) == image.size_bytes == 1001
    assert sum(layer.size_bytes for layer in image.layers) == image.unpacked_bytes == 3333
    assert isinstance(image.layers[0], ImageLayer)


def test_a_restart_of_the_daemon_ends_pulls(nodes: Any) -> None:
    node = nodes()
    task = spawn(node)
    node.advance(5)
    node.runtime.restart()
    node.advance(0)
    with pytest.raises(CriError) as error:
        task.result()
    assert error.value.code is Code.UNAVAILABLE
    assert node.runtime.pulls() == ()
