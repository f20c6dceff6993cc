"""A `kubesim.Node` after its end: it can be looked at, and not driven."""

from collections.abc import Callable
from typing import Any

import pytest

from kubesim.errors import InputError
from kubesim.node.node import Node

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web"},
    "spec": {"containers": [{"name": "ctr", "image": "busybox", "command": ["sleep", "1h"]}]},
}
KEY = "default/web"

DRIVING: dict[str, Callable[[Node], object]] = {
    "start": lambda node: node.start(),
    "with": lambda node: node.__enter__(),
    "apply": lambda node: node.apply(POD),
    "delete": lambda node: node.delete(KEY),
    "advance": lambda node: node.advance("1s"),
    "advance until": lambda node: node.advance(until=lambda: True),
    "exec": lambda node: node.exec(KEY, ["id"]),
    "shutdown": lambda node: node.shutdown(),
    "cancel_shutdown": lambda node: node.cancel_shutdown(),
    "restart_kubelet": lambda node: node.restart_kubelet(),
    "restart_runtime": lambda node: node.restart_runtime(),
    "exit_container": lambda node: node.exit_container(KEY, 1),
}


def seen(node: Node) -> tuple[object, ...]:
    """Everything that can be looked at."""
    return (
        node.pod(KEY),
        node.pods(),
        node.versions(KEY),
        node.status(),
        node.configz(),
        dict(node.metrics()),
        node.journal,
        node.events,
        node.timeline(),
        node.now_ns,
        node.log,
    )


@pytest.fixture
def closed() -> Node:
    with Node() as node:
        node.apply(POD)
        node.advance("5s")
    return node


@pytest.mark.parametrize("name", DRIVING)
def test_a_closed_node_is_not_driven(name: str, closed: Node) -> None:
    before = seen(closed)
    with pytest.raises(InputError, match=r"^this node is closed; make another Node; "):
        DRIVING[name](closed)

    assert seen(closed) == before


def test_a_node_looks_the_same_before_and_after_its_end() -> None:
    with Node() as node:
        node.apply(POD)
        node.advance("5s")
        before = seen(node)
    node.close()

    assert seen(node) == before


def test_a_node_that_never_ran_can_be_closed_too() -> None:
    node = Node()
    node.close()

    assert node.pods() == []
    assert node.configz()["kind"] == "KubeletConfiguration"
    with pytest.raises(InputError, match="this node is closed"):
        node.start()
