"""A real kubelet in standalone mode with 110 static pods of every kind, in both dialects and with both drivers."""

import json
import os
import re
import subprocess
import time  # noqa: TID251 - a real process lives in real time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from kubesim.model.yaml_text import load_documents

CONFIGURATION = """\
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
staticPodPath: {folder}/manifests
fileCheckFrequency: 1s
registerNode: false
containerRuntimeEndpoint: {address}
imageServiceEndpoint: {address}
address: 127.0.0.1
port: {port}
readOnlyPort: {read_only_port}
healthzBindAddress: 127.0.0.1
healthzPort: {health_port}
authentication: {{anonymous: {{enabled: true}}, webhook: {{enabled: false}}}}
authorization: {{mode: AlwaysAllow}}
cgroupDriver: {driver}
cgroupsPerQOS: false
enforceNodeAllocatable: []
failSwapOn: false
failCgroupV1: false
oomScoreAdj: 0
makeIPTablesUtilChains: false
podLogsDir: {folder}/podlogs
volumePluginDir: {folder}/plugins
evictionHard: {{memory.available: 50Mi, nodefs.available: 1%, nodefs.inodesFree: 1%, imagefs.available: 1%}}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
serializeImagePulls: false
maxPods: 500
registryPullQPS: 0
eventRecordQPS: 0
"""
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


@dataclass
class Node:
    """A kubelet on a served runtime."""

    folder: Path
    address: str
    port: int

    def pods(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(get(f"http://127.0.0.1:{self.port + 1}/pods"))["items"] or []
        return found

    def running(self) -> list[dict[str, Any]]:
        return [pod for pod in self.pods() if pod["status"].get("phase") == "Running"]

    def settled(self) -> bool:
        """Whether every container is ready, but for those that crash, which have done so twice."""
        return all(
            status["restartCount"] >= 2 if kind_of(pod) == "crash" else status["ready"]
            for pod in self.running()
            for status in pod["status"]["containerStatuses"]
        )

    def listed(self, method: str) -> bytes:
        """The answer of a list of the runtime as it is on the wire: nothing when the list is empty."""
        with grpc.insecure_channel(self.address) as channel:
            answer: bytes = channel.unary_unary(f"/runtime.v1.RuntimeService/{method}")(b"", timeout=5)
            return answer

    def log(self) -> str:
        return (self.folder / "kubelet.log").read_text()


def kind_of(pod: dict[str, Any]) -> str:
    name: str = pod["metadata"]["name"]
    return name.partition("-")[0]


@pytest.fixture
def start_node(serve: Callable[..., str], folder: Path) -> Iterator[Callable[[str, str], Node]]:
    """Starts a kubelet on a runtime of a profile with a cgroup driver, and with all static pods."""
    path = os.environ.get("KUBESIM_KUBELET", "")
    if not path:
        pytest.skip("KUBESIM_KUBELET names no binary: the real program is optional")
    kubelets: list[subprocess.Popen[bytes]] = []

    def start(profile: str, driver: str) -> Node:
        address = serve("--profile", profile, "--cgroup-driver", driver)
        port = 20_000 + os.getpid() % 10_000 * 3
        (folder / "manifests").mkdir()
        for name, manifest in static_pods().items():
            (folder / "manifests" / f"{name}.json").write_text(json.dumps(manifest))
        text = CONFIGURATION.format(
            folder=folder, address=address, driver=driver, port=port, read_only_port=port + 1, health_port=port + 2
        )
        (folder / "config.yaml").write_text(text)
        folders = ["--root-dir", f"{folder}/root", "--cert-dir", f"{folder}/pki"]
        with (folder / "kubelet.log").open("w") as log:
            kubelets.append(
                subprocess.Popen([path, "--config", f"{folder}/config.yaml", *folders], stdout=log, stderr=log)
            )
        return Node(folder, address, port)

    yield start
    for kubelet in kubelets:
        kubelet.terminate()
        kubelet.wait(timeout=20)
        # A kubelet mounts its root directory onto itself.
        subprocess.run(["umount", "-R", f"{folder}/root"], check=False, capture_output=True)


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as answer:
        content: bytes = answer.read()
        return content


def wait_for(condition: Callable[[], Any], *, seconds: float) -> Any:
    """Ask until there is an answer; a real process has no virtual time."""
    end = time.monotonic() + seconds
    while True:
        try:
            found = condition()
        except OSError:
            found = None
        if found or time.monotonic() > end:
            return found
        time.sleep(0.2)


@pytest.mark.parametrize(("profile", "driver"), [("containerd-2.3", "systemd"), ("cri-o-1.36", "cgroupfs")])
def test_110_static_pods_from_manifest_to_removal(
    start_node: Callable[[str, str], Node], profile: str, driver: str
) -> None:
    node = start_node(profile, driver)
    count = len(static_pods())

    assert wait_for(lambda: len(node.running()) == count and node.settled(), seconds=60), node.log()[-4000:]
    assert get(f"http://127.0.0.1:{node.port + 2}/healthz") == b"ok"
    pods = node.pods()
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

    for manifest in (node.folder / "manifests").iterdir():
        manifest.unlink()
    assert wait_for(lambda: node.pods() == [], seconds=60)
    # Its garbage collector, which removes sandboxes, comes once a minute.
    assert wait_for(lambda: node.listed("ListPodSandbox") + node.listed("ListContainers") == b"", seconds=150)
    assert list((node.folder / "root/pods").iterdir()) == []

    log = node.log()
    assert f'Using cgroup driver setting received from the CRI runtime" cgroupDriver="{driver}"' in log
    complaints = [line for line in log.splitlines() if re.match(r"[EWF]\d{4} ", line)]
    assert [line for line in complaints if not any(words in line for words in EXPECTED_COMPLAINTS)] == []
