"""`kubesim run`: the pod engine on manifests in virtual time."""

import json
from pathlib import Path

import pytest

import kubesim
from kubesim.cli import main

PODS = Path(__file__).parents[2] / "fixtures" / "pods"
IMPLICIT = str(PODS / "implicit-groups.yaml")
STRICT = str(PODS / "strict-supplementalgroups-policy.yaml")
VOLUME = str(PODS / "image-volume.yaml")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The output of a run that succeeds and says nothing else."""
    code = main(["run", *arguments])
    captured = capsys.readouterr()

    assert (code, captured.err) == (0, "")
    return captured.out


def test_the_table_has_a_row_for_each_container(capsys: pytest.CaptureFixture[str]) -> None:
    lines = run(capsys, STRICT, VOLUME, "--for", "5s").splitlines()

    assert [line.split() for line in lines[:3]] == [
        ["POD", "PHASE", "REASON", "CONTAINER", "STATE", "READY", "RESTARTS", "UID", "GID", "GROUPS"],
        ["strict-supplementalgroups-policy", "Running", "-", "ctr", "running", "yes", "0", "1000", "3000", "3000,4000"],
        ["pod", "Running", "-", "test", "running", "yes", "0", "0", "0", "0,2,10"],
    ]


def test_a_pod_that_waits_for_its_scheduling_gates(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "pod.yaml"
    spec = "{schedulingGates: [{name: example.com/a}], containers: [{name: a, image: a}]}"
    path.write_text(f"{{apiVersion: v1, kind: Pod, metadata: {{name: web}}, spec: {spec}}}\n")
    row = run(capsys, str(path), "--for", "5s").splitlines()[1].split()

    assert row == ["web", "Pending", "SchedulingGated", *["-"] * 7]


def test_version_profile_and_cgroup_driver_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, IMPLICIT, "--for", "5s", "--profile", "cri-o-1.34", "--kubelet-version", "1.34")

    assert "node: Ready True (kubelet is posting ready status)" in out
    assert "kubelet 1.34, cri-o://1.34" in out
    assert ", profile cri-o-1.34, cgroup driver systemd" in out
    assert "supplementalGroupsPolicy: True" in out


def test_json_is_a_list_of_the_pods_and_then_the_node(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(run(capsys, IMPLICIT, VOLUME, "--for", "5s", "-o", "json"))

    assert (found["apiVersion"], found["kind"]) == ("v1", "List")
    assert [(one["kind"], one["metadata"]["name"]) for one in found["items"]] == [
        ("Pod", "implicit-groups"),
        ("Pod", "pod"),
        ("Node", "node-1"),
    ]
    assert found["items"][0]["status"]["containerStatuses"][0]["user"]["linux"] == {
        "uid": 1000,
        "gid": 3000,
        "supplementalGroups": [3000, 4000, 50000],
    }
    assert found["items"][2]["status"]["nodeInfo"]["kubeletVersion"] == "v1.36.0"


def test_on_windows_there_are_no_linux_identities(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(run(capsys, VOLUME, IMPLICIT, "--for", "5s", "--os", "windows", "-o", "json"))
    node = found["items"][-1]["status"]

    assert node["nodeInfo"]["operatingSystem"] == "windows"
    assert all("user" not in status for pod in found["items"][:2] for status in pod["status"]["containerStatuses"])
    lines = run(capsys, IMPLICIT, "--for", "5s", "--os", "windows").splitlines()
    assert lines[1].split()[-3:] == ["-", "-", "-"]


def test_strict_without_support_is_refused_since_1_33(capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, STRICT, "--for", "5s", "--profile", "containerd-1.7", "--kubelet-version", "1.33")

    assert out.splitlines()[1].split() == [
        "strict-supplementalgroups-policy", "Failed", "SupplementalGroupsPolicyNotSupported", *"-------",
    ]  # fmt: skip
    assert "kubelet 1.33, containerd://1.7." in out
    assert "profile containerd-1.7" in out
    assert "supplementalGroupsPolicy: not reported" in out


def test_strict_without_support_is_merged_in_silence_in_1_32(capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, STRICT, "--for", "5s", "--profile", "containerd-1.7", "--kubelet-version", "1.32")

    assert out.splitlines()[1].split()[:2] == ["strict-supplementalgroups-policy", "Running"]
    with kubesim.Node(profile="containerd-1.7", kubelet_version="1.32") as node:
        (key,) = node.apply(STRICT)
        node.advance("5s")
        assert node.exec(key, ["id"]).stdout == b"uid=1000 gid=3000 groups=3000,4000,50000\n"


def test_a_node_configuration_counts(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    config = tmp_path / "kubelet.yaml"
    config.write_text("apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmaxPods: 7\n")
    found = json.loads(run(capsys, IMPLICIT, "--for", "1s", "--node-config", str(config), "-o", "json"))

    assert found["items"][-1]["status"]["capacity"]["pods"] == "7"


@pytest.mark.parametrize("duration", ["0s", "1ms", "2h"])
def test_any_duration_will_do(duration: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "implicit-groups" in run(capsys, IMPLICIT, "--for", duration)
