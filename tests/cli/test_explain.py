"""`kubesim explain identity`: the answer, one row per decision, and what Strict would change."""

import json
from pathlib import Path

import pytest

from kubesim.cli import main

PODS = Path(__file__).parents[2] / "fixtures" / "pods"
AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.45"


def explain(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["explain", "identity", *arguments]) == 0
    return capsys.readouterr().out


def test_the_table_says_where_each_group_comes_from(capsys: pytest.CaptureFixture[str]) -> None:
    out = explain(capsys, str(PODS / "implicit-groups.yaml"))

    assert out.splitlines()[:2] == [
        f"default/implicit-groups container ctr, image {AGNHOST}, containerd-2.3, policy Merge",
        "uid=1000 gid=3000 groups=3000,4000,50000",
    ]
    (row,) = [line for line in out.splitlines() if line.startswith("added") and "50000" in line]
    assert "/etc/group:" in row
    assert out.splitlines()[-2:] == ["not in the manifest: 50000", "Strict would remove: 50000"]


def test_an_image_and_options_instead_of_a_manifest(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--image", AGNHOST, "--run-as-user", "1000", "--run-as-group", "3000", "--supplemental-groups", "4000"]
    manifest = json.loads(explain(capsys, str(PODS / "implicit-groups.yaml"), "-o", "json"))[0]
    found = json.loads(explain(capsys, *options, "-o", "json"))[0]

    for name in (
        "uid",
        "gid",
        "supplementalGroups",
        "notInManifest",
        "strictWouldRemove",
        "trace",
        "policy",
        "profile",
    ):
        assert found[name] == manifest[name], name
    strict = json.loads(explain(capsys, *options, "--policy", "Strict", "-o", "json"))[0]
    assert (strict["policy"], strict["supplementalGroups"], strict["notInManifest"]) == ("Strict", [3000, 4000], [])


def test_json_has_the_trace(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = json.loads(explain(capsys, str(PODS / "implicit-groups.yaml"), "-o", "json", "--container", "ctr"))

    assert (found["uid"], found["gid"], found["supplementalGroups"]) == (1000, 3000, [3000, 4000, 50000])
    assert found["error"] is None
    assert [(one["file"], one["line"]) for one in found["trace"] if one["gid"] == 50000] == [("/etc/group", 2)]


def test_a_refusal_is_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    out = explain(capsys, "--image", "registry.k8s.io/e2e-test-images/busybox:1.29-2", "--run-as-user", "0")
    assert "uid=0" in out

    nobody = json.loads(
        explain(capsys, "--image", AGNHOST, "--run-as-user", "77", "--profile", "cri-o-1.36", "-o", "json")
    )
    assert (nobody[0]["uid"], nobody[0]["profile"]) == (77, "cri-o-1.36")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "nothing to explain; give POD.yaml or --image REFERENCE"),
        ([str(PODS / "implicit-groups.yaml"), "--image", "x"], "a manifest says image and security context itself"),
        (
            [str(PODS / "implicit-groups.yaml"), "--run-as-user", "1"],
            "a manifest says image and security context itself",
        ),
        ([str(PODS / "implicit-groups.yaml"), "--container", "x"], 'no container "x"; containers: ctr'),
        (["--image", "example.com/x"], "example.com/x: no fixture holds this image; give it with --images"),
        (["--image", AGNHOST, "--profile", "docker"], "unknown profile 'docker'"),
        (["--image", AGNHOST, "--run-as-user", "-1"], "runAsUser"),
    ],
)
def test_wrong_arguments(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "identity", *arguments]) == 2

    assert text in capsys.readouterr().err
