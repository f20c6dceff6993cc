"""A story: one emulated node, its pods, and what was published about them as lines of text.

`story.check(text, golden)` compares. With KUBESIM_REWRITE=1 in the environment it writes the new text into the test
file instead (not under xdist): read the diff before you keep it.
"""

import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import kubesim
from kubesim.cri import api

IMAGE = "registry.k8s.io/e2e-test-images/busybox:1.29-2"
POD = "default/web"
STATUS_LISTS = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
STARTS = {"RunPodSandbox", "CreateContainer", "StartContainer", "PullImage"}
ENDS = {"StopContainer", "StopPodSandbox", "RemoveContainer", "RemovePodSandbox"}


def container(name: str, *command: str, **more: Any) -> dict[str, Any]:
    """A container of the busybox image; without a command it sleeps for an hour."""
    return {"name": name, "image": IMAGE, "command": list(command or ("sleep", "1h")), **more}


class Story:
    """One node and its pods. Times are seconds since the pod was created; those of calls, since the start."""

    def __init__(self, **node: Any) -> None:
        # A kubelet that knows no DNS server of its cluster says so with every pod.
        node.setdefault("config", {"clusterDNS": ["10.96.0.10"], "clusterDomain": "cluster.local"})
        self.node = kubesim.Node(**node)
        self.node.start()
        self.start_ns = self.node.now_ns

    def pod(
        self, *containers: Mapping[str, Any], name: str = "web", meta: Mapping[str, Any] | None = None, **spec: Any
    ) -> str:
        """Create a pod; its key. `meta` and `spec` are in the API's own words."""
        metadata = {"name": name, **(meta or {})}
        spec = {"containers": list(containers), **spec}
        return self.node.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})[0]

    def run(self, duration: str) -> None:
        """Let time pass."""
        self.node.advance(duration)

    def until(self, condition: Callable[[], bool], at_most: str = "10m") -> None:
        """Let time pass until a condition holds."""
        self.node.advance(until=condition, at_most=at_most)

    def status(self, key: str = POD) -> dict[str, Any]:
        """The last published status; also of a pod that is gone."""
        found: dict[str, Any] = self.node.versions(key)[-1]["status"]
        return found

    def of(self, name: str, key: str = POD) -> dict[str, Any]:
        """The last published status of one container; empty while there is none."""
        status = self.status(key)
        rows: list[dict[str, Any]] = [one for name in STATUS_LISTS for one in status.get(name, ())]
        return next((one for one in rows if one["name"] == name), {"state": {}})

    def is_running(self, name: str, key: str = POD) -> bool:
        """Whether a container is published as running."""
        return self.of(name, key)["state"].get("running") is not None

    def waiting(self, name: str = "a", key: str = POD) -> str:
        """Why a container waits, as it was published: `reason: message`; empty when it does not wait."""
        found = self.of(name, key)["state"].get("waiting")
        if found is None:
            return ""
        return f"{found.get('reason', '')}: {found.get('message', '')}".replace(self._uid(key), "UID")

    def exit(self, code: int, name: str = "a", *, after: str = "1s", key: str = POD) -> None:
        """Wait until a container is published as running, and `after`; then it ends by itself."""
        self.until(lambda: self.is_running(name, key))
        self.run(after)
        self.node.exit_container(key, code, container=name)

    def stop_sandbox(self, sandbox_id: str) -> None:
        """Somebody else stops a sandbox, past the kubelet."""
        call = self.node._client.stop_pod_sandbox(api.StopPodSandboxRequest(pod_sandbox_id=sandbox_id))
        self.node._run(call, name="stop sandbox")

    # -- texts ------------------------------------------------------------------------------------------------

    def versions(self, key: str = POD, *, conditions: bool = False) -> str:
        """A line for each published version; equal lines that follow each other are one.

        With `conditions`, the phase and the conditions that changed instead of the containers.
        """
        lines: list[str] = []
        before: dict[str, str] = {}
        for version in self.node.versions(key):
            text = _version(version)
            if conditions:
                shown = _conditions(version)
                text = " ".join([text.partition(" ")[0], *(v for k, v in shown.items() if before.get(k) != v)])
                before = shown
            if not lines or lines[-1].partition("s ")[2] != text:
                lines.append(f"{version['t']:.3f}s {text}")
        return "\n".join(lines)

    def events(self, key: str = POD) -> str:
        """A line for each Event of a pod."""
        uid = self._uid(key)
        lines = []
        for event in self.node.events:
            if event["involvedObject"]["name"] != key.partition("/")[2]:
                continue
            path = event["involvedObject"].get("fieldPath", "")
            where = f" {path.partition('{')[2].rstrip('}')}" if path else ""
            count = f" (x{event['count']})" if event["count"] > 1 else ""
            message = event["message"].replace(uid, "UID").replace(IMAGE, "IMAGE")
            message = re.sub(r"Image size: \d+ bytes", "Image size: N bytes", message)
            lines.append(f"{event['type']} {event['reason']}{where}{count}: {message}")
        return "\n".join(lines)

    def calls(self, *, methods: set[str] | None = None, since_ns: int = 0) -> str:
        """A line for each CRI call, in the order in which they ended, without the polling."""
        return "\n".join(
            self._call(entry)
            for entry in self.node.journal
            if entry.time_ns >= since_ns and (entry.method in methods if methods else entry.method != "Status")
        )

    def _call(self, entry: Any) -> str:
        request = entry.as_dict()["request"]
        what = ""
        if entry.method == "CreateContainer":
            meta = request["config"]["metadata"]
            what = f" {meta['name']}/{meta.get('attempt', 0)}"
        elif "container_id" in request:
            what = f" {self.names()[request['container_id']]}"
        if entry.method == "StopContainer":
            what += f" timeout={request.get('timeout', 0)}"
        failed = f" -> {entry.error.code.name}" if entry.error is not None else ""
        return f"{(entry.time_ns - self.start_ns) / 1e9:.3f}s {entry.method}{what}{failed}"

    def names(self) -> dict[str, str]:
        """Container ids, as `name/attempt`."""
        found = {}
        for entry in self.node.journal:
            if entry.method == "CreateContainer" and entry.response is not None:
                meta = entry.request.config.metadata
                found[entry.response.container_id] = f"{meta.name}/{meta.attempt}"
        return found

    def _uid(self, key: str) -> str:
        for event in self.node.events:
            if event["involvedObject"]["name"] == key.partition("/")[2]:
                return str(event["involvedObject"]["uid"])
        return "no uid"

    def check(self, text: str, golden: str) -> None:
        """Compare a text with what a test says it must be."""
        wanted = textwrap.dedent(golden).strip("\n")
        text = "\n".join(_wrapped(line) for line in text.splitlines())
        if text != wanted and os.environ.get("KUBESIM_REWRITE"):
            path = Path(sys._getframe(1).f_code.co_filename)
            path.write_text(path.read_text().replace(golden.strip("\n "), textwrap.indent(text, "        ").strip()))
            return
        assert text == wanted


