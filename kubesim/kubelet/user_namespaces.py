"""The user namespaces of pods with `hostUsers: false`: gives each its ids, and remembers them in its directory.

Mirrors kubelet: pkg/kubelet/userns/userns_manager.go and pkg/kubelet/kubelet_getters.go
(HandlerSupportsUserNamespaces).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kubesim.cri import api
from kubesim.kernel import Kernel
from kubesim.kubelet.outside import HostFiles
from kubesim.kubelet.pod_directories import PodDirectories
from kubesim.kubelet.runtime_state import RuntimeHandler
from kubesim.kubelet.start_error import KubeletStartError
from kubesim.model import k8s_v1 as v1
from kubesim.model.kubelet_configuration import KubeletConfiguration
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.user_namespaces import (
    GATE,
    IDS_PER_POD,
    IdPool,
    IdRange,
    UserNamespaceError,
    pool_problem,
    read_range,
    wants_user_namespace,
    written_range,
)


def pod_user_namespaces(
    kernel: Kernel,
    host_files: HostFiles,
    directories: PodDirectories,
    config: KubeletConfiguration,
    *,
    handlers: Callable[[], Sequence[RuntimeHandler]],
    gates: Mapping[str, bool],
    os: str,
) -> UserNamespaces:
    """Those of a kubelet that starts with that configuration. Raises KubeletStartError when the ids do not suffice."""
    asked = config.user_namespaces
    ids_per_pod = asked.ids_per_pod if asked is not None else None
    found = UserNamespaces(
        kernel,
        host_files,
        directories,
        pool=IdPool(ids_per_pod=ids_per_pod or IDS_PER_POD),
        handlers=handlers,
        gates=gates,
    )
    if os == "linux":
        found.start(max_pods=config.max_pods)
    return found


_OF_NODE = api.UserNamespace(mode=api.NODE)
"""The same for all pods, and nobody changes it."""


class UserNamespaces:
    """Knows which pod has which ids. `handlers` are those that the runtime reported last."""

    def __init__(
        self,
        kernel: Kernel,
        host_files: HostFiles,
        directories: PodDirectories,
        *,
        pool: IdPool,
        handlers: Callable[[], Sequence[RuntimeHandler]],
        gates: Mapping[str, bool],
    ) -> None:
        self._random = kernel.random.fork("user namespaces")
        self._files = host_files
        self._directories = directories
        self._pool = pool
        self._handlers = handlers
        self._gates = gates
        self._used: dict[int, str] = {}
        self._of_pod: dict[str, IdRange] = {}

    def start(self, *, max_pods: int) -> None:
        """Take over what an earlier process gave away. Raises KubeletStartError."""
        if not gate_enabled(self._gates, GATE):
            return
        problem = pool_problem(self._pool, max_pods=max_pods)
        if problem:
            raise KubeletStartError(problem)
        folder = self._directories.pods
        for uid in self._files.list_dir(folder) if self._files.kind(folder) == "directory" else ():
            try:
                self._read(uid)
            except UserNamespaceError as error:
                text = f'create user namespace manager: record pod mappings for existing pod "{uid}": {error}'
                raise KubeletStartError(text) from error

    def options(self, pod: v1.Pod) -> api.UserNamespace | None:
        """What the runtime is told; None when it is not told anything. Raises UserNamespaceError."""
        host_users = pod.spec.host_users
        # Only for a pod that is to have one of its own it counts what the runtime can do.
        handlers = {one.name: one.user_namespaces for one in self._handlers()} if host_users is False else {}
        wanted = wants_user_namespace(host_users, handlers, self._gates)
        if wanted is None:
            return None
        if not wanted:
            return _OF_NODE
        ids = self._ids(pod.metadata.uid)
        mapping = api.IDMapping(host_id=ids.first, container_id=0, length=ids.length)
        return api.UserNamespace(mode=api.POD, uids=[mapping], gids=[mapping])

    def release(self, uid: str) -> None:
        """The pod has ended: its ids are free, and its file is gone."""
        ids = self._of_pod.pop(uid, None)
        if ids is not None:
            del self._used[self._pool.index_of(ids)]
            self._files.remove(self._directories.user_namespace(uid))

    def _ids(self, uid: str) -> IdRange:
        try:
            known = self._read(uid)
        except UserNamespaceError as error:
            raise UserNamespaceError(f"user namespace: {error}") from error
        return known or self._create(uid)

    def _create(self, uid: str) -> IdRange:
        size = self._pool.size
        if len(self._used) >= size:
            text = "create user namespace: could not find an empty slot to allocate a user namespace"
            raise UserNamespaceError(text)
        index = self._random.below(size)
        while index in self._used:
            index = (index + 1) % size
        ids = self._pool.range_at(index)
        self._used[index], self._of_pod[uid] = uid, ids
        self._files.write(self._directories.user_namespace(uid), written_range(ids), 0o600)
        return ids

    def _read(self, uid: str) -> IdRange | None:
        """The ids in the file of a pod, which are its own from now on; None when there is none."""
        content = self._files.read(self._directories.user_namespace(uid))
        if not content:
            return None
        ids = read_range(content)
        index, before = self._pool.index_of(ids), self._of_pod.get(uid)
        if before is not None and before != ids:
            raise UserNamespaceError(f'different user namespace range already used by pod "{uid}"')
        if self._used.get(index, uid) != uid:
            raise UserNamespaceError(f'range picked for pod "{uid}" already taken')
        self._used[index], self._of_pod[uid] = uid, ids
        return ids
