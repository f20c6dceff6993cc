"""critest: all of its specs that a machine without AppArmor and SELinux can run, in the dialects, with every reason."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

LEFT_OUT = {
    "AppArmor": "it loads profiles into the node's kernel by sudo apparmor_parser",
    "NRI": "it needs a socket for plugins, which kubesim does not serve",
    "SELinux": "its specs are there only on a node that has it",
}
SPECS = 115
"""How many are left; benchmarks are specs too and never run without being asked for."""

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

NO_ID_MAPPED_MOUNTS = "ID mapping is not supported with path"
"""A spec says so when a folder of the node, which the runtime names as its own, is missing or cannot be id-mapped."""

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
def test_the_specs_pass(serve: Callable[..., str], folder: Path, profile: str) -> None:
    path = os.environ.get("KUBESIM_CRITEST", "")
    if not path:
        pytest.skip("KUBESIM_CRITEST names no binary: the real program is optional")
    (folder / "with-metrics.yaml").write_text(WITH_METRICS)
    address = serve("--profile", str(folder / "with-metrics.yaml") if profile == "cri-o-1.36" else profile)
    report = folder / "report.json"
    command = [path, "--runtime-endpoint", address, "--image-endpoint", address, "--ginkgo.no-color"]
    command += ["--ginkgo.seed", "1", "--ginkgo.json-report", str(report), "--ginkgo.skip", "|".join(LEFT_OUT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)

    specs = [spec for spec in json.loads(report.read_text())[0]["SpecReports"] if spec["LeafNodeType"] == "It"]
    failed, skipped = in_state(specs, "failed"), in_state(specs, "skipped")
    by_machine = {name for name, message in skipped.items() if message.startswith(NO_ID_MAPPED_MOUNTS)}
    assert failed == {}, done.stdout[-6000:]
    assert skipped.keys() - by_machine == LACKS[profile].keys()
    assert by_machine <= {"runtime should support NamespaceMode_POD"}
    passed = sum(spec["State"] == "passed" for spec in specs)
    assert passed == SPECS - len(LACKS[profile]) - len(by_machine)


def in_state(specs: list[dict[str, Any]], state: str) -> dict[str, str]:
    """The specs with a state and why; one that is left out counts as skipped too, but says no reason."""
    found = {
        spec["LeafNodeText"]: spec.get("Failure", {}).get("Message", "") for spec in specs if spec["State"] == state
    }
    return {name: message for name, message in found.items() if message}


@pytest.mark.parametrize(
    ("profile", "focus", "states"),
    [
        ("ideal", "Streaming", ["passed"] * 5),
        # Each of these takes a minute to give up.
        ("containerd-2.3", "exec with tty=false", ["failed"]),
        ("cri-o-1.36", "exec with tty=false", ["failed"]),
    ],
)
def test_streams_over_websockets_where_the_runtime_offers_them(
    serve: Callable[..., str], folder: Path, profile: str, focus: str, states: list[str]
) -> None:
    path = os.environ.get("KUBESIM_CRITEST", "")
    if not path:
        pytest.skip("KUBESIM_CRITEST names no binary: the real program is optional")
    address, report = serve("--profile", profile), folder / "report.json"
    command = [path, "--runtime-endpoint", address, "--image-endpoint", address, "--ginkgo.focus", focus]
    command += ["--websocket-exec", "--websocket-attach", "--websocket-portforward"]
    command += ["--ginkgo.no-color", "--ginkgo.json-report", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    specs = [spec for spec in json.loads(report.read_text())[0]["SpecReports"] if spec["LeafNodeType"] == "It"]
    assert [spec["State"] for spec in specs if spec["State"] != "skipped"] == states, done.stdout[-6000:]
    for reason in in_state(specs, "failed").values():
        assert "websocket: bad handshake (403 Forbidden)" in reason
