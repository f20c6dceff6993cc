"""What `kubesim run --cri` takes from the real machine under it, and leaves on it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kubesim.cli.entry import main

if TYPE_CHECKING:
    Serve = Callable[..., Any]

UNPRIVILEGED = """
apiVersion: v1
kind: Pod
metadata: {name: last-words}
spec:
  restartPolicy: Never
  securityContext: {runAsUser: 1000}
  containers:
    - name: app
      image: registry.k8s.io/e2e-test-images/agnhost:2.45
      command: [sh, -c, echo farewell > /dev/termination-log]
"""


def run(folder: Path, address: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The status of the pod after two seconds over the socket."""
    (folder / "pod.yaml").write_text(UNPRIVILEGED)
    assert main(["run", str(folder / "pod.yaml"), "--cri", address, "--for", "2s", "-o", "json"]) == 0
    status: dict[str, Any] = json.loads(capsys.readouterr().out)["items"][0]["status"]
    return status


def test_a_container_of_any_user_writes_its_termination_message(
    serve: "Serve", folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file is on a real disk, where this process's umask takes bits away from new files."""
    status = run(folder, serve().address, capsys)

    assert status["phase"] == "Succeeded"
    assert status["containerStatuses"][0]["state"]["terminated"]["message"] == "farewell\n"


@pytest.mark.parametrize(("mark", "has_unified"), [("cgroup.controllers", True), ("absent", False)])
def test_containers_are_asked_for_with_the_machine_s_version_of_control_groups(
    mark: str,
    has_unified: bool,
    serve: "Serve",
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """runc on a machine of version 1 fails each container that has settings of version 2."""
    (folder / "cgroup.controllers").touch()
    monkeypatch.setattr("kubesim.cli.run.CGROUP2_MARK", str(folder / mark))
    run(folder, serve("--journal", "calls.jsonl").address, capsys)

    calls = [json.loads(line) for line in (folder / "calls.jsonl").read_text().splitlines()]
    (asked,) = (one["request"]["config"] for one in calls if one["method"] == "CreateContainer")
    assert ("unified" in asked["linux"]["resources"]) is has_unified
