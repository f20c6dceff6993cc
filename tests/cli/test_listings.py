"""`kubesim profiles` and `kubesim images ls`."""

import json
from pathlib import Path

import pytest

from kubesim.cli import main
from kubesim.runtime.profiles import profile_names


def out(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    code = main(list(arguments))
    captured = capsys.readouterr()

    assert (code, captured.err) == (0, "")
    return captured.out


def test_all_profiles(capsys: pytest.CaptureFixture[str]) -> None:
    lines = out(capsys, "profiles").splitlines()

    assert lines[0].split() == ["NAME", "RUNTIME", "VERSION", "CRI", "API", "PATCH", "LEVELS"]
    assert [line.split()[0] for line in lines[1:]] == list(profile_names())
    found = json.loads(out(capsys, "profiles", "-o", "json"))
    assert [row["name"] for row in found] == list(profile_names())
    assert found[5] == {
        "name": "containerd-2.3",
        "runtime": "containerd",
        "version": "v2.3.4",
        "criApi": "0.36",
        "patches": "containerd-2.3.0 to containerd-2.3.4",
    }


def test_one_profile_gives_a_reason_for_every_switch(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(out(capsys, "profiles", "containerd-1.7", "-o", "json"))
    by_key = {row["key"]: row for row in found}

    assert [row["key"] for row in found if not row["why"] and not row["key"].startswith("deviation ")] == []
    assert by_key["runtimeName"]["value"] == "containerd"
    assert by_key["runtimeVersion"]["value"].startswith("v1.7.")
    lines = out(capsys, "profiles", "containerd-1.7").splitlines()
    assert [line.split("  ")[0] for line in lines if not line.startswith(" ")] == ["SWITCH", *by_key]
    assert max(line.index(by_key["texts"]["why"]) for line in lines if line.startswith("texts ")) < 120


def test_images(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(
        "apiVersion: kubesim/v1\nkind: Image\nmetadata: {name: example.com/own:1}\nspec: {user: '7'}\n"
    )
    lines = out(capsys, "images", "ls", "--images", str(tmp_path / "own.yaml")).splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines}

    assert rows["REFERENCE"] == ["ID", "USER", "BYTES", "SOURCE", "PRESENT"]
    assert rows["registry.k8s.io/e2e-test-images/agnhost:2.45"][-1] == "no"
    assert rows["registry.k8s.io/pause:3.10"][-1] == "yes"
    assert rows["example.com/own:1"][1] == "7"
    found = json.loads(out(capsys, "images", "ls", "-o", "json"))
    assert {name for row in found for name in row["references"]} == set(rows) - {"REFERENCE", "example.com/own:1"}
    assert all(row["id"].startswith("sha256:") and row["digest"].startswith("sha256:") for row in found)
