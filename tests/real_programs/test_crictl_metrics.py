"""crictl, the subcommands about pod metrics, with a pod that runs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-2"
LIMITS = {"memory_limit_in_bytes": 64 << 20, "cpu_period": 100_000, "cpu_quota": 20_000, "cpu_shares": 1024}
CRIO = """
apiVersion: kubesim/v1
kind: RuntimeProfile
metadata: {name: mine}
spec:
  extends: cri-o-1.36
  changes:
    - {why: the node is told to, set: {statistics: {includedPodMetrics: [all]}}}
"""


@pytest.fixture(params=["containerd-2.3", "a CRI-O of the user's own", "ideal"])
def crictl(serve: Callable[..., str], folder: Path, request: pytest.FixtureRequest) -> Callable[..., str]:
    """Runs crictl against a runtime that has pod metrics; gives what it prints."""
    path = os.environ.get("KUBESIM_CRICTL", "")
    if not path:
        pytest.skip("KUBESIM_CRICTL names no binary: the real program is optional")
    profile = request.param
    if "own" in profile:
        profile = str(folder / "mine.yaml")
        Path(profile).write_text(CRIO)
    address = serve("--profile", profile)

    def run(*arguments: str) -> str:
        command = [path, "-r", address, "-i", address, "-t", "20s", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    return run


def test_what_is_described_is_there(crictl: Callable[..., str], folder: Path) -> None:
    pod = {"metadata": {"name": "p1", "namespace": "default", "uid": "u1"}, "linux": {}}
    container = {
        "metadata": {"name": "c1"},
        "image": {"image": BUSYBOX},
        "command": ["top"],
        "linux": {"resources": LIMITS},
    }
    (folder / "pod.json").write_text(json.dumps(pod))
    (folder / "container.json").write_text(json.dumps(container))
    container_id = crictl("run", str(folder / "container.json"), str(folder / "pod.json")).strip()
    script = "mkdir -p /var/lib/t && for i in $(seq 1 10); do echo hi >> /var/lib/t/$i; done"
    crictl("exec", "--sync", container_id, "sh", "-c", script)

    described: dict[str, Any] = {row["name"]: row for row in json.loads(crictl("metricdescs"))["descriptors"]}
    (metrics,) = json.loads(crictl("metricsp"))["podMetrics"]

    (own,) = metrics["containerMetrics"]
    assert own["containerId"] == container_id
    samples = [*metrics["metrics"], *own["metrics"]]
    assert {sample["name"] for sample in samples} == described.keys()
    for sample in samples:
        assert len(sample["labelValues"]) == len(described[sample["name"]]["labelKeys"])
    used = next(sample for sample in samples if sample["name"] == "container_fs_usage_bytes")
    assert int(used["value"]["value"]) >= 11 * 4096
