"""crictl, every subcommand that this runtime serves."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-2"
SCRIPT = "echo hello; echo oops >&2; trap 'exit 3' TERM; while true; do sleep 1; done"


class Crictl:
    """Runs crictl against one socket."""

    def __init__(self, path: str, address: str) -> None:
        self._command = [path, "-r", address, "-i", address, "-t", "20s"]

    def run(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run([*self._command, *arguments], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    def json(self, *arguments: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.run(*arguments))
        return found


@pytest.fixture
def crictl(serve: Callable[..., str]) -> Crictl:
    path = os.environ.get("KUBESIM_CRICTL", "")
    if not path:
        pytest.skip("KUBESIM_CRICTL names no binary: the real program is optional")
    return Crictl(path, serve("--cgroup-driver", "systemd"))


def test_version_info_and_driver(crictl: Crictl) -> None:
    assert "RuntimeName:  containerd" in crictl.run("version")
    info = crictl.json("info")
    assert {"status", "features", "config"} <= info.keys()
    assert "SYSTEMD" in crictl.run("runtime-config").upper()
    assert "imageFilesystems" in crictl.run("imagefsinfo")


def test_images_from_pull_to_removal(crictl: Crictl) -> None:
    assert "Image is up to date for sha256:" in crictl.run("pull", BUSYBOX)
    assert "1.29-2" in crictl.run("images")
    assert json.loads(crictl.run("inspecti", BUSYBOX))["status"]["repoTags"] == [BUSYBOX]
    crictl.run("rmi", BUSYBOX)
    assert "1.29-2" not in crictl.run("images")
    assert "not found" in crictl.run("pull", "registry.example/none:1", code=1)


def test_a_pod_from_runp_to_rmp(crictl: Crictl, folder: Path) -> None:
    pod = {
        "metadata": {"name": "p1", "namespace": "default", "uid": "u1", "attempt": 0},
        "log_directory": str(folder / "logs"),
        "linux": {"cgroup_parent": "/test.slice", "security_context": {"namespace_options": {"pid": 1}}},
    }
    container = {
        "metadata": {"name": "c1"},
        "image": {"image": BUSYBOX},
        "command": ["sh", "-c", SCRIPT],
        "log_path": "c1/0.log",
        "linux": {"security_context": {"run_as_user": {"value": 1000}, "run_as_group": {"value": 3000}}},
    }
    (folder / "pod.json").write_text(json.dumps(pod))
    (folder / "container.json").write_text(json.dumps(container))
    crictl.run("pull", BUSYBOX)
    pod_id = crictl.run("runp", str(folder / "pod.json")).strip()
    assert pod_id[:13] in crictl.run("pods")
    container_id = crictl.run("create", pod_id, str(folder / "container.json"), str(folder / "pod.json")).strip()
    crictl.run("start", container_id)
    assert container_id[:13] in crictl.run("ps")
    inspected = json.loads(crictl.run("inspect", container_id))
    assert inspected["status"]["user"]["linux"] == {"uid": "1000", "gid": "3000", "supplementalGroups": ["3000"]}
    assert json.loads(crictl.run("inspectp", pod_id))["status"]["state"] == "SANDBOX_READY"

    assert crictl.run("exec", "--sync", container_id, "id").startswith("uid=1000 gid=3000")
    assert "exited with 1" in crictl.run("exec", "--sync", container_id, "false", code=1)
    assert "executable file not found in $PATH" in crictl.run("exec", "--sync", container_id, "nothing", code=1)
    assert "timed out" in crictl.run("exec", "--sync", "--timeout", "1", container_id, "sleep", "10", code=1)
    assert crictl.run("logs", container_id) == "hello\n"
    assert "c1" in crictl.run("stats")
    assert "is running, please stop it first" in crictl.run("rm", container_id, code=1)

    crictl.run("stop", "-t", "5", container_id)
    assert json.loads(crictl.run("inspect", container_id))["status"]["exitCode"] == 3
    assert container_id[:13] in crictl.run("ps", "-a")
    crictl.run("rm", container_id)
    crictl.run("stopp", pod_id)
    crictl.run("rmp", pod_id)
    assert pod_id[:13] not in crictl.run("pods")
    assert "NotFound" in crictl.run("inspect", container_id, code=1)
