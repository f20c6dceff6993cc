"""UpdatePodSandboxResources."""

from __future__ import annotations

import json
from typing import Any

from kubesim.cri import Code, api


def asking(node: Any, pod: str, *, verbose: bool = False) -> Any:
    return node.cri.pod_sandbox_status(api.PodSandboxStatusRequest(pod_sandbox_id=pod, verbose=verbose))


def test_updated_resources_are_in_the_info(node: Any) -> None:
    pod = node.run_pod()
    resources = api.LinuxContainerResources(cpu_shares=512)
    request = api.UpdatePodSandboxResourcesRequest(pod_sandbox_id=pod, resources=resources)
    node.do(node.cri.update_pod_sandbox_resources(request))
    info = json.loads(node.do(asking(node, pod)).info["info"])
    assert info["resources"] == {"linux": {"cpu_shares": 512}}
    assert info["overhead"] == {"linux": {}}


def test_updating_resources_of_a_sandbox_that_is_not_there(node: Any, crio: Any) -> None:
    request = api.UpdatePodSandboxResourcesRequest(pod_sandbox_id="0" * 64)
    error = node.refused(node.cri.update_pod_sandbox_resources(request))
    assert (error.code, error.message) == (Code.NOT_FOUND, "failed to find sandbox: not found")
    error = crio.refused(crio.cri.update_pod_sandbox_resources(request))
    assert error.code is Code.NOT_FOUND
    assert error.message.startswith('could not find pod "000')