def _wrapped(line: str) -> str:
    return textwrap.fill(line, 110, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def _version(version: Mapping[str, Any]) -> str:
    status = version["status"]
    words = ["deleted"] if version["type"] == "DELETED" else []
    words.append(f"phase={status['phase']}")
    if status.get("reason"):
        words.append(f"reason={status['reason']}")
    if version.get("deletionTimestamp"):
        words.append("deleting")
    words += [_container(one) for name in STATUS_LISTS for one in status.get(name, ())]
    return " ".join(words)


def _conditions(version: Mapping[str, Any]) -> dict[str, str]:
    """Conditions by type, without PodScheduled; ContainersReady only where it differs from Ready."""
    found = {}
    for one in version["status"].get("conditions", ()):
        reason = f"({one['reason']})" if one.get("reason") else ""
        found[one["type"]] = f"{one['type']}={one['status']}{reason}"
    found.pop("PodScheduled", None)
    if found.get("ContainersReady", "").partition("=")[2] == found.get("Ready", "").partition("=")[2]:
        found.pop("ContainersReady", None)
    return found


def _container(status: Mapping[str, Any]) -> str:
    last = f" last {_state(status['lastState'])}" if status.get("lastState") and _state(status["lastState"]) else ""
    ready = " ready" if status.get("ready") else ""
    restarts = f" restarts={status['restartCount']}" if status.get("restartCount") else ""
    return f"{status['name']}: {_state(status['state'])}{ready}{last}{restarts}"


def _state(state: Mapping[str, Any]) -> str:
    if state.get("waiting") is not None:
        return f"waiting {state['waiting'].get('reason', '')}"
    if state.get("terminated") is not None:
        return f"terminated {state['terminated'].get('reason', '')}({state['terminated'].get('exitCode', 0)})"
    return "running" if state.get("running") is not None else ""


def table(versions: Iterable[str], told: Callable[[str], str]) -> str:
    """`version: what it tells`; versions that follow each other and tell the same are one line."""
    lines: list[tuple[str, str, str]] = []
    for version in versions:
        text = told(version)
        if lines and lines[-1][2] == text:
            lines[-1] = (lines[-1][0], version, text)
        else:
            lines.append((version, version, text))
    return "\n".join(
        f"{first}: {text}" if first == last else f"{first} to {last}: {text}" for first, last, text in lines
    )


@pytest.fixture
def new_story() -> Iterator[Callable[..., Story]]:
    """Makes stories; their nodes are closed at the end."""
    stories: list[Story] = []

    def make(**node: Any) -> Story:
        stories.append(Story(**node))
        return stories[-1]

    yield make
    for one in stories:
        one.node.close()


@pytest.fixture
def story(new_story: Callable[..., Story]) -> Story:
    """A story on the default node: Linux, the newest kubelet, containerd-2.3."""
    return new_story()


@pytest.fixture
def c() -> Callable[..., dict[str, Any]]:
    """Makes a container: `c("a", "sleep", "1h", lifecycle={...})`."""
    return container
