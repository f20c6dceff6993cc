"""Steps that write to a pod past its main resource: ephemeral containers, resizes, conditions; and static pods."""

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


STATIC = {**POD, "metadata": {"name": "base"}}
KEY = "default/base-node-1"


def play(*steps: dict[str, Any], config: dict[str, Any] | None = None) -> ScenarioResult:
    value = {
        "apiVersion": "kubesim/v1",
        "kind": "Scenario",
        "metadata": {"name": "test"},
        "spec": {"node": {"config": config or {}}, "steps": [{"at": "0s", "apply": [POD]}, *steps]},
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


def resize(resources: dict[str, Any], name: str = "ctr") -> dict[str, Any]:
    patch = {"spec": {"containers": [{"name": name, "resources": resources}]}}
    return {"at": "5s", "resize": {"pod": "default/web", "patch": patch}}


def test_a_pod_is_resized() -> None:
    memory = {"requests": {"memory": "32Mi"}}
    web = {**POD, "spec": {"containers": [{**POD["spec"]["containers"][0], "resources": memory}]}}
    result = play(
        {"at": "0s", "delete": {"pod": "default/web", "gracePeriodSeconds": 0}},
        {"at": "0s", "apply": [web]},
        resize({"requests": {"memory": "64Mi"}}),
        expected("status.containerStatuses[0]", {"allocatedResources": {"memory": "64Mi"}, "restartCount": 0}),
        expected("spec.containers[0].resources", {"requests": {"memory": "64Mi"}}),
    )
    assert [step.passed for step in result.steps[-2:]] == [True, True]
    assert result.steps[3].text == "default/web"


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (
            resize({"requests": {"cpu": "1"}}),
            'Pod "web" is invalid: spec: Invalid value: "BestEffort": Pod QOS Class may not change',
        ),
        (
            {"at": "5s", "resize": {"pod": "default/web", "patch": {"spec": {"containers": [{"image": "x"}]}}}},
            "spec.containers[0]: does not contain declared merge key: name",
        ),
        (resize({"request": {"cpu": "1"}}), "unknown field 'request', did you mean 'requests'?"),
    ],
)
def test_a_resize_that_the_api_server_refuses_ends_the_scenario_with_its_words(step: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError) as refused:
        play(step)
    assert str(refused.value).startswith("scenario.yaml")
    assert ": resize: " in str(refused.value)
    assert text in str(refused.value)


def test_a_static_pod_comes_and_goes_with_its_file() -> None:
    result = play(
        {"at": "0s", "applyStatic": [STATIC]},
        {"at": "30s", "expect": {"pod": KEY, "path": "status.containerStatuses[0].ready", "equals": True}},
        {"at": "30s", "removeStatic": KEY},
        {"at": "100s", "expect": {"pod": KEY, "absent": True}},
        config={"staticPodPath": "/etc/kubernetes/manifests"},
    )
    assert result.passed, [step.text for step in result.steps]
    assert [step.text for step in result.steps if "tatic" in step.name] == [f"written {KEY}", KEY]


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ({"applyStatic": [STATIC]}, "applyStatic: apply_static(source): this kubelet reads no static pods; set static"),
        ({"removeStatic": KEY}, "removeStatic: remove_static(key): this kubelet reads no static pods; set static"),
    ],
)
def test_a_kubelet_that_reads_no_static_pods(step: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError) as refused:
        play({"at": "5s", **step})
    assert text in str(refused.value)
