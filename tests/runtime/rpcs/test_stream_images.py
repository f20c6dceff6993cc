"""StreamImages: the rows of ListImages, in messages of a bounded number of them."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from kubesim.cri import api


@pytest.mark.parametrize("rows", [0, 1, 7])
def test_the_rows_of_the_list(new_node: Any, new_image: Any, rows: int) -> None:
    images = tuple(new_image(f"registry.example/app{index}:1", marker=str(index)) for index in range(rows))
    node = new_node("ideal", images=images)
    daemon = node.runtime._daemon
    statistics = dataclasses.replace(daemon.profile.statistics, stream_chunk_items=3)
    daemon.profile = dataclasses.replace(daemon.profile, statistics=statistics)

    async def collect() -> list[api.StreamImagesResponse]:
        return [message async for message in node.cri.stream_images(api.StreamImagesRequest())]

    messages = node.do(collect())
    assert [len(message.images) for message in messages] == {0: [], 1: [1], 7: [3, 3, 1]}[rows]
    whole = node.do(node.cri.list_images(api.ListImagesRequest())).images
    assert [row for message in messages for row in message.images] == list(whole)
