"""A real kubelet in standalone mode brings its static pods back after kill -9 of a runtime that kept its state."""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PODS = 10
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "spec": {
        "securityContext": {"runAsUser": 1000, "runAsGroup": 3000, "supplementalGroups": [4000]},
        "containers": [
            {
                "name": "ctr",
                "image": "registry.k8s.io/e2e-test-images/agnhost:2.45",
                "command": ["sh", "-c", "sleep 1h"],
            }
        ],
    },
}


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
def test_pods_come_back_after_the_runtime_was_killed(
    start_kubelet: Callable[..., Any], wait_for: Callable[..., Any], folder: Path, profile: str, reason: str
) -> None:
    names = [f"p{number}" for number in range(PODS)]
    manifests = {name: POD | {"metadata": {"name": name, "namespace": "default"}} for name in names}
    with served_state(folder, profile):
        kubelet = start_kubelet(f"unix://{folder}/k.sock", manifests, driver="cgroupfs")
        assert wait_for(lambda: len(kubelet.running()) == PODS, seconds=60), kubelet.log()[-4000:]

    def restarted() -> list[dict[str, Any]] | None:
        pods = kubelet.running()
        statuses = [pod["status"]["containerStatuses"][0] for pod in pods]
        is_done = len(pods) == PODS and all(it["restartCount"] == 1 and "running" in it["state"] for it in statuses)
        return statuses if is_done else None

    with served_state(folder, profile):
        statuses = wait_for(restarted, seconds=60)
        assert statuses, kubelet.log()[-4000:]
        ends = [it["lastState"]["terminated"] for it in statuses]
        assert {(end["exitCode"], end["reason"]) for end in ends} == {(255, reason)}
