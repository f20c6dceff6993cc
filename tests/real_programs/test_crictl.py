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
        self.command = [path, "-r", address, "-i", address, "-t", "20s"]

    def run(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run([*self.command, *arguments], capture_output=True, text=True, timeout=60, check=False)
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
    crictl.run("update-runtime-config", "--pod-cidr", "10.1.0.0/16")


def test_images_from_pull_to_removal(crictl: Crictl) -> None:
    assert "Image is up to date for sha256:" in crictl.run("pull", BUSYBOX)
    assert "1.29-2" in crictl.run("images")
    assert json.loads(crictl.run("inspecti", BUSYBOX))["status"]["repoTags"] == [BUSYBOX]
    crictl.run("rmi", BUSYBOX)
    assert "1.29-2" not in crictl.run("images")
    assert "not found" in crictl.run("pull", "registry.example/none:1", code=1)


def write_configs(folder: Path, name: str = "p1") -> tuple[str, str]:
    """The files that describe a pod and its container."""
    pod = {
        "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}", "attempt": 0},
        "log_directory": str(folder / "logs" / name),
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
    return str(folder / "container.json"), str(folder / "pod.json")


def test_a_pod_from_runp_to_rmp(crictl: Crictl, folder: Path) -> None:
    container_file, pod_file = write_configs(folder)
    crictl.run("pull", BUSYBOX)
    pod_id = crictl.run("runp", pod_file).strip()
    assert pod_id[:13] in crictl.run("pods")
    container_id = crictl.run("create", pod_id, container_file, pod_file).strip()
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


def test_a_running_container_is_changed_and_looked_at(crictl: Crictl, folder: Path) -> None:
    container_id = crictl.run("run", *write_configs(folder)).strip()
    pod_id = crictl.run("pods", "-q").strip()

    crictl.run("update", "--memory", "33554432", "--cpu-share", "512", container_id)
    resources = json.loads(crictl.run("inspect", container_id))["status"]["resources"]["linux"]
    assert (resources["memoryLimitInBytes"], resources["cpuShares"]) == ("33554432", "512")
    log = folder / "logs/p1/c1/0.log"
    log.rename(log.with_name("0.log.1"))
    crictl.run("logs", "-r", container_id)
    assert log.exists()
    stats = crictl.json("stats", "-o", "json", container_id)["stats"]
    assert stats[0]["attributes"]["id"] == container_id  # type: ignore[index]
    pod_stats = crictl.json("statsp", "-o", "json", pod_id)["stats"]
    assert pod_stats[0]["attributes"]["id"] == pod_id  # type: ignore[index]
    assert "p1" in crictl.run("statsp", "-s", "1")
    descriptors = crictl.json("metricdescs")["descriptors"]
    assert "container_cpu_usage_seconds_total" in {descriptor["name"] for descriptor in descriptors}  # type: ignore[attr-defined, index]
    metrics = crictl.json("metricsp")["podMetrics"]
    assert [item["podSandboxId"] for item in metrics] == [pod_id]  # type: ignore[attr-defined, index]
    assert crictl.run("ps", "-q", "--image", BUSYBOX, "--pod", pod_id, "--state", "running").strip() == container_id
    assert crictl.run("pods", "-q", "--name", "p1", "--state", "ready").strip() == pod_id


def started(crictl: Crictl, folder: Path, **changes: object) -> str:
    """The id of a container that differs from the usual one in these fields."""
    container_file, pod_file = write_configs(folder)
    described = json.loads(Path(container_file).read_text()) | changes
    Path(container_file).write_text(json.dumps(described))
    return crictl.run("run", container_file, pod_file).strip()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["sh", "-c", "echo out; echo err >&2; exit 42"], "exited with 42: err"),
        (["sh", "-c", "kill -9 $$"], "exited with 137: "),
        (["sh", "-c", "nothing"], "exited with 127: sh: nothing: not found"),
        (["/nothing"], 'exec: \\"/nothing\\": stat /nothing: no such file or directory'),
        (["/etc"], 'exec: \\"/etc\\": is a directory'),
        (["/etc/passwd"], 'exec: \\"/etc/passwd\\": permission denied'),
    ],
)
def test_how_a_command_ends(crictl: Crictl, folder: Path, argv: list[str], said: str) -> None:
    assert said in crictl.run("exec", "--sync", started(crictl, folder), *argv, code=1)


def test_a_command_that_times_out_is_gone(crictl: Crictl, folder: Path) -> None:
    ctr = started(crictl, folder, command=["top"])
    script = "echo begun; sleep 4321"
    assert "timed out after 1s" in crictl.run("exec", "--sync", "--timeout", "1", ctr, "sh", "-c", script, code=1)
    assert crictl.run("exec", "--sync", ctr, "sh", "-c", "pgrep sleep || echo gone").strip() == "gone"


