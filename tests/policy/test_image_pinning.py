"""Which names are pinned, by exact names and by patterns."""

import pytest
from msgspec import structs

from kubesim.policy.image_pinning import is_pinned_name
from kubesim.runtime.profiles import load_profile

PAUSE = "registry.k8s.io/pause:3.10"
CONTAINERD = load_profile("containerd-2.3").images
CRIO = load_profile("cri-o-1.36").images


def pinned(name, images, *patterns):
    return is_pinned_name(name, pause_image=PAUSE, images=structs.replace(images, pinned_images=patterns))


def test_the_pause_image_is_pinned():
    for images in (CONTAINERD, CRIO):
        assert pinned(PAUSE, images)
        assert not pinned("registry.k8s.io/pause:3.9", images)


@pytest.mark.parametrize(
    ("pattern", "in_containerd", "in_crio"),
    [
        ("quay.io/team/app:1", True, True),
        ("quay.io/team/app", False, False),
        ("QUAY.io/team/app:1", False, True),
        ("quay.io/*", False, True),
        ("io/team*", False, True),
        ("*TEAM*", False, True),
        ("*app:1", False, False),
        ("*", False, True),
        ("**", False, True),
        ("*other*", False, False),
    ],
)
def test_patterns(pattern, in_containerd, in_crio):
    name = "quay.io/team/app:1"
    assert pinned(name, CONTAINERD, pattern) is in_containerd
    assert pinned(name, CRIO, pattern) is in_crio
