"""`kubesim run`: what its options change, and which of them exclude each other."""

import json
from pathlib import Path

import pytest
import yaml

from kubesim.cli import main

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: sleeper}
spec:
  securityContext: {runAsUser: 1000, runAsGroup: 3000}
  initContainers:
  - {name: first, image: "registry.k8s.io/e2e-test-images/busybox:1.29-2", command: ["true"]}
  containers:
  - {name: ctr, image: "registry.k8s.io/e2e-test-images/agnhost:2.45", command: [sleep, 1h]}
"""


@pytest.fixture
def pod(tmp_path: Path) -> str:
    path = tmp_path / "pod.yaml"
    path.write_text(POD)
    return str(path)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["run", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_init_containers_have_rows_too(pod: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = run(capsys, pod, "--for", "10s").splitlines()

    assert " ".join(lines[1].split()) == "sleeper Running - first terminated: Completed yes 0 1000 3000 3000"
    assert " ".join(lines[2].split()) == "sleeper Running - ctr running yes 0 1000 3000 3000,50000"


def test_yaml_holds_what_json_holds(pod: str, capsys: pytest.CaptureFixture[str]) -> None:
    as_json = json.loads(run(capsys, pod, "--for", "10s", "-o", "json"))
    as_yaml = yaml.safe_load(run(capsys, pod, "--for", "10s", "-o", "yaml"))

    assert as_yaml == as_json
    assert [item["kind"] for item in as_json["items"]] == ["Pod", "Node"]


def test_a_seed_is_the_source_of_all_ids(pod: str, capsys: pytest.CaptureFixture[str]) -> None:
    first, again, other = (run(capsys, pod, "-o", "json", "--seed", seed) for seed in ("4", "4", "5"))

    assert first == again
    assert first != other


def test_a_kubelet_that_registers_no_node_gives_pods_only(
    pod: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nregisterNode: false\n")
    found = json.loads(run(capsys, pod, "--for", "5s", "--node-config", str(config), "-o", "json"))

    assert [item["kind"] for item in found["items"]] == ["Pod"]


def test_the_runtimes_cgroup_driver_wins(pod: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ", cgroup driver systemd\n" in run(capsys, pod, "--for", "5s", "--cgroup-driver", "systemd")


@pytest.mark.parametrize("extra", [["--profile", "ideal"], ["--cgroup-driver", "systemd"], ["--images", "x"]])
def test_a_real_runtime_is_not_described(extra: list[str], pod: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", pod, "--cri", "unix:///nowhere.sock", *extra]) == 2

    assert f"{extra[0]} says what the emulated runtime is like, but --cri drives a real one" in capsys.readouterr().err
