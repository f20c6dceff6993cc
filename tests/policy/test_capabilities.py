"""Which capabilities a container gets."""

import pytest

from kubesim.policy.capabilities import CAPABILITIES, capability_mask, container_capabilities

DEFAULT = ("CAP_CHOWN", "CAP_KILL")


@pytest.mark.parametrize(
    ("added", "dropped", "names"),
    [
        ([], [], DEFAULT),
        (["NET_ADMIN"], [], (*DEFAULT, "CAP_NET_ADMIN")),
        (["net_admin", "CAP_NET_ADMIN"], [], (*DEFAULT, "CAP_NET_ADMIN")),
        (["KILL"], [], DEFAULT),
        ([], ["kill"], ("CAP_CHOWN",)),
        ([], ["ALL"], ()),
        (["NET_ADMIN"], ["ALL"], ("CAP_NET_ADMIN",)),
        (["ALL"], [], CAPABILITIES),
        (["ALL"], ["CHOWN"], CAPABILITIES[1:]),
        (["ALL"], ["ALL"], ()),
        (["NET_ADMIN"], ["NET_ADMIN"], DEFAULT),
    ],
)
def test_all_counts_first_then_the_named(added: list[str], dropped: list[str], names: tuple[str, ...]) -> None:
    assert container_capabilities(default=DEFAULT, added=added, dropped=dropped) == names


def test_a_privileged_container_has_every_one() -> None:
    got = container_capabilities(default=DEFAULT, added=[], dropped=["ALL"], is_privileged=True)
    assert got == CAPABILITIES


def test_a_prefix_that_is_always_added_is_added_twice() -> None:
    got = container_capabilities(
        default=DEFAULT, added=["CAP_SYS_TIME"], dropped=["CAP_KILL", "chown"], is_prefix_always_added=True
    )
    assert got == ("CAP_KILL", "CAP_CAP_SYS_TIME")


def test_masks_are_the_kernels() -> None:
    assert capability_mask(CAPABILITIES) == 0x1FFFFFFFFFF
    assert capability_mask(()) == 0
    assert capability_mask(["CAP_SYS_ADMIN", "CAP_UNHEARD_OF"]) == 1 << 21
