"""critest: the groups of its specs that this runtime stands for, in the dialects, with the reason for each skip."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

GROUPS = (
    "Container runtime should support",
    "Idempotence",
    "Image Consistency",
    "Image Identifier Consistency",
    "Image Manager",
    "Image Volume",
    "PodSandbox runtime should support",
    "Runtime info",
)
LACKS = {
    "containerd-2.3": {
        "should return image digest in ContainerStatus mounts": "it does not fill image_ref of a mounted image",
    },
    "cri-o-1.36": {
        "should return image digest in ContainerStatus mounts": "it does not fill image_ref of a mounted image",
        "should reject Image Volume with Readonly set to false": "it mounts the image read-only and says nothing",
    },
    "ideal": {},
}
"""Specs that the real runtime of the profile has skipped as well, and what it lacks."""

WITH_METRICS = """\
apiVersion: kubesim/v1
kind: RuntimeProfile
metadata: {name: with-metrics}
spec:
  extends: cri-o-1.36
  changes:
    - why: included_pod_metrics names no group by default, so a CRI-O has to be told
      set: {statistics: {includedPodMetrics: [all]}}
"""


@pytest.mark.parametrize("profile", LACKS)
def test_the_groups_pass(serve: Callable[..., str], folder: Path, profile: str) -> None:
    path = os.environ.get("KUBESIM_CRITEST", "")
    if not path:
        pytest.skip("KUBESIM_CRITEST names no binary: the real program is optional")
    (folder / "with-metrics.yaml").write_text(WITH_METRICS)
    address = serve("--profile", str(folder / "with-metrics.yaml") if profile == "cri-o-1.36" else profile)
    report = folder / "report.json"
    command = [path, "--runtime-endpoint", address, "--image-endpoint", address, "--ginkgo.no-color"]
    command += ["--ginkgo.seed", "1", "--ginkgo.json-report", str(report), "--ginkgo.focus", "|".join(GROUPS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)

    specs = [spec for spec in json.loads(report.read_text())[0]["SpecReports"] if spec["LeafNodeType"] == "It"]
    assert names(specs, "failed") == set(), done.stdout[-6000:]
    assert names(specs, "skipped") == LACKS[profile].keys()
    assert sum(spec["State"] == "passed" for spec in specs) == 55 - len(LACKS[profile])
    assert done.returncode == 0


def names(specs: list[dict[str, Any]], state: str) -> set[str]:
    """The specs with a state; one that the focus leaves out counts as skipped too, but says no reason."""
    return {
        spec["LeafNodeText"]
        for spec in specs
        if spec["State"] == state and (state != "skipped" or spec.get("Failure", {}).get("Message"))
    }
