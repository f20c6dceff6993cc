"""Steps that write to a pod past its main resource: ephemeral containers and conditions."""

from pathlib import Path
from typing import Any

import pytest

from kubesim.errors import InputError
from kubesim.model.scenario import load_runs
from kubesim.model.yaml_text import Document
from kubesim.scenario.replay import ScenarioResult, replay

BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-2"
GATE = "example.com/gate"
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web"},
    "spec": {
        "containers": [{"name": "ctr", "image": BUSYBOX, "command": ["sleep", "1h"]}],
        "readinessGates": [{"conditionType": GATE}],
    },
}


def play(*steps: dict[str, Any]) -> ScenarioResult:
    value = {
        "apiVersion": "kubesim/v1",
        "kind": "Scenario",
        "metadata": {"name": "test"},
        "spec": {"steps": [{"at": "0s", "apply": [POD]}, *steps]},
    }
    (scenario,) = load_runs(Document(value=value, name="scenario.yaml"))
    return replay(scenario, folder=Path())


def expected(path: str, contains: dict[str, Any]) -> dict[str, Any]:
    return {"at": "6s", "expect": {"pod": "default/web", "path": path, "contains": contains}}


def test_an_ephemeral_container_is_added() -> None:
    debugger = {"name": "dbg", "image": BUSYBOX, "command": ["sleep", "1h"], "targetContainerName": "ctr"}
    result = play(
        {"at": "5s", "addEphemeralContainer": {"pod": "default/web", "container": debugger}},
        expected("status.ephemeralContainerStatuses[0].state", {"running": {}}),
    )
    assert result.passed
    assert result.steps[1].text == "default/web: dbg"


def test_a_condition_is_written() -> None:
    gate = {"type": GATE, "status": "True", "reason": "Synced", "message": "as told"}
    result = play(
        {"at": "5s", "setCondition": {"pod": "default/web", **gate}},
        expected("status.conditions", gate),
        expected("status.conditions", {"type": "Ready", "status": "True"}),
    )
    assert result.passed
    assert result.steps[1].text == "default/web: example.com/gate=True"


def test_a_container_that_the_api_server_refuses_ends_the_scenario_with_its_words() -> None:
    container = {"name": "ctr", "image": BUSYBOX, "ports": [{"containerPort": 1}]}
    with pytest.raises(InputError) as refused:
        play({"at": "5s", "addEphemeralContainer": {"pod": "default/web", "container": container}})
    text = str(refused.value)
    assert 'spec.ephemeralContainers[0].name: Duplicate value: "ctr"' in text
    assert "spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container" in text
