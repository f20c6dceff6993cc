"""Ephemeral containers and conditions that users write: what is stored, and what is refused."""

from typing import Any

import pytest

import kubesim
from kubesim.errors import InputError

IMAGE = "registry.k8s.io/e2e-test-images/busybox:1.29-2"
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web"},
    "spec": {
        "containers": [{"name": "main", "image": IMAGE, "command": ["sleep", "1h"]}],
        "initContainers": [{"name": "init", "image": IMAGE, "command": ["true"]}],
        "volumes": [{"name": "data", "emptyDir": {}}],
    },
}
KEY = "default/web"


@pytest.fixture
def node() -> Any:
    with kubesim.Node() as node:
        node.apply(POD)
        node.advance("5s")
        yield node


def test_an_ephemeral_container_is_stored_with_its_defaults_and_a_new_generation(node: kubesim.Node) -> None:
    node.add_ephemeral_container(KEY, {"name": "dbg", "image": IMAGE, "targetContainerName": "main", "stdin": True})
    pod = node.pod(KEY)
    assert pod["metadata"]["generation"] == 2
    assert pod["spec"]["ephemeralContainers"] == [
        {
            "name": "dbg",
            "image": IMAGE,
            "imagePullPolicy": "IfNotPresent",
            "resources": {},
            "stdin": True,
            "targetContainerName": "main",
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
        }
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": ""}, "spec.ephemeralContainers[0].name: Required value"),
        ({"image": ""}, "spec.ephemeralContainers[0].image: Required value"),
        ({"name": "main"}, 'spec.ephemeralContainers[0].name: Duplicate value: "main"'),
        ({"name": "init"}, 'spec.ephemeralContainers[0].name: Duplicate value: "init"'),
        (
            {"targetContainerName": "other"},
            'spec.ephemeralContainers[0].targetContainerName: Not found: "other"',
        ),
        (
            {"volumeMounts": [{"name": "data", "mountPath": "/d", "subPath": "x"}]},
            "spec.ephemeralContainers[0].volumeMounts[0].subPath: Forbidden: cannot be set for an Ephemeral Container",
        ),
        (
            {"volumeMounts": [{"name": "none", "mountPath": "/d"}]},
            'spec.ephemeralContainers[0].volumeMounts[0].name: Not found: "none"',
        ),
        (
            {"resources": {"limits": {"cpu": "many"}}},
            "spec.ephemeralContainers[0].resources.limits[cpu]: Invalid value",
        ),
        ({"nmae": "x"}, "unknown field"),
    ],
)
def test_what_is_refused(node: kubesim.Node, change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as refused:
        node.add_ephemeral_container(KEY, {"name": "dbg", "image": IMAGE, **change})
    assert message in str(refused.value)
    assert "ephemeralContainers" not in node.pod(KEY)["spec"]


def test_everything_that_an_ephemeral_container_cannot_have_is_refused_at_once(node: kubesim.Node) -> None:
    """In the API server's order, which is that of the fields."""
    probe = {"exec": {"command": ["true"]}}
    with pytest.raises(InputError) as refused:
        node.add_ephemeral_container(
            KEY,
            {
                "name": "dbg",
                "image": IMAGE,
                "ports": [{"containerPort": 80}],
                "resources": {"limits": {"cpu": "1"}},
                "resizePolicy": [{"resourceName": "cpu", "restartPolicy": "NotRequired"}],
                "restartPolicy": "Always",
                "restartPolicyRules": [{"action": "Restart", "exitCodes": {"operator": "In", "values": [1]}}],
                "livenessProbe": probe,
                "readinessProbe": probe,
                "startupProbe": probe,
                "lifecycle": {"preStop": probe},
            },
        )
    lines = [line.partition("ephemeral container: ")[2] for line in str(refused.value).splitlines()]
    names = "ports resources resizePolicy restartPolicy restartPolicyRules livenessProbe readinessProbe startupProbe"
    assert lines == [
        f"spec.ephemeralContainers[0].{name}: Forbidden: cannot be set for an Ephemeral Container"
        for name in (*names.split(), "lifecycle")
    ]


def test_a_second_one_is_named_by_its_place(node: kubesim.Node) -> None:
    node.add_ephemeral_container(KEY, {"name": "one", "image": IMAGE})
    with pytest.raises(InputError, match=r'spec\.ephemeralContainers\[1\]\.name: Duplicate value: "one"'):
        node.add_ephemeral_container(KEY, {"name": "one", "image": IMAGE})
    node.add_ephemeral_container(KEY, {"name": "two", "image": IMAGE})
    assert [one["name"] for one in node.pod(KEY)["spec"]["ephemeralContainers"]] == ["one", "two"]


def test_an_applied_change_leaves_ephemeral_containers_alone(node: kubesim.Node) -> None:
    node.add_ephemeral_container(KEY, {"name": "one", "image": IMAGE})
    node.apply({**POD, "metadata": {"name": "web", "labels": {"a": "b"}}})
    assert [one["name"] for one in node.pod(KEY)["spec"]["ephemeralContainers"]] == ["one"]


@pytest.mark.parametrize("container", [None, "dbg", ["dbg"]])
def test_what_is_no_dict_is_refused_by_the_name_of_the_argument(node: kubesim.Node, container: Any) -> None:
    with pytest.raises(InputError, match=r"add_ephemeral_container\(container\).*give a v1 EphemeralContainer"):
        node.add_ephemeral_container(KEY, container)


def test_a_mirror_pod_takes_none(node: kubesim.Node) -> None:
    """What its kubelet runs comes from a file."""
    spec = {"nodeName": "node-1", "containers": [{"name": "main", "image": IMAGE}]}
    mirror = {"name": "mirror", "annotations": {"kubernetes.io/config.mirror": "1"}}
    node.apply({"apiVersion": "v1", "kind": "Pod", "metadata": mirror, "spec": spec})
    with pytest.raises(InputError, match="default/mirror: Forbidden: static pods do not support ephemeral containers"):
        node.add_ephemeral_container("default/mirror", {"name": "dbg", "image": IMAGE})


def test_a_pod_that_is_not_there(node: kubesim.Node) -> None:
    for call in (
        lambda: node.add_ephemeral_container("default/none", {"name": "dbg", "image": IMAGE}),
        lambda: node.set_condition("default/none", "example.com/gate", "True"),
    ):
        with pytest.raises(InputError, match="there is no such pod"):
            call()


def test_a_closed_node_takes_neither(node: kubesim.Node) -> None:
    node.close()
    for call in (
        lambda: node.add_ephemeral_container(KEY, {"name": "dbg", "image": IMAGE}),
        lambda: node.set_condition(KEY, "example.com/gate", "True"),
    ):
        with pytest.raises(InputError, match="this node is closed"):
            call()


def test_a_condition_moves_its_time_with_its_status_only(node: kubesim.Node) -> None:
    def written() -> dict[str, Any]:
        found: dict[str, Any] = next(one for one in node.pod(KEY)["status"]["conditions"] if one["type"] == "a")
        return found

    node.set_condition(KEY, "a", "True")
    first = written()
    node.advance("5s")
    node.set_condition(KEY, "a", "True", reason="Again", message="as before")
    assert written() == {**first, "reason": "Again", "message": "as before"}
    node.set_condition(KEY, "a", "Unknown")
    assert written()["lastTransitionTime"] > first["lastTransitionTime"]
    assert node.pod(KEY)["metadata"]["generation"] == 1


@pytest.mark.parametrize(
    ("kind", "status", "message"),
    [
        ("a", "true", 'status.conditions[0].status: Unsupported value: "true": supported values: "'),
        ("", "True", 'status.conditions[0].Type: Invalid value: "": name part must be non-empty'),
        ("a b", "True", 'status.conditions[0].Type: Invalid value: "a b": name part must consist of alphanumeric'),
        ("a" * 64, "True", "name part must be no more than 63 bytes"),
        (
            "UP/a",
            "True",
            'status.conditions[0].Type: Invalid value: "UP/a": prefix part a lowercase RFC 1123 subdomain',
        ),
    ],
)
def test_conditions_that_are_refused(node: kubesim.Node, kind: str, status: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        node.set_condition(KEY, kind, status)
    assert message in str(refused.value)


def test_a_condition_that_is_the_kubelets_own_is_written_anew_by_it(node: kubesim.Node) -> None:
    """Not at once: with the next status that the kubelet sends."""
    node.set_condition(KEY, "Ready", "False", reason="Mine")
    node.delete(KEY, grace_seconds=1)
    node.advance("10s")
    (ready,) = [one for one in node.versions(KEY)[-1]["status"]["conditions"] if one["type"] == "Ready"]
    assert ready["reason"] == "PodFailed"
