"""A served runtime for the streaming benchmarks, and what is measured of it."""

from __future__ import annotations

from pathlib import Path

import grpc
from stream_load import Exec

from kubesim.cri import api

IMAGE = "registry.k8s.io/e2e-test-images/busybox:1.29-2"


class Node:
    """A served runtime with one container that sleeps."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address)
        image = api.ImageSpec(image=IMAGE)
        self._call("ImageService", "PullImage", api.PullImageRequest(image=image))
        pod = api.PodSandboxConfig(metadata=api.PodSandboxMetadata(name="pod", uid="uid", namespace="default"))
        answer = self._call("RuntimeService", "RunPodSandbox", api.RunPodSandboxRequest(config=pod))
        pod_id = api.RunPodSandboxResponse.FromString(answer).pod_sandbox_id
        config = api.ContainerConfig(metadata=api.ContainerMetadata(name="c"), image=image, command=["sleep", "360000"])
        request = api.CreateContainerRequest(pod_sandbox_id=pod_id, config=config, sandbox_config=pod)
        answer = self._call("RuntimeService", "CreateContainer", request)
        self._container = api.CreateContainerResponse.FromString(answer).container_id
        self._call("RuntimeService", "StartContainer", api.StartContainerRequest(container_id=self._container))

    def _call(self, service: str, name: str, request: api.Message) -> bytes:
        answer: bytes = self._channel.unary_unary(f"/runtime.v1.{service}/{name}")(request.SerializeToString())
        return answer

    def exec_url(self, *command: str) -> str:
        """A URL to run a command with stdin and stdout."""
        request = api.ExecRequest(container_id=self._container, cmd=command, stdin=True, stdout=True)
        return api.ExecResponse.FromString(self._call("RuntimeService", "Exec", request)).url


def exec_session(node: Node, client: type[Exec]) -> None:
    """The RPC, a connection, the output to its end."""
    with client(node.exec_url("true")).socket as connection:
        while connection.recv(65536):
            pass


def resident_bytes(process: int) -> int:
    """Memory of a process."""
    fields = Path(f"/proc/{process}/status").read_text().split("VmRSS:")[1].split()
    return int(fields[0]) * 1024
