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


def test_secrets_lie_beside_pods(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: login}\nstringData: {a: b}\n---\n"
    path = tmp_path / "pods.yaml"
    path.write_text(secret + POD.replace("spec:\n", "spec:\n  imagePullSecrets: [{name: login}]\n", 1))

    found = json.loads(run(capsys, str(path), "--for", "10s", "-o", "json"))

    assert [item["kind"] for item in found["items"]] == ["Pod", "Node"]
    assert found["items"][0]["status"]["phase"] == "Running"


def test_a_fix_of_the_kubelet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, config = tmp_path / "pod.yaml", tmp_path / "config.yaml"
    volumes = "  volumes: [{name: v, image: {reference: 'quay.io/crio/artifact:v1'}}]\n"
    mounts = ", volumeMounts: [{name: v, mountPath: /v}]}"
    path.write_text(POD.removesuffix("}\n") + mounts + "\n" + volumes)
    config.write_text(
        "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"
        "featureGates: {ImageVolumeWithDigest: true}\n"
    )
    options = (str(path), "--for", "10s", "-o", "json", "--profile", "ideal", "--node-config", str(config))

    def mount(*more: str) -> dict[str, object]:
        found = json.loads(run(capsys, *options, *more))["items"][0]["status"]["containerStatuses"][0]
        shown: dict[str, object] = found["volumeMounts"][0]
        return shown

    assert "volumeStatus" not in mount()
    assert "volumeStatus" in mount("--kubelet-fix", "kubernetes#142120")
    assert main(["run", *options, "--kubelet-fix", "kubernetes#1"]) == 2
    assert "unknown fix 'kubernetes#1' of the kubelet; known: kubernetes#142120" in capsys.readouterr().err


def test_the_size_of_the_machine(pod: str, capsys: pytest.CaptureFixture[str]) -> None:
    size = ("--capacity", "cpu=2", "--capacity", "pods=7")
    capacity = json.loads(run(capsys, pod, "--for", "5s", *size, "-o", "json"))["items"][-1]["status"]["capacity"]

    assert (capacity["cpu"], capacity["pods"], capacity["memory"]) == ("2", "7", "16Gi")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["cpu"], "--capacity cpu: there is no quantity; say RESOURCE=QUANTITY, such as cpu=2"),
        (["cpu=1", "cpu=2"], "--capacity cpu=2: cpu is given twice; say RESOURCE=QUANTITY"),
        (["gpu=1"], "--capacity gpu=1: there is no such resource of a machine; a machine has cpu, memory"),
        (["memory=0"], "--capacity memory=0: 0 is too little; give at least 1"),
        (["memory=lots"], '[-+]?[0-9]*)$\'; give a quantity: "8Gi"'),
        (
            ["cpu=2,memory=4Gi"],
            "--capacity cpu=2,memory=4Gi: several resources in one option; say --capacity cpu=2 --capacity memory=4Gi",
        ),
    ],
)
def test_what_is_no_size_of_a_machine(
    given: list[str], problem: str, pod: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [word for text in given for word in ("--capacity", text)]

    assert main(["run", pod, *options]) == 2
    assert problem in capsys.readouterr().err


def test_config_maps_lie_beside_pods(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config_map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n---\n"
    path = tmp_path / "pods.yaml"
    path.write_text(config_map + POD.replace("spec:\n", "spec:\n  volumes: [{name: v, configMap: {name: c}}]\n", 1))

    found = json.loads(run(capsys, str(path), "--for", "10s", "-o", "json"))

    assert found["items"][0]["status"]["phase"] == "Running"


STATIC = """\
apiVersion: v1
kind: Pod
metadata: {name: proxy, namespace: kube-system}
spec: {containers: [{name: a, image: "registry.k8s.io/e2e-test-images/busybox:1.29-2", command: [sleep, 1h]}]}
"""


@pytest.mark.parametrize("os", ["linux", "windows"])
def test_static_pods(pod: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], os: str) -> None:
    (tmp_path / "proxy.yaml").write_text(STATIC)
    static = ("--static", str(tmp_path / "proxy.yaml"))
    found = json.loads(run(capsys, pod, *static, "--for", "10s", "--os", os, "-o", "json"))["items"]

    names = [(one["metadata"]["name"], one["status"]["phase"]) for one in found if one["kind"] == "Pod"]
    assert ("proxy-node-1", "Running") in names
    assert len(names) == 2
    (mirror,) = [one for one in found if one["metadata"]["name"] == "proxy-node-1"]
    assert "kubernetes.io/config.mirror" in mirror["metadata"]["annotations"]


def test_static_pods_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "proxy.yaml").write_text(STATIC)
    config = tmp_path / "config.yaml"
    text = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"
    config.write_text(text + "staticPodPath: /pods\n")
    static = ("--static", str(tmp_path / "proxy.yaml"), "--for", "10s")

    assert "proxy-node-1  Running" in run(capsys, *static, "--node-config", str(config))
    config.write_text(text)
    assert main(["run", *static, "--node-config", str(config)]) == 2
    assert "set staticPodPath in its configuration" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ([], "there is no manifest; name files with pods, or give them to --static"),
        (["--static", "x.yaml", "--cri", "unix:///x"], "--static writes to the disk of an emulated machine, but --cri"),
        (["--static", "/gone.yaml"], "/gone.yaml: cannot be read: No such file or directory"),
    ],
)
def test_what_cannot_be_run(options: list[str], problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", *options]) == 2
    assert problem in capsys.readouterr().err
