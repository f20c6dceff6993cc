"""`kubesim profiles`, `kubesim images ls`, `kubesim explain identity`, and the frame around all commands."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

import kubesim
from kubesim.cli import main, progress
from kubesim.runtime.profiles import profile_names

PODS = Path(__file__).parents[2] / "fixtures" / "pods"
IMPLICIT = str(PODS / "implicit-groups.yaml")


def out(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    code = main(list(arguments))
    captured = capsys.readouterr()

    assert (code, captured.err) == (0, "")
    return captured.out


def test_all_profiles(capsys: pytest.CaptureFixture[str]) -> None:
    lines = out(capsys, "profiles").splitlines()

    assert lines[0].split() == ["NAME", "RUNTIME", "VERSION", "PATCH", "LEVELS"]
    assert [line.split()[0] for line in lines[1:]] == list(profile_names())
    found = json.loads(out(capsys, "profiles", "-o", "json"))
    assert [row["name"] for row in found] == list(profile_names())
    assert {"name", "runtime", "version", "patches"} == set(found[0])


def test_one_profile_gives_a_reason_for_every_switch(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(out(capsys, "profiles", "containerd-1.7", "-o", "json"))
    by_key = {row["key"]: row for row in found}

    assert [row["key"] for row in found if not row["why"] and not row["key"].startswith("deviation ")] == []
    assert by_key["runtimeName"]["value"] == "containerd"
    assert by_key["runtimeVersion"]["value"].startswith("v1.7.")
    lines = out(capsys, "profiles", "containerd-1.7").splitlines()
    assert [line.split("  ")[0] for line in lines if not line.startswith(" ")] == ["SWITCH", *by_key]
    assert max(line.index(by_key["family"]["why"]) for line in lines if line.startswith("family ")) < 120


def test_images(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(
        "apiVersion: kubesim/v1\nkind: Image\nmetadata: {name: example.com/own:1}\nspec: {user: '7'}\n"
    )
    lines = out(capsys, "images", "ls", "--images", str(tmp_path / "own.yaml")).splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines}

    assert rows["REFERENCE"] == ["ID", "USER", "BYTES", "PRESENT"]
    assert rows["registry.k8s.io/e2e-test-images/agnhost:2.45"][-1] == "no"
    assert rows["registry.k8s.io/pause:3.10"][-1] == "yes"
    assert rows["example.com/own:1"][1] == "7"
    found = json.loads(out(capsys, "images", "ls", "-o", "json"))
    assert {name for row in found for name in row["references"]} == set(rows) - {"REFERENCE", "example.com/own:1"}
    assert all(row["id"].startswith("sha256:") and row["digest"].startswith("sha256:") for row in found)


def test_explain_identity(capsys: pytest.CaptureFixture[str]) -> None:
    lines = out(capsys, "explain", "identity", IMPLICIT).splitlines()

    assert lines[0] == (
        "default/implicit-groups container ctr, image registry.k8s.io/e2e-test-images/agnhost:2.45, containerd-2.3, "
        "policy Merge"
    )
    assert lines[1] == "uid=1000 gid=3000 groups=3000,4000,50000"
    (row,) = (line.split() for line in lines if line.startswith("added") and " 50000 " in line)
    assert row[:3] == ["added", "50000", "/etc/group:2"]
    assert lines[-2:] == ["not in the manifest: 50000", "Strict would remove: 50000"]


def test_explain_identity_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = json.loads(out(capsys, "explain", "identity", IMPLICIT, "--profile", "cri-o-1.36", "-o", "json"))

    assert (found["uid"], found["gid"], found["profile"], found["policy"]) == (1000, 3000, "cri-o-1.36", "Merge")
    assert found["supplementalGroups"] == [3000, 50000, 4000]  # CRI-O keeps the order in which it found them
    assert (found["notInManifest"], found["strictWouldRemove"], found["error"]) == ([50000], [50000], None)
    assert [(step["file"], step["line"]) for step in found["trace"] if step["gid"] == 50000] == [("/etc/group", 2)]


def test_explain_a_refusal(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pod = tmp_path / "pod.yaml"
    pod.write_text(Path(IMPLICIT).read_text().replace("runAsUser: 1000", "runAsUser: 0\n    runAsNonRoot: true"))
    assert "runAsNonRoot" in pod.read_text()
    lines = out(capsys, "explain", "identity", str(pod)).splitlines()

    assert lines[1].startswith("refused: container's runAsUser breaks non-root policy")


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert out(capsys, "--version") == f"kubesim {kubesim.__version__}\n"


def test_without_a_command_the_help_is_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "usage: kubesim" in captured.err


@pytest.mark.parametrize(
    "arguments", [["profiles"], ["profiles", "ideal", "-o", "json"], ["images", "ls"], ["replay", "--schema"]]
)
def test_a_reader_that_goes_away_is_no_error(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "kubesim", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        stderr = process.stderr.read()

    assert (process.returncode, stderr) == (0, b"")


class Screen(io.StringIO):
    """A stderr that says whether it is a terminal."""

    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


@pytest.mark.parametrize(
    ("is_terminal", "patience_seconds", "shown"),
    [(True, 1000.0, ""), (False, 0.0, ""), (True, 0.0, "\rworking ...\r\033[K")],
)
def test_progress_is_shown_on_a_terminal_once_it_takes_long(
    is_terminal: bool, patience_seconds: float, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen(is_terminal=is_terminal)
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", patience_seconds)
    with progress.working("working"):
        while shown and not screen.getvalue():
            pass

    assert screen.getvalue() == shown
