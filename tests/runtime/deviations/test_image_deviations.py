"""Deviations of the image service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubesim.cri import CriError, api

ONE, TWO = "registry.example/one:1", "registry.example/two:1"
Check = Callable[[str, Callable[[str], bool]], None]


def image_status(node: Any, name: str) -> api.ImageStatusResponse:
    response: api.ImageStatusResponse = node.do(
        node.cri.image_status(api.ImageStatusRequest(image=api.ImageSpec(image=name)))
    )
    return response


def remove(node: Any, name: str) -> None:
    node.do(node.cri.remove_image(api.RemoveImageRequest(image=api.ImageSpec(image=name))))


def test_image_filter_ignored(new_node: Any, new_image: Any, shown_exactly_where_listed: Check) -> None:
    def shows(profile: str) -> bool:
        node = new_node(profile, images=(new_image(ONE, marker="1"), new_image(TWO, marker="2")))
        asked = api.ImageFilter(image=api.ImageSpec(image=ONE))
        return len(node.do(node.cri.list_images(api.ListImagesRequest(filter=asked))).images) == 2

    shown_exactly_where_listed("image-filter-ignored", shows)


def test_empty_image_name(new_node: Any, shown_exactly_where_listed: Check) -> None:
    def shows(profile: str) -> bool:
        try:
            return image_status(new_node(profile), "").HasField("image")
        except CriError as error:
            return error.message != "no image specified"

    shown_exactly_where_listed("empty-image-name", shows)


def test_remove_one_tag(new_node: Any, new_image: Any, shown_exactly_where_listed: Check) -> None:
    def shows(profile: str) -> bool:
        node = new_node(profile, images=(new_image(ONE, TWO),))
        remove(node, ONE)
        assert not image_status(node, ONE).HasField("image")
        return image_status(node, TWO).HasField("image")

    shown_exactly_where_listed("remove-one-tag", shows)


def test_remove_image_in_use(new_node: Any, new_image: Any, shown_exactly_where_listed: Check) -> None:
    def shows(profile: str) -> bool:
        node = new_node(profile, images=(new_image(ONE),))
        node.create(node.run_pod(), node.container_config("true", image=ONE))
        try:
            remove(node, image_status(node, ONE).image.id)
        except CriError as error:
            return "image is in use by a container" in error.message
        return image_status(node, ONE).HasField("image")

    shown_exactly_where_listed("remove-image-in-use", shows)
