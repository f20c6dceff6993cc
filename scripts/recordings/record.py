"""Records pods on a real kubelet over `kubesim serve`, many at a time."""

from __future__ import annotations

import heapq
import itertools
import json
import threading
import time  # noqa: TID251 - a recording is made in real time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.recordings.actions import NAMESPACE, Actions, collection
from scripts.recordings.api_client import ApiError, Change
from scripts.recordings.calls import calls_of_pods, rows_of_file
from scripts.recordings.folder import NODE_NAME, OBJECTS_BESIDE, Folder
from scripts.recordings.programs import Programs, RealNode, RecordingError, real_node

GONE_SECONDS_MAX = 60
"""How long a pod may take to go after its last action; then it is deleted with grace 0."""
AFTER_SECONDS = 1.5
"""Events come by another way than versions, a little later."""


CGROUP2_MARK = Path("/sys/fs/cgroup/cgroup.controllers")
"""A machine with cgroup v2 has it; what a pod has been given shows in other roundings there."""


@dataclass(frozen=True)
class Settings:
    """How a folder is recorded; all but the last two go into its `recording.json`."""

    life_seconds: int
    profile: str
    configuration: dict[str, Any]
    images: Sequence[Path]
    at_once: int
    every_seconds: float


@dataclass
class Recording:
    """One pod while it is recorded."""

    name: str
    actions: Actions
    started: float = 0.0
    """time.monotonic() of the ADDED version; 0 before it."""
    versions: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    is_gone: bool = False

    def version(self, change: Change, now: float) -> None:
        if not self.versions:
            self.started = now
        metadata = change.object["metadata"]
        row = {"t": round(now - self.started, 3), "type": change.type, "generation": metadata.get("generation")}
        row |= {key: metadata[key] for key in ("deletionTimestamp", "deletionGracePeriodSeconds") if key in metadata}
        self.versions.append({**row, "status": change.object["status"]})
        self.is_gone = change.type == "DELETED"

    def event(self, event: dict[str, Any], now: float) -> None:
        row = {"t": round(now - (self.started or now), 3)}
        row |= {key: event[key] for key in ("type", "reason", "message", "count") if key in event}
        if "fieldPath" in event["involvedObject"]:
            row["fieldPath"] = event["involvedObject"]["fieldPath"]
        row["source"] = event.get("source", {}).get("component")
        row |= {key: event[key] for key in ("firstTimestamp", "lastTimestamp") if key in event}
        self.events.append({"event": row})


def record(path: Path, names: Sequence[str], settings: Settings, programs: Programs, logs: Path) -> dict[str, str]:
    """Record pods of a folder. Returns what went wrong, by pod. Raises RecordingError when nothing can be recorded."""
    _note_settings(path, settings)
    folder = Folder(path)
    with real_node(
        programs, logs, profile=settings.profile, images=settings.images, configuration=settings.configuration
    ) as node:
        for beside in OBJECTS_BESIDE:
            node.api.create(f"{NAMESPACE}/{collection(beside)}", beside)
        recorder = Recorder(node, folder, settings)
        with recorder.watching():
            recorder.run(names)
        _write_node(node, path / "golden")
        recordings = recorder.recordings
        calls = calls_of_pods(rows_of_file(node.journal))
    (path / "journal").mkdir(exist_ok=True)
    for name, recording in recordings.items():
        _write(path / "golden" / f"{name}.jsonl", [*recording.versions, *recording.events], logs)
        _write(path / "journal" / f"{name}.jsonl", calls.get(recording.actions.pod_name, []), logs)
    return recorder.failures


