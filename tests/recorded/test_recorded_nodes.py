"""Nodes of a real kubelet and their Events, with one configuration after the other, and those of the emulated one."""

import json
from pathlib import Path
from typing import Any

import pytest

import kubesim

NODES = Path(__file__).parent / "nodes"
OF_THE_HOST = {"addresses", "daemonEndpoints"}
OF_THE_MACHINE = {"bootID", "kernelVersion", "kubeletVersion", "machineID", "osImage", "swap", "systemUUID"}
TIMES = {"lastHeartbeatTime", "lastTransitionTime"}


def many_images() -> list[dict[str, Any]]:
    """More images than a node shows, every third as large as the others of its kind."""
    return [
        {
            "apiVersion": "kubesim/v1",
            "kind": "Image",
            "metadata": {"name": f"example.com/many/i{number:02}:1"},
            "spec": {"present": True, "files": {"/x": f"{number:02}" * (500 + number if number % 3 else 2500)}},
        }
        for number in range(60)
    ]


@pytest.mark.parametrize("path", sorted(NODES.glob("*.json")), ids=lambda path: path.stem)
def test_a_node_and_its_events_are_those_that_were_recorded(path: Path) -> None:
    recorded = json.loads(path.read_text(encoding="utf-8"))
    capacity = recorded["node"]["status"]["capacity"]
    with kubesim.Node(
        config=recorded["configuration"],
        profile=recorded["profile"],
        images=many_images() if recorded["hasManyImages"] else (),
        node_name="golden",
        capacity={name: amount for name, amount in capacity.items() if name != "pods"},
        cgroup_version=1,
    ) as node:
        node.advance("13s")
        shown, events = node.status(), node.events

    assert without_host(shown) == recorded["node"]
    assert [[one["type"], one["reason"], one["count"], one["message"]] for one in in_order(events)] == in_order(
        recorded["events"]
    )


def without_host(node: dict[str, Any]) -> dict[str, Any]:
    """What the recordings kept of a Node: nothing of the machine, and no times."""
    status = {key: value for key, value in node["status"].items() if key not in OF_THE_HOST}
    info = {key: value for key, value in status["nodeInfo"].items() if key not in OF_THE_MACHINE}
    conditions = [{key: one[key] for key in one if key not in TIMES} for one in status["conditions"]]
    return {
        "metadata": {"labels": node["metadata"]["labels"], "annotations": node["metadata"].get("annotations", {})},
        "spec": node["spec"],
        "status": {**status, "nodeInfo": info, "conditions": conditions},
    }


def in_order(events: list[Any]) -> list[Any]:
    """As the Events of a node that starts come, but for the collector of images, which runs beside it."""
    return sorted(events, key=lambda one: "InvalidDiskCapacity" in (one["reason"] if isinstance(one, dict) else one))
