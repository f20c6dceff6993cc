"""Asks the runtime about pods and turns its answers into the views that the rules read.

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_manager.go (GetPods, GetPodStatus). Ids of sandboxes are in several
answers that are kept, so they are interned: kept once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from sys import intern
from typing import NamedTuple

from msgspec import Struct

from kubesim.cri import api, methods
from kubesim.cri.client import CriClient
from kubesim.cri.errors import Code, CriError
from kubesim.kernel import Looks
from kubesim.kubelet import labels
from kubesim.kubelet.outside import HostFiles
from kubesim.kubelet.runtime_answers import STATES, RuntimeAnswers, read_sandbox
from kubesim.kubelet.runtime_resources import ReportedResources
from kubesim.policy.pod_view import RuntimePod, RuntimeSandbox, RuntimeState

_CREATED_AT = attrgetter("created_at_ns")

ROWS_BYTES_MAX = 16_384
"""Longer answers, of some forty sandboxes, are not kept as what they were read as."""

_ALL_SANDBOXES = api.ListPodSandboxRequest()
_ALL_CONTAINERS = api.ListContainersRequest()


class ListedContainer(Struct, frozen=True, kw_only=True, gc=False):
    """A container as a list call shows it; CRI's status of a container does not tell its sandbox."""

    id: str
    sandbox_id: str
    name: str
    state: RuntimeState
    created_at_ns: int


class ListedSandbox(Struct, frozen=True, kw_only=True, gc=False):
    """A sandbox as a list call shows it."""

    id: str
    is_ready: bool
    created_at_ns: int


class ListedPod(Struct, frozen=True, kw_only=True, gc=False):
    """What the list calls show of one pod, newest first."""

    uid: str
    name: str
    namespace: str
    sandboxes: tuple[ListedSandbox, ...] = ()
    containers: tuple[ListedContainer, ...] = ()


class _SandboxRow(NamedTuple):
    """A sandbox of a list, and of which pod it is."""

    uid: str
    name: str
    namespace: str
    sandbox: ListedSandbox


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """What both list calls answered, encoded: the pods are there only while somebody looks through them."""

    sandboxes: bytes
    containers: bytes

    def pods(self) -> dict[str, ListedPod]:
        """The pods by uid."""
        read = _last_rows if len(self.sandboxes) <= ROWS_BYTES_MAX else _rows
        return _grouped(read(self.sandboxes), api.ListContainersResponse.FromString(self.containers).containers)


class RuntimePods:
    """The runtime's pods, by uid. `runtime_name` (of CRI Version) prefixes container ids in status."""

    def __init__(
        self,
        client: CriClient,
        host_files: HostFiles,
        resources: ReportedResources,
        *,
        runtime_name: str,
        os: str = "linux",
    ) -> None:
        self._client = client
        self._answers = RuntimeAnswers(host_files, resources, runtime_name=runtime_name, is_windows=os == "windows")
        self._listing: Listing | None = None
        self._sandboxes_again = client.again(methods.LIST_POD_SANDBOX, _ALL_SANDBOXES)
        self._containers_again = client.again(methods.LIST_CONTAINERS, _ALL_CONTAINERS)

    async def list_all(self) -> Listing:
        """All pods of the runtime: ListPodSandbox, then ListContainers, both without a filter.

        As long as the runtime answers the same, this is the same listing: nobody has to look through it again.
        """
        sandboxes = await self._client.call_encoded(methods.LIST_POD_SANDBOX, _ALL_SANDBOXES)
        containers = await self._client.call_encoded(methods.LIST_CONTAINERS, _ALL_CONTAINERS)
        known = self._listing
        if known is None or (known.sandboxes, known.containers) != (sandboxes, containers):
            self._listing = known = Listing(sandboxes, containers)
        return known

    @property
    def is_steady(self) -> bool:
        """Whether the runtime changes by nothing but events of the kernel."""
        return self._sandboxes_again is not None

    def still_lists(self) -> bool:
        """Whether `list_all` would give what it gave last."""
        known, peek = self._listing, self._client.peek
        return (
            known is not None
            and peek(methods.LIST_POD_SANDBOX, _ALL_SANDBOXES) == known.sandboxes
            and peek(methods.LIST_CONTAINERS, _ALL_CONTAINERS) == known.containers
        )

    def list_again(self, looks: Looks) -> None:
        """`list_all` where nothing has happened since the last time: the calls are noted, not made."""
        listing, sandboxes_again, containers_again = self._listing, self._sandboxes_again, self._containers_again
        if sandboxes_again is None or containers_again is None or listing is None:
            raise RuntimeError("only a steady runtime that was asked answers as before")
        sandboxes_again(listing.sandboxes, looks)
        containers_again(listing.containers, looks)

    async def list_pod(self, uid: str) -> ListedPod | None:
        """One pod of the runtime, by label."""
        of_sandboxes, of_containers = _questions(uid)
        self._client.calls_begun += 2
        sandboxes = await self._client.call_encoded(methods.LIST_POD_SANDBOX, of_sandboxes)
        containers = await self._client.call_encoded(methods.LIST_CONTAINERS, of_containers)
        return Listing(sandboxes, containers).pods().get(uid)

    async def pod_status(self, uid: str) -> RuntimePod:
        """All that the runtime knows of one pod, asked afresh."""
        listed = await self.list_pod(uid)
        return RuntimePod() if listed is None else await self.inspect(listed)

    async def sandbox(self, sandbox_id: str) -> RuntimeSandbox:
        """One sandbox, asked afresh. Raises CriError."""
        answer = await self._client.pod_sandbox_status(api.PodSandboxStatusRequest(pod_sandbox_id=sandbox_id))
        return read_sandbox(answer.status)

    async def inspect(self, pod: ListedPod) -> RuntimePod:
        """PodSandboxStatus of every sandbox, then ContainerStatus of every container, newest first.

        What vanished since the list call is left out.
        """
        ask, sandboxes = self._client.call_encoded, []
        self._client.calls_begun += len(pod.sandboxes) + len(pod.containers)
        for sandbox in pod.sandboxes:
            try:
                answer = await ask(methods.POD_SANDBOX_STATUS, api.PodSandboxStatusRequest(pod_sandbox_id=sandbox.id))
            except CriError as error:
                if error.code is not Code.NOT_FOUND:
                    raise
            else:
                sandboxes.append(self._answers.sandbox(sandbox.id, answer))
        containers = []
        for container in pod.containers:
            try:
                answer = await ask(methods.CONTAINER_STATUS, api.ContainerStatusRequest(container_id=container.id))
            except CriError as error:
                if error.code is not Code.NOT_FOUND:
                    raise
            else:
                containers.append(
                    self._answers.container(pod.uid, container.id, answer, sandbox_id=container.sandbox_id)
                )
        return RuntimePod(sandboxes=tuple(sandboxes), containers=tuple(containers))

    def of_event(self, event: api.ContainerEventResponse) -> RuntimePod:
        """The pod as an event of the runtime shows it: with its one sandbox."""
        return self._answers.of_event(event)


