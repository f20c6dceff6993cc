"""Propagation of bind mounts, by the node's own mounts."""

from __future__ import annotations

import pytest

from kubesim.policy.mount_propagation import Propagation, mount_point_of, propagation_refusal

MOUNTINFO = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:25 / /private rw - tmpfs tmpfs rw
31 22 0:26 / /slave rw,nosuid master:3 - tmpfs tmpfs rw
32 22 0:27 / /both rw shared:9 master:3 - tmpfs tmpfs rw
33 30 0:28 / /private/sp\\040ace rw shared:11 - tmpfs tmpfs rw
34 22 0:29 / /covered rw shared:12 - tmpfs tmpfs rw
35 34 0:30 / /covered rw - tmpfs tmpfs rw
broken line
36 1 0 / /x - tmpfs
"""


@pytest.mark.parametrize(
    ("path", "mount", "tags"),
    [
        ("/", "/", ("shared:1",)),
        ("/privateer", "/", ("shared:1",)),
        ("/private", "/private", ()),
        ("/private/a/b", "/private", ()),
        ("/private/sp ace/x", "/private/sp ace", ("shared:11",)),
        ("/private/../slave/x", "/slave", ("master:3",)),
        ("/both", "/both", ("shared:9", "master:3")),
        ("/covered/x", "/covered", ()),
        ("/x", "/", ("shared:1",)),
    ],
)
def test_the_mount_of_a_path(path: str, mount: str, tags: tuple[str, ...]) -> None:
    found = mount_point_of(path, MOUNTINFO)
    assert (found.path, found.tags) == (mount, tags)


@pytest.mark.parametrize(
    ("path", "asked", "refusal"),
    [
        ("/private/a", "private", None),
        ("/a", "shared", None),
        ("/a", "slave", None),
        ("/slave/a", "slave", None),
        ("/both", "shared", None),
        ("/slave/a", "shared", 'path "/slave/a" is mounted on "/slave" but it is not a shared mount'),
        ("/private/a", "shared", 'path "/private/a" is mounted on "/private" but it is not a shared mount'),
        ("/private/a", "slave", 'path "/private/a" is mounted on "/private" but it is not a shared or slave mount'),
    ],
)
def test_what_can_propagate(path: str, asked: Propagation, refusal: str | None) -> None:
    assert propagation_refusal(path, asked, MOUNTINFO) == refusal


def test_a_node_whose_mounts_are_not_known_is_shared() -> None:
    assert propagation_refusal("/a", "shared", None) is None
