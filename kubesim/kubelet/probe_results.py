"""The last published result of each probe, by container id.

Mirrors kubelet: pkg/kubelet/prober/results/results_manager.go; there is one of these for each kind of probe.
"""

from __future__ import annotations

from collections.abc import Callable

from kubesim.kernel import Kernel
from kubesim.policy.pod_view import ProbeResult


class ProbeResults:
    """The results of one kind of probe. `on_change(uid, container_id, result)` is called soon after each change."""

    def __init__(self, kernel: Kernel, on_change: Callable[[str, str, ProbeResult], object]) -> None:
        self._kernel = kernel
        self._on_change = on_change
        self._results: dict[str, ProbeResult] = {}

    def get(self, container_id: str) -> ProbeResult | None:
        """The last result, None before the first."""
        return self._results.get(container_id)

    def put(self, uid: str, container_id: str, result: ProbeResult) -> None:
        """Publish a result of a container of this pod."""
        if self._results.get(container_id) is not result:
            self._results[container_id] = result
            # The kubelet's sync loop takes it from a channel.
            self._kernel.call_soon(self._on_change, uid, container_id, result)

    def remove(self, container_id: str) -> None:
        """Forget a container; nobody is told."""
        self._results.pop(container_id, None)
