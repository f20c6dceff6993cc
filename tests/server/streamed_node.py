"""A served node and what a client needs to get at its streams: a pod, containers, and the URLs of the RPCs."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from kubesim.cri import api

BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-2"
NGINX = "registry.k8s.io/e2e-test-images/nginx:1.14-2"
SECONDS_MAX = 20


class StreamedNode:
    """`kubesim serve` in a process of its own, so that clients may block."""

    def __init__(self, channel: grpc.Channel, folder: Path) -> None:
        self._channel = channel
        self._folder = folder
        self._containers = 0
        pod = api.PodSandboxConfig(
            metadata=api.PodSandboxMetadata(name="p", uid="u", namespace="n"), log_directory=str(folder / "logs")
        )
        self._pod_config = pod
        self.pod = self._call("RunPodSandbox", api.RunPodSandboxRequest(config=pod)).pod_sandbox_id

    def start(self, *command: str, image: str = BUSYBOX, **options: bool) -> str:
        """A running container, which has no argument of its own without a command."""
        self._containers += 1
        spec = api.ImageSpec(image=image)
        self._call("PullImage", api.PullImageRequest(image=spec))
        config = api.ContainerConfig(
            metadata=api.ContainerMetadata(name=f"c{self._containers}"),
            image=spec,
            command=command,
            log_path=f"c{self._containers}.log",
            **options,
        )
        request = api.CreateContainerRequest(pod_sandbox_id=self.pod, config=config, sandbox_config=self._pod_config)
        container = self._call("CreateContainer", request).container_id
        self._call("StartContainer", api.StartContainerRequest(container_id=container))
        return str(container)

    def exec_url(self, container: str, command: Sequence[str], **streams: bool) -> str:
        request = api.ExecRequest(container_id=container, cmd=command, **streams)
        return str(self._call("Exec", request).url)

    def attach_url(self, container: str, **streams: bool) -> str:
        return str(self._call("Attach", api.AttachRequest(container_id=container, **streams)).url)

    def forward_url(self, *ports: int) -> str:
        return str(self._call("PortForward", api.PortForwardRequest(pod_sandbox_id=self.pod, port=ports)).url)

    def _call(self, method: str, request: Any) -> Any:
        service = "ImageService" if method == "PullImage" else "RuntimeService"
        call = self._channel.unary_unary(
            f"/runtime.v1.{service}/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=getattr(api, type(request).__name__.replace("Request", "Response")).FromString,
        )
        return call(request, timeout=SECONDS_MAX)


@contextmanager
def streamed_node(folder: Path, profile: str) -> Iterator[StreamedNode]:
    """Runs while this is entered; it ends without a word of complaint."""
    address = f"unix://{folder / 'k.sock'}"
    command = [sys.executable, "-m", "kubesim", "serve", "--socket", address, "--profile", profile]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert "kubesim serves" in server.stdout.readline()
            with grpc.insecure_channel(address) as channel:
                yield StreamedNode(channel, folder)
        finally:
            server.send_signal(signal.SIGTERM)
            _, complaints = server.communicate(timeout=SECONDS_MAX)
        assert (server.returncode, complaints) == (0, "")
