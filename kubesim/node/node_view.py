"""What a user of a node can look at: API objects, events, metrics, the journal. Nothing here changes the node."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import msgspec

from kubesim.errors import InputError
from kubesim.kernel import Kernel
from kubesim.middleware.journal import Journal, JournalEntry
from kubesim.node import arguments
from kubesim.node.world import World


class NodeView(ABC):
    """The half of `Node` that only looks. A node that was never started is started by a look at its kubelet."""

    _kernel: Kernel
    _journal: Journal
    _world: World
    _is_closed: bool

    @abstractmethod
    def start(self) -> None:
        """Start the kubelet."""

    def pod(self, key: str) -> dict[str, Any]:
        """A v1 Pod with its status, JSON-ready. Raises InputError."""
        arguments.check_key(key, "pod(key)")
        found: dict[str, Any] = msgspec.to_builtins(self._world.api.pod(key))
        return found

    def pods(self) -> list[dict[str, Any]]:
        """All v1 Pods, in the order of their creation."""
        return [msgspec.to_builtins(pod) for _, pod in self._world.api.pods()]

    def kubelet_pods(self) -> list[dict[str, Any]]:
        """The v1 Pods that the kubelet shows at /pods: static pods too, under their own uids and with status."""
        self._start_to_look()
        return [msgspec.to_builtins(pod) for pod in self._world.kubelet.pods()]

    def versions(self, key: str) -> list[dict[str, Any]]:
        """Every version of a pod that was published, as a watch would have shown it; also of a pod that is gone.

        Raises InputError.
        """
        arguments.check_key(key, "versions(key)")
        return self._world.api.versions(key)

    def event_writes(self, key: str) -> list[dict[str, Any]]:
        """Every write of an Event about a pod, in order; also of a pod that is gone.

        Each has `t`, seconds since the pod was created, and type, reason, message, count, fieldPath (of a container),
        source, firstTimestamp and lastTimestamp as they were after the write. Raises InputError.
        """
        arguments.check_key(key, "event_writes(key)")
        return self._world.api.event_writes(key)

    def status(self) -> dict[str, Any]:
        """The v1 Node with its status, JSON-ready. Raises InputError when the kubelet registers none."""
        self._start_to_look()
        node = self._world.api.get_node()
        if node is None:
            raise InputError("this kubelet registers no Node", hint="set registerNode: true in its configuration")
        found: dict[str, Any] = msgspec.to_builtins(node)
        return found

    def configz(self) -> dict[str, Any]:
        """The effective KubeletConfiguration, as /configz shows it."""
        self._start_to_look()
        return self._world.kubelet.configz()

    def metrics(self) -> Mapping[str, float]:
        """The kubelet's metrics by name and labels, as /metrics shows them."""
        return self._world.kubelet.metrics.as_dict()

    @property
    def journal(self) -> list[JournalEntry]:
        """Every CRI call of the kubelet: time_ns, method, request, response or error."""
        return self._journal.entries

    @property
    def events(self) -> list[dict[str, Any]]:
        """v1 Events, oldest first."""
        return [msgspec.to_builtins(event) for event in self._world.api.events]

    def timeline(self) -> list[dict[str, Any]]:
        """What a shutdown did, in order: who got which signal when, and why."""
        return self._world.timeline()

    @property
    def now_ns(self) -> int:
        """Virtual time, in ns since the Unix epoch."""
        return self._kernel.now_ns

    @property
    def log(self) -> list[str]:
        """The kubelet's log lines that tell a story of their own, in its words."""
        return self._world.kubelet.klog.texts()

    def _start_to_look(self) -> None:
        """Start a node that never was; a closed one shows what it has."""
        if not self._is_closed:
            self.start()
