"""The ids of pods with a user namespace of their own: which ranges there are, and what the kubelet keeps of them.

Mirrors kubelet: pkg/kubelet/userns/userns_manager.go, and pkg/kubelet/kubelet_pods.go, getKubeletMappings, for a node
without a user `kubelet`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubesim.errors import KubesimError
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.go_quote import go_quote

IDS_PER_POD = 65536
GATE = "UserNamespacesSupport"

_IDS = 2**32


class UserNamespaceError(KubesimError):
    """A pod cannot have the user namespace that it asks for; `str(error)` is the kubelet's text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdRange:
    """The ids of one pod: as many from 0 inside it, from `first` on the node."""

    first: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IdPool:
    """All ids of a node but the first range, which has its own root. Ranges are counted from 0."""

    ids_per_pod: int = IDS_PER_POD

    @property
    def size(self) -> int:
        """How many pods have room."""
        return _IDS // self.ids_per_pod - 1

    def range_at(self, index: int) -> IdRange:
        """The range of this number."""
        return IdRange(first=(index + 1) * self.ids_per_pod, length=self.ids_per_pod)

    def index_of(self, one: IdRange) -> int:
        """The number of a range that an earlier process gave away.

        Raises:
            UserNamespaceError: this node has no such range.
        """
        if one.length != self.ids_per_pod:
            raise UserNamespaceError(f"wrong user namespace length {one.length}")
        if one.first % self.ids_per_pod:
            raise UserNamespaceError(f"wrong user namespace offset specified {one.first}")
        index = one.first // self.ids_per_pod - 1
        if not 0 <= index < self.size:
            raise UserNamespaceError(f"id {one.first} is out of range")
        return index


def pool_problem(pool: IdPool, *, max_pods: int) -> str:
    """Why the kubelet does not start with these ids; empty when it does."""
    if pool.ids_per_pod % IDS_PER_POD:
        problem = f"kubelet user namespace length {pool.ids_per_pod} is not a multiple of {IDS_PER_POD}"
    elif pool.size < max_pods:
        problem = f"kubelet user assigned IDs are not enough to support {max_pods} pods"
    else:
        return ""
    return f"create user namespace manager: {problem}"


def wants_user_namespace(
    host_users: bool | None, handlers: Mapping[str, bool], gates: Mapping[str, bool], *, handler: str = ""
) -> bool | None:
    """Whether the pod gets a user namespace of its own; False is the node's, None is not to mention any.

    `handlers` says of each runtime handler that the runtime reported whether it supports user namespaces.

    Raises:
        UserNamespaceError: the pod asks for one that it cannot have.
    """
    is_enabled = gate_enabled(gates, GATE)
    if host_users is None:
        return False if is_enabled else None
    if not is_enabled:
        raise UserNamespaceError(f"the feature gate {go_quote(GATE)} is disabled: can't set spec.HostUsers")
    if host_users or handlers.get(handler):
        return not host_users
    runtime = f"RuntimeClass handler {go_quote(handler)}" if handler else "runtime"
    text = f"can't set `spec.hostUsers: false`, {runtime} does not support user namespaces"
    # A runtime that reports no handlers at all is an old one.
    is_unknown = bool(handlers) and handler not in handlers
    raise UserNamespaceError(f"{text}: the handler {go_quote(handler)} is not known" if is_unknown else text)


def written_range(one: IdRange) -> bytes:
    """The file `userns` of a pod's directory."""
    mapping = [{"hostId": one.first, "containerId": 0, "length": one.length}]
    return json.dumps({"uidMappings": mapping, "gidMappings": mapping}, separators=(",", ":")).encode()


def read_range(content: bytes) -> IdRange:
    """The range that a pod's file tells.

    Raises:
        UserNamespaceError: it is no file that a kubelet wrote.
    """
    try:
        document = json.loads(content)
    except ValueError as error:
        raise UserNamespaceError(f"invalid user namespace mappings file: {error}") from error
    uids: list[Any] = document.get("uidMappings") or []
    gids: list[Any] = document.get("gidMappings") or []
    if len(uids) != 1:
        raise UserNamespaceError("invalid user namespace configuration: no more than one mapping allowed.")
    if len(uids) != len(gids):
        raise UserNamespaceError("invalid user namespace configuration: GID and UID mappings should be identical.")
    if uids != gids:
        raise UserNamespaceError("invalid user namespace configuration: GID and UID mapping should be identical")
    if uids[0]["containerId"] != 0:
        raise UserNamespaceError("invalid user namespace configuration: UID 0 must be mapped")
    return IdRange(first=uids[0]["hostId"], length=uids[0]["length"])
