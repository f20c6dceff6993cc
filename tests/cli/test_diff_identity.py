"""`kubesim diff-identity`: what an upgrade changes in a fleet."""

import json
from pathlib import Path

import pytest

from kubesim.cli import main

AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.45"
UPGRADE = ["--from", "containerd-2.0.3", "--to", "containerd-2.3"]

IMAGES = """\
apiVersion: kubesim/v1
kind: Image
metadata: {name: example.com/big:1}
spec:
  user: "4294967296"
  files: {/etc/passwd: "root:x:0:0:::", /etc/group: "root:x:0:"}
"""
PODS = f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: shop}}
spec:
  template:
    spec:
      securityContext: {{runAsUser: 1000}}
      containers:
        - {{name: web, image: "{AGNHOST}"}}
        - {{name: missing, image: "example.com/big:2"}}
---
{{apiVersion: v1, kind: Service, metadata: {{name: s}}}}
"""
CHANGED = """\
shop/web missing, image example.com/big:2 (pods/web.yaml:6:5): not compared
  example.com/big:2: no fixture holds this image; give it with --images; at hand: example.com/big:1

image example.com/big:1, no pod, as with no security context: refused from then on
  containerd-2.0.3  uid=0 gid=0 groups=0
  containerd-2.3    refused by the runtime (CreateContainerError): failed to create containerd container: invalid USER value "4294967296": uid out of range
  decided by identity.numericOverflow
    containerd-2.0.3  wraps: the uid was converted to 32 bits without a check (CVE-2024-40635, containerd-2.0)
    containerd-2.3    error: an id that is out of range is refused (CVE-2026-46680, containerd-1.7)

containerd-2.0.3 to containerd-2.3: compared 2: 1 equal, 1 different, refused 0 before and 1 after, not compared 1; 1 object of other kinds left alone
"""  # noqa: E501  as it is printed


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders of a small fleet."""
    for name, text in (("images/big.yaml", IMAGES), ("pods/web.yaml", PODS)):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return ["images/", "pods/"]


def test_what_an_upgrade_changes(fleet: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff-identity", *UPGRADE, *fleet]) == 0
    assert capsys.readouterr().out == CHANGED


def test_the_exit_code_is_asked_for(fleet: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff-identity", *UPGRADE, *fleet, "--exit-code"]) == 1
    same = ["diff-identity", "--from", "containerd-2.2", "--to", "containerd-2.3", "images/", "--exit-code"]
    assert main(same) == 0
    last = capsys.readouterr().out.splitlines()[-1].removeprefix("containerd-2.2 to containerd-2.3: ")
    assert last == "compared 1: 1 equal, 0 different, refused 1 before and 1 after, not compared 0"


def test_containers_that_do_not_change_are_listed_when_asked_for(
    fleet: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff-identity", "--from", "containerd-2.3", "--to", "cri-o-1.36", "pods", "--all"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        f"shop/web web, image {AGNHOST} (pods/web.yaml:6:5): the same",
        "  containerd-2.3  uid=1000 gid=1000 groups=1000,50000",
        "  cri-o-1.36      uid=1000 gid=1000 groups=1000,50000",
    ]


def test_the_same_groups_in_another_order_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "pod.yaml"
    file.write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
        f"spec: {{securityContext: {{runAsUser: 1000, fsGroup: 7}}, containers: [{{name: c, image: '{AGNHOST}'}}]}}\n"
    )
    profiles = ["--from", "containerd-2.3", "--to", "cri-o-1.36"]

    assert main(["diff-identity", *profiles, str(file), "--all", "--exit-code"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith(": the same groups in another order")
    assert lines[-1].startswith(
        "containerd-2.3 to cri-o-1.36: compared 1: 1 equal (1 with the groups in another order), "
    )


def test_json_for_programs(fleet: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff-identity", *UPGRADE, *fleet, "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)

    assert (found["from"], found["to"]) == ("containerd-2.0.3", "containerd-2.3")
    assert found["summary"] == {
        "compared": 2,
        "equal": 1,
        "reordered": 0,
        "different": 1,
        "refusedBefore": 0,
        "refusedAfter": 1,
        "failing": 1,
        "otherObjects": 1,
    }
    missing, alone = found["containers"]
    assert (missing["pod"], missing["container"], missing["comparison"]) == ("shop/web", "missing", None)
    assert missing["problem"].startswith("example.com/big:2: no fixture holds this image")
    assert (alone["pod"], alone["where"], alone["problem"]) == (None, None, None)
    assert alone["comparison"]["change"] == "refused"
    assert alone["comparison"]["after"]["refusal"]["by"] == "runtime"
    assert [one["key"] for one in alone["comparison"]["switches"]] == ["identity.numericOverflow"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([*UPGRADE, "nowhere"], "nowhere: no such file or folder; name manifests and image fixtures"),
        (["--from", "docker", "--to", "containerd-2.3", "pods"], "--from: unknown profile 'docker'"),
        (["--from", "containerd-2.3", "--to", "docker", "pods"], "--to: unknown profile 'docker'"),
        ([*UPGRADE, "pods", "--kubelet-version", "9"], "--kubelet-version: "),
    ],
)
def test_wrong_arguments(arguments: list[str], text: str, fleet: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff-identity", *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"kubesim: {text}")
