"""Who runs on a Windows node: what the kubelet asks of the runtime, and what is explained of it."""

from typing import Any

import pytest

from kubesim.images.fixtures import load_catalogue
from kubesim.node.explained_container import ExplainedNode
from kubesim.node.identity_explained import explain_identities
from kubesim.node.node import Node
from kubesim.node.sources import pod_manifests
from kubesim.runtime.profiles import load_profile

AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.45"


def pod(above: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    container = {"name": "c", "image": AGNHOST, "securityContext": {"windowsOptions": own}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {
            "os": {"name": "windows"},
            "hostNetwork": bool(above.get("hostProcess")),
            "securityContext": {"windowsOptions": above},
            "containers": [container],
        },
    }


@pytest.mark.parametrize(
    ("above", "own", "username", "is_host_process"),
    [
        ({}, {}, "", False),
        ({"runAsUserName": "a"}, {}, "a", False),
        ({"runAsUserName": "a"}, {"runAsUserName": "b"}, "b", False),
        ({"hostProcess": True, "runAsUserName": "NT AUTHORITY\\SYSTEM"}, {}, "NT AUTHORITY\\SYSTEM", True),
    ],
)
def test_what_the_runtime_is_asked_is_what_is_explained(
    above: dict[str, Any], own: dict[str, Any], username: str, is_host_process: bool
) -> None:
    one = pod(above, own)
    (manifest,) = pod_manifests(one, kubelet_version="1.36")
    node = ExplainedNode(profile=load_profile("containerd-2.3"))
    (found,) = explain_identities(manifest, node, load_catalogue([]))
    with Node(os="windows") as real:
        real.apply(one)
        real.advance("5s")
        requests = {entry.method: entry.request for entry in real.journal}

    sandbox = requests["RunPodSandbox"].config.windows.security_context
    container = requests["CreateContainer"].config.windows.security_context
    assert (container.run_as_username, container.host_process) == (username, is_host_process)
    assert (sandbox.run_as_username, sandbox.host_process) == (above.get("runAsUserName", ""), is_host_process)
    assert found.username == username
    assert ("host-process" in [step.rule for step in found.kubelet_steps]) is is_host_process
