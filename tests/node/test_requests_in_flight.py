"""While the runtime takes its time, nobody holds the request: a message takes ten times the memory of its bytes."""

import gc

from google.protobuf.message import Message

import kubesim
from kubesim.cri import api

HELD = (api.RunPodSandboxRequest, api.PodSandboxConfig, api.CreateContainerRequest, api.ContainerConfig)
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p"},
    "spec": {"containers": [{"name": "c", "image": "registry.k8s.io/pause:3.10"}]},
}


def requests() -> dict[int, Message]:
    return {id(one): one for one in gc.get_objects() if isinstance(one, HELD)}


def test_no_request_lives_while_a_sandbox_or_a_container_is_made() -> None:
    held: set[str] = set()
    of_others = requests()

    def look() -> bool:
        held.update(type(one).__name__ for place, one in requests().items() if place not in of_others)
        return bool(node.pod(key)["status"]["phase"] == "Running")

    with kubesim.Node() as node:
        (key,) = node.apply(POD)
        node.advance(until=look)
        took_ns = {one.method: one.end_ns - one.time_ns for one in node.journal}
    assert took_ns["RunPodSandbox"] > 0
    assert took_ns["CreateContainer"] > 0
    assert held == set()
