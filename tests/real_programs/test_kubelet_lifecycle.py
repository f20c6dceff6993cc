"""A real kubelet acts on what processes do: probes, hooks, init containers, messages, crashes, memory."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubesim.model.yaml_text import load_documents


def manifests(folder: Path) -> dict[str, dict[str, Any]]:
    """The pods by name, with a folder of the node in place."""
    file = Path(__file__).with_name("lifecycle_pods.yaml")
    text = file.read_text().replace("{folder}", str(folder))
    documents = load_documents(text.encode(), name=str(file))
    return {document.value["metadata"]["name"]: document.value for document in documents}


class Watch:
    """Pods of a kubelet by the names of their manifests."""

    def __init__(self, kubelet: Any, wait_for: Callable[..., Any]) -> None:
        self._kubelet = kubelet
        self._wait_for = wait_for

    def status(self, name: str) -> dict[str, Any]:
        """The status of a pod; {} when there is none. A kubelet appends the node's name to that of a static pod."""
        pods = (pod for pod in self._kubelet.pods() if pod["metadata"]["name"].startswith(f"{name}-"))
        found: dict[str, Any] = next(pods, {"status": {}})["status"]
        return found

    def container(self, name: str, container: str = "ctr") -> dict[str, Any]:
        """The status of a container, whatever its kind."""
        status = self.status(name)
        rows = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
        return next((row for row in rows if row["name"] == container), {"state": {}, "restartCount": 0})

    def log(self) -> str:
        """What the kubelet says."""
        text: str = self._kubelet.log()
        return text

    def until(self, condition: Callable[[], Any], seconds: float = 30) -> Any:
        """The first answer that is true. Fails with the kubelet's log."""
        found = self._wait_for(condition, seconds=seconds)
        assert found, self.log()[-4000:]
        return found

    def condition(self, name: str, kind: str) -> str:
        """The status of a condition of a pod."""
        rows = self.status(name).get("conditions", ())
        return next((row["status"] for row in rows if row["type"] == kind), "")


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36"])
def test_pods_live_as_their_processes_do(
    start_kubelet: Callable[..., Any],
    serve: Callable[..., str],
    wait_for: Callable[..., Any],
    folder: Path,
    profile: str,
) -> None:
    work = folder / "work"
    work.mkdir()
    address = serve("--profile", profile, "--cgroup-driver", "cgroupfs")
    kubelet = start_kubelet(address, manifests(work), driver="cgroupfs")
    watch = Watch(kubelet, wait_for)
    check_probes(watch, work)
    check_hooks_and_inits(watch, work)
    check_ends(watch)

    for name in ("hooks", "inits"):
        (folder / "manifests" / f"{name}.json").unlink()
    # A static pod is not listed any more while it is stopped, so what it writes tells when that is done.
    watch.until(lambda: "term" in (work / "hooks").read_text() and "sidecar ends" in (work / "inits").read_text())
    rows = [line.split(" ", 1) for line in (work / "hooks").read_text().splitlines()]
    assert [words for _, words in rows] == ["0 started", "stop", "term"]
    assert int(rows[2][0]) - int(rows[1][0]) >= 2  # preStop comes first, and takes its time
    assert (work / "inits").read_text().split("\n")[-3:] == ["main ends", "sidecar ends", ""]


def check_probes(watch: Watch, work: Path) -> None:
    """Liveness restarts, readiness gates traffic, startup gates the other two."""
    killed = watch.until(lambda: watch.container("liveness").get("lastState", {}).get("terminated"))
    assert (killed["exitCode"], killed["reason"]) == (137, "Error")
    assert watch.container("liveness")["restartCount"] >= 1

    watch.until(lambda: "running" in watch.container("readiness")["state"])
    assert watch.condition("readiness", "Ready") == "False"
    (work / "readiness").write_text("open\n")
    watch.until(lambda: watch.condition("readiness", "Ready") == "True")
    (work / "readiness").write_text("shut\n")
    watch.until(lambda: watch.condition("readiness", "Ready") == "False")
    assert watch.container("readiness")["restartCount"] == 0

    watch.until(lambda: "running" in watch.container("startup")["state"])
    assert watch.container("startup")["started"] is False
    assert not (work / "liveness-asked").exists()
    (work / "startup").touch()
    watch.until(lambda: watch.container("startup")["started"] and (work / "liveness-asked").exists())
    assert watch.container("startup")["restartCount"] == 0
    watch.until(lambda: watch.container("neverstarts")["restartCount"] >= 1)


def check_hooks_and_inits(watch: Watch, work: Path) -> None:
    """What runs before a container is up."""
    watch.until(lambda: "running" in watch.container("hooks")["state"])
    waiting = watch.until(
        lambda: (
            (it := watch.container("badhook")["state"].get("waiting"))
            and it["reason"] in ("PostStartHookError", "CrashLoopBackOff")
            and it
        )
    )
    if waiting["reason"] == "PostStartHookError":
        assert "exited with 5" in waiting["message"]
        assert "no such luck" in waiting["message"]

    watch.until(lambda: watch.condition("inits", "Ready") == "True")
    # The first one fails once, and the kubelet starts it again.
    assert (work / "inits").read_text().split("\n") == ["first", "first", "sidecar", "second", "main", ""]
    assert watch.container("inits", "first")["restartCount"] == 1
    assert watch.container("inits", "first")["state"]["terminated"]["reason"] == "Completed"
    assert watch.container("inits", "sidecar")["started"] is True


def check_ends(watch: Watch) -> None:
    """How containers end, and what they leave to say."""
    watch.until(lambda: watch.status("messages").get("phase") == "Failed")
    ends = {row["name"]: row["state"]["terminated"] for row in watch.status("messages")["containerStatuses"]}
    assert {name: (end["exitCode"], end["reason"], end.get("message")) for name, end in ends.items()} == {
        "file": (0, "Completed", "said in a file"),
        "elsewhere": (3, "Error", "said elsewhere"),
        "log": (4, "Error", "one\ntwo\n"),
    }

    # A container that ends by itself stays Terminated while the kubelet waits; one that a probe killed shows the wait.
    watch.until(lambda: watch.container("crash")["restartCount"] >= 2, seconds=60)
    end = watch.container("crash")["lastState"]["terminated"]
    assert (end["exitCode"], end["reason"]) == (7, "Error")
    assert re.search(r"back-off \d+s restarting failed container=ctr pod=crash-", watch.log())
    waiting = watch.until(lambda: watch.container("neverstarts")["state"].get("waiting"), seconds=60)
    assert waiting["reason"] == "CrashLoopBackOff"
    assert re.match(r"back-off \d+s restarting failed container=ctr pod=neverstarts-", waiting["message"])

    watch.until(lambda: watch.status("oom").get("phase") == "Failed")
    itself = watch.container("oom", "itself")["state"]["terminated"]
    assert (itself["exitCode"], itself["reason"]) == (137, "OOMKilled")
    child = watch.container("oom")["state"]["terminated"]
    assert child["reason"] == "OOMKilled"
