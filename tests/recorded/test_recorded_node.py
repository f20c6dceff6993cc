"""The Node object that a real kubelet registered, and that of the emulated one with its configuration and size."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

import kubesim

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from scripts.recordings.folder import Folder  # noqa: E402 - scripts are no package of the tests

RECORDED = Path(os.environ.get("KUBESIM_RECORDED") or ROOT.parent / "shared" / "recorded")
OF_THE_HOST = {"images", "nodeInfo"}
TIMES = {"lastHeartbeatTime", "lastTransitionTime"}


@pytest.mark.skipif(
    not (RECORDED / "golden" / "node.json").is_file(),
    reason="no recording of a real node: not beside the checkout, nor in KUBESIM_RECORDED",
)
def test_a_node_of_that_size_has_the_recorded_status() -> None:
    folder = Folder(RECORDED)
    recorded = folder.node
    assert recorded is not None
    configuration = folder.plan(folder.names()[0]).configuration
    with kubesim.Node(config=configuration, capacity=folder.capacity, node_name=folder.node_name) as node:
        node.advance("5s")
        registered = node.status()

    assert without_host(registered["status"]) == without_host(recorded["status"])
    for part in ("labels", "annotations"):
        assert registered["metadata"][part] == recorded["metadata"][part]


def without_host(status: dict[str, Any]) -> dict[str, Any]:
    """The status without what is of the machine, and without times."""
    kept = {key: value for key, value in status.items() if key not in OF_THE_HOST}
    conditions = [{key: one[key] for key in one if key not in TIMES} for one in status["conditions"]]
    return {**kept, "conditions": conditions}