@lru_cache(maxsize=256)
def _questions(uid: str) -> tuple[api.ListPodSandboxRequest, api.ListContainersRequest]:
    """What lists one pod: nobody who is asked changes a request."""
    selector = {labels.POD_UID: uid}
    return (
        api.ListPodSandboxRequest(filter=api.PodSandboxFilter(label_selector=selector)),
        api.ListContainersRequest(filter=api.ContainerFilter(label_selector=selector)),
    )


def bare_id(container_id: str) -> str:
    """The runtime's own id: `containerd://<id>` without its prefix."""
    return container_id.partition("://")[2] or container_id


def _rows(answer: bytes) -> tuple[_SandboxRow, ...]:
    return tuple(
        _SandboxRow(
            one.metadata.uid,
            one.metadata.name,
            one.metadata.namespace,
            ListedSandbox(
                id=intern(one.id),
                is_ready=one.state == api.SANDBOX_READY,
                created_at_ns=one.created_at,
            ),
        )
        for one in api.ListPodSandboxResponse.FromString(answer).items
    )


_last_rows = lru_cache(maxsize=64)(_rows)
"""While containers come and go, sandboxes stay: the same answer is read once."""


def _grouped(sandboxes: Iterable[_SandboxRow], containers: Iterable[api.Container]) -> dict[str, ListedPod]:
    names: dict[str, tuple[str, str]] = {}
    pod_sandboxes: dict[str, list[ListedSandbox]] = {}
    pod_containers: dict[str, list[ListedContainer]] = {}
    for uid, name, namespace, sandbox in sandboxes:
        names[uid] = (name, namespace)
        pod_sandboxes.setdefault(uid, []).append(sandbox)
    for container in containers:
        uid = container.labels.get(labels.POD_UID, "")
        if not uid:
            # A container that no kubelet made: crictl's, say. It belongs to no pod of ours.
            continue
        if uid not in names:
            told = container.labels
            names[uid] = (told.get(labels.POD_NAME, ""), told.get(labels.POD_NAMESPACE, ""))
        pod_containers.setdefault(uid, []).append(
            ListedContainer(
                id=container.id,
                sandbox_id=intern(container.pod_sandbox_id),
                name=container.metadata.name,
                state=STATES.get(container.state, RuntimeState.UNKNOWN),
                created_at_ns=container.created_at,
            )
        )
    return {
        uid: ListedPod(
            uid=uid,
            name=name,
            namespace=namespace,
            sandboxes=tuple(sorted(pod_sandboxes.get(uid, ()), key=_CREATED_AT, reverse=True)),
            containers=tuple(sorted(pod_containers.get(uid, ()), key=_CREATED_AT, reverse=True)),
        )
        for uid, (name, namespace) in names.items()
    }
