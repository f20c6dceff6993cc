"""A real kubelet reaches pods: HTTP, TCP and gRPC probes, host ports, the host network, and a port in use."""

import re
import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NGINX = "docker.io/library/nginx:latest"
BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-2"
SERVICES = "example.org/services:1"
FIXTURE = """\
apiVersion: kubesim/v1
kind: Image
metadata: {name: "example.org/services:1"}
spec:
  entrypoint: [/server]
  programs:
    /server:
      script:
        ports:
          - port: 9090
            grpc: {health: {db: {schedule: [{from: 0s, status: NOT_SERVING}, {from: 3s, status: SERVING}]}}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pod(name: str, container: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A manifest with one container, nginx unless it says otherwise."""
    full = {"name": "ctr", "image": NGINX} | container
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [full]} | spec,
    }


def readiness(**how: Any) -> dict[str, Any]:
    return {"readinessProbe": how | {"periodSeconds": 1}}


def manifests(*, host_port: int, taken_port: int, node_port: int) -> dict[str, dict[str, Any]]:
    """The pods by name; those that are not in READY stay unready."""
    headers = [{"name": "X-Asked-By", "value": "a kubelet"}]
    named = {"ports": [{"name": "web", "containerPort": 80}]}
    serving = ["sh", "-c", f"while :; do printf 'HTTP/1.1 200 OK\\r\\n\\r\\n' | nc -l -p {node_port}; done"]
    late = ["sh", "-c", "sleep 4; while :; do nc -l -p 9000 -e true; done"]
    found = [
        pod("http", readiness(httpGet={"path": "/", "port": 80, "httpHeaders": headers})),
        pod("named", named | readiness(httpGet={"path": "/index.html", "port": "web"})),
        pod("tcp", readiness(tcpSocket={"port": 80})),
        pod("late", {"image": BUSYBOX, "command": late} | readiness(tcpSocket={"port": 9000})),
        pod("grpc", {"image": SERVICES} | readiness(grpc={"port": 9090, "service": "db"})),
        pod("nogrpc", {"image": SERVICES} | readiness(grpc={"port": 9090, "service": "nobody"})),
        pod("hostport", {"ports": [{"containerPort": 80, "hostPort": host_port}]} | readiness(tcpSocket={"port": 80})),
        pod("starts", {"startupProbe": {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 1}}),
        pod(
            "hostnet",
            {"image": BUSYBOX, "command": serving, "ports": [{"containerPort": node_port}]}
            | readiness(httpGet={"path": "/", "port": node_port}),
            hostNetwork=True,
        ),
        pod("lost", readiness(httpGet={"path": "/nothing-there", "port": 80})),
        pod("closed", readiness(tcpSocket={"port": 81})),
        pod("sick", {"livenessProbe": {"httpGet": {"path": "/no", "port": 80}, "periodSeconds": 1}}),
        pod("taken", {"ports": [{"containerPort": 80, "hostPort": taken_port, "hostIP": "127.0.0.1"}]}),
    ]
    return {manifest["metadata"]["name"]: manifest for manifest in found}


READY = {"http", "named", "tcp", "late", "grpc", "hostport", "starts", "hostnet"}


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ("containerd-2.3", 'plugin type=\\"portmap\\" failed (add): cannot open hostport {port}'),
        ("cri-o-1.36", "cannot open hostport {port} for pod k8s_taken-"),
    ],
)
def test_probes_reach_pods_and_a_port_in_use_keeps_one_from_starting(
    start_kubelet: Callable[..., Any],
    serve: Callable[..., str],
    wait_for: Callable[..., Any],
    folder: Path,
    profile: str,
    words: str,
) -> None:
    images = folder / "services.yaml"
    images.write_text(FIXTURE)
    address = serve("--profile", profile, "--cgroup-driver", "cgroupfs", "--images", str(images))
    host_port, node_port = free_port(), free_port()
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken_port = other.getsockname()[1]
        pods = manifests(host_port=host_port, taken_port=taken_port, node_port=node_port)
        kubelet = start_kubelet(address, pods, driver="cgroupfs")

        def statuses() -> dict[str, dict[str, Any]]:
            return {name_of(pod): pod["status"] for pod in kubelet.pods()}

        def ready() -> set[str]:
            return {
                name
                for name, status in statuses().items()
                for container in status.get("containerStatuses", ())
                if container["ready"]
            }

        def restarts(name: str) -> int:
            return sum(container["restartCount"] for container in statuses()[name].get("containerStatuses", ()))

        is_settled = wait_for(lambda: ready() >= READY and restarts("sick") >= 1, seconds=60)
        assert is_settled, (ready(), kubelet.log()[-4000:])
        assert not ready() & {"lost", "closed", "nogrpc", "taken"}
        assert {name: restarts(name) for name in READY} == dict.fromkeys(READY, 0)
        ips = [statuses()[name]["podIP"] for name in READY - {"hostnet"}]
        assert len(set(ips)) == len(ips)
        assert all(ip.startswith("127.") for ip in ips)
        with urllib.request.urlopen(f"http://127.0.0.1:{host_port}/", timeout=10) as answer:
            assert b"Welcome to nginx" in answer.read()
        assert statuses()["taken"]["phase"] == "Pending"
    log = kubelet.log()
    (access_log,) = (kubelet.folder / "podlogs").glob("default_lost-*/ctr/0.log")
    first_line = access_log.read_text().splitlines()[0]
    assert re.search(r'F 127\.\d+\.0\.1 - - .* "GET /nothing-there HTTP/1.1" 404 .*kube-probe/', first_line)
    assert words.format(port=taken_port) in log
    assert "address already in use" in log
    # The port is free now, and the kubelet tries again.
    assert wait_for(lambda: "taken" in ready(), seconds=60), kubelet.log()[-4000:]


def name_of(pod: dict[str, Any]) -> str:
    """As its manifest calls it: a kubelet appends the node's name to that of a static pod."""
    name: str = pod["metadata"]["name"]
    return name.partition("-")[0]
