"""A real kubelet probes pods over HTTP, TCP and gRPC, and whoever is on the machine reaches them at their addresses."""

import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubesim.model.yaml_text import load_documents

from .cluster import free_ports
from .test_kubelet_lifecycle import Watch


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36"])
def test_pods_are_probed_over_the_network(
    start_kubelet: Callable[..., Any],
    serve: Callable[..., str],
    wait_for: Callable[..., Any],
    folder: Path,
    profile: str,
) -> None:
    work = folder / "work"
    work.mkdir()
    host_port, node_port = free_ports(2)
    address = serve("--profile", profile, "--cgroup-driver", "cgroupfs")
    kubelet = start_kubelet(
        address, manifests(host_port=host_port, node_port=node_port, folder=work), driver="cgroupfs", verbosity=1
    )
    watch = Watch(kubelet, wait_for)

    watch.until(lambda: watch.condition("web", "Ready") == "True")
    assert b"Welcome to nginx!" in got(f"http://{watch.status('web')['podIP']}/")
    assert b"Welcome to nginx!" in got(f"http://127.0.0.1:{host_port}/")

    watch.until(lambda: watch.condition("grpc", "Ready") == "True")
    # The image has a way to make its health service say no.
    got(f"http://{watch.status('grpc')['podIP']}:8080/make-not-serving")
    watch.until(lambda: watch.condition("grpc", "Ready") == "False")

    killed = watch.until(lambda: watch.container("ailing").get("lastState", {}).get("terminated"), seconds=60)
    assert killed["exitCode"] in (2, 137)
    watch.until(lambda: watch.condition("host", "Ready") == "True")
    watch.until(lambda: watch.condition("hooked", "Ready") == "True")
    for name, said in {
        "notfound": "HTTP probe failed with statuscode: 404",
        "closed": ":81: connect: connection refused",
        "nobody": "code = NotFound desc = unknown service",
        "ailing": "HTTP probe failed with statuscode: 500",
        "grpc": "service unhealthy",
    }.items():
        lines = [line for line in watch.log().splitlines() if f'pod="default/{name}-' in line]
        assert any(said in line for line in lines), (name, lines[-3:])
    for name in ("notfound", "closed", "nobody"):
        assert "running" in watch.container(name)["state"]
        assert watch.condition(name, "Ready") == "False"
    assert watch.container("web")["restartCount"] == 0

    (kubelet.folder / "manifests/hooked.json").unlink()
    watch.until((work / "farewell").exists)


def manifests(**values: object) -> dict[str, dict[str, Any]]:
    """The pods by name."""
    file = Path(__file__).with_name("network_pods.yaml")
    text = file.read_text()
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", str(value))
    documents = load_documents(text.encode(), name=str(file))
    return {document.value["metadata"]["name"]: document.value for document in documents}


def got(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        content: bytes = answer.read()
        return content
