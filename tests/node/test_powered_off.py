"""A `kubesim.Node` whose machine has powered off: no process is left, the API objects are."""

from typing import Any

import pytest

from kubesim.errors import InputError
from kubesim.node.node import Node

STUBBORN: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "stubborn"},
    "spec": {
        "terminationGracePeriodSeconds": 30,
        "containers": [{"name": "ctr", "image": "busybox", "command": ["sh", "-c", "trap '' TERM; sleep 1h"]}],
    },
}
KEY = "default/stubborn"


@pytest.fixture(params=["linux", "windows"])
def off(request: pytest.FixtureRequest) -> Node:
    """A node without a shutdown grace period: its machine does not wait for the pod."""
    node = Node(os=request.param)
    node.apply(STUBBORN)
    node.advance("5s")
    node.shutdown()
    node.advance("1s")
    return node


def test_the_api_keeps_what_was_published_last(off: Node) -> None:
    published = off.versions(KEY)
    off.advance("5m")

    assert off.pod(KEY)["status"]["phase"] == "Running"
    assert off.versions(KEY) == published


def test_a_pod_that_is_created_now_waits(off: Node) -> None:
    off.apply(STUBBORN | {"metadata": {"name": "late"}})
    off.advance("10s")

    assert off.pod("default/late")["status"]["phase"] == "Pending"


@pytest.mark.parametrize("deed", ["exec", "shutdown", "cancel", "restart_kubelet", "restart_runtime", "exit_container"])
def test_there_is_no_process_to_drive(deed: str, off: Node) -> None:
    deeds = {
        "exec": lambda: off.exec(KEY, ["id"]),
        "shutdown": off.shutdown,
        "cancel": off.cancel_shutdown,
        "restart_kubelet": off.restart_kubelet,
        "restart_runtime": off.restart_runtime,
        "exit_container": lambda: off.exit_container(KEY, 1),
    }
    with pytest.raises(InputError, match=r"powered off|cannot be cancelled"):
        deeds[deed]()
