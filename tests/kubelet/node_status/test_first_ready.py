"""A new node is registered before its CSINode object can be written, and is not ready until that is there."""

import kubesim
from kubesim.policy.node_conditions import storage_error


def reasons(node: kubesim.Node) -> list[str]:
    return [one["reason"] for one in node.events]


def test_a_new_node_becomes_ready_and_one_that_comes_back_is() -> None:
    with kubesim.Node() as node:
        start = [
            "Starting",
            "NodeHasSufficientMemory",
            "NodeHasNoDiskPressure",
            "NodeHasSufficientPID",
            "NodeAllocatableEnforced",
            "InvalidDiskCapacity",
        ]
        assert reasons(node) == [*start, "NodeReady"]
        [ready] = [one for one in node.status()["status"]["conditions"] if one["type"] == "Ready"]
        assert (ready["status"], ready["reason"]) == ("True", "KubeletReady")
        node.advance("5s")
        node.restart_kubelet()
        node.advance("5s")
        assert sorted(reasons(node)) == sorted([*start, "NodeReady", *start])


def test_what_the_storage_side_says() -> None:
    assert storage_error(is_registered=False) == "CSINode is not yet initialized"
    assert storage_error(is_registered=True) == ""
