"""The programs an image can hold, and the files that stand for them."""

import pytest

from kubesim.images.programs import BUSYBOX_APPLETS, PROGRAMS, program_node, userland_nodes


def test_the_applets_are_sorted_and_unique() -> None:
    assert list(BUSYBOX_APPLETS) == sorted(set(BUSYBOX_APPLETS))


def test_a_program_is_an_executable_that_says_what_it_is() -> None:
    node = program_node("busybox:cat")

    assert (node.program, node.mode) == ("busybox:cat", 0o755)
    assert node.content == b"kubesim program busybox:cat\n"


def test_a_userland_has_its_applets_and_itself() -> None:
    nodes = userland_nodes("busybox")

    assert set(nodes) == {*BUSYBOX_APPLETS, "busybox"}
    assert {node.program for node in nodes.values()} <= PROGRAMS


def test_an_unknown_userland_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="toybox"):
        userland_nodes("toybox")
