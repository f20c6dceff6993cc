"""StreamImages: the rows of ListImages, in messages of a bounded number of items."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from kubesim.cri import Code, CriError, api

HUB = "docker.io/library/hub:latest"


def streamed(node: Any, name: str = "") -> list[list[api.Image]]:
    request = api.StreamImagesRequest(filter=api.ImageFilter(image=api.ImageSpec(image=name)))

    async def collect() -> list[list[api.Image]]:
        return [list(message.images) async for message in node.cri.stream_images(request)]

    return node.do(collect())


@pytest.fixture
def images(new_image: Any) -> Any:
    """Six images."""
    return tuple(new_image(f"registry.example/app:{number}", marker=str(number)) for number in range(6))


@pytest.mark.parametrize("profile", ["cri-o-1.36", "ideal"])
def test_the_rows_are_those_of_the_list(new_node: Any, images: Any, profile: str) -> None:
    node = new_node(profile, images=images)
    assert streamed(node) == [node.images()]
    assert [image.id for image in streamed(node, "registry.example/app:3")[0]] == [
        node.image_of("registry.example/app:3").id
    ]
    assert streamed(node, "registry.example/none:1") == [], "no items, no message"


def test_a_message_has_a_bounded_number_of_items(new_node: Any, images: Any) -> None:
    node = new_node("cri-o-1.36", images=images)
    daemon = node.runtime._daemon
    assert daemon.profile.statistics.stream_chunk_items == 3000
    statistics = structs.replace(daemon.profile.statistics, stream_chunk_items=4)
    daemon.profile = structs.replace(daemon.profile, statistics=statistics)
    assert [len(message) for message in streamed(node)] == [4, 2]
    assert [image for message in streamed(node) for image in message] == node.images()


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("containerd-2.3", "method StreamImages not implemented"),
        ("cri-o-1.35", "unknown method StreamImages for service runtime.v1.ImageService"),
    ],
)
def test_versions_without_it(new_node: Any, profile: str, message: str) -> None:
    with pytest.raises(CriError) as error:
        streamed(new_node(profile))
    assert (error.value.code, error.value.message) == (Code.UNIMPLEMENTED, message)


def test_a_filter_that_is_no_name(new_node: Any) -> None:
    with pytest.raises(CriError, match="invalid reference format"):
        streamed(new_node("cri-o-1.36"), "a b")