def test_long_and_unfinished_lines_are_whole_for_a_reader(crictl: Crictl, folder: Path) -> None:
    script = "head -c 40000 /dev/zero | tr '\\0' x; echo; echo err >&2; printf end; exit 7"
    ctr = started(crictl, folder, command=["sh", "-c", script])
    status = json.loads(crictl.run("inspect", ctr))["status"]
    assert (status["state"], status["exitCode"], status["reason"]) == ("CONTAINER_EXITED", 7, "Error")
    assert crictl.run("logs", ctr) == "x" * 40_000 + "\nend"
    assert crictl.run("logs", "--tail", "1", ctr) == "end"
    tags = [line.split(" ", 3)[1:3] for line in (folder / "logs/p1/c1/0.log").read_text().splitlines()]
    assert tags == [["stdout", "P"]] * 2 + [["stdout", "F"], ["stderr", "F"], ["stdout", "P"]]


def test_a_terminal_has_one_output(crictl: Crictl, folder: Path) -> None:
    ctr = started(crictl, folder, tty=True, command=["sh", "-c", "echo out; echo err >&2; sleep 1000"])
    assert [line.rstrip("\r") for line in crictl.run("logs", ctr).splitlines()] == ["out", "err"]
    log = (folder / "logs/p1/c1/0.log").read_text()
    assert [line.split(" ")[1] for line in log.splitlines()] == ["stdout", "stdout"]


def test_a_container_over_its_memory_limit(crictl: Crictl, folder: Path, wait_for: Callable[..., object]) -> None:
    resources = {"memory_limit_in_bytes": 16 << 20, "memory_swap_limit_in_bytes": 16 << 20}
    command = ["dd", "if=/dev/zero", "of=/dev/null", "bs=64M"]
    ctr = started(crictl, folder, command=command, linux={"resources": resources})

    def end() -> object:
        status = json.loads(crictl.run("inspect", ctr))["status"]
        return (status["reason"], status["exitCode"]) if status["state"] == "CONTAINER_EXITED" else None

    assert wait_for(end, seconds=10) == ("OOMKilled", 137)


def test_events_are_printed_until_the_client_goes(crictl: Crictl, folder: Path) -> None:
    with subprocess.Popen([*crictl.command, "events"], stdout=subprocess.PIPE, text=True) as events:
        assert events.stdout is not None
        crictl.run("run", *write_configs(folder))
        seen = ""
        while "CONTAINER_STARTED_EVENT" not in seen:
            line = events.stdout.readline()
            assert line, "the stream ended"
            seen += line
        events.terminate()
    assert "CONTAINER_CREATED_EVENT" in seen


def test_everything_is_removed_at_once(crictl: Crictl, folder: Path) -> None:
    for name in ("p1", "p2"):
        crictl.run("run", *write_configs(folder, name))
    assert len(crictl.run("ps", "-q").split()) == 2

    crictl.run("rm", "-fa")
    assert crictl.run("ps", "-aq") == ""
    crictl.run("rmp", "-fa")
    assert crictl.run("pods", "-q") == ""
    assert f"Deleted: {BUSYBOX}" in crictl.run("rmi", "--prune")
    assert "registry.k8s.io/pause" in crictl.run("images"), "pinned"
    assert "no such image" in crictl.run("rmi", BUSYBOX, code=1)


def test_a_checkpoint_is_the_image_of_another_container(crictl: Crictl, folder: Path) -> None:
    pods = []
    for name in ("before", "after"):
        pod = {"metadata": {"name": name, "namespace": "default", "uid": name}, "log_directory": str(folder / name)}
        (folder / f"{name}.json").write_text(json.dumps(pod))
        pods.append(crictl.run("runp", str(folder / f"{name}.json")).strip())
    script = "echo run >> /runs; rm -f /etc/group; sleep 1000"
    ctr = {"metadata": {"name": "c"}, "image": {"image": BUSYBOX}, "command": ["sh", "-c", script], "log_path": "c.log"}
    archive = folder / "c.tar"
    (folder / "c.json").write_text(json.dumps(ctr))
    (folder / "again.json").write_text(json.dumps({"metadata": {"name": "c"}, "image": {"image": str(archive)}}))
    crictl.run("pull", BUSYBOX)
    first = crictl.run("create", pods[0], str(folder / "c.json"), str(folder / "before.json")).strip()
    crictl.run("start", first)

    assert crictl.run("checkpoint", "--export", str(archive), first).strip() == first
    crictl.run("rmp", "--force", pods[0])
    again = crictl.run("create", pods[1], str(folder / "again.json"), str(folder / "after.json")).strip()
    crictl.run("start", again)

    script = "until [ $(wc -l < /runs) = 2 ]; do sleep 0.1; done; ls /etc"
    assert "group" not in crictl.run("exec", "--sync", again, "sh", "-c", script)
    error = crictl.run("checkpoint", "--export", "/nowhere/c.tar", again, code=1)
    assert "open /nowhere/c.tar: no such file or directory" in error