class Recorder:
    """Creates pods, does their actions when they are due, and keeps what the API server says of them."""

    def __init__(self, node: RealNode, folder: Folder, settings: Settings) -> None:
        self._node = node
        self._api = node.api
        self._folder = folder
        self._settings = settings
        self._lock = threading.Lock()
        self._order = itertools.count()
        self.recordings: dict[str, Recording] = {}
        self.failures: dict[str, str] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Versions and events are kept while this is entered. The threads end with the API server's connections."""
        for path, keep in ((f"{NAMESPACE}/pods", self._keep_version), (f"{NAMESPACE}/events", self._keep_event)):
            threading.Thread(target=self._watch, args=(path, keep), daemon=True).start()
        time.sleep(AFTER_SECONDS)
        yield
        time.sleep(AFTER_SECONDS)

    def _watch(self, path: str, keep: Any) -> None:
        try:
            for change in self._api.watch(path):
                with self._lock:
                    keep(change, time.monotonic())
        except OSError:
            pass  # The API server ended: so does the recording.

    def _keep_version(self, change: Change, now: float) -> None:
        recording = self._recording(change.object["metadata"]["name"])
        if recording is not None:
            recording.version(change, now)

    def _keep_event(self, change: Change, now: float) -> None:
        recording = self._recording(change.object["involvedObject"].get("name", ""))
        if recording is not None and change.type != "DELETED":
            recording.event(change.object, now)

    def _recording(self, pod: str) -> Recording | None:
        return next((one for one in self.recordings.values() if one.actions.pod_name == pod), None)

    def run(self, names: Sequence[str]) -> None:
        """All pods, so many at once and so far apart as the settings say."""
        waiting = list(names)
        alive: dict[str, float] = {}
        due: list[tuple[float, int, str, str]] = []
        next_start = time.monotonic()
        while waiting or alive or due:
            self._node.check_alive()
            now = time.monotonic()
            while due and due[0][0] <= now:
                _, _, name, action = heapq.heappop(due)
                self._perform(name, action)
            for name, end in list(alive.items()):
                if self._is_over(name, end, now):
                    del alive[name]
            if now >= next_start and len(alive) < self._settings.at_once:
                free = next((one for one in waiting if not self._clashes(one, alive)), None)
                if free is not None:
                    waiting.remove(free)
                    next_start = now + self._settings.every_seconds
                    if (last := self._start(free, due)) is not None:
                        alive[free] = last + GONE_SECONDS_MAX
            time.sleep(0.02)

    def _clashes(self, name: str, alive: dict[str, float]) -> bool:
        """The late secret is one object: pods that make it wait for each other."""
        return self._makes_secret(name) and any(self._makes_secret(one) for one in alive)

    def _makes_secret(self, name: str) -> bool:
        return any(action == "mksecret" for _, action in self._folder.plan(name).actions)

    def _start(self, name: str, due: list[tuple[float, int, str, str]]) -> float | None:
        """Create a pod and plan its actions. Returns when the last is due, and None if the API server refuses it."""
        plan = self._folder.plan(name)
        actions = Actions(self._api, self._folder.manifest(name), delete_grace_seconds=plan.delete_grace_seconds)
        actions.pod["spec"]["nodeName"] = NODE_NAME
        with self._lock:
            self.recordings[name] = Recording(name, actions)
        try:
            actions.create()
        except ApiError as error:
            self.failures[name] = f"not created: {error}"
            del self.recordings[name]
            return None
        created = time.monotonic()
        for second, action in plan.actions:
            heapq.heappush(due, (created + second, next(self._order), name, action))
        return created + max(second for second, _ in plan.actions)

    def _perform(self, name: str, action: str) -> None:
        try:
            self.recordings[name].actions.perform(action)
        except ApiError as error:
            # A resize that is too big is refused, and a pod may be gone before its second deletion.
            print(f"{name}: {action}: {error}", flush=True)

    def _is_over(self, name: str, end: float, now: float) -> bool:
        recording = self.recordings[name]
        if recording.is_gone:
            recording.actions.remove_what_was_beside()
            if self._makes_secret(name):
                self._api.delete(f"{NAMESPACE}/secrets/later")
            print(f"{name}: {len(recording.versions)} versions", flush=True)
            return True
        if now > end:
            self.failures[name] = f"still there {GONE_SECONDS_MAX} s after its last action: deleted with grace 0"
            recording.actions.delete(0)
            recording.is_gone = True
        return False


def _note_settings(path: Path, settings: Settings) -> None:
    """Write `recording.json`, or check that what the folder holds was recorded the same way. Raises RecordingError."""
    noted = {
        "nodeName": NODE_NAME,
        "lifeSeconds": settings.life_seconds,
        "profile": settings.profile,
        "configuration": settings.configuration,
        "cgroupVersion": 2 if CGROUP2_MARK.is_file() else 1,
    }
    file = path / "recording.json"
    if file.is_file() and json.loads(file.read_text(encoding="utf-8")) != noted:
        raise RecordingError(f"{file}: recorded with other settings ({file.read_text().strip()}): use another folder")
    (path / "golden").mkdir(exist_ok=True)
    file.write_text(f"{json.dumps(noted)}\n", encoding="utf-8")


def _write(file: Path, rows: Sequence[Mapping[str, Any]], logs: Path) -> None:
    """Lines of JSON, as of a kubelet that keeps its files where one usually does."""
    text = "".join(f"{json.dumps(row, separators=(',', ':'))}\n" for row in rows)
    text = text.replace(f"{logs}/root/", "/var/lib/kubelet/").replace(f"{logs}/podlogs/", "/var/log/pods/")
    file.write_text(text, encoding="utf-8")


def _write_node(node: RealNode, folder: Path) -> None:
    for name, found in (
        ("node", node.api.get(f"/api/v1/nodes/{NODE_NAME}")),
        ("configz", node.kubelet.get("/configz")),
    ):
        (folder / f"{name}.json").write_text(f"{json.dumps(found, indent=1)}\n", encoding="utf-8")
