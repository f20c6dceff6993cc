"""A real kubelet in standalone mode with 110 static pods of every kind, in both dialects and with both drivers."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from kubesim.model.yaml_text import load_documents

EXPECTED_COMPLAINTS = {
    "failed to check if node is newer": "there is no API server, so the Node has no version",
    "CrashLoopBackOff": "pods that crash",
    "Flexvolume plugin directory": "it makes the directory",
    "kubeclient not set": "there is no API server",
    "Skipping CSINode initialization": "there is no API server",
    "Failed to set rlimit on max file handles": "of the machine",
    "checkpoint is not found": "a kubelet that runs for the first time",
    "Skipping pod synchronization": "before the first look at the runtime",
    "Housekeeping took longer than expected": "the machine is busy with other things",
    "no imagefs label for configured runtime": "it knows runtimes by the usual paths of their sockets",
    "failed to find pid namespace of init process": "of the machine",
    "code = NotFound": "it asks for containers that it removed itself: links in /var/log/containers name them",
}
"""What a kubelet complains of with every runtime, and why."""


def static_pods() -> dict[str, dict[str, Any]]:
    """110 manifests by name; the name begins with the kind."""
    file = Path(__file__).with_name("static_pods.yaml")
    pods = {}
    for document in load_documents(file.read_bytes(), name=str(file)):
        kind = document.value["metadata"]["name"]
        for number in range(int(document.value["metadata"]["annotations"]["count"])):
            name = f"{kind}-{number}"
            pods[name] = document.value | {"metadata": {"name": name, "namespace": "default"}}
    assert len(pods) == 110
    return pods


def kind_of(pod: dict[str, Any]) -> str:
    name: str = pod["metadata"]["name"]
    return name.partition("-")[0]


def is_settled(pods: list[dict[str, Any]]) -> bool:
    """Whether every container is ready, but for those that crash, which have done so twice."""
    return all(
        status["restartCount"] >= 2 if kind_of(pod) == "crash" else status["ready"]
        for pod in pods
        for status in pod["status"]["containerStatuses"]
    )


def listed(address: str, method: str) -> bytes:
    """The answer of a list of the runtime as it is on the wire: nothing when the list is empty."""
    with grpc.insecure_channel(address) as channel:
        answer: bytes = channel.unary_unary(f"/runtime.v1.RuntimeService/{method}")(b"", timeout=5)
        return answer


@pytest.mark.parametrize(("profile", "driver"), [("containerd-2.3", "systemd"), ("cri-o-1.36", "cgroupfs")])
def test_110_static_pods_from_manifest_to_removal(
    start_kubelet: Callable[..., Any],
    serve: Callable[..., str],
    wait_for: Callable[..., Any],
    profile: str,
    driver: str,
) -> None:
    address = serve("--profile", profile, "--cgroup-driver", driver)
    manifests = static_pods()
    kubelet = start_kubelet(address, manifests, driver=driver)

    def is_filled() -> bool:
        running = kubelet.running()
        return len(running) == len(manifests) and is_settled(running)

    assert wait_for(is_filled, seconds=60), kubelet.log()[-4000:]
    assert kubelet.health() == b"ok"
    pods = kubelet.pods()
    restarted = [
        pod["metadata"]["name"]
        for pod in pods
        for status in pod["status"]["containerStatuses"]
        if status["restartCount"] and kind_of(pod) != "crash"
    ]
    assert restarted == []
    users = [pod["status"]["containerStatuses"][0]["user"]["linux"] for pod in pods if kind_of(pod) == "identity"]
    # Each runtime has an order of its own.
    groups = [sorted(user.pop("supplementalGroups")) for user in users]
    assert (users, groups) == ([{"uid": 1000, "gid": 3000}] * 10, [[3000, 4000, 50000]] * 10)

    for manifest in (kubelet.folder / "manifests").iterdir():
        manifest.unlink()
    assert wait_for(lambda: kubelet.pods() == [], seconds=60)
    # Its garbage collector, which removes sandboxes, comes once a minute.
    assert wait_for(lambda: listed(address, "ListPodSandbox") + listed(address, "ListContainers") == b"", seconds=150)
    assert list((kubelet.folder / "root/pods").iterdir()) == []

    log = kubelet.log()
    assert f'Using cgroup driver setting received from the CRI runtime" cgroupDriver="{driver}"' in log
    complaints = [line for line in log.splitlines() if re.match(r"[EWF]\d{4} ", line)]
    assert [line for line in complaints if not any(words in line for words in EXPECTED_COMPLAINTS)] == []
