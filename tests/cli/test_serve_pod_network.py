"""`kubesim serve --pod-network`: where pods are, over a restart too, and what is said when a port is lost."""

import socket
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from kubesim.cri import api, methods
from kubesim.cri.methods import Method

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other machines have one loopback address")

Serve = Callable[..., Any]
NGINX = "docker.io/library/nginx:latest"
PROFILE = "cri-o-1.36"
"""One whose sandboxes have no process that a restart of kubesim would end; OWN_PIDS sees to that."""

OWN_PIDS = api.LinuxPodSandboxConfig(
    security_context=api.LinuxSandboxSecurityContext(namespace_options=api.NamespaceOption(pid=api.CONTAINER))
)


def call(server: Any, method: Method, request: Message) -> Any:
    with grpc.insecure_channel(server.address) as channel:
        answer = channel.unary_unary(method.full_name)(request.SerializeToString(), timeout=30)
        return method.response_type.FromString(answer)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pod_config(*host_ports: int) -> api.PodSandboxConfig:
    mappings = [api.PortMapping(container_port=80, host_port=port, host_ip="127.0.0.1") for port in host_ports]
    metadata = api.PodSandboxMetadata(name="web", uid="u", namespace="shop")
    return api.PodSandboxConfig(
        metadata=metadata, port_mappings=mappings or [api.PortMapping(container_port=80)], linux=OWN_PIDS
    )


def run_pod(server: Any, *host_ports: int) -> str:
    request = api.RunPodSandboxRequest(config=pod_config(*host_ports))
    return str(call(server, methods.RUN_POD_SANDBOX, request).pod_sandbox_id)


def run_nginx(server: Any, pod: str, attempt: int = 0) -> None:
    call(server, methods.PULL_IMAGE, api.PullImageRequest(image=api.ImageSpec(image=NGINX)))
    config = api.ContainerConfig(
        metadata=api.ContainerMetadata(name="nginx", attempt=attempt),
        image=api.ImageSpec(image=NGINX),
        linux=api.LinuxContainerConfig(
            security_context=api.LinuxContainerSecurityContext(namespace_options=api.NamespaceOption(pid=api.CONTAINER))
        ),
    )
    request = api.CreateContainerRequest(pod_sandbox_id=pod, config=config, sandbox_config=pod_config())
    container = call(server, methods.CREATE_CONTAINER, request).container_id
    call(server, methods.START_CONTAINER, api.StartContainerRequest(container_id=container))


def address_of(server: Any, pod: str) -> str:
    request = api.PodSandboxStatusRequest(pod_sandbox_id=pod)
    return str(call(server, methods.POD_SANDBOX_STATUS, request).status.network.ip)


def page(ip: str, port: int) -> bytes:
    with urllib.request.urlopen(f"http://{ip}:{port}/", timeout=10) as answer:
        content: bytes = answer.read()
        return content


def warning(server: Any) -> str:
    """What a server said before it answered."""
    assert "kubesim serves" in server.process.stdout.readline()
    return str(server.greeting)


def kill(server: Any) -> None:
    server.process.kill()
    server.process.wait(timeout=20)


def test_a_pod_keeps_its_address_and_its_ports_over_a_restart(serve: Serve) -> None:
    port = free_port()
    server = serve("--profile", PROFILE, "--state-dir", "state")
    pod = run_pod(server, port)
    run_nginx(server, pod)
    ip = address_of(server, pod)
    assert b"Welcome to nginx" in page(ip, 80)
    kill(server)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((ip, 80), 10)

    again = serve("--profile", PROFILE, "--state-dir", "state")
    assert address_of(again, pod) == ip
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((ip, 80), 10)
    # Nobody listens behind the host port, which is the pod's again.
    with pytest.raises(ConnectionResetError), socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.recv(1)
    run_nginx(again, pod, attempt=1)
    assert page(ip, 80) == page("127.0.0.1", port)
    other = call(again, methods.RUN_POD_SANDBOX, api.RunPodSandboxRequest(config=other_pod())).pod_sandbox_id
    assert address_of(again, other).rpartition(".")[0] == ip.rpartition(".")[0]
    assert address_of(again, other) != ip
    assert again.stop() == (0, "")


def other_pod() -> api.PodSandboxConfig:
    return api.PodSandboxConfig(metadata=api.PodSandboxMetadata(name="other", uid="v", namespace="shop"))


def test_a_port_that_somebody_took_meanwhile_is_lost_and_the_pod_and_its_others_are_not(serve: Serve) -> None:
    lost, kept = free_port(), free_port()
    server = serve("--profile", PROFILE, "--state-dir", "state")
    pod = run_pod(server, lost, kept)
    ip = address_of(server, pod)
    kill(server)

    with socket.create_server(("127.0.0.1", lost)):
        again = serve("--profile", PROFILE, "--state-dir", "state")
        assert warning(again) == (
            f"pod shop/web is back, but nobody reaches it at tcp 127.0.0.1:{lost}: address already in use\n"
        )
        run_nginx(again, pod)
        assert page(ip, 80) == page("127.0.0.1", kept)
        assert again.stop()[0] == 0


def test_pods_whose_network_another_process_holds_are_there_without_it(serve: Serve, folder: Path) -> None:
    server = serve("--profile", PROFILE, "--state-dir", "state")
    pod = run_pod(server)
    ip = address_of(server, pod)
    network = ".".join(ip.split(".")[:2])
    kill(server)

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as holder:
        holder.bind(f"\0kubesim/pod-network/{network}")
        again = serve("--profile", PROFILE, "--state-dir", "state")
        assert warning(again).startswith(f"pods of the saved state have addresses of {network}.0.0/16, which another")
        assert address_of(again, pod) == ip
        run_nginx(again, pod)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((ip, 80), 10)
        other = call(again, methods.RUN_POD_SANDBOX, api.RunPodSandboxRequest(config=other_pod())).pod_sandbox_id
        assert not address_of(again, other).startswith(f"{network}.")
        assert again.stop()[0] == 0


def test_a_virtual_network_takes_nothing_of_the_machine(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = serve("--pod-network", "virtual")
        pod = run_pod(server, taken.getsockname()[1])
        assert address_of(server, pod) == "10.88.0.2"
        run_nginx(server, pod)
        assert server.stop() == (0, "")
