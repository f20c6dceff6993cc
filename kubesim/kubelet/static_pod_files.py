"""The folder of static pods: which pods its files hold now.

The folder is listed at the start and every fileCheckFrequency; on Linux a file that changes is read at once.

Mirrors kubelet: pkg/kubelet/config/file.go (run, listConfig, extractFromDir) and file_linux.go (consumeWatchEvent).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kubesim.kernel import sleep
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.outside import HostFiles
from kubesim.kubelet.static_pod_decode import StaticPodDecoder, StaticPodError
from kubesim.model import k8s_v1 as v1

_LINKS_MAX = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What a file held when it was read last, so that it is decoded once."""

    content: bytes
    pod: v1.Pod | None
    error: str


class StaticPodFiles:
    """Reads one folder, or one file. `deliver` is called with all pods whenever they were looked at."""

    def __init__(
        self,
        files: HostFiles,
        path: str,
        decoder: StaticPodDecoder,
        *,
        klog: Klog,
        period_ns: int,
        is_watching: bool,
        deliver: Callable[[Sequence[v1.Pod]], object],
    ) -> None:
        self._files = files
        self._path = path.rstrip("/")
        self._decoder = decoder
        self._klog = klog
        self._period_ns = period_ns
        self._is_watching = is_watching
        self._deliver = deliver
        self._store: dict[str, v1.Pod] = {}
        """By namespace and name: of two files with one pod the last one counts."""
        self._keys: dict[str, str] = {}
        self._read: dict[str, _Read] = {}

    async def run(self) -> None:
        """Look for ever."""
        while True:
            self._list()
            await sleep(self._period_ns)

    def changed(self, path: str) -> None:
        """A file of the machine was written or removed. Only what lies in the folder itself matters."""
        folder, _, name = path.rpartition("/")
        if not self._is_watching or folder != self._path or name.startswith("."):
            return
        if self._kind(path) is not None:
            self._file_written(path)
        else:
            self._file_removed(path)

    def _file_written(self, path: str) -> None:
        try:
            pod = self._pod_of(path)
        except StaticPodError as error:
            err = f'can\'t process config file "{path}": {error}'
            self._klog.error("Unable to process watch event", err=err)
            return
        self._store[_key(pod)] = pod
        self._deliver(list(self._store.values()))

    def _file_removed(self, path: str) -> None:
        key = self._keys.get(path)
        if key is None:
            return
        if key not in self._store:
            err = f"the pod with key {key} doesn't exist in cache"
            self._klog.error("Unable to process watch event", err=err)
            return
        del self._store[key], self._keys[path]
        self._deliver(list(self._store.values()))

    def _list(self) -> None:
        kind = self._kind(self._path)
        if kind == "directory":
            pods = self._pods_of_folder()
            if pods:
                self._store = {_key(pod): pod for pod in pods}
            # An empty folder is told as such; what a watch knew of it is kept, as upstream keeps it.
            self._deliver(list(self._store.values()) if pods else [])
        elif kind == "file":
            try:
                pod = self._pod_of(self._path)
            except StaticPodError as error:
                self._unreadable(str(error))
                return
            self._store = {_key(pod): pod}
            self._deliver([pod])
        elif kind is None:
            self._deliver([])
            self._unreadable("path does not exist, ignoring")
        else:
            self._unreadable("path is not a directory or file")

    def _unreadable(self, err: str) -> None:
        self._klog.error("Unable to read config path", err=err, path=self._path)

    def _pods_of_folder(self) -> list[v1.Pod]:
        pods = []
        for name in sorted(one for one in self._files.list_dir(self._path) if not one.startswith(".")):
            path = f"{self._path}/{name}"
            kind = self._kind(path)
            if kind == "directory":
                message = "Provided manifest path is a directory, not recursing into manifest path"
                self._klog.error(message, path=path)
            elif kind == "file":
                try:
                    pods.append(self._pod_of(path))
                except StaticPodError as error:
                    self._klog.error("Could not process manifest file", err=str(error), path=path)
            elif kind is None:
                err = f"stat {path}: no such file or directory"
                self._klog.error("Could not get metadata", err=err, path=path)
            else:
                self._klog.error("Manifest path is not a directory or file", path=path, mode=kind)
        return pods

    def _pod_of(self, path: str) -> v1.Pod:
        """Raises StaticPodError."""
        content = self._files.read(path) or b""
        read = self._read.get(path)
        if read is None or read.content != content:
            read = self._read[path] = self._decoded(path, content)
        if read.pod is None:
            raise StaticPodError(read.error)
        self._keys[path] = _key(read.pod)
        return read.pod

    def _decoded(self, path: str, content: bytes) -> _Read:
        try:
            return _Read(content=content, pod=self._decoder.decode(content, path), error="")
        except StaticPodError as error:
            return _Read(content=content, pod=None, error=str(error))

    def _kind(self, path: str) -> str | None:
        """What is at a path, links followed."""
        for _ in range(_LINKS_MAX):
            kind = self._files.kind(path)
            if kind != "symlink":
                return kind
            target = self._files.read_link(path)
            path = target if target.startswith("/") else f"{path.rpartition('/')[0]}/{target}"
        return None


def _key(pod: v1.Pod) -> str:
    return f"{pod.metadata.namespace}/{pod.metadata.name}"
