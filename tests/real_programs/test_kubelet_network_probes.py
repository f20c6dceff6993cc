"""A real kubelet probes scripted services over HTTP, TCP and gRPC, and acts on what it finds."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other machines have one loopback address")

IMAGES = """\
apiVersion: kubesim/v1
kind: Image
metadata: {name: registry.example/probed:v1}
spec:
  entrypoint: [/probed]
  programs:
    /probed:
      script:
        ports:
          - port: 8080
            http:
              log: true
              routes:
                - {path: /old, redirect: /new}
                - {path: /new, body: ok}
                - path: /late
                  schedule: [{from: 0s, status: 503}, {from: 5s, body: ok}]
                - path: /ill
                  schedule: [{from: 0s, body: ok}, {from: 5s, status: 500, body: no more}]
                - {path: /stuck, fail: hang}
          - port: 9000
            tcp: {schedule: [{from: 0s, mode: refuse}, {from: 5s, mode: accept}]}
          - port: 9090
            grpc:
              health:
                "": SERVING
                late: {schedule: [{from: 0s, status: NOT_SERVING}, {from: 5s, status: SERVING}]}
                ill: {schedule: [{from: 0s, status: SERVING}, {from: 5s, status: NOT_SERVING}]}
        signals:
          TERM: {exitCode: 0}
"""
READY = {
    "redirect": {"httpGet": {"port": 8080, "path": "/old"}},
    "grpc": {"grpc": {"port": 9090}},
}
LATE = {
    "late-http": {"httpGet": {"port": 8080, "path": "/late"}},
    "late-tcp": {"tcpSocket": {"port": 9000}},
    "late-grpc": {"grpc": {"port": 9090, "service": "late"}},
}
ILL = {
    "ill-http": ({"httpGet": {"port": 8080, "path": "/ill"}}, "HTTP probe failed with statuscode: 500"),
    "ill-grpc": ({"grpc": {"port": 9090, "service": "ill"}}, 'service unhealthy (responded with \\"NOT_SERVING\\")'),
    "stuck": ({"httpGet": {"port": 8080, "path": "/stuck"}}, "context deadline exceeded"),
    "nobody": ({"grpc": {"port": 9090, "service": "nobody"}}, "unknown service"),
    "agnhost": ({"grpc": {"port": 5000}}, 'service unhealthy (responded with \\"NOT_SERVING\\")'),
}


def manifest(name: str, kind: str, probe: dict[str, Any]) -> dict[str, Any]:
    container = {"name": "ctr", "image": "registry.example/probed:v1", "imagePullPolicy": "IfNotPresent"}
    if name == "agnhost":
        container["image"] = "registry.k8s.io/e2e-test-images/agnhost:2.45"
        container["args"] = ["grpc-health-checking", "--delay-unhealthy-sec=5"]
    container[kind] = {**probe, "periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 1}
    spec = {"terminationGracePeriodSeconds": 1, "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def pod(kubelet: Any, name: str) -> dict[str, Any]:
    """The status of a static pod, whose name has the node's behind it."""
    found = (one["status"] for one in kubelet.pods() if one["metadata"]["name"].startswith(f"{name}-"))
    return next(found, {})


def is_ready(kubelet: Any, name: str) -> bool | None:
    """Whether the container passes; None before it has started."""
    rows = pod(kubelet, name).get("containerStatuses") or [{}]
    return rows[0].get("ready") if "running" in rows[0].get("state", {}) else None


def restarts(kubelet: Any, name: str) -> int:
    return sum(row["restartCount"] for row in pod(kubelet, name).get("containerStatuses") or ())


def test_what_a_kubelet_finds(
    start_kubelet: Callable[..., Any], serve: Callable[..., str], wait_for: Callable[..., Any], folder: Path
) -> None:
    images = folder / "images.yaml"
    images.write_text(IMAGES)
    address = serve("--images", str(images), "--cgroup-driver", "cgroupfs")
    manifests = {name: manifest(name, "readinessProbe", probe) for name, probe in (READY | LATE).items()}
    manifests |= {name: manifest(name, "livenessProbe", probe) for name, (probe, _) in ILL.items()}
    kubelet = start_kubelet(address, manifests, driver="cgroupfs", verbosity=4)

    seen_unready = set()

    def are_ready() -> bool:
        seen_unready.update(name for name in LATE if is_ready(kubelet, name) is False)
        return all(is_ready(kubelet, name) for name in READY | LATE)

    assert wait_for(are_ready, seconds=60), kubelet.log()[-4000:]
    assert seen_unready == set(LATE)
    assert [restarts(kubelet, name) for name in READY | LATE] == [0] * len(READY | LATE)
    assert wait_for(lambda: all(restarts(kubelet, name) for name in ILL), seconds=60), kubelet.log()[-4000:]
    lines = [line for line in kubelet.log().splitlines() if "Probe failed" in line and "Liveness" in line]
    for name, (_, words) in ILL.items():
        assert any(words in line and f"/{name}-" in line for line in lines), (name, lines[-20:])
