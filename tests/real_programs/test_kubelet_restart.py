"""A real kubelet in standalone mode brings its static pods back after kill -9 of a runtime that kept its state."""

import contextlib
import json
import os
import subprocess
import sys
import time  # noqa: TID251 - a real process lives in real time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PODS = 10
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
cgroupDriver: cgroupfs
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


@contextlib.contextmanager
def kubelet_on(address: str, folder: Path) -> Iterator[int]:
    """A kubelet with PODS static pods; gives the port on which it shows them."""
    path = os.environ["KUBESIM_KUBELET"]
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


@contextlib.contextmanager
def served_state(folder: Path, profile: str) -> Iterator[subprocess.Popen[str]]:
    """A runtime on k.sock that keeps its state; it is killed in the end."""
    options = ["--cgroup-driver", "cgroupfs", "--profile", profile, "--state-dir", f"{folder}/state"]
    command = [sys.executable, "-m", "kubesim", "serve", "--socket", f"unix://{folder}/k.sock", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert "kubesim serves" in server.stdout.readline()
        try:
            yield server
        finally:
            server.kill()


@pytest.mark.parametrize(("profile", "reason"), [("containerd-2.3", "Unknown"), ("cri-o-1.36", "Error")])
def test_pods_come_back_after_the_runtime_was_killed(folder: Path, profile: str, reason: str) -> None:
    if not os.environ.get("KUBESIM_KUBELET"):
        pytest.skip("KUBESIM_KUBELET names no binary: the real program is optional")
    with contextlib.ExitStack() as held:
        with served_state(folder, profile):
            port = held.enter_context(kubelet_on(f"unix://{folder}/k.sock", folder))
            assert wait_for(lambda: len(running_pods(port)) == PODS, seconds=60)
        held.enter_context(served_state(folder, profile))

        def restarted() -> list[dict[str, Any]] | None:
            pods = running_pods(port)
            statuses = [pod["status"]["containerStatuses"][0] for pod in pods]
            is_done = len(pods) == PODS and all(it["restartCount"] == 1 and "running" in it["state"] for it in statuses)
            return statuses if is_done else None

        statuses = wait_for(restarted, seconds=60)
        assert statuses, (folder / "kubelet.log").read_text()[-4000:]
        ends = [it["lastState"]["terminated"] for it in statuses]
        assert {(end["exitCode"], end["reason"]) for end in ends} == {(255, reason)}
