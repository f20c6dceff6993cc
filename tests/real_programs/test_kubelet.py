"""A real kubelet in standalone mode: healthy, follows the runtime's cgroup driver, and its static pods run."""

import json
import os
import subprocess
import time  # noqa: TID251 - a real process lives in real time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PODS = 20
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
cgroupDriver: systemd
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
registryPullQPS: 0
eventRecordQPS: 0
"""
POD = """\
apiVersion: v1
kind: Pod
metadata: {{name: p{number}, namespace: default}}
spec:
  securityContext: {{runAsUser: 1000, runAsGroup: 3000, supplementalGroups: [4000]}}
  containers:
  - name: ctr
    image: registry.k8s.io/e2e-test-images/agnhost:2.45
    command: [sh, -c, sleep 1h]
"""


@pytest.fixture
def read_only_port(serve: Callable[..., str], folder: Path) -> Iterator[int]:
    """A kubelet with PODS static pods; gives the port on which it shows them."""
    path = os.environ.get("KUBESIM_KUBELET", "")
    if not path:
        pytest.skip("KUBESIM_KUBELET names no binary: the real program is optional")
    address = serve("--cgroup-driver", "cgroupfs")
    base = 20_000 + os.getpid() % 10_000 * 3
    (folder / "manifests").mkdir()
    for number in range(PODS):
        (folder / "manifests" / f"p{number}.yaml").write_text(POD.format(number=number))
    (folder / "config.yaml").write_text(
        CONFIGURATION.format(folder=folder, address=address, port=base, read_only_port=base + 1, health_port=base + 2)
    )
    with (folder / "kubelet.log").open("w") as log:
        arguments = ["--config", f"{folder}/config.yaml", "--root-dir", f"{folder}/root", "--cert-dir", f"{folder}/pki"]
        kubelet = subprocess.Popen([path, *arguments], stdout=log, stderr=log)
        try:
            yield base + 1
        finally:
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


def running_pods(port: int) -> list[dict[str, Any]]:
    pods = json.loads(get(f"http://127.0.0.1:{port}/pods"))["items"] or []
    return [pod for pod in pods if pod["status"].get("phase") == "Running"]


def test_static_pods_run_with_their_identity(read_only_port: int, folder: Path) -> None:
    pods = wait_for(lambda: len(running_pods(read_only_port)) == PODS and running_pods(read_only_port), seconds=60)

    assert pods, (folder / "kubelet.log").read_text()[-4000:]
    users = [pod["status"]["containerStatuses"][0]["user"]["linux"] for pod in pods]
    assert users == [{"uid": 1000, "gid": 3000, "supplementalGroups": [3000, 4000, 50000]}] * PODS
    assert get(f"http://127.0.0.1:{read_only_port + 1}/healthz") == b"ok"
    log = (folder / "kubelet.log").read_text()
    assert 'Using cgroup driver setting received from the CRI runtime" cgroupDriver="cgroupfs"' in log
